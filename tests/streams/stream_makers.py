"""Journals and streams for the tests: a small bot over the Python core, and what it records."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from replay import core
from replay.streams.inputs import open_input
from replay.streams.model import Rejected, Segment, Start, Step, Stream

CONFIG = core.EngineConfig(entry_pct=0.1, profit_pct=0.5, maker_fee_pct=0.05)
BEGIN = 1_750_000_000.0
SLOT_SETTINGS = ("config", "order_size_usd", "order_sizes")


class Bot:
    """One slot of a bot: it fills orders that the price crosses, and gives them exchange ids."""

    def __init__(self, slot: int, seed: int = 1, full_every: int = 50) -> None:
        self.slot = slot
        self.random = random.Random(seed * 1000 + slot)
        self.full_every = full_every
        self.seq = 0
        self.price = 0.2
        self.now = BEGIN
        self.size = 5.0
        state = core.PairState(self.price, self.now, profit_pct_runtime=0.5)
        state, _, orders = core.bootstrap_orders(state, CONFIG, self.size)
        self.state = replace(state, orders=orders)
        self.known: core.PairState | None = None
        self.known_size: float | None = None
        self.txids = 0
        self.pending: list[core.Event] = []

    def restart(self) -> None:
        """What the recorder knows is lost, as in a new process."""
        self.seq = 0
        self.known = None

    def _event(self) -> core.Event:
        if self.pending:
            return self.pending.pop()
        self.now += 15.0
        self.price = round(self.price * (1 + self.random.uniform(-0.002, 0.002)), 6)
        self.pending.append(core.TimerTick(self.now))
        for order in self.state.orders:
            if (order.side == "buy") == (self.price <= order.price) and order.txid:
                fee = order.price * order.volume * 0.0005
                self.pending.append(
                    core.FillEvent(
                        order.local_id, order.txid, order.side, order.price, order.volume, fee,
                        self.now,
                    )
                )  # fmt: skip
        return core.PriceTick(self.price, self.now)

    def _patch(self) -> None:
        for order in self.state.orders:
            if not order.txid:
                self.txids += 1
                txid = f"S{self.slot}T{self.txids:06}"
                self.state = core.apply_order_txid(self.state, order.local_id, txid)
        if self.random.random() < 0.01:
            self.size = 6.0 if self.size == 5.0 else 5.0

    def step(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """One transition: its journal line, and the same as a plain request."""
        self._patch()
        event = self._event()
        self.seq += 1
        state = core.to_dict(self.state)
        config = core.config_to_dict(CONFIG)
        line: dict[str, Any] = {
            "v": 1, "seq": self.seq, "ts": self.now, "slot": self.slot, "method": "transition",
            "event": {"type": type(event).__name__, "payload": core.event_to_dict(event)},
        }  # fmt: skip
        settings = {"config": config, "order_size_usd": self.size, "order_sizes": None}
        if self.known is None or self.seq % self.full_every == 1:
            line |= {"state": state, **settings}
        else:
            before = core.to_dict(self.known)
            patch = {name: state[name] for name in state if state[name] != before[name]}
            if patch:
                line["patch"] = patch
            if self.known_size != self.size:
                line["order_size_usd"] = self.size
        request = {
            "method": "transition",
            "state": state,
            "event": core.event_to_dict(event),
            **settings,
        }
        self.state, _ = core.transition(self.state, event, CONFIG, self.size, None)
        self.known = self.state
        self.known_size = self.size
        return line, request


def journal(
    steps: int, slots: int = 2, seed: int = 1, full_every: int = 50
) -> list[dict[str, Any]]:
    """The lines of a journal: `steps` for each slot, one slot after the other."""
    bots = [Bot(slot, seed, full_every) for slot in range(slots)]
    return [bot.step()[0] for _ in range(steps) for bot in bots]


def requests(steps: int, slots: int = 2, seed: int = 1) -> list[dict[str, Any]]:
    """Plain requests: `steps` for each slot, one slot after the other."""
    bots = [Bot(slot, seed) for slot in range(slots)]
    return [bot.step()[1] for _ in range(steps) for bot in bots]


def as_bytes(lines: Iterable[Any]) -> bytes:
    """Lines of JSON; texts and bytes are taken as they are."""
    return b"".join(
        (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines
    )


def write(path: Path, lines: Iterable[Any]) -> Path:
    """Writes lines, compressed where the name says gz."""
    data = as_bytes(lines)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read(path: Path, **options: Any) -> tuple[list[Stream], list[Rejected]]:
    """The whole streams of a file in the order of their keys, and what was set aside."""
    return gather(open_input(path, **options))


def gather(items: Iterable[Segment | Rejected]) -> tuple[list[Stream], list[Rejected]]:
    """Whole streams and what was set aside. Checks the rules of segments on the way."""
    starts: dict[int, tuple[Start, str]] = {}
    steps: dict[int, list[Step]] = {}
    ended: set[int] = set()
    rejected: list[Rejected] = []
    for item in items:
        if isinstance(item, Rejected):
            rejected.append(item)
            continue
        assert item.key not in ended, "a segment after the last one of its stream"
        assert (item.start is None) == (item.key in starts), "a start that is missing or twice"
        if item.start is not None:
            starts[item.key] = (item.start, item.origin)
            steps[item.key] = []
        steps[item.key].extend(item.steps)
        if item.last:
            ended.add(item.key)
    assert ended == set(starts), "a stream that never ended"
    streams = [
        Stream(start, tuple(steps[key]), origin) for key, (start, origin) in sorted(starts.items())
    ]
    return streams, rejected


def states_of(stream: Stream) -> Iterator[dict[str, Any]]:
    """The state that the Python core has before each step, and the one after the last."""
    state = core.from_dict(stream.start.state)
    settings = {
        "config": stream.start.config,
        "order_size_usd": stream.start.order_size_usd,
        "order_sizes": stream.start.order_sizes,
    }
    for step in stream.steps:
        changes = step.changes or {}
        if "state" in changes:
            state = core.from_dict(changes["state"])
        if "patch" in changes:
            state = core.patch_state(state, changes["patch"])
        settings |= {name: changes[name] for name in SLOT_SETTINGS if name in changes}
        yield core.to_dict(state)
        if isinstance(step.call, tuple) and step.call[0] == 6:
            continue
        if isinstance(step.call, tuple) and step.call[0] == 5:
            state = core.apply_order_regime_at_entry(state, *step.call[1:])
            continue
        assert isinstance(step.call, tuple)
        kinds: Any = (core.PriceTick, core.TimerTick, core.FillEvent, core.RecoveryFillEvent,
                      core.RecoveryCancelEvent)  # fmt: skip
        state, _ = core.transition(
            state,
            kinds[step.call[0]](*step.call[1:]),
            core.config_from_dict(settings["config"]),
            core.order_size_from(settings["order_size_usd"]),
            core.order_sizes_from(settings["order_sizes"]),
        )
    yield core.to_dict(state)


def without_lines(stream: Stream) -> tuple[Start, list[tuple[Any, Any]]]:
    """What a stream says, without where it stood."""
    return stream.start, [(step.call, step.changes or None) for step in stream.steps]
