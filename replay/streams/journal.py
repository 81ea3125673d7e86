"""The journal of a bot (formats.md, "Journal"): its lines become the streams of its slots.

A line leaves out what the reader already has, so every line but a full one needs the line before
it. Where one was lost or set aside, the slot's lines are set aside too until its next full one: to
guess a state would invent a divergence.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from replay.streams.buffer import Segmenter
from replay.streams.events import (
    CHANGE_NUMBERS,
    UnusableError,
    call_of_typed_event,
    event_numbers,
    has_number_texts,
)
from replay.streams.model import (
    CHANGE_KEYS,
    HELPER_FIELDS,
    HELPER_NAMES,
    Call,
    CallCode,
    Document,
    Start,
    Step,
)
from replay.streams.packed import pack

VERSION = 1
MAX_SLOTS = 1024
"""So many slots are followed at once; the one that was silent for longest goes first."""

_FULL = ("state", "config", "order_size_usd", "order_sizes")
_SETTINGS = ("config", "order_size_usd", "order_sizes")
_CHANGES = frozenset(CHANGE_KEYS)
_SHORT_LINE = 1024


@dataclass(slots=True)
class _Slot:
    """What is known of a slot: its stream, or why it has none until the next full line. `file`
    and `name` are the number and the name of the file that its last line was in."""

    key: int | None = None
    broken: str = ""
    seq: int = 0
    ts: float = -math.inf
    line: int = 0
    file: int = 0
    name: str = ""
    bytes_of_line: bytes = b""
    settings: dict[str, bytes] = field(default_factory=dict)
    steps: int = 0


class JournalReader:
    """Takes a journal's lines one by one and hands their steps to a Segmenter.

    How lines chain, for each slot:
    - A full line (state, config and both sizes) begins a stream where there is none to go on with:
      at first, after a gap, and where `seq` starts again (another process). In mid-stream its
      state becomes the step's changes. With `bound`, one also begins a new stream where the
      stream has so many steps already: how a long journal becomes streams of bounded length.
    - The very same line a second time in a row is set aside, and the slot goes on.
    - Any other line whose `seq` does not count on breaks the slot. So does one that went back
      and is not full: a lost restart would look the same.
    """

    def __init__(self, segments: Segmenter, bound: int | None = None) -> None:
        self._segments = segments
        self._name = ""
        self._file = 0
        self._bound = bound
        self._slots: OrderedDict[int, _Slot] = OrderedDict()

    def begin_file(self, name: str) -> None:
        """Says that the lines that follow are another file's; `name` is the origin of its streams.

        Where files are given in their order in time, as rotated ones are, slots go on from one to
        the next, if only their lines count on and no time goes back.
        """
        self._name = name
        self._file += 1

    def feed(self, document: Mapping[str, Any], line: int, data: bytes) -> str | None:
        """Takes a line, `data` being its text. Gives the reason where it is set aside."""
        version = document.get("v")
        if version != VERSION or type(version) is not int:
            return f"is a journal line of a version that is not known ({_shown(version)})"
        number, seq = document.get("slot"), document.get("seq")
        if type(number) is not int or type(seq) is not int:
            return 'has no integers as "slot" and "seq"'
        slot = self._slot(number)
        text = data if len(data) <= _SHORT_LINE else hashlib.sha256(data).digest()
        if seq == slot.seq and text == slot.bytes_of_line:
            where = f" of {slot.name}" if slot.file != self._file else ""
            return f"stands twice: it is the same as line {slot.line}{where}"
        at = _seconds(document.get("ts"), slot.ts)
        try:
            return self._take(document, number, slot, seq, at, line, data)
        except UnusableError as error:
            self._break(slot, f"line {line} was set aside")
            return str(error)
        finally:
            slot.seq = seq
            slot.ts = at
            slot.line = line
            slot.file = self._file
            slot.name = self._name
            slot.bytes_of_line = text

    def _slot(self, number: int) -> _Slot:
        slot = self._slots.get(number)
        if slot is None:
            if len(self._slots) >= MAX_SLOTS:
                _, silent = self._slots.popitem(last=False)
                self._break(silent, "")
            slot = self._slots[number] = _Slot()
        else:
            self._slots.move_to_end(number)
        return slot

    def _break(self, slot: _Slot, why: str) -> None:
        if slot.key is not None:
            self._segments.close(slot.key)
        slot.key = None
        slot.broken = why

    def _take(
        self,
        document: Mapping[str, Any],
        number: int,
        slot: _Slot,
        seq: int,
        at: float,
        line: int,
        data: bytes,
    ) -> str | None:
        texts = has_number_texts(data)
        call = _call(document, texts)
        # Most lines change nothing.
        changes = None if _CHANGES.isdisjoint(document) else _changes(document, texts)
        counts_on = seq == slot.seq + 1
        goes_over = slot.file not in (0, self._file)
        full = changes is not None and all(name in changes for name in _FULL)
        if full:
            assert changes is not None
            long_enough = self._bound is not None and slot.steps >= self._bound
            if slot.key is None or not counts_on or long_enough or goes_over:
                self._begin(changes, number, slot, len(data))
                changes.pop("state")
        else:
            if goes_over and not (counts_on and at >= slot.ts):
                last = f"{slot.name}, where it ended with seq {slot.seq}"
                self._break(slot, f"seq {seq} does not go on from {last}")
            elif slot.key is not None and not counts_on:
                self._break(slot, _gap(slot.seq, seq, line))
                return f"{slot.broken}: no state to go on from until the slot's next full line"
            if slot.key is None:
                return _stateless(changes or {}, slot.broken, number)
            if goes_over:
                self._segments.rename(slot.key, f"{self._name} slot {number}")
        if changes:
            _drop_unchanged(changes, slot.settings)
        assert slot.key is not None
        self._segments.add(slot.key, Step(call, changes or None, line), len(data))
        slot.steps += 1
        return None

    def _begin(self, changes: dict[str, Any], number: int, slot: _Slot, weight: int) -> None:
        self._break(slot, "")
        start = Start(*(changes[name] for name in _FULL))
        slot.key = self._segments.open(start, f"{self._name} slot {number}", weight)
        slot.settings = {name: pack(changes[name]) for name in _SETTINGS}
        slot.steps = 0


def _stateless(changes: Mapping[str, Any], broken: str, number: int) -> str:
    """Why a line that is not full cannot be used where there is nothing that it goes on from."""
    why = broken or f"it is the first one of slot {number} here"
    missing = [name for name in _FULL if name not in changes]
    if "state" in changes:
        named = ", ".join(f'"{name}"' for name in missing)
        what = f"has a state but no {named}, and none is known"
    else:
        what = "has no state, and none is known"
    return f"{what} until the slot's next full line ({why})"


def _gap(before: int, seq: int, line: int) -> str:
    if seq > before:
        return f"seq {seq} after {before}: a line of the slot was lost before line {line}"
    return f"seq {seq} after {before}: the slot's lines go back at line {line}"


def _drop_unchanged(changes: dict[str, Any], settings: dict[str, bytes]) -> None:
    """Drops the config and sizes that are what they were; remembers the others."""
    for name in _SETTINGS:
        if name in changes:
            packed = pack(changes[name])
            if packed == settings.get(name):
                del changes[name]
            else:
                settings[name] = packed


def _call(document: Mapping[str, Any], texts: bool) -> Call:
    method = document.get("method")
    if method == "transition":
        event = document.get("event")
        if texts and isinstance(event, dict) and "payload" in event:
            event = {**event, "payload": event_numbers(event["payload"])}
        return call_of_typed_event(event)
    return call_of_method(method, document.get("params"))


def call_of_method(method: object, params: Document) -> Call:
    """The call of a method that has no event. Raises UnusableError for any other."""
    if method == "check_invariants":
        return (int(CallCode.CHECK_INVARIANTS),)
    if method == "apply_order_regime_at_entry":
        if not isinstance(params, Mapping) or "local_id" not in params:
            raise UnusableError('has no "params" with a "local_id"')
        return (int(CallCode.APPLY_REGIME), params["local_id"], params.get("regime_at_entry"))
    for code, name in HELPER_NAMES.items():
        if method == name:
            return helper_call(code, params)
    raise UnusableError(f"asks for a method that cannot be replayed ({_shown(method)})")


def helper_call(code: CallCode, params: Document) -> Call:
    """The call of a helper, by the arguments of its own. Raises UnusableError where one is not
    there."""
    given = params if isinstance(params, Mapping) else {}
    missing = [name for name in HELPER_FIELDS[code] if name not in given]
    if missing:
        raise UnusableError(f'has no "params" with a "{missing[0]}"')
    return (int(code), *(given[name] for name in HELPER_FIELDS[code]))


def _changes(document: Mapping[str, Any], texts: bool) -> dict[str, Any]:
    changes = {name: document[name] for name in CHANGE_KEYS if name in document}
    if "patch" in changes and not isinstance(changes["patch"], dict):
        raise UnusableError("has a patch that is no object")
    if texts:
        return {name: CHANGE_NUMBERS[name](value) for name, value in changes.items()}
    return changes


def _shown(value: object) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}..."


def _seconds(ts: object, otherwise: float) -> float:
    """The time of a line as a number; another one where it has none that a double can hold."""
    if not isinstance(ts, float) and type(ts) is not int:
        return otherwise
    try:
        return float(ts)
    except OverflowError:
        return otherwise
