"""How bytes from an executable become messages: lines (part 1 of the wire) or frames (part 2).

A framing is fed whatever the pipe gives and hands out whole messages; it never holds more than one
answer's limit of unfinished bytes, so that an answer of a gigabyte does not cost a gigabyte.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any, NamedTuple, Protocol

from replay.targets.base import Failure, FailureKind

DETAIL_LIMIT = 300
"""No `detail` of a failure is longer, in characters."""


class ChildFault(Exception):
    """A child gave no usable answer; it is out of step from now on and must be killed.

    `out_of_memory` where it ended for want of memory."""

    def __init__(self, kind: FailureKind, detail: str, *, out_of_memory: bool = False) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = one_line(detail)
        self.out_of_memory = out_of_memory

    @property
    def failure(self) -> Failure:
        """The fault as a result."""
        return Failure(self.kind, self.detail)


class Message(NamedTuple):
    """One answer: its line without the newline, and in part 2 the body after it."""

    line: bytes
    body: bytes | None = None


class Framing(Protocol):
    """What a child's bytes are fed to. `ready` are the whole messages."""

    ready: deque[Message]

    @property
    def pending(self) -> int:
        """The size of what is unfinished, in bytes."""
        ...

    def feed(self, chunk: bytes) -> None:
        """Takes bytes in. Raises ChildFault for an answer over the limit."""
        ...


class LineFraming:
    """One message a line."""

    def __init__(self, limit: int) -> None:
        self.ready: deque[Message] = deque()
        self.pending = 0
        self._limit = limit
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """Takes bytes in. Raises ChildFault for a line over the limit."""
        lines = chunk.split(b"\n")
        if len(lines) > 1:
            self._parts.append(lines[0])
            lines[0] = b"".join(self._parts)
            self._parts.clear()
            self.pending = 0
            rest = lines.pop()
            for line in lines:
                if len(line) > self._limit:
                    raise oversize(len(line), self._limit)
                self.ready.append(Message(line))
        else:
            rest = chunk
        if rest:
            self._parts.append(rest)
            self.pending += len(rest)
            if self.pending > self._limit:
                raise oversize(self.pending, self._limit)


class FrameFraming:
    """A JSON line, with as many bytes after it as its `bytes` says (docs/replay-method.md)."""

    def __init__(self, limit: int) -> None:
        self.ready: deque[Message] = deque()
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._head: bytes | None = None
        self._wanted = 0

    @property
    def pending(self) -> int:
        """The size of what is unfinished, in bytes."""
        return len(self._buffer) + (len(self._head) + 1 if self._head is not None else 0)

    def feed(self, chunk: bytes) -> None:
        """Takes bytes in. Raises ChildFault for a line or body over the limit."""
        self._buffer += chunk
        begin = 0
        while True:
            if self._head is None:
                end = self._buffer.find(b"\n", max(begin, self._searched))
                if end < 0:
                    break
                head = bytes(self._buffer[begin:end])
                begin = self._searched = end + 1
                wanted = _body_length(head)
                if wanted is None:
                    self.ready.append(Message(head))
                    continue
                if wanted > self._limit:
                    raise oversize(wanted, self._limit)
                self._head, self._wanted = head, wanted
            if len(self._buffer) - begin < self._wanted:
                break
            body = bytes(self._buffer[begin : begin + self._wanted])
            begin += self._wanted
            self.ready.append(Message(self._head, body))
            self._head = None
            self._searched = begin
        del self._buffer[:begin]
        self._searched = len(self._buffer) if self._head is None else 0
        if len(self._buffer) > self._limit:
            raise oversize(len(self._buffer), self._limit)


def _body_length(head: bytes) -> int | None:
    """What a line says of the body after it; None where none follows."""
    if b'"bytes"' not in head:
        return None
    try:
        length: Any = json.loads(head)["bytes"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return length if type(length) is int and length >= 0 else None


def oversize(size: int, limit: int) -> ChildFault:
    """The fault of an answer over the limit."""
    return ChildFault(
        FailureKind.OVERSIZE, f"answered more than {limit} bytes at once ({size} and counting)"
    )


def one_line(text: str, limit: int = DETAIL_LIMIT) -> str:
    """Text of an executable made safe to show: one bounded line, control characters escaped."""
    cut = text if len(text) <= limit else text[: limit - 3] + "..."
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in cut
    )
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def quoted(line: bytes, limit: int = 80) -> str:
    """The start of what an executable printed, for a `detail`."""
    text = line[: 4 * limit].decode("utf-8", "replace")
    return one_line(text, limit) if len(line) <= 4 * limit else one_line(text + "....", limit)
