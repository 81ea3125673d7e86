"""Databases with one flipped bit, and what the commands that read one make of them.

A flip may be told (a message, exit 2 or 3), may make no difference, or may lie in a text that
nothing checks. It must never end in a traceback, a fault of ours, or an exit code of 1.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from replay.cli.main import run_cli
from replay.findings.store.store import Store

ROOT = Path(__file__).resolve().parents[2]
BAD = ("Traceback", "internal fault")


def flip(content: bytes, bit: int) -> bytes:
    """The content with one bit turned over."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


def places(content: bytes, count: int, seed: int) -> Iterator[int]:
    """Bits anywhere in a file, a third of them in its texts: names, the schema, reasons."""
    chosen = random.Random(seed)
    texts = [at for at, byte in enumerate(content) if chr(byte).isalnum() or byte in b'_{}[]" ']
    for number in range(count):
        byte = chosen.choice(texts) if number % 3 == 0 else chosen.randrange(len(content))
        yield byte * 8 + chosen.randrange(8)


def database(folder: Path) -> Path:
    """A database with two findings, one of them triaged."""
    made = folder / "a.db"
    shadow = ROOT / "examples" / "forgets_fees.py"
    journal = ROOT / "examples" / "journal.jsonl"
    code, text = run_here("run", str(journal), "--shadow", str(shadow), "--db", str(made))
    assert code == 1, text
    code, text = run_here("triage", "d-b96bf98f", "--owner", "anna", "--note", "so", "--db",
                          str(made))  # fmt: skip
    assert code == 0, text
    return made


def calls(ids: list[str]) -> list[list[str]]:
    """The commands that are tried on each database, readers first."""
    one, last = ids[0], ids[-1]
    return [
        ["list"], ["list", "--json"], ["show", one], ["show", last, "--json", "--all"],
        ["export", one, "--as", "bundle", "-o", "out.zip"],
        ["triage", one, "--note", "looked at"],
    ]  # fmt: skip


def run_here(*arguments: str) -> tuple[int, str]:
    """The exit code and all output of a call within this process."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace", write_through=True)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = run_cli(list(arguments))
        sys.stdout.flush()
    assert isinstance(out.buffer, io.BytesIO)
    return code, out.buffer.getvalue().decode()


def checked_by_doctor() -> tuple[int, str]:
    """What `doctor` says of the database here, without its look at cores, which takes its time."""
    from replay.cli.doctor_command import _database
    from replay.settings import load_settings

    found, code = _database(load_settings(db="d.db"))
    return int(code), "\n".join(found["lines"])


def try_flips(
    database: Path, folder: Path, count: int, seed: int
) -> tuple[Counter[str], list[str]]:
    """Counts of what became of each flip, and a line for each that went wrong."""
    content = database.read_bytes()
    with Store.open(database, readonly=True) as store:
        commands = calls([finding.id for finding in store.findings()])
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    before = Path.cwd()
    os.chdir(folder)
    try:
        for bit in places(content, count, seed):
            counts["flips"] += 1
            counts[_one(flip(content, bit), bit, commands, wrong)] += 1
    finally:
        os.chdir(before)
    return counts, wrong


def _one(content: bytes, bit: int, commands: list[list[str]], wrong: list[str]) -> str:
    Path("d.db").write_bytes(content)
    faults = len(wrong)
    told = False
    try:
        code, text = checked_by_doctor()
    except BaseException as error:
        code, text = 1, f"Traceback: {type(error).__name__}: {error}"
    sound = code == 0
    for command in (["doctor"], *commands):
        if command != ["doctor"]:
            code, text = run_here(*command, "--db", "d.db")
        if code not in (0, 2, 3) or any(word in text for word in BAD):
            wrong.append(f"bit {bit}: {' '.join(command)}: exit {code}: {text[:400]}")
        told = told or code != 0
    for beside in (*Path().glob("d.db-*"), *Path().glob("out.zip")):
        beside.unlink()
    if len(wrong) > faults:
        return "wrong"
    if not sound:
        return "told by doctor"
    return "told by a command alone" if told else "made no difference"
