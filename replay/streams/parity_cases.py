"""Parity cases (formats.md): the form of the bot's own test suite, and of exported divergences.

Its events are transitions only, with nothing set in between. What else a stream has stands beside
the standard keys, where the bot's suite does not look: `changes` in an event's entry, other calls
as `calls_before` it (or `calls_after` the last), and where even that would not give the same stream
when read again, the stream itself as `exact`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from replay import core
from replay.streams.events import (
    CHANGE_NUMBERS,
    UnusableError,
    call_of_typed_event,
    config_numbers,
    event_numbers,
    size_number,
    sizes_numbers,
    state_numbers,
    typed_event_of,
)
from replay.streams.journal import call_of_method
from replay.streams.model import (
    CALL_NAMES,
    CHANGE_KEYS,
    HELPER_FIELDS,
    Call,
    CallCode,
    Document,
    Start,
    Step,
    Stream,
)
from replay.streams.packed import pack_canonical, unpack
from replay.streams.validity import check_stream


@dataclass(frozen=True, slots=True)
class ParityCase:
    """A stream with what its end should be; `expected` is checked by `expected_misses`."""

    name: str
    stream: Stream
    expected: Mapping[str, Document]


def is_case(document: Mapping[str, Any]) -> bool:
    """Tells a parity case from the other kinds of JSON object."""
    return "initial_state" in document and "events" in document


def read_case(document: Mapping[str, Any], origin: str, line: int = 1) -> ParityCase:
    """The case that a JSON object holds; `line` is where it begins in its file.

    A missing config has the default of every field, a missing order_size_usd is the config's.
    Raises UnusableError where it is no parity case (formats.md).
    """
    name = document.get("name", "")
    events, expected = document.get("events"), document.get("expected", {})
    if not isinstance(name, str):
        raise UnusableError("is a parity case whose name is no text")
    if not isinstance(events, list):
        raise UnusableError("is a parity case whose events are no list")
    if not isinstance(expected, Mapping):
        raise UnusableError("is a parity case whose expected is no object")
    origin = f"{origin} case {name}" if name else origin
    exact = _exact_stream(document, origin, line)
    if exact is not None:
        return ParityCase(name, exact, expected)
    start = Start(
        state_numbers(document["initial_state"]),
        config_numbers(document.get("config", {})),
        _order_size(document),
        sizes_numbers(document.get("order_sizes")),
    )
    steps: list[Step] = []
    for index, event in enumerate(events):
        try:
            steps.extend(_steps(event, line))
        except UnusableError as error:
            raise UnusableError(f"is a parity case; events[{index}]: {error}") from None
    steps.extend(_method_steps(document.get("calls_after", []), line))
    return ParityCase(name, Stream(start, tuple(steps), origin), expected)


def _order_size(document: Mapping[str, Any]) -> Document:
    if "order_size_usd" in document:
        return size_number(document["order_size_usd"])
    config = document.get("config")
    default = core.EngineConfig().order_size_usd
    return config.get("order_size_usd", default) if isinstance(config, Mapping) else default


def _steps(event: Any, line: int) -> Iterator[Step]:
    if not isinstance(event, Mapping):
        raise UnusableError("its event is no object")
    yield from _method_steps(event.get("calls_before", []), line)
    if "payload" in event:
        event = {**event, "payload": event_numbers(event["payload"])}
    yield Step(call_of_typed_event(event), _read_changes(event), line)


def _method_steps(entries: Any, line: int) -> Iterator[Step]:
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise UnusableError("its calls are no list of objects")
    for entry in entries:
        yield Step(
            call_of_method(entry.get("method"), entry.get("params")), _read_changes(entry), line
        )


def _read_changes(entry: Mapping[str, Any]) -> dict[str, Document] | None:
    changes = entry.get("changes")
    if changes is None:
        return None
    if not isinstance(changes, Mapping) or not changes.keys() <= set(CHANGE_KEYS):
        raise UnusableError(f"its changes are no object with any of {', '.join(CHANGE_KEYS)}")
    if not isinstance(changes.get("patch", {}), Mapping):
        raise UnusableError("its patch is no object")
    return {name: CHANGE_NUMBERS[name](value) for name, value in changes.items()} or None


# --- Writing ----------------------------------------------------------------------------------


def parity_case_document(
    name: str, stream: Stream, expected: Mapping[str, Document]
) -> dict[str, Document]:
    """A case as a JSON object; `read_case` gives the same stream from it again.

    It is valid JSON: infinities and NaN stand as the texts that journals have for them.
    """
    standard: dict[str, Document] = {
        "name": name,
        "config": _json(stream.start.config),
        "initial_state": _json(stream.start.state),
        "order_size_usd": _json(stream.start.order_size_usd),
        "order_sizes": _json(stream.start.order_sizes),
    }
    events: list[Document] = []
    waiting: list[Document] = []
    for step in stream.steps:
        entry = _entry(step)
        if "method" in entry:
            waiting.append(entry)
            continue
        if waiting:
            entry["calls_before"] = waiting
            waiting = []
        events.append(entry)
    standard["events"] = events
    if waiting:
        standard["calls_after"] = waiting
    standard["expected"] = _json(expected)
    packed = _packed_stream(stream)
    if not _reads_as(standard, packed):
        # Such as a text "NaN" where a number belongs, which reads as a number.
        stream_text = base64.b64encode(packed).decode()
        return {**standard, "exact": {"of": _digest(standard), "stream": stream_text}}
    return standard


def _entry(step: Step) -> dict[str, Document]:
    call = step.call
    entry: dict[str, Document]
    if isinstance(call, Mapping) or call[0] < CallCode.APPLY_REGIME:
        entry = {name: _json(value) for name, value in typed_event_of(call).items()}
    else:
        entry = {"method": CALL_NAMES[CallCode(call[0])]}
        if call[0] == CallCode.APPLY_REGIME:
            entry["params"] = {"local_id": _json(call[1]), "regime_at_entry": _json(call[2])}
        elif names := HELPER_FIELDS.get(CallCode(call[0])):
            entry["params"] = {
                name: _json(value) for name, value in zip(names, call[1:], strict=True)
            }
    if step.changes:
        entry["changes"] = _json(step.changes)
    return entry


def _json(value: Any) -> Document:
    """A document with texts for the numbers that JSON has not."""
    if isinstance(value, float) and value - value != 0.0:
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    document: Document = value
    return document


def _packed_stream(stream: Stream) -> bytes:
    steps = [[step.call, step.changes or None] for step in stream.steps]
    return pack_canonical([list(stream.start), steps])


def _reads_as(document: Mapping[str, Any], packed: bytes) -> bool:
    try:
        return _packed_stream(read_case(document, "").stream) == packed
    except UnusableError:
        return False


def _digest(standard: Mapping[str, Any]) -> str:
    return hashlib.sha256(pack_canonical(standard)).hexdigest()


def _exact_stream(document: Mapping[str, Any], origin: str, line: int) -> Stream | None:
    """The stream under `exact`, unless somebody edited the keys that it was written for."""
    exact = document.get("exact")
    if not isinstance(exact, Mapping) or not isinstance(exact.get("stream"), str):
        return None
    if exact.get("of") != _digest({key: document[key] for key in document if key != "exact"}):
        return None
    try:
        start, steps = unpack(base64.b64decode(exact["stream"], validate=True))
        return check_stream(
            Stream(
                Start(*start),
                tuple(Step(_call(call), changes, line) for call, changes in steps),
                origin,
            )
        )
    except (binascii.Error, ValueError, TypeError) as error:
        raise UnusableError('is a parity case whose "exact" stream is damaged') from error


def _call(call: Any) -> Call:
    return call if isinstance(call, Mapping) else tuple(call)


# --- Checking ---------------------------------------------------------------------------------

LISTS: Mapping[str, str] = {
    "open_orders": "orders",
    "recovery_orders": "recovery_orders",
    "completed_cycles": "completed_cycles",
}
"""The lists of a state that `expected` can hold, by their names there."""

_RENAMED = {"round_trips": "total_round_trips"}
_TIMES = ("_at", "_until", "_until_a", "_until_b", "_time")
_PLAIN = (
    "cycle_a", "cycle_b", "s2_entered_at", "cooldown_until_a", "cooldown_until_b",
    "consecutive_refreshes_a", "consecutive_refreshes_b",
    "refresh_cooldown_until_a", "refresh_cooldown_until_b",
    "last_refresh_direction_a", "last_refresh_direction_b", "round_trips",
)  # fmt: skip


def expected_misses(
    expected: Mapping[str, Document], final_state: Mapping[str, Any], violations: Iterable[str]
) -> list[str]:
    """What a case expected and did not get, one text each (formats.md, "Parity case").

    `final_state` is the authority's last state, serialised. Of orders and cycles a number means
    how many, a list means these, with the keys that it names. Times are compared to nine decimals.
    Keys that formats.md does not name are ignored.
    """
    misses: list[str] = []
    for name, wanted in expected.items():
        if name == "phase":
            _compare(misses, name, wanted, _phase(final_state["orders"]))
        elif name in LISTS:
            _compare_list(misses, name, wanted, final_state[LISTS[name]])
        elif name in _PLAIN:
            _compare(misses, name, wanted, final_state[_RENAMED.get(name, name)])
        elif name == "invariants":
            _compare_violations(misses, wanted, list(violations))
    return misses


def _phase(orders: Iterable[Mapping[str, Any]]) -> str:
    sides = {order["side"] for order in orders if order["role"] == "exit"}
    if len(sides) == 2:
        return "S2"
    return "S0" if not sides else "S1a" if "buy" in sides else "S1b"


def _compare(misses: list[str], name: str, wanted: Document, got: Document) -> None:
    if not _equal(name, wanted, got):
        misses.append(f"{name}: expected {_shown(wanted)}, got {_shown(got)}")


def _compare_list(misses: list[str], name: str, wanted: Document, got: list[Any]) -> None:
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        _compare(misses, name, wanted, len(got))
        return
    if not isinstance(wanted, list):
        misses.append(f"{name}: expected {_shown(wanted)}, which is neither a number nor a list")
        return
    if len(wanted) != len(got):
        misses.append(f"{name}: expected {len(wanted)} of them, got {len(got)}")
        return
    for index, (entry, record) in enumerate(zip(wanted, got, strict=True)):
        if not isinstance(entry, Mapping):
            misses.append(f"{name}[{index}]: expected {_shown(entry)}, which is no object")
            continue
        for key, value in entry.items():
            path = f"{name}[{index}].{key}"
            if key in record:
                _compare(misses, path, value, record[key])
            else:
                misses.append(f"{path}: expected {_shown(value)}, but there is no such field")


def _compare_violations(misses: list[str], wanted: Document, got: list[str]) -> None:
    """A list means exactly these texts, a number how many, true and false none or some."""
    if isinstance(wanted, bool):
        _compare(misses, "invariants", wanted, not got)
    elif isinstance(wanted, int | float):
        _compare(misses, "invariants", wanted, len(got))
    else:
        _compare(misses, "invariants", wanted, got)


def _equal(name: str, wanted: Document, got: Document) -> bool:
    if isinstance(wanted, str) and isinstance(got, float):
        # A case is valid JSON, so its infinities and NaN are texts.
        wanted = size_number(wanted)
    if _is_number(wanted) and _is_number(got):
        assert isinstance(wanted, int | float)
        assert isinstance(got, int | float)
        if wanted == got or (wanted != wanted and got != got):
            return True
        if not name.endswith(_TIMES):
            return False
        try:
            return round(wanted - got, 9) == 0
        except (OverflowError, ValueError):
            return False
    return type(wanted) is type(got) and wanted == got


def _is_number(value: Document) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Document) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 80 else f"{shown[:80]}..."
