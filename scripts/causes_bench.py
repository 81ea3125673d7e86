"""How much of the difference between two cores is accounted for: scripts/bench --causes [options].

Draws sets of switches of the family of ports (tests/support/ports) from a seed, hunts with each as
the shadow, searches for causes, and holds these against what each switch does.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from causes_check import Checked, Truth, checked, named  # noqa: E402
from support.ports.making import executable  # noqa: E402
from support.ports.second_half import DEEP  # noqa: E402
from support.ports.switches import FIRST_HALF, SECOND_HALF, SWITCHES, Switch  # noqa: E402

from replay.explaining.causes.answered import Answered  # noqa: E402
from replay.explaining.causes.found import Account  # noqa: E402
from replay.explaining.causes.inquiry import Inquiry  # noqa: E402
from replay.explaining.editing.editable import EditableCore  # noqa: E402
from replay.explaining.evidence.kept import cases_of  # noqa: E402
from replay.findings.store.store import Store  # noqa: E402
from replay.targets.pair import PairSpec  # noqa: E402

HALVES = {"first": FIRST_HALF, "second": SECOND_HALF}
"""Reported apart: the search was built with the first half in view."""


def measure(
    folder: Path, names: Sequence[str], seed: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Hunts with a set of switches on, searches for causes, and counts."""
    shadow = str(executable(folder, names))
    database = folder / "found.db"
    hunt = subprocess.run(
        [sys.executable, "-m", "replay", "fuzz", "--authority", options.authority,
         "--shadow", shadow, "--db", str(database),
         "--max-transitions", str(options.transitions), "--seed", str(seed), "--jobs", "1",
         "--json"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not database.exists():  # a port that cannot read what it wrote is a finding, too
        sys.exit(f"fuzz exited with {hunt.returncode}: {hunt.stderr}")
    with Store.open(database, readonly=True) as store:
        streams = {one.id: cases_of(one, store)[:4] for one in store.findings()}
    authority, held = PairSpec(options.authority, shadow).open()
    with closing(authority), closing(held):
        search = Inquiry(
            EditableCore.open(options.authority), authority, held, streams, options.seconds,
            steps=options.steps,
        )  # fmt: skip
        account = search.run()
        truth = Truth(frozenset(names))
        found = checked(account.causes, truth, options.authority, authority, held)
    return figures(account, truth, found, len(streams))


def figures(account: Account, truth: Truth, found: Checked, buckets: int) -> dict[str, Any]:
    """The figures of one set."""
    names = truth.switches
    of_cause = {cause.id: truth.main(cause) for cause in account.causes}
    in_rows = {main for main, _ in of_cause.values() if main}
    left = frozenset().union(*(truth.of(step) for step in _some(account)))
    met = in_rows | left
    are_named = named(account.causes, truth, found)
    wrong = [
        f"{cause.statement.says} ({of_cause[cause.id][0] or 'no switch'}): "
        + found.against.get(cause.id, "no step of it needs a switch")
        for cause in account.causes
        if cause.is_verified and (cause.id in found.against or not of_cause[cause.id][0])
    ]
    rows = len(account.causes) + len(account.left)
    return {
        "switches": sorted(names),
        "met": sorted(met),
        "deep": sorted(names & DEEP),
        "verified": sum(cause.is_verified for cause in account.causes),
        "named": sorted(are_named),
        "named_whole": sorted(one for one, is_whole in are_named.items() if is_whole),
        "not_named": sorted(met - are_named.keys()),
        "fresh": {one: f"{found.own_right[one]}/{found.own[one]}" for one in sorted(names)},
        "fresh_steps": found.steps,
        "rows_each": round(rows / max(1, len(met)), 2),
        "buckets": buckets,
        "causes": len(account.causes),
        "left_buckets": len(account.left),
        "rows_with_two": sum(two for _, two in of_cause.values()),
        "false": wrong,
        "kept": f"{account.kept_right}/{account.kept}",
        "lost_to_refusals": round(account.afterwards_ended / max(1, account.afterwards), 3),
        "generated": f"{account.afterwards_right}/{account.afterwards}",
        "seconds": round(account.seconds, 1),
        "list": [
            f"{'' if cause.is_verified else 'NOT VERIFIED '}{of_cause[cause.id][0]}: "
            f"{cause.statement.says}"[:220]
            for cause in account.causes
        ],
    }


def _some(account: Account) -> Iterator[Answered]:
    for steps in account.left.values():
        yield from steps[:10]


def summary(sets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of all sets of a size and half together: what the table of aims asks for."""
    found = sum(len(one["met"]) for one in sets)
    rows = sum(one["causes"] + one["left_buckets"] for one in sets)
    return {
        "switches": sum(len(one["switches"]) for one in sets),
        "found": found,
        "deep": sum(len(one["deep"]) for one in sets),
        "deep_found": sum(len({*one["deep"]} & {*one["met"]}) for one in sets),
        "verified": sum(one["verified"] for one in sets),
        "named": sum(len(one["named"]) for one in sets),
        "named_whole": sum(len(one["named_whole"]) for one in sets),
        "rows_each": round(rows / max(1, found), 2),
        "rows_with_two": sum(one["rows_with_two"] for one in sets),
        "false": sum(len(one["false"]) for one in sets),
    }


def _drawn(half: Sequence[Switch], size: int, options: argparse.Namespace) -> list[list[str]]:
    """The sets of a size: the same for a seed, whatever else is asked for."""
    names = [switch.name for switch in half]
    if size > len(names):
        return []
    return [
        random.Random(f"{options.seed} {size} {number}").sample(names, size)
        for number in range(options.sets)
    ]


def _measured(title: str, chosen: Sequence[Sequence[str]], options: argparse.Namespace) -> None:
    """Measures sets one after the other, then prints what they come to."""
    made = []
    for number, names in enumerate(chosen):
        with tempfile.TemporaryDirectory() as folder:
            made.append(measure(Path(folder), names, options.seed + number, options))
        print(f"--- {title}, set {number}")
        print(json.dumps(made[-1], indent=1), flush=True)
    if made:
        print(f"=== {title}: {json.dumps(summary(made))}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--causes", action="store_true")
    parser.add_argument(
        "--half", choices=[*HALVES, "both"], default="both",
        help="which switches to draw from; the second half was written without the search in view",
    )  # fmt: skip
    parser.add_argument(
        "--switches", metavar="NAMES", help="no drawing: one set, of these (with commas between)"
    )
    parser.add_argument(
        "--authority", metavar="SPEC", default="python", help="whose answers are authoritative"
    )
    parser.add_argument("--sizes", default="1,4,12")
    parser.add_argument("--sets", type=int, default=2, help="sets of each size")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--transitions", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0, help="processor time of the search")
    parser.add_argument(
        "--steps", type=int, help="budget of the search in steps, so that it is the same each time"
    )
    options = parser.parse_args()
    if options.authority.endswith(".py"):
        options.authority = str(Path(options.authority).resolve())
    if unknown := set((options.switches or "").split(",")) - set(SWITCHES) - {""}:
        parser.error(f"no such switch: {', '.join(sorted(unknown))}")
    return options


def main() -> None:
    options = _arguments()
    if options.switches:
        _measured("as asked for", [options.switches.split(",")], options)
        return
    for half in HALVES if options.half == "both" else [options.half]:
        for size in map(int, options.sizes.split(",")):
            chosen = _drawn(HALVES[half], size, options)
            _measured(f"{half} half, {size} switches", chosen, options)


if __name__ == "__main__":
    main()
