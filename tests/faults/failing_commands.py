"""Commands that cannot start a process or a thread, that get no memory, or whose wall clock jumps.

What is missing is told and ends with 3, or costs nothing: then the command comes to what it comes
to in health, with the same findings. A clock that jumps costs nothing at all.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from cli_support import doge, script, start
from failing_calls import How
from killed_commands import FORGETS, JOURNAL, ROOT, until_gone

from replay.errors import ReplayError
from replay.findings.store.store import Store

SECONDS = 120.0
"""In which a command has to end, whatever fails; they take a few."""

YEARS = 10 * 365 * 86_400
BAD = ("Traceback", "internal fault", "Fatal Python error")
KINDS = (
    *("points", "told", "wrong exit codes", "lost", "doubled", "unsound", "tracebacks"),
    *("processes left", "too late"),
)


class Family(IntEnum):
    """What fails: failing_calls.c has the same."""

    STARTS = 1
    MEMORY = 2
    CLOCK = 3


WAYS = {
    Family.STARTS: ((How.ONCE, errno.EAGAIN), (How.LASTING, errno.EAGAIN)),
    Family.MEMORY: ((How.ONCE, errno.ENOMEM), (How.LASTING, errno.ENOMEM)),
    Family.CLOCK: ((How.LASTING, -YEARS), (How.ONCE, YEARS), (How.LASTING, YEARS),
                   (How.ONCE, -YEARS)),
}  # fmt: skip

COMMANDS = {
    "run": ("run", JOURNAL, "--shadow", FORGETS),
    "run an executable": ("run", JOURNAL, "--shadow", "{executable}"),
    "fuzz": ("fuzz", "--max-transitions", "1500", "--jobs", "2", "--seed", "1", "--shadow",
             FORGETS),
    "recheck": ("recheck", "--shadow", FORGETS),
    "paper": ("paper", "--hours", "0.2", "--speed", "max", "--no-web", "--logs", "logs",
              "--shadow", "{executable}"),
}  # fmt: skip
"""Each by its name; `recheck` has findings before it."""


@dataclass(frozen=True)
class Became:
    """What became of a command: its exit code, its output, and how often each finding is there."""

    code: int | None
    said: str
    found: Mapping[str, int]
    unsound: Sequence[str]
    left: int
    calls: int


def try_commands(
    library: Path, family: Family, folder: Path, most: int, names: Collection[str] = COMMANDS
) -> tuple[dict[str, int], list[str]]:
    """Counts over at most about so many points of all named commands together, and a line for each
    that was not held."""
    figures = dict.fromkeys(KINDS, 0)
    wrong: list[str] = []
    program = Program(library, folder)
    for name in names:
        if family is Family.MEMORY and name == "paper":
            # Python waits for ever for a thread that got no memory to say that it runs.
            continue
        healthy = program.run(name, f"{int(family)} {sys.maxsize} 0 0")
        assert healthy.code in (0, 1), healthy.said
        first = program.calls_to_begin if family is Family.MEMORY else 0
        for nth, how, error in _points(family, first, healthy.calls, -(-most // len(names))):
            became = program.run(name, f"{int(family)} {nth} {error} {int(how)}")
            figures["points"] += 1
            figures["told"] += became.code == 3
            for kind, what in _faults(became, healthy, family):
                figures[kind] += 1
                wrong.append(f"{name}, {family.name.lower()} {nth} {how.name.lower()} {error}: "
                             f"{kind}: {what}")  # fmt: skip
    return figures, wrong


def _points(family: Family, first: int, calls: int, most: int) -> Iterator[tuple[int, How, int]]:
    """Places at which something fails in turn, evenly spread where there are more."""
    points = [(nth, how, error) for nth in range(first + 1, calls + 1)
              for how, error in WAYS[family]]  # fmt: skip
    step = max(1.0, len(points) / most)
    place = 0.0
    while place < len(points):
        yield points[int(place)]
        place += step


class Program:
    """Runs the commands, each in a folder of its own, with the library in front."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._library = library
        self._folder = folder
        self._number = 0
        part_1 = ROOT / "tests" / "support" / "executables" / "part1.py"
        # Its own calls do not fail: it stands for one that is written in something else.
        clean = "unset LD_PRELOAD FAILING_CALLS"
        exe = script(folder / "exe", clean, f'exec {sys.executable} {part_1} "$@"')
        self._executable = str(exe)
        self._before = folder / "before.db"
        found = doge(folder, "run", JOURNAL, "--shadow", FORGETS, "--db", self._before)
        assert found.code == 1, found.err
        self.calls_to_begin = self._calls_to_begin()

    def _calls_to_begin(self) -> int:
        """How often Python asks for memory before it runs anything."""
        counts = self._folder / "counts"
        counts.mkdir()
        wish = f"{int(Family.MEMORY)} {sys.maxsize} 0 0"
        preload = {"LD_PRELOAD": str(self._library), "FAILING_CALLS": wish}
        environment = {**os.environ, **preload, "COUNTED_CALLS": str(counts)}
        subprocess.run([sys.executable, "-c", ""], env=environment, check=True)
        return max(int(count.read_text()) for count in counts.iterdir())

    def run(self, name: str, wish: str) -> Became:
        self._number += 1
        here = self._folder / str(self._number)
        here.mkdir()
        database, counts = here / "d.db", here / "counts"
        counts.mkdir()
        if name == "recheck":
            shutil.copyfile(self._before, database)
        words = [word.format(executable=self._executable) for word in COMMANDS[name]]
        process = start(
            here, *words, "--db", database,
            env={"LD_PRELOAD": str(self._library), "FAILING_CALLS": wish,
                 "COUNTED_CALLS": str(counts)},
        )  # fmt: skip
        try:
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            process.returncode = None
        left = until_gone(process.pid)
        found, unsound = _stored(database)
        count = counts / str(process.pid)
        calls = int(count.read_text()) if count.exists() else 0
        shutil.rmtree(here)
        said = (err + out).decode(errors="replace")
        return Became(process.returncode, said, found, unsound, left, calls)


def _stored(database: Path) -> tuple[dict[str, int], list[str]]:
    """How often each finding is there, and what is wrong with a database."""
    if not database.exists():
        return {}, []
    try:
        Store.open(database).close()
        with Store.open(database, readonly=True) as store:
            found = {finding.id: finding.occurrences for finding in store.findings()}
            return found, list(store.check().problems)
    except ReplayError as error:
        return {}, [str(error)]


def _faults(became: Became, healthy: Became, family: Family) -> Iterator[tuple[str, str]]:
    """What was not held."""
    if became.code is None:
        yield "too late", f"after {SECONDS:.0f} s: {became.said[-200:]}"
    elif became.code not in (healthy.code, None if family is Family.CLOCK else 3):
        yield "wrong exit codes", f"{became.code}: {became.said[-300:]}"
    # A process that gets no memory before ours begins in it has Python's own traceback.
    bad = ("internal fault",) if family is Family.MEMORY else BAD
    if any(word in became.said for word in bad):
        yield "tracebacks", became.said[-600:]
    if became.unsound:
        yield "unsound", became.unsound[0]
    if became.left:
        yield "processes left", str(became.left)
    if became.code == healthy.code:
        for one in sorted(healthy.found.keys() | became.found.keys()):
            wanted, there = healthy.found.get(one, 0), became.found.get(one, 0)
            if there != wanted:
                yield "lost" if there < wanted else "doubled", f"{one}: {there} of {wanted}"
