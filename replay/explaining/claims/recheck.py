"""What of an explanations.toml holds: judged by running each deviation on every occurrence.

An explanation is a statement: *where its condition is met, the shadow answers as the Python core
does with this deviation*. So it fails where an occurrence meets the condition and the deviation
does not give exactly the shadow's answer, and just as much where the deviation changes steps that
it speaks of and on which the shadow agrees with the authority. One that fails in any way explains
nothing. Where the traces of two bugs are in one answer, two deviations may reproduce it together,
neither being enough alone.

Nothing is read or opened here but the core that edits are made in; run_recheck.py brings the rest.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from replay.errors import TargetError
from replay.explaining.causes.statement import Edited, canonical_edit
from replay.explaining.claims.claim import Claim
from replay.explaining.claims.explained_steps import ExplainedSteps
from replay.explaining.claims.explanations import Explanations
from replay.explaining.claims.reproduction import as_authority, misses, together
from replay.explaining.claims.stated_claims import StatedClaims
from replay.explaining.claims.trial import Bucket, Key, Trial, by_bucket, listed, times
from replay.explaining.claims.weighed import Weighed
from replay.explaining.editing.editable import EditableCore
from replay.explaining.evidence.passages import Passage

MAX_TOGETHER = 3
"""Deviations that are tried at once on one answer."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What explains a bucket: the names of explanations that hold, in the order of the file; none
    where an occurrence is left over, and `missing` says which. `weaker` where some occurrence has
    no more than a note."""

    by: tuple[str, ...] = ()
    weaker: bool = False
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One claim for each explanation, in the order of the file, and what became of each bucket."""

    claims: tuple[Claim, ...]
    buckets: Mapping[str, Explained]


def judge(
    explanations: Explanations,
    buckets: Sequence[Bucket],
    core: EditableCore | None,
    today: datetime.date,
    *,
    complete: bool,
    agreed: Callable[[], Sequence[Passage]] = tuple,
    steps: ExplainedSteps | None = None,
    met: Weighed | None = None,
) -> Judgement:
    """Judges all explanations on all buckets.

    `core` is what deviations are made in, None where none is needed. `complete` says that
    everything stored was run again, so that an explanation that nothing meets has had its day.
    `agreed` gives a sample of steps on which the cores agree; asked for only where it is needed.
    `steps` asks what all statements come to together, None where there are none, and `met` is what
    the run itself has found of them.
    """
    trials = [Trial(entry) for entry in explanations.entries if not entry.statements]
    entries = [entry for entry in explanations.entries if entry.statements]
    stated = StatedClaims(entries, today, met or Weighed(), steps)
    for trial in trials:
        trial.match(buckets, today)
    if core is not None:
        _run(trials, core)
    for bucket in buckets:
        _ask_statements(stated, bucket, trials)
    reproducing = [trial for trial in trials if trial.reproduces]
    sample = agreed() if reproducing or stated.is_to_run else ()
    for trial in reproducing:
        assert core is not None
        trial.look_elsewhere(core, sample)
    stated.look_elsewhere(sample)
    for trial in trials:
        trial.weigh(complete=complete)
    claims = {trial.entry.name: trial.claim() for trial in trials}
    claims |= {claim.name: claim for claim in stated.claims(complete=complete)}
    return Judgement(
        tuple(claims[entry.name] for entry in explanations.entries),
        {bucket.id: _explained(bucket, trials, stated, explanations) for bucket in buckets},
    )


# --- Running ----------------------------------------------------------------------------------


def _run(trials: Sequence[Trial], core: EditableCore) -> None:
    """Runs every deviation on what meets its condition, then several where one is not enough."""
    to_run = [trial for trial in trials if trial.is_to_run]
    _require_source(to_run, core)
    for trial in to_run:
        if trial.ok:
            trial.make_edit(core)
        if trial.ok:
            trial.run(core)
    _run_together([trial for trial in to_run if trial.ok], core)


def _require_source(trials: Sequence[Trial], core: EditableCore) -> None:
    """A deviation is one of the authority: so what is edited must answer as the authority does."""
    spots = {key: spot for trial in trials for key, spot in trial.met.items()}
    answers = as_authority(core, [spot.occurrence for spot in spots.values()])
    strange = {key for key, is_alike in zip(spots, answers, strict=True) if not is_alike}
    for trial in trials:
        here = by_bucket(spot for key, spot in trial.met.items() if key in strange)
        if here:
            told = [f"{spots[0].bucket.id} ({times(spots)})" for spots in here]
            trial.reasons.append(
                "there is no source to deviate: the Python core does not give the authority's "
                f"answer in {listed(told)}"
            )


