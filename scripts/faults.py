"""What becomes of faults that are planted around the program, as figures.

    scripts/faults                                     # all of it
    scripts/faults --only databases --databases 100    # one kind, and less of it

Ends with 1 where anything was not held: lost, doubled, unsound, a false green, a fault of ours, a
process or a file left.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("faults", "cli", "gate")]

from evidence_support import make_package  # noqa: E402
from failing_calls import build, try_calls  # noqa: E402
from flipped_databases import database, run_here, try_flips  # noqa: E402
from killed_commands import try_kills  # noqa: E402
from many_processes import try_processes  # noqa: E402
from mutated_evidence import try_archives  # noqa: E402
from mutated_telemetry import try_telemetry  # noqa: E402
from written_things import WRITERS  # noqa: E402
from wrong_streams import try_streams  # noqa: E402

SHOWN = 10
PROCESSES = (2, 4, 8)

Outcome = tuple[Mapping[str, int], list[str]]


def main() -> int:
    arguments = parsed()
    not_held = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = str(Path(folder) / "state")
        for name, title, tried in kinds(arguments):
            if arguments.only and name not in arguments.only:
                continue
            here = Path(folder) / title.replace(" ", "-")
            here.mkdir()
            before = time.monotonic()
            figures, wrong = tried(here)
            tell(title, figures, wrong, time.monotonic() - before)
            not_held += len(wrong)
    print("all held" if not not_held else f"{not_held} not held")
    return int(bool(not_held))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    numbers = {"streams": 1000, "databases": 1000, "archives": 500, "telemetry": 200,
               "processes": len(PROCESSES), "calls": 64, "cuts": 32, "kills": 200}  # fmt: skip
    for name, usual in numbers.items():
        parser.add_argument(
            f"--{name}", type=int, default=usual, metavar="N", help="at most so many"
        )
    parser.add_argument("--only", action="append", choices=sorted(numbers), help="only this kind")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def kinds(most: argparse.Namespace) -> list[tuple[str, str, Callable[[Path], Outcome]]]:
    """Each kind of fault: its option, what it is, and what tries it."""
    return [
        ("streams", "streams of a wrong form",
         lambda here: try_streams(here, run_here, most.streams)),
        ("databases", "databases with a flipped bit",
         lambda here: try_flips(database(here), here, most.databases, most.seed)),
        ("archives", "evidence that was tampered with",
         lambda here: try_archives(make_package(here).members, here, most.archives, most.seed)),
        ("telemetry", "damaged telemetry",
         lambda here: try_telemetry(here, run_here, most.telemetry, most.seed)),
        ("processes", "processes on one database and corpus",
         lambda here: try_processes(here, PROCESSES[: most.processes])),
        *(("calls", f"failing calls of {writer.name}", failing(writer.name, most.calls))
          for writer in WRITERS),
        *(("cuts", f"power cuts of {writer.name}", failing(writer.name, most.cuts, cut=True))
          for writer in WRITERS),
        ("kills", "kills of commands",
         lambda here: try_kills(here, most.kills, most.seed)),
    ]  # fmt: skip


def failing(writer: str, most: int, *, cut: bool = False) -> Callable[[Path], Outcome]:
    """What tries the system calls of a writer; needs a C compiler."""

    def tried(here: Path) -> Outcome:
        library = build(here)
        if library is None:
            return {}, ["there is no C compiler (cc, gcc): nothing was tried"]
        return try_calls(library, writer, here / "attempts", most, cut=cut)

    return tried


def tell(title: str, figures: Mapping[str, int], wrong: list[str], seconds: float) -> None:
    said = ", ".join(f"{key} {number}" for key, number in figures.items())
    print(f"{title}: {said} ({seconds:.0f} s)")
    for line in wrong[:SHOWN]:
        print(f"  {line}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
