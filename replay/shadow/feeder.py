"""The thread beside the bot that hands its calls to the shadow process.

It works in slices far shorter than anybody would notice and sleeps between them: a bot's thread
that wants the interpreter never waits longer than one slice. All that can go wrong beyond it (a
process that dies, hangs or cannot be started, a pipe that is full) is its business, and ends as
calls that are counted as failed or dropped.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable

from replay.shadow.call_deltas import Compactor, Unwritable
from replay.shadow.connection import Connection
from replay.shadow.metrics import Counter, Tally
from replay.shadow.warnings_log import Warnings
from replay.shadow.wire import FLUSH, Settings, pack, pack_calls
from replay.shadow.wrapped_calls import Notes, offer_of

POLL = 0.02
"""Seconds between two looks at the queue. The bot's threads wake nobody up: that would cost them
more than everything else."""

SLICE, REST = 0.0002, 0.0002
"""Seconds of work, and of sleep after it."""

BEHIND = 1.0
"""Seconds without an empty queue that say that it is not looked at often enough to tell the times
of calls by that."""

TIMED_EVERY = 0.1
"""Seconds between two calls that are timed."""

LISTEN_EVERY = 5
"""Looks, while the queue is empty, for one at what the process reports."""

STALL = 60.0
"""Seconds, besides ten times the timeout of an answer, after which a process that reports nothing,
though it has calls to settle, is killed."""

BATCH = 128
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before the process is started again; doubled from one to the other while it settles
nothing."""

_LOG = logging.getLogger("replay.shadow")


