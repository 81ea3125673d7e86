"""Faulty copies of the Python core, streams and states for the tests of the comparison."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import replay.core
from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Finding
from replay.fuzzing.expand import expand
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.model import Start, Step, Stream, segments_of
from replay.targets.base import Reply, Target, Work
from replay.targets.python.module import open_python_target

CORE = Path(replay.core.__file__).parent
NOW = 1000.0
CONFIG = {"s1_orphan_after_sec": 100.0, "s2_orphan_after_sec": 100.0}

# What to replace in which file of the core, by what the fault is.
FAULTS: dict[str, tuple[str, str, str]] = {
    "turned": ("reducer.py", "if drift <= config.refresh_pct:", "if drift < config.refresh_pct:"),
    "fee": ("booking.py", "quote_fee = closed.entry_fee", "quote_fee = fee"),
    "regime": ("reducer.py", "regime_at_entry=entry.regime_at_entry,", "regime_at_entry=None,"),
    "dropped": (
        "reducer.py",
        'actions.append(CancelOrderAction(order.local_id, order.txid, "stale_entry"))',
        "pass",
    ),
    "counter": ("booking.py", "increment(losses) if net < 0 else 0", "0"),
    "price": ("entries.py", "p = profit / 100.0", "p = profit / 90.0"),
    "clear": ("reducer.py", "return clear_s2_mark(state), (booked,)", "return state, (booked,)"),
    "time-out": ("reducer.py", "age >= config.s1_orphan_after_sec", "age > 1e99"),
}


def copy_of_core(directory: Path, file: str = "", old: str = "", new: str = "") -> str:
    """Copies the Python core, with one text replaced, and gives what opens the copy."""
    package = directory / "botcore"
    shutil.copytree(CORE, package, ignore=shutil.ignore_patterns("__pycache__"))
    if file:
        text = (package / file).read_text("utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        (package / file).write_text(text.replace(old, new), "utf-8")
    return str(package / "__init__.py")


def faulty(directory: Path, name: str) -> Target:
    """A Python core with one of FAULTS."""
    return open_python_target(copy_of_core(directory, *FAULTS[name]))


THREE_IN_A_ROW = """    global _SEEN
    _SEEN = (*_SEEN, type(event).__name__)[-3:]
    if _SEEN == ("TimerTick", "PriceTick", "TimerTick"):
        state = evolve(state, total_fees=state.total_fees + 1.0)
    if isinstance(event, TimerTick):"""


def remembering(directory: Path, remembers: str = THREE_IN_A_ROW) -> Target:
    """A core that goes wrong at a timer tick after a price tick after a timer tick, all three
    since it last read a state."""
    path = copy_of_core(directory, "reducer.py", "    if isinstance(event, TimerTick):", remembers)
    module = Path(path).with_name("reducer.py")
    module.write_text(module.read_text("utf-8") + "\n\n_SEEN = ()\n", "utf-8")
    codec = Path(path).with_name("codec.py")
    reading = '    document = dict(_object(data, "state"))\n'
    text = codec.read_text("utf-8")
    assert text.count(reading) == 1
    forget = "    from . import reducer\n\n    reducer._SEEN = ()\n"
    codec.write_text(text.replace(reading, forget + reading), "utf-8")
    return open_python_target(path)


def ours() -> Target:
    """Our own Python core."""
    return open_python_target("python")


def order(local_id: int, side: str, role: str, price: float = 0.2, **more: Any) -> dict[str, Any]:
    """An order document; A for what sells first."""
    trade = "A" if (side == "sell") == (role == "entry") else "B"
    document = {
        "local_id": local_id,
        "side": side,
        "role": role,
        "price": price,
        "volume": 25.0,
        "trade_id": trade,
        "cycle": 1,
        "txid": f"T{local_id}",
        "placed_at": 900.0,
    }
    if role == "exit":
        document |= {"entry_price": 0.2, "entry_fee": 0.01, "entry_filled_at": 900.0}
    return {**document, **more}


def state(*orders: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A state document at NOW and a price of 0.2."""
    return {
        "market_price": 0.2,
        "now": NOW,
        "orders": list(orders),
        "next_order_id": 10,
        "next_recovery_id": 10,
        **more,
    }


def two_entries(**more: Any) -> dict[str, Any]:
    """A slot in S0 as it usually is."""
    return state(order(1, "sell", "entry", 0.2004), order(2, "buy", "entry", 0.1996), **more)


def stream(*calls: Any, start: Any = None, config: Any = CONFIG, origin: str = "test") -> Stream:
    """A stream of calls (or steps) from a state of two entries, numbered as lines from 1."""
    document = two_entries() if start is None else start
    steps = [
        call if isinstance(call, Step) else Step(call, None, line)
        for line, call in enumerate(calls, 1)
    ]
    return Stream(Start(document, config, 5.0, None), tuple(steps), origin)


def trading() -> Stream:
    """Entries fill, exits fill with profit and loss, entries are refreshed, exits orphaned."""
    calls: list[Any] = []
    now = NOW
    for place, local_id in enumerate([1, 2, *range(10, 40)]):
        price = 0.2 * (1.0 + (0.04 if place % 6 == 5 else 0.01) * (place % 5 - 2))
        calls += [
            (0, price, now + 30.0),
            (2, local_id, "X", "buy", price, 25.0, 0.01 * (place + 1), now + 31.0),
            (1, now + 32.0),
        ]
        if place % 3 == 2:
            calls += [(1, now + 200.0), (1, now + 400.0)]
        if place % 4 == 3:
            calls.append((3, 10 + place // 4, "R", "buy", price, 25.0, 0.01, now + 401.0))
        now += 450.0
    return stream(*calls, config={**CONFIG, "refresh_pct": 2.5})


def marked() -> Stream:
    """A recovery fills while the S2 mark is set outside S2."""
    recovery = {
        "recovery_id": 5, "side": "buy", "price": 0.2, "volume": 25.0, "trade_id": "A",
        "cycle": 1, "entry_price": 0.2, "orphaned_at": 1.0,
    }  # fmt: skip
    start = two_entries(recovery_orders=[recovery], s2_entered_at=900.0)
    ticks = [(0, 0.2, NOW + place) for place in range(8)]
    fill = (3, 5, "X", "buy", 0.2, 25.0, 0.01, NOW + 10.0)
    return stream(*ticks, fill, (1, NOW + 11.0), start=start)


def generated(profile: Profile, seeds: Sequence[int]) -> list[Stream]:
    """Streams decided by their seeds alone."""
    return [expand(plan_of_seed(profile, seed), f"{profile} {seed}") for seed in seeds]


def findings(authority: Target, shadow: Target, *streams: Stream, size: int = 256) -> list[Finding]:
    """Everything that lockstep finds on streams, one after the other."""
    lockstep = Lockstep(authority, shadow)
    found: list[Finding] = []
    for key, one in enumerate(streams):
        found += run_stream(lockstep, segments_of(one, key, size))
    return found


def answers(target: Target, one: Stream) -> list[Any]:
    """What a core answers to a stream by itself."""
    target.submit(Work(1, one.start, one.steps, last=True))
    reply: Reply = target.collect()
    return reply.results
