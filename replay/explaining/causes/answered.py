"""Single steps with what both cores truly answered: all that a cause is held against.

A step stands by itself: its documents as they came, or as the authority's state before it has
them, and its call. Cores are pure, so there is nothing more to it.
"""

from __future__ import annotations

import marshal
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeVar

from replay.differential.compare import compare
from replay.differential.model import Difference, Signature, whatever_record
from replay.differential.read_back import ReadBack
from replay.differential.single_steps import patched
from replay.errors import FailureStorm
from replay.explaining.causes.leaves import (
    ANY,
    Documents,
    Field,
    Leaf,
    Path,
    documents_of,
    leaves_of,
)
from replay.explaining.causes.statement import Reading, sorts_at
from replay.explaining.causes.value_sorts import Sort, is_sort
from replay.explaining.evidence.passages import UNHURRIED, Passage, Role, Witness
from replay.explaining.evidence.supply import packed
from replay.streams.model import CallCode, Document, Start, Step, Stream
from replay.targets.base import Failure, Outcome, StepResult, Target, Work, is_refusal
from replay.targets.compact import Plain, state_document
from replay.targets.cursor import settings_after
from replay.targets.readers import readers_of

K = TypeVar("K")
V = TypeVar("V")

BySort = Mapping[Sort, Mapping[Field, Sequence[Leaf]]]
"""Leaves by the sorts that their values are of, and by their fields."""

_MOST_ANSWERS = 500
"""Answers of which it is kept, with a step, where they differ."""

_MOST_MET = 300
"""Readings of which it is kept, with a step, what they meet there and what comes of it."""

MOST_TELLING = 6
"""Different fractions in a step that are as good as more."""

REFUSAL = frozenset({"refusal"})
"""What differs where one side gave no answer."""


def keep(known: dict[K, V], key: K, value: V, most: int = _MOST_MET) -> V:
    """Keeps what was found out of a step, and gives it back; once it is too much, only that."""
    if len(known) >= most:
        known.clear()
    known[key] = value
    return value


