"""The shadow's part: calls that the authority has answered, held against the executable's answers.

The comparison is that of a replay (differential/lockstep.py), so what is counted live is what
`doge-replay run` finds in the journal. An executable that fails again and again is let be for a
while; calls made meanwhile count as failed at once, so that nothing piles up behind it.
"""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from replay.differential.lockstep import Lockstep, Settled
from replay.differential.model import Finding
from replay.errors import ReplayError
from replay.shadow.oneshot import OneShotTarget
from replay.shadow.slots import Taken
from replay.streams.model import CALL_NAMES, CallCode, Segment, call_name
from replay.targets.base import CoreIdentity, Failure, Reply, Target, Work
from replay.targets.executable.frames import one_line
from replay.targets.executable.handshake import open_executable
from replay.targets.executable.limits import Limits

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds for which a failing executable is let be; doubled from one to the other."""

_IN_A_ROW = 3
_NEVER = 1 << 60
_CHECK = CALL_NAMES[CallCode.CHECK_INVARIANTS]
_INVARIANTS = "invariants"
"""The rule of a signature whose root is a violation (signature.py)."""


class Kind(StrEnum):
    """What a call's answers differ in, as the telemetry tells it."""

    TRANSITION = "transition"
    INVARIANT = "invariant"


class Seen(NamedTuple):
    """What came of a call. `differs` says in what its answers differ; `error` why there was no
    usable answer, or, with `incident`, why it took a second try."""

    differs: Kind | None = None
    error: str | None = None
    incident: bool = False

    @property
    def is_failed(self) -> bool:
        """Whether there was no usable answer."""
        return self.error is not None and not self.incident


@dataclass(slots=True)
class Batch:
    """Calls that are compared together, in the order in which they were made. `seen` has what came
    of each; None while it is under way."""

    calls: Sequence[Taken]
    seen: list[Seen | None] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether all are done with."""
        return None not in self.seen


class _UnderWay(NamedTuple):
    """One slot's calls of a batch, at their places in it."""

    batch: Batch
    places: Sequence[int]


def open_shadow(path: str, *, timeout: float, persistent: bool) -> Target:
    """Opens the executable at a path, or of a name on PATH. Raises TargetError."""
    limits = Limits(timeout=timeout, storm_in_a_row=_IN_A_ROW, storm_total=_NEVER)
    found = shutil.which(path) or path
    if persistent:
        return open_executable(found, limits=limits)
    return OneShotTarget(found, limits)


