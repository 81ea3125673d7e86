"""An executable of part 1 that computes as our Python core does, but for what its reader refuses.

    refusing.py STYLE [--server]

It takes no infinity in the settings, as readers of strict JSON do, and tells of it in one of the
STYLES in which such programs speak. Whatever else cannot be read it refuses in the same style.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

import replay.core as core

Style = Callable[[str, object, int], str]
"""Words for what cannot be read: the path, its value, and the number of the request."""

STYLES: Mapping[str, Style] = {
    "plain": lambda path, value, number: "not a finite number",
    "value": lambda path, value, number: f"cannot read {path}: {value} is no finite number",
    "json": lambda path, value, number: (
        f"Error in $.{path}: parsing Double failed, unexpected token '{value}'"
    ),
    "place": lambda path, value, number: (
        f"request.json:1:{100 + 7 * number}: syntax error, unexpected {str(value)!r} (char "
        f"{99 + 7 * number})"
    ),
    "index": lambda path, value, number: f"line {number}, token {3 * number}: bad literal {value}",
    "haskell": lambda path, value, number: (
        "Prelude.read: no parse\nCallStack (from HasCallStack):\n  error, called at "
        f"app/Main.hs:{number}:5 in main:Main\n  readDouble, called at app/Main.hs:{number}:17"
    ),
    "request": lambda path, value, number: (
        f"[2026-11-22T10:{number % 60:02}:01.5Z] request #{number} ({number * 2654435761:x}) "
        f'refused: "{path}" has {value!r}'
    ),
}


class Refused(Exception):
    """What cannot be read: its path and value."""


def checked(request: Mapping[str, Any]) -> None:
    """Raises Refused for a setting that is infinite."""
    for name, value in (request.get("config") or {}).items():
        if isinstance(value, float) and math.isinf(value):
            raise Refused(f"config.{name}", value)


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a request. Raises Refused, or what the core raises."""
    method = request["method"]
    if method == "check_invariants":
        return {"violations": core.check_invariants(core.from_dict(request["state"]))}
    if method == "apply_order_regime_at_entry":
        params = request["params"]
        state = core.from_dict(params["state"])
        state = core.apply_order_regime_at_entry(
            state, int(params["local_id"]), params["regime_at_entry"]
        )
        return {"state": core.to_dict(state)}
    if method != "transition":
        return {"error": "no such method"}
    checked(request)
    state, actions = core.transition(
        core.from_dict(request["state"]),
        core.event_from_dict(request["event"]),
        core.config_from_dict(request["config"]),
        core.order_size_from(request["order_size_usd"]),
        core.order_sizes_from(request["order_sizes"]),
    )
    return {"state": core.to_dict(state), "actions": [core.action_to_dict(one) for one in actions]}


def answered(line: str, style: Style, number: int) -> dict[str, Any]:
    """The answer to a line, whatever it is."""
    try:
        return answer(json.loads(line))
    except Refused as refused:
        path, value = refused.args
        return {"error": style(path, value, number)}
    except core.UnreadableError as unreadable:
        return {"error": style(unreadable.path, "?", number)}
    except core.UnknownEventError:
        return {"error": "no such event"}
    except (ArithmeticError, ValueError):
        return {"error": "a number is out of range"}
    except (AttributeError, LookupError, TypeError):
        return {"error": "no such request"}


def main() -> None:
    """Answers line by line, or one request."""
    style = STYLES[sys.argv[1]]
    for number, line in enumerate(sys.stdin, 1):
        print(json.dumps(answered(line, style, number)), flush=True)


if __name__ == "__main__":
    main()
