"""What a run found and how much it means: the values behind every report.

Rendering is elsewhere (files.py for files, the command line for the terminal, wording.py for what
all of them say); here is what they all show, and the JSON that scripts read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from replay.differential.difference_texts import difference_documents
from replay.differential.model import Difference, Verdict
from replay.differential.tally import Tally
from replay.errors import ExitCode
from replay.explaining.claims.claim import Claim
from replay.explaining.claims.weighed import Weighed
from replay.findings.account import CauseAccount
from replay.findings.lifecycle import Status
from replay.findings.severity import Severity, rank
from replay.findings.store.stored import RunKind
from replay.runs.blind_spots import BlindSpot, blind_spots
from replay.runs.commands import Commands
from replay.runs.coverage import Bound, Exercised
from replay.runs.occasion import FORM, Occasion
from replay.streams.left_out import unread_document, with_lost
from replay.streams.model import CALL_NAMES, CallCode, RecordedCores, Rejected, Unread
from replay.targets.base import CoreIdentity


class Group(StrEnum):
    """What a report shows apart, in this order. Each bucket is in one of them."""

    REGRESSED = "regressed"
    NEW = "new"
    KNOWN = "known"
    FLAKY = "flaky"
    FAILURE = "failures"
    EXPLAINED = "explained"


MAX_DIFFERENCES = 50
"""Of one case, with both values; a case in which all differs has thousands."""

MAX_SAID = 120
"""Of what a core says so many characters stand in lists; `said` has all that is kept."""


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One bucket as a run saw it.

    `field` is the signature's, `fields` are all that differ in the smallest case, and `steps` are
    that case's. `status` and `severity` are a Status and a Severity, "" where nobody has told;
    `explained_by` names the explanation that covers it, "" for none, and `weaker` says that this is
    no more than a signed note; `set_aside` is why explanations that hold do not count for it.
    `rate` is how often a flaky one came out, as "3 of 20". `said` is what the core that refuses
    says at the smallest case, in its own words; empty for anything else. `differences` are those of
    the smallest case, with both values. `minimised` is false where that is as it was found,
    `apart` true where it begins with another state than the authority held, and `only_live` where
    it was asked, too, and never showed it.
    """

    id: str
    event: str
    rule: str
    kind: str
    field: str
    fields: tuple[str, ...]
    occurrences: int
    steps: int
    new: bool
    failure: bool
    command: str
    status: str = str(Status.NEW)
    severity: str = ""
    hot: bool = False
    explained_by: str = ""
    weaker: bool = False
    set_aside: str = ""
    rate: str = ""
    said: str = ""
    minimised: bool = True
    differences: tuple[Difference, ...] = ()
    apart: bool = False
    only_live: bool = False

    @property
    def what(self) -> str:
        """What differs, or the beginning of what the core that refuses says."""
        said = self.said or self.field
        return said if len(said) <= MAX_SAID else f"{said[:MAX_SAID]}..."

    @property
    def is_flaky(self) -> bool:
        """Whether a core answers differently each time: then no cause is looked for."""
        return self.status == Status.FLAKY

    @property
    def explain_command(self) -> str:
        """What to copy to look for the cause; empty where there is none to look for."""
        if self.failure or self.is_flaky or self.explained_by:
            return ""
        # From the end: the path of the program comes first, and may have any words in it.
        head, _, options = self.command.rpartition(f" repro {self.id}")
        return f"{head} explain {self.id}{options}"

    @property
    def worst_first(self) -> tuple[int, int, str]:
        """Sorts by severity, the hot path first, then by how often it was seen."""
        try:
            place = rank(Severity(self.severity), self.hot)
        except ValueError:
            place = 2 * len(Severity)
        return place, -self.occurrences, self.id

    def group(self, *, strict: bool) -> Group:
        """Where reports show it; with `strict`, as if nothing were explained."""
        if self.failure and (strict or self.weaker or not self.explained_by):
            return Group.FAILURE
        if self.is_flaky:
            return Group.FLAKY
        if self.explained_by and not strict:
            return Group.EXPLAINED
        if self.status == Status.REGRESSED:
            return Group.REGRESSED
        return Group.NEW if self.new else Group.KNOWN

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "id": self.id,
            "event": self.event,
            "rule": self.rule,
            "kind": self.kind,
            "field": self.field,
            "fields": list(self.fields),
            "differences": difference_documents(self.differences[:MAX_DIFFERENCES]),
            "said": self.said,
            "occurrences": self.occurrences,
            "steps": self.steps,
            "new": self.new,
            "status": self.status,
            "severity": self.severity,
            "hot": self.hot,
            "explained_by": self.explained_by,
            "weaker": self.weaker,
            "set_aside": self.set_aside,
            "rate": self.rate,
            "only_live": self.only_live,
            "command": self.command,
        }


