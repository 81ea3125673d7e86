"""Records from and to JSON values (reducer.md, "Reading a state"; protocol.md, part 1).

The readers are derived from the annotations in `records`, so a record's fields stand in one
place. Fields are read in the order they are serialised in, a whole list before the next field,
and the first value that cannot be read is refused with its path: the other core names the same
one. Fields not known are ignored, since newer bots write more.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar, get_type_hints

from .evolving import evolve
from .numbers import INT_MAX, INT_MIN
from .records import (
    Action,
    CycleRecord,
    EngineConfig,
    Event,
    FillEvent,
    OrderState,
    PairState,
    PriceTick,
    RecoveryCancelEvent,
    RecoveryFillEvent,
    RecoveryOrder,
    Role,
    Side,
    TimerTick,
    TradeId,
)
from .refusals import UnknownEventError, UnreadableError, describe

R = TypeVar("R")
Document = dict[str, Any]


class _WrongValue(Exception):
    """A value that its reader refuses. Whoever knows the path turns it into UnreadableError."""


# --- Values -----------------------------------------------------------------------------------


def _double(value: object) -> float:
    if type(value) is float:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _WrongValue(f"expected a number, got {describe(value)}")
    try:
        return float(value)
    except OverflowError:
        reason = f"expected a number that a double can hold, got {describe(value)}"
        raise _WrongValue(reason) from None


def _int(value: object) -> int:
    if isinstance(value, float):
        # False for infinities and NaN, too: neither has an integer.
        if not value.is_integer():
            raise _WrongValue(f"expected an int, got {describe(value)}")
        value = int(value)
    elif isinstance(value, bool) or not isinstance(value, int):
        raise _WrongValue(f"expected an int, got {describe(value)}")
    if not INT_MIN <= value <= INT_MAX:
        raise _WrongValue(f"expected an int of 64 bits, got {describe(value)}")
    return value


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise _WrongValue(f"expected true or false, got {describe(value)}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _WrongValue(f"expected a text, got {describe(value)}")
    return value


def _one_of(*texts: str) -> Callable[[object], str]:
    expected = " or ".join(repr(text) for text in texts)

    def read(value: object) -> str:
        # A tuple compares with ==, so a value that cannot be hashed is refused, not a crash.
        if not isinstance(value, str) or value not in texts:
            raise _WrongValue(f"expected {expected}, got {describe(value)}")
        return value

    return read


def _nullable(read: Callable[[object], R]) -> Callable[[object], R | None]:
    return lambda value: None if value is None else read(value)


_REGIMES: Final = MappingProxyType(
    {"BEARISH": 0, "RANGING": 1, "BULLISH": 2, "0": 0, "1": 1, "2": 2}
)


def normalise_regime(value: object) -> int | None:
    """A regime in any of the forms that old snapshots and callers use; null for all else."""
    if isinstance(value, str):
        return _REGIMES.get(value.strip().upper())
    # Cut towards zero, and without int(): infinities and NaN simply fall through.
    if isinstance(value, int | float) and -1 < value < 3:
        return int(value)
    return None


def _mode_source(value: object) -> str:
    if isinstance(value, str):
        source = value.strip().lower()
        if source in ("balance", "regime"):
            return source
    return "none"


# --- Records ----------------------------------------------------------------------------------

_READERS: Final[Mapping[Any, Callable[[object], Any]]] = MappingProxyType(
    {
        float: _double,
        float | None: _nullable(_double),
        int: _int,
        # The only nullable ints are regimes.
        int | None: normalise_regime,
        bool: _bool,
        str: _text,
        str | None: _nullable(_text),
        Side: _one_of("buy", "sell"),
        Role: _one_of("entry", "exit"),
        TradeId: _one_of("A", "B"),
    }
)


class _RecordCodec(Generic[R]):
    """Reads and writes one kind of record, field by field in serialised order."""

    def __init__(
        self, record_type: type[R], own: Mapping[str, Callable[[object], Any]] | None = None
    ) -> None:
        """`own` are readers for the fields whose annotation does not say all."""
        hints = get_type_hints(record_type)
        # `fields` asks for a dataclass, and no type can say that R is one.
        definitions = fields(record_type)  # type: ignore[arg-type]
        self._type = record_type
        self.names: Final = tuple(field.name for field in definitions)
        self._fields = tuple(
            (
                field.name,
                own[field.name] if own and field.name in own else _READERS[hints[field.name]],
                field.default,
            )
            for field in definitions
        )

    def read(self, document: Mapping[str, object], prefix: str = "") -> R:
        """The record; a path in an error is the prefix and the name of the field."""
        values = []
        name = ""
        try:
            for name, read, default in self._fields:
                if name in document:
                    values.append(read(document[name]))
                elif default is MISSING:
                    raise _WrongValue("is missing")
                else:
                    values.append(default)
        except _WrongValue as error:
            raise UnreadableError(prefix + name, str(error)) from None
        return self._type(*values)

    def read_some(self, document: Mapping[str, object]) -> dict[str, Any]:
        """The values of those fields that are there, in serialised order."""
        values: dict[str, Any] = {}
        for name, read, _ in self._fields:
            if name in document:
                values[name] = _read_at(name, read, document[name])
        return values

    def write(self, record: R) -> Document:
        """The record as a JSON object."""
        return {name: getattr(record, name) for name in self.names}


def _read_at(path: str, read: Callable[[object], R], value: object) -> R:
    """A value that stands alone, refused with its path."""
    try:
        return read(value)
    except _WrongValue as error:
        raise UnreadableError(path, str(error)) from None


def _list_of(codec: _RecordCodec[R], name: str) -> Callable[[object], tuple[R, ...]]:
    """A reader of a list of records. It drops entries that are not objects."""

    def read(value: object) -> tuple[R, ...]:
        if not isinstance(value, list | tuple):
            raise _WrongValue(f"expected a list, got {describe(value)}")
        return tuple(
            # The index is that of the list as it was sent, dropped entries included.
            codec.read(entry, f"{name}[{index}].")
            for index, entry in enumerate(value)
            if isinstance(entry, dict)
        )

    return read


_ORDER: Final = _RecordCodec(OrderState)
_RECOVERY: Final = _RecordCodec(RecoveryOrder)
_CYCLE: Final = _RecordCodec(CycleRecord)
_STATE: Final = _RecordCodec(
    PairState,
    own={
        "orders": _list_of(_ORDER, "orders"),
        "recovery_orders": _list_of(_RECOVERY, "recovery_orders"),
        "completed_cycles": _list_of(_CYCLE, "completed_cycles"),
        "mode_source": _mode_source,
    },
)
_CONFIG: Final = _RecordCodec(EngineConfig)

# In the order in which protocol.md tells events apart by their fields.
_EVENTS: Final[tuple[_RecordCodec[Any], ...]] = (
    _RecordCodec(FillEvent),
    _RecordCodec(RecoveryFillEvent),
    _RecordCodec(RecoveryCancelEvent),
    _RecordCodec(PriceTick),
    _RecordCodec(TimerTick),
)


def _object(value: object, path: str) -> Document:
    if not isinstance(value, dict):
        raise UnreadableError(path, f"expected an object, got {describe(value)}")
    return value


# --- What the package offers ------------------------------------------------------------------


def from_dict(data: object) -> PairState:
    """Read a state; old snapshots load (reducer.md, "Reading a state").

    Paths in errors start at the state: `orders[0].local_id`, or `state` where it is no object.
    """
    document = dict(_object(data, "state"))
    document.setdefault("market_price", 0.0)
    document.setdefault("now", 0.0)
    # The fallback is read twice, but refused as `total_profit`, which comes first.
    document.setdefault("total_settled_usd", document.get("total_profit", 0.0))
    state = _STATE.read(document)
    # The last field in order, so its fallback is read after all others.
    if "profit_pct_runtime" not in document and "profit_pct" in document:
        profit = _read_at("profit_pct", _double, document["profit_pct"])
        state = evolve(state, profit_pct_runtime=profit)
    return state


def patch_state(state: PairState, patch: object) -> PairState:
    """The state with the top-level fields that the patch names; other names are ignored.

    The fields are read as by `from_dict`; journals and the wire carry such patches. The other
    fields, the history among them, are not read again.
    """
    return evolve(state, **_STATE.read_some(_object(patch, "state")))


def to_dict(state: PairState) -> Document:
    """The serialised state: JSON values, with infinities and NaN as floats."""
    document = _STATE.write(state)
    document["orders"] = [_ORDER.write(order) for order in state.orders]
    document["recovery_orders"] = [_RECOVERY.write(r) for r in state.recovery_orders]
    document["completed_cycles"] = [_CYCLE.write(cycle) for cycle in state.completed_cycles]
    return document


def event_from_dict(doc: object) -> Event:
    """Read an event, told apart by the fields that are there (protocol.md, part 1)."""
    document = _object(doc, "event")
    for codec in _EVENTS:
        if all(name in document for name in codec.names):
            event: Event = codec.read(document, "event.")
            return event
    raise UnknownEventError("the fields of the event fit no kind of event")


def event_to_dict(event: Event) -> Document:
    """The event's fields, without a type name."""
    return _plain(event)


def config_from_dict(doc: object) -> EngineConfig:
    """Read a configuration; missing fields are at their defaults."""
    return _CONFIG.read(_object(doc, "config"), "config.")


def config_to_dict(config: EngineConfig) -> Document:
    """The serialised configuration."""
    return _CONFIG.write(config)


def order_size_from(value: object) -> float:
    """Read `order_size_usd`, which is never null."""
    return _read_at("order_size_usd", _double, value)


def order_sizes_from(value: object) -> dict[str, float] | None:
    """Read `order_sizes`: null or an object, of which only `A` and `B` are looked at."""
    if value is None:
        return None
    document = _object(value, "order_sizes")
    return {
        trade_id: _read_at(f"order_sizes.{trade_id}", _double, document[trade_id])
        for trade_id in ("A", "B")
        if trade_id in document
    }


def action_to_dict(action: Action) -> Document:
    """The action's fields, without a type name."""
    return _plain(action)


def _plain(record: Event | Action) -> Document:
    return {field.name: getattr(record, field.name) for field in fields(record)}
