"""What the tests of causes are made of: single steps, a port with switches asked them, edits."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from support.ports.making import executable

from replay.explaining.causes.answered import Answered, Asking
from replay.explaining.causes.statement import Edited, canonical_edit
from replay.explaining.claims.deviations import Deviation
from replay.explaining.editing.editable import EditableCore
from replay.streams.model import Start, Step, Stream
from replay.targets.open import open_target

CORE = EditableCore.open("python")
ENTRY = {"local_id": 1, "side": "buy", "role": "entry", "price": 0.1, "volume": 20.0,
         "trade_id": "B", "cycle": 1}  # fmt: skip


def one_step(call: tuple[Any, ...], config: Any = None, sizes: Any = None, **state: Any) -> Stream:
    """A stream of one call, on a state that has what is given."""
    start = Start({"market_price": 0.1, "now": 0.0, **state}, config or {}, 2.0, sizes)
    return Stream(start, (Step(call),), "test")


def answers_of(folder: Path, switches: Iterable[str], *cases: Stream) -> list[Answered]:
    """What our core and a port with these switches answer to each step."""
    cores = open_target("python"), open_target(str(executable(folder, switches)))
    answered = Asking(*cores).ask(cases)
    for core in cores:
        core.close()
    return answered


def edited(**values: Any) -> Edited:
    """The edit that a deviation of explanations.toml says."""
    edit = Deviation.read(values).edit(CORE)
    return Edited(edit, canonical_edit(edit))
