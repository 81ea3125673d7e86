"""Whether it is known which two cores ran, and whether they were the same all the time.

Evidence is for one pair of binaries. The adapter tells what runs and what its files have by now
(shadow/cores_seen.py); telemetry without that proves nothing on this point, and what is replayed
must be the two cores that ran. A journal of the adapter names its cores, too: those are held
against what the telemetry says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from replay.counting import counted
from replay.gate.journals import Recorded
from replay.gate.model import Criterion, Outcome, times_of
from replay.gate.telemetry.samples import CoreSeen, Sample
from replay.gate.telemetry.timeline import Timeline

_NAME = "one pair of cores ran throughout, and it is known which"
_SIDES = ("authority", "shadow")
_RAN = {"authority": "answered the bot", "shadow": "ran beside the bot"}


class Given(NamedTuple):
    """A core that a verdict is for."""

    path: str
    sha256: str


GivenCores = Mapping[str, Given]
"""The cores that a verdict is for, by side; a side of which nothing is asked is not there."""


def same_cores(
    timeline: Timeline, given: GivenCores, recorded: Sequence[Recorded] = ()
) -> Criterion:
    """Fails where a core changed, since all that is counted is to be about one pair, and where a
    journal of the same time was `recorded` with another one; inconclusive where nobody can tell,
    where a journal of another time was, and where another core is `given`, or lies on the disk by
    now."""
    samples = [one for one in timeline.samples if one.counters.checks]
    silent = [one for one in samples if not _is_told(one)]
    if not samples or silent:
        why = "the telemetry does not say which cores ran"
        if silent and len(silent) < len(samples):
            why += f" at {silent[0].text} ({counted(len(silent), 'sample')} in all)"
        need = "all samples say which cores ran (`adapter.cores`)"
        return Criterion("cores", _NAME, Outcome.INCONCLUSIVE, why, {}, times_of(silent), (need,))
    changes = [one for side in _SIDES for one in _changes(samples, side)]
    last = samples[-1]
    figures = {side: _core(last, side)._asdict() for side in _SIDES}
    if changes:
        told = "; ".join(
            f"the {side} changed from {_short(before)} to {_short(after)} at {sample.text}"
            for side, before, after, sample in changes[:5]
        )
        return Criterion("cores", _NAME, Outcome.FAIL, told, figures,
                         times_of(one[-1] for one in changes),
                         ("48 hours with one pair of cores",))  # fmt: skip
    others = [one for one in recorded if any(map(_ran_another, _SIDES, one[:2], [last] * 2))]
    meanwhile = [one for one in others if _is_of_the_time(one, samples)]
    if meanwhile:
        told = "; ".join(_recorded_words(one, last) for one in meanwhile[:5])
        need = "48 hours with one pair of cores, and their journal"
        return Criterion("cores", _NAME, Outcome.FAIL, told, figures, times_of([last]), (need,))
    reasons, needed = [], []
    if others:
        reasons += [_recorded_words(one, last) for one in others[:5]]
        needed.append("the journal is that of the cores that ran")
    for side in _SIDES:
        core = _core(last, side)
        if core.on_disk != core.sha256:
            reasons.append(
                f"the {side} that ran was {_short(core.sha256)}, and {core.path} is "
                f"{_short(core.on_disk) if core.on_disk else 'gone'} by now"
            )
            needed.append(f"what lies on the disk as the {side} is what ran")
    for side in _SIDES:
        judged, ran = given.get(side), _core(last, side)
        if judged is not None and judged.sha256 != ran.sha256:
            reasons.append(
                f"this is about the {side} {judged.path} ({_short(judged.sha256) or 'no file'}), "
                f"and {ran.path} ({_short(ran.sha256)}) {_RAN[side]}"
            )
            needed.append(f"the {side} that ran is the one that is judged: {ran.sha256}")
    if reasons:
        return Criterion("cores", _NAME, Outcome.INCONCLUSIVE, "; ".join(reasons), figures,
                         times_of([last]), tuple(needed))  # fmt: skip
    pair = " and ".join(f"{side} {_short(_core(last, side).sha256)}" for side in _SIDES)
    return Criterion("cores", _NAME, Outcome.PASS, f"{pair} in every sample", figures)


def _ran_another(side: str, recorded: str, sample: Sample) -> bool:
    """Whether a journal names a core, and not the one that ran."""
    return bool(recorded) and recorded != _core(sample, side).sha256


def _is_of_the_time(one: Recorded, samples: Sequence[Sample]) -> bool:
    """Whether lines that name a pair are of the time of the samples, or nobody can tell."""
    if one.begin is None or one.end is None:
        return True
    times = [sample.at for sample in samples]
    return one.begin <= max(times) and one.end >= min(times)


def _recorded_words(one: Recorded, sample: Sample) -> str:
    told = " and ".join(
        f"the {side} {_short(named)} where {_short(_core(sample, side).sha256)} ran"
        for side, named in zip(_SIDES, one[:2], strict=True)
        if _ran_another(side, named, sample)
    )
    return f"the journal names {told} ({counted(one.lines, 'line')}, the first at {one.place})"


def _is_told(sample: Sample) -> bool:
    return sample.adapter is not None and all(
        side in sample.adapter.cores and sample.adapter.cores[side].sha256 for side in _SIDES
    )


def _core(sample: Sample, side: str) -> CoreSeen:
    assert sample.adapter is not None
    return sample.adapter.cores[side]


def _changes(samples: Sequence[Sample], side: str) -> list[tuple[str, str, str, Sample]]:
    hashes = [(_core(one, side).sha256, one) for one in samples]
    return [
        (side, before, after, sample)
        for (before, _), (after, sample) in pairwise(hashes)
        if before != after
    ]


def _short(sha256: str) -> str:
    return sha256[:12]
