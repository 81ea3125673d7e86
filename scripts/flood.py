"""What a flood costs: an executable that is wrong at every step, against one that is not.

Each fault is built into an executable of its own, optimised as the real one. Both replay the same
journal through the command line, in turn and several times; printed is the median of what the
faulty one took by the clock and of processor time (both cores and the program), as a multiple of
what the sound one took in the same round, with the occurrences and the size of the database.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
STEPS = 100_000
JOURNALS = ("orders", "refreshes", "prices", "ticks")
MOST_TIME, MOST_BYTES = 1.3, 20_000_000


class Fault(NamedTuple):
    """What is wrong, where, and with which journal it shows at every step."""

    name: str
    module: str
    old: str
    new: str
    journal: str


_PRICES = (
    "Blocks",
    "  rounded <- arithmetic (rnd near (cfgPriceDecimals cfg))",
    "  rounded <- arithmetic (rnd near (cfgPriceDecimals cfg - 1))",
)
FAULTS = (
    Fault("the price of every order", *_PRICES, "orders"),
    # Far from what a bot does, and the dearest there is: which part of a price is wrong has to be
    # worked out anew for each.
    Fault("the same, an order at every step", *_PRICES, "refreshes"),
    Fault(
        "a field of every PriceTick",
        "Reducer",
        "stLastPriceUpdateAt = Just t}",
        "stLastPriceUpdateAt = Just (t + 0.25)}",
        "prices",
    ),
    Fault(
        "a field that ticks leave alone",
        "Reducer",
        "transition settings event = runReduce (rule event) settings",
        "transition settings event = runReduce (rule event >> modify "
        "(\\s -> s {stProfitPctRuntime = stProfitPctRuntime s + 1})) settings",
        "ticks",
    ),
    Fault(
        "an invariant",
        "Invariants",
        '["duplicate order local_id" | hasDuplicate (map oLocalId orders)]',
        '["duplicate order local_id" | not (hasDuplicate (map oLocalId orders))]',
        "ticks",
    ),
    Fault(
        "a refusal of every PriceTick",
        "Reducer",
        "  modify $ \\s -> s {stNow = t, stMarketPrice = price,",
        "  _ <- arithmetic (plusOne maxBound)\n"
        "  modify $ \\s -> s {stNow = t, stMarketPrice = price,",
        "prices",
    ),
)


class Run(NamedTuple):
    """What one run took, and what it found."""

    wall: float
    cpu: float
    occurrences: int
    buckets: int
    database: int


def measure_floods(exe: str, rounds: int) -> None:
    """Measures all kinds of floods and prints a line for each."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        journals = {name: write_journal(folder, name) for name in JOURNALS}
        faulty = {fault: build(fault) for fault in FAULTS}
        print(f"{'flood':32} {'clock':>6} {'cpu':>6} {'occurrences':>12} {'buckets':>8} database")
        for fault in FAULTS:
            pairs = [
                (run(folder, exe, journals[fault.journal]),
                 run(folder, faulty[fault], journals[fault.journal]))
                for _ in range(rounds)
            ]  # fmt: skip
            if any(clean.occurrences for clean, _ in pairs):
                sys.exit("bench: the cores differ, which makes the figures worthless")
            wall = statistics.median(flood.wall / clean.wall for clean, flood in pairs)
            cpu = statistics.median(flood.cpu / clean.cpu for clean, flood in pairs)
            last = pairs[-1][1]
            print(
                f"{fault.name:32} {wall:>6.2f} {cpu:>6.2f} {last.occurrences:>12,} "
                f"{last.buckets:>8} {last.database / 1e6:.2f} MB",
                flush=True,
            )
    print(f"wanted: at most {MOST_TIME} times the time, less than {MOST_BYTES / 1e6:.0f} MB")


def build(fault: Fault) -> str:
    """An executable with the fault; quick where it was built before."""
    folder = ROOT / "build" / ".flood" / fault.name.replace(" ", "-")
    shutil.rmtree(folder / "haskell", ignore_errors=True)
    shutil.copytree(ROOT / "haskell", folder / "haskell")
    module = folder / "haskell" / "src" / "DogeCore" / f"{fault.module}.hs"
    text = module.read_text("utf-8")
    if text.count(fault.old) != 1:
        sys.exit(f"bench: {fault.name}: found {text.count(fault.old)} times in {module.name}")
    module.write_text(text.replace(fault.old, fault.new), "utf-8")
    builder = ROOT / "scripts" / "build-core"
    subprocess.run(
        [builder, "--source", folder / "haskell", "--out", folder], check=True, capture_output=True
    )
    return str(folder / "doge-core-exe")


def run(folder: Path, exe: str, journal: Path) -> Run:
    """One run of the program from its start to its end."""
    database = folder / "flood.db"
    database.unlink(missing_ok=True)
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    options = ("--shadow", exe, "--db", database, "--json")
    done = subprocess.run(
        [sys.executable, "-m", "replay", "run", journal, *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(done.stdout)
    if report["transitions"] != STEPS:
        sys.exit(f"bench: {report['transitions']:,} of {STEPS:,} steps replayed")
    found = [*report["divergences"], *report["failed_steps"]]
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    occurrences = sum(line["occurrences"] for line in found)
    return Run(wall, cpu, occurrences, len(found), database.stat().st_size)


def write_journal(folder: Path, name: str) -> Path:
    """A journal of one slot: prices that hardly move, with timer ticks in between or not, or
    prices that make an entry be replaced each time, or at one step of fifty."""
    moves = {"refreshes": 2, "orders": 100}.get(name)
    entry = {"role": "entry", "volume": 25.0, "cycle": 1, "txid": "T"}
    start = {
        "state": {
            "market_price": 0.2,
            "now": 0.0,
            "orders": [
                {**entry, "local_id": 1, "side": "sell", "price": 0.2004, "trade_id": "A"},
                {**entry, "local_id": 2, "side": "buy", "price": 0.1996, "trade_id": "B"},
            ],
            "cycle_a": 1,
            "cycle_b": 1,
            "next_order_id": 3,
        },
        "config": {
            "refresh_pct": 1.0,
            "max_consecutive_refreshes": 1_000_000_000,
            "refresh_cooldown_sec": 0.0,
        },
        "order_size_usd": 5.0,
        "order_sizes": None,
    }
    path = folder / f"{name}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(STEPS):
            price = 0.2 + number % 7 * 1e-6
            if moves is not None:
                price += number // moves % 2 * 0.02
            payload = {"price": price, "timestamp": float(number)}
            kind = "PriceTick"
            if name == "ticks" and number % 2:
                kind, payload = "TimerTick", {"timestamp": float(number)}
            line = {
                "v": 1,
                "seq": number + 1,
                "ts": float(number),
                "slot": 0,
                "method": "transition",
                "event": {"type": kind, "payload": payload},
                **({} if number else start),
            }
            file.write(json.dumps(line) + "\n")
    return path
