"""Opens an executable: asks what it can do and picks the way of talking to it.

Any `doge-core-exe` will do, ours, an older one or one that a bot already runs. Only what answers
`capabilities` with the `replay` method gets many steps at a time (part 2 of the wire); every other
one is asked step by step (part 1).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from replay.errors import TargetError
from replay.targets.base import CoreIdentity, FailureKind, Target
from replay.targets.executable.batch import BatchTarget
from replay.targets.executable.batch_wire import ENCODING
from replay.targets.executable.child import Child
from replay.targets.executable.file_traits import Trait, Traits
from replay.targets.executable.frames import ChildFault, one_line
from replay.targets.executable.limits import DEFAULT_LIMITS, Limits
from replay.targets.executable.script_files import programs_of
from replay.targets.executable.single import SingleTarget
from replay.targets.executable.supervisor import Supervisor, Wire
from replay.targets.executable.windows import fence_request

PART_1_METHODS = ("transition", "check_invariants", "apply_order_regime_at_entry")


def open_executable(
    path: str,
    *,
    timeout: float = DEFAULT_LIMITS.timeout,
    part1_only: bool = False,
    limits: Limits | None = None,
) -> Target:
    """Starts the executable at `path` as a target.

    `timeout` is in seconds for each answer; `limits` sets it and all other limits instead.
    `part1_only` keeps to part 1 of the wire whatever the executable offers. Raises TargetError
    where the file is missing, not executable, no program, or one that ends before it is asked
    anything.
    """
    limits = limits or Limits(timeout=timeout)
    supervisor = Supervisor(path, limits, harmless=fence_request(1))
    child: Child | None = None
    offered: dict[str, Any] = {}
    try:
        digest = _sha256(path)
        traits = Traits(path, digest, supervisor.limits.sandboxed)
        if traits.has(Trait.SILENT):
            programs = traits.programs(Trait.SILENT)
        else:
            child, offered, programs = _introduced(path, supervisor)
            if not offered:
                traits.remember(Trait.SILENT, programs)
    except ChildFault as fault:
        supervisor.close()
        raise TargetError(f"{path} {fault.detail}", path=path) from fault
    except BaseException:
        supervisor.close()
        raise
    identity = CoreIdentity(
        kind="executable",
        path=path,
        sha256=digest,
        version=_text(offered.get("version")) + (f"; runs {programs}" if programs else ""),
        revision=_text(offered.get("revision")),
        methods=_methods(offered),
    )
    encodings = offered.get("replay_encodings")
    if (
        not part1_only
        and "replay" in identity.methods
        and isinstance(encodings, list)
        and ENCODING in encodings
    ):
        return BatchTarget(identity, supervisor, child)
    if child is not None:
        supervisor.discard(child)
    return SingleTarget(identity, supervisor, traits=traits)


class _Introduced(NamedTuple):
    """What an executable says of itself, the process that said so, where it is of use, and the
    programs that a script ran in that process, "" for what is none."""

    child: Child | None
    offered: dict[str, Any]
    programs: str


def _introduced(path: str, supervisor: Supervisor) -> _Introduced:
    """Asks an executable about itself. Raises ChildFault, and TargetError where it cannot run."""
    child = supervisor.start(Wire.FRAMES)
    try:
        offered = _capabilities(child)
        return _Introduced(child, offered, programs_of(path, child.pid))
    except ChildFault as fault:
        if _ended_unasked(child, fault):
            supervisor.say_why_it_cannot_start()
            _check_it_can_run(path, supervisor)
        programs = programs_of(path, child.pid)
        supervisor.discard(child)
        # An older one may do anything when asked something it does not know.
        return _Introduced(None, {}, programs)


def _ended_unasked(child: Child, fault: ChildFault) -> bool:
    """Whether it ended without having looked at its input: it would do so whatever it was asked."""
    return fault.kind is FailureKind.EXITED and child.has_read_nothing()


def _check_it_can_run(path: str, supervisor: Supervisor) -> None:
    """Raises TargetError where an executable ends once more before it has read what it is asked, as
    one does that was cut off or lacks something. Once may be an accident."""
    child = supervisor.start(Wire.FRAMES)
    try:
        _capabilities(child)
    except ChildFault as fault:
        if _ended_unasked(child, fault):
            raise TargetError(
                f"{path} cannot run: before it read what it was asked it {fault.detail}; is the "
                "file whole, and was it built for this machine?",
                path=path,
            ) from fault
    finally:
        supervisor.discard(child)


def _capabilities(child: Child) -> dict[str, Any]:
    """What the executable says of itself; empty where it does not know the question."""
    child.send(b'{"method":"capabilities"}\n', requests=0)
    message = child.receive()
    try:
        answer = json.loads(message.line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ChildFault(FailureKind.GARBAGE, "answered no JSON object")
    child.expect_silence()
    return answer if "methods" in answer else {}


def _methods(offered: dict[str, Any]) -> tuple[str, ...]:
    methods = offered.get("methods")
    if not isinstance(methods, list):
        return PART_1_METHODS
    return tuple(one_line(method, 60) for method in methods if isinstance(method, str))


def _text(value: object) -> str:
    return one_line(value, 100) if isinstance(value, str) and value else "unknown"


def _sha256(path: str) -> str:
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise TargetError(f"cannot read {path}: {error.strerror}", path=path) from error
