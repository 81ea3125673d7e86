"""Formulas that are wrong for some values only, planted in a copy of the Python core.

Each is one change of a source text. Whether a profile finds it says whether the profile draws such
values: with figures like 0.5 and 1.0 alone, `p * 0.01` is as good as `p / 100`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count, islice
from typing import Any

from replay.differential.lockstep import Lockstep
from replay.explaining.editing.private_core import PrivateCore, SourceModule
from replay.fuzzing.expand import open_plan
from replay.fuzzing.generate import run_source
from replay.fuzzing.plan import Profile
from replay.fuzzing.plan_batches import VARIANTS
from replay.fuzzing.plans import plans
from replay.streams.model import Segment
from replay.targets.base import Reply
from replay.targets.known_helpers import HELPERS
from replay.targets.python.module import PythonTarget, locate_core, open_python_target

LIVE, EDGE, HOSTILE = Profile


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong formula: what it says in which module of `replay.core`, what stands there in its
    place, and the profiles that have to find it."""

    name: str
    module: str
    old: str
    new: str
    by: tuple[Profile, ...]


WRONG = (
    # --- Percents: a hundredth is no double, and each order of the same figures rounds its own way.
    Wrong("an entry's percent times 0.01", "entries",
          "(1 - (pct * mult) / 100.0)", "(1 - (pct * mult) * 0.01)", (EDGE,)),
    Wrong("a sell entry's percent times 0.01", "entries",
          "(1 + (pct * mult) / 100.0)", "(1 + (pct * mult) * 0.01)", (EDGE,)),
    Wrong("an entry's multiplier divided first", "entries",
          "(1 - (pct * mult) / 100.0)", "(1 - pct * (mult / 100.0))", (EDGE,)),
    Wrong("an entry's distance taken off", "entries",
          "market * (1 - (pct * mult) / 100.0)", "(market - market * ((pct * mult) / 100.0))",
          (EDGE,)),
    Wrong("a profit times 0.01", "entries", "profit / 100.0", "profit * 0.01", (EDGE,)),
    Wrong("an exit's least distance times 0.01", "entries",
          "e = config.entry_pct / 100.0", "e = config.entry_pct * 0.01", (EDGE,)),
    Wrong("a fee times 0.01", "orphaning",
          "(config.maker_fee_pct / 100.0)", "(config.maker_fee_pct * 0.01)", (LIVE, EDGE)),
    Wrong("a fee divided last", "orphaning",
          "(config.maker_fee_pct / 100.0)", "config.maker_fee_pct / 100.0", (LIVE, EDGE)),
    Wrong("a drift divided last", "reducer",
          "abs(order.price - market) / market * 100.0",
          "abs(order.price - market) * 100.0 / market", (EDGE,)),
    # --- Factors
    Wrong("a backoff that adds up", "entries",
          "1.0 + config.backoff_factor * beyond",
          "sum([1.0] + [config.backoff_factor] * beyond)", (EDGE,)),
    Wrong("a backoff factor in single", "entries",
          "1.0 + config.backoff_factor * beyond",
          "1.0 + __import__('struct').unpack('f', __import__('struct').pack("
          "'f', min(max(config.backoff_factor, -1e30), 1e30)))[0] * beyond", (EDGE,)),
    # --- Decimals and ties
    Wrong("prices scaled, rounded and divided back", "numbers",
          "    return round(x, digits)",
          "    if not (0 <= digits < 16 and abs(x) < 1e6):\n        return round(x, digits)\n"
          "    return round(x * 10**digits) / 10**digits", (LIVE, EDGE)),
    Wrong("the shortest text of a number rounded", "numbers",
          "    return round(x, digits)",
          "    if not (0 <= digits < 16 and abs(x) < 1e6):\n        return round(x, digits)\n"
          "    from decimal import Decimal\n"
          "    return float(Decimal(repr(x)).quantize(Decimal(1).scaleb(-digits)))",
          (LIVE, EDGE)),
    Wrong("decimal ties away from zero", "numbers",
          "    return round(x, digits)",
          "    if not (0 <= digits < 16 and abs(x) < 1e6):\n        return round(x, digits)\n"
          "    from decimal import ROUND_HALF_UP, Decimal\n"
          "    return float(Decimal(x).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))",
          (EDGE,)),
    Wrong("whole ties upwards", "numbers",
          "float(round(raw))", "float(__import__('math').floor(raw + 0.5))", (EDGE,)),
    Wrong("volumes whole whatever their decimals", "numbers",
          "if cfg.volume_decimals <= 0", "if cfg.volume_decimals <= 8", (LIVE, EDGE)),
    Wrong("volumes with six decimals at most", "numbers",
          "rnd(raw, cfg.volume_decimals)", "rnd(raw, min(cfg.volume_decimals, 6))", (LIVE, EDGE)),
    Wrong("volumes cut off", "numbers",
          "rnd(raw, cfg.volume_decimals)",
          "(raw * 10**cfg.volume_decimals // 1.0 / 10**cfg.volume_decimals)"
          " if cfg.volume_decimals < 9 else rnd(raw, cfg.volume_decimals)", (LIVE, EDGE)),
    Wrong("volume ties upwards", "numbers",
          "rnd(raw, cfg.volume_decimals)",
          "rnd(raw, cfg.volume_decimals) if cfg.volume_decimals > 8 or raw > 1e6 else "
          "float(__import__('decimal').Decimal(raw).quantize(__import__('decimal').Decimal(1)"
          ".scaleb(-cfg.volume_decimals), 'ROUND_HALF_UP'))", (EDGE,)),
    # --- Thresholds
    Wrong("a least volume that is too little", "numbers",
          "volume < cfg.min_volume", "volume <= cfg.min_volume", (LIVE, EDGE)),
    Wrong("a cost that is just enough is too little", "numbers",
          "order_size_usd < cfg.min_cost_usd", "order_size_usd <= cfg.min_cost_usd", (EDGE,)),
    Wrong("drift at the limit refreshes", "reducer",
          "drift <= config.refresh_pct", "drift < config.refresh_pct", (EDGE,)),
    Wrong("a time-out reckoned from its end", "reducer",
          "age >= config.s1_orphan_after_sec",
          "state.now >= since + config.s1_orphan_after_sec", (EDGE,)),
    Wrong("an S2 time-out reckoned from its end", "reducer",
          "state.now - entered_at >= config.s2_orphan_after_sec",
          "state.now >= entered_at + config.s2_orphan_after_sec", (EDGE,)),
    Wrong("an infinite time-out is over at once", "reducer",
          "age >= config.s1_orphan_after_sec",
          "age >= min(config.s1_orphan_after_sec, 1e300) % 1e300", (LIVE, EDGE)),
    Wrong("an infinite S2 time-out is over at once", "reducer",
          ">= config.s2_orphan_after_sec", ">= min(config.s2_orphan_after_sec, 1e300) % 1e300",
          (LIVE, EDGE)),
    Wrong("no slots for recoveries means no limit", "orphaning",
          "cap = max(1, config.max_recovery_slots)",
          "cap = config.max_recovery_slots or 10**6", (LIVE, EDGE)),
    # --- Distances
    Wrong("the other exit of two equally far", "reducer",
          "buy_distance > sell_distance", "buy_distance >= sell_distance", (EDGE,)),
    Wrong("distances without the market", "reducer",
          "abs(buy.price - market) / market", "abs(1.0 - buy.price / market)", (EDGE,)),
    Wrong("distances in single", "orphaning",
          "abs(recovery.price - market) / market",
          "float.fromhex((abs(recovery.price - market) / market).hex()[:9]"
          " + (abs(recovery.price - market) / market).hex()[15:])"
          " if 0.0 < abs(recovery.price - market) / market < 1e300 else 0.0", (EDGE,)),
    Wrong("ages ignored among equals", "orphaning",
          "    if recovery.orphaned_at != other_recovery.orphaned_at:\n"
          "        return recovery.orphaned_at < other_recovery.orphaned_at\n", "", (EDGE,)),
    # --- Reading
    Wrong("the regime 0 as a text is none", "codec", '"0": 0, ', "", (LIVE, EDGE, HOSTILE)),
    Wrong("the regime 2 as a text is none", "codec", ', "2": 2', "", (LIVE, EDGE, HOSTILE)),
    Wrong("regimes in other letters are none", "codec",
          "value.strip().upper()", "value.strip()", (LIVE, EDGE, HOSTILE)),
    Wrong("regimes trimmed of ASCII spaces alone", "codec",
          "value.strip().upper()", "value.strip(' \\t\\n\\r').upper()", (EDGE, HOSTILE)),
    Wrong("regimes in any digits", "codec",
          "_REGIMES.get(value.strip().upper())",
          "_REGIMES.get(value.strip().upper(), int(value) if value.strip().isdecimal()"
          " and int(value) < 3 else None)", (EDGE, HOSTILE)),
    Wrong("regimes rounded", "codec", "        return int(value)\n    return None",
          "        return round(value) if round(value) < 3 else 2\n    return None",
          (EDGE, HOSTILE)),
    Wrong("texts of numbers are numbers", "codec",
          "    if isinstance(value, bool) or not isinstance(value, int | float):\n"
          '        raise _WrongValue(f"expected a number',
          "    if value == '+inf':\n        return float(value)\n"
          "    if isinstance(value, bool) or not isinstance(value, int | float):\n"
          '        raise _WrongValue(f"expected a number', (HOSTILE,)),
    Wrong("integers of more than 64 bits wrap", "codec",
          "    if not INT_MIN <= value <= INT_MAX:",
          "    if value > INT_MAX:\n        value = (value + 2**63) % 2**64 - 2**63\n"
          "    if not INT_MIN <= value <= INT_MAX:", (HOSTILE,)),
    Wrong("whole doubles of 2^63 saturate", "codec",
          "        value = int(value)\n",
          "        value = int(value) if value != 2.0**63 else INT_MAX\n", (HOSTILE,)),
    Wrong("integers beyond doubles are infinite", "codec",
          "        return float(value)\n    except OverflowError:",
          "        return float(value) if value < 10**308 * 2 else float('inf')\n"
          "    except OverflowError:", (HOSTILE,)),
    Wrong("sides in any case", "codec",
          "        return value\n\n    return read\n\n\ndef _nullable",
          "        return value\n\n    return lambda value: read("
          "value.lower() if value in ('BUY', 'Buy', 'SELL', 'Sell') else value)"
          "\n\n\ndef _nullable", (HOSTILE,)),
    Wrong("roles in any case", "codec",
          "        return value\n\n    return read\n\n\ndef _nullable",
          "        return value\n\n    return lambda value: read("
          "value.lower() if value in ('ENTRY', 'Entry', 'EXIT', 'Exit') else value)"
          "\n\n\ndef _nullable", (HOSTILE,)),
    Wrong("trades in any case", "codec",
          "        return value\n\n    return read\n\n\ndef _nullable",
          "        return value\n\n    return lambda value: read("
          "value.upper() if value in ('a', 'b') else value)"
          "\n\n\ndef _nullable", (HOSTILE,)),
    Wrong("sizes by keys in any case", "codec",
          '    document = _object(value, "order_sizes")\n',
          '    document = _object(value, "order_sizes")\n'
          "    document = {str(name).upper(): one for name, one in document.items()}\n",
          (EDGE, HOSTILE)),
    Wrong("sizes with unknown keys are refused", "codec",
          '    document = _object(value, "order_sizes")\n',
          '    document = _object(value, "order_sizes")\n'
          "    if set(document) - set('ABab'):\n"
          '        raise UnreadableError("order_sizes", "unknown")\n', (EDGE, HOSTILE)),
    Wrong("a size of the trade's own that is nothing is none", "entries",
          "trade_id in order_sizes:", "order_sizes.get(trade_id):", (EDGE,)),
)  # fmt: skip


