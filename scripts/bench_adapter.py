"""What the shadow adds to a call of the bot: the bare core against the adapter, in one run.

    scripts/bench-adapter [--calls 1000] [--rate 50] [--exe build/doge-core-exe] [--json]

For each kind of executable an adapter around our core, with shadow and recorder on, as a bot has
it; `bare` is the core itself, which names its parameters as bots do (`cfg`). The two take turns at
the same pace, one call each in an order that changes with every round, so that whatever else the
machine does hits both alike. A call is timed from outside: median, one in a hundred, and the ratios
of both; beside them is what the adapter's own status says. First at so many calls a second each,
then back to back, and last (`full`) with a shadow process that stands still and a queue that takes
no more, so that each call is dropped. The exit code is 1 where a median at the given rate is more
than 1.15 times the bare one, one in a hundred more than 1.3 times, the status of the healthy one
more than 10 % off (without what the clock itself takes), or an adapter lost count of its calls.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

from replay import core
from replay.shadow import ShadowOptions, wrap

ROOT = Path(__file__).resolve().parent.parent

GOAL = 1.15
GOAL_P99 = 1.3
GOAL_STATUS = 0.1
FULL_AT = 1000
HANGS = "#!/bin/sh\nexec sleep 1000\n"
CRASHES = "#!/bin/sh\nread line\nexit 3\n"


def main() -> int:
    options = arguments()
    bot = module()
    paced: dict[str, Any] = {}
    hurried: dict[str, Any] = {}
    counts: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-adapter-") as folder:
        for name, path in executables(Path(folder), options.exe).items():
            journal = Path(folder) / f"journal-{name}"
            adapter = wrap(
                bot, ShadowOptions(shadow=True, executable=path, timeout=1.0, journal=journal)
            )
            calls = {"bare": bot.transition, "shadowed": adapter.transition}
            paced[name] = figures(measure(calls, options.calls, 1.0 / options.rate))
            paced[name]["shadowed"] |= told(adapter)
            hurried[name] = figures(measure(calls, 4 * options.calls, 0.0))
            adapter.drain(60.0)
            counts[name] = adapter.get_shadow_metrics()["adapter"]
            adapter.close()
        paced["full"], counts["full"] = full(bot, options)
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
    good = all(
        one["shadowed"]["ratio"] <= GOAL and one["shadowed"]["p99_ratio"] <= GOAL_P99
        for one in paced.values()
    )
    healthy = paced["healthy"]["shadowed"]
    # What the clock itself takes is seen at the bare call, which both have timed.
    clock = paced["healthy"]["bare"]["median_us"] - healthy["status_bare_us"]
    good &= abs(healthy["status_us"] / (healthy["median_us"] - clock) - 1.0) <= GOAL_STATUS
    return 0 if good and all(adds_up(one) for one in report["counts"].values()) else 1


def module() -> ModuleType:
    """Our core as a bot has it."""
    made = ModuleType("state_machine")
    vars(made).update(vars(core), __name__="state_machine")

    def transition(
        state: Any, event: Any, cfg: Any, order_size_usd: Any, order_sizes: Any = None
    ) -> Any:
        return core.transition(state, event, cfg, order_size_usd, order_sizes)

    made.transition = transition  # type: ignore[attr-defined]
    return made


def told(adapter: Any) -> dict[str, float]:
    """The medians by the adapter's own status, in microseconds."""
    latency = adapter.get_shadow_metrics()["adapter"]["latency"]
    return {"status_us": 1e6 * latency["whole"]["p50"],
            "status_bare_us": 1e6 * latency["bare"]["p50"]}  # fmt: skip


def full(
    bot: ModuleType, options: argparse.Namespace
) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """The figures with a queue that takes no more: the shadow process stands still meanwhile."""
    adapter = wrap(
        bot, ShadowOptions(shadow=True, executable=options.exe, queue_limit=FULL_AT, timeout=60.0)
    )
    calls = {"bare": bot.transition, "shadowed": adapter.transition}
    measure(calls, 1, 0.0)
    adapter.drain(60.0)
    feeder = adapter.__shadow__._feeder
    assert feeder is not None
    assert feeder._connection is not None
    process = feeder._connection.pid
    os.kill(process, signal.SIGSTOP)
    try:
        until = time.monotonic() + 120.0
        while adapter.get_shadow_metrics()["adapter"]["dropped"] < 100:
            if time.monotonic() > until:
                raise SystemExit("bench-adapter: the queue does not fill")
            measure({"shadowed": adapter.transition}, 500, 0.0)
        found = figures(measure(calls, options.calls, 1.0 / options.rate))
    finally:
        os.kill(process, signal.SIGCONT)
    adapter.drain(60.0)
    counts = adapter.get_shadow_metrics()["adapter"]
    adapter.close()
    return found, counts


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


def p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100]


def figures(times: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    bare = median(times["bare"])
    return {
        name: {
            "median_us": 1e6 * median(one),
            "p99_us": 1e6 * p99(one),
            "max_us": 1e6 * max(one),
            "ratio": median(one) / bare,
            "p99_ratio": p99(one) / p99(times["bare"]),
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
        print(f"{title:22} {'bare':>22} {'with the shadow':>26}   ratio  p99    status")
        for name, row in rows.items():
            bare, shadowed = (
                f"{row[key]['median_us']:6.1f} us (p99 {row[key]['p99_us']:6.1f})"
                for key in ("bare", "shadowed")
            )
            print(
                f"  {name:20} {bare:>22} {shadowed:>26}   {row['shadowed']['ratio']:.3f}"
                f"  {row['shadowed']['p99_ratio']:.3f}"
                + (
                    f"  {row['shadowed']['status_us']:6.1f} us"
                    if "status_us" in row["shadowed"]
                    else ""
                )
            )
    for name, counts in report["counts"].items():
        print(f"  {name:20} " + ", ".join(f"{key} {value:,}" for key, value in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
