"""What the shadow adds to a call of the bot: the bare core against the adapter, in one run.

    scripts/bench-adapter [--calls 1000] [--rate 50] [--exe build/doge-core-exe] [--json]

For each kind of executable an adapter around our core, with shadow and recorder on, as a bot has
it; `bare` is the core itself. The two take turns at the same pace, one call each in an order that
changes with every round, so that whatever else the machine does hits both alike. A call is timed
from outside: median, one in a hundred, and the ratio of the medians. First at so many calls a
second each, then back to back. The exit code is 1 where a median at the given rate is more than
1.15 times the bare one, or an adapter lost count of its calls.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from replay import core
from replay.shadow import ShadowOptions, wrap

ROOT = Path(__file__).resolve().parent.parent

GOAL = 1.15
HANGS = "#!/bin/sh\nexec sleep 1000\n"
CRASHES = "#!/bin/sh\nread line\nexit 3\n"


def main() -> int:
    options = arguments()
    paced: dict[str, Any] = {}
    hurried: dict[str, Any] = {}
    counts: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-adapter-") as folder:
        for name, path in executables(Path(folder), options.exe).items():
            journal = Path(folder) / f"journal-{name}"
            adapter = wrap(
                core, ShadowOptions(shadow=True, executable=path, timeout=1.0, journal=journal)
            )
            calls = {"bare": core.transition, "shadowed": adapter.transition}
            paced[name] = figures(measure(calls, options.calls, 1.0 / options.rate))
            hurried[name] = figures(measure(calls, 4 * options.calls, 0.0))
            adapter.drain(60.0)
            counts[name] = adapter.get_shadow_metrics()["adapter"]
            adapter.close()
    report = {
        "rate": options.rate,
        "paced": paced,
        "back_to_back": hurried,
        "counts": {
            name: {key: one[key] for key in ("offered", "compared", "dropped", "failed")}
            for name, one in counts.items()
        },
    }
    show(report, options)
    good = all(one["shadowed"]["ratio"] <= GOAL for one in paced.values())
    return 0 if good and all(adds_up(one) for one in report["counts"].values()) else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=1000, help="calls of each kind")
    parser.add_argument("--rate", type=float, default=50.0, help="calls a second")
    parser.add_argument(
        "--exe", default=os.environ.get("DOGE_CORE_EXE") or str(ROOT / "build" / "doge-core-exe")
    )
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def executables(folder: Path, exe: str) -> dict[str, str]:
    """A healthy one, and others."""
    for name, text in (("hanging", HANGS), ("crashing", CRASHES)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    others = {name: str(folder / name) for name in ("hanging", "crashing", "missing")}
    return {"healthy": exe, **others}


def measure(calls: dict[str, Any], count: int, pause: float) -> dict[str, list[float]]:
    """Seconds of each call. The price walks by some 0.2 % a step, so that orders are refreshed now
    and then, as in a real market."""
    config = core.EngineConfig()
    state, _, orders = core.bootstrap_orders(core.PairState(0.1, 1e9), config, 5.0)
    states = dict.fromkeys(calls, replace(state, orders=orders))
    times: dict[str, list[float]] = {name: [] for name in calls}
    chance = random.Random(1)
    price, now, order = 0.1, 1e9, list(calls)
    sizes = {"A": 5.0, "B": 5.0}
    for round_ in range(count + 20):
        now += 1.0
        price *= 1.0 + chance.gauss(0.0, 0.002)
        event: Any = core.PriceTick(price, now) if round_ % 2 else core.TimerTick(now)
        chance.shuffle(order)
        for name in order:
            if pause:
                time.sleep(pause / len(order))
            call, state = calls[name], states[name]
            began = time.perf_counter()
            answer = call(state, event, config, 5.0, sizes)
            ended = time.perf_counter()
            states[name] = answer[0]
            if round_ >= 20:  # the first ones start threads and processes
                times[name].append(ended - began)
    return times


def figures(times: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    bare = median(times["bare"])
    return {
        name: {
            "median_us": 1e6 * median(one),
            "p99_us": 1e6 * sorted(one)[len(one) * 99 // 100],
            "max_us": 1e6 * max(one),
            "ratio": median(one) / bare,
        }
        for name, one in times.items()
    }


def adds_up(counts: dict[str, int]) -> bool:
    """Whether all that was offered is accounted for."""
    return counts["compared"] + counts["dropped"] + counts["failed"] == counts["offered"]


def show(report: dict[str, Any], options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps(report, indent=1))
        return
    for title, rows in (
        (f"{options.rate:g} calls a second", report["paced"]),
        ("back to back", report["back_to_back"]),
    ):
        print(f"{title:22} {'bare':>22} {'with the shadow':>26}   ratio")
        for name, row in rows.items():
            bare, shadowed = (
                f"{row[key]['median_us']:6.1f} us (p99 {row[key]['p99_us']:6.1f})"
                for key in ("bare", "shadowed")
            )
            print(f"  {name:20} {bare:>22} {shadowed:>26}   {row['shadowed']['ratio']:.3f}")
    for name, counts in report["counts"].items():
        print(f"  {name:20} " + ", ".join(f"{key} {value:,}" for key, value in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
