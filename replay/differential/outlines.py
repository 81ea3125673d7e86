"""Steps that differ as others did before: whose bucket is known without working it out again.

A core that is wrong at every tick shows the same bug a hundred thousand times, with other figures
each time. Working out the signature costs more than everything else about such a step, and never
gives anything new. But which figures a signature looks at is signature.py's business, and a guess
about it here could put two bugs into one bucket. So nothing is guessed: when a step of some
*outline* is met again, its signature is worked out once more with all figures and names hidden
(unseen.py). Where the same comes out without anybody having looked at one of them, it depends on
the outline alone, and holds for all steps of this outline. Where somebody looked, the signature is
worked out each time.

The outline of a step has the code of the call, the fields that the two deltas name, the codes of
the actions, the violations, the words of a refusal or failure, what differs in which way, what the
orders in the state before are for, and the type of everything else.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple, NoReturn

from replay.differential.buckets import Known
from replay.differential.compare import classifier, compare, equal, unequal_fields
from replay.differential.conditions.unseen import Looked, Unseen, hidden, unseen_by
from replay.differential.model import Difference, DifferenceKind, Signature
from replay.differential.settings_in_force import Settings
from replay.differential.signature.signature import divergence_signature, failure_signature
from replay.differential.stencil import Mould, Verbatim
from replay.streams.model import ORDER_FIELDS, ORDERS, RECORD_FIELDS, STATE_FIELDS, Call
from replay.targets.base import (
    REFUSED,
    Failure,
    Outcome,
    StepResult,
    is_refusal,
)
from replay.targets.compact import Plain

MAX_OUTLINES = 10_000
"""Outlines that are remembered; with more, remembering begins anew."""

_SIDE, _ROLE, _TRADE = (ORDER_FIELDS.index(name) for name in ("side", "role", "trade_id"))

_TOLD_WHOLE = ("violations", "refusal")
"""What differs there are texts that are part of the outline."""


class Outlook(Enum):
    """What is said of an outline whose bucket is not known."""

    MET_ONCE = auto()
    FIGURES_MATTER = auto()
    ALIKE = auto()
    """Nothing differs after all: 0.0 and -0.0, 1 and 1.0."""


class Here(dict[Hashable, Known | Outlook]):
    """What is known of steps that start from states of one outline, by their keys. `moulds` has
    what some of them look like (stencil.py), by code and lengths."""

    __slots__ = ("moulds",)

    def __init__(self) -> None:
        super().__init__()
        self.moulds: dict[tuple[Any, int, int], Mould | Verbatim | None] = {}


class _HiddenSettings(Settings):
    """Settings that nobody may look at."""

    __slots__ = ()

    def _value(self, name: str, read: object) -> NoReturn:
        raise Looked(name)


_HIDDEN = _HiddenSettings({})


class Occurred(NamedTuple):
    """A step that differs, with all that its signature may depend on."""

    call: Call
    before: Plain | None
    authority: Outcome
    shadow: StepResult
    differences: Sequence[Difference]
    settings: Settings

    def signature(self) -> Signature:
        """The signature, worked out."""
        if isinstance(self.shadow, Failure):
            return failure_signature(self.call, self.before, self.shadow)
        return divergence_signature(*self)  # type: ignore[arg-type]

    def is_told_by_outline(self, signature: Signature) -> bool:
        """Whether this signature comes out when there is nothing to look at but the outline. Only
        for a step that has a key."""
        for _, kind, one, other in self.differences:
            if kind is DifferenceKind.TYPE and type(one) is type(other):
                return False  # odd values, of which nobody knows when they are equal
        try:
            return unseen_by(self._hidden().signature) == signature
        except Looked:
            return False

    def _hidden(self) -> Occurred:
        call, before = _hidden_call(self.call), _hidden_state(self.before)
        if isinstance(self.shadow, Failure):
            ours: Any = Unseen(list)
            return Occurred(call, before, ours, self.shadow, (), _HIDDEN)
        outcomes = _hidden_outcome(self.authority), _hidden_outcome(self.shadow)
        differences: Any = Unseen(tuple)
        if not plainly_different(self.authority, self.shadow):
            differences = tuple(map(_hidden_difference, self.differences))
        return Occurred(call, before, *outcomes, differences, _HIDDEN)


class Recurring:
    """What is known, by outline."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Here] = {}
        self._outlines = 0

    def at(self, before: Plain | None) -> Here:
        """What is known of steps from states like this one; to be added to by `learn`."""
        try:
            outlined = _state_outline(before)
            here = self._known.get(outlined)
        except (TypeError, IndexError):
            return Here()  # odd records, or what cannot be a key: known of this very state alone
        if here is None:
            here = self._known[outlined] = Here()
        return here

    def learn(
        self, here: Here, key: Hashable, occurred: Occurred, signature: Signature, known: Known
    ) -> None:
        """Remembers what a step with this signature came to, the second time that its outline is
        met: most that are met once are never met again."""
        if key not in here:
            self._outlines += 1
            if self._outlines > MAX_OUTLINES:
                self._known.clear()
                self._outlines = 0
            here[key] = Outlook.MET_ONCE
        elif here[key] is Outlook.MET_ONCE:
            told = occurred.is_told_by_outline(signature)
            here[key] = known if told else Outlook.FIGURES_MATTER


