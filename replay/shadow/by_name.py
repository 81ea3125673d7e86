"""The names by which the adapter's functions are pickled: `by_name.bot.state_machine.transition`.

A function is pickled by the module and the name that it says of itself, if these lead back to the
very same function. Under the name of the bot's module stands the module's own function, so one of
the adapter's could not be handed to another process, where the module's could. Here both are found:
in a process that has the adapter, its function, and elsewhere that of the module.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakValueDictionary

from replay.shadow.live_shadow import NAMES

_FUNCTIONS: WeakValueDictionary[str, Callable[..., Any]] = WeakValueDictionary()
"""The adapters' functions, by the name of their module and their own."""


def give_names(module: Any, functions: Mapping[str, Callable[..., Any]]) -> None:
    """Names the functions that stand for those of `module`, where that is one that another process
    can import. Never raises."""
    name = getattr(module, "__name__", None)
    if type(name) is not str or sys.modules.get(name) is not module:
        return
    for own, function in functions.items():
        whole = f"{name}.{own}"
        _FUNCTIONS[whole] = function
        function.__module__, function.__qualname__ = __name__, whole


class _Dotted:
    """The beginning of a name, which ends with one of the three functions."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_path":  # while it is made of a pickle
            raise AttributeError(name)
        whole = f"{self._path}.{name}"
        if name not in NAMES.values():
            return _Dotted(whole)
        function = _FUNCTIONS.get(whole)
        return getattr(importlib.import_module(self._path), name) if function is None else function


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Dotted(name)
