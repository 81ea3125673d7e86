"""Runs the real program as a person or a script would, and makes what it is run on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

import replay.core
from replay.schemas.published import schema_of

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / name) for name in ("streams", "targets", "findings")]

PROGRAM = [sys.executable, "-m", "replay"]
CANNOT_BE = "\x1b\x07\u202e"
"""Characters that no output may have where it is no terminal."""

FEE = ("total_fees=state.total_fees + fee", "total_fees=state.total_fees + fee + 1.0")
SETTLED = ("total_settled_usd=state.total_settled_usd + settled", "total_settled_usd=settled")


@dataclass(frozen=True)
class Ran:
    """What became of a call."""

    code: int
    out: str
    err: str
    arguments: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        """Standard output as strict JSON, which is as the published schema of its command says."""

        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is not JSON")

        document = json.loads(self.out, parse_constant=refuse)
        if validator := validator_of(command_of(self.arguments)):
            wrong = best_match(validator.iter_errors(document))
            assert wrong is None, f"{wrong.json_path}: {wrong.message}"
        return document

    @property
    def line(self) -> str:
        """The one line on standard error, where nothing is on standard output."""
        assert self.out == ""
        assert self.err.count("\n") == 1
        assert self.err.startswith("doge-replay: ")
        return self.err.strip()

    @property
    def last(self) -> str:
        """The last line on standard error."""
        return self.err.strip().splitlines()[-1]


def command_of(arguments: tuple[str, ...]) -> str:
    """The command that is called, by the name that its schema has."""
    first, second = (*arguments, "", "")[:2]
    whole = f"{first} {second}"
    return whole if first in ("corpus", "db") or whole == "evidence verify" else first


@cache
def validator_of(command: str) -> Draft202012Validator | None:
    """What tells whether a document is as a schema says; None for a command that has none."""
    try:
        return Draft202012Validator(schema_of(command))
    except FileNotFoundError:
        return None


def environment(**more: str | None) -> dict[str, str]:
    """Ours, without the settings of anybody's shell. DOGE_CORE_EXE names the executable under test
    (fixture core_exe), so it stays. None takes a variable out."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("DOGE_") or name == "DOGE_CORE_EXE"
    }
    return {name: value for name, value in (kept | more).items() if value is not None}


def doge(
    where: Path,
    *arguments: object,
    env: Mapping[str, str | None] | None = None,
    seconds: float = 600.0,
) -> Ran:
    """Runs the program to its end in a directory. No output of it may have a traceback or what a
    terminal would take as an order."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        cwd=where,
        env=environment(**(env or {})),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=seconds,
        check=False,
    )
    return checked(done.returncode, done.stdout, done.stderr, *map(str, arguments))


def checked(code: int, out: bytes, err: bytes, *arguments: str) -> Ran:
    """The outcome of a call, after a look at its outputs."""
    ran = Ran(code, out.decode(), err.decode(), arguments)
    for text in (ran.out, ran.err):
        assert "Traceback" not in text
        assert not set(CANNOT_BE) & set(text)
    return ran


def start(where: Path, *arguments: object, env: Mapping[str, str | None] | None = None) -> Any:
    """Starts the program in a session of its own."""
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        cwd=where,
        env=environment(**(env or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        # Whoever runs the tests in the background of a shell hands down an ignored Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def ended(process: Any, number: int | None = None, *, group: bool = False) -> Ran:
    """Sends a signal and waits for the end."""
    if number is not None and process.poll() is None:
        if group:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
    out, err = process.communicate(timeout=600)
    return checked(process.returncode, out, err)


def faulty_core(folder: Path, *faults: tuple[str, str], module: str = "booking.py") -> Path:
    """A copy of our Python core with some texts replaced; gives what --shadow takes."""
    copy = folder / "botcore"
    shutil.copytree(Path(replay.core.__file__).parent, copy,
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    file = copy / module
    text = file.read_text()
    for old, new in faults:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file.write_text(text)
    return copy / "__init__.py"


def script(path: Path, *lines: str) -> Path:
    """An executable shell script."""
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def living(marks: Iterable[object]) -> list[str]:
    """The command lines of living processes that name one of the marks, but for our own."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            command = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            )
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if state != "Z" and any(str(mark) in command for mark in marks):
            found.append(f"{folder.name} {command}")
    return found


def wait_for_work(mark: object, seconds: float, *, limit: float = 120.0) -> None:
    """Waits until the processes that name the mark have used that much of a CPU together: how
    long that takes depends on what else the machine is doing."""
    until = time.monotonic() + limit
    while _used([mark]) < seconds:
        assert time.monotonic() < until, f"{mark} never used {seconds} s of a CPU"
        time.sleep(0.05)


def _used(marks: Iterable[object]) -> float:
    """Seconds of CPU that living processes with one of the marks have used."""
    ticks = 0
    for line in living(marks):
        with suppress(FileNotFoundError, ProcessLookupError):
            stat = Path("/proc", line.split()[0], "stat").read_text()
            ticks += sum(map(int, stat.rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def children_of(session: int) -> list[str]:
    """Living processes of a session, and those that an executable's own session has below it."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z" and int(fields[3]) == session:
            found.append(folder.name)
    return found


def assert_gone(session: int, *marks: object, seconds: float = 30.0) -> None:
    """Nothing of a killed program lives on."""
    until = time.monotonic() + seconds
    while left := living(marks) + children_of(session):
        assert time.monotonic() < until, f"left behind: {left}"
        time.sleep(0.02)


@dataclass(frozen=True)
class Faulty:
    """A database that a run with a faulty shadow has left, and that run."""

    folder: Path
    shadow: Path
    ran: Ran

    @property
    def ids(self) -> list[str]:
        return [one["id"] for one in self.ran.json["divergences"]]

    def copy(self, folder: Path) -> Path:
        """A copy of the database to do anything with; gives its folder."""
        shutil.copy(self.folder / "divergences.db", folder)
        return folder
