"""Which changes of the source can be what a step differs by, at all.

A value at a place is replaced by others while the step runs (value replacement, ISSTA 2008): what
none of them changes in the answer, no edit of the expression changes. So most of the thousands of
edits of a core need neither be compiled nor run. It is a sieve and no proof: a value that nobody
tried may do what these did not.
"""

from __future__ import annotations

import ast
import keyword
import re
import textwrap
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from replay.explaining.causes.answered import Answered, written_down
from replay.explaining.causes.forced_values import ForcedValues
from replay.explaining.causes.pool import Pool
from replay.explaining.editing.editable import Edit, EditableCore, Place
from replay.explaining.editing.purity import impure_functions
from replay.explaining.editing.source_map import Span
from replay.explaining.formulas.terms import is_number
from replay.explaining.formulas.value_places import ValuePlace, value_places
from replay.targets.base import Failure, FailureKind, StepResult, is_refusal

Change = Callable[[Any], Any]


class Effect(NamedTuple):
    """What other values at a place do to the answer to a step: the paths that any of them changes.
    `decides` where the place is a flag that ran once: whether the other flag gives the shadow's
    answer."""

    paths: frozenset[str]
    decides: bool | None = None


MOST_TURNED: Final = 4
"""Flags of a place that runs several times that are turned alone."""

UNKNOWN: Final = None
"""The effect of a place whose values are neither numbers nor flags."""


