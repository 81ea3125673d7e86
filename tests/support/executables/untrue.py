"""An executable that stands in front of another one and now and then passes on what is not true.

    untrue.py EXECUTABLE [--late N] [--wrong SHARE] [--starts FILE] [--server]

With `--late`, every N-th answer of a process is the one to the request before. With `--wrong`, so
large a share of the answers to transitions has another market price, by chance: another one in each
process, and the same in the n-th process of each run, which are counted in `--starts`.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def passed_on(program: subprocess.Popen[bytes], late: int, wrong: float, start: int) -> None:
    """Passes on requests and answers, one at a time. `start` is how many processes there were."""
    chance = random.Random(start)
    before = b'{"error":"nothing was asked before"}\n'
    for number, (line, answer) in enumerate(conversation(program), 1):
        told = answer
        if late and number % late == 0:
            told = before
        elif b'"method":"transition"' in line and chance.random() < wrong:
            told = changed(answer)
        before = answer
        sys.stdout.buffer.write(told)
        sys.stdout.buffer.flush()


def counted(starts: Path) -> int:
    """How often there was a start, this one included."""
    with starts.open("ab") as file:
        file.write(b".")
        return file.tell()


def conversation(program: subprocess.Popen[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Each request with its true answer; what only ours knows is not offered."""
    assert program.stdin is not None
    assert program.stdout is not None
    for line in sys.stdin.buffer:
        if b'"capabilities"' in line:
            sys.stdout.buffer.write(b'{"error":"unknown method"}\n')
            sys.stdout.buffer.flush()
            continue
        program.stdin.write(line)
        program.stdin.flush()
        yield line, program.stdout.readline()


def changed(line: bytes) -> bytes:
    """The answer with another market price."""
    answer = json.loads(line)
    if not isinstance(answer.get("state"), dict):
        return line
    answer["state"]["market_price"] = 0.125
    return json.dumps(answer).encode() + b"\n"


def written(folder: Path, executable: str | Path, *, late: int = 0, wrong: float = 0.0) -> Path:
    """An executable in a folder that is this program in front of another."""
    words = [sys.executable, "-S", "-E", str(Path(__file__).resolve()), str(executable)]
    program = folder / f"untrue-{late}-{wrong}"
    words += ["--late", str(late), "--wrong", str(wrong), "--starts", f"{program}.starts"]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', "utf-8")
    program.chmod(0o755)
    return program


def main() -> None:
    """Serves; a single request is answered as it is."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("executable")
    options.add_argument("--late", type=int, default=0)
    options.add_argument("--wrong", type=float, default=0.0)
    options.add_argument("--starts", type=Path, required=True)
    options.add_argument("--server", action="store_true")
    chosen = options.parse_args()
    if not chosen.server:
        sys.exit(subprocess.run([chosen.executable], check=False).returncode)
    with subprocess.Popen(
        [chosen.executable, "--server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        passed_on(program, chosen.late, chosen.wrong, counted(chosen.starts))


if __name__ == "__main__":
    main()