def _run_together(trials: Sequence[Trial], core: EditableCore) -> None:
    """Tries several deviations at once on what each misses alone; the fewest that do."""
    left: dict[Key, list[int]] = {}
    for at, trial in enumerate(trials):
        for key in trial.met:
            left.setdefault(key, []).append(at)
    left = {
        key: ats
        for key, ats in left.items()
        if len(ats) > 1 and all(key in trials[at].missed for at in ats)
    }
    for size in range(2, MAX_TOGETHER + 1):
        groups: dict[tuple[int, ...], list[Key]] = {}
        for key, ats in left.items():
            for group in combinations(ats, size):
                groups.setdefault(group, []).append(key)
        for group, keys in sorted(groups.items()):
            keys = [key for key in keys if key in left]
            for key in _reproduced([trials[at] for at in group], keys, core):
                del left[key]


def _reproduced(group: Sequence[Trial], keys: Sequence[Key], core: EditableCore) -> list[Key]:
    """Which occurrences several deviations reproduce together; noted in each of them."""
    if not keys:
        return []
    edits = [trial.edit for trial in group if trial.edit is not None]
    try:
        told = misses(core, together(edits), [group[0].met[key].occurrence for key in keys])
    except TargetError:
        return []  # they cannot be made at the same time
    found = [key for key, miss in zip(keys, told, strict=True) if not miss]
    for trial in group:
        others = tuple(one.entry.name for one in group if one is not trial)
        trial.helped |= dict.fromkeys(found, others)
    return found


def _ask_statements(stated: StatedClaims, bucket: Bucket, trials: Sequence[Trial]) -> None:
    """Asks the statements about each occurrence that no deviation reproduces by itself; then beside
    the deviations that speak of it."""
    for place in range(len(bucket.occurrences)):
        key = bucket.id, place
        here = [one for one in trials if one.edit is not None and one.ok and key in one.met]
        if any(key not in one.missed or key in one.helped for one in here):
            continue
        edits = [one.edit for one in here if one.edit is not None]
        if stated.ask(bucket, place) or not edits:
            continue
        beside = [Edited(edit, canonical_edit(edit)) for edit in edits]
        if stated.ask(bucket, place, beside):
            for trial in here:
                trial.helped[key] = stated.by[key]


# --- What becomes of a bucket -----------------------------------------------------------------


def _explained(
    bucket: Bucket, trials: Sequence[Trial], stated: StatedClaims, explanations: Explanations
) -> Explained:
    """By what all known occurrences of a bucket are explained."""
    holding = {trial.entry.name for trial in trials if trial.ok} | stated.holding
    used: set[str] = set()
    weaker = False
    left: list[int] = []
    for place in range(len(bucket.occurrences)):
        here = [t for t in trials if t.ok and (bucket.id, place) in t.met]
        strong = [
            t for t in here if not t.entry.is_note and _supports(t, bucket.id, place, holding)
        ]
        notes = [t for t in here if t.entry.is_note]
        by = stated.by.get((bucket.id, place), ())
        if strong:
            first = strong[0]
            used |= {first.entry.name, *first.helped.get((bucket.id, place), ())}
        elif by and holding.issuperset(by):
            used.update(by)
        elif notes:
            used.add(notes[0].entry.name)
            weaker = True
        else:
            left.append(place)
    if left or not bucket.occurrences:
        return Explained(missing=_missing(bucket, left, trials))
    names = (entry.name for entry in explanations.entries)
    return Explained(tuple(name for name in names if name in used), weaker)


def _supports(trial: Trial, identity: str, place: int, holding: set[str]) -> bool:
    return holding.issuperset(trial.helped.get((identity, place), ()))


def _missing(bucket: Bucket, left: Sequence[int], trials: Sequence[Trial]) -> str:
    """Which part of a bucket nothing explains."""
    if not bucket.occurrences:
        return "no case of it is known"
    failing = [
        trial.entry.name
        for trial in trials
        if not trial.ok and any((bucket.id, place) in trial.met for place in left)
    ]
    if failing:
        return f"{listed([f'{name!r}' for name in failing])} speaks of it, but fails"
    if len(left) == len(bucket.occurrences):
        return "no explanation speaks of it"
    return f"no explanation speaks of {len(left)} of {len(bucket.occurrences)} occurrences"


__all__ = ["Bucket", "Explained", "Judgement", "judge"]
