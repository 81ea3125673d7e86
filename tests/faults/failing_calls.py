"""Each call that a writer makes to the system fails in turn; what is there after, and what was
said.

The n-th write, fsync, rename, link, mkdir, truncation or opening of a file fails with ENOSPC or
EIO, once or from then on, or half of a write reaches the disk; or the power is cut there, so that
only what was synced is left. A library of C in front of the system's (failing_calls.c) does that,
so it holds for SQLite's calls as well. One process loads all; each attempt is a fork of it.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class How(IntEnum):
    """How a call fails: failing_calls.c has the same."""

    ONCE = 0
    LASTING = 1
    SHORT = 2
    CUT = 3
    FULL = 4
    """None fails: the disk has so many pages left (full_disks.py)."""


WAYS = (
    (How.ONCE, errno.EIO),
    (How.LASTING, errno.ENOSPC),
    (How.SHORT, errno.ENOSPC),
    (How.ONCE, errno.ENOSPC),
    (How.LASTING, errno.EIO),
)
KINDS = ("points", "told", "lost", "doubled", "unsound", "tracebacks", "left over")


@dataclass(frozen=True)
class Attempt:
    """The `nth` call fails like that."""

    nth: int
    how: How
    error: int

    def __str__(self) -> str:
        if self.how is How.FULL:
            return f"{self.nth} pages left"
        return f"call {self.nth} {self.how.name.lower()} {errno.errorcode.get(self.error, '')}"


def build(folder: Path) -> Path | None:
    """Compiles the library; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "libfailing_calls.so"
    source = HERE / "failing_calls.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def try_calls(
    library: Path, writer: str, folder: Path, most: int, *, cut: bool = False
) -> tuple[dict[str, int], list[str]]:
    """Counts of what became of at most `most` failing calls of a writer (or power cuts), and a line
    for each that was not held."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, __file__, library, writer, folder, str(most), str(int(cut))],
        env={**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
    )
    figures, wrong = json.loads(done.stdout)
    return figures, wrong


# --- Within the process that has the library in front ------------------------------------------


class Library:
    """The switches of failing_calls.c."""

    def __init__(self, path: str) -> None:
        self._loaded = ctypes.CDLL(path)
        self._loaded.counted_calls.restype = ctypes.c_long

    def arm(self, folder: Path, kept: Path | None, attempt: Attempt) -> None:
        self._loaded.arm_calls(
            os.fsencode(folder),
            b"" if kept is None else os.fsencode(kept),
            ctypes.c_long(attempt.nth),
            attempt.error,
            int(attempt.how),
        )

    def disarm(self) -> None:
        self._loaded.disarm_calls()

    def counted(self) -> int:
        return int(self._loaded.counted_calls())


@dataclass
class Became:
    """What a writer said in one attempt."""

    acknowledged: set[str]
    told: str
    traceback: str
    calls: int
    pid: int


def main(path: str, name: str, folder: str, most: str, cut: str) -> None:
    from written_things import CARELESS, WRITERS

    library = Library(path)
    writer = next(one for one in (*WRITERS, CARELESS) if one.name == name)
    here = Path(folder)
    trial = Trial(library, writer, here)
    figures, wrong = trial.run(int(most), cut=bool(int(cut)))
    print(json.dumps([figures, wrong]))


class Trial:
    """All attempts on one writer."""

    def __init__(self, library: Library, writer: object, folder: Path) -> None:
        from written_things import Writer

        assert isinstance(writer, Writer)
        self._library = library
        self._writer = writer
        self._folder = folder
        self._number = 0

    def run(self, most: int, *, cut: bool) -> tuple[dict[str, int], list[str]]:
        figures = dict.fromkeys(KINDS, 0)
        wrong: list[str] = []
        where = self.prepared()
        whole = self.attempt(where, Attempt(sys.maxsize >> 1, How.ONCE, 0), None)
        assert not whole.told, whole.told
        for attempt in chosen(whole.calls, most, cut=cut):
            where = self.prepared()
            before = self.read(where)
            kept = where.with_name(where.name + "-kept") if cut else None
            if kept is not None:
                kept.mkdir()
                _keep_all(where, kept)
            became = self.attempt(where, attempt, kept)
            if kept is None:
                self.look(where, before, became, attempt, figures, wrong)
            else:
                for names_kept in (False, True):
                    after = where.with_name(f"{where.name}-after-{int(names_kept)}")
                    _what_is_left(where, kept, after, names_kept=names_kept)
                    self.look(after, before, became, attempt, figures, wrong)
            self.clear()
        return figures, wrong

    def clear(self) -> None:
        """Makes room for the next attempt."""
        for path in self._folder.iterdir():
            shutil.rmtree(path)

    def read(self, where: Path) -> Counter[str]:
        """The things that are there."""
        return self._writer.read(where).things

    def prepared(self) -> Path:
        """A folder with what is there before anything fails."""
        self._number += 1
        where = self._folder / str(self._number)
        where.mkdir()
        self._writer.prepare(where)
        return where

    def attempt(self, where: Path, attempt: Attempt, kept: Path | None) -> Became:
        """One attempt, in a fork."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            told = trace = ""
            try:
                if attempt.how is not How.FULL:
                    self._library.arm(where, kept, attempt)
                # Said at once: the process may end at any call.
                told = self._writer.write(where, partial(_say, writing))
            except BaseException as error:
                from replay.errors import ReplayError

                told = f"{error}"
                trace = "" if isinstance(error, ReplayError) else traceback.format_exc()
            self._library.disarm()
            end = {"told": told, "trace": trace, "calls": self._library.counted()}
            os.write(writing, f"={json.dumps(end)}\n".encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            lines = pipe.read().splitlines()
        os.waitpid(pid, 0)
        ends = [line[1:] for line in lines if line.startswith("=")]
        last: dict[str, Any] = json.loads(ends[0]) if ends else {}
        return Became(
            {line[1:] for line in lines if line.startswith("+")},
            last.get("told", ""), last.get("trace", ""), last.get("calls", 0), pid,
        )  # fmt: skip

    def look(
        self, where: Path, before: Counter[str], became: Became, attempt: Attempt,
        figures: dict[str, int], wrong: list[str],
    ) -> None:  # fmt: skip
        """Counts what became of an attempt."""
        figures["points"] += 1
        figures["told"] += bool(became.told)
        faults = []
        left = [] if attempt.how is How.CUT else list(leftovers(where, became.pid))
        try:
            found = self._writer.read(where)
        except Exception as error:
            faults.append(("unsound", f"cannot be read: {type(error).__name__}: {error}"))
        else:
            if found.problems:
                faults.append(("unsound", "; ".join(found.problems[:3])))
            left += [] if attempt.how is How.CUT else found.halves
            wanted = became.acknowledged if self._is_kept(attempt) else set()
            lost = (wanted | before.keys()) - found.things.keys()
            if lost:
                faults.append(("lost", f"{sorted(lost)[:4]}"))
            doubled = [one for one, count in found.things.items() if count - before[one] > 1]
            if doubled:
                faults.append(("doubled", f"{doubled[:4]}"))
        if became.traceback:
            faults.append(("tracebacks", became.traceback[-600:]))
        if left:
            faults.append(("left over", ", ".join(left)))
        for kind, what in faults:
            figures[kind] += 1
            wrong.append(f"{self._writer.name}, {attempt}: {kind}: {what}")

    def _is_kept(self, attempt: Attempt) -> bool:
        return attempt.how is not How.CUT or self._writer.synced


def _say(descriptor: int, thing: str) -> None:
    os.write(descriptor, f"+{thing}\n".encode())


def chosen(calls: int, most: int, *, cut: bool) -> Iterator[Attempt]:
    """Attempts at all calls in turn; with more than there may be, evenly spread ones."""
    if cut:
        attempts = [Attempt(nth, How.CUT, 0) for nth in range(1, calls + 1)]
    else:
        attempts = [Attempt(nth, how, error) for nth in range(1, calls + 1) for how, error in WAYS]
    step = max(1.0, len(attempts) / most)
    place = 0.0
    while place < len(attempts):
        yield attempts[int(place)]
        place += step


def leftovers(where: Path, pid: int) -> Iterator[str]:
    """Files half made that were left behind by a writer that goes on living."""
    # A hash may have the digits of the process in it.
    own = re.compile(rf"(?<![0-9a-f]){pid}(?![0-9a-f])")
    for path in where.rglob("*"):
        if own.search(path.name) or path.name.endswith((".part", ".old")):
            yield str(path.relative_to(where))


def _keep_all(where: Path, kept: Path) -> None:
    """What is there before is on the disk."""
    for path in (where, *where.rglob("*")):
        target = kept / str(path.stat().st_ino)
        if path.is_dir():
            target.write_text(
                "".join(f"{one.stat().st_ino} {one.name}\n" for one in path.iterdir())
            )
        else:
            shutil.copyfile(path, target)


def _what_is_left(where: Path, kept: Path, after: Path, *, names_kept: bool) -> None:
    """What a power cut leaves of a folder: of each file what was synced of it, under the names that
    were synced, or under those of now, which the disk may have had time for."""
    after.mkdir()
    listing = kept / str(where.stat().st_ino)
    if names_kept:
        names = [(path.stat().st_ino, path.name) for path in where.iterdir()]
    else:
        lines = listing.read_text().splitlines() if listing.exists() else []
        names = [(int(line.split(" ", 1)[0]), line.split(" ", 1)[1]) for line in lines]
    folders = {path.stat().st_ino: path for path in where.iterdir() if path.is_dir()}
    for number, name in names:
        content = kept / str(number)
        if number in folders:
            _what_is_left(folders[number], kept, after / name, names_kept=names_kept)
        elif content.exists():
            shutil.copyfile(content, after / name)
        else:
            (after / name).touch()


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main(*sys.argv[1:])
