"""What becomes of faults that are planted around the program, as figures.

    scripts/faults                                     # all of it
    scripts/faults --only databases --databases 100    # one kind, and less of it

Ends with 1 where anything was not held: lost, doubled, unsound, a false green, a fault of ours, a
process or a file left. A kind that cannot be tried here is skipped, and says why.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("faults", "cli", "gate")]

from evidence_support import make_package  # noqa: E402
from failing_calls import build, try_calls  # noqa: E402
from failing_commands import Family, try_commands  # noqa: E402
from flipped_databases import database, run_here, try_flips  # noqa: E402
from full_disks import hindrance, try_full_disks  # noqa: E402
from killed_commands import try_kills  # noqa: E402
from many_processes import try_processes  # noqa: E402
from mutated_evidence import try_archives  # noqa: E402
from mutated_telemetry import try_telemetry  # noqa: E402
from written_things import WRITERS  # noqa: E402
from wrong_streams import try_streams  # noqa: E402

SHOWN = 10
PROCESSES = (2, 4, 8)

Outcome = tuple[Mapping[str, int], list[str]]


class Skipped(Exception):
    """A kind cannot be tried on this machine."""


def main() -> int:
    arguments = parsed()
    not_held = skipped = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = str(Path(folder) / "state")
        for name, title, tried in kinds(arguments):
            if arguments.only and name not in arguments.only:
                continue
            here = Path(folder) / title.replace(" ", "-")
            here.mkdir()
            before = time.monotonic()
            try:
                figures, wrong = tried(here)
            except Skipped as why:
                skipped += 1
                print(f"{title}: skipped: {why}", flush=True)
                continue
            except Exception:
                figures, wrong = {}, [f"could not be tried: {traceback.format_exc()[-600:]}"]
            tell(title, figures, wrong, time.monotonic() - before)
            not_held += len(wrong)
    said = "all held" if not not_held else f"{not_held} not held"
    print(f"{said}, {skipped} skipped" if skipped else said)
    return int(bool(not_held))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    numbers = {"streams": 1000, "databases": 1000, "archives": 500, "telemetry": 200,
               "processes": len(PROCESSES), "calls": 64, "cuts": 32, "disks": 64, "starts": 40,
               "memory": 40, "clocks": 40, "kills": 200}  # fmt: skip
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
        *(("disks", f"full disks of {writer.name}", full(writer.name, most.disks))
          for writer in WRITERS),
        ("starts", "no process or thread to be had", lacking(Family.STARTS, most.starts)),
        ("memory", "no memory to be had", lacking(Family.MEMORY, most.memory)),
        ("clocks", "clocks that jump", lacking(Family.CLOCK, most.clocks)),
        ("kills", "kills of commands",
         lambda here: try_kills(here, most.kills, most.seed)),
    ]  # fmt: skip


def failing(writer: str, most: int, *, cut: bool = False) -> Callable[[Path], Outcome]:
    """What tries the system calls of a writer."""
    return lambda here: try_calls(library(here), writer, here / "attempts", most, cut=cut)


def lacking(family: Family, most: int) -> Callable[[Path], Outcome]:
    """What tries whole commands while something is not to be had."""
    return lambda here: try_commands(library(here), family, here, most)


def full(writer: str, most: int) -> Callable[[Path], Outcome]:
    """What fills the disk of a writer; needs one that can be mounted."""

    def tried(here: Path) -> Outcome:
        disk = here / "disk"
        disk.mkdir()
        if why := hindrance(disk):
            raise Skipped(why)
        return try_full_disks(library(here), writer, disk, most)

    return tried


def library(here: Path) -> Path:
    """What makes calls fail; needs a C compiler."""
    built = build(here)
    if built is None:
        raise Skipped("there is no C compiler (cc, gcc)")
    return built


def tell(title: str, figures: Mapping[str, int], wrong: list[str], seconds: float) -> None:
    said = ", ".join(f"{key} {number}" for key, number in figures.items())
    print(f"{title}: {said} ({seconds:.0f} s)")
    for line in wrong[:SHOWN]:
        print(f"  {line}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