@dataclass(frozen=True, slots=True)
class Check:
    """Whether the run would have noticed a fault (canary), or saw one where there can be none
    (control). `ok` is None where the check was not made."""

    ok: bool | None
    details: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {"ok": self.ok, **self.details}


NOT_MADE = Check(None)

MAX_REJECTED = 10_000
"""Rejected lines kept for the report."""


class SetAside(NamedTuple):
    """A unit that was not compared to its end, by no fault of the cores. `origin` names its seed
    and profile, `why` what happened, on one line."""

    number: int
    origin: str
    why: str


class Hand(NamedTuple):
    """A worker on a cluster: its name, and what of the software it has that matters."""

    name: str
    versions: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {"name": self.name, "versions": dict(self.versions)}


@dataclass(slots=True)
class Report:
    """A run, filled in while it goes on, so that what was counted is there whenever it ends.

    `seconds` is wall-clock time spent on comparing, reading and generating included.

    `resolved` are stored findings that were run again and agreed, `unsettled` those of which that
    could not be told: their case shows something else, or both cores refuse it; `regressed` and
    `fixed` the IDs that became so in this run, those of causes among them. `features` is what the
    authority was seen to do, `exercised` what was compared there, and `lacking` which helpers
    around the reducer could not be, with why; `new_streams` is how many streams joined the corpus;
    `unread` is what lay in directories that were given and was not read;
    `recorded_cores` are those that the journals name, with how many lines name each pair.
    `fault` says in what doge-replay itself failed where that ended the run, and `set_aside` are the
    units in which it did. With `strict` nothing counts as explained. `weighed` is what steps said
    of explanations that are statements. `commands` makes those that
    ask the same cores again. `account` has the causes, where they were looked for, and `power`
    what `doge-replay power` says, where a night measured it. `hands` are the workers that it ran
    on, where these were a cluster's. `asked_less` says of findings how many of the times they were
    asked again that is wanted to see whether they are steady. `occasion` is when, where and how the
    run was made, None where nobody has made it. `can_go_on` says that its campaign was not at its
    end, and that the store knows where it was. `untold` says what of it could not be told, and why:
    a fault of ours while it was written.
    """

    kind: str
    authority: CoreIdentity
    shadow: CoreIdentity
    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    rejected: list[Rejected] = field(default_factory=list)
    rejected_count: int = 0
    unread: tuple[Unread, ...] = ()
    recorded_cores: Counter[RecordedCores] = field(default_factory=Counter)
    findings: list[FindingLine] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)
    canary: Check = NOT_MADE
    control: Check = NOT_MADE
    resolved: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    asked_less: dict[str, str] = field(default_factory=dict)
    strict: bool = False
    claims: list[Claim] = field(default_factory=list)
    weighed: Weighed = field(default_factory=Weighed)
    regressed: list[str] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)
    exercised: Exercised = field(default_factory=Exercised)
    lacking: Mapping[CallCode, str] = field(default_factory=dict)
    features: frozenset[str] = frozenset()
    new_streams: int = 0
    storm: str | None = None
    fault: str | None = None
    set_aside: list[SetAside] = field(default_factory=list)
    seed: int | None = None
    profile: str | None = None
    interrupted: int | None = None
    commands: Commands = field(default_factory=Commands)
    account: CauseAccount | None = None
    power: Mapping[str, Any] | None = None
    hands: Sequence[Hand] = ()
    occasion: Occasion | None = None
    can_go_on: bool = False
    untold: list[str] = field(default_factory=list)

    def reject(self, rejected: Rejected) -> None:
        """Notes a line that could not be used; the first thousands are kept, all are counted."""
        self.rejected_count += 1
        self.unread = with_lost(self.unread, rejected)
        if len(self.rejected) < MAX_REJECTED:
            self.rejected.append(rejected)

    @property
    def is_undecided(self) -> bool:
        """Whether it was to say how findings stand, and of some that could not be told."""
        return self.kind == RunKind.RECHECK and bool(self.unsettled)

    @property
    def causes_back(self) -> list[str]:
        """The causes that were fixed and came back in this run."""
        return [one for one in self.regressed if one.startswith("c-")]

    @property
    def divergences(self) -> list[FindingLine]:
        """The buckets in which the cores differ, explained or not."""
        return [line for line in self.findings if not line.failure]

    @property
    def unexplained(self) -> list[FindingLine]:
        """The buckets that make a run red: with `strict`, all in which the cores differ."""
        return [line for line in self.divergences if self.strict or not line.explained_by]

    @property
    def false_claims(self) -> list[Claim]:
        """The explanations that do not hold."""
        return [claim for claim in self.claims if not claim.ok]

    def group(self, group: Group) -> list[FindingLine]:
        """The buckets of one group, the worst first."""
        lines = [line for line in self.findings if line.group(strict=self.strict) is group]
        return sorted(lines, key=lambda line: line.worst_first)

    @property
    def only_known(self) -> bool:
        """Whether a night, which is to look for what is new, came to nothing but what is stored."""
        return self.kind == RunKind.NIGHTLY and not self.bounds()

    def bounds(self) -> list[Bound]:
        """How often each event could still diverge without an explanation."""
        unexplained = {line.id for line in self.unexplained}
        explained = {line.id for line in self.divergences} - unexplained
        return self.exercised.bounds(explained)

    def blind_spots(self) -> list[BlindSpot]:
        """What is in none of these bounds."""
        return blind_spots(self.exercised, [one.call for one in self.bounds()], self.lacking)

    @property
    def failures(self) -> list[FindingLine]:
        """The buckets in which a core gave no usable answer, where that is not what is said of it:
        a statement that gives none either explains that, a person's word does not."""
        return [line for line in self.findings if line.failure and not self._is_by_statement(line)]

    def _is_by_statement(self, line: FindingLine) -> bool:
        return bool(line.explained_by) and not line.weaker and not self.strict

    @property
    def rate(self) -> float:
        """Transitions for each second."""
        return self.tally.transitions / self.seconds if self.seconds > 0 else 0.0

    @property
    def exit_code(self) -> int:
        """What the run tells its caller: the worst that is certain comes first.

        A storm ended the run before its time, so that comes before what was found until then; but
        a divergence stands even where single failures were met or the canary was missed. One that
        is explained is none, unless `strict`; an explanation that does not hold is as bad as one.
        """
        if self.interrupted is not None:
            return self.interrupted
        if self.storm is not None or self.fault is not None or self.untold:
            return ExitCode.CORE_FAILED
        if self.unexplained or self.misses or self.false_claims:
            return ExitCode.DIVERGENCE
        if self.failures or self.tally.failures or self.set_aside:
            return ExitCode.CORE_FAILED
        if self.is_undecided or any(one.is_doubtful for one in self.unread):
            return ExitCode.PROVES_NOTHING
        if self.tally.compared == 0 or self.canary.ok is False or self.control.ok is False:
            return ExitCode.PROVES_NOTHING
        return ExitCode.CLEAN

    @property
    def own_cores(self) -> RecordedCores:
        """The cores of this run, as a journal would name them."""
        return RecordedCores(self.authority.sha256, self.shadow.sha256)

    def calls(self) -> dict[str, int]:
        """How many steps of each kind were compared."""
        named = {
            CALL_NAMES[CallCode(code)]: count
            for code, count in sorted(self.tally.calls.items())
            if code >= 0
        }
        documents = self.tally.calls.get(-1, 0)
        return {**named, "event document": documents} if documents else named

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        verdicts = self.tally.verdicts
        return {
            "form": FORM,
            "kind": self.kind,
            "occasion": None if self.occasion is None else self.occasion.document(),
            "authority": self.authority.document(),
            "shadow": self.shadow.document(),
            "seed": self.seed,
            "profile": self.profile,
            "streams": self.tally.streams,
            "transitions": self.tally.transitions,
            "seconds": round(self.seconds, 3),
            "transitions_per_second": round(self.rate, 1),
            "calls": self.calls(),
            "verdicts": {str(verdict): verdicts[verdict] for verdict in Verdict},
            "compared": self.tally.compared,
            "explained": self.tally.explained,
            "uncompared": dict(sorted(self.tally.uncompared.items())),
            "rejected": [one._asdict() for one in self.rejected],
            "rejected_count": self.rejected_count,
            **unread_document(self.unread),
            "recorded_cores": [
                {**cores._asdict(), "lines": lines, "are_these": cores == self.own_cores}
                for cores, lines in sorted(self.recorded_cores.items())
            ],
            "failures": [
                {"class": str(kind), "count": count}
                for kind, count in sorted(self.tally.failures.items())
            ],
            "failed_steps": [line.document() for line in self.failures],
            "divergences": [line.document() for line in self.divergences],
            "strict": self.strict,
            "groups": {str(group): [line.id for line in self.group(group)] for group in Group},
            "claims": [claim.document() for claim in self.claims],
            "misses": self.misses,
            "resolved": self.resolved,
            "unsettled": self.unsettled,
            "asked_less": self.asked_less,
            "regressed": self.regressed,
            "fixed": self.fixed,
            "exercised": self.exercised.document(),
            "bounds": [bound.document() for bound in self.bounds()],
            "in_no_bound": [spot._asdict() for spot in self.blind_spots()],
            "features": len(self.features),
            "new_streams": self.new_streams,
            "canary": self.canary.document(),
            "control": self.control.document(),
            "storm": self.storm,
            "fault": self.fault,
            "untold": self.untold,
            "set_aside": [one._asdict() for one in self.set_aside],
            "account": None if self.account is None else self.account.document(),
            "power": self.power,
            "workers": [hand.document() for hand in self.hands],
            "exit": int(self.exit_code),
        }
