"""The JSON text of requests of part 1, built from pieces that are kept.

A request of part 1 carries the whole state each time. Only the fields that the last answer changed
are written anew, and of the history only its last records are sent (docs in single.py).
Non-finite doubles are the bare tokens that the live bot sends.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from replay.streams.model import (
    CYCLES,
    RECORD_FIELDS,
    STATE_FIELDS,
    Call,
    CallCode,
    Document,
    event_document,
)
from replay.targets.base import MISSING, Missing
from replay.targets.compact import History, Plain, record_document

SENT_RECORDS = 2
"""How many of the last records of the history a request carries."""


def _odd(value: object) -> object:
    """Values that only an odd authority hands on, and mappings that are no dict."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, History):
        return value[:]
    if isinstance(value, Missing):
        return None
    raise TypeError(f"{type(value).__name__} is no JSON value")


_encode = json.JSONEncoder(separators=(",", ":"), default=_odd).encode


def json_text(document: Any) -> bytes:
    """A document as JSON in ASCII, with the bare tokens for infinities and NaN."""
    if type(document) is float and document - document == 0.0:
        return repr(document).encode()
    return _encode(document).encode()


class StateText:
    """The text of a plain state, field by field."""

    def __init__(self, plain: Plain) -> None:
        self._names = [b'"%b":' % name.encode() for name in STATE_FIELDS]
        self._fields = [b""] * len(STATE_FIELDS)
        self._whole: bytes | None = None
        self.update(plain, range(len(STATE_FIELDS)))

    def update(self, plain: Plain, fields: Iterable[int]) -> None:
        """Writes those fields anew."""
        for index in fields:
            value = plain[index]
            if index == CYCLES and isinstance(value, History):
                value = value.tail(SENT_RECORDS)
            self._fields[index] = self._field(index, value)
        self._whole = None

    def text(self) -> bytes:
        """The state with the last records of its history."""
        if self._whole is None:
            self._whole = self._joined(self._fields)
        return self._whole

    def text_with(self, plain: Plain, patch: Mapping[str, Document], *, history: bool) -> bytes:
        """The state with the fields of a patch in place, as they are, and, where asked for, with
        its whole history."""
        if not patch and not history:
            return self.text()
        fields = self._fields.copy()
        if history:
            fields[CYCLES] = self._field(CYCLES, plain[CYCLES])
        for index, name in enumerate(STATE_FIELDS):
            if name in patch:
                fields[index] = self._names[index] + json_text(patch[name])
        return self._joined(fields)

    def _field(self, index: int, value: Any) -> bytes:
        if value is MISSING:
            return b""
        if index in RECORD_FIELDS and isinstance(value, list | tuple | History):
            value = [record_document(index, record) for record in value]
        return self._names[index] + json_text(value)

    @staticmethod
    def _joined(fields: list[bytes]) -> bytes:
        if b"" in fields:
            fields = [field for field in fields if field]
        return b"{%b}" % b",".join(fields)


def settings_text(settings: Mapping[str, Document]) -> bytes:
    """The config and sizes as they stand in a request."""
    return b",".join(b'"%b":%b' % (n.encode(), json_text(v)) for n, v in settings.items())


def event_text(call: Call) -> bytes:
    """The event of a transition."""
    if not isinstance(call, tuple):
        return json_text(call)
    if call[0] == CallCode.PRICE_TICK and len(call) == 3:
        return b'{"price":%b,"timestamp":%b}' % (json_text(call[1]), json_text(call[2]))
    if call[0] == CallCode.TIMER_TICK and len(call) == 2:
        return b'{"timestamp":%b}' % json_text(call[1])
    return json_text(event_document(call))


def transition_request(state: bytes, call: Call, settings: bytes) -> bytes:
    """A request for one transition."""
    return b'{"method":"transition","state":%b,"event":%b,%b}\n' % (
        state,
        event_text(call),
        settings,
    )


def invariants_request(state: bytes) -> bytes:
    """A request for the violations of a state."""
    return b'{"method":"check_invariants","state":%b}\n' % state


def regime_request(state: bytes, call: Sequence[Any]) -> bytes:
    """A request to set the regime of an order."""
    return (
        b'{"method":"apply_order_regime_at_entry","params":'
        b'{"state":%b,"local_id":%b,"regime_at_entry":%b}}\n'
        % (state, json_text(call[1]), json_text(call[2]))
    )
