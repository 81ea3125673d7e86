"""Whether a stream that came as bytes from elsewhere is one that can be run at all.

What is in its documents is for the cores to judge; its form is not: a call with an unknown code or
with a field too few is no step of any stream, and nobody downstream expects one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from replay.streams.model import (
    CHANGE_KEYS,
    EVENT_FIELDS,
    HELPER_FIELDS,
    CallCode,
    Start,
    Step,
    Stream,
)

MAX_DEPTH = 512
"""Deeper nesting is no document (docs/replay-method.md, "Frames")."""

_ARGUMENTS = {
    **{code: len(fields) for code, fields in EVENT_FIELDS.items()},
    CallCode.APPLY_REGIME: 2,
    CallCode.CHECK_INVARIANTS: 0,
    **{code: len(fields) for code, fields in HELPER_FIELDS.items()},
}


def check_stream(stream: Stream) -> Stream:
    """The stream itself. Raises ValueError where it has not the form of one."""
    check_start(stream.start)
    check_steps(stream.steps)
    for number, step in enumerate(stream.steps, 1):
        if not isinstance((step.changes or {}).get("patch", {}), Mapping):
            raise ValueError(f"its step {number} has a patch that is no object")
    return stream


def check_start(start: Start) -> None:
    """Raises ValueError where a start has not the form of one."""
    _check_document(list(start))


def check_steps(steps: Iterable[Step], first: int = 1) -> None:
    """Raises ValueError for a step that has not the form of one; `first` is the number of the first
    one. A patch that is no object is for the cores to refuse: hostile streams have some."""
    for number, step in enumerate(steps, first):
        try:
            _check_call(step.call)
            _check_changes(step.changes)
        except ValueError as error:
            raise ValueError(f"its step {number} {error}") from None


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
