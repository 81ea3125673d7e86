"""Opens a core by what the user calls it: `python`, a module, a `.py` file, or an executable."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, assert_never

from replay.errors import UsageError
from replay.executable_path import resolved_executable
from replay.targets.base import Target
from replay.targets.core_kind import CoreKind, kind_of
from replay.targets.executable.limits import DEFAULT_LIMITS, Limits


def open_target(
    spec: str,
    *,
    timeout: float = DEFAULT_LIMITS.timeout,
    role: Literal["authority", "shadow"] = "shadow",
    part1_only: bool = False,
    limits: Limits | None = None,
    isolated: bool = True,
) -> Target:
    """Opens the core that `spec` names, as `kind_of` reads it.

    Each answer may take `timeout` seconds (`limits` sets all limits instead). A bot's module gets
    a process of its own, unless `isolated` is false, for a caller whose own process may end with
    it. `role` only serves messages. Raises UsageError where nothing of that name is there, and
    TargetError where it cannot be loaded or started.
    """
    if not spec:
        raise UsageError(f"no {role} core is named", role=role)
    match kind_of(spec):
        case CoreKind.OURS:
            return _python(spec, limits or Limits(timeout=timeout), isolated=False)
        case CoreKind.MODULE:
            return _python(spec, limits or Limits(timeout=timeout), isolated=isolated)
        case CoreKind.EXECUTABLE:
            path = resolved_executable(spec)
            if not Path(path).exists():
                raise UsageError(f"the {role} core {spec} does not exist", spec=spec, role=role)
            # Imported here, as the other kind of core below: most commands open none or one kind.
            from replay.targets.executable.handshake import open_executable

            return open_executable(path, timeout=timeout, part1_only=part1_only, limits=limits)
        case None:
            raise UsageError(
                f"the {role} core {spec!r} is neither `python`, a Python module or file, "
                "nor an executable",
                spec=spec,
                role=role,
            )
        case kind:
            assert_never(kind)


def _python(spec: str, limits: Limits, *, isolated: bool) -> Target:
    # Imported here: who runs an executable alone need not load a bot's modules.
    from replay.targets.python.isolated import IsolatedTarget
    from replay.targets.python.module import open_python_target

    return IsolatedTarget(spec, limits) if isolated else open_python_target(spec)