class Suspects:
    """Tells which edits can make a step right."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._core = pool.corrected.core
        self._probe = pool.corrected.core.probe
        self._values = ForcedValues(pool)
        self._impure = impure_functions(self._core.map)
        self._places: Mapping[tuple[str, int], Sequence[ValuePlace]] | None = None
        self._felt: dict[Place, Sequence[ValuePlace] | None] = {}
        self._open: dict[Answered, tuple[StepResult, Mapping[str, str]]] = {}
        self._as_written: dict[Answered, tuple[StepResult, bytes | None]] = {}
        self._effects: dict[tuple[ValuePlace, Answered], tuple[StepResult, Effect | None]] = {}

    def can_make_right(self, edit: Edit, step: Answered) -> bool:
        """Whether an edit may make a step right that is not."""
        wanted = self._wanted(step)
        if not wanted:
            return True
        effects = self._felt_effects(edit, step, wanted)
        if effects is None:
            return True
        if len(effects) == 1 and effects[0].decides is not None:
            return effects[0].decides
        return _paths_of(effects) >= wanted.keys()

    def can_bring_nearer(self, edit: Edit, step: Answered) -> bool:
        """Whether an edit may change a part of what differs at a step."""
        wanted = self._wanted(step)
        effects = self._felt_effects(edit, step, wanted) if wanted else None
        return effects is None or bool(_paths_of(effects))

    def _felt_effects(
        self, edit: Edit, step: Answered, wanted: Mapping[str, str]
    ) -> Sequence[Effect] | None:
        """What other values do where an edit is felt, None where it may do anything."""
        effects: list[Effect] = []
        for place in edit.places:
            felt = self._felt_at(place)
            if felt is None:
                return None
            for one in felt:
                effect = self._effect(one, step, wanted)
                if effect is UNKNOWN:
                    return None
                effects.append(effect)
        return effects

    def _wanted(self, step: Answered) -> Mapping[str, str]:
        """What has to come out as something else: what the authority has there, by path."""
        answer = self._pool.answer(step)
        known = self._open.get(step)
        if known is None or known[0] is not answer:
            known = self._open[step] = answer, step.told_otherwise(answer)
        return known[1]

    def _written(self, step: Answered) -> bytes | None:
        """The answer of the corrected authority, to the last bit."""
        answer = self._pool.answer(step)
        known = self._as_written.get(step)
        if known is None or known[0] is not answer:
            written = None if isinstance(answer, Failure) else written_down(answer)
            known = self._as_written[step] = answer, written
        return known[1]

    # --- Places -------------------------------------------------------------------------------

    def _felt_at(self, place: Place) -> Sequence[ValuePlace] | None:
        """The expressions through whose values all of an edit is felt; None where it may do more
        than have them come to something else."""
        if place not in self._felt:
            self._felt[place] = self._found_at(place)
        return self._felt[place]

    def _found_at(self, place: Place) -> Sequence[ValuePlace] | None:
        if self._places is None:
            self._places = _places_by_line(self._core)
        module = self._core.map.modules[place.module]
        start, end = module.span_of_place(place)
        if self._does_more(module.text[start:end]) or self._does_more(place.new):
            return None
        if not _targets(place.new) <= _targets(module.text[start:end]):
            return None
        lines = range(place.line, place.end_line + 1)
        near = [one for line in lines for one in self._places.get((place.module, line), ())]
        around = [one for one in near if one.span[0] <= start and end <= one.span[1]]
        if around:
            return [min(around, key=lambda one: _length(one.span))]
        return _all_of(module.text, (start, end), near)

    def _does_more(self, text: str) -> bool:
        return any(name in self._impure for name in re.findall(r"(\w+)\s*\(", text))

    # --- Effects ------------------------------------------------------------------------------

    def _effect(
        self, place: ValuePlace, step: Answered, wanted: Mapping[str, object]
    ) -> Effect | None:
        answer = self._pool.answer(step)
        known = self._effects.get((place, step))
        if known is None or known[0] is not answer:
            known = answer, self._tried(place, step, wanted)
            self._effects[place, step] = known
        return known[1]

    def _tried(
        self, place: ValuePlace, step: Answered, wanted: Mapping[str, object]
    ) -> Effect | None:
        if not self._core.is_quick(place.probed):
            return UNKNOWN
        changes: deque[Change] = deque([_FIRST])
        paths: set[str] = set()
        is_first = True
        while changes and not paths >= wanted.keys():
            with self._probe.changing(changes.popleft()) as values:
                answer = self._values.answer(place, step)
            paths |= self._changed(answer, step, wanted)
            if not is_first:
                continue
            is_first = False
            if isinstance(answer, Failure) and answer.kind is FailureKind.UNSTARTABLE:
                return UNKNOWN
            if not all(map(_is_plain, values)):
                return UNKNOWN
            if len(values) == 1 and isinstance(values[0], bool) and self._runs_once(place, step):
                right = not step.left(answer, refusals_agree=False)
                return Effect(frozenset(paths), right)
            changes.extend(_more_changes(values))
        return Effect(frozenset(paths))

    def _runs_once(self, place: ValuePlace, step: Answered) -> bool:
        with self._probe.changing(lambda value: value) as values:
            self._values.answer(place, step)
        return len(values) == 1

    def _changed(
        self, answer: StepResult, step: Answered, wanted: Mapping[str, object]
    ) -> frozenset[str]:
        """The paths of what differs at which another value comes out."""
        if isinstance(answer, Failure) or is_refusal(answer):
            return frozenset()
        # Most of what is tried comes to what was there: looking for differences takes far longer.
        if (same := written_down(answer)) is not None and same == self._written(step):
            return frozenset()
        found = step.told_otherwise(answer)
        return frozenset(path for path, value in wanted.items() if found.get(path) != value)


def _targets(text: str) -> frozenset[str]:
    """What some statements set; nothing where the text is none."""
    try:
        tree = ast.parse(textwrap.dedent(text))
    except (SyntaxError, ValueError):
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            found.update(map(ast.unparse, node.targets))
        elif isinstance(node, ast.AugAssign):
            found.add(ast.unparse(node.target))
    return frozenset(found)


def _places_by_line(core: EditableCore) -> Mapping[tuple[str, int], Sequence[ValuePlace]]:
    lines = {
        (key, line)
        for key, module in core.map.modules.items()
        for line in range(1, module.text.count("\n") + 2)
    }
    found: dict[tuple[str, int], list[ValuePlace]] = defaultdict(list)
    for place in value_places(core, lines, texts=True):
        start, end = place.span
        module = place.module
        for line in range(module.line_of(start), module.line_of(end) + 1):
            found[module.key, line].append(place)
    return found


def _paths_of(effects: Sequence[Effect]) -> frozenset[str]:
    return frozenset[str]().union(*(effect.paths for effect in effects))


def _length(span: Span) -> int:
    return span[1] - span[0]


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | str) or is_number(value)


def _changing(number: Change, text: str, nothing: Any) -> Change:
    def changed(value: Any) -> Any:
        if isinstance(value, bool):
            return not value
        if value is None:
            return nothing
        if isinstance(value, str):
            return text
        return number(value) if is_number(value) else value

    return changed


def _more_changes(values: Sequence[Any]) -> Sequence[Change]:
    """What else is tried at a place that came to some values; nothing where it did not run."""
    if not values:
        return ()
    if not all(isinstance(value, bool) for value in values):
        return _MORE
    ones = [_Nth(number) for number in range(min(len(values), MOST_TURNED))]
    return (lambda value: True, lambda value: False, *ones)


class _Nth:
    """Turns one flag of many."""

    def __init__(self, number: int) -> None:
        self._left = number

    def __call__(self, value: Any) -> Any:
        self._left -= 1
        return not value if self._left == -1 else value


_FIRST: Final = _changing(
    lambda value: value + 1 if isinstance(value, int) else value * 1.03125 or 0.03125, "", 0
)
_MORE: Final[Sequence[Change]] = (
    _changing(lambda value: value * 1000 + 1, "other", 1e12),
    _changing(lambda value: -3 * value - 1, "other", -1.0),
    _changing(lambda value: 0 if isinstance(value, int) else 0.0, "", "other"),
)
"""Other values than a number: a little more, much more, the other sign, none."""


def _all_of(text: str, span: Span, near: Sequence[ValuePlace]) -> Sequence[ValuePlace] | None:
    """The expressions that a part of the text consists of, where nothing else in it decides
    anything: some arguments of a call, or assignments."""
    start, end = span
    inside = {one.span: one for one in near if start <= one.span[0] and one.span[1] <= end}
    outermost = [
        one
        for one in inside.values()
        if not any(
            other is not one and other.span[0] <= one.span[0] and one.span[1] <= other.span[1]
            for other in inside.values()
        )
    ]
    rest, at = "", start
    for one in sorted(outermost, key=lambda one: one.span):
        rest += text[at : one.span[0]]
        at = one.span[1]
    rest += text[at:end]
    is_plain = "(" not in rest and ":" not in rest and not _DECIDING & set(_WORDS.findall(rest))
    return outermost if outermost and is_plain else None


_WORDS: Final = re.compile(r"\w+")
_DECIDING: Final = frozenset(keyword.kwlist) - {"True", "False", "None"}


__all__ = ["Suspects"]
