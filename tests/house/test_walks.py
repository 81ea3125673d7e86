"""The walks that ARCHITECTURE.md describes are those that the data really takes."""

from __future__ import annotations

import importlib
import inspect
import itertools
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from replay.differential.lockstep import Lockstep
from replay.findings.store.store import Store
from replay.fuzzing import campaign_units, generate, plans
from replay.fuzzing.mix import Mix
from replay.runs.collector import Collector
from replay.runs.replay import replay_all
from replay.runs.report import Report
from replay.streams import inputs, log_files
from replay.streams.log_files import Wanted
from replay.streams.model import Stream
from replay.targets.base import Target
from replay.targets.pair import PairSpec

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
MOST_ROOMS = 10
PAIR = PairSpec("python", str(ROOT / "examples" / "forgets_fees.py"))


def walk(beginning: str) -> list[str]:
    """The dotted names of a walk, in their order."""
    text = DOCUMENT[DOCUMENT.index(beginning) :]
    steps = re.findall(r"^(\d+)\. `([\w.]+)`", text, re.MULTILINE)
    names = []
    for number, (told, name) in enumerate(steps, 1):
        if int(told) != number:
            break
        names.append(name)
    return names


JOURNAL = walk("From a line of a journal to a stored divergence")
DRAW = walk("From a draw of Hypothesis to a comparison")


def module_of(name: str) -> str:
    """The module that a dotted name begins with."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        if (ROOT / Path(*parts[:length])).with_suffix(".py").exists():
            return ".".join(parts[:length])
    raise LookupError(name)


def function(name: str) -> Callable[..., Any]:
    """What a dotted name stands for."""
    module = module_of(name)
    found: Any = importlib.import_module(module)
    for part in name.removeprefix(f"{module}.").split("."):
        found = getattr(found, part)
    unwrapped: Callable[..., Any] = inspect.unwrap(found)
    return unwrapped


@contextmanager
def watched(names: list[str], met: list[str]) -> Iterator[None]:
    """Notes which of the functions are called, in the order of their first calls."""
    known: dict[CodeType, str] = {function(name).__code__: name for name in names}

    def notes(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and (name := known.pop(frame.f_code, None)) is not None:
            met.append(name)

    former = sys.getprofile()
    sys.setprofile(notes)
    try:
        yield
    finally:
        sys.setprofile(former)


@contextmanager
def cores() -> Iterator[tuple[Target, Target]]:
    """Our core, and one that forgets the fees of fills, both in this process."""
    authority = replace(PAIR, isolated=False).open_authority()
    shadow = replace(PAIR, isolated=False).open_shadow()
    try:
        yield authority, shadow
    finally:
        shadow.close()
        authority.close()


def unread(stream: str) -> Stream:
    """There is no corpus to mutate."""
    raise LookupError(stream)


@pytest.mark.parametrize("name", sorted({*JOURNAL, *DRAW}))
def test_each_step_of_a_walk_is_a_function(name: str) -> None:
    assert inspect.isfunction(function(name))


@pytest.mark.parametrize("names", [JOURNAL, DRAW], ids=["journal", "draw"])
def test_a_walk_goes_through_few_rooms_and_enters_none_twice(names: list[str]) -> None:
    folders = [module_of(name).rpartition(".")[0] for name in names]
    rooms = [folder for folder, _ in itertools.groupby(folders)]
    assert 3 <= len(rooms) <= MOST_ROOMS
    assert len(rooms) == len(set(rooms))


def test_a_line_of_a_journal_walks_as_it_is_told(tmp_path: Path) -> None:
    met: list[str] = []
    with cores() as pair, Store.open(tmp_path / "found.db") as store:
        report = Report("run", pair[0].identity, pair[1].identity)
        run = store.begin_run("run", report.authority, report.shadow, {})
        collector = Collector(store, run, lambda finding: finding)
        with watched(JOURNAL, met):
            found = log_files.find_files([ROOT / "examples" / "journal.jsonl"], Wanted.REPLAYED)
            replay_all(inputs.read_files(found.files), *pair, collector, PAIR.open, report)
    assert met == JOURNAL


def test_a_draw_walks_as_it_is_told() -> None:
    met: list[str] = []
    plans.plan_strategy.cache_clear()
    with cores() as pair:
        lockstep = Lockstep(*pair)
        with watched(DRAW, met):
            row = campaign_units.units(Mix.LIVE, 7, (), unread)
            for unit in itertools.islice(row, 20):
                start, source = unit.open()
                generate.run_source(lockstep, unit.number, start, source, unit.origin)
                if len(met) == len(DRAW):
                    break
            lockstep.finish()
    assert met == DRAW
