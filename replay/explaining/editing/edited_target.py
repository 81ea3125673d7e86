"""A core with an edit in force, as a target; and how what goes wrong in one is told."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from replay.errors import UsageError
from replay.explaining.editing.bounded import OutOfTime
from replay.explaining.editing.forces import Force
from replay.streams.model import CallCode
from replay.targets.base import CoreIdentity, Failure, FailureKind, Reply, Work
from replay.targets.python.module import PythonTarget
from replay.targets.python.raised import MAX_TEXT, RAISED, told

SECONDS_PER_STEP = 0.02
LEAST_SEC = 0.1
"""How much processor time work may take: so much for each step, so much at least."""


def timeout_of(seconds: float) -> Failure:
    """It took longer than that."""
    return Failure(FailureKind.TIMEOUT, f"took more than {seconds:.2g} s of processor time")


def garbage_of(error: BaseException) -> Failure:
    """What an edited core made is nothing that a session can go on with."""
    return Failure(FailureKind.GARBAGE, told(error)[:MAX_TEXT])


class EditedTarget:
    """A core with an edit in force, as a target."""

    depth = 1

    def __init__(self, identity: CoreIdentity, force: Force, *, is_edited: bool) -> None:
        if is_edited:
            identity = replace(identity, version=f"{identity.version}, edited")
        self.identity = identity
        self._force = force
        self._target = PythonTarget(identity, force.bindings)
        self._lost: dict[int, Failure] = {}
        self._replies: deque[Reply] = deque()

    @property
    def helpers(self) -> frozenset[CallCode]:
        """The core's own."""
        return self._target.helpers

    def submit(self, work: Work) -> None:
        """Runs the work at once."""
        seconds = max(LEAST_SEC, SECONDS_PER_STEP * len(work.steps))
        if work.start is not None:
            self._lost.pop(work.session, None)
        failure = self._lost.get(work.session)
        if failure is None:
            try:
                reply = self._force.run(lambda _: self._answered(work), seconds)
            except OutOfTime:
                failure = timeout_of(seconds)
            except UsageError:
                raise
            except RAISED as error:
                failure = garbage_of(error)
        if failure is not None:
            # Where the stream stands is not known any more.
            self._lost[work.session] = failure
            reply = Reply(None, [failure] * len(work.steps))
        self._replies.append(reply)

    def _answered(self, work: Work) -> Reply:
        self._target.submit(work)
        return self._target.collect()

    def collect(self) -> Reply:
        """The reply to the oldest work not yet collected."""
        return self._replies.popleft()

    def close(self) -> None:
        """Forgets all sessions."""
        self._target.close()
        self._replies.clear()


__all__ = ["LEAST_SEC", "EditedTarget", "garbage_of", "timeout_of"]
