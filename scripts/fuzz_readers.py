"""Reads files that are nearly right with each of our own readers.

    scripts/fuzz-readers                          # 1,000 for each
    scripts/fuzz-readers --count 100000 --only journal
    scripts/fuzz-readers --seconds 30             # for so long each, with a seed of its own

Ends with 1 where one ended in anything but a named error, took long, or was taken for something
else than it is. What was read then is in the directory that --keep names.
"""

from __future__ import annotations

import argparse
import math
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("faults", "cli", "gate")]

from fuzzed_readers import READERS, try_reader  # noqa: E402

SHOWN = 10
USUAL = 1000
SLOW = 5.0
"""Seconds of the processor for one input, which has at most 200 KB."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, metavar="N",
                        help="for each reader; 1,000 where no --seconds are given")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=math.inf, help="at most, for each reader")
    parser.add_argument("--seed", type=int, help="1; with --seconds one that is told")
    parser.add_argument("--only", action="append", choices=[one.name for one in READERS])
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep what was read wrongly")
    arguments = parser.parse_args()
    is_timed = math.isfinite(arguments.seconds)
    count = arguments.count or (sys.maxsize if is_timed else USUAL)
    # Each night sees other inputs; what is not held names the seed.
    seed = arguments.seed or (secrets.randbelow(2**32) if is_timed else 1)
    not_held = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = str(Path(folder) / "state")
        for reader in READERS:
            if arguments.only and reader.name not in arguments.only:
                continue
            before = time.monotonic()
            here = (arguments.keep or Path(folder)) / reader.name
            counts, wrong = try_reader(reader, here, count, seed, SLOW, arguments.seconds)
            said = ", ".join(f"{key} {number}" for key, number in counts.items())
            print(f"{reader.name}: {said} ({time.monotonic() - before:.0f} s)", flush=True)
            for line in wrong[:SHOWN]:
                print(f"  {line}")
            not_held += len(wrong)
    print("all held" if not not_held else f"{not_held} not held")
    return int(bool(not_held))


if __name__ == "__main__":
    sys.exit(main())
