"""Commands that are killed at any moment: what they announced is stored, and nothing is left."""

from __future__ import annotations

import random
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from subprocess import TimeoutExpired

from cli_support import FEE, SETTLED, children_of, doge, faulty_core, start

from replay.findings.store.store import Store
from replay.streams.corpus import Corpus

ROOT = Path(__file__).resolve().parents[2]
ANNOUNCED = re.compile(rb"(?:new|known) (?:divergence|failure) ([df]-[0-9a-f]{8}): ")
SEARCHING = 10.0
"""Seconds in which a command is killed that takes longer; the others anywhere in their time."""

KINDS = (
    *("points", "ended before", "announced", "lost", "unsound", "tracebacks", "processes left"),
)


@dataclass(frozen=True)
class Command:
    """A command; `{db}`, `{corpus}` and others stand for the files of one attempt. With
    `has_findings` there are some before."""

    arguments: tuple[str, ...]
    has_findings: bool = False

    @property
    def name(self) -> str:
        return " ".join(word for word in self.arguments[:2] if word.isalpha())


JOURNAL = str(ROOT / "examples" / "journal.jsonl")
FORGETS = str(ROOT / "examples" / "forgets_fees.py")
COMMANDS = (
    Command(("fuzz", "--seconds", "60", "--jobs", "2", "--seed", "{n}", "--shadow",
             "{shadow}")),
    Command(("run", JOURNAL, "--shadow", FORGETS)),
    Command(("nightly", "--minutes", "1", "--jobs", "2", "--shadow", "{shadow}", "--corpus",
             "{corpus}", "--report-dir", "{folder}/reports")),
    Command(("recheck", "--shadow", FORGETS), has_findings=True),
    Command(("triage", "d-b96bf98f", "--note", "looked at"), has_findings=True),
    Command(("db", "merge", "{db}", "{other}", "-o", "{folder}/merged.db"), has_findings=True),
    Command(("corpus", "import", JOURNAL, "--corpus", "{corpus}")),
)  # fmt: skip


def try_kills(folder: Path, count: int, seed: int) -> tuple[dict[str, int], list[str]]:
    """Counts over so many kills of all commands in turn, each at a time of its own, and a line for
    each that was not held. Those that came too late are counted apart, and made up for."""
    chosen = random.Random(seed)
    shadow = str(faulty_core(folder, FEE, SETTLED))
    found = folder / "found.db"
    assert doge(folder, "run", JOURNAL, "--shadow", FORGETS, "--db", found).code == 1
    figures = dict.fromkeys(KINDS, 0)
    wrong: list[str] = []
    takes = [SEARCHING] * len(COMMANDS)
    number = 0
    while figures["points"] < count and number < 2 * count:
        place = figures["points"] % len(COMMANDS)
        command = COMMANDS[place]
        here = folder / str(number)
        here.mkdir()
        names = {"n": str(number), "shadow": shadow, "folder": str(here), "db": str(here / "d.db"),
                 "corpus": str(here / "corpus"), "other": str(found)}  # fmt: skip
        if command.has_findings:
            shutil.copyfile(found, names["db"])
        before = _stored(here / "d.db")
        arguments = [word.format(**names) for word in command.arguments]
        if "--db" not in arguments and command.arguments[0] not in ("corpus", "db"):
            arguments += ["--db", names["db"]]
        after = chosen.uniform(0.02, 1.0) * takes[place]
        announced, left, lived = _killed(here, arguments, after, figures)
        # How long it takes is learned here: machines differ.
        takes[place] = min(takes[place], lived)
        for kind, what in _faults(here, before | announced):
            figures[kind] += 1
            wrong.append(f"kill {number}, {command.name}: {kind}: {what}")
        if left:
            figures["processes left"] += left
            wrong.append(f"kill {number}, {command.name}: {left} processes left")
        shutil.rmtree(here)
        number += 1
    return figures, wrong


def _killed(
    here: Path, arguments: list[str], seconds: float, figures: dict[str, int]
) -> tuple[set[str], int, float]:
    """What a command announced until it was killed, how many processes it left, and how long it
    took where it ended before; more than anything where it did not."""
    began = time.monotonic()
    process = start(here, *arguments)
    lines: list[bytes] = []
    reader = threading.Thread(target=lines.extend, args=(process.stderr,))
    reader.start()
    lived = inf
    try:
        process.wait(seconds)
        lived = time.monotonic() - began
    except TimeoutExpired:
        process.kill()
        process.wait()
    left = until_gone(process.pid)
    reader.join()
    process.stdout.close()
    process.stderr.close()
    announced = {match[1].decode() for line in lines if (match := ANNOUNCED.match(line))}
    figures["points" if lived == inf else "ended before"] += 1
    figures["announced"] += len(announced)
    figures["tracebacks"] += any(b"Traceback" in line for line in lines)
    return announced, left, lived


def _faults(here: Path, wanted: set[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with what is left."""
    for path in (here / "d.db", here / "merged.db"):
        if not path.exists():
            continue
        # Whoever writes next goes on from there.
        Store.open(path).close()
        with Store.open(path, readonly=True) as store:
            problems = store.check().problems
        if problems:
            yield "unsound", f"{path.name}: {problems[0]}"
    lost = wanted - _stored(here / "d.db")
    if lost:
        yield "lost", ", ".join(sorted(lost))
    if (here / "corpus").is_dir():
        faults = Corpus(here / "corpus").verify().faults
        real = [one for one in faults if "left over from an interrupted write" not in one.reason]
        if real:
            yield "unsound", f"{real[0].file}: {real[0].reason}"


def _stored(path: Path) -> set[str]:
    """The findings that a database has; a missing one has none."""
    if not path.exists():
        return set()
    with Store.open(path, readonly=True) as store:
        return {finding.id for finding in store.findings()}


def until_gone(session: int) -> int:
    """How many processes of a session are still there after half a minute."""
    until = time.monotonic() + 30.0
    while (left := len(children_of(session))) and time.monotonic() < until:
        with suppress(OSError):
            time.sleep(0.05)
    return left
