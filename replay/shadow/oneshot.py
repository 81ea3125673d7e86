"""An executable asked once for each process: one request in, one answer out (protocol.md, part 1).

What DOGE_CORE_PERSISTENT=0 asks for. Slow, and proof against whatever a process might keep from one
request to the next.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Sequence

from replay.errors import UsageError
from replay.targets.base import CoreIdentity, FailureKind, Outcome, Reply, StepResult, Work
from replay.targets.executable.answers import parse_object
from replay.targets.executable.frames import ChildFault, one_line
from replay.targets.executable.limits import Limits
from replay.targets.executable.recovery import AskAgain
from replay.targets.executable.request_texts import Ask, Asker
from replay.targets.executable.state_text import invariants_request, json_text
from replay.targets.executable.supervisor import Supervisor
from replay.targets.executable.watched import watched
from replay.targets.executable.windows import outcome_of

_READ = 1 << 16
_SAID = 2048


class OneShotTarget:
    """Runs works on an executable, a process for each request; see base.Target."""

    depth = 1

    def __init__(self, path: str, limits: Limits) -> None:
        """Raises TargetError where `path` cannot be started."""
        self.identity = CoreIdentity("executable", path, "", "unknown", "unknown")
        self._supervisor = Supervisor(path, limits, ())
        self._askers: dict[int, Asker] = {}
        self._works: deque[Work] = deque()

    def submit(self, work: Work) -> None:
        """Takes work. Raises UsageError for a stream that was never started."""
        if work.start is not None:
            self._askers[work.session] = Asker(work.start)
        elif work.session not in self._askers:
            raise UsageError(f"stream {work.session} was never started", session=work.session)
        self._works.append(work)

    def collect(self) -> Reply:
        """The reply to the oldest work. Raises FailureStorm."""
        work = self._works.popleft()
        asker = self._askers[work.session]
        results: list[StepResult] = []
        asks: list[Ask] = []
        again = AskAgain(
            self._supervisor, lambda index: self._answer(asks[index]), lambda: True, lambda _: None
        )
        for index, step in enumerate(work.steps):
            guide = None if work.guide is None else work.guide[index]
            ask = asker.ask(step, guide, final=work.last and index + 1 == len(work.steps))
            asks.append(ask)
            if guide is not None:
                asker.go_on(ask, guide)
            results.append(again.step(index))
            if guide is None:
                asker.go_on(ask, results[index])
        if work.last:
            del self._askers[work.session]
        return Reply(None, results)

    def close(self) -> None:
        """Forgets everything; no process is running between two calls."""
        self._works.clear()
        self._askers.clear()
        self._supervisor.close()

    def _answer(self, ask: Ask) -> Outcome:
        first = None
        if ask.request is not None:
            first = self._ask(ask.request)
            answer = parse_object(first)
            if "error" in answer or not isinstance(answer.get("state"), dict):
                return outcome_of(ask, first, None)
        request = ask.invariants
        if request is None:
            request = invariants_request(json_text(answer["state"]))
        return outcome_of(ask, first, self._ask(request))

    def _ask(self, request: bytes) -> bytes:
        return ask_once(self._supervisor.command, request, self._supervisor.limits)


def ask_once(command: Sequence[str], request: bytes, limits: Limits) -> bytes:
    """The answer of a process that is started for this one request. An error that it reports in
    its own way (a message and a code) comes as `{"error": ...}`, as it would from a server.

    Raises ChildFault.
    """
    watch = watched()
    try:
        process = subprocess.Popen(
            command,
            env=watch.marked(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ChildFault(FailureKind.UNSTARTABLE, f"cannot be started: {reason}") from error
    watch.begin(process.pid)
    try:
        answer, said = _exchange(process, request, limits)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()
        watch.end()
    code = process.returncode
    if code == 0:
        return answer.strip()
    text = one_line(said.decode("utf-8", "replace").strip().replace("\n", " | "), 160)
    if code > 0 and text:
        return json.dumps({"error": text}).encode()
    how = f"exited with code {code}" if code > 0 else f"exited with signal {-code}"
    raise ChildFault(FailureKind.EXITED, f"{how}; standard error: {text}" if text else how)


def _exchange(
    process: subprocess.Popen[bytes], request: bytes, limits: Limits
) -> tuple[bytes, bytes]:
    """Writes the request, and reads until the process has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    until = time.monotonic() + limits.timeout
    left = memoryview(request)
    parts = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    out, err = parts.values()
    poll = select.poll()
    for fd in (process.stdin.fileno(), *parts):
        os.set_blocking(fd, False)
    poll.register(process.stdin.fileno(), select.POLLOUT)
    for fd in parts:
        poll.register(fd, select.POLLIN)
    open_parts = set(parts)
    while open_parts:
        seconds = until - time.monotonic()
        ready = poll.poll(1000 * seconds) if seconds > 0 else []
        if not ready:
            raise ChildFault(FailureKind.TIMEOUT, f"no answer within {limits.timeout:g} s")
        for fd, _ in ready:
            if fd in parts:
                chunk = os.read(fd, _READ)
                parts[fd] += chunk
                if not chunk:
                    open_parts.discard(fd)
                    poll.unregister(fd)
                continue
            try:
                left = left[os.write(fd, left) :]
            except OSError:  # it reads no more; whether it has failed shows in its answer
                left = left[:0]
            if not left:
                poll.unregister(fd)
                process.stdin.close()
        if len(out) > limits.answer_bytes:
            raise ChildFault(
                FailureKind.OVERSIZE, f"answered more than {limits.answer_bytes} bytes"
            )
        if len(err) > limits.stderr_bytes:
            raise ChildFault(FailureKind.STDERR_FLOOD, f"wrote {len(err)} bytes to standard error")
    try:
        process.wait(timeout=max(0.1, until - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise ChildFault(FailureKind.TIMEOUT, "closed its output but lives on") from error
    return bytes(out), bytes(err[-_SAID:])
