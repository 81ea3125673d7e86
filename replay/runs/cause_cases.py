"""Asks the cases of known causes again: which causes are fixed, and which came back.

A case is one step that needs the cause, so it stands for the cause as no bucket does: a bucket may
hold several. What a case shows is counted in its bucket as any other occurrence, so nothing that
still differs can be passed over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from replay.differential.probing import Probed, probe_afresh, probe_case
from replay.errors import FailureStorm
from replay.findings.account import CauseCase, StoredCause
from replay.findings.kinship import can_tell, has_authority
from replay.findings.lifecycle import MIN_REPLAYS, Status, once_seen
from replay.findings.store.store import Store
from replay.findings.store.stored import CorePair
from replay.runs.collector import Collector
from replay.runs.report import Report
from replay.targets.base import Target
from replay.targets.pair import OpenPair


def causes_to_ask(store: Store) -> tuple[StoredCause, ...]:
    """Those of the newest account, and those that were fixed and may come back."""
    account = store.account()
    newest = set() if account is None else {cause.id for cause in account.causes}
    once_fixed = (Status.FIXED, Status.REGRESSED)
    return tuple(
        cause for cause in store.causes() if cause.id in newest or cause.status in once_fixed
    )


@dataclass(frozen=True, slots=True)
class CauseCases:
    """What asks the cases of causes, in one run. `open_pair` opens cores that have seen nothing
    yet; `who` is what the history calls this run."""

    store: Store
    collector: Collector
    report: Report
    open_pair: OpenPair
    who: str

    def ask(
        self,
        causes: Iterable[StoredCause],
        authority: Target,
        shadow: Target,
        on_progress: Callable[[int], None] = lambda cases: None,
    ) -> None:
        """Asks all cases of some causes, and writes what became of each. The report tells which are
        fixed, which regressed and of which nothing can be told."""
        began = time.monotonic()
        try:
            for cause in causes:
                if cause.cases:
                    self._ask(cause, [self._counted(authority, shadow, one) for one in cause.cases])
                on_progress(self.report.tally.streams)
        except FailureStorm as storm:
            self.report.storm = storm.message
        finally:
            self.report.seconds += time.monotonic() - began

    def _counted(self, authority: Target, shadow: Target, case: CauseCase) -> Probed:
        probed = probe_case(authority, shadow, case.stream, routing=self.collector.routing)
        tally = self.report.tally
        tally.streams += 1
        tally.transitions += len(case.stream.steps)
        tally.verdicts.update(probed.tally.verdicts)
        tally.uncompared.update(probed.tally.uncompared)
        for finding in probed.found:
            self.collector.take(finding)
        return probed

    def _ask(self, cause: StoredCause, probed: list[Probed]) -> None:
        if any(one.found for one in probed):
            if once_seen(cause.status) is Status.REGRESSED:
                count = sum(bool(one.found) for one in probed)
                self._write(
                    cause,
                    Status.REGRESSED,
                    f"it was fixed, and {count} of its {len(probed)} cases differ again",
                )
                self.report.regressed.append(cause.id)
        elif not self._can_tell(cause) or not all(
            self._settles(cause, *pair) for pair in zip(cause.cases, probed, strict=True)
        ):
            self.report.unsettled.append(cause.id)
        elif cause.status is not Status.FIXED and not self._was_seen_here(cause):
            if all(self._agrees_afresh(cause, case) for case in cause.cases):
                self._write(
                    cause,
                    Status.FIXED,
                    f"all of its {len(cause.cases)} cases agreed in {MIN_REPLAYS} replays",
                )
                self.report.fixed.append(cause.id)
            else:
                self.report.unsettled.append(cause.id)

    def _was_seen_here(self, cause: StoredCause) -> bool:
        """Whether it was found on these very builds, which then answer both ways: that is for the
        buckets, which become flaky."""
        here = (self.report.authority.sha256, self.report.shadow.sha256)
        pairs = self.store.cores_of_cause(cause.id)
        known = {(pair.authority.sha256, pair.shadow.sha256) for pair in pairs}
        for entry in cause.history:
            if entry.status is Status.REGRESSED:
                pair = (entry.evidence["authority"], entry.evidence["shadow"])
                known.add((str(pair[0].get("sha256")), str(pair[1].get("sha256"))))
        return here in known

    def _can_tell(self, cause: StoredCause) -> bool:
        """Whether this pair is one that the cause was found on, but for a mend."""
        seen = self.store.cores_of_cause(cause.id)
        return not seen or can_tell(seen, self._here)

    @property
    def _here(self) -> CorePair:
        return CorePair(self.report.authority, self.report.shadow)

    def _settles(self, cause: StoredCause, case: CauseCase, probed: Probed) -> bool:
        """Whether a case that shows nothing tells that its difference is gone. Where both cores
        refuse it, only by the authority that it was found on, and where one core had refused."""
        if not probed.uncompared:
            return True
        seen = self.store.cores_of_cause(cause.id)
        return case.is_refusal and has_authority(seen, self._here)

    def _agrees_afresh(self, cause: StoredCause, case: CauseCase) -> bool:
        """One replay on cores that have seen nothing else. False where a core failed, or both
        refuse what they were to be compared on."""
        probed = probe_afresh(self.open_pair, case.stream)
        return probed is not None and not probed.found and self._settles(cause, case, probed)

    def _write(self, cause: StoredCause, status: Status, why: str) -> None:
        evidence = {
            "replays": MIN_REPLAYS,
            "authority": self.report.authority.document(),
            "shadow": self.report.shadow.document(),
        }
        self.store.add_cause_history(
            cause.id,
            status,
            who=self.who,
            why=why,
            evidence=evidence,
            run=self.collector.run_id,
        )
