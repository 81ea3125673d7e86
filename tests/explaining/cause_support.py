"""What the tests of causes are made of: single steps, a port with switches asked them, edits."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from support.ports.making import changed_executable, executable

from replay.explaining.causes.answered import Answered, Asking
from replay.explaining.causes.found import Account
from replay.explaining.causes.inquiry import Inquiry
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


def account_of_changed(
    folder: Path,
    changes: Iterable[tuple[str, str]],
    cases: Iterable[Stream],
    *,
    generate: int,
    steps: int,
) -> Account:
    """What the search comes to on a port of which some texts are others, without a catalogue of
    edits; each case is a bucket of its own."""
    authority, shadow = open_target("python"), open_target(str(changed_executable(folder, changes)))
    with closing(authority), closing(shadow):
        occurrences = {f"case {number}": [case] for number, case in enumerate(cases)}
        return Inquiry(
            CORE, authority, shadow, occurrences, 400.0, generate=generate, steps=steps,
            edits_of=lambda core, texts: [],
        ).run()  # fmt: skip


def edited(**values: Any) -> Edited:
    """The edit that a deviation of explanations.toml says."""
    edit = Deviation.read(values).edit(CORE)
    return Edited(edit, canonical_edit(edit))
