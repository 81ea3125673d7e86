"""DOGE_CORE_BACKEND=haskell: the executable answers the bot, and Python takes over where it cannot.

The answers are made of the wrapped module's own classes, so the bot sees no difference. Whatever
goes wrong (no executable, a crash, no answer in time, an answer that cannot be read, an `error`)
is counted and logged, and the module itself answers that call. An executable that has failed is
let be for a while, so that a hanging one does not hold up every call.
"""

from __future__ import annotations

import dataclasses
import logging
import queue
import shutil
import threading
import time
from collections.abc import Callable
from typing import Any

from replay.errors import TargetError, unforeseen
from replay.shadow.arguments import CHECK, REGIME, TRANSITION
from replay.shadow.call_deltas import Offer, call_of, fields_of, plain
from replay.shadow.metrics import Counter
from replay.shadow.oneshot import ask_once
from replay.targets.base import FailureKind
from replay.targets.compact import (
    ACTION_FIELDS,
    ACTION_NAMES,
    compact_action,
    state_document,
)
from replay.targets.executable.answers import parse_object
from replay.targets.executable.child import Child
from replay.targets.executable.frames import ChildFault, one_line
from replay.targets.executable.limits import Limits
from replay.targets.executable.state_text import (
    invariants_request,
    json_text,
    regime_request,
    settings_text,
    transition_request,
)
from replay.targets.executable.supervisor import Supervisor, Wire
from replay.targets.python.objects import plain_of

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds for which an executable that has failed is let be; doubled while it goes on failing."""

_LOG_EVERY = 60.0
_LOG = logging.getLogger("replay.shadow")


class _Refused(Exception):
    """The executable answered `error`: no failure where Python raises as well."""


class _LetBe(ChildFault):
    """It has failed only just now, and is not asked."""


@dataclasses.dataclass(slots=True)
class _Job:
    request: bytes
    done: threading.Event = dataclasses.field(default_factory=threading.Event)
    answer: bytes | None = None
    fault: Exception | None = None


class Executable:
    """One executable, asked one thing at a time, from any thread.

    A thread of its own talks to it: the system ends a child with the thread that started it, and a
    bot's threads come and go.
    """

    def __init__(self, path: str, *, timeout: float, persistent: bool) -> None:
        self._path = shutil.which(path) or path
        self._limits = Limits(timeout=timeout)
        self._persistent = persistent
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._supervisor: Supervisor | None = None
        self._child: Child | None = None
        self._pause = 0.0
        self._again_at = 0.0
        self._why = ""
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def can_be_started(self) -> bool:
        """Whether the system starts it at all."""
        try:
            Supervisor(self._path, self._limits, ()).close()
        except (TargetError, OSError):
            return False
        return True

    def ask(self, request: bytes) -> bytes:
        """The answer to a request. Raises ChildFault or TargetError, at once where it has failed
        only just now."""
        if time.monotonic() < self._again_at:
            raise _LetBe(FailureKind.UNSTARTABLE, f"is let be for a while: {self._why}")
        with self._lock:
            if self._thread is None:
                self._thread = self._started()
        job = _Job(request)
        self._jobs.put(job)
        if not job.done.wait(self._limits.timeout + 1.0):
            # It waits behind a call that hangs; that one will say so.
            raise ChildFault(FailureKind.TIMEOUT, "was busy for too long")
        if job.fault is not None:
            raise job.fault
        assert job.answer is not None
        return job.answer

    def _started(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="replay-backend", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise ChildFault(FailureKind.UNSTARTABLE, unforeseen(error).message) from error
        return thread

    def failed(self, why: str) -> None:
        """An answer was of no use: lets it be for a while."""
        self._why = why
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self._again_at = time.monotonic() + self._pause

    def answered(self) -> None:
        """An answer was of use."""
        self._pause = 0.0

    def close(self) -> None:
        """Ends it."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            thread.join(self._limits.timeout + 1.0)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job.answer = self._answer(job.request)
            except Exception as fault:  # whatever it is, Python takes over
                self._stop()
                job.fault = fault
            job.done.set()
        self._stop()

    def _answer(self, request: bytes) -> bytes:
        if time.monotonic() < self._again_at:
            raise _LetBe(FailureKind.UNSTARTABLE, f"is let be for a while: {self._why}")
        if self._supervisor is None:
            arguments = ("--server",) if self._persistent else ()
            self._supervisor = Supervisor(self._path, self._limits, arguments)
        if not self._persistent:
            return ask_once(self._supervisor.command, request, self._limits)
        if self._child is None:
            self._child = self._supervisor.start(Wire.LINES)
        self._child.expect_silence()
        self._child.send(request)
        return self._child.receive().line

    def _stop(self) -> None:
        self._child = None
        if self._supervisor is not None:
            self._supervisor.close()
            self._supervisor = None


