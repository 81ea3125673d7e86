"""The plain form of a state, and the way from and to documents and deltas.

A *plain state* is a list of 30 values in the order of STATE_FIELDS, as on the wire of the replay
method: records are sequences of their fields, in the order of reducer.md, and the history is a
History. Applying a delta is a handful of assignments, and `list(plain)` is a snapshot, since
nothing inside a plain state is ever changed in place. All here is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, overload

from replay.core import CoreError, from_dict
from replay.streams.model import (
    CYCLES,
    ORDERS,
    RECORD_FIELDS,
    RECOVERIES,
    STATE_FIELDS,
    Document,
)
from replay.targets.base import MISSING

Plain: TypeAlias = "list[Any]"
Record: TypeAlias = "Sequence[Any]"

INDEX_OF: Mapping[str, int] = {name: index for index, name in enumerate(STATE_FIELDS)}
ALL_FIELDS: frozenset[int] = frozenset(range(len(STATE_FIELDS)))

# What each field holds: d double, i int, b bool, t text, and the nullable D, I, T.
STATE_KINDS = "dd...iiiiddddiDDiiddbbtiiTTddd"
RECORD_KINDS: Mapping[int, str] = {
    ORDERS: "ittddtitddddI",
    RECOVERIES: "itddtiddddttI",
    CYCLES: "tidddddddddddd" + "bI",
}

ACTION_NAMES = ("PlaceOrderAction", "CancelOrderAction", "OrphanOrderAction", "BookCycleAction")
"""The class of each action, by action code."""

ACTION_FIELDS: tuple[tuple[str, ...], ...] = (
    ("local_id", "side", "role", "price", "volume", "trade_id", "cycle", "post_only", "reason"),
    ("local_id", "txid", "reason"),
    ("local_id", "recovery_id", "reason"),
    (
        "trade_id", "cycle", "net_profit", "gross_profit", "fees", "settled_usd",
        "from_recovery",
    ),
)  # fmt: skip
"""PlaceOrderAction, CancelOrderAction, OrphanOrderAction, BookCycleAction: by action code."""

_ACTION_KINDS = ("ittddtibt", "itt", "iit", "tiddddb")
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


class History(Sequence[Any]):
    """A history of records that cannot be changed, only extended into a new one.

    Longer and longer histories share one growing list, so that a snapshot costs nothing and a
    booking costs the booked record, however long the history is.
    """

    __slots__ = ("_length", "_shared")

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._shared: list[Record] = list(records)
        self._length = len(self._shared)

    def extended(self, keep: int, records: Sequence[Record]) -> History:
        """The first `keep` records and then `records`."""
        result = History.__new__(History)
        if keep > self._length:
            raise ValueError(f"keeps {keep} of {self._length} records")
        if records and keep != len(self._shared):
            # Someone else's records stand where ours would go.
            result._shared = self._shared[:keep]
        else:
            result._shared = self._shared
        result._shared.extend(records)
        result._length = keep + len(records)
        return result

    def goes_on_from(self, former: History) -> bool:
        """Whether it is another one, extended: the same records first."""
        return self._shared is former._shared and self._length >= former._length

    def tail(self, count: int) -> list[Record]:
        """The last `count` records, or all where there are fewer."""
        return self._shared[max(0, self._length - count) : self._length]

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return self._shared[: self._length][index]
        place = index + self._length if index < 0 else index
        if not 0 <= place < self._length:
            raise IndexError(index)
        return self._shared[place]

    def __iter__(self) -> Iterator[Record]:
        # Not over the shared list itself: it may grow meanwhile.
        return iter(self._shared[: self._length])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        if self._length != other._length:
            return False
        return self._shared is other._shared or all(map(same, self, other))

    __hash__ = None  # type: ignore[assignment]  # as a list: compared by value, not hashed

    def __repr__(self) -> str:
        return f"History({self[:]!r})"


def blank() -> Plain:
    """A plain state to apply a first delta to, which names all thirty fields."""
    plain: Plain = [None] * len(STATE_FIELDS)
    plain[ORDERS], plain[RECOVERIES], plain[CYCLES] = (), (), History()
    return plain


def apply_delta(plain: Plain, delta: Sequence[Any]) -> None:
    """Sets the fields that a delta names (docs/replay-method.md, "Answer body").

    Values that are no lists of records (from a core whose answer was odd) are taken as they are;
    one that keeps more records than there are keeps all.
    """
    for place in range(0, len(delta), 2):
        index, value = delta[place], delta[place + 1]
        if index == CYCLES:
            plain[CYCLES] = _history_after(plain[CYCLES], value)
        else:
            plain[index] = value


def _history_after(history: Any, value: Any) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 2 or type(value[0]) is not int:
        return value
    keep, records = value
    before = history if isinstance(history, History) else History()
    return before.extended(max(0, min(keep, len(before))), records)


def delta_between(before: Plain, after: Plain, due: Collection[int]) -> list[Any]:
    """The delta from one plain state to another; `due` are the fields it names in any case.

    A history that is due is written whole.
    """
    delta: list[Any] = []
    for index in range(len(STATE_FIELDS)):
        value, is_due = after[index], index in due
        if index == CYCLES:
            written = _history_delta(before[CYCLES], value, whole=is_due)
            if written is not None:
                delta += (index, written)
        elif is_due or not same(before[index], value):
            delta += (index, value)
    return delta


def _history_delta(before: Any, after: Any, *, whole: bool) -> Any:
    """What the delta says of the history; None where it is as it was."""
    if not isinstance(after, History):
        return after if whole or not same(before, after) else None
    if whole or not isinstance(before, History):
        return [0, after[:]]
    if before._shared is after._shared:
        keep = min(len(before), len(after))
    else:
        keep = common_start(before, after)
    if keep == len(before) == len(after):
        return None
    return [keep, after[keep:]]


def common_start(former: Sequence[Any], records: Sequence[Any]) -> int:
    """How many records at the start of two lists are the same."""
    count = 0
    for one, other in zip(former, records, strict=False):
        if not same(one, other):
            break
        count += 1
    return count


def same(one: Any, other: Any) -> bool:
    """IEEE equality of values and of all that lists hold: NaN differs from itself, 0.0 equals
    -0.0, a bool never equals a number, a double never an int."""
    kind = type(one)
    if kind is float or kind is int or kind is str:
        return kind is type(other) and bool(one == other)
    if isinstance(one, list | tuple):
        return (
            isinstance(other, list | tuple)
            and len(one) == len(other)
            and all(map(same, one, other))
        )
    if isinstance(one, Mapping):
        return (
            isinstance(other, Mapping)
            and one.keys() == other.keys()
            and all(same(value, other[name]) for name, value in one.items())
        )
    return type(one) is type(other) and bool(one == other)


# --- To and from documents --------------------------------------------------------------------


def state_document(plain: Plain) -> dict[str, Any]:
    """The state with all fields by name; a field that an odd answer left out is left out."""
    document: dict[str, Any] = {}
    for index, name in enumerate(STATE_FIELDS):
        value = plain[index]
        if value is MISSING:
            continue
        if index in RECORD_FIELDS and isinstance(value, list | tuple | History):
            value = [record_document(index, record) for record in value]
        document[name] = value
    return document


def record_document(index: int, record: Any) -> Any:
    """A record of the list at `index` (ORDERS, RECOVERIES, CYCLES) with its fields by name."""
    names = RECORD_FIELDS[index]
    if not isinstance(record, list | tuple) or len(record) != len(names):
        return record
    return {n: value for n, value in zip(names, record, strict=True) if value is not MISSING}


def action_document(action: Any) -> Any:
    """A compact action with its fields by name, without a type name."""
    if not isinstance(action, list | tuple) or not action or action[0] not in range(4):
        return action
    names = ACTION_FIELDS[action[0]]
    return {n: v for n, v in zip(names, action[1:], strict=False) if v is not MISSING}


def action_name(action: Any) -> str:
    """The class of a compact action; its text where it is of no kind."""
    if isinstance(action, list | tuple) and action and action[0] in range(4):
        return ACTION_NAMES[action[0]]
    return str(action)


def delta_document(delta: Sequence[Any]) -> dict[str, Any]:
    """The fields that a delta names, by name; of the history only what it adds, by its place."""
    document: dict[str, Any] = {}
    for index, value in zip(delta[::2], delta[1::2], strict=True):
        name = STATE_FIELDS[index]
        if index == CYCLES and isinstance(value, list | tuple) and len(value) == 2:
            keep, records = value
            for place, record in enumerate(records, keep):
                document[f"{name}[{place}]"] = record_document(index, record)
        elif index in RECORD_FIELDS and isinstance(value, list | tuple):
            document[name] = [record_document(index, record) for record in value]
        else:
            document[name] = value
    return document


def compact_state(document: Mapping[str, Any]) -> Plain:
    """The plain form of a state as a core answers it; nothing is refused.

    Integers for doubles and fraction-free doubles for ints become what is asked for; any other
    odd value stands as it is, MISSING where a field is left out, and unknown fields are ignored.
    """
    plain: Plain = [
        _normal(kind, document.get(name, MISSING))
        for name, kind in zip(STATE_FIELDS, STATE_KINDS, strict=True)
    ]
    for index in RECORD_FIELDS:
        if isinstance(plain[index], list | tuple):
            records = [compact_record(index, record) for record in plain[index]]
            plain[index] = History(records) if index == CYCLES else records
    return plain


def compact_record(index: int, document: Any) -> Any:
    """One record of the list at `index`, by the rules of `compact_state`."""
    if not isinstance(document, Mapping):
        return document
    return [
        _normal(kind, document.get(name, MISSING))
        for name, kind in zip(RECORD_FIELDS[index], RECORD_KINDS[index], strict=True)
    ]


def compact_action(document: Any) -> Any:
    """One action, told apart by its fields (protocol.md, part 1); one that fits no kind stays as
    it is."""
    if not isinstance(document, Mapping):
        return document
    has = document.keys()
    if has >= {"local_id", "side", "role", "price", "volume", "trade_id", "cycle"}:
        code = 0
    elif has >= {"local_id", "recovery_id"} and "trade_id" not in has:
        code = 2
    elif has >= {"trade_id", "cycle", "net_profit", "gross_profit", "fees"}:
        code = 3
    elif has >= {"local_id", "txid"}:
        code = 1
    else:
        return document
    names, kinds = ACTION_FIELDS[code], _ACTION_KINDS[code]
    return [
        code,
        *(_normal(kind, document.get(n, MISSING)) for n, kind in zip(names, kinds, strict=True)),
    ]


def _normal(kind: str, value: Any) -> Any:
    if type(value) is int and kind in "dD":
        try:
            return float(value)
        except OverflowError:
            return value
    if type(value) is float and kind in "iI" and value.is_integer():
        whole = int(value)
        return whole if _INT_MIN <= whole <= _INT_MAX else value
    return value


# --- What is set from outside -----------------------------------------------------------------


def read_state(document: Document) -> Plain | None:
    """The plain form of a state document, read as reducer.md says; None where it is refused."""
    try:
        state = from_dict(document)
    except CoreError:
        return None
    plain: Plain = [getattr(state, name) for name in STATE_FIELDS]
    for index, names in RECORD_FIELDS.items():
        records = [tuple(getattr(record, name) for name in names) for record in plain[index]]
        plain[index] = History(records) if index == CYCLES else records
    return plain


ReadState: TypeAlias = "Callable[[Document], Plain | None]"
"""A reader of states: the plain form, None where the document is refused."""


def named_fields(changes: Mapping[str, Document] | None) -> frozenset[int]:
    """The indices of the fields that `changes` sets, whatever it sets them to."""
    if not changes:
        return frozenset()
    if "state" in changes:
        return ALL_FIELDS
    patch = changes.get("patch")
    if not isinstance(patch, Mapping):
        return frozenset()
    return frozenset(INDEX_OF[name] for name in patch if name in INDEX_OF)


def apply_changes(
    plain: Plain | None, changes: Mapping[str, Document] | None, read_by: ReadState = read_state
) -> tuple[Plain | None, frozenset[int]]:
    """The state after `state` and `patch` of a step's changes, and the fields that they set.

    None stands for a state that could not be read. As docs/replay-method.md says, what cannot be
    read (by `read_by`, our own core's reader unless another is given) leaves the state as it was,
    and a patch on a state that cannot be read is ignored. `plain` itself is not changed.
    """
    touched: frozenset[int] = frozenset()
    if not changes:
        return plain, touched
    if "state" in changes:
        read = read_by(changes["state"])
        if read is None:
            return plain, touched
        plain, touched = read, ALL_FIELDS
    patch = changes.get("patch")
    if plain is None or not isinstance(patch, Mapping):
        return plain, touched
    fields = named_fields({"patch": patch})
    # Only what the patch names is read: the history of a long-lived slot must not be read again
    # for each exchange id. A state of nothing else reads as defaults.
    named = {name: value for name, value in patch.items() if name in INDEX_OF}
    read = read_by(named)
    if read is None and read_by is not read_state:
        # A module's reader may need fields that are not named.
        read = read_by({**state_document(plain), **named})
    if read is None:
        return plain, touched
    patched = list(plain)
    for index in fields:
        patched[index] = read[index]
    return patched, touched | fields
