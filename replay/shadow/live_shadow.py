"""What works behind the adapter: who answers a call, and how it comes to be compared.

What answers is always the module itself (or, with DOGE_CORE_BACKEND=haskell and without a shadow,
the executable with the module behind it). The comparison is off the caller's thread: here a call is
only noted (wrapped_calls.py), a thread hands the notes on (feeder.py), and a process of its own
compares and records them (shadow_process.py). Nothing of that can change or raise into a call, nor
hold it up where the bot does not ask to wait.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from replay.errors import InternalFault, unforeseen
from replay.shadow.answering import Executable, HaskellBackend
from replay.shadow.arguments import CHECK, REGIME, TRANSITION
from replay.shadow.call_deltas import Compactor
from replay.shadow.feeder import Feeder
from replay.shadow.metrics import Counter, Counts, Latency, Tally, telemetry
from replay.shadow.options import Backend, ShadowOptions
from replay.shadow.process_end import at_end, weakly
from replay.shadow.wire import Settings
from replay.shadow.wrapped_calls import Mode, Notes, Shadowed, shadowed

AT_EXIT = 5.0
"""Seconds that the end of the bot waits for what is under way."""

AT_EXIT_WAITING = 300.0
"""Those where the bot asked to wait."""

_LEAN_LIMIT = 1000
"""A shorter queue could be overrun before anybody looks at its length."""

_NAP = 0.001
"""Seconds between two looks of a call that waits for room."""

_LOG = logging.getLogger("replay.shadow")
_PYTHON_ANSWERS = (
    "DOGE_CORE_BACKEND is {}, but PYTHON ANSWERS the bot: the executable answers only with "
    "DOGE_CORE_BACKEND=haskell and DOGE_CORE_SHADOW=0"
)
NAMES = {
    TRANSITION: "transition",
    CHECK: "check_invariants",
    REGIME: "apply_order_regime_at_entry",
}


class LiveShadow:
    """The shadow of one module. `functions` are those to call in place of the module's own, by
    name. Nothing is started before the first call; calls may come from several threads."""

    def __init__(self, module: Any, options: ShadowOptions | None = None) -> None:
        """`module` offers the names of reducer.md; `options` None: from the environment, at the
        first call. Raises AttributeError where the module lacks one of the three functions."""
        self._module = module
        self._options = options
        self._lock = threading.RLock()
        self._queue: deque[Any] = deque()
        self._slot: ContextVar[int | None] = ContextVar("slot", default=None)
        self._latency = Latency()
        self._shadowed: dict[int, Shadowed] = {}
        self._closed = False
        self._made = time.time()
        self._reset()
        self._notes = Notes(
            self._queue,
            self._slot.get,
            lambda: self._dropped.hit(),
            lambda: self._lost.hit(),
            self._latency.timed,
            self._begin,
            lambda: self._crowded(True),
        )
        self.functions: dict[str, Callable[..., Any]] = {}
        self._own: dict[int, Callable[..., Any]] = {}
        for kind, name in NAMES.items():
            self._own[kind] = own = getattr(module, name)
            self._shadowed[kind] = shadowed(own, kind, self._notes)
            self.functions[name] = self._shadowed[kind].function

    def _reset(self) -> None:
        """As before the first call."""
        self._started: float | None = None
        self._told: float | None = None
        self._dropped, self._lost = Counter(), Counter()
        self._tally = Tally()
        self._feeder: Feeder | None = None
        self._haskell: HaskellBackend | None = None
        self._nought = Counts()
        self._not_at_end: Callable[[], None] | None = None
        self._is_on = False
        self._is_crowded = False
        self._mode = Mode.NEW
        self._names_slots = False

    def own(self, name: str) -> Callable[..., Any]:
        """The module's own function of that name."""
        return next(self._own[kind] for kind, one in NAMES.items() if one == name)

    # --- For the bot --------------------------------------------------------------------------

    @property
    def options(self) -> ShadowOptions:
        """What is in force."""
        if self._options is None:
            with self._lock:
                if self._options is None:
                    self._options = ShadowOptions.from_environment(os.environ)
                    for warning in self._options.warnings:
                        _LOG.warning("%s", warning)
        return self._options

    @contextmanager
    def slot(self, number: int) -> Iterator[None]:
        """Calls that are made within are of this slot, in this thread or this task, and whatever is
        awaited. Without it, a slot is told by the state that a call is made with."""
        if not self._names_slots:
            self._names_slots = True
            self._set_live()
        token = self._slot.set(number)
        try:
            yield
        finally:
            self._slot.reset(token)

    def get_shadow_metrics(self) -> dict[str, Any]:
        """The block `state_machine_shadow` of `/api/status`: the fields of formats.md
        ("Telemetry"), and what is ours under `adapter` (seconds and bytes)."""
        options = self.options
        tally = self._tally
        # In this order, what is accounted for never exceeds what was offered.
        counts = self._counts()
        queued = len(self._queue)
        offered = self._offered() - self._nought.offered
        is_compared = self._started is not None and options.shadow
        available = tally.progress.available if is_compared else self._is_there()
        progress = tally.progress
        adapter = {
            "started": self._counting_since(),
            "backend": self._backend(),
            "offered": offered,
            "compared": counts.compared,
            "dropped": counts.dropped,
            "failed": counts.failed,
            "fallbacks": counts.fallbacks,
            "queue": queued,
            "queue_max": tally.happened.queue_max,
            "queue_limit": options.queue_limit,
            "latency": self._latency.figures(),
            "recorder": None
            if not options.is_recording
            else {
                "lines": counts.lines,
                "bytes": counts.bytes,
                "errors": counts.errors,
                "lost": counts.lost,
                "last_error": tally.happened.recorder_error,
                "file": progress.file,
            },
            "restarts": counts.restarts,
            "cores": progress.cores or None,
            "clock": {
                "now": options.clock(),
                "speed": options.speed,
                "wall": time.time(),
                "began": self._made,
            },
        }
        return telemetry(
            counts,
            tally.happened,
            enabled=options.shadow,
            available=available,
            adapter=adapter,
        )

    def reset_shadow_metrics(self) -> None:
        """All counts at nought, and nothing remembered of what happened. Calls that are under way
        count as offered from now on."""
        with self._lock:
            counts = self._counts(since=Counts())
            accounted = counts.compared + counts.dropped + counts.failed
            self._nought = counts.plus(Counts(offered=accounted))
            happened = self._tally.happened
            happened.divergence, happened.error, happened.queue_max = None, "", 0
            self._latency.clear()

    def drain(self, timeout: float = 30.0) -> bool:
        """Waits until all calls so far are compared (or dropped, or failed) and recorded; false
        where that takes longer than `timeout` seconds."""
        feeder = self._feeder
        return feeder is None or feeder.wait_until_done(timeout)

    def close(self, timeout: float = 10.0) -> None:
        """Finishes what is under way, for at most about `timeout` seconds, and ends the shadow.
        The functions go on answering. May be called twice."""
        self._close(timeout, leave=False)

    def _counting_since(self) -> float:
        """When counting began, the same each time that it is told: whoever reads two times takes
        them for two processes. Before the first call it is when this was first asked for."""
        with self._lock:
            if self._told is None:
                self._told = self.options.clock() if self._started is None else self._started
            return self._told

    # --- Beginning and ending -----------------------------------------------------------------

    def _begin(self) -> None:
        """At the first call: decides by the options what becomes of calls. Never raises."""
        with self._lock:
            if self._started is not None:
                return
            try:
                self._begin_by(self.options)
            except Exception as error:  # the bot goes on without a shadow
                why = unforeseen(error)
                trace = isinstance(why, InternalFault)
                _LOG.error("the shadow cannot begin: %s", why.message, exc_info=trace)
                self._is_on = False
                self._tally.failed(1, f"the shadow cannot begin: {why.message}")
                self._set(Mode.OFF)
            if self._started is None:
                self._started = self._now()

    def _begin_by(self, options: ShadowOptions) -> None:
        self._started = options.clock()
        self._tally.progress.available = self._is_there()
        if _answers(options) is not options.backend:
            _LOG.warning("%s", _PYTHON_ANSWERS.format(options.backend))
        if _answers(options) is Backend.HASKELL:
            executable = Executable(
                options.executable, timeout=options.timeout, persistent=options.persistent
            )
            self._haskell = HaskellBackend(self._module, executable)
        journal = options.journal if options.is_recording else None
        is_on = not self._closed and (options.shadow or journal is not None)
        if is_on:
            settings = Settings(
                shadow=options.shadow,
                executable=options.executable,
                timeout=options.timeout,
                persistent=options.persistent,
                journal="" if journal is None else str(journal.absolute()),
                authority=_authority_of(self._module),
            )
            self._feeder = Feeder(
                self._notes,
                self._dropped,
                self._tally,
                lambda: Compactor(self._module),
                settings,
                crowded=self._crowded,
                time_next=self._shadowed[TRANSITION].time_next,
                again=self._haskell is not None,
                follow=self._follow,
            )
            self._feeder.start()
        if is_on or self._haskell is not None:
            self._not_at_end = at_end(weakly(self, LiveShadow._exit))
            os.register_at_fork(after_in_child=weakly(self, LiveShadow._forked))
        self._notes.clock, self._notes.limit = options.clock, options.queue_limit
        self._notes.room = self._room if options.wait else None
        self._is_on = bool(is_on)
        if is_on:
            self._set_live()
        else:
            self._set(Mode.OFF)

    def _room(self) -> None:
        """Waits until there is room in the queue again, as long as somebody makes room."""
        feeder, half = self._feeder, self._notes.limit // 2
        while feeder is not None and feeder.is_alive and not self._closed:
            if len(self._queue) <= half:
                return
            time.sleep(_NAP)

    def _follow(self) -> None:
        """Goes on with the functions that the module has now: it may have been loaded again."""
        for kind, name in NAMES.items():
            if getattr(self._module, name, None) is not self._own[kind]:
                with self._lock:
                    self._own[kind] = getattr(self._module, name, self._own[kind])
                    self._set(self._mode)

    def _set_live(self) -> None:
        """Sets the leanest mode that will do."""
        with self._lock:
            if self._is_on and not self._closed:
                is_lean = (
                    not self._names_slots
                    and not self._is_crowded
                    and self._notes.clock is time.time
                    and self._notes.limit >= _LEAN_LIMIT
                )
                self._set(Mode.LEAN if is_lean else Mode.DETAILED)
                self._shadowed[TRANSITION].time_next()

    def _crowded(self, is_crowded: bool) -> None:
        """The queue has become long, or short again: while it is, its length is looked at before
        each call."""
        if is_crowded is not self._is_crowded:
            self._is_crowded = is_crowded
            self._set_live()

    def _set(self, mode: Mode) -> None:
        self._mode = mode
        haskell = None if self._closed else self._haskell
        for kind, one in self._shadowed.items():
            if haskell is not None:
                answering = haskell.of(kind)
            else:
                answering = self._now_own(kind) if mode is Mode.OFF else self._own[kind]
            one.bind(mode, answering)

    def _now_own(self, kind: int) -> Callable[..., Any]:
        """The module's function as it is at each call: nothing but it is asked while the shadow is
        off, and it may be exchanged at any time."""
        module, name = self._module, NAMES[kind]

        def call(*args: Any, **kwargs: Any) -> Any:
            return getattr(module, name)(*args, **kwargs)

        return call

    def _close(self, timeout: float, *, leave: bool) -> None:
        with self._lock:
            self._closed = True
            self._set(Mode.OFF)
            not_at_end, self._not_at_end = self._not_at_end, None
        # Without the lock, which the feeder may want before it ends.
        feeder = self._feeder
        if feeder is not None and feeder.is_alive:
            feeder.stop(timeout, leave=leave)
        if self._haskell is not None:
            self._haskell.executable.close()
        if not_at_end is not None:
            not_at_end()

    def _exit(self) -> None:
        self._close(AT_EXIT_WAITING if self.options.wait else AT_EXIT, leave=True)

    def _forked(self) -> None:
        """In the child of a fork: the thread and the process are the parent's. The child begins
        anew with its first call."""
        feeder = self._feeder
        if feeder is not None:
            feeder.abandon()
        self._lock = threading.RLock()
        self._queue.clear()
        self._reset()
        self._set(Mode.OFF if self._closed else Mode.NEW)

    # --- Figures ------------------------------------------------------------------------------

    def _counts(self, since: Counts | None = None) -> Counts:
        haskell = self._haskell
        fallbacks = 0 if haskell is None else haskell.fallbacks.value
        lost = self._lost.value
        counts = self._tally.counts().plus(
            Counts(dropped=self._dropped.value, failed=lost, failures=lost, fallbacks=fallbacks)
        )
        return counts.minus(self._nought if since is None else since)

    def _offered(self) -> int:
        if not self.options.shadow:
            return 0
        taken = 0 if self._feeder is None else self._feeder.taken
        waiting = 0 if self._closed else len(self._queue)
        return taken + waiting + self._dropped.value + self._lost.value

    def _backend(self) -> str:
        return str(_answers(self.options))

    def _is_there(self) -> bool:
        return shutil.which(self.options.executable) is not None

    def _now(self) -> float:
        return time.time() if self._options is None else self._options.clock()


def _answers(options: ShadowOptions) -> Backend:
    """Who answers the bot: the executable only where it is asked to by name, and nothing is to be
    shadowed. A shadow that answers is none."""
    is_haskell = options.backend is Backend.HASKELL and not options.shadow
    return Backend.HASKELL if is_haskell else Backend.PYTHON


def _authority_of(module: Any) -> tuple[str, str]:
    """The path and the version of a bot's module."""
    path = getattr(module, "__file__", None)
    version = str(getattr(module, "__version__", "unknown"))[:100]
    return os.path.abspath(path) if isinstance(path, str) else "", version
