"""What a run means for the status of each finding: decided at its end, from evidence alone.

- Seen for the first time, or known to be unsteady: its case is asked again and again, together with
  all others, and alone where that does not come out alike (steadiness.py). Answers that are not the
  same each time make it *flaky*. Where a case never shows it since it begins with a state that the
  authority held otherwise than its reader has it, only the live record shows it.
- *Fixed* before and seen again: *regressed*.
- Its case agreed when the nightly ran it again: *fixed*, once it has agreed in two replays more on
  cores that have seen nothing else, and every other kept occurrence in one; but on a build on
  which it was seen to diverge it is *flaky*: that build has answered both ways.
- An explanation that holds covers all its occurrences: *explained*, until that is no longer so.

A core that could not run changes nothing. What was decided is in the history, with the evidence.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from replay.differential.minimising.minimiser import shows_afresh
from replay.differential.probing import probe_afresh
from replay.differential.routing_table import Routing
from replay.differential.steadiness import SECONDS, TIMES, Asked, ask_again, ask_together
from replay.explaining.claims.outdated import why_set_aside
from replay.explaining.claims.recheck import Explained
from replay.findings.kinship import has_authority
from replay.findings.lifecycle import (
    ONLY_LIVE,
    HistoryEntry,
    Status,
    first_status,
    once_agreed,
    once_seen,
)
from replay.findings.store.store import CorePair, Store, StoredFinding
from replay.processor_time import processor_seconds
from replay.runs.report import FindingLine, Report
from replay.streams.model import Stream
from replay.targets.pair import OpenPair

REPLAYS = 2
"""How often the exact case has to agree before a finding counts as fixed."""

STEADY_SECONDS = 30.0
"""How much processor time, in all, a run may take to ask whether its findings are steady. Each has
an equal part of what is left, so that none goes unasked because of those before it."""

AT_MOST = 4
"""How many times that, where cores take so long to start that even a few answers of each finding
take more: then the rest is not asked."""

MISSED_BY_CHANCE = 0.01
"""A flaky finding counts as fixed only where so many replays in agreement were this unlikely."""

MAX_REPLAYS = 500

MAX_WHY = 1000
"""Characters of a reason; it may quote explanations, which are as long as somebody made them."""


@dataclass(slots=True)
class Conclusion:
    """Decides and writes the statuses of one run's findings.

    `open_pair` opens cores that have seen nothing yet; `who` is what the history calls this run.
    First `ask`, then the explanations are checked, then `conclude`.
    """

    store: Store
    run_id: int
    report: Report
    open_pair: OpenPair
    routing: Routing
    who: str
    _asking: float = 0.0
    _steady: dict[str, int] = field(default_factory=dict)
    _share: float = 0.0

    def ask(self) -> None:
        """Finds out which of the findings that the run saw are flaky."""
        lines = self.report.findings
        if not self._stopped:
            self._ask_together([line for line in lines if not line.failure])
        to_ask = sum(map(self._is_asked_alone, lines))
        for place, line in enumerate(lines):
            self._share = max(0.0, STEADY_SECONDS - self._asking) / max(to_ask, 1)
            lines[place] = self._asked(line)
            to_ask -= self._is_asked_alone(line)

    def _is_asked_alone(self, line: FindingLine) -> bool:
        return not line.failure and line.id not in self._steady

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Counts the processor time of asking."""
        began = processor_seconds()
        yield
        self._asking += processor_seconds() - began

    def _ask_together(self, lines: list[FindingLine]) -> None:
        """Asks all that is not known to be flaky, as long as half of the time suffices."""
        stored = [self.store.finding(line.id) for line in lines]
        asked = [
            finding
            for line, finding in zip(lines, stored, strict=True)
            if finding.status is not Status.FLAKY and not _was_asked(finding, line)
        ]
        with self._counting():
            answers = ask_together(
                [(finding.case, finding.signature) for finding in asked],
                self.open_pair,
                seconds=STEADY_SECONDS / 2,
                routing=self.routing,
            )
        for finding, answer in zip(asked, answers, strict=True):
            if answer.is_steady and (finding.minimised or self._shows_alone(finding)):
                self._steady[finding.id] = answer.times

    def _shows_alone(self, finding: StoredFinding) -> bool:
        """Whether its case shows it on cores that have seen nothing else; of a minimised one that
        is known."""
        with self._counting():
            return shows_afresh(finding.finding, self.open_pair, routing=self.routing)

    def conclude(
        self, explained: Mapping[str, Explained], signed: Mapping[str, datetime.date]
    ) -> None:
        """Decides on every finding that the run saw, and on every stored one that agreed.

        `explained` is what the explanations say of each finding, by ID, and `signed` the day on
        which each explanation was signed, by name.
        """
        seen = {line.id for line in self.report.findings}
        self.report.findings = [
            self._seen(line, explained.get(line.id, Explained()), signed)
            for line in self.report.findings
        ]
        for finding_id in self.report.resolved:
            if finding_id not in seen and not self._stopped:
                self._agreed(self.store.finding(finding_id))

    @property
    def _stopped(self) -> bool:
        """Where cores fail again and again nothing can be told of anything."""
        return self.report.storm is not None or self.report.interrupted is not None

    # What was seen

    def _asked(self, line: FindingLine) -> FindingLine:
        finding = self.store.finding(line.id)
        line = replace(
            line, severity=str(finding.severity), hot=finding.hot, minimised=finding.minimised
        )
        rate = "" if line.failure else self._rate(finding, line)
        if rate:
            return replace(line, status=str(Status.FLAKY), rate=rate)
        return replace(line, only_live=self.store.finding(line.id).is_only_live)

    def _seen(
        self, line: FindingLine, explained: Explained, signed: Mapping[str, datetime.date]
    ) -> FindingLine:
        finding = self.store.finding(line.id)
        by = ", ".join(explained.by)
        if line.is_flaky:
            # It has no cause to explain it by, but somebody may have signed a note about it.
            return replace(line, explained_by=by, weaker=bool(by))
        if once_seen(finding.status) is Status.REGRESSED:
            self._regressed(finding)
            aside = f"{by!r} is set aside: this came back in this run" if by else ""
            return replace(line, status=str(Status.REGRESSED), set_aside=aside)
        aside = why_set_aside(finding.history, explained.by, signed)
        if by and not aside:
            if not _says_so_already(finding, by, explained.weaker):
                kind = "by a signed note" if explained.weaker else "by what reproduces it"
                evidence = {"explanation": by, "weaker": explained.weaker}
                self._write(finding, Status.EXPLAINED, f"{by}: {kind}", evidence)
            line = replace(line, explained_by=by, weaker=explained.weaker)
            return replace(line, status=str(Status.EXPLAINED))
        if finding.status is Status.EXPLAINED:
            why = aside or "no explanation covers it any more"
            why += f": {explained.missing}" if explained.missing else ""
            self._write(finding, _before_explained(finding), why)
        return replace(line, status=str(self.store.finding(line.id).status), set_aside=aside)

    def _regressed(self, finding: StoredFinding) -> None:
        self._write(
            finding, Status.REGRESSED, "it was fixed and has been seen again", self._builds()
        )
        self.report.regressed.append(finding.id)

    def _rate(self, finding: StoredFinding, line: FindingLine) -> str:
        """How often a finding's case shows it, as text, where that is not each time; else empty.

        Only asked of what is new, known to be flaky or never minimised; the rest was run
        again often enough.
        """
        if self._stopped or (_was_asked(finding, line) and finding.status is not Status.FLAKY):
            return _known_rate(finding)
        if finding.id in self._steady:
            self._note_times(finding, self._steady[finding.id])
            return ""
        times = TIMES
        if self._asking > AT_MOST * STEADY_SECONDS:
            if finding.minimised or finding.status is Status.FLAKY:
                self._note_times(finding, 0)
                return _known_rate(finding)
            # Its case did not show it on fresh cores; what nobody saw twice is not new.
            times = REPLAYS
        with self._counting():
            asked = ask_again(
                finding.case,
                finding.signature,
                self.open_pair,
                times=times,
                seconds=min(SECONDS, self._share),
                routing=self.routing,
            )
        self._note_times(finding, asked.times)
        if not asked.answered or (asked.shown == asked.answered and not asked.unsteady):
            return _known_rate(finding)
        if asked.shows:
            # It comes each time, under another name: what that names is another finding.
            why = f"{ONLY_LIVE}: its case shows {asked.shows} each time"
            self._only_live(finding, why, shows=asked.shows)
            return ""
        if line.apart and asked.shown == 0 and not asked.unsteady:
            why = (
                f"{ONLY_LIVE}: of the state that its case begins with the authority's reader makes "
                "something else than it held there, and no earlier one is kept"
            )
            self._only_live(finding, why)
            return ""
        rate = f"{asked.shown} of {asked.answered}"
        if finding.status is not Status.FLAKY:
            self._flaky(finding, asked, f"its case showed it in {rate} runs")
        return rate

    def _note_times(self, finding: StoredFinding, times: int) -> None:
        """Notes where a case was asked less often than is meant."""
        if times < TIMES:
            self.report.asked_less[finding.id] = f"{times} of {TIMES}"

    def _only_live(self, finding: StoredFinding, why: str, **shows: str) -> None:
        """Notes that no case can show a finding, though it is none of chance."""
        if not finding.is_only_live:
            self._write(finding, None, why, {"only_live": True, **shows, **self._builds()})

    def _flaky(self, finding: StoredFinding, asked: Asked, why: str) -> None:
        whose = " and the ".join(asked.unsteady)
        why += f"; the {whose} answered differently from run to run" if whose else ""
        evidence = {"asked": asked.answered, "shown": asked.shown, "agreed": asked.agreed}
        self._write(finding, Status.FLAKY, why, {**evidence, **self._builds()})

    # What agreed

    def _agreed(self, finding: StoredFinding) -> None:
        on_its_build = self._seen_on_this_build(finding)
        if on_its_build and finding.is_only_live:
            return  # its case never showed it
        becomes = once_agreed(
            finding.status, on_its_build=on_its_build, failure=finding.signature.failure
        )
        if becomes is Status.FLAKY:
            asked = ask_again(finding.case, finding.signature, self.open_pair, routing=self.routing)
            if not asked.failed:
                shown = f"{asked.shown} of {asked.times}"
                self._flaky(finding, asked, "it was seen on this very build, on which its case now "
                                            f"agrees (shown in {shown} runs)")  # fmt: skip
        if becomes is not Status.FIXED:
            return
        needed = _replays_needed(finding)
        cases = [finding.case] * needed + self._other_cases(finding)
        if not all(self._is_gone(finding, case) for case in cases):
            return
        self._write(
            finding,
            Status.FIXED,
            f"its case agreed in {needed} replays, and {len(cases) - needed} other occurrences did",
            {"replays": needed, "others": len(cases) - needed, **self._builds()},
        )
        self.report.fixed.append(finding.id)

    @property
    def _here(self) -> CorePair:
        return CorePair(self.report.authority, self.report.shadow)

    def _seen_on_this_build(self, finding: StoredFinding) -> bool:
        return any(_hashes(pair) == _hashes(self._here) for pair in finding.cores)

    def _other_cases(self, finding: StoredFinding) -> list[Stream]:
        kept = {place.stream for place in finding.places if place.stream is not None}
        kept |= {finding.first_seen.sha256}
        return [self.store.stream(sha256) for sha256 in sorted(kept - {finding.shown.sha256})]

    def _is_gone(self, finding: StoredFinding, case: Stream) -> bool:
        """One replay on cores that have seen nothing else. False where a core failed, or both
        refuse what they were to be compared on."""
        probed = probe_afresh(self.open_pair, case)
        same = has_authority(finding.cores, self._here)
        return probed is not None and probed.is_gone(finding.signature, same_authority=same)

    # What is written

    def _builds(self) -> dict[str, Any]:
        report = self.report
        return {
            "authority": report.authority.document(),
            "shadow": report.shadow.document(),
        }

    def _write(
        self,
        finding: StoredFinding,
        status: Status | None,
        why: str,
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        why = why if len(why) <= MAX_WHY else f"{why[:MAX_WHY]}..."
        self.store.add_history(
            finding.id, status, who=self.who, why=why, evidence=evidence or {}, run=self.run_id
        )


def _was_asked(finding: StoredFinding, line: FindingLine) -> bool:
    """Whether an earlier run has asked its case often enough."""
    return not line.new and finding.minimised


def _hashes(pair: CorePair) -> tuple[str, str]:
    return pair.authority.sha256, pair.shadow.sha256


def _replays_needed(finding: StoredFinding) -> int:
    """Two; more where the finding is flaky, so that chance does not close it."""
    entry = _latest(finding.history, Status.FLAKY)
    if entry is None:
        return REPLAYS
    asked, shown = entry.evidence.get("asked", 0), entry.evidence.get("shown", 0)
    # One more than was seen: it did show once, or it would not be here.
    rate = (shown + 1) / (asked + 1)
    if rate >= 1.0:
        return REPLAYS
    return min(MAX_REPLAYS, max(REPLAYS, math.ceil(math.log(MISSED_BY_CHANCE) / math.log1p(-rate))))


def _latest(history: Iterable[HistoryEntry], status: Status) -> HistoryEntry | None:
    return next((entry for entry in reversed(list(history)) if entry.status is status), None)


def _known_rate(finding: StoredFinding) -> str:
    """How often a flaky finding showed when it was asked; empty for any other. A finding stays
    flaky for as long as it is seen: having been steady for a while is no cause."""
    entry = _latest(finding.history, Status.FLAKY)
    if finding.status is not Status.FLAKY or entry is None:
        return ""
    return f"{entry.evidence.get('shown')} of {entry.evidence.get('asked')}"


def _says_so_already(finding: StoredFinding, name: str, weaker: bool) -> bool:
    entry = _latest(finding.history, Status.EXPLAINED)
    if finding.status is not Status.EXPLAINED or entry is None:
        return False
    said = (entry.evidence.get("explanation"), entry.evidence.get("weaker"))
    return said == (name, weaker)


def _before_explained(finding: StoredFinding) -> Status:
    """What a finding goes back to: triaged, where somebody has done that, else where it began."""
    if _latest(finding.history, Status.TRIAGED) is not None:
        return Status.TRIAGED
    return first_status(failure=finding.signature.failure)
