"""Those that write what must not be lost, each in small: what is written, and what is there after.

A writer says of each thing that it wrote ("acknowledges" it) as the program does to its user; what
was acknowledged must be found by whoever reads, once, and no more than was begun may be there.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replay.differential.model import Difference, DifferenceKind, Finding, Signature, Verdict
from replay.findings.store.store import Store
from replay.findings.store.stored import RunKind
from replay.gate.package.package import write_package
from replay.gate.telemetry.json_objects import read_objects
from replay.gate.telemetry.sample_file import Run, open_samples
from replay.shadow.recorder import JournalWriter, RecordedCall
from replay.streams.corpus import Corpus
from replay.streams.inputs import read_files
from replay.streams.log_files import Wanted, find_files
from replay.streams.model import Rejected, Start, Step, Stream
from replay.targets.base import CoreIdentity
from replay.targets.compact import read_state

THINGS = 6

Acknowledge = Callable[[str], None]


@dataclass
class Found:
    """What a reader finds: the things, what is wrong with what holds them, and what is there in
    half, as only a power cut may leave it."""

    things: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    halves: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Writer:
    """`prepare` is done before anything fails; `write` acknowledges and returns what it said went
    wrong, or raises a ReplayError; `read` finds. `synced`: what is acknowledged is on the disk, and
    survives a power cut."""

    name: str
    prepare: Callable[[Path], None]
    write: Callable[[Path, Acknowledge], str]
    read: Callable[[Path], Found]
    synced: bool = True


def nothing(folder: Path) -> None:
    """There is nothing before."""


# --- The database -----------------------------------------------------------------------------

CORE = CoreIdentity("python", "python", "aa" * 32, "0.1.0", "rev1", ())


def stream(number: int) -> Stream:
    state = {"market_price": 0.2, "now": float(number)}
    steps = tuple(Step((0, 0.2 + number / 100, float(number + n))) for n in range(40))
    return Stream(Start(state, {}, 5.0, None), steps, f"made #{number}")


def _finding(number: int) -> Finding:
    return Finding(
        Signature("FillEvent", f"rule {number}", "state.total_fees", "value", False),
        Verdict.DIVERGE,
        stream(number),
        (Difference("state.total_fees", DifferenceKind.LAST_DIGIT, 0.1, 0.1000001),),
        [[0, 0.25], [], []],
        [[0, 0.26], [], []],
        1,
    )


def _prepare_database(folder: Path) -> None:
    with Store.open(folder / "d.db") as store:
        run = store.begin_run(RunKind.RUN, CORE, CORE, {})
        store.record(run, _finding(-1))


def _write_database(folder: Path, acknowledge: Acknowledge) -> str:
    with Store.open(folder / "d.db") as store:
        run = store.begin_run(RunKind.RUN, CORE, CORE, {})
        for number in range(THINGS):
            acknowledge(store.record(run, _finding(number)).id)
    return ""


def _read_database(folder: Path) -> Found:
    found = Found()
    if not (folder / "d.db").exists():
        return found
    # Whoever writes next rolls back what was begun.
    Store.open(folder / "d.db").close()
    with Store.open(folder / "d.db", readonly=True) as store:
        found.problems += store.check().problems
        found.things.update({one.id: one.occurrences for one in store.findings()})
    return found


# --- The journal ------------------------------------------------------------------------------


def _write_journal(folder: Path, acknowledge: Acknowledge) -> str:
    writer = JournalWriter(folder / "logs", max_bytes=2_000)
    plain = read_state({"market_price": 0.2, "now": 1.0})
    settings: dict[str, Any] = {"config": {}, "order_size_usd": 2.0, "order_sizes": None}
    written = []
    for number in range(4 * THINGS):
        assert plain is not None
        call = RecordedCall(0, number, 1e9 + number, (1, 2.0 + number), plain, settings)
        writer._again_at = 0.0  # It need not wait until the disk may have recovered.
        if writer.write(call, None):
            written.append(str(number))
    writer.close()
    recorded = writer.recorded
    if not recorded.lost:
        for one in written:
            acknowledge(one)
    return recorded.last_error if recorded.lost or recorded.errors else ""


def _read_journal(folder: Path) -> Found:
    found = Found()
    if not (folder / "logs").is_dir():
        return found
    files = find_files([folder / "logs"], Wanted.JOURNALS).files
    for item in read_files(files):
        if isinstance(item, Rejected):
            # Half a line that a full disk left is told, and costs nobody else a line.
            if "the file ends there" not in item.reason:
                found.problems.append(f"{item.file}:{item.line}: {item.reason}")
            continue
        for step in item.steps:
            assert isinstance(step.call, tuple)
            found.things[str(int(step.call[1]) - 2)] += 1
    return found


# --- Telemetry --------------------------------------------------------------------------------


PAD = "x" * 1_500
"""A sample is as long as a bot's."""


