"""The drop-in: `from replay.shadow import state_machine` in place of a bot's own import.

It is the bot's own `state_machine`, the very module that `import state_machine` gives, with the
adapter around it (`replay.shadow.wrap` does the same to a module of any name). Where there is none
it cannot be imported: no other state machine ever answers for a bot's. What the environment says of
the shadow (options.py) is read at the first call.
"""

from __future__ import annotations

import sys
from importlib import import_module

from replay.shadow.adapter import ShadowAdapter, wrap

_NAME = "state_machine"


def _wrapped() -> ShadowAdapter:
    try:
        module = import_module(_NAME)
    except ModuleNotFoundError as error:
        if error.name != _NAME:
            raise
        raise ImportError(
            "there is no module `state_machine` to shadow here; wrap the bot's own, whatever its "
            "name is: state_machine = replay.shadow.wrap(its_module)",
            name=__name__,
        ) from error
    try:
        return wrap(module)
    except AttributeError as error:
        where = getattr(module, "__file__", None) or "the module `state_machine`"
        raise ImportError(f"{where} is no state machine: {error}", name=__name__) from error


sys.modules[__name__] = _wrapped()
