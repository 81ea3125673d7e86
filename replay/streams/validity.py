"""Whether a stream that came as bytes from elsewhere is one that can be run at all.

What is in its documents is for the cores to judge; its form is not: a call with an unknown code or
with a field too few is no step of any stream, and nobody downstream expects one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replay.streams.model import CHANGE_KEYS, EVENT_FIELDS, CallCode, Stream

MAX_DEPTH = 512
"""Deeper nesting is no document (docs/replay-method.md, "Frames")."""

_ARGUMENTS = {
    **{code: len(fields) for code, fields in EVENT_FIELDS.items()},
    CallCode.APPLY_REGIME: 2,
    CallCode.CHECK_INVARIANTS: 0,
}


def check_stream(stream: Stream) -> Stream:
    """The stream itself. Raises ValueError where it has not the form of one."""
    _check_document(list(stream.start))
    for number, step in enumerate(stream.steps, 1):
        try:
            _check_call(step.call)
            _check_changes(step.changes)
        except ValueError as error:
            raise ValueError(f"its step {number} {error}") from None
    return stream


def _check_call(call: Any) -> None:
    if isinstance(call, Mapping):
        _check_document(call)
        return
    if not isinstance(call, tuple) or not call or type(call[0]) is not int:
        raise ValueError("is no call")
    if call[0] not in _ARGUMENTS or len(call) != 1 + _ARGUMENTS[CallCode(call[0])]:
        raise ValueError("is a call of no known form")
    _check_document(call[1:])


def _check_changes(changes: Any) -> None:
    if changes is None:
        return
    if not isinstance(changes, Mapping) or not changes.keys() <= set(CHANGE_KEYS):
        raise ValueError("sets something that cannot be set")
    if not isinstance(changes.get("patch", {}), Mapping):
        raise ValueError("has a patch that is no object")
    _check_document(changes)


def _check_document(document: Any) -> None:
    """Raises ValueError where a value is none that JSON knows, or nested too deeply."""
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, Mapping):
                if not all(isinstance(key, str) for key in value):
                    raise ValueError("has an object with a key that is no text")
                below.extend(value.values())
            elif isinstance(value, list | tuple):
                below.extend(value)
            elif value is not None and not isinstance(value, bool | int | float | str):
                raise ValueError("has a value that is no JSON")
        if not below:
            return
        level = below
    raise ValueError(f"is nested more than {MAX_DEPTH} deep")