def _write_telemetry(folder: Path, acknowledge: Acknowledge) -> str:
    samples = open_samples(folder / "logs" / "t.jsonl", Run("http://x", 60.0, THINGS), 1e9)
    trouble = ""
    for number in range(THINGS):
        if samples.append({"ts": "2026-11-24T12:00:00Z", "number": number, "pad": PAD}):
            acknowledge(str(number))
            # What was held back is there, too.
            for one in range(number):
                acknowledge(str(one))
        trouble = samples.trouble or trouble
    samples.close()
    return trouble


def _read_telemetry(folder: Path) -> Found:
    found = Found()
    path = folder / "logs" / "t.jsonl"
    if not path.exists():
        return found
    for item in read_objects(path):
        if isinstance(item, Rejected):
            # Half a line that a full disk left is told, and costs nobody else a line.
            continue
        found.things[str(item[1]["number"])] += 1
    return found


# --- Evidence ---------------------------------------------------------------------------------

OLD = {"manifest.json": b'{"format": 0}', "cases/a.md": b"old" * 1000}
NEW = {"manifest.json": b'{"format": 0, "new": 1}', "b.md": b"new" * 1000, "cases/a.md": b"new"}


def _write_evidence(folder: Path, acknowledge: Acknowledge) -> str:
    write_package(folder / "evidence", NEW, force=False)
    acknowledge("directory")
    acknowledge("archive")
    return ""


def _read_evidence(folder: Path) -> Found:
    found = Found()
    out, archive = folder / "evidence", folder / "evidence.zip"
    if out.exists():
        found.things["directory"] = 1
        there = {
            str(path.relative_to(out)): path.read_bytes()
            for path in out.rglob("*")
            if path.is_file()
        }
        if there != NEW:
            found.problems.append("the directory is not whole")
    if out.exists() != archive.exists():
        found.halves.append("one of directory and archive")
    if archive.exists():
        found.things["archive"] = 1
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(archive) as opened:
            if {name: opened.read(name) for name in opened.namelist()} == NEW:
                return found
        found.problems.append("the archive is not whole")
    return found


# --- The corpus -------------------------------------------------------------------------------


def _prepare_corpus(folder: Path) -> None:
    Corpus(folder / "corpus").add(stream(0))


def _write_corpus(folder: Path, acknowledge: Acknowledge) -> str:
    corpus = Corpus(folder / "corpus")
    for number in range(THINGS):
        acknowledge(corpus.add(stream(number))[0])
    return ""


def _read_corpus(folder: Path) -> Found:
    found = Found()
    corpus = Corpus(folder / "corpus")
    found.problems += [
        f"{fault.file}: {fault.reason}"
        for fault in corpus.verify().faults
        if "left over from an interrupted write" not in fault.reason
    ]
    for one in corpus.streams():
        found.things[one] += 1
        corpus.read(one)
    return found


# --- One that is none of ours -----------------------------------------------------------------


def _write_carelessly(folder: Path, acknowledge: Acknowledge) -> str:
    """Without syncing anything, to see that it is noticed."""
    for number in range(THINGS):
        (folder / f"{number}.part").write_text("x" * 1000)
        (folder / f"{number}.part").rename(folder / f"{number}.txt")
        acknowledge(str(number))
    return ""


def _read_careless(folder: Path) -> Found:
    return Found(Counter(path.stem for path in folder.glob("*.txt")))


CARELESS = Writer("careless", nothing, _write_carelessly, _read_careless)

WRITERS = (
    Writer("database", _prepare_database, _write_database, _read_database),
    # A line of a journal is not synced each by itself; a bot's calls cannot wait for that.
    Writer("journal", nothing, _write_journal, _read_journal, synced=False),
    Writer("telemetry", nothing, _write_telemetry, _read_telemetry),
    Writer("evidence", nothing, _write_evidence, _read_evidence),
    Writer("corpus", _prepare_corpus, _write_corpus, _read_corpus),
)
