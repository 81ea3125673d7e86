"""An executable of part 1 of the wire that writes as other programs do.

    part1.py [--core FILE] [--style STYLE[,STYLE...]] [--server]

It computes as a Python core does: ours, or the one in FILE. STYLES tells what its answers look
like.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import shlex
import sys
from collections.abc import Collection, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import replay.core as our_core
from replay.fuzzing.configs import DEFAULTS
from replay.streams.model import CYCLE_FIELDS, ORDER_FIELDS, RECOVERY_FIELDS, STATE_FIELDS
from replay.targets.compact import ACTION_FIELDS, ACTION_NAMES
from replay.targets.python.own_records import config_maker, event_maker

STYLES: Mapping[str, str] = {
    "infinity-text": "infinities as texts",
    "infinity-null": "infinities as null",
    "nan-null": "NaN as null",
    "zero": "-0.0 as 0",
    "exponents": "numbers from a million on with an exponent",
    "whole": "2.0 as 2",
    "fractions": "2 as 2.0",
    "sorted": "keys in another order",
    "terse": "no field where there is null",
    "chatty": "fields that nobody knows",
    "shouts": "errors as long texts with numbers and places of its own",
}


def plain(value: Any) -> Any:
    """A value of whatever module as JSON has it."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__pos__(value)
    if isinstance(value, float | Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return plain(value.item()) if hasattr(value, "item") else repr(value)


class Writer:
    """Writes answers in some styles."""

    def __init__(self, styles: Collection[str]) -> None:
        self.styles = frozenset(styles)

    def text(self, value: Any) -> str:
        """A value as JSON text."""
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list):
            return f"[{','.join(map(self.text, value))}]"
        if isinstance(value, float):
            return self._number(value)
        if type(value) is int and "fractions" in self.styles and abs(value) < 2**53:
            return f"{value}.0"
        return json.dumps(value)

    def _object(self, value: Mapping[str, Any]) -> str:
        items = list(value.items())
        if "sorted" in self.styles:
            items.sort()
        if "terse" in self.styles:
            items = [(name, one) for name, one in items if one is not None]
        if "chatty" in self.styles:
            items.append(("schema", 7))
        return f"{{{','.join(f'{json.dumps(name)}:{self.text(one)}' for name, one in items)}}}"

    def _number(self, value: float) -> str:
        styles = self.styles
        if math.isnan(value):
            return "null" if "nan-null" in styles else "NaN"
        if math.isinf(value):
            if "infinity-null" in styles:
                return "null"
            return f'"{value}"' if "infinity-text" in styles else json.dumps(value)
        if value == 0.0 and "zero" in styles:
            return "0"
        if "whole" in styles and value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        if "exponents" in styles and abs(value) >= 1e6:
            return f"{value:.16E}"
        return repr(value)


class Answers:
    """Answers requests as a core does."""

    def __init__(self, core: Any, styles: Collection[str]) -> None:
        self._core = core
        self._writer = Writer(styles)
        self._number = 0
        self._event, self._config = event_maker(core), config_maker(core, tuple(DEFAULTS))
        self._is_strict = core is our_core

    def line(self, line: bytes) -> str:
        """The answer to a line, whatever it is."""
        self._number += 1
        try:
            return self._writer.text(plain(self._answer(json.loads(line))))
        except Exception as error:
            text = str(type(error).__name__)
            if "shouts" in self._writer.styles:
                text = (
                    f"[{self._number}] {text} at 0x{id(error):x}:\n  {error!r}\n\x1b[31mgiving up"
                )
            return json.dumps({"error": text})

    def _answer(self, request: Mapping[str, Any]) -> Any:
        core, method = self._core, request["method"]
        if method == "check_invariants":
            return {"violations": list(core.check_invariants(core.from_dict(request["state"])))}
        if method == "apply_order_regime_at_entry":
            params = request["params"]
            state = core.apply_order_regime_at_entry(
                core.from_dict(params["state"]), params["local_id"], params["regime_at_entry"]
            )
            return {"state": record_of(state, STATE_FIELDS)}
        if method != "transition":
            raise LookupError(method)
        state = core.from_dict(request["state"])
        event, config, size, sizes = self._read(request)
        after, actions = core.transition(state, event, config, size, sizes)
        return {
            "state": record_of(after, STATE_FIELDS),
            "actions": [action_of(action) for action in actions],
        }

    def _read(self, request: Mapping[str, Any]) -> tuple[Any, Any, Any, Any]:
        if self._is_strict:
            return (
                our_core.event_from_dict(request["event"]),
                our_core.config_from_dict(request["config"]),
                our_core.order_size_from(request["order_size_usd"]),
                our_core.order_sizes_from(request["order_sizes"]),
            )
        event, config = self._event(request["event"]), self._config(request["config"])
        return event, config, request["order_size_usd"], request["order_sizes"]


_LISTS = {
    "orders": ORDER_FIELDS,
    "recovery_orders": RECOVERY_FIELDS,
    "completed_cycles": CYCLE_FIELDS,
}


def record_of(record: Any, fields: Collection[str]) -> dict[str, Any]:
    """A record of a module with its fields by name."""
    return {
        name: [record_of(one, _LISTS[name]) for one in getattr(record, name)]
        if name in _LISTS
        else getattr(record, name)
        for name in fields
    }


def action_of(action: Any) -> dict[str, Any]:
    """An action of a module with its fields by name."""
    place = ACTION_NAMES.index(type(action).__name__)
    return record_of(action, ACTION_FIELDS[place])


def loaded(file: str | None) -> Any:
    """The module in a file, or our own core."""
    if file is None:
        return our_core
    sys.path.insert(0, str(Path(file).resolve().parent))
    return importlib.import_module(Path(file).stem)


def written(folder: Path, styles: Collection[str] = (), core: Path | None = None) -> Path:
    """An executable in a folder that is this program with these styles."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, str(Path(__file__).resolve()), "--style", ",".join(styles)]
    words += ["--core", str(core)] if core else []
    program = folder / "part1"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', "utf-8")
    program.chmod(0o755)
    return program


def main() -> None:
    """Answers line by line, or one request."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--core")
    options.add_argument("--style", default="")
    options.add_argument("--server", action="store_true")
    chosen = options.parse_args()
    answers = Answers(loaded(chosen.core), [one for one in chosen.style.split(",") if one])
    if chosen.server:
        for line in sys.stdin.buffer:
            print(answers.line(line), flush=True)
        return
    answer = answers.line(sys.stdin.buffer.read())
    if answer.startswith('{"error"'):
        sys.exit(answer)
    print(answer)


if __name__ == "__main__":
    main()