class _Recording:
    """Streams of a profile with the core's own answers, made once for all wrong formulas and no
    further than one of them has to be followed. Of the streams of each plan only the first is
    taken. While one is made, this takes the place of a lockstep."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self.authority = open_python_target("python")
        self.lacking = dict.fromkeys(HELPERS, "only the reducer is asked")
        self._plans = enumerate(islice(plans(profile, seed), 0, None, VARIANTS))
        self._planned = 0
        self._segments: list[tuple[int, Segment, Reply]] = []

    def pass_on(self, segment: Segment, reply: Reply) -> Sequence[Any]:
        self._segments.append((self._planned, segment, reply))
        return ()

    def settle(self, limit: int | None = None) -> Sequence[Any]:
        return ()

    def refused_alone(self, key: int) -> int:
        return 0

    def until(self, transitions: int) -> Iterator[tuple[Segment, Reply]]:
        """The segments of so many planned transitions, and of the rest of the stream."""
        for place in count():
            while place == len(self._segments):
                if self._planned >= transitions:
                    return
                self._make_one_more()
            before, segment, reply = self._segments[place]
            if before >= transitions:
                return
            yield segment, reply

    def _make_one_more(self) -> None:
        number, plan = next(self._plans)
        start, source = open_plan(plan)
        made: Any = self
        run_source(made, number, start, source, "")
        self._planned += plan.steps


_recorded = cache(_Recording)


def wrong_core(wrong: Wrong) -> PythonTarget:
    """Our core with the wrong formula in it."""
    root, name = locate_core("python")
    kept: dict[str, SourceModule] = {}
    core = PrivateCore(root, name, kept, {}, ours=True)
    dotted = f"{name}.{wrong.module}"
    text = kept[dotted].text
    assert text.count(wrong.old) == 1, wrong.name
    changed = {dotted: kept[dotted].compiled(text.replace(wrong.old, wrong.new))}
    copy = core.copy(changed, tuple(core.modules))
    return PythonTarget(open_python_target("python").identity, copy.bindings)


def found_after(wrong: Wrong, profile: Profile, seed: int, transitions: int) -> int | None:
    """After how many transitions of a profile a wrong formula shows; None where it does not."""
    lockstep = Lockstep(open_python_target("python"), wrong_core(wrong))
    ran = 0
    for segment, reply in _recorded(profile, seed).until(transitions):
        ran += len(segment.steps)
        if [*lockstep.pass_on(segment, reply), *lockstep.settle()]:
            return ran
    return ran if lockstep.finish() else None