class Comparing:
    """Compares batches of calls, in order. Never raises.

    `ready` opens the executable where it can; then `begin` takes a batch and `finish` waits for it.
    """

    def __init__(self, open_target: Callable[[], Target]) -> None:
        self.available = False
        self.version = "unknown"
        self._open_target = open_target
        self._overheard: _Overheard | None = None
        self._lockstep: Lockstep | None = None
        self._under_way: deque[_UnderWay] = deque()
        self._kinds: dict[str, Kind] = {}
        self._unknown: list[tuple[Batch, int, str]] = []
        """Calls of buckets that were met for the first time, until the finding tells of which kind
        they are."""
        self._why = "the executable was not asked yet"
        self._pause = 0.0
        self._again_at = 0.0

    def ready(self) -> bool:
        """Opens the executable where it is not open and it is time to; true where that was done,
        so that all streams begin anew."""
        if self._lockstep is not None or time.monotonic() < self._again_at:
            return False
        try:
            target = self._open_target()
        except Exception as error:  # whatever it is, the calls count as failed
            self.available = False
            self._let_be(_told(error))
            return False
        self.available, self.version = True, target.identity.version
        self._overheard = _Overheard(target)
        self._lockstep = lockstep = Lockstep(self._overheard, self._overheard)
        lockstep.on_settled = self._settled
        return True

    def begin(self, calls: Sequence[Taken]) -> Batch:
        """Asks for calls, which begin where the slots stand."""
        batch = Batch(calls, [None] * len(calls))
        if self._lockstep is None:
            batch.seen = [Seen(error=self._why)] * len(calls)
            return batch
        slots: dict[int, list[int]] = {}
        for place, taken in enumerate(calls):
            slots.setdefault(taken.call.slot, []).append(place)
        runs = [run for places in slots.values() for run in _runs(calls, places)]
        self._under_way += [_UnderWay(batch, places) for places in runs]
        try:
            for places in runs:
                first = calls[places[0]]
                steps = [calls[place].step for place in places]
                segment = Segment(first.call.slot, first.start, steps, False, "")
                outcomes = [calls[place].outcome for place in places]
                self._take(self._lockstep.pass_on(segment, Reply(None, list(outcomes))))
        except Exception as error:  # whatever it is, the calls count as failed
            self._broken(error)
        return batch

    def finish(self, batch: Batch) -> Sequence[Seen]:
        """Waits for a batch that was begun."""
        while not batch.is_done:
            assert self._lockstep is not None
            try:
                self._take(self._lockstep.settle(len(self._under_way) - 1))
            except Exception as error:  # whatever it is, the calls count as failed
                self._broken(error)
        return [seen or Seen() for seen in batch.seen]

    def close(self) -> None:
        """Ends the executable."""
        overheard, self._overheard, self._lockstep = self._overheard, None, None
        if overheard is not None:
            overheard.close()

    def _settled(self, settled: Settled) -> None:
        """Called in the order in which the segments were passed on."""
        assert self._overheard is not None
        assert self._overheard.last is not None
        batch, places = self._under_way.popleft()
        reply = self._overheard.last
        for place in places:
            batch.seen[place] = Seen()
        for at, failure in reply.incidents:
            batch.seen[places[at]] = Seen(error=failure.detail, incident=True)
        failed = 0
        for at, bucket in settled.different:
            if bucket.startswith("f-"):
                failed += 1
                batch.seen[places[at]] = Seen(error=_failure_text(reply, at))
            else:
                event = call_name(settled.segment.steps[at].call)
                kind = Kind.INVARIANT if event == _CHECK else self._kinds.get(bucket)
                batch.seen[places[at]] = Seen(differs=kind or Kind.TRANSITION)
                if kind is None:
                    self._unknown.append((batch, places[at], bucket))
        if failed < len(places):
            self._pause = 0.0

    def _take(self, findings: Sequence[Finding]) -> None:
        """Learns what kind of difference the buckets are that were met for the first time."""
        for finding in findings:
            is_invariant = finding.signature.rule.startswith(_INVARIANTS)
            self._kinds[finding.id] = Kind.INVARIANT if is_invariant else Kind.TRANSITION
        for batch, place, bucket in self._unknown:
            batch.seen[place] = Seen(differs=self._kinds.get(bucket, Kind.TRANSITION))
        self._unknown.clear()
        if self._lockstep is not None:
            self._lockstep.repeats.clear()

    def _broken(self, error: Exception) -> None:
        """The executable, or the comparison, cannot be gone on with."""
        text = _told(error)
        for batch, places in self._under_way:
            for place in places:
                batch.seen[place] = batch.seen[place] or Seen(error=text)
        self._under_way.clear()
        self._unknown.clear()
        self.close()
        self._let_be(text)

    def _let_be(self, why: str) -> None:
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self._again_at = time.monotonic() + self._pause
        self._why = why


class _Overheard:
    """A target that remembers its last reply, for the texts of the failures in it."""

    def __init__(self, target: Target) -> None:
        self.last: Reply | None = None
        self._target = target

    @property
    def identity(self) -> CoreIdentity:
        """The target's."""
        return self._target.identity

    @property
    def depth(self) -> int:
        """The target's."""
        return self._target.depth

    def submit(self, work: Work) -> None:
        """Hands work on."""
        self._target.submit(work)

    def collect(self) -> Reply:
        """The target's reply."""
        self.last = self._target.collect()
        return self.last

    def close(self) -> None:
        """Ends the target."""
        self._target.close()


def _runs(calls: Sequence[Taken], places: Sequence[int]) -> list[list[int]]:
    """The places of one slot's calls, cut where its stream begins anew."""
    runs: list[list[int]] = []
    for place in places:
        if not runs or calls[place].start is not None:
            runs.append([])
        runs[-1].append(place)
    return runs


def _failure_text(reply: Reply, at: int) -> str:
    result = reply.results[at]
    if isinstance(result, Failure):
        return result.detail
    return one_line(" ".join(str(part) for part in result if part)) or "refused the call"


def _told(error: Exception) -> str:
    return one_line(error.message if isinstance(error, ReplayError) else repr(error))