@dataclass(frozen=True, eq=False)
class Answered:
    """One step and both answers to it. `finding` is the ID of the bucket that it was kept in, ""
    where it was generated; `origin` says where it was met. `due` are the fields that the shadow's
    answer names in any case, None for all; `told` is the authority's answer as a run has it, which
    names these and what it changed."""

    stream: Stream
    authority: Outcome
    shadow: StepResult
    before: Plain | None
    decimals: int
    finding: str = ""
    due: frozenset[int] | None = None
    told: Outcome | None = None
    cache: dict[Any, Any] = field(default_factory=dict, repr=False)
    begun: dict[Any, Any] = field(default_factory=dict, repr=False)
    left_by_effect: dict[Any, frozenset[str]] = field(default_factory=dict, repr=False)
    effects: dict[Any, object] = field(default_factory=dict, repr=False)
    met: dict[Reading, tuple[Leaf, ...]] = field(default_factory=dict, repr=False)
    met_next: dict[Reading, tuple[Leaf, ...]] = field(default_factory=dict, repr=False)
    known: dict[Any, Any] = field(default_factory=dict, repr=False)

    _left_by_answer: dict[bytes | None, frozenset[str]] = field(default_factory=dict, repr=False)

    @property
    def origin(self) -> str:
        """Where it was met."""
        return self.stream.origin

    @property
    def is_check(self) -> bool:
        """Whether it only asks for violations."""
        call = self.stream.steps[0].call
        return isinstance(call, tuple) and call[0] == CallCode.CHECK_INVARIANTS

    @cached_property
    def documents(self) -> Documents:
        """What the step has to read."""
        return documents_of(self.stream)

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """All values of its documents."""
        return leaves_of(self.stream)

    @cached_property
    def by_sort(self) -> BySort:
        """Its leaves by the sorts that they are of, and by fields."""
        return sorted_out(self.leaves)

    def meets(self, rule: Reading) -> bool:
        """Whether a reading has anything to say of it."""
        return bool(self.leaves_met(rule))

    def leaves_met(self, rule: Reading) -> tuple[Leaf, ...]:
        """The values that a reading has something to say of, one for each field and value."""
        known = self.met.get(rule)
        if known is None:
            if self.is_asked_once:
                known = leaves_met(rule, self._leaves_in(rule.pattern.root))
            else:
                known = sorted_leaves_met(rule, self.by_sort)
            keep(self.met, rule, known)
        return known

    @property
    def is_asked_once(self) -> bool:
        """Whether it is a step of a run, asked of a few statements and never again: then sorting
        out all of its values would cost more than looking for some."""
        return self.due is not None

    def _leaves_in(self, root: str) -> tuple[Leaf, ...]:
        """The leaves of one document, or of all."""
        if root == ANY:
            return self.leaves
        known: tuple[Leaf, ...] | None = self.cache.get(("leaves", root))
        if known is None:
            known = self.cache["leaves", root] = leaves_of(self.stream, root)
        return known

    @cached_property
    def size(self) -> int:
        """How much a reader has to take in."""
        return len(repr(self.stream.start)) + len(repr(self.stream.steps[0].call))

    @cached_property
    def telling(self) -> int:
        """How many different fractions it holds, up to some: of a step made as small as can be most
        values are nothing, and nearly any change of a formula comes to the same."""
        return min(MOST_TELLING, len(self.fractions))

    @cached_property
    def fractions(self) -> frozenset[float]:
        """The different fractions that it holds, but for those of its history."""
        values = (leaf for leaf in self.leaves if leaf.field.records != "completed_cycles")
        return frozenset(one.value for one in values if is_sort(Sort.FRACTION, one.value))

    @property
    def has_ended(self) -> bool:
        """Whether the shadow refused, crashed or hung."""
        return isinstance(self.shadow, Failure) or is_refusal(self.shadow)

    @cached_property
    def authority_left(self) -> frozenset[str]:
        """Where the cores' own answers differ."""
        return self.left(self.authority, refusals_agree=True)

    def left(self, answer: StepResult, *, refusals_agree: bool) -> frozenset[str]:
        """Where an answer is not the shadow's: paths, none where it is the same.

        Two refusals are the same where `refusals_agree`: an edit that makes the core raise just
        anything must not pass for a refusal.
        """
        theirs = self.shadow
        if isinstance(answer, Failure) or isinstance(theirs, Failure):
            same = (
                isinstance(answer, Failure)
                and isinstance(theirs, Failure)
                and answer.kind is theirs.kind
            )
            return frozenset() if same else REFUSAL
        if is_refusal(answer) and is_refusal(theirs):
            return frozenset() if refusals_agree else REFUSAL
        # Most of the thousands of edits that a step meets come to one of a few answers.
        key = written_down(answer)
        known = self._left_by_answer.get(key)
        if known is None:
            known = self._differing(answer, theirs)
            if key is not None and len(self._left_by_answer) < _MOST_ANSWERS:
                self._left_by_answer[key] = known
        return known

    def differences(self, answer: StepResult) -> Sequence[Difference]:
        """How an answer differs from the shadow's; nothing where one of them is none."""
        theirs = self.shadow
        if isinstance(answer, Failure) or isinstance(theirs, Failure):
            return ()
        if is_refusal(answer) or is_refusal(theirs):
            return ()
        return self._compared(answer, theirs) or ()

    def told_otherwise(self, answer: StepResult) -> dict[str, str]:
        """What an answer has where it differs from the shadow's, as text, by path."""
        return {one.path: repr(one.authority) for one in self.differences(answer)}

    def _differing(self, answer: Outcome, theirs: Outcome) -> frozenset[str]:
        found = self._compared(answer, theirs)
        if found is None:
            return frozenset({"garbage"})
        return frozenset(difference.path for difference in found)

    def _compared(self, answer: Outcome, theirs: Outcome) -> Sequence[Difference] | None:
        """How two answers differ, None where they cannot be compared."""
        try:
            return compare(answer, theirs, self.before, self.decimals)
        except Exception:  # what an edit makes of an answer may be anything
            return None