class Feeder:
    """Takes the calls that were noted until it is stopped."""

    def __init__(
        self,
        notes: Notes,
        dropped: Counter,
        tally: Tally,
        make_compactor: Callable[[], Compactor],
        settings: Settings,
        *,
        crowded: Callable[[bool], None],
        time_next: Callable[[], None],
        again: bool,
        follow: Callable[[], None] = lambda: None,
    ) -> None:
        """`crowded` is told when the queue becomes long, and short again; `time_next` is called
        now and then, to have a call timed. `again`: the calls were answered by something else than
        the module, which is asked again here for what to compare with. `follow` is called ten
        times a second, to notice functions that the module has got anew."""
        self.taken = 0
        """Calls that were taken from the queue."""
        self.done = 0
        """Those of them that are accounted for."""
        self._queue = notes.queue
        self._notes = notes
        self._crowded = crowded
        self._time_next = time_next
        self._dropped = dropped
        self._tally = tally
        self._make_compactor = make_compactor
        self._settings = settings
        self._again = again
        self._follow = follow
        self._warnings = Warnings(_LOG)
        self._compactor: Compactor | None = None
        self._connection: Connection | None = None
        self._stall = STALL + 10.0 * settings.timeout
        self._pause = 0.0
        self._again_at = 0.0
        self._seen_drops = 0
        self._timed_at = 0.0
        self._empty_at = time.monotonic()
        self._skip_at: int | None = None
        self._turns = 0
        self._flushes = 0
        self._flush_sent = 0
        self._hurry = threading.Event()
        self._stop = threading.Event()
        self._left_alone = False
        self._stop_within = 0.0
        self._thread = threading.Thread(target=self._run, name="replay-shadow", daemon=True)

    # --- From other threads -------------------------------------------------------------------

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def wait_until_done(self, seconds: float) -> bool:
        """Waits until all that is in the queue is accounted for and written."""
        until = time.monotonic() + seconds
        self._hurry.set()
        try:
            while self.is_alive:
                if not self._queue and self.done >= self.taken:
                    return True
                if time.monotonic() >= until:
                    return False
                time.sleep(0.001)
            return not self._queue
        finally:
            self._hurry.clear()

    def stop(self, seconds: float, *, leave: bool = False) -> None:
        """Ends the thread and the process. `leave`: a process that takes longer is left to finish
        by itself, else it is killed."""
        self._left_alone = leave
        self._stop_within = seconds
        self._stop.set()
        self._thread.join(seconds + 5.0)

    # --- The thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                pause = self._turn()
            except Exception:  # whatever it is, the next turn begins with a process that is new
                _LOG.exception("the shadow's feeder failed, and goes on")
                self._lose("the feeder failed")
                if self.taken > self.done:
                    self._fail(self.taken - self.done, "the feeder failed")
                pause = FIRST_PAUSE
            if pause and not self._stop.is_set():
                time.sleep(pause)
        try:
            self._end()
        except Exception:  # the bot is ending, and so are we
            _LOG.exception("the shadow could not be ended in order")

    def _turn(self) -> float:
        """Does what there is to do for one slice; the seconds to rest after it."""
        queue, connection = self._queue, self._connection
        self._turns += 1
        hurried = self._hurry.is_set()
        if not queue and not hurried and self._turns % LISTEN_EVERY:
            return POLL
        self._look_at_queue()
        if connection is not None:
            self._listen(connection)
            connection = self._connection
        if connection is None:
            if not queue:
                return POLL
            connection = self._connect()
            if connection is None:
                return POLL
        if connection.is_busy:
            return POLL if not connection.serve(POLL) or connection.is_busy else 0.0
        messages = self._compact(SLICE * 25 if hurried else SLICE)
        if messages:
            connection.sent += len(messages)
            connection.send(pack_calls(messages))
            connection.serve()
        elif hurried and self._flush_sent != self.taken and not queue:
            self._flush_sent = self.taken
            self._flushes += 1
            connection.send(pack([FLUSH, self._flushes]))
            connection.serve()
        if queue:
            return 0.0 if hurried else REST
        self._empty_at = time.monotonic()
        return POLL / 20 if hurried else POLL

    def _look_at_queue(self) -> None:
        """Notes how long it is, and what was dropped after its end."""
        waiting, happened = len(self._queue), self._tally.happened
        drops = self._dropped.value
        if drops != self._seen_drops:
            self._seen_drops, self._skip_at = drops, self.taken + waiting
            waiting = max(waiting, self._notes.limit)
        now = time.monotonic()
        if not waiting:
            self._empty_at = now
        is_behind = now - self._empty_at > BEHIND
        self._crowded(waiting >= self._notes.limit // 2 or is_behind)
        if now - self._timed_at >= TIMED_EVERY:
            self._timed_at = now
            self._follow()
            self._warn()
            self._time_next()
        happened.queue_max = max(happened.queue_max, waiting)

    def _warn(self, *, at_once: bool = False) -> None:
        """Logs what is counted and ought not to be."""
        counts, happened = self._tally.counts(), self._tally.happened
        _, kind, event = happened.divergence or (0.0, "", "")
        changes = {side: one["changes"] for side, one in self._tally.progress.cores.items()}
        for what, count, last in (
            ("divergences", counts.transition_divergences + counts.invariant_divergences,
             f"{kind} at {event}"),
            ("calls without an answer of the shadow", counts.failures, happened.error),
            ("calls dropped, since the queue is full", self._dropped.value, "nobody waits"),
            ("lines of the journal lost", counts.errors + counts.lost, happened.recorder_error),
            ("changes of the cores' files", sum(changes.values()), str(changes)),
        ):  # fmt: skip
            if count:
                self._warnings.tell(what, count, last, at_once=at_once)
        if happened.recorder_error and not counts.errors + counts.lost:
            self._warnings.tell("troubles of the recorder", 1, happened.recorder_error)

    def _compact(self, seconds: float) -> list[bytes]:
        """As many calls as can be made ready in so many seconds."""
        if self._compactor is None:
            self._compactor = self._make_compactor()
        messages: list[bytes] = []
        queue, until = self._queue, time.perf_counter() + seconds
        ts = self._notes.clock()
        while queue and len(messages) < BATCH:
            self.taken += 1
            offer = offer_of(queue.popleft(), ts)
            if self._skip_at is not None and self.taken > self._skip_at:
                self._compactor.skip()
                self._skip_at = None
            try:
                messages.append(self._compactor.take(offer, again=self._again))
            except Unwritable as error:
                self._fail(1, str(error))
            if time.perf_counter() >= until:
                break
        return messages

    # --- The process --------------------------------------------------------------------------

    def _connect(self) -> Connection | None:
        """Starts the process where it is time to. Where the system does not let us, the calls that
        wait count as failed."""
        now = time.monotonic()
        if now < self._again_at:
            return None
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self._again_at = now + self._pause
        try:
            # What runs as the authority is what the first process has seen of it.
            cores = self._tally.progress.cores
            connection = Connection(dataclasses.replace(self._settings, cores=cores))
        except OSError as error:
            why = f"the shadow process cannot be started: {error.strerror or error}"
            _LOG.warning("%s", why)
            while self._queue:
                self._queue.popleft()
                self.taken += 1
                self._fail(1, why)
            if self._compactor is not None:
                self._compactor.forget()
                self._compactor.skip()
            return None
        if self._compactor is not None:
            self._compactor.forget()
        connection.progress = self._tally.progress
        self._connection = connection
        self._flush_sent = -1
        return connection

    def _listen(self, connection: Connection) -> None:
        """Takes in what the process reports, and notices that it has ended or hangs."""
        is_there = connection.serve()
        self._note(connection)
        if not is_there:
            self._lose(connection.how_it_ended())
        elif connection.sent > connection.progress.settled:
            if time.monotonic() - connection.heard_at > self._stall:
                self._lose(f"the shadow process did nothing for {self._stall:g} s and was killed")
        else:
            connection.heard_at = time.monotonic()

    def _note(self, connection: Connection) -> None:
        progress = connection.progress
        if progress is self._tally.progress:
            return
        more = progress.settled - self._tally.progress.settled
        if more:
            self._pause = 0.0
        self._tally.take(progress)
        self.done += more

    def _lose(self, why: str) -> None:
        """Gives the process up: what was under way is lost, and counted."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._note(connection)
        connection.kill()
        lost = connection.sent - connection.progress.settled
        self._tally.next_process()
        if lost:
            self._fail(lost, f"{why}; {lost} calls were under way")
        self._tally.add(restarts=1)
        _LOG.warning("%s; %d calls were under way", why, lost)

    def _fail(self, times: int, why: str) -> None:
        """Accounts for calls that will not be compared."""
        if self._settings.shadow:
            self._tally.failed(times, why)
        else:
            self._tally.add(errors=times)
            self._tally.happened.recorder_error = why
        self.done += times

    def _end(self) -> None:
        """Hands over what is left, ends the process and counts what it did not get to."""
        until = time.monotonic() + self._stop_within
        self._hurry.set()
        while time.monotonic() < until:
            connection = self._connection
            if not self._queue and (connection is None or not connection.is_busy):
                break
            pause = self._turn()
            if pause:
                time.sleep(min(pause, 0.002))
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.end_input()
            ended = connection.wait(max(0.0, until - time.monotonic()))
            self._note(connection)
            if ended or not self._left_alone:
                connection.kill()
            lost = connection.sent - connection.progress.settled
            if lost:
                self._fail(lost, f"the bot ended, {lost} calls were under way")
        left = len(self._queue)
        self._queue.clear()
        self.taken += left
        if left:
            self._fail(left, f"the bot ended, {left} calls were waiting")
        self._tally.next_process()
        self._warn(at_once=True)

    # --- In a forked child --------------------------------------------------------------------

    def abandon(self) -> None:
        """In a forked child: lets go of what belongs to the parent."""
        if self._connection is not None:
            self._connection.abandon()
