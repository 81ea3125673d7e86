"""Finds readings and writings: from one step to the most general statement that holds.

First what would have to be made of one value for the step to come out as the shadow's; then in how
wide a sense that is so. Both cores are asked steps made for that, each of which refutes a statement
or confirms it, until the widest that is left has met what it speaks of in many places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from replay.explaining.causes.answered import Answered, Asking, row_of
from replay.explaining.causes.bound_search import BoundSearch
from replay.explaining.causes.condition_search import ConditionSearch, end_of
from replay.explaining.causes.confirmed_fields import unconfirmed
from replay.explaining.causes.known_ends import KnownEnds
from replay.explaining.causes.leaves import ABSENT, Field, Leaf, Path, distinct
from replay.explaining.causes.patterns import Pattern, all_patterns_of, patterns_of
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.probes import isolated
from replay.explaining.causes.statement import Reading, Rule, Writing, readings_of, sorts_at
from replay.explaining.causes.substitute_search import SubstituteSearch
from replay.explaining.causes.takings import VALUES, WHERE_READ, Inapplicable, Taking, taken
from replay.explaining.causes.trials import Trials
from replay.explaining.causes.value_sorts import Sort, sorts_of
from replay.explaining.causes.weighing import Weighing
from replay.explaining.causes.writings import values_written
from replay.explaining.search.contest import Clock
from replay.targets.base import Failure, StepResult, is_refusal

ROUNDS = 4
"""How often a statement is put to the test."""

MOST_EFFECTS = 16
"""Ways to take one value that are told apart."""

MOST_FITTING = 8
"""Ways to write one value that are told apart."""

MOST_SUSPECTS = 400
"""Values of one step of which it is asked what may be made of them: a history has thousands."""

MOST_READ = 3
"""Odd values of one step of which it is asked whether they are refused where they are read."""

MOST_ODD = 24
"""Values of one step that are looked at one by one."""


class ReadingSearch:
    """Looks for what is read, written or refused otherwise."""

    def __init__(self, pool: Pool, asking: Asking, clock: Clock, ends: KnownEnds) -> None:
        self._pool = pool
        self._asking = asking
        self._clock = clock
        self._ends = ends
        self._trials = Trials(pool, asking, ends)
        self._conditions = ConditionSearch(pool, self._trials, clock)
        self._bounds = BoundSearch(pool, asking, clock)
        self._substitutes = SubstituteSearch(pool, clock)
        self._isolated: set[Answered] = set()

    def find(self, step: Answered, *, only_odd: bool = False) -> Rule | None:
        """A statement that accounts for a step, and for nothing wrongly; None where there is none.
        Steps that were asked for it are in the pool afterwards. With `only_odd` only values that
        are out of the ordinary are looked at, which is soon done."""
        (answer,) = self._pool.corrected.answers(self._pool.causes, [step])
        ended = end_of(step.shadow)
        if ended is not None:
            if isinstance(answer, Failure) or is_refusal(answer):
                return None
            return (
                self._where_read(step, ended, self._conditions.find(step, ended))
                or self._bounds.find(step, ended)
                or self._in_isolation(step)
            )
        found = self._reading(step, only_odd)
        if not isinstance(answer, Failure) and not is_refusal(answer):
            return self._better(found, self._writing(step, answer, only_odd), step)
        return found or self._in_isolation(step)

    def kept_to_a_limit(self, step: Answered) -> Rule | None:
        """A limit to which a setting is kept, that accounts for a step and for nothing wrongly."""
        return self._widest([*self._bounds.kept(step)], step)

    def taken_instead(self, step: Answered) -> Rule | None:
        """Another field's value, or one value, that a value is taken for, if that accounts for a
        step and for nothing wrongly."""
        return self._widest([*self._substitutes.find(step)], step)

    def _better(self, one: Rule | None, other: Rule | None, step: Answered) -> Rule | None:
        """Of two statements that account for a step the one that accounts for more of all."""
        best: tuple[int, Rule] | None = None
        for rule in (one, other):
            score = None if rule is None else self._pool.score_met(rule)
            if rule is not None and score is not None and not score.spoiled:
                worth = score.worth
                if best is None or worth > best[0]:
                    best = worth, rule
        return None if best is None else best[1]

    def _in_isolation(self, step: Answered) -> Rule | None:
        """A statement about one of several causes that are at work in a step: found where each odd
        value of it stands alone."""
        if step in self._isolated:
            return None
        odd = [one for one in distinct(step.leaves) if not _is_ordinary(one)]
        odd = [one for one in odd if one.value is not ABSENT][:MOST_ODD]
        if len(odd) < 2:
            return None
        asked = self._asking.ask(self._ends.past(isolated(step, odd)))
        self._isolated.update((step, *asked))
        self._pool.add(asked)
        for one in asked:
            if self._pool.left[one] and one.authority_left and not self._clock.beyond(1.0):
                found = self.find(one, only_odd=True)
                if found is not None:
                    return found
        return None

    def _where_read(self, step: Answered, ended: Taking, narrow: Reading | None) -> Reading | None:
        """What a condition says of more fields, and of more values, where these are refused only
        when they are read; else the condition itself."""
        if ended is not Taking.REFUSED:
            return narrow
        if narrow is None:
            odd = [leaf for leaf in distinct(step.leaves) if not _is_ordinary(leaf)]
            about = [leaf for leaf in odd if leaf.value is not ABSENT][:MOST_READ]
        else:
            about = [next(one for one in step.leaves if narrow.meets(one))]
        breadth = 0 if narrow is None else narrow.pattern.breadth
        wider: dict[Rule, None] = {
            Reading(pattern, sort, taking): None
            for leaf in about
            for sort in sorts_at(leaf)
            if sort is not Sort.ANY
            for pattern in patterns_of(leaf.field)
            if pattern.breadth > breadth
            for taking in WHERE_READ
        }
        found = self._widest(list(wider), step)
        if not isinstance(found, Reading):
            return narrow
        if narrow is None:
            return found
        is_more = self._pool.score_met(found).explained > self._pool.score_met(narrow).explained
        return found if is_more else narrow

    # --- Readings -------------------------------------------------------------------------------

    def _reading(self, step: Answered, only_odd: bool) -> Rule | None:
        found: list[tuple[Leaf, Reading]] = []
        for leaf, reading in self._effects(step, only_odd):
            if self._clock.beyond(1.0) or len(found) >= MOST_EFFECTS:
                break
            if not self._pool.with_one_more(reading, [step])[0]:
                found.append((leaf, reading))
        if not found:
            return None
        for leaf, _ in found[:3]:
            self._trials.around(step, leaf)
        candidates: list[Rule] = [
            one for leaf, reading in found for one in readings_of(leaf, reading.taking)
        ]
        return self._widest(list(dict.fromkeys(candidates)), step)

    def _effects(self, step: Answered, only_odd: bool) -> Iterator[tuple[Leaf, Reading]]:
        """Everything that may be made of one field, each effect once."""
        seen: set[tuple[object, Taking]] = set()
        for leaf in self._suspects(step, only_odd)[:MOST_SUSPECTS]:
            if self._clock.beyond(1.0):
                return
            for sort in sorts_at(leaf)[::-1]:
                for taking in _TAKINGS.get(leaf.field.kind, VALUES):
                    reading = Reading(Pattern(*leaf.field), sort, taking)
                    if not reading.takes(leaf):
                        continue
                    # Two that come to the same here may differ elsewhere.
                    effect = tuple(one.path for one in step.leaves_met(reading)), taking
                    if effect not in seen:
                        seen.add(effect)
                        yield leaf, reading

    def _suspects(self, step: Answered, only_odd: bool) -> list[Leaf]:
        """The values that may be at work: where the authority refuses one, that and what it is
        part of; else those that are out of the ordinary first."""
        (answer,) = self._pool.corrected.answers(self._pool.causes, [step])
        leaves = distinct(step.leaves)
        if not isinstance(answer, Failure) and is_refusal(answer):
            named = [leaf for leaf in leaves if _is_named(leaf.path, str(answer[1]))]
            if named:
                return named
        if only_odd:
            return [one for one in leaves if _is_odd(one)]
        return sorted(leaves, key=_is_ordinary)

    def _widest(self, candidates: list[Rule], step: Answered) -> Rule | None:
        """The statement that accounts for most and spoils nothing, put to the test."""
        tested: Counter[Rule] = Counter()
        weighing = Weighing(self._pool, self._clock, step)
        while True:
            best = weighing.best(candidates)
            if best is None or self._clock.beyond(1.0):
                return None  # what could not be put to the test is not said
            if weighing.is_spoiling(best):
                candidates.remove(best)
            elif isinstance(best, Reading) and not tested[best] and len(tested) < ROUNDS:
                tested[best] += 1
                self._trials.of(best, step)
            elif (sought := unconfirmed(self._pool, best)) is None:
                return best
            elif isinstance(best, Reading) and tested[best] == 1:
                tested[best] += 1
                self._trials.of(best, step, sought)
            else:
                candidates.remove(best)

    # --- Writings -------------------------------------------------------------------------------

    def _writing(self, step: Answered, answer: StepResult, only_odd: bool) -> Rule | None:
        assert not isinstance(answer, Failure)
        if isinstance(step.shadow, Failure):
            return None
        rows = row_of(self._pool.left[step])
        if len(rows) != 1:
            return None  # one field written otherwise makes no other differ
        (row,) = rows
        candidates: list[Writing] = []
        for field, value in values_written(answer):
            if field.name != row.rpartition(".")[2]:
                continue
            if only_odd and not _ODD_SORTS & set(sorts_of(value)):
                continue
            for taking in VALUES:
                try:
                    taken(taking, value, field)
                except Inapplicable:
                    continue
                for sort in sorts_of(value):
                    one = Writing(Pattern(*field), sort, taking)
                    candidates.append(one)
        fitting: list[Writing] = []
        for one in dict.fromkeys(candidates):
            if self._clock.beyond(1.0) or len(fitting) >= MOST_FITTING:
                break
            if not self._pool.with_one_more(one, [step])[0]:
                fitting.append(one)
        wider: list[Rule] = [
            Writing(pattern, one.sort, one.taking)
            for one in fitting
            for pattern in all_patterns_of(Field(*one.pattern))
        ]
        return self._widest(list(dict.fromkeys(wider)), step)


_DOUBLES = (
    Taking.MISSING, Taking.DEFAULT, Taking.NAN, Taking.ZERO, Taking.NUMBER, Taking.CUT,
    Taking.ROUNDED, Taking.THROUGH_DOUBLE, Taking.SINGLE, Taking.FIFTEEN, Taking.SEVENTEEN,
    Taking.LARGEST, Taking.INFINITE, Taking.UNSIGNED, Taking.NUMBER_BEGUN, Taking.HEXADECIMAL,
)  # fmt: skip
_TEXTS = (
    Taking.MISSING, Taking.DEFAULT, Taking.EMPTY_TEXT, Taking.SPELT, Taking.TRIMMED, Taking.TEXT,
    Taking.SMALL_LETTERS, Taking.CAPITALS, Taking.QUESTION_MARKS, Taking.NO_HALVES,
)  # fmt: skip
_TAKINGS = {
    "d": _DOUBLES,
    "D": (*_DOUBLES, Taking.NULL),
    "i": (
        Taking.MISSING, Taking.DEFAULT, Taking.ZERO, Taking.NUMBER, Taking.CUT, Taking.ROUNDED,
        Taking.THROUGH_DOUBLE, Taking.DIGITS, Taking.LARGEST, Taking.UNSIGNED,
        Taking.WRAPPED_64, Taking.WRAPPED_32, Taking.NUMBER_BEGUN, Taking.HEXADECIMAL,
    ),
    "t": _TEXTS,
    "T": (*_TEXTS, Taking.NULL),
    "b": (Taking.MISSING, Taking.DEFAULT, Taking.FLAG, Taking.FLAG_SAID, Taking.ZERO),
    "o": (Taking.DROPPED,),
    "?": (Taking.MISSING, Taking.SPELT),
    "l": (Taking.MISSING, Taking.NO_RECORDS),
    "e": (Taking.MISSING, Taking.SPELT, Taking.TRIMMED),
    "m": (Taking.MISSING, Taking.TRIMMED),
}  # fmt: skip
"""What may be made of values of fields of some kinds; of others everything."""


def _is_named(path: Path, refused: str) -> bool:
    """Whether a path, or the start of one, is what a refusal names: `orders[0].local_id`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    text = text[1:]
    for prefix in ("state.", ""):
        own = text.removeprefix(prefix)
        if refused == own or (own and refused.startswith((f"{own}.", f"{own}["))):
            return True
    return False


