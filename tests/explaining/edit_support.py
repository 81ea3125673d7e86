"""What tests of edits share: places by their text, cases, and bots' checkouts."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import replay.core
from replay.explaining.editing.editable import Edit, EditableCore, EditKind, Place
from replay.explaining.edits import edits_of
from replay.streams.model import Start, Step, Stream

CORE = Path(replay.core.__file__).parent
NOW = 1000.0


def entry(local_id: int, trade: str, price: float, **fields: Any) -> dict[str, Any]:
    side = "sell" if trade == "A" else "buy"
    return {"local_id": local_id, "side": side, "role": "entry", "price": price, "volume": 25.0,
            "trade_id": trade, "cycle": 1, **fields}  # fmt: skip


STATE: dict[str, Any] = {
    "market_price": 0.2,
    "now": NOW,
    "orders": [entry(1, "A", 0.2004, regime_at_entry=1), entry(2, "B", 0.1996)],
    "next_order_id": 3,
}
FILL = Step((2, 1, "X", "sell", 0.2, 25.0, 0.01, NOW + 1.0))
TICK = Step((0, 0.3, NOW + 2.0))
TIMER = Step((1, NOW + 3.0))


def case(*steps: Step, state: Any = STATE, config: Any = None, size: Any = 5.0) -> Stream:
    return Stream(Start(state, config or {}, size, None), steps or (FILL,))


def place(core: EditableCore, module: str, old: str, new: str) -> Place:
    """The one place in a module where `old` stands."""
    text = core.sources[module]
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {module}"
    start = text.index(old)
    return core.map.modules[module].place((start, start + len(old)), new)


def edit(core: EditableCore, module: str, old: str, new: str) -> Edit:
    return Edit(EditKind.DEVIATION, "", (place(core, module, old, new),), "")


def package_core(directory: Path) -> str:
    """A bot's checkout whose core is a package with relative imports."""
    shutil.copytree(CORE, directory / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    return str(directory / "engine" / "__init__.py")


_FROM_OWN = re.compile(r"^ *from \.\w+ import (?:\([^)]*\)|[^\n]*)$", re.MULTILINE)
_ORDER = (
    *("refusals", "records", "numbers", "evolving", "phase", "codec", "invariants"),
    *("entries", "booking", "orphaning", "helpers", "reducer"),
)


def single_file_core(directory: Path, *, extra: str = "") -> str:
    """A bot's checkout with the whole core in one `state_machine.py`."""
    texts = [_FROM_OWN.sub("", (CORE / f"{name}.py").read_text("utf-8")) for name in _ORDER]
    path = directory / "state_machine.py"
    path.write_text("\n".join([*texts, extra]), "utf-8")
    return str(path)


def news_of(tmp_path: Path, extra: str, ending: str = ".noted") -> set[str]:
    """What the edits of more functions, with names of that ending, put in the place of
    something."""
    core = EditableCore.open(single_file_core(tmp_path, extra=extra))
    edits = [one for one in edits_of(core) if one.function.endswith(ending)]
    return {place.new for edit in edits for place in edit.places}
