"""The adapter: a bot's state machine under the same names, each call compared with the executable.

It is a module to whoever looks at it: all names, those with underscores too, are the wrapped
module's, read and written there. Only the three functions are the shadow's (live_shadow.py), and
the few names by which the shadow is spoken to.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

from replay.shadow.by_name import give_names
from replay.shadow.live_shadow import NAMES, LiveShadow
from replay.shadow.options import ShadowOptions

_FUNCTIONS = frozenset(NAMES.values())


class ShadowAdapter(ModuleType):
    """A state machine whose calls are shadowed.

    `transition`, `check_invariants` and `apply_order_regime_at_entry` are the module's, with its
    own parameters; every other name is passed through, so classes stay the module's own. A function
    that is set in its place is not compared while it is there, and what the module itself is given
    is followed. Nothing is started before the first call. Calls may come from several threads.
    """

    transition: Callable[..., Any]
    check_invariants: Callable[..., Any]
    apply_order_regime_at_entry: Callable[..., Any]

    def __init__(self, module: Any, options: ShadowOptions | None = None) -> None:
        """`module` offers the names of reducer.md; `options` None: from the environment, at the
        first call. Raises AttributeError where the module lacks one of the three functions."""
        super().__init__(getattr(module, "__name__", type(module).__name__), module.__doc__)
        # What a module is given when it is made would hide the names of the wrapped one.
        for name in ("__name__", "__loader__", "__package__", "__spec__"):
            super().__delattr__(name)
        super().__setattr__("__wrapped_module__", module)
        super().__setattr__("__shadow__", LiveShadow(module, options))
        give_names(module, self.__shadow__.functions)
        for name, function in self.__shadow__.functions.items():
            super().__setattr__(name, function)

    # --- As the module ------------------------------------------------------------------------

    __shadow__: LiveShadow
    __wrapped_module__: Any

    def __getattr__(self, name: str) -> Any:
        module = object.__getattribute__(self, "__wrapped_module__")
        if name == "__spec__" and sys._getframe(1).f_code is importlib.reload.__code__:
            self._stand_for(module)
        if name == "__all__" and not hasattr(module, name):
            return [one for one in dir(module) if not one.startswith("_")]
        return getattr(module, name)

    def _stand_for(self, module: Any) -> None:
        """Takes the module's place in `sys.modules`, where it is there itself: that alone is loaded
        again which is found there under its name, and whoever reloads what was wrapped has only
        the adapter. What is loaded goes into the module, as `vars` of both are the same."""
        name = getattr(module, "__name__", None)
        if isinstance(name, str) and sys.modules.get(name) is module:
            sys.modules[name] = self

    def __setattr__(self, name: str, value: Any) -> None:
        shadow = self.__shadow__
        if name in _FUNCTIONS:
            own = shadow.own(name)
            given = own if value is shadow.functions[name] else value
            super().__setattr__(name, shadow.functions[name] if given is own else given)
            value = given
        elif name == "__doc__":
            super().__setattr__(name, value)
        setattr(self.__wrapped_module__, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.__wrapped_module__, name)
        if name in _FUNCTIONS:
            super().__delattr__(name)

    def __dir__(self) -> list[str]:
        return sorted({*dir(self.__wrapped_module__), *_OWN})

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        names: dict[str, Any] = vars(self.__wrapped_module__)
        return names

    # --- For the bot --------------------------------------------------------------------------

    @property
    def options(self) -> ShadowOptions:
        """What is in force."""
        return self.__shadow__.options

    def slot(self, number: int) -> AbstractContextManager[None]:
        """See LiveShadow.slot."""
        return self.__shadow__.slot(number)

    def get_shadow_metrics(self) -> dict[str, Any]:
        """See LiveShadow.get_shadow_metrics."""
        return self.__shadow__.get_shadow_metrics()

    def reset_shadow_metrics(self) -> None:
        """See LiveShadow.reset_shadow_metrics."""
        self.__shadow__.reset_shadow_metrics()

    def drain(self, timeout: float = 30.0) -> bool:
        """See LiveShadow.drain."""
        return self.__shadow__.drain(timeout)

    def close(self, timeout: float = 10.0) -> None:
        """See LiveShadow.close."""
        self.__shadow__.close(timeout)


_OWN = ("close", "drain", "get_shadow_metrics", "options", "reset_shadow_metrics", "slot")


def wrap(module: Any, options: ShadowOptions | None = None) -> ShadowAdapter:
    """Wraps a state-machine module (or anything with its names); `options` None: from the
    environment, at the first call. What is wrapped already is given back as it is, unless other
    options are asked for."""
    if isinstance(module, ShadowAdapter) and options is None:
        return module
    return ShadowAdapter(module, options)
