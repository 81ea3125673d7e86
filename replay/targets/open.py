"""Opens a core by what the user calls it: `python`, a module, a `.py` file, or an executable."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Literal

from replay.errors import UsageError
from replay.targets.base import Target
from replay.targets.executable.handshake import DEFAULT_LIMITS, open_executable
from replay.targets.executable.supervisor import Limits

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def open_target(
    spec: str,
    *,
    timeout: float = DEFAULT_LIMITS.timeout,
    role: Literal["authority", "shadow"] = "shadow",
    part1_only: bool = False,
    limits: Limits | None = None,
    isolated: bool = True,
) -> Target:
    """Opens the core that `spec` names.

    `python` is our own core; a path that ends in `.py` or a dotted name of an importable module a
    bot's; any other path an executable, each of whose answers may take `timeout` seconds (`limits`
    sets all of its limits instead). A bot's module gets a process of its own, which may take as
    long, unless `isolated` is false, for who is a process apart himself. What there is as a
    file counts as a path. `role` only serves messages. Raises UsageError where nothing of that
    name is there, and TargetError where it cannot be loaded or started.
    """
    if not spec:
        raise UsageError(f"no {role} core is named", role=role)
    if spec == "python" or spec.endswith(".py"):
        return _python(spec, limits or Limits(timeout=timeout), isolated=isolated)
    if spec.startswith("~"):
        spec = os.path.expanduser(spec)
    if os.sep in spec or Path(spec).is_file():
        if not Path(spec).exists():
            raise UsageError(f"the {role} core {spec} does not exist", spec=spec, role=role)
        return open_executable(spec, timeout=timeout, part1_only=part1_only, limits=limits)
    on_path = shutil.which(spec)
    if on_path is not None and not _DOTTED.fullmatch(spec):
        return open_executable(on_path, timeout=timeout, part1_only=part1_only, limits=limits)
    if _DOTTED.fullmatch(spec):
        return _python(spec, limits or Limits(timeout=timeout), isolated=isolated)
    raise UsageError(
        f"the {role} core {spec!r} is neither `python`, a Python module or file, nor an executable",
        spec=spec,
        role=role,
    )


def is_module(spec: str) -> bool:
    """Whether this names a bot's module: neither our core nor an executable."""
    return spec != "python" and (
        spec.endswith(".py") or not (os.sep in spec or Path(spec).is_file())
    )


def _python(spec: str, limits: Limits, *, isolated: bool) -> Target:
    # Imported here: who runs an executable alone need not load a bot's modules.
    from replay.targets.python.isolated import IsolatedTarget
    from replay.targets.python.module import open_python_target

    if spec == "python" or not isolated:
        return open_python_target(spec)
    return IsolatedTarget(spec, limits)
