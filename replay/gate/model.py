"""What a gate says: criteria with their outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from replay.gate.telemetry.samples import Sample


class Outcome(StrEnum):
    """Of a criterion, and of the whole gate.

    A criterion that demands something fails where what was seen rules it out, and is inconclusive
    where more evidence, or another 48 hours, could still show that it holds. One of the runbook's
    "fail if" fails where the thing has occurred, and passes where it has not.
    """

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion. `key` is its number in section 5 of the runbook ("pass 1"), or what has to be
    so for any of them to mean something; `name` are the runbook's words. `times` are the `ts` of
    the samples behind it (the first few), `needed` what would have to be true for it to pass."""

    key: str
    name: str
    outcome: Outcome
    why: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    times: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "key": self.key,
            "name": self.name,
            "outcome": str(self.outcome),
            "why": self.why,
            "figures": dict(self.figures),
            "times": list(self.times),
            "needed": list(self.needed),
        }


MAX_TIMES = 10


def times_of(samples: Iterable[Sample]) -> tuple[str, ...]:
    """The times of the first few samples, as they stood in the telemetry."""
    return tuple(dict.fromkeys(sample.text for sample in samples))[:MAX_TIMES]


def hours(seconds: float) -> str:
    """A length of time as "47 h 59 min"."""
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60:02} min"