# --- Keys: the outline of all but the state before ---------------------------------------------


def plainly_different(authority: Outcome, shadow: StepResult) -> bool:
    """Whether it needs no comparing to see that two results differ, and mostly whose bug it is:
    the shadow has failed, or only one of them acts."""
    if isinstance(shadow, Failure):
        return True
    if len(authority) == REFUSED or len(shadow) == REFUSED:
        return len(authority) != REFUSED
    return bool(authority[1]) != bool(shadow[1])


def key_of(
    call: Call, authority: Outcome, shadow: StepResult, before: Plain | None, decimals: int
) -> tuple[Hashable, tuple[Difference, ...] | None]:
    """The key of a step on which the results have not the same bytes, None where it has none; and
    the differences, where they had to be worked out for that.

    The key has the types of all values, the fields that the deltas name, the codes of the actions,
    the violations, and what differs in which way. It is most of what a step of a flood costs.
    """
    if type(call) is not tuple:
        return None, None
    asked = (call[0], *map(type, call))
    if isinstance(shadow, Failure):
        return (*asked, shadow.kind, shadow.detail), None
    if len(authority) == REFUSED:
        return None, None
    if len(shadow) == REFUSED:
        return ((*asked, tuple(shadow)) if _are_texts(shadow) else None), None
    delta, actions, violations = authority
    their_delta, their_actions, their_violations = shadow
    names, their_names = delta[::2], their_delta[::2]
    key = [*asked, None, *names, *map(type, delta), None, *their_names, *map(type, their_delta)]
    if violations or their_violations:
        if not (_are_texts(violations) and _are_texts(their_violations)):
            return None, None
        key.append((tuple(violations), tuple(their_violations)))
    if actions or their_actions:
        if (actions and their_actions) or not all(map(_is_action, (*actions, *their_actions))):
            return None, None
        return (*key, tuple(map(_act, actions)), tuple(map(_act, their_actions))), None
    kind_of = classifier(decimals)
    for index, one, other in unequal_fields(delta, their_delta, before):
        if index in RECORD_FIELDS:
            differences = compare(authority, shadow, before, decimals)
            for path, kind, mine, its in differences:
                key += (path, kind, type(mine), type(its))
            return tuple(key), differences
        if not equal(one, other):
            kind = kind_of(STATE_FIELDS[index], one, other)
            key += (index, kind, type(one), type(other))
    return tuple(key), None


def _are_texts(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(type(value) is str for value in values)


def _is_action(action: Any) -> bool:
    return isinstance(action, list | tuple) and bool(action) and type(action[0]) is int


def _act(action: Sequence[Any]) -> Hashable:
    return (action[0], *map(type, action))


def _state_outline(plain: Plain | None) -> Hashable:
    """Of a plain state: what it has orders for, and the types of everything else. Raises TypeError
    or IndexError where its orders are none."""
    if plain is None:
        return ()
    outlined: list[Hashable] = [*map(type, plain)]
    for order in plain[ORDERS]:
        outlined += (None, *map(type, order), order[_SIDE], order[_ROLE], order[_TRADE])
    return tuple(outlined)


# --- The same with everything hidden but that -------------------------------------------------


def _hidden_call(call: Call) -> tuple[Any, ...]:
    assert isinstance(call, tuple), "only array calls have a key"
    return (call[0], *hidden(call[1:]))


def _hidden_outcome(outcome: Outcome) -> Outcome:
    if is_refusal(outcome):
        return list(outcome)
    delta, actions, violations = outcome
    values = hidden(delta)
    values[::2] = delta[::2]
    acted = [[action[0], *hidden(action[1:])] for action in actions]
    return [values, acted, None if violations is None else list(violations)]


def _hidden_difference(difference: Difference) -> Difference:
    if difference.path.startswith(_TOLD_WHOLE):
        return difference
    one, other = hidden(difference[2:])
    return difference._replace(authority=one, shadow=other)


def _hidden_state(plain: Plain | None) -> Plain | None:
    if plain is None:
        return None
    state = hidden(plain)
    state[ORDERS] = [_hidden_order(order) for order in plain[ORDERS]]
    return state


def _hidden_order(order: Sequence[Any]) -> list[Any]:
    hiding = hidden(order)
    for place in (_SIDE, _ROLE, _TRADE):
        hiding[place] = order[place]
    return hiding
