"""The bytes of the `replay` method as a client writes and reads them (docs/replay-method.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgpack

from replay.streams.model import CYCLES, RECORD_FIELDS, STATE_FIELDS, Start, Step
from replay.streams.packed import BIG_INTEGER
from replay.targets.base import (
    Failure,
    FailureKind,
    Missing,
    Outcome,
    StepResult,
    decode_outcomes,
)
from replay.targets.compact import ACTION_FIELDS, History
from replay.targets.executable.frames import ChildFault, Message, one_line, quoted

ENCODING = 1
"""The version of the request's encoding that is spoken here."""

MAX_BODY = 64 << 20
"""The longest body that the method allows, in bytes."""


def frame(request: int, body: bytes) -> bytes:
    """A request: its line and its body."""
    return b'{"method":"replay","id":%d,"bytes":%d}\n%b' % (request, len(body), body)


def request_body(
    session: int,
    last: bool,
    start: Start | None,
    steps: Sequence[Step],
    guide: bytes | None,
) -> bytes:
    """The body of a request. `guide` is the encoding of the authority's outcomes, one for each
    step. Steps are sent as they are, lines and all, since taking them apart costs more. A lone
    surrogate is sent as if it were a character: it is for the core to say what it makes of that.
    """
    head = [ENCODING, session, last, start]
    return _packed([*head, steps] if guide is None else [*head, guide, steps])


def values_bytes(values: Sequence[Any]) -> bytes:
    """The encoding of JSON values, back to back. Raises TypeError or ValueError for others."""
    return b"".join(map(_packed, values))


def guide_bytes(guide: Sequence[Outcome]) -> bytes:
    """The encoding of an authority's outcomes, odd values included."""
    return values_bytes(guide)


def _packed(value: object) -> bytes:
    packed: bytes = msgpack.packb(
        value, use_bin_type=True, default=_beyond, unicode_errors="surrogatepass"
    )
    return packed


def _beyond(value: object) -> object:
    """What MessagePack has no format for: large integers, and values of odd authorities."""
    if isinstance(value, int):
        return msgpack.ExtType(BIG_INTEGER, str(value).encode())
    if isinstance(value, History):
        return value[:]
    if isinstance(value, Missing):
        return None
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


def read_head(message: Message, request: int) -> str | None:
    """Checks an answer's line. Returns the text of an error, None for an answer with a body.

    Raises ChildFault where it is no answer to this request.
    """
    if message.line == b'{"id":%d,"bytes":%d}' % (request, len(message.body or b"")):
        return None
    try:
        head = json.loads(message.line)
    except (ValueError, RecursionError):
        head = None
    if not isinstance(head, dict):
        raise ChildFault(FailureKind.GARBAGE, f"answered {quoted(message.line)}")
    if "id" not in head:
        if "error" in head:
            # An error that names no request: it could not even read the line.
            return one_line(str(head["error"]))
        raise ChildFault(FailureKind.MISSING_KEY, f"left out id: {quoted(message.line)}")
    if type(head["id"]) is not int or head["id"] != request:
        if isinstance(head["id"], int) and 0 < head["id"] < request:
            raise ChildFault(
                FailureKind.TOO_MUCH, f"answered again: {quoted(message.line)} instead of {request}"
            )
        raise ChildFault(
            FailureKind.OUT_OF_ORDER, f"answered {quoted(message.line)} instead of {request}"
        )
    if "error" in head:
        return one_line(str(head["error"]))
    if message.body is None:
        raise ChildFault(FailureKind.MISSING_KEY, f"left out bytes: {quoted(message.line)}")
    return None


def count_outcomes(blob: bytes) -> int:
    """How many values an answer body has. Raises ChildFault where it is no MessagePack."""
    unpacker = msgpack.Unpacker(max_buffer_size=len(blob) + 1)
    unpacker.feed(blob)
    skip = unpacker.skip
    count = 0
    try:
        while True:
            skip()
            count += 1
    except msgpack.OutOfData:
        pass
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise ChildFault(
            FailureKind.GARBAGE, f"outcome {count} is no MessagePack: {error}"
        ) from error
    if unpacker.tell() != len(blob):
        raise ChildFault(FailureKind.GARBAGE, f"the body ends within outcome {count}")
    return count


def checked_outcomes(blob: bytes) -> list[StepResult]:
    """The outcomes of an answer body; a Failure where one has not the shape of an outcome."""
    try:
        outcomes = decode_outcomes(blob)
    except (ValueError, RecursionError) as error:
        # A text that is no UTF-8, say: the outcomes are told apart as far as they can be.
        failure = Failure(FailureKind.GARBAGE, one_line(f"cannot be decoded: {error}"))
        return [failure] * count_outcomes(blob)
    return [
        outcome
        if _is_outcome(outcome)
        else Failure(FailureKind.GARBAGE, one_line(f"no outcome: {str(outcome)[:200]}"))
        for outcome in outcomes
    ]


def _is_outcome(outcome: Any) -> bool:
    if not isinstance(outcome, list):
        return False
    if len(outcome) == 2:
        return isinstance(outcome[0], str) and isinstance(outcome[1], str)
    if len(outcome) != 3:
        return False
    delta, actions, violations = outcome
    # Mostly there are neither actions nor violations, and of a flood of one bug all is looked at.
    return (
        isinstance(delta, list)
        and _is_delta(delta)
        and (actions == [] or (isinstance(actions, list) and all(map(_is_action, actions))))
        and (violations == [] or (isinstance(violations, list) and all(map(_is_text, violations))))
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_delta(delta: list[Any]) -> bool:
    if len(delta) % 2:
        return False
    last = -1
    for place in range(0, len(delta), 2):
        index, value = delta[place], delta[place + 1]
        if type(index) is not int or not last < index < len(STATE_FIELDS):
            return False
        last = index
        if index == CYCLES:
            if not isinstance(value, list) or len(value) != 2 or type(value[0]) is not int:
                return False
            value = value[1]
        if index in RECORD_FIELDS and not (
            isinstance(value, list)
            and all(
                isinstance(record, list) and len(record) == len(RECORD_FIELDS[index])
                for record in value
            )
        ):
            return False
    return True


def _is_action(action: Any) -> bool:
    return (
        isinstance(action, list)
        and bool(action)
        and type(action[0]) is int
        and 0 <= action[0] < len(ACTION_FIELDS)
        and len(action) == 1 + len(ACTION_FIELDS[action[0]])
    )
