"""Asking a bot for its status, once: within a deadline and bounded in size, whatever answers.

What comes of it is always a Status: its fields as the runbook's jq takes them, or no counters and
the reason why. Redirects are not followed: what was asked for is one address, and no other's
counters belong into its telemetry.
"""

from __future__ import annotations

import http.client
import json
import math
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from replay.errors import UsageError, unforeseen
from replay.gate.telemetry.samples import BLOCK

PATH = "/api/status"
MAX_ANSWER = 16 << 20
"""Bytes of an answer; a status has a few thousand."""

MAX_BLOCK = 1 << 20
"""Bytes of the counters as JSON: what goes into each line of the telemetry."""

MAX_REASON = 200


class Status(NamedTuple):
    """What the bot answered. `block` is None where it has no counters to show; `reason` says why,
    empty where it has them."""

    mode: Any = None
    top_phase: Any = None
    block: dict[str, Any] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a bot tells its status. `text` is the whole address."""

    text: str
    secure: bool
    host: str
    port: int | None
    target: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """An address as a user gives it: of the bot (`http://127.0.0.1:8080`, `127.0.0.1:8080`) or
        of its status. Raises UsageError where it is none."""
        full = text if "://" in text else f"http://{text}"
        try:
            parts = urlsplit(full)
            port = parts.port
        except ValueError as error:
            raise UsageError(f"{text!a} is no address: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{text!a} is no address like http://127.0.0.1:8080")
        if parts.username is not None or parts.password is not None:
            raise UsageError("the address has a name or password in it, which would be written "
                             "into the telemetry")  # fmt: skip
        if any(not "!" <= character <= "~" for character in full):
            raise UsageError(f"{text!a} has characters that no address has")
        path = parts.path if parts.path.strip("/") else PATH
        target = f"{path}?{parts.query}" if parts.query else path
        whole = SplitResult(parts.scheme, parts.netloc, path, parts.query, "").geturl()
        return cls(whole, parts.scheme == "https", parts.hostname, port, target)


def ask(address: Address, timeout: float) -> Status:
    """Asks once. Takes no longer than `timeout` seconds and raises nothing of what the other side
    does."""
    question = _Question(address, timeout)
    # A thread, since looking up a name has no deadline of its own, and a server that sends a byte
    # now and then would start each of a socket's anew.
    try:
        threading.Thread(target=question.run, daemon=True).start()
    except RuntimeError as error:
        return Status(reason=unforeseen(error).message)
    if not question.done.wait(timeout):
        question.abort()
        return _too_late(timeout)
    return question.status


def _too_late(timeout: float) -> Status:
    return Status(reason=f"no answer within {timeout:g} s")


@dataclass(slots=True)
class _Question:
    address: Address
    timeout: float
    done: threading.Event = field(default_factory=threading.Event)
    status: Status = field(default_factory=lambda: Status(reason="no answer"))
    connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        """Asks; whatever happens, it ends in a status."""
        try:
            self.status = self._answer()
        except http.client.RemoteDisconnected:
            self.status = Status(reason="no answer: the connection was closed")
        except TimeoutError:
            self.status = _too_late(self.timeout)
        except OSError as error:
            said = error.strerror or type(error).__name__
            self.status = Status(reason=f"no answer: {said}"[:MAX_REASON])
        except http.client.IncompleteRead:
            self.status = Status(reason="the answer is cut off")
        except (http.client.HTTPException, ValueError) as error:
            self.status = Status(reason=f"the answer is no HTTP ({type(error).__name__})")
        finally:
            if self.connection is not None:
                self.connection.close()
            self.done.set()

    def abort(self) -> None:
        """Ends it from another thread."""
        sock = None if self.connection is None else self.connection.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _answer(self) -> Status:
        one = self.address
        kind = http.client.HTTPSConnection if one.secure else http.client.HTTPConnection
        self.connection = kind(one.host, one.port, timeout=self.timeout)
        headers = {"Accept": "application/json", "Connection": "close"}
        self.connection.request("GET", one.target, headers=headers)
        response = self.connection.getresponse()
        if 300 <= response.status < 400:
            return Status(reason=f"HTTP {response.status}: a redirect, which is not followed")
        content = response.read(MAX_ANSWER + 1)
        if len(content) > MAX_ANSWER:
            return Status(reason=f"the answer has more than {MAX_ANSWER:,} bytes")
        if response.length:
            return Status(reason="the answer is cut off")
        status = status_of(content)
        if response.status != 200:
            return status._replace(block=None, reason=f"HTTP {response.status}")
        return status


def status_of(content: bytes) -> Status:
    """The status in an answer. What JSON has no number for is null, as jq makes it."""
    try:
        document = json.loads(content, parse_constant=lambda name: None, parse_float=_finite)
    except (ValueError, RecursionError):
        return Status(reason="the answer is no JSON")
    if not isinstance(document, dict):
        return Status(reason="the answer is no JSON object")
    mode, top_phase = _short(document.get("mode")), _short(document.get("top_phase"))
    if BLOCK not in document:
        return Status(mode, top_phase, None, f"the status has no {BLOCK}")
    block = document[BLOCK]
    if block is None:
        return Status(mode, top_phase, None, f"{BLOCK} is null")
    if not isinstance(block, dict):
        return Status(mode, top_phase, None, f"{BLOCK} is no object")
    size = len(json.dumps(block))
    if size > MAX_BLOCK:
        return Status(mode, top_phase, None, f"{BLOCK} has {size:,} bytes")
    return Status(mode, top_phase, block)


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _short(value: Any) -> Any:
    """A field that is only shown: as it is, unless it is large."""
    return value if len(json.dumps(value)) <= 1_000 else None
