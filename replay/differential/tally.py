"""What a comparison has counted so far; apart from what counts, for those who only report it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from replay.differential.model import Verdict
from replay.differential.uncompared import MAX_REASONS, OTHER_REASONS
from replay.targets.base import FailureKind


@dataclass(slots=True)
class Tally:
    """What was compared so far. Counts of steps, but for `streams`.

    `failures` has every failure; `incidents` those of them at steps whose true answer is known all
    the same. `uncompared` counts, by reason, the steps among those that both refuse on which
    nothing was compared (uncompared.py): they are no evidence.
    """

    streams: int = 0
    transitions: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    calls: Counter[int] = field(default_factory=Counter)
    failures: Counter[FailureKind] = field(default_factory=Counter)
    incidents: Counter[FailureKind] = field(default_factory=Counter)
    uncompared: Counter[str] = field(default_factory=Counter)
    explained: int = 0

    @property
    def compared(self) -> int:
        """Steps that prove something: both cores computed an outcome, or they differ."""
        verdicts = self.verdicts
        told = verdicts[Verdict.AGREE] + verdicts[Verdict.BOTH_REFUSE] + verdicts[Verdict.DIVERGE]
        return told - self.uncompared.total()

    @property
    def breakdowns(self) -> int:
        """Failures after which a core may have to be started again; a refusal is none."""
        return self.failures.total() - self.failures[FailureKind.REFUSED]

    def count_uncompared(self, why: str, times: int = 1) -> None:
        """Counts steps on which nothing was compared; once there are too many reasons, new ones
        only together."""
        if why not in self.uncompared and len(self.uncompared) >= MAX_REASONS:
            why = OTHER_REASONS
        self.uncompared[why] += times

    def add(self, other: Tally) -> None:
        """Adds another tally to this one."""
        self.streams += other.streams
        self.transitions += other.transitions
        self.explained += other.explained
        self.verdicts.update(other.verdicts)
        self.calls.update(other.calls)
        self.failures.update(other.failures)
        self.incidents.update(other.incidents)
        for why, times in other.uncompared.items():
            self.count_uncompared(why, times)
