"""What only some commands need, and who has not installed it is told by name.

The bare installation is the shadow and the commands that replay, show and judge (pyproject.toml).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from replay.errors import EnvironmentFailure
from replay.shipped import how_to_install

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "distributed": ("cluster",),
    "hypothesis": ("fuzz",),
    "jinja2": ("web", "fuzz", "evidence"),
    "starlette": ("web",),
    "uvicorn": ("web",),
}
"""The extras that each library comes with."""


def need(command: str, extra: str) -> None:
    """Raises EnvironmentFailure where a command cannot work, since an extra is not installed."""
    lacking = [name for name, its in EXTRAS.items() if extra in its and find_spec(name) is None]
    if lacking:
        raise EnvironmentFailure(
            f"{command} needs {' and '.join(lacking)}, which the bare installation does not have: "
            f"{how_to_install(extra)}",
            extra=extra,
            missing=lacking,
        )


def command_for(library: str) -> str:
    """How to install what a library comes with."""
    return how_to_install(EXTRAS[library][0]) if library in EXTRAS else "reinstall"
