"""Which packages beside a bot's own directory belong to its core.

A bot's `state_machine` may be a thin module over a library: it imports the reducer, changes how
states are read, and offers the rest as it is. To edit such a core, the library has to be edited.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.machinery import SourceFileLoader
from pathlib import Path

import replay.core
from replay.targets.python.private_import import is_within

OUR_CORE = replay.core.__name__
"""What is adopted where a core is made of ours: the package, and not all of doge-replay."""


def adopted_packages(defined_in: Iterable[str], root: Path) -> frozenset[str]:
    """The packages that define some of a core's functions and lie outside its directory.

    `defined_in` are the dotted names of the modules that do. Of a library all of the outermost
    package is meant, since its modules import each other. What has no Python source is left out,
    and so is what comes with Python.
    """
    found: set[str] = set()
    for name in defined_in:
        module = sys.modules.get(name)
        origin = getattr(module, "__file__", None)
        if origin is None or Path(origin).resolve().is_relative_to(root.resolve()):
            continue
        top = name.partition(".")[0]
        is_source = isinstance(getattr(module, "__loader__", None), SourceFileLoader)
        if not is_source or top in sys.stdlib_module_names:
            continue
        if top != "replay":
            found.add(top)
        elif is_within(name, OUR_CORE):
            found.add(OUR_CORE)
    return frozenset(found)