def written_down(answer: Outcome) -> bytes | None:
    """The same for answers that are the same to the last bit, None for what cannot be written."""
    try:
        return marshal.dumps(answer, 2)  # no references: these are not the same each time
    except ValueError:
        return None


def leaves_met(rule: Reading, leaves: Sequence[Leaf]) -> tuple[Leaf, ...]:
    """The leaves that a reading has something to say of, one for each field and value."""
    found: dict[object, Leaf] = {}
    for leaf in leaves:
        if rule.meets(leaf):
            found.setdefault(key_of(leaf), leaf)
    return tuple(found.values())


def sorted_leaves_met(rule: Reading, by_sort: BySort) -> tuple[Leaf, ...]:
    """The same for leaves that are sorted out."""
    by_field = by_sort.get(rule.sort, {})
    return tuple(
        leaf for one in rule.pattern.among(by_field) for leaf in by_field[one] if rule.takes(leaf)
    )


def sorted_out(leaves: Sequence[Leaf]) -> BySort:
    """Leaves by the sorts that they are of, and by fields: one for each value of a field."""
    seen = {key_of(leaf): leaf for leaf in reversed(leaves)}
    # Most values of a field are of the same sorts: a history has hundreds.
    alike: dict[tuple[Field, tuple[Sort, ...]], list[Leaf]] = defaultdict(list)
    for key, leaf in seen.items():
        alike[leaf.field, _sorts_of(key, leaf)].append(leaf)
    found: dict[Sort, dict[Field, list[Leaf]]] = defaultdict(dict)
    for (where, sorts), some in alike.items():
        for sort in sorts:
            by_field = found[sort]
            by_field[where] = [*by_field[where], *some] if where in by_field else some
    return dict(found)


def key_of(leaf: Leaf) -> tuple[Field, str | Path]:
    """The same for leaves of one field with the same value. Of what holds values itself no two
    count as the same: to find that out takes longer than looking at both."""
    value = leaf.value
    return leaf.field, leaf.path if isinstance(value, _HOLDERS) else repr(value)


_HOLDERS: Final = (dict, list, tuple)


_SORTS: Final[dict[tuple[Field, str], tuple[Sort, ...]]] = {}
_MOST_SORTED: Final = 50_000
_LONG: Final = 100
"""Of the fields and values of a few hundred steps most are the same in all of them."""


def _sorts_of(key: tuple[Field, str | Path], leaf: Leaf) -> tuple[Sort, ...]:
    """What `sorts_at` says. It looks at the key, and of what holds values at its type alone."""
    where, text = key
    if not isinstance(text, str):
        text = type(leaf.value).__qualname__
    known = _SORTS.get((where, text))
    if known is None:
        known = sorts_at(leaf)
        if len(_SORTS) < _MOST_SORTED and len(text) < _LONG:
            _SORTS[where, text] = known
    return known


def singly(passage: Passage) -> Iterator[tuple[Stream, int, bool]]:
    """Each step of a passage as a stream of one step from the authority's state as a document, with
    its place, and whether the authority's reader makes of that what it held; without those before
    which no state could be read."""
    start = passage.stream.start
    is_told = ReadBack(passage.readers)
    settings: dict[str, Document] = {
        name: value for name, value in start._asdict().items() if name != "state"
    }
    for place, step in enumerate(passage.stream.steps):
        changes = step.changes or {}
        given = settings | {name: changes[name] for name in settings if name in changes}
        if changes:
            answered = not is_refusal(passage.authority[place])
            # What cannot be read leaves in force what was there.
            settings = settings_after(settings, step, answered=answered)
        before, _ = passage.befores[place]
        same = True
        if place == 0 and not changes:
            state = start.state
        elif "state" in changes:
            state = changes["state"]
        elif before is not None:
            state, same = state_document(before), is_told(before)
        else:
            continue
        if "patch" in changes:
            patch = changes["patch"]
            if not isinstance(state, Mapping) or not isinstance(patch, Mapping):
                continue
            state = patched(state, patch)
        one = Start(state, **given)
        yield Stream(one, (Step(step.call, None, step.line),), passage.stream.origin), place, same


