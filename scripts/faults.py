"""What becomes of faults that are planted around the program, as figures.

    scripts/faults                              # all of it, some ten minutes
    scripts/faults --databases 100 --kills 5    # a shorter one

Ends with 1 where anything was lost, a fault of ours showed, or a process was left.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("faults", "cli")]

from cli_support import FEE, SETTLED, children_of, faulty_core, start  # noqa: E402
from flipped_databases import database, run_here, try_flips  # noqa: E402
from wrong_streams import try_streams  # noqa: E402

from replay.findings.store.store import Store  # noqa: E402

ANNOUNCED = re.compile(rb"(?:new|known) (?:divergence|failure) ([df]-[0-9a-f]{8}): ")
SHOWN = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--streams", type=int, default=1000, metavar="N", help="at most so many")
    parser.add_argument("--databases", type=int, default=1000, metavar="N")
    parser.add_argument("--kills", type=int, default=50, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        os.environ["XDG_STATE_HOME"] = str(here / "state")
        (here / "streams").mkdir()
        counts, lines = try_streams(here / "streams", run_here, arguments.streams)
        tell("streams of a wrong form", dict(counts), lines)
        wrong += lines
        counts, lines = try_flips(database(here), here, arguments.databases, arguments.seed)
        tell("databases with a flipped bit", dict(counts), lines)
        wrong += lines
        (here / "kills").mkdir()
        figures, lines = try_kills(here / "kills", arguments.kills, arguments.seed)
        tell("kill -9 of fuzz", figures, lines)
        wrong += lines
    print("all held" if not wrong else f"{len(wrong)} not held")
    return int(bool(wrong))


def tell(name: str, figures: dict[str, int], lines: list[str]) -> None:
    print(f"{name}: " + ", ".join(f"{key} {number}" for key, number in sorted(figures.items())))
    for line in lines[:SHOWN]:
        print(f"  {line}")
    sys.stdout.flush()


def try_kills(folder: Path, count: int, seed: int) -> tuple[dict[str, int], list[str]]:
    """Kills runs at any moment; looks for what was announced, and for what is left running."""
    chosen = random.Random(seed)
    shadow = faulty_core(folder, FEE, SETTLED)
    figures = dict.fromkeys(("points", "announced", "lost", "unsound", "processes left"), 0)
    wrong: list[str] = []
    for number in range(count):
        path = folder / f"{number}.db"
        process = start(folder, "fuzz", "--seconds", 60, "--jobs", 1 + number % 2, "--seed",
                        number, "--shadow", shadow, "--db", path)  # fmt: skip
        lines: list[bytes] = []
        reader = threading.Thread(target=lines.extend, args=(process.stderr,))
        reader.start()
        time.sleep(chosen.uniform(0.2, 6.0))
        process.kill()
        process.wait()
        left = until_gone(process.pid)
        reader.join()
        process.stdout.close()
        process.stderr.close()
        announced = {found[1].decode() for line in lines if (found := ANNOUNCED.match(line))}
        stored, sound = look(path)
        lost = announced - stored
        figures["points"] += 1
        figures["announced"] += len(announced)
        figures["lost"] += len(lost)
        figures["unsound"] += not sound
        figures["processes left"] += left
        if lost or left or not sound:
            wrong.append(f"kill {number}: lost {sorted(lost)}, sound {sound}, left {left}")
    return figures, wrong


def until_gone(session: int) -> int:
    """How many processes of a session are still there after half a minute."""
    until = time.monotonic() + 30.0
    while (left := len(list(children_of(session)))) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def look(path: Path) -> tuple[set[str], bool]:
    """The findings that a database has, and whether it is sound; a missing one has none."""
    if not path.exists():
        return set(), True
    with Store.open(path) as store:
        return {finding.id for finding in store.findings()}, store.check().sound


if __name__ == "__main__":
    sys.exit(main())
