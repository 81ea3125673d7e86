"""What a bot calls itself around the reducer, as calls of a Python core (reducer.md, "Helpers
around the reducer").

Those that give a state are answered by it, as the caller then has it: the orders of
`bootstrap_orders` attached. Those that only answer a value leave the state as it is, and what they
answered stands in the outcome as texts, in the place of violations. A core that lacks a helper is
never asked: that is our refusal, and the step compares nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from replay.core import UnreadableError
from replay.streams.model import (
    HELPER_FIELDS,
    HELPER_NAMES,
    ORDER_FIELDS,
    ORDERS,
    STATE_FIELDS,
    VALUE_HELPERS,
    CallCode,
)
from replay.targets.compact import History
from replay.targets.python.bindings import Bindings, read_int
from replay.targets.python.normal import normal
from replay.targets.python.objects import compact_list
from replay.targets.python.own_records import evolved
from replay.targets.python.raised import Unmade

Answered = tuple[Any, Sequence[Any], "list[str] | None"]
"""The next state, the actions, and the texts of a value; None where there is none."""

Ask = Callable[[Any, Any, Any], Answered]
"""Asks a helper: state, config, size."""

LACKING = "has no"
"""How the refusal begins by which a core is not asked for a helper: `has no remove_order`."""


def answers_value(call: Any) -> bool:
    """Whether a call is of a helper that only answers a value."""
    return type(call) is tuple and call[0] in VALUE_HELPERS


def asked(bindings: Bindings, call: Sequence[Any]) -> Ask:
    """A call of a helper, ready to be asked. Raises Unmade where the core has no such helper, and
    UnreadableError where our own cannot be given such an argument."""
    code = CallCode(call[0])
    helper = bindings.helpers.get(code)
    if helper is None:
        raise Unmade(lacking(code))
    given = list(call[1:])
    if bindings.is_ours:
        given = [_READERS[name](name, value) for name, value in _named(code, given)]
    given = _without_defaults(code, given)
    return lambda state, config, size: _ANSWERS[code](helper, state, config, size, given)


def lacking(code: CallCode) -> str:
    """That a core has no such helper, as its refusal says it."""
    return f"{LACKING} {HELPER_NAMES[code]}"


def _without_defaults(code: CallCode, given: list[Any]) -> list[Any]:
    """The arguments without those at the end that are what they are by the contract, so that a
    core's own defaults are compared as well."""
    for default in _DEFAULTS.get(code, ()):
        if type(given[-1]) is not type(default) or given[-1] != default:
            break
        given = given[:-1]
    return given


_DEFAULTS: Mapping[CallCode, tuple[Any, ...]] = {
    CallCode.BOOTSTRAP: (True, True),
    CallCode.ADD_ENTRY: ("manual",),
}
"""From the last argument on."""


# --- Arguments, as our own core takes them ----------------------------------------------------


def _named(code: CallCode, given: Sequence[Any]) -> list[tuple[str, Any]]:
    return list(zip(HELPER_FIELDS[code], given, strict=True))


def _a(kind: type, *choices: str) -> Callable[[str, Any], Any]:
    def read(name: str, value: Any) -> Any:
        if type(value) is not kind or (choices and value not in choices):
            raise UnreadableError(name, f"expected {' or '.join(choices) or kind.__name__}")
        return value

    return read


def _double(name: str, value: Any) -> float:
    if type(value) not in (float, int):
        raise UnreadableError(name, "expected a double")
    try:
        return float(value)
    except OverflowError:
        raise UnreadableError(name, "expected a double") from None


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "local_id": read_int,
    "recovery_id": read_int,
    "cycle": read_int,
    "txid": _a(str),
    "reason": _a(str),
    "side": _a(str, "buy", "sell"),
    "trade_id": _a(str, "A", "B"),
    "allow_long_only": _a(bool),
    "allow_short_only": _a(bool),
    "price": _double,
}


# --- Answers ----------------------------------------------------------------------------------


def _bootstrap(helper: Any, state: Any, config: Any, size: Any, given: list[Any]) -> Answered:
    after, actions, orders = helper(state, config, size, *given)
    attached = type(after.orders)([*after.orders, *orders])
    return evolved(after, {"orders": attached}), actions, None


def _entry(helper: Any, state: Any, config: Any, size: Any, given: list[Any]) -> Answered:
    side, trade, cycle, *reason = given
    after, action = helper(state, config, side, trade, cycle, size, *reason)
    return after, () if action is None else (action,), None


def _state(helper: Any, state: Any, config: Any, size: Any, given: list[Any]) -> Answered:
    return helper(state, *given), (), None


def _found(helper: Any, state: Any, config: Any, size: Any, given: list[Any]) -> Answered:
    order = helper(state, *given)
    if order is None:
        return state, (), ["none"]
    (record,) = compact_list(ORDERS, (), [order])
    return state, (), [
        f"{name}: {_text(value)}" for name, value in zip(ORDER_FIELDS, record, strict=True)
    ]  # fmt: skip


def _phase(helper: Any, state: Any, config: Any, size: Any, given: list[Any]) -> Answered:
    phase = helper(state)
    return state, (), [_text(phase.value if isinstance(phase, Enum) else phase)]


def _volume(helper: Any, state: Any, config: Any, size: Any, given: list[Any]) -> Answered:
    volume = helper(*given, config, size)
    return state, (), ["none" if volume is None else _text(volume)]


def _document(helper: Any, state: Any, config: Any, size: Any, given: list[Any]) -> Answered:
    """A text for each field, in the order in which they stand there; of the history only how long
    it is, since that never ends growing."""
    document = helper(state)
    return state, (), [
        f"{name}: {len(value) if name == _HISTORY else _text(value)}"
        for name, value in document.items()
    ]  # fmt: skip


_HISTORY = STATE_FIELDS[4]

_ANSWERS: Mapping[CallCode, Callable[[Any, Any, Any, Any, list[Any]], Answered]] = {
    CallCode.BOOTSTRAP: _bootstrap,
    CallCode.ADD_ENTRY: _entry,
    CallCode.ORDER_TXID: _state,
    CallCode.RECOVERY_TXID: _state,
    CallCode.REMOVE_ORDER: _state,
    CallCode.REMOVE_RECOVERY: _state,
    CallCode.FIND_ORDER: _found,
    CallCode.DERIVE_PHASE: _phase,
    CallCode.ORDER_VOLUME: _volume,
    CallCode.TO_DICT: _document,
}


def _text(value: Any) -> str:
    """A value as JSON has it, the same for equal ones: -0.0 is 0.0, 13 is 13.0, and a text is as it
    is."""
    if isinstance(value, str):
        return value
    return json.dumps(_plain(normal(value)), ensure_ascii=True, default=str)


def _plain(value: Any) -> Any:
    if type(value) in (float, int):
        return value + 0.0 if abs(value) < 2.0**53 or value != value else value
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | History):
        return [_plain(one) for one in value]
    return value