_ODD_SORTS = frozenset(
    {
        Sort.NOT_FINITE, Sort.BEYOND_53, Sort.DOUBLE_BEYOND_53, Sort.SUBNORMAL, Sort.HUGE,
        Sort.NEGATIVE_ZERO, Sort.SPACED_TEXT, Sort.ODD_TEXT,
    }
)  # fmt: skip


def is_plain(step: Answered) -> bool:
    """Whether every value of a step's documents is of the type that its field has, and nothing
    special."""
    return all(_is_ordinary(leaf) for leaf in step.leaves if leaf.value is not ABSENT)


def _is_odd(leaf: Leaf) -> bool:
    """Whether a value is out of the ordinary, or missing where only old snapshots lack it."""
    if leaf.value is ABSENT:
        return leaf.field.root == "state" and not leaf.field.records
    return not _is_ordinary(leaf)


def _is_ordinary(leaf: Leaf) -> bool:
    """Whether a value is of the type that its field has, and nothing special."""
    kind, value = leaf.field.kind, leaf.value
    if value is None and kind in "DTr":
        return True
    if kind in "olm" and isinstance(value, Mapping | list | tuple):
        return True
    types = {"d": (float,), "D": (float,), "i": (int,), "r": (int,), "b": (bool,)}
    if type(value) not in types.get(kind, (str,)) or _ODD_SORTS & set(sorts_of(value)):
        return False
    return kind not in "em" or value == value.lower() or value in ("A", "B")