class HaskellBackend:
    """The module's three functions, answered by an executable. `fallbacks` counts the calls that
    Python answered in its place."""

    def __init__(self, module: Any, executable: Executable) -> None:
        self.fallbacks = Counter()
        self.executable = executable
        self._module = module
        self._classes = [
            (getattr(module, name), _names_of(getattr(module, name), fields))
            for name, fields in zip(ACTION_NAMES, ACTION_FIELDS, strict=True)
        ]
        self._logged_at = -_LOG_EVERY

    def transition(
        self,
        state: Any,
        event: Any,
        config: Any,
        order_size_usd: float,
        order_sizes: Any = None,
    ) -> Any:
        """The executable's answer, else the module's."""

        def ask() -> Any:
            offer = Offer(TRANSITION, None, 0.0, None, None, state, event)
            settings = settings_text(
                {
                    "config": fields_of(config),
                    "order_size_usd": plain(order_size_usd),
                    "order_sizes": plain(order_sizes),
                }
            )
            answer = self._asked(transition_request(_text(state), call_of(offer), settings))
            actions = _needed(answer, "actions")
            return self._state(answer), tuple(self._action(action) for action in actions)

        own = self._module.transition
        return self._answer(ask, lambda: own(state, event, config, order_size_usd, order_sizes))

    def check_invariants(self, state: Any) -> Any:
        """The executable's answer, else the module's."""

        def ask() -> Any:
            violations = _needed(self._asked(invariants_request(_text(state))), "violations")
            if not isinstance(violations, list):
                raise ChildFault(FailureKind.GARBAGE, "violations are no list")
            return violations

        return self._answer(ask, lambda: self._module.check_invariants(state))

    def apply_order_regime_at_entry(self, state: Any, local_id: Any, regime: Any) -> Any:
        """The executable's answer, else the module's."""

        def ask() -> Any:
            offer = Offer(REGIME, None, 0.0, None, None, state, local_id, regime)
            return self._state(self._asked(regime_request(_text(state), call_of(offer))))  # type: ignore[arg-type]

        own = self._module.apply_order_regime_at_entry
        return self._answer(ask, lambda: own(state, local_id, regime))

    def of(self, kind: int) -> Callable[..., Any]:
        """The function that answers calls of a kind."""
        functions: dict[int, Callable[..., Any]] = {
            TRANSITION: self.transition,
            CHECK: self.check_invariants,
            REGIME: self.apply_order_regime_at_entry,
        }
        return functions[kind]

    def _answer(self, ask: Callable[[], Any], own: Callable[[], Any]) -> Any:
        try:
            result = ask()
        except _Refused as refused:
            answer = own()
            # Python took what the executable refused.
            self._fell_back(str(refused))
            return answer
        except Exception as error:  # whatever it is, Python takes over
            text = error.detail if isinstance(error, ChildFault) else f"{error}"
            self._fell_back(one_line(text))
            if not isinstance(error, _LetBe):
                self.executable.failed(one_line(text))
            return own()
        self.executable.answered()
        return result

    def _asked(self, request: bytes) -> dict[str, Any]:
        answer = parse_object(self.executable.ask(request))
        if "error" in answer:
            raise _Refused(one_line(str(answer["error"])))
        return answer

    def _state(self, answer: dict[str, Any]) -> Any:
        return self._module.from_dict(_needed(answer, "state"))

    def _action(self, document: Any) -> Any:
        compact = compact_action(document)
        if compact is document:
            raise ChildFault(FailureKind.GARBAGE, "an action is of no kind")
        its_class, names = self._classes[compact[0]]
        values = dict(zip(ACTION_FIELDS[compact[0]], compact[1:], strict=True))
        return its_class(**{name: values[name] for name in names if name in document})

    def _fell_back(self, why: str) -> None:
        self.fallbacks.hit()
        now = time.monotonic()
        if now - self._logged_at >= _LOG_EVERY:
            self._logged_at = now
            _LOG.warning("the executable did not answer, Python did: %s", why)


def _text(state: Any) -> bytes:
    return json_text(state_document(plain_of(state)))


def _needed(answer: dict[str, Any], key: str) -> Any:
    if key not in answer:
        raise ChildFault(FailureKind.MISSING_KEY, f"left out {key!r}")
    return answer[key]


def _names_of(its_class: Any, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Those fields that the module's class has, which may be an older one."""
    known = {field.name for field in dataclasses.fields(its_class)}
    return tuple(name for name in fields if name in known)
