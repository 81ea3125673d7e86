"""An account of causes in words, as JSON, and as a file of explanations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from replay.counting import counted
from replay.differential.signature.rules import place_in_contract
from replay.errors import ExitCode
from replay.explaining.causes.found import Account, Found
from replay.explaining.causes.statement import CauseKind, Edited
from replay.explaining.claims.statement_block import statement_block
from replay.explaining.editing.editable import EditableCore
from replay.explaining.editing.places import Rules
from replay.findings.account import (
    CauseAccount,
    CauseCase,
    StoredCause,
    likelihood,
    met_in,
    severity_words_of,
)
from replay.findings.lifecycle import Status
from replay.findings.selection import buckets_words, event_of
from replay.findings.severity import Severity, rank
from replay.findings.store.store import StoredFinding
from replay.reports.cause_texts import answered_words, left_words, needed_words, support_words
from replay.runs.commands import Commands
from replay.safe_text import clean
from replay.targets.base import CoreIdentity, is_refusal

MAX_CASES = 4
"""Steps that are kept with a cause, to be asked again."""

WIDTH = 400
MAX_LEFT = 20
MAX_LEADS = 5

WRITTEN_HEAD = """\
# How the shadow is known to differ. Each explanation is run at every step that differs: what all
# of them give together is explained. Fill in `reason` and `signed`, or take an explanation out.
version = 1"""


class Listing:
    """An account in words."""

    def __init__(
        self,
        account: Account,
        findings: dict[str, StoredFinding],
        core: EditableCore,
        commands: Commands,
        cores: tuple[CoreIdentity, CoreIdentity],
        by_hand: Mapping[str, Severity | None],
    ) -> None:
        self._by_hand = by_hand
        self._cores = cores
        self._account = account
        self._findings = findings
        self._core = core
        self._rules = Rules.of(core)
        self._commands = commands
        # Now: whoever prints them may have closed the database that they come from.
        self._lines = tuple(self._in_words())

    @property
    def signalled(self) -> int | None:
        """The exit code that a signal asked for, None where there was none."""
        return self._account.signalled

    @property
    def exit_code(self) -> int:
        """1 where something is not accounted for, 3 where the cores could not be asked, what a
        signal asks for where one ended the search."""
        if self.signalled is not None:
            return self.signalled
        if not self._account.asked:
            return ExitCode.CORE_FAILED
        account = self._account
        is_only_placed = any(cause.kind is CauseKind.PLACE for cause in account.causes)
        is_open = account.left or is_only_placed or account.unasked or self._open_unshown
        return ExitCode.DIVERGENCE if is_open else ExitCode.CLEAN

    @property
    def _open_unshown(self) -> list[str]:
        """Buckets that nobody has found to be mended, though their occurrences agree."""
        unshown, findings = self._account.unshown, self._findings
        return [one for one in unshown if findings[one].status is not Status.FIXED]

    def lines(self) -> Iterator[str]:
        """As a person reads it, the worst first."""
        return iter(self._lines)

    def _in_words(self) -> Iterator[str]:
        account = self._account
        for cause in self._ordered():
            yield from self._cause(cause)
            yield ""
        left = sorted(account.left.items(), key=lambda item: (-len(item[1]), item[0]))
        if left:
            yield f"not accounted for: {left_words(self.account)}"
            for finding, steps in left[:MAX_LEFT]:
                yield f"  {finding}  {counted(len(steps), 'step')}  {self._what(finding)}"
                if (near := account.nearest.get(finding)) is not None:
                    yield (
                        f"    nearest  as if {clean(near.statement.says, WIDTH)}: right at "
                        f"{counted(near.needed, 'step')}, wrong at {near.against:,} others"
                    )
            if len(left) > MAX_LEFT:
                yield f"  and {len(left) - MAX_LEFT} more"
            yield from self._leads()
        yield from self._not_seen()
        told = sum(map(self.account.is_accounted_for, self._findings))
        if self._findings:
            yield (
                f"{told:,} of {buckets_words(self._findings.values())} accounted for by verified "
                "causes alone"
            )
        yield self._told()
        for note in account.notes:
            yield f"note: {clean(note, WIDTH)}"

    def _not_seen(self) -> Iterator[str]:
        """Buckets of which nothing was seen to differ: that is no evidence of anything."""
        for buckets, why in (
            (self._account.unasked, "not asked: of {} no kept occurrence starts from a state that "
             "could be read"),
            (self._open_unshown, "not seen: {} agreed at each kept occurrence, asked as one step; "
             "recheck tells whether they are mended"),
        ):  # fmt: skip
            if buckets:
                yield why.format(counted(len(buckets), "bucket"))
                for finding in buckets[:MAX_LEFT]:
                    yield f"  {finding}  {self._what(finding)}"
                if len(buckets) > MAX_LEFT:
                    yield f"  and {len(buckets) - MAX_LEFT} more"

    def _leads(self) -> Iterator[str]:
        """Statements that account for none of it, since more speaks against them than for them."""
        leads = self._account.leads
        for lead in leads[:MAX_LEADS]:
            yield (
                f"  no cause, with {lead.needed:,} for and {lead.against:,} against: as if "
                f"{clean(lead.statement.says, WIDTH)}"
            )
        if len(leads) > MAX_LEADS:
            yield f"  and {len(leads) - MAX_LEADS} more that are no causes"

    def _ordered(self) -> list[Found]:
        return sorted(self._account.causes, key=self._worst)

    def _worst(self, cause: Found) -> tuple[int, int, int]:
        """What can happen with a bot comes first, then what would cost it most."""
        known = [self._findings[one] for one in cause.findings if one in self._findings]
        ranks = [one.rank for one in known]
        worst = min(ranks, default=rank(Severity.TEXTS, False))
        return likelihood(self._met(known)), worst, -len(cause.explains)

    def _cause(self, cause: Found) -> Iterator[str]:
        yield f"{cause.id}  {cause.kind}: {cause.head} {clean(cause.statement.says, WIDTH)}"
        if isinstance(cause.statement, Edited):
            yield f"  rule       {clean(self._rule(cause)) or 'none'}"
        known = [self._findings[one] for one in cause.findings if one in self._findings]
        if known:
            worst = min(known, key=lambda one: one.rank)
            yield f"  severity   {severity_words_of(self._by_hand.get(cause.id), known)}"
            times = counted(sum(one.occurrences for one in known), "occurrence")
            buckets = counted(len(known), "bucket")
            yield f"  seen       {times} in {buckets} that it has part in"
            yield f"  met in     {', '.join(self._met(known))}"
            yield f"  case       {self._commands.of_finding(worst)('repro', worst.id)}"
        else:
            yield "  seen       in no stored bucket: only steps that the search generated need it"
        kept = sum(bool(step.finding) for step in cause.explains)
        asked = f"{kept:,} kept with buckets, {len(cause.explains) - kept:,} generated"
        yield f"  support    {support_words(len(cause.explains), cause.doubtful)} ({asked})"

    def _rule(self, cause: Found) -> str:
        """Where the contract has the rule of an edit: what the docstrings of its function and those
        around it say. A bot's own say nothing: then it is that of most of the steps that need it.
        """
        if not isinstance(cause.statement, Edited):
            return ""
        known = (self._findings.get(step.finding) for step in cause.explains)
        rules = Counter(place_in_contract(one.signature) for one in known if one is not None)
        most = next((rule for rule, _ in rules.most_common(1)), "")
        return self._rules.place(cause.statement.edit) or most

    def _met(self, findings: list[StoredFinding]) -> list[str]:
        return list(met_in(place.origin for one in findings for place in one.places[:20]))

    def _what(self, finding: str) -> str:
        known = self._findings.get(finding)
        if known is None:
            return "in no bucket"
        signature = known.signature
        parts = (event_of(known), signature.rule, signature.field, signature.kind)
        return clean(" · ".join(part for part in parts if part))

    def _told(self) -> str:
        account = self._account
        told = answered_words(self.account)
        if account.afterwards and account.afterwards_right == account.afterwards:
            bound = max(1, math.floor(account.afterwards / 3))
            told += f" (95 %: at most one in {bound:,} is something else)"
        return told

    @cached_property
    def account(self) -> CauseAccount:
        """As the database keeps it."""
        account = self._account
        return CauseAccount(
            causes=tuple(map(self._stored, self._ordered())),
            left={bucket: len(steps) for bucket, steps in account.left.items()},
            kept=account.kept,
            kept_right=account.kept_right,
            generated=account.afterwards,
            generated_right=account.afterwards_right,
            is_complete=account.complete,
            was_interrupted=account.interrupted,
            cores=self._cores,
        )

    def _stored(self, cause: Found) -> StoredCause:
        statement = cause.statement
        rule = self._rule(cause)
        return StoredCause(
            id=cause.id,
            kind=str(cause.kind),
            says=statement.says,
            canonical=statement.canonical,
            rule=rule,
            is_verified=cause.is_verified,
            needed_at=len(cause.explains),
            doubtful=cause.doubtful,
            findings=cause.findings,
            block=self._block(cause),
            cases=self._cases_of(cause),
        )

    def _cases_of(self, cause: Found) -> tuple[CauseCase, ...]:
        """Steps that need a cause, the smallest: where there are any, those that were kept, and
        those that need no other, so that they agree once it is mended."""
        steps = [step for step in cause.explains if step.finding] or list(cause.explains)
        others = {
            id(step) for one in self._account.causes if one is not cause for step in one.explains
        }
        alone = [step for step in steps if id(step) not in others]
        return tuple(
            CauseCase(step.stream, step.has_ended or is_refusal(step.authority))
            for step in (alone or steps)[:MAX_CASES]
        )

    def explanations(self) -> str:
        """A file of explanations that says all of the causes, in the order in which they take
        effect; what cannot be said there stands as a comment. Empty where none of them can."""
        blocks = [WRITTEN_HEAD]
        causes = sorted(self._account.causes, key=lambda one: one.order)
        said = {cause.id: self._block(cause) for cause in causes}
        if not any(said.values()):
            return ""
        for cause in causes:
            unsaid = f"# {cause.id} cannot be written here: {clean(cause.statement.says, WIDTH)}"
            blocks.append(said[cause.id] or unsaid)
        return "\n\n\n".join(blocks) + "\n"

    def _block(self, cause: Found) -> str:
        says = clean(cause.statement.says, WIDTH)
        times = needed_words(len(cause.explains))
        notes = [f"The shadow answers as if {says}"]
        if cause.is_verified:
            notes.append(f"({cause.kind}, verified: {times}, nothing speaks against it).")
        else:
            notes.append(f"({cause.kind}, not verified: {times}, and {cause.doubtful:,} "
                         "that it changes are not accounted for).")  # fmt: skip
        statements = [cause.statement]
        return statement_block(f"{cause.id}: {says}", statements, self._core, notes=notes)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        account = self._account
        return {
            **self.account.document(),
            "asked": account.asked,
            "seconds": account.seconds,
            "notes": account.notes,
            "unasked": account.unasked,
            "unshown": account.unshown,
        }


__all__ = ["Listing"]
