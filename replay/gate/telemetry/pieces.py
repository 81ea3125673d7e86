"""Parts of telemetry that are one bot's for certain, where all of it together is not.

Whoever adds the samples of another bot must not thereby take back what one bot's samples show, so
the criteria are asked of these parts, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from replay.gate.telemetry.clock import Allowance
from replay.gate.telemetry.ordering import started
from replay.gate.telemetry.samples import Sample
from replay.gate.telemetry.timeline import Timeline, timeline_of

MAX_FILES = 20
"""Of so many files at most each one is left out once."""


def pieces_of(samples: Sequence[Sample], allowed: Allowance) -> Iterator[Timeline]:
    """The timelines of each file alone, of all files but one, and of what was read before the first
    sample that does not fit; only those without doubts."""
    for piece in _pieces(samples, allowed):
        timeline = timeline_of(piece, allowed)
        if timeline.samples and not timeline.doubts:
            yield timeline


def _pieces(samples: Sequence[Sample], allowed: Allowance) -> Iterator[Sequence[Sample]]:
    files: dict[str, list[Sample]] = {}
    for sample in samples:
        files.setdefault(sample.file, []).append(sample)
    if len(files) > 1:
        yield from files.values()
    if 2 < len(files) <= MAX_FILES:
        for file in files:
            yield [sample for sample in samples if sample.file != file]
    yield samples[: _fitting(samples, allowed)]


def _fitting(samples: Sequence[Sample], allowed: Allowance) -> int:
    """How many from the first on go on from each other, or from a start that is told."""
    fits, fails = 0, len(samples) + 1
    while fails - fits > 1:
        middle = (fits + fails) // 2
        piece = samples[:middle]
        if _goes_on(piece) and not timeline_of(piece, allowed).doubts:
            fits = middle
        else:
            fails = middle
    return fits


def _goes_on(samples: Sequence[Sample]) -> bool:
    return all(
        new.at >= old.at and (new.counters.covers(old.counters) or _restarted(old, new))
        for old, new in pairwise(samples)
    )


def _restarted(old: Sample, new: Sample) -> bool:
    before, after = started(old), started(new)
    return before is not None and after is not None and before < after
