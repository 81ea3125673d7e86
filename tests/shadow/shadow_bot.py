"""A small bot for the tests of the shadow, executables that are wrong, and what came of it.

The bot trades like a real one: its price wanders, what the price crosses is filled, exchange ids
are patched in afterwards, regimes noted, invariants looked at. All of it through whatever offers
the names of a state machine.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from replay import core
from replay.differential.lockstep import Lockstep, Settled
from replay.streams.inputs import Hooks, InputReader, ShadowMark
from replay.streams.model import Rejected
from replay.targets.executable.handshake import open_executable
from replay.targets.python.module import open_python_target

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0
"""Seconds for anything that must happen in the end, however busy the machine is."""


class Bot:
    """One slot. `machine` is an adapter, a module, or a drop-in."""

    def __init__(self, machine: Any, seed: int = 1, config: Any = None, price: float = 0.2) -> None:
        self.machine = machine
        self.config = config or machine.EngineConfig(
            entry_pct=0.1, profit_pct=0.5, maker_fee_pct=0.05, s1_orphan_after_sec=float("inf")
        )
        self.random = random.Random(seed)
        self.sizes = {"A": 5.0, "B": 6.0}
        self.price, self.now = price, 1_750_000_000.0
        state, _, orders = machine.bootstrap_orders(
            machine.PairState(self.price, self.now, profit_pct_runtime=0.5), self.config, 5.0
        )
        self.state = replace(state, orders=orders)
        self.calls = 0
        self.answers: list[Any] = []

    def step(self) -> None:
        """One tick, and all that comes of it."""
        self.now += 15.0
        self.price = round(self.price * (1 + self.random.uniform(-0.004, 0.004)), 6)
        self.do(self.machine.PriceTick(self.price, self.now))
        for order in self.state.orders:
            is_hit = self.price <= order.price if order.side == "buy" else self.price >= order.price
            if is_hit and order.txid:
                fee = order.volume * order.price * 0.0005
                self.do(self.machine.FillEvent(order.local_id, order.txid, order.side, order.price,
                                               order.volume, fee, self.now))  # fmt: skip
        self.do(self.machine.TimerTick(self.now + 1.0))
        for order in self.state.orders:
            if not order.txid:
                txid = f"T{order.local_id}"
                self.state = self.machine.apply_order_txid(self.state, order.local_id, txid)
                regime = self.random.choice((0, "BULLISH", None))
                self.state = self.machine.apply_order_regime_at_entry(
                    self.state, order.local_id, regime
                )
                self.calls += 1
        self.answers.append(self.machine.check_invariants(self.state))
        self.calls += 1

    def do(self, event: Any) -> None:
        """One transition."""
        self.state, actions = self.machine.transition(
            self.state, event, self.config, 5.0, self.sizes
        )
        # A dictionary of the bot's own, which it goes on using.
        self.sizes["A"] = round(5.0 + self.random.random(), 2)
        self.answers.append(actions)
        self.calls += 1

    def run(self, steps: int) -> None:
        """Many ticks."""
        for _ in range(steps):
            self.step()


# --- Executables ------------------------------------------------------------------------------

WRONG = '''#!{python}
"""Our own core on the wire, part 1, with a fault."""
import json, os, sys, time
sys.path.insert(0, {root!r})
from dataclasses import replace
from replay import core

FAULT, FOLDER = {fault!r}, {folder!r}
open(os.path.join(FOLDER, f"pid-{{os.getpid()}}"), "w").close()

def transition(request):
    state = core.from_dict(request["state"])
    event = core.event_from_dict(request["event"])
    config = core.config_from_dict(request["config"])
    size = core.order_size_from(request["order_size_usd"])
    sizes = core.order_sizes_from(request["order_sizes"])
    after, actions = core.transition(state, event, config, size, sizes)
    if FAULT == "fees" and type(event).__name__ == "FillEvent":
        after = replace(after, total_fees=state.total_fees)
    if FAULT == "ticks" and type(event).__name__ == "PriceTick":
        after = replace(after, last_price_update_at=0.5)
    if FAULT == "refuses" and type(event).__name__ == "FillEvent":
        raise ValueError("no fills here")
    if FAULT == "crashes" and type(event).__name__ == "FillEvent":
        os._exit(9)
    return {{"state": core.to_dict(after), "actions": [core.action_to_dict(a) for a in actions]}}

def answer(request):
    method = request["method"]
    if FAULT == "slow":
        time.sleep(0.02)
    if method == "transition":
        return transition(request)
    if method == "check_invariants":
        found = core.check_invariants(core.from_dict(request["state"]))
        if FAULT == "invariants" and request["state"]["now"] % 60 == 11.0:
            found = [*found, "something is wrong"]
        return {{"violations": found}}
    if method == "apply_order_regime_at_entry":
        given = request["params"]
        regime = given["regime_at_entry"]
        if FAULT == "regime" and regime == "BULLISH":
            regime = 0
        state = core.from_dict(given["state"])
        state = core.apply_order_regime_at_entry(state, given["local_id"], regime)
        return {{"state": core.to_dict(state)}}
    raise ValueError("unknown method")

for line in sys.stdin:
    try:
        reply = answer(json.loads(line))
    except Exception as error:
        if "--server" not in sys.argv:
            sys.exit(f"failed: {{error}}")
        reply = {{"error": str(error)}}
    print(json.dumps(reply), flush=True)
    if "--server" not in sys.argv:
        break
'''


def wrong_executable(folder: Path, fault: str) -> str:
    """An executable that speaks part 1 with a fault; `` for none."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"core-{fault or 'right'}"
    path.write_text(
        WRONG.format(python=sys.executable, root=str(ROOT), fault=fault, folder=str(folder))
    )
    path.chmod(0o755)
    return str(path)


