"""Events as they stand in files, and the calls they become.

A call is compact, `(code, *fields)`, only where the event has exactly the fields and types of its
kind, so that nothing of what was recorded is lost: any other event stays the document that it is,
for the cores to read or to refuse. Here is also which texts of a journal stand for numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from replay.streams.model import (
    CYCLE_FIELDS,
    EVENT_FIELDS,
    EVENT_NAMES,
    ORDER_FIELDS,
    RECOVERY_FIELDS,
    STATE_FIELDS,
    Call,
    CallCode,
    Document,
    call_name,
    code_of_document,
)

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_DOUBLE, _INT, _TEXT, _SIDE = range(4)
_FIELD_TYPES: Final = MappingProxyType(
    {"order_local_id": _INT, "recovery_id": _INT, "txid": _TEXT, "side": _SIDE}
)
_EVENT_SHAPES: Final = MappingProxyType(
    {
        code: tuple((name, _FIELD_TYPES.get(name, _DOUBLE)) for name in names)
        for code, names in EVENT_FIELDS.items()
    }
)
_CODES_BY_NAME: Final = MappingProxyType({name: code for code, name in EVENT_NAMES.items()})
UNNAMED_TYPES = ("", "unknown event")
"""The type names of an event that is kept as the document that it is."""


class UnusableError(ValueError):
    """A line, request or case is not of the form that formats.md gives it; the text says why."""


def compact_call(code: CallCode, event: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The call of an event that has exactly the fields and types of its kind, else None.

    An int where a double is asked for counts as one where a double holds it exactly.
    """
    shape = _EVENT_SHAPES[code]
    if len(event) != len(shape):
        return None
    fields: list[Any] = [int(code)]
    for name, wanted in shape:
        value = event.get(name)
        if wanted == _DOUBLE:
            if type(value) is not float:
                value = _exact_double(value)
                if value is None:
                    return None
        elif wanted == _INT:
            if type(value) is not int or not _INT_MIN <= value <= _INT_MAX:
                return None
        elif type(value) is not str or (wanted == _SIDE and value not in ("buy", "sell")):
            return None
        fields.append(value)
    return tuple(fields)


def _exact_double(value: object) -> float | None:
    if type(value) is not int:
        return None
    try:
        double = float(value)
    except OverflowError:
        return None
    return double if double == value else None


def call_of_event(event: Document) -> Call:
    """The call of an event without a type name, told apart by its fields (protocol.md, part 1).

    Raises UnusableError where it is no object.
    """
    if not isinstance(event, Mapping):
        raise UnusableError("its event is no object")
    code = code_of_document(event)
    return event if code is None else compact_call(code, event) or event


def call_of_typed_event(event: Document) -> Call:
    """The call of `{"type", "payload"}` (formats.md, "Journal" and "Parity case").

    The empty type and "unknown event" keep the payload as the document that it is. Raises
    UnusableError where the parts are missing, or where the type is not what the payload makes.
    """
    if not isinstance(event, dict) or "type" not in event or "payload" not in event:
        raise UnusableError('its event is no object with "type" and "payload"')
    kind, payload = event["type"], event["payload"]
    if not isinstance(kind, str):
        raise UnusableError("the type of its event is no text")
    if not isinstance(payload, dict):
        raise UnusableError("the payload of its event is no object")
    if kind in UNNAMED_TYPES:
        return payload
    code = _CODES_BY_NAME.get(kind)
    if code is not None:
        call = compact_call(code, payload)
        if call is not None:
            return call
    told_apart = code_of_document(payload)
    if told_apart != code:
        raise UnusableError(
            f"the type of its event is {kind[:40]!a}, "
            f"but the fields of the payload make {_article(told_apart)}"
        )
    return payload


def _article(code: CallCode | None) -> str:
    return "no known event" if code is None else f"a {EVENT_NAMES[code]}"


def typed_event_of(call: Call) -> dict[str, Document]:
    """`{"type", "payload"}` for a call, such that `call_of_typed_event` gives the call again."""
    if not isinstance(call, Mapping):
        code = CallCode(call[0])
        payload: dict[str, Document] = dict(zip(EVENT_FIELDS[code], call[1:], strict=True))
        return {"type": EVENT_NAMES[code], "payload": payload}
    code_told = code_of_document(call)
    named = code_told is not None and compact_call(code_told, call) is None
    return {"type": call_name(call) if named else "", "payload": dict(call)}


# --- Numbers that stand as texts --------------------------------------------------------------

NON_FINITE: Final[Mapping[str, float]] = MappingProxyType(
    {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}
)
"""The texts that stand for numbers in a journal (formats.md, "Journal")."""

_NOT_NUMBERS = frozenset(
    ("orders", "recovery_orders", "completed_cycles", "side", "role", "trade_id", "txid", "reason",
     "regime_at_entry", "mode_source", "last_refresh_direction_a", "last_refresh_direction_b",
     "long_only", "short_only", "from_recovery", "sticky_mode_enabled")
)  # fmt: skip
_STATE_NUMBERS = frozenset((*STATE_FIELDS, "profit_pct")) - _NOT_NUMBERS
_RECORD_NUMBERS: Final = MappingProxyType(
    {
        "orders": frozenset(ORDER_FIELDS) - _NOT_NUMBERS,
        "recovery_orders": frozenset(RECOVERY_FIELDS) - _NOT_NUMBERS,
        "completed_cycles": frozenset(CYCLE_FIELDS) - _NOT_NUMBERS,
    }
)
_EVENT_NUMBERS = frozenset(name for names in EVENT_FIELDS.values() for name in names) - _NOT_NUMBERS


def has_number_texts(line: bytes) -> bool:
    """Whether a line may have a number as a text at all: a cheap look before the search."""
    return b'Infinity"' in line or b'NaN"' in line


def event_numbers(payload: Document) -> Document:
    """An event's payload with the texts that stand for numbers as numbers."""
    return _numbers(payload, _EVENT_NUMBERS)


def state_numbers(state: Document) -> Document:
    """A state, or a patch of one, with the texts that stand for numbers as numbers.

    Only the fields that ask for a number are looked at: a txid or a reason "NaN" is a text.
    """
    if not isinstance(state, Mapping):
        return state
    changed = dict(_numbers(state, _STATE_NUMBERS))  # type: ignore[arg-type]
    for name, numbers in _RECORD_NUMBERS.items():
        records = changed.get(name)
        if isinstance(records, list):
            changed[name] = [_numbers(record, numbers) for record in records]
    return changed


def config_numbers(config: Document) -> Document:
    """A config with the texts that stand for numbers as numbers: all its fields but one are."""
    if not isinstance(config, Mapping):
        return config
    return _numbers(config, frozenset(config) - _NOT_NUMBERS)


def size_number(value: Document) -> Document:
    """An order size, as a number where it is a text that stands for one."""
    return NON_FINITE.get(value, value) if isinstance(value, str) else value


def sizes_numbers(sizes: Document) -> Document:
    """The order sizes with the texts that stand for numbers as numbers."""
    return _numbers(sizes, frozenset(("A", "B")))


def _numbers(document: Document, names: frozenset[str]) -> Document:
    if not isinstance(document, Mapping):
        return document
    return {
        name: NON_FINITE.get(value, value) if isinstance(value, str) and name in names else value
        for name, value in document.items()
    }


CHANGE_NUMBERS: Final = MappingProxyType(
    {
        "state": state_numbers,
        "patch": state_numbers,
        "config": config_numbers,
        "order_size_usd": size_number,
        "order_sizes": sizes_numbers,
    }
)
"""For each key of a step's changes, what turns its texts into numbers."""
