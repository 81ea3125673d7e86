"""A bot's module as a target in a process of its own (served.py): watched, killed and started again
like an executable, since a module can end, block or mislead the process that it runs in.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from replay.errors import TargetError, UsageError
from replay.streams.model import CYCLES, CallCode, Document
from replay.targets.base import CoreIdentity, Reply, Work, decode_outcomes
from replay.targets.compact import History, Plain
from replay.targets.executable.batch import BatchTarget
from replay.targets.executable.batch_wire import values_bytes
from replay.targets.executable.child import Child
from replay.targets.executable.frames import ChildFault
from replay.targets.executable.limits import Limits
from replay.targets.executable.portions import ANY_NUMBER
from replay.targets.executable.supervisor import Supervisor, Wire, dying_with_us
from replay.targets.python.guard import switch_shadow_off
from replay.targets.python.module import core_revision, locate_core
from replay.targets.python.served import STARTED_A_PROCESS
from replay.targets.readers import Readers

START_SECONDS = 120.0
"""How long loading a bot's modules may take: they may import half of the world."""


class IsolatedTarget(BatchTarget):
    """A Python core behind a pipe; see base.Target."""

    most_sessions = ANY_NUMBER

    def __init__(self, spec: str, limits: Limits) -> None:
        """Raises UsageError where there is no such module, and TargetError where it cannot be
        loaded, lacks a name, or starts a process."""
        locate_core(spec)
        environment = dict(os.environ)
        switch_shadow_off(environment)
        # The same modules are found there as here.
        environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
        self._spec = spec
        command = [sys.executable, "-P", "-m", "replay.targets.python.served", spec]
        # Loading a bot's modules may take long, so only one that grows is loaded anew.
        limits = replace(limits, lifetime_steps=ANY_NUMBER)
        start = partial(Supervisor, spec, limits, command=dying_with_us(command), env=environment)
        supervisor = start()
        self._held = ExitStack()
        # Who opens a module for a moment, as a core in this process, may forget to close it.
        weakref.finalize(self, _end, supervisor, self._held)
        super().__init__(CoreIdentity("module", spec, "", "", ""), supervisor, None)
        try:
            document = self._introduce(supervisor.start(Wire.FRAMES))
            self.helpers = frozenset(map(CallCode, document.pop("helpers")))
            identity = _identity(document)
            self.identity = replace(identity, revision=core_revision(spec, identity.sha256))
            asked = self._held.enter_context(_shared_readers(spec, identity.sha256, start))
            self.readers = asked.readers()
        except ChildFault as fault:
            self.close()
            raise TargetError(f"cannot load {spec}: {fault.detail}", spec=spec) from fault
        except BaseException:
            self.close()
            raise

    def collect(self) -> Reply:
        """The reply to the oldest work. Raises FailureStorm, and TargetError where the module
        starts a process."""
        return super().collect()

    def close(self) -> None:
        """Ends all processes; may be called twice."""
        self._held.close()
        super().close()

    def _running(self) -> Child:
        started = self._child is None
        child = super()._running()
        if started:
            self._introduce(child)
        return child

    def _ask_one_by_one(self, work: Work, fault: ChildFault | None) -> Reply:
        self._refuse_helpers(fault)
        return super()._ask_one_by_one(work, fault)

    def _stop(self, fault: ChildFault | None) -> None:
        super()._stop(fault)
        self._refuse_helpers(fault)

    def _refuse_helpers(self, fault: ChildFault | None) -> None:
        if fault is not None and f"exited with code {STARTED_A_PROCESS};" in fault.detail:
            raise TargetError(fault.detail.partition("standard error: ")[2], spec=self._spec)

    def _introduce(self, child: Child) -> dict[str, Any]:
        """Waits until the module is loaded; gives what the child says of it. Keeps the child."""
        identity = introduced(child, self._spec)
        self._child = child
        return identity


class RemoteReaders:
    """A module's readers, asked in another process of the same kind: there no work is under way.

    What a document is read as does not depend on the cases that a core has seen. So while several
    pairs of the same core are open, as those that are fresh for each case beside the one of the
    run, all of them ask the same process.
    """

    def __init__(self, spec: str, start: Callable[[], Supervisor]) -> None:
        self._spec = spec
        self._start = start
        self._supervisor: Supervisor | None = None
        self._child: Child | None = None

    def readers(self) -> Readers:
        """As lockstep and others take them."""
        names = ("config", "order_size_usd", "order_sizes")
        return Readers(self._state, {name: partial(self._is_taken, name) for name in names})

    def close(self) -> None:
        """Ends the process; may be called twice."""
        if self._supervisor is not None:
            self._supervisor.close()

    def _state(self, document: Document) -> Plain | None:
        plain: Plain | None = self._ask("state", document)
        if plain is not None:
            plain[CYCLES] = History(plain[CYCLES])
        return plain

    def _is_taken(self, name: str, document: Document) -> bool:
        return bool(self._ask(name, document))

    def _ask(self, name: str, document: Document) -> Any:
        """What the reader says; as of what it refuses where it ends its process over it."""
        body = values_bytes([[name, document]])
        supervisor = self._supervisor = self._supervisor or self._start()
        try:
            if self._child is None:
                child = supervisor.start(Wire.FRAMES)
                introduced(child, self._spec)
                self._child = child
            self._child.send(b'{"method":"read","id":0,"bytes":%d}\n%b' % (len(body), body))
            answer = decode_outcomes(self._child.receive().body or b"")[0]
            supervisor.answered()
            return answer
        except ChildFault as fault:
            if self._child is not None:
                supervisor.discard(self._child, fault)
                self._child = None
            return None


class _Sharing(NamedTuple):
    """Who may share readers: the same thread of the same process, which the process that answers
    dies with, for the same core."""

    process: int
    thread: int
    spec: str
    sha256: str


@dataclass(slots=True)
class _Shared:
    """Readers, and how many use them."""

    readers: RemoteReaders
    users: int = 0


_in_use: dict[_Sharing, _Shared] = {}


@contextmanager
def _shared_readers(
    spec: str, sha256: str, start: Callable[[], Supervisor]
) -> Iterator[RemoteReaders]:
    """The readers of a core while they are used, ended with the last user."""
    key = _Sharing(os.getpid(), threading.get_ident(), spec, sha256)
    shared = _in_use.setdefault(key, _Shared(RemoteReaders(spec, start)))
    shared.users += 1
    try:
        yield shared.readers
    finally:
        shared.users -= 1
        if not shared.users:
            del _in_use[key]
            shared.readers.close()


def introduced(child: Child, spec: str) -> dict[str, Any]:
    """Waits until a child has loaded its module; gives the document of its identity. Raises
    UsageError or TargetError where it could not, and ChildFault."""
    child.send(b'{"method":"capabilities"}\n', requests=0)
    document = json.loads(child.receive(START_SECONDS).line)
    if "failed" in document:
        kind = UsageError if document["usage"] else TargetError
        raise kind(document["failed"], spec=spec)
    identity: dict[str, Any] = document["identity"]
    return identity


def _end(supervisor: Supervisor, held: ExitStack) -> None:
    held.close()
    supervisor.close()


def _identity(document: dict[str, Any]) -> CoreIdentity:
    return CoreIdentity(**{**document, "methods": tuple(document["methods"])})
