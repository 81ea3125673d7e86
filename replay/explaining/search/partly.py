"""Where no single edit explains everything: what comes nearest, and whether the bucket seems to
hold two bugs.

It seems to hold two where two edits explain every occurrence between them, each leaving the other's
as the authority has them, and neither changes a step on which the cores agree. Then a simple
condition is looked for that is true of the one's occurrences and of none of the other's: what a
split of the bucket asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from replay.differential.compare import compare
from replay.differential.model import Difference, DifferenceKind
from replay.differential.verdicts import same_bytes
from replay.explaining.claims.occurrences import told
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.editing.places import Rules
from replay.explaining.evidence.kept import alone
from replay.explaining.evidence.neighbours import as_written_out, single_changes
from replay.explaining.evidence.passages import (
    Passage,
    Refutation,
    Role,
    Witness,
    first_misfit,
    misfits,
    replies,
    same_answer,
)
from replay.explaining.evidence.supply import packed
from replay.explaining.search.contest import Clock, Contest, in_force
from replay.explaining.search.diagnosis import Halves, Near
from replay.explaining.search.ranking import rank
from replay.explaining.search.rivals import BATCH
from replay.explaining.search.separation import separating
from replay.targets.base import Failure, StepResult, is_refusal

MAX_OCCURRENCES, MAX_ELSEWHERE, DECISIVE = 10, 8, 6
"""Where none fits, to see what comes nearest: kept and generated occurrences (of each so many) and
passages elsewhere that edits are held against, and steps at which the last survivors fell."""

MAX_NEAREST = 3
MAX_BROKEN = 50
"""Steps that an edit breaks elsewhere among which a condition is looked for."""

MAX_PARTS = 30
"""Edits that explain a part and are looked at closely."""

MAX_FIRST = 3
"""Edits of those for the rest of whose occurrences another edit is looked for."""

FEW = 6
"""Occurrences that all edits are asked."""


T = TypeVar("T")


def telling(
    contest: Contest, kept: Sequence[Passage], witness: Witness | None
) -> tuple[list[Passage], list[Passage]]:
    """A few occurrences, each alone, and a few passages elsewhere: what tells most of an edit that
    does not fit. `kept` are the first passages of the contest. Raises FailureStorm as the cores
    do."""
    more = contest.evidence[len(kept) :]
    first = list(kept[:MAX_OCCURRENCES])
    if witness is not None:
        # With little history they are asked in a fraction of the time.
        short = witness.ask([as_written_out(one.stream) for one in first])
        first = [one for one in short if one.roles[0] is Role.OCCURRENCE] or first
        if not more:
            more = witness.ask(packed(islice(single_changes(kept[0].stream), 2 * BATCH)))
    places = [(one, at) for one in more for at, role in enumerate(one.roles)
              if role is Role.OCCURRENCE]  # fmt: skip
    generated = [alone(one, at) for one, at in _spread(places, MAX_OCCURRENCES)]
    # What the last survivors fell at tells most.
    last = [alone(one.passage, one.place) for one in list(contest.refuted.values())[-DECISIVE:]]
    calm = [one for one in more if Role.OCCURRENCE not in one.roles]
    return (
        [*first, *generated, *(one for one in last if one.roles[0] is Role.OCCURRENCE)],
        [*(one for one in last if one.roles[0] is Role.ELSEWHERE), *_spread(calm, MAX_ELSEWHERE)],
    )


def _spread(rows: Sequence[T], count: int) -> list[T]:
    """At most so many of some, evenly from all of them."""
    step = max(1, -(-len(rows) // count))
    return list(rows[::step])


@dataclass(frozen=True, slots=True)
class Part:
    """What an edit makes of each occurrence: those it gives the shadow's answer to, and those it
    leaves as the authority has them, by their places; the first that it does not give, with its
    own answer; and the steps elsewhere that it changes."""

    edit: Edit
    gives: frozenset[int]
    leaves: frozenset[int]
    broken: tuple[Refutation, ...]
    missed: tuple[int, StepResult] | None
    distance: float


def parts_of(
    core: EditableCore,
    edits: Iterable[Edit],
    occurrences: Sequence[Passage],
    elsewhere: Sequence[Passage],
    clock: Clock,
    share: float,
) -> list[Part]:
    """What the edits explain that explain most, best first, of those that were come to until that
    share of the time was up. Each occurrence is a passage of one step."""
    # Most edits bring a few of them no nearer to the shadow's answer, and need not be asked more.
    few = occurrences[:: max(1, len(occurrences) // FEW)][:FEW]
    packs = [(one, _together(one), _apart(one)) for one in (few, occurrences)]
    parts: list[Part] = []
    for edit in edits:
        if clock.beyond(share):
            break
        with in_force(core, edit) as target:
            part: Part | None = None
            for some, pack, apart in packs if target is not None else ():
                assert target is not None
                part = _part(edit, some, replies(target, pack).results, apart)
                if part is None:
                    break
        if part is not None:
            parts.append(part)
    best = sorted(parts, key=lambda one: (-len(one.gives), one.distance))[:MAX_PARTS]
    return [replace(part, broken=_broken(core, part.edit, elsewhere)) for part in best]


def _broken(core: EditableCore, edit: Edit, elsewhere: Sequence[Passage]) -> tuple[Refutation, ...]:
    with in_force(core, edit) as target:
        if target is None:
            return ()
        return tuple(two for one in elsewhere for two in misfits(target, one))


def _apart(occurrences: Sequence[Passage]) -> list[float]:
    """How far the authority's own answers are from the shadow's."""
    return [_distance(one, one.authority[0]) for one in occurrences]


def _together(occurrences: Sequence[Passage]) -> Passage:
    """All occurrences as one passage: an edit is asked all of them at once."""
    (stream,) = packed(iter([one.stream for one in occurrences]), len(occurrences))
    return Passage(
        stream,
        tuple(one.authority[0] for one in occurrences),
        tuple(one.shadow[0] for one in occurrences),
        (Role.OCCURRENCE,) * len(occurrences),
        tuple(one.signatures[0] for one in occurrences),
        None,
        occurrences[0].readers,
    )


def _part(
    edit: Edit, occurrences: Sequence[Passage], answers: Sequence[StepResult], apart: list[float]
) -> Part | None:
    gives, leaves = set(), set()
    missed: tuple[int, StepResult] | None = None
    distance = 0.0
    for place, (one, answer) in enumerate(zip(occurrences, answers, strict=True)):
        # Most edits leave most answers as they are, which is quickly seen.
        is_same = same_bytes(answer, one.authority[0])
        if not is_same and same_answer(one, 0, answer, one.shadow[0]):
            gives.add(place)
            continue
        if is_same or same_answer(one, 0, answer, one.authority[0]):
            leaves.add(place)
        distance += apart[place] if is_same else _distance(one, answer)
        missed = missed or (place, answer)
    if not gives and distance >= sum(apart):
        return None
    return Part(edit, frozenset(gives), frozenset(leaves), (), missed, distance)


def _distance(passage: Passage, answer: StepResult) -> float:
    """How far an answer is from the shadow's: what is missing, or there too much, counts as a whole
    record of values, and a number the less the nearer it is."""
    shadow = passage.shadow[0]
    if isinstance(answer, Failure) or isinstance(shadow, Failure):
        return _FARTHEST
    if is_refusal(answer) is not is_refusal(shadow):
        return _FARTHEST
    try:
        return sum(map(_weight, compare(answer, shadow, *passage.befores[0])))
    except Exception:  # an edit may make anything of an answer
        return _FARTHEST


_FARTHEST = 1000.0
_RECORD = 16.0


def _weight(difference: Difference) -> float:
    if difference.kind in (DifferenceKind.LAST_DIGIT, DifferenceKind.MAGNITUDE):
        try:
            one, other = abs(difference.authority), abs(difference.shadow)
            off = abs(difference.authority - difference.shadow) / max(one, other)
        except (ArithmeticError, TypeError):
            return 1.0
        return 0.5 + 0.5 * min(off, 1.0) if off == off else 1.0
    whole = (DifferenceKind.MISSING, DifferenceKind.EXTRA, DifferenceKind.ORDER)
    return _RECORD if difference.kind in whole else 1.0


def nearest(
    parts: Sequence[Part], occurrences: Sequence[Passage], rules: Rules
) -> tuple[Near, ...]:
    """The few that come nearest: most occurrences given, least broken elsewhere, least left."""
    best = sorted(
        range(len(parts)),
        key=lambda at: (-len(parts[at].gives), len(parts[at].broken), parts[at].distance, at),
    )
    return tuple(near(parts[at], occurrences, rules) for at in best[:MAX_NEAREST])


def near(part: Part, occurrences: Sequence[Passage], rules: Rules) -> Near:
    """A part in words."""
    left = ""
    if part.missed is not None:
        place, answer = part.missed
        passage = occurrences[place]
        left = told(passage, 0, answer, passage.shadow[0], "from the shadow")
    return Near(
        part.edit,
        rules.place(part.edit),
        len(part.gives),
        len(occurrences),
        len(part.broken),
        left,
        _where(part, occurrences),
    )


def _where(part: Part, occurrences: Sequence[Passage]) -> str:
    """A condition under which an edit that gives every occurrence would break nothing elsewhere,
    as far as was seen; "" where there is no such simple one."""
    if not part.broken or len(part.gives) < len(occurrences):
        return ""
    broken = [alone(one.passage, one.place) for one in part.broken[:MAX_BROKEN]]
    together = [*occurrences, *broken]
    ours = range(len(occurrences))
    theirs = range(len(occurrences), len(together))
    return separating(together, ours, theirs, of_differences=False)


# --- Two bugs in one bucket -------------------------------------------------------------------


def halves(
    core: EditableCore,
    edits: Iterable[Edit],
    parts: Sequence[Part],
    occurrences: Sequence[Passage],
    elsewhere: Sequence[Passage],
    clock: Clock,
) -> Halves | None:
    """Two edits between which all occurrences are explained; None where there are no such two, or
    none were found in time."""
    everything = frozenset(range(len(occurrences)))
    by_gives: dict[frozenset[int], Part] = {}
    for part in parts:
        able = part.gives and part.gives != everything and part.gives | part.leaves == everything
        if able and not part.broken:
            best = min((part, by_gives.get(part.gives, part)), key=lambda one: rank(core, one.edit))
            by_gives[part.gives] = best
    tried = list(edits)
    for first in list(by_gives.values())[:MAX_FIRST]:
        second = _rest(core, tried, first, occurrences, elsewhere, clock)
        if second is not None:
            rules = Rules.of(core)
            condition = separating(occurrences, first.gives, everything - first.gives)
            one, other = near(first, occurrences, rules), near(second, occurrences, rules)
            return Halves(one, other, condition)
    return None


def _rest(
    core: EditableCore,
    edits: Sequence[Edit],
    first: Part,
    occurrences: Sequence[Passage],
    elsewhere: Sequence[Passage],
    clock: Clock,
) -> Part | None:
    """The edit that explains just what another one leaves."""
    left = [place for place in range(len(occurrences)) if place not in first.gives]
    rest = [occurrences[place] for place in left]
    pack, apart = _together(occurrences), _apart(occurrences)
    found: list[Part] = []
    for edit in edits:
        if clock.beyond(1.0):
            break
        with in_force(core, edit) as target:
            if target is None or first_misfit(target, rest) is not None:
                continue
            part = _part(edit, occurrences, replies(target, pack).results, apart)
        if part is not None and part.leaves >= first.gives - part.gives:
            found.append(part)
    for part in sorted(found, key=lambda one: rank(core, one.edit)):
        if not _broken(core, part.edit, elsewhere):
            return part
    return None
