"""The same slots as fast as they go: python backtest.py ROUNDS [JOBS] tries some settings, in so
many processes, and prints the hash of each outcome."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor

from engine import CFG, Slot, replace
from snapshots import state_hash

TRIED = (0.5, 0.6, 0.8)


def backtest(rounds, **changed):
    cfg = replace(CFG, **changed)
    slots = [Slot(number, cfg) for number in range(6)]
    for _ in range(rounds):
        for slot in slots:
            slot.round()
    return {slot.number: slot.state for slot in slots}


def one(job):
    rounds, profit = job
    return backtest(rounds, profit_pct=profit)


def sweep(rounds, jobs):
    todo = [(rounds, profit) for profit in TRIED]
    if jobs < 2:
        return [*map(one, todo)]
    with ProcessPoolExecutor(jobs) as pool:
        return [*pool.map(one, todo)]


if __name__ == "__main__":
    for states in sweep(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1):
        print(state_hash(states))