def script(folder: Path, name: str, text: str) -> str:
    """An executable of a few lines of shell."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


# --- What came of it --------------------------------------------------------------------------


class Journal:
    """What a directory of journals has, read as `doge-replay run` reads it."""

    def __init__(self, directory: Path) -> None:
        self.files = sorted(directory.glob("events_*.jsonl*"))
        self.marks: list[ShadowMark] = []
        self.rejected: list[Rejected] = []
        self.lines = 0
        self.segments = []
        reader = InputReader(hooks=Hooks(on_shadow=self.marks.append))
        for file in self.files:
            for item in reader.read(file):
                if isinstance(item, Rejected):
                    self.rejected.append(item)
                else:
                    self.lines += len(item.steps)
                    self.segments.append((str(file), item))

    @property
    def diverged(self) -> set[tuple[str, int]]:
        """The lines that are marked as divergences."""
        return {(m.file, m.line) for m in self.marks if m.agreed is False and not m.error}

    @property
    def failed(self) -> set[tuple[str, int]]:
        """The lines that are marked as failures."""
        return {(m.file, m.line) for m in self.marks if m.error}

    def differing(self, executable: str, authority_spec: str = "python") -> set[tuple[str, int]]:
        """The lines on which both cores differ when all is replayed now."""
        found: set[tuple[str, int]] = set()
        files = {segment.key: file for file, segment in self.segments}

        def settled(one: Settled) -> None:
            for place, bucket in one.different:
                if bucket.startswith("d-"):
                    found.add((files[one.segment.key], one.segment.steps[place].line))

        authority = open_python_target(authority_spec)
        shadow = open_executable(executable, timeout=30.0)
        try:
            lockstep = Lockstep(authority, shadow)
            lockstep.on_settled = settled
            for _, segment in self.segments:
                lockstep.feed(segment)
            lockstep.finish()
        finally:
            authority.close()
            shadow.close()
        return found

    def documents(self) -> Iterator[dict[str, Any]]:
        """The lines of the files that are not compressed."""
        for file in self.files:
            if file.suffix == ".jsonl":
                for line in file.read_text().splitlines():
                    yield json.loads(line)


def adds_up(metrics: dict[str, Any]) -> bool:
    """Whether all that was offered is accounted for, as formats.md and the gate have it."""
    own = metrics["adapter"]
    return bool(
        own["compared"] + own["dropped"] + own["failed"] == own["offered"]
        and metrics["transition_checks"] + metrics["invariant_checks"] == own["compared"]
        and metrics["total_divergences"]
        == metrics["transition_divergences"] + metrics["invariant_divergences"]
    )


def wait_for(condition: Callable[[], bool], what: str = "it") -> None:
    """Waits until something is so."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"{what} did not happen"
        time.sleep(0.01)


def shadow_pids(parent: int | None = None) -> list[int]:
    """The shadow processes of a process (this one)."""
    parent = parent or os.getpid()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes()
            except (OSError, ProcessLookupError):
                continue
            if (
                int(stat[1]) == parent
                and stat[0] != "Z"
                and b"replay.shadow.shadow_process" in command
            ):
                found.append(int(entry.name))
    return found


def counted(answers: list[Any]) -> Counter[str]:
    """How many answers of which classes."""
    return Counter(type(one).__name__ for answer in answers for one in answer)


__all__ = [name for name in dir() if not name.startswith("_")] + ["core"]
