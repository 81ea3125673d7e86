"""The count summary of the runbook's section 7: max and last of what was counted.

`max` and `last` are what the samples say, as an operator reads them off the telemetry. Counters
begin anew with each process, so beside them stands `all`: over all processes, never added up
wrongly (timeline.py).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from replay.gate.telemetry.samples import Counters
from replay.gate.telemetry.timeline import Timeline

SUMMARISED = ("total_divergences", "shadow_failures")
"""What the runbook asks for."""


class Count(NamedTuple):
    """One counter: the most that a sample says, what the last one says, and over all processes."""

    max: int
    last: int
    all: int


def counts_of(timeline: Timeline) -> dict[str, Count]:
    """Every counter, those that the runbook asks for first."""
    names = (*SUMMARISED, *(name for name in Counters._fields if name not in SUMMARISED))
    samples = timeline.samples
    return {
        name: Count(
            max((getattr(one.counters, name) for one in samples), default=0),
            getattr(samples[-1].counters, name) if samples else 0,
            getattr(timeline.totals, name),
        )
        for name in names
    }


def counts_document(timeline: Timeline) -> dict[str, Any]:
    """As counts.json has it."""
    samples = timeline.samples
    return {
        "counts": {name: count._asdict() for name, count in counts_of(timeline).items()},
        "samples": len(samples),
        "first": samples[0].text if samples else None,
        "last": samples[-1].text if samples else None,
        "processes": [
            {
                "from": one.first.text,
                "to": one.last.text,
                "samples": len(one.samples),
                **one.last.counters._asdict(),
            }
            for one in timeline.lifetimes
        ],
    }
