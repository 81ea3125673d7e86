"""The drop-in: `from replay.shadow import state_machine` in place of a bot's own import.

It has the names of the state machine itself: those of our core, or of the module that
DOGE_REPLAY_AUTHORITY names (as `doge-replay --authority` takes it); and `get_shadow_metrics`,
`reset_shadow_metrics`, `slot`, `drain` and `close` of the adapter around it. Importing this module
does nothing; the core is loaded when the first of its names is asked for, and what the environment
says of the shadow (options.py) is read at the first call.

A process has one of it. Where that does not fit, `replay.shadow.wrap` gives adapters of one's own.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import replay.core
from replay.errors import TargetError, UsageError
from replay.shadow.adapter import ShadowAdapter
from replay.targets.python.module import locate_core
from replay.targets.python.private_import import Checkout
from replay.targets.python.raised import RAISED, told


@functools.cache
def _adapter() -> ShadowAdapter:
    """The one adapter of this process, made when a name is first asked for."""
    return ShadowAdapter(load_core(os.environ.get("DOGE_REPLAY_AUTHORITY") or "python"))


def load_core(spec: str) -> Any:
    """Our core for `python`, else the module at a `.py` file or of a dotted name.

    Raises UsageError where there is none, and TargetError where it cannot be loaded.
    """
    if spec == "python":
        return replay.core
    root, name = locate_core(spec)
    try:
        return Checkout(root).load(name)
    except (UsageError, TargetError):
        raise
    except RAISED as error:  # a bot's module may raise anything when imported
        raise TargetError(f"cannot load {spec}: {told(error)}", spec=spec) from error


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_adapter(), name)
    # Asked for once: a bot that looks its functions up at each call finds them at once.
    globals()[name] = value
    return value
