"""What becomes of every fault that can be planted: run by hand, since it takes its time.

    python tests/faults/measure_faults.py DIRECTORY [--explain] [--pairs]

For each fault its buckets with their occurrences, and with --explain the cause that is named first.
With --pairs also all pairs of faults that have a bucket in common, and whether something in it is
shown by the one alone and something by the other alone. What was built and run stays in the
directory, so that asking again is quick.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from itertools import combinations
from pathlib import Path

from fault_runs import Ran, Runs, Witnesses, spread
from planted_faults import FAULTS, ROOT, Builds, Fault

from replay.explaining.search.search import Means, explain
from replay.targets.pair import PairSpec

SECONDS = 100.0
LOOKED_AT = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--pairs", action="store_true")
    arguments = parser.parse_args()
    builds = Builds(arguments.directory / "planted")
    runs = Runs(arguments.directory / "runs", builds)
    ran: dict[Fault, Ran] = {}
    for fault in FAULTS:
        if fault.failure is None:
            ran[fault] = runs(fault)
            tell(fault, ran[fault])
            if arguments.explain and ran[fault].divergences:
                tell_cause(fault, ran[fault])
    buckets = [len(one.divergences) for one in ran.values()]
    print(f"buckets: {buckets.count(1)} one, {buckets.count(2)} two, {buckets.count(0)} not met, "
          f"{sum(count > 2 for count in buckets)} more")  # fmt: skip
    if arguments.pairs:
        for one, other in combinations(ran, 2):
            tell_pair(one, other, ran[one], ran[other])


def tell(fault: Fault, ran: Ran) -> None:
    print(fault.name, "" if fault.in_suite else "(not in the suite)", flush=True)
    for line in ran.lines:
        kind = "failure " if line.failure else ""
        print(f"    {line.occurrences:>5} {kind}{line.event}, {line.rule}, {line.field}")


def tell_cause(fault: Fault, ran: Ran) -> None:
    means = Means(PairSpec("python", ran.exe), (ROOT / "corpus",), seconds=SECONDS)
    found = explain(ran.subject, means)
    first = found.causes[0].edit if found.causes else None
    right = first is not None and first.function in fault.function
    print(f"          {found.result}, {'right' if right else 'wrong'}: {first and first.says}")


def tell_pair(one: Fault, other: Fault, ran: Ran, its: Ran) -> None:
    for identity in {line.id for line in ran.divergences} & {line.id for line in its.divergences}:
        with closing(Witnesses(ran.exe, its.exe)) as witnesses:
            told = [*spread(ran.told[identity], LOOKED_AT), *spread(its.told[identity], LOOKED_AT)]
            who = {witnesses.differ(finding.case) for finding in told}
        mixed = {(True, False), (False, True)} <= who
        print(f"{'shared' if mixed else 'common'} {identity}: {one.name} / {other.name}")


if __name__ == "__main__":
    main()
