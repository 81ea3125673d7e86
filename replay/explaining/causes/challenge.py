"""Puts each cause to the test before it is called verified: steps made to show that it is not so.

What was kept and generated has few odd numbers, few ties and few calls at which a statement about
values was never looked at. A statement that holds wherever it was needed may be another one there.
So both cores are asked around the smallest steps that need a cause. What the corrected authority
answers otherwise than the shadow there is evidence like all other: where the cores agree it refutes
the statement, else it is to be explained by another one, or speaks against this one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, combinations, islice, zip_longest
from random import Random

from replay.explaining.causes.answered import Answered, Asking, smallest
from replay.explaining.causes.known_ends import KnownEnds
from replay.explaining.causes.leaves import ABSENT, Leaf, distinct
from replay.explaining.causes.necessity import OTHER_VALUES, Necessity
from replay.explaining.causes.odd_numbers import first_of_each, matters, of_those
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.probes import ORIGIN, VALUES, text_of, with_changes
from replay.explaining.causes.rare_steps import rare_steps
from replay.explaining.causes.statement import Edited, Reading, Statement, Writing
from replay.explaining.causes.takings import ENDS, Taking
from replay.explaining.editing.editable import Edit
from replay.explaining.evidence.neighbours import TEXTS, mixed_changes, rearranged
from replay.explaining.evidence.ties import tie_changes
from replay.explaining.search.contest import Clock
from replay.explaining.search.roundings import ROUNDINGS
from replay.streams.model import CallCode, Document, Stream
from replay.targets.base import is_refusal
from replay.targets.cursor import is_transition

BASES = 2
"""Steps that need a cause, of different calls, that are looked around."""

FIRST_ODD = 180
THEN_ODD = 80
"""Steps with odd numbers around one of these, before and after it is known which of them matter."""

TIES = 60
"""Steps with numbers on a tie, and as many with a few things changed: where an edit is in force."""

NAMED = 160
"""Steps with other values of the fields that an edit names."""

PAIRED = 80
"""The same with another number beside it: what one value says may depend on which is larger."""

MOST_PAIRED = 6
"""Named values of which two get others together."""

FACTORS = (0.25, 0.9, 1.1, 4.0)
"""What such a number is multiplied by."""

ELSEWHERE = 160
"""Steps of other calls that hold what a reading speaks of."""

AT_AN_END = 24
"""The same where the shadow crashes or hangs: it is begun anew after each."""

LONG_WORD = 6
"""Letters of a word that says which field is meant, though it is only a part of its name."""

SHOWN = 3
"""Records of a list that are lost, doubled and turned."""

RIGHT_ONES = 60
"""Steps that differ and are accounted for, of those asked around one cause, that are kept."""


SIZES: tuple[Document, ...] = (None, {}, {"A": 2.0}, {"B": 2.0}, {"A": 2.0, "B": 3.0})
"""Sizes of orders by trade: of one trade, of both, of none."""

_HOLDERS = (Mapping, list, tuple)

_WORD = re.compile(r"[A-Za-z_]\w*")


class Challenge:
    """Meets each cause once; what it asked is in the pool afterwards, as far as it tells."""

    def __init__(
        self,
        pool: Pool,
        asking: Asking,
        necessity: Necessity,
        clock: Clock,
        ends: KnownEnds,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._asking = asking
        self._necessity = necessity
        self._ends = ends
        self._met: set[Statement] = set()

    def has_met(self, cause: Statement) -> bool:
        """Whether a cause was put to the test."""
        return cause in self._met

    def meet_next(self, share: float) -> bool:
        """Puts causes in force to the test until something is not accounted for, or that share of
        the budget is spent. False where all that were put to the test stand."""
        for cause in list(self._pool.causes):
            if self._clock.beyond(share):
                return False
            if self._asking.storm:
                return False  # what was not asked is no test
            if not self.has_met(cause) and self._meet(cause):
                return True
        return False

    def _meet(self, cause: Statement) -> bool:
        """Whether steps made for a cause turned up that are not accounted for."""
        _, needs = self._necessity.needed_by(cause)
        if not needs:
            return False  # it is dropped where nothing needs it in the end
        asked = list(self._asked(cause, smallest(needs)))
        if not self._asking.storm:
            self._met.add(cause)
        # What a cause does not speak of is no matter of its own; it is found where it is met.
        asked = [one for one in asked if self._matters(cause, one)]
        wrong = self._pool.wrong(self._pool.causes, asked)
        is_wrong = set(wrong)
        right = [one for one in asked if one.authority_left and one not in is_wrong]
        self._pool.add([*wrong, *right[:RIGHT_ONES]])
        return bool(wrong)

    def _matters(self, cause: Statement, step: Answered) -> bool:
        return not isinstance(cause, Reading) or self._pool.corrected.speaks_of(cause, step)

    def _asked(self, cause: Statement, needs: list[Answered]) -> Iterator[Answered]:
        if isinstance(cause, Reading):
            yield from self._ask(self._elsewhere(cause))
            if cause.taking in ENDS:
                return
        if isinstance(cause, Edited) and _rounds(cause.edit):
            cases = [needs[0].stream, *(step.stream for step in self._of_all_kinds())]
            core = self._pool.corrected.core
            yield from self._ask(rare_steps(core, cause.edit, cases, 1))
        bases = list({_call(step): step for step in reversed(needs)}.values())[::-1]
        if isinstance(cause, Edited):
            # The smallest hold next to nothing, so that much comes to the same there.
            telling = sorted(needs, key=lambda step: (-step.telling, step.size))
            looked_at = (*bases[:BASES], *needs[: BASES * 2], *telling[: BASES * 2])
            looked_at = tuple(dict.fromkeys(looked_at))
            for way, most in ((_with_others, NAMED), (_with_two_others, PAIRED)):
                rows = [way(cause.edit, base) for base in looked_at]
                turns = (one for row in zip_longest(*rows) for one in row if one is not None)
                yield from self._ask(self._ends.past(islice(turns, most)))
        for seed, base in enumerate(bases[:BASES], 1):
            yield from self._around(base, seed)
            if not isinstance(cause, Writing):
                # A value that only one comparison takes for another is used elsewhere as it is.
                ties = islice(tie_changes([base.stream], seed), TIES)
                yield from self._ask(self._ends.past(ties))
                mixed = mixed_changes([base.stream], 100 + seed, unreadable=False)
                yield from self._ask(self._ends.past(islice(mixed, TIES)))

    def _around(self, base: Answered, seed: int) -> Iterator[Answered]:
        """Odd numbers in the place of others: each once or twice, then those that matter."""
        made = list(islice(first_of_each(base), FIRST_ODD))
        asked = self._ask(self._ends.past(stream for _, stream in made))
        yield from asked
        leaf_of = {text_of(stream): leaf for leaf, stream in made}
        moved = [step for step in asked if matters(base, step)]
        leaves = list(dict.fromkeys(leaf_of[text_of(step.stream)] for step in moved))
        more = islice(of_those(base, leaves, seed), THEN_ODD)
        yield from self._ask(self._ends.past(more))

    def _elsewhere(self, rule: Reading) -> Iterator[Stream]:
        """What a reading speaks of in small steps of all kinds that the shadow answered: whether a
        value is refused, or taken for another, may depend on who needs it."""
        steps = [one for one in self._of_all_kinds() if not one.meets(rule)]
        rows = [self._within(rule, step) for step in steps]
        most = AT_AN_END if rule.taking in (Taking.CRASH, Taking.HANG) else ELSEWHERE
        turns = chain.from_iterable(zip_longest(*rows))
        return islice((stream for stream in turns if stream is not None), most)

    def _of_all_kinds(self) -> list[Answered]:
        """The smallest step of each kind that both cores answered, by its call and its records; but
        for checks of invariants: what these answer where the authority cannot read the state has
        no state to be held against."""
        answered = [
            one
            for one in self._pool.steps
            if not one.has_ended
            and not is_refusal(one.authority)
            and _call(one) not in (CallCode.CHECK_INVARIANTS, -1)
        ]
        kinds = {(_call(step), _orders(step)): step for step in reversed(smallest(answered))}
        return [kinds[kind] for kind in sorted(kinds)]

    @staticmethod
    def _within(rule: Reading, step: Answered) -> Iterator[Stream]:
        fields = [leaf for leaf in step.leaves if rule.pattern.has(leaf.field)]
        pairs = [
            (leaf, value)
            for leaf in {leaf.field: leaf for leaf in reversed(fields)}.values()
            for value in VALUES
            if rule.meets(leaf._replace(value=value))
            and not (value is ABSENT and leaf.value is ABSENT)
        ]
        Random(1).shuffle(pairs)
        return (with_changes(step, {leaf.path: value}) for leaf, value in pairs)

    def _ask(self, streams: Iterable[Stream]) -> list[Answered]:
        return self._asking.ask(list(streams))


def _with_others(edit: Edit, base: Answered) -> Iterator[Stream]:
    """A step with other values of what an edit names: of two flags in one condition the steps that
    need the edit may have only one set."""
    words = _words(edit)
    named = _named(words, base)
    yield from _with_other_records(words, base)
    for one, other in combinations([leaf for leaf in named if leaf.field.kind == "b"], 2):
        for is_set in (False, True):
            yield with_changes(base, {one.path: is_set, other.path: not is_set})
    for leaf in named:
        texts = TEXTS.get(leaf.field.name, ()) if leaf.field.kind == "e" else ()
        for value in (*texts, *OTHER_VALUES.get(leaf.field.kind, ())):
            if value != leaf.value:
                yield with_changes(base, {leaf.path: value})


def _with_two_others(edit: Edit, base: Answered) -> Iterator[Stream]:
    """A step with another value of what an edit names, and another number elsewhere."""
    named = _named(_words(edit), base)
    numbers = [
        leaf
        for leaf in distinct(base.leaves)
        if isinstance(leaf.value, float) and leaf.value and leaf.field.records != "completed_cycles"
    ]
    pairs = [
        ({leaf.path: value}, {other.path: other.value * factor})
        for leaf in named
        for value in OTHER_VALUES.get(leaf.field.kind, ())
        if value != leaf.value
        for other in numbers
        if other.path != leaf.path
        for factor in FACTORS
    ]
    pairs += [
        ({leaf.path: value}, {other.path: another})
        for leaf, other in combinations(named[:MOST_PAIRED], 2)
        for value in OTHER_VALUES.get(leaf.field.kind, ())
        for another in OTHER_VALUES.get(other.field.kind, ())
    ]
    Random(1).shuffle(pairs)
    return (with_changes(base, {**one, **other}) for one, other in pairs)


def _words(edit: Edit) -> frozenset[str]:
    """The names in an edit, and in what it says."""
    text = " ".join((edit.says, *(place.new for place in edit.places)))
    return frozenset(_WORD.findall(text))


def _named(words: frozenset[str], base: Answered) -> list[Leaf]:
    """The values of a step whose fields are among some names."""
    # Where a name is put together, its beginning stands in the text.
    begins = tuple(word for word in words if word.endswith("_") and len(word) > 1)
    nearness = {
        leaf: _nearness(leaf.field.name, words, begins)
        for leaf in distinct(base.leaves)
        if leaf.field.records != "completed_cycles" and not isinstance(leaf.value, _HOLDERS)
    }
    return sorted((leaf for leaf, near in nearness.items() if near), key=lambda one: -nearness[one])


def _with_other_records(words: frozenset[str], base: Answered) -> Iterator[Stream]:
    """A step with other records in the lists that an edit names, and with other sizes: what stands
    in a mapping, and how much, is named by whatever the core calls it."""
    start, steps = base.stream.start, base.stream.steps
    for sizes in SIZES if is_transition(steps[0].call) else ():
        if sizes != start.order_sizes:
            yield Stream(start._replace(order_sizes=sizes), steps, ORIGIN)
    state = start.state if isinstance(start.state, Mapping) else {}
    for name in sorted(words & state.keys()):
        records = state[name]
        if isinstance(records, list):
            for others in rearranged(records[-SHOWN:]):
                yield Stream(start._replace(state={**state, name: others}), steps, ORIGIN)


def _nearness(field: str, words: frozenset[str], begins: tuple[str, ...]) -> int:
    """How surely a field is what one of some names stands for, 0 where it is not: what a core keeps
    as `runtime_pct`, or as `refreshes`, may be `profit_pct_runtime` and `consecutive_refreshes_a`
    in a document."""
    if field in words or field.removesuffix("_a").removesuffix("_b") in words:
        return 3
    if begins and field.startswith(begins):
        return 3
    parts = set(field.split("_"))
    own = [set(word.split("_")) for word in words]
    if any(len(some) > 1 and some <= parts for some in own):
        return 2
    return int(any(len(part) >= LONG_WORD for part in parts & words))


def _rounds(edit: Edit) -> bool:
    """Whether an edit is another way to round, at one call or at all of them."""
    return any(helper in place.new for place in edit.places for helper in ROUNDINGS)


def _call(step: Answered) -> int:
    call = step.stream.steps[0].call
    return int(call[0]) if isinstance(call, tuple) else -1


def _orders(step: Answered) -> int:
    """Of which kinds a step has records."""
    state = step.documents["state"]
    names = ("orders", "recovery_orders") if isinstance(state, Mapping) else ()
    return sum(bool(state.get(name)) << place for place, name in enumerate(names))