class Asking:
    """Asks both cores single steps. `storm` says why they are not asked any more, if not; `usable`
    picks those that can be used."""

    def __init__(
        self,
        authority: Target,
        shadow: Target,
        usable: Callable[[list[Answered]], list[Answered]] = lambda steps: steps,
    ) -> None:
        self._usable = usable
        # The signature is of no matter here: every step is looked at.
        self._authority = authority
        nobody = Signature("", "", "", "")
        self._witness = Witness(authority, shadow, nobody, patience=UNHURRIED)
        self.storm = ""
        self.asked = 0

    def ask(self, streams: Iterable[Stream], finding: str = "") -> list[Answered]:
        """The steps with their answers, in order; without those that the authority failed on."""
        if self.storm:
            return []
        try:
            passages = self._witness.ask(packed(iter(streams)))
        except FailureStorm as storm:
            self.storm = storm.message
            return []
        if self._witness.gave_up:
            self.storm = "a core failed too often"
        answered = self._usable(
            [one for passage in passages for one in answers_of(passage, finding)]
        )
        self.asked += len(answered)
        return answered

    def singles(self, streams: Iterable[Stream]) -> Iterator[Stream]:
        """Every step of streams by itself, from the authority's state before it; without those that
        the authority failed on, or before which it held something that no document can hand to a
        core."""
        return (single for single, _, same in self._singles(streams) if same)

    def lasts(self, streams: Iterable[Stream]) -> Iterator[Stream]:
        """The last step of each stream by itself, from the state before it as the shadow gets it;
        none of a stream where that could not be read."""
        return (single for single, is_last, _ in self._singles(streams) if is_last)

    def _singles(self, streams: Iterable[Stream]) -> Iterator[tuple[Stream, bool, bool]]:
        try:
            yield from self._one_by_one(streams)
        except FailureStorm as storm:
            self.storm = storm.message

    def _one_by_one(self, streams: Iterable[Stream]) -> Iterator[tuple[Stream, bool, bool]]:
        for number, stream in enumerate(streams):
            work = Work(-1 - number, stream.start, stream.steps, last=True)
            self._authority.submit(work)
            results = self._authority.collect().results
            outcomes = tuple(one for one in results if not isinstance(one, Failure))
            if len(outcomes) < len(results):
                continue
            nothing = (None,) * len(outcomes)
            roles = (Role.ELSEWHERE,) * len(outcomes)
            readers = readers_of(self._authority)
            passage = Passage(stream, outcomes, outcomes, roles, nothing, None, readers)
            last = len(stream.steps) - 1
            for single, place, same in singly(passage):
                yield single, place == last, same


def answers_of(passage: Passage, finding: str = "") -> Iterator[Answered]:
    """The steps of a passage, one by one."""
    for stream, place, same in singly(passage):
        if not same:
            continue
        before, decimals = passage.befores[place]
        shadow, ours = passage.shadow[place], passage.authority[place]
        yield Answered(stream, ours, shadow, before, decimals, finding)


def row_of(left: Iterable[str]) -> frozenset[str]:
    """What differs, whatever the record: steps that differ alike are of one row."""
    return frozenset(map(whatever_record, left))


def smallest(steps: Sequence[Answered]) -> list[Answered]:
    """The steps, those that are read soonest first."""
    return sorted(steps, key=lambda step: step.size)
