"""What both cores must do alike where it is easiest to differ: rounding, and reading documents."""

from __future__ import annotations

import json
import math
import random
import struct
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from differential_makers import NOW, order, ours, state, two_entries

from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Verdict
from replay.streams.model import Document, Start, Step, Stream, segments_of
from replay.targets.base import Outcome, Target, Work, is_refusal
from replay.targets.executable.handshake import open_executable

RND = Path(__file__).parents[2] / "build" / "doge-core-rnd"
TICK = (1, NOW + 1.0)
INF, NAN = math.inf, math.nan

# --- Rounding ---------------------------------------------------------------------------------

BATCHES = 8
IN_BATCH = 250_000


def _values(batch: int) -> Iterator[tuple[float, int]]:
    """Doubles and digits: what prices look like, and what is hardest to round."""
    rng = random.Random(7_000 + batch)
    bits, randrange, uniform = rng.getrandbits, rng.randrange, rng.uniform
    digits = [*range(-3, 13), 15, 16, 17, 20, 22, 23]
    fifth = IN_BATCH // 5
    for _ in range(fifth):  # any bits at all
        (x,) = struct.unpack(">d", bits(64).to_bytes(8, "big"))
        yield x, randrange(-330, 340)
    for _ in range(fifth):  # around as many digits as the double has
        (x,) = struct.unpack(">d", bits(64).to_bytes(8, "big"))
        exponent = math.floor(math.log10(abs(x))) if x and math.isfinite(x) else 0
        yield x, 16 - exponent + randrange(-17, 3)
    for _ in range(fifth):  # prices on the decimal grid, and what the reducer makes of them
        price = round(uniform(0.0001, 2.0), randrange(2, 9))
        yield price * (1 - uniform(-0.05, 0.05)), randrange(2, 9)
    for _ in range(fifth // 2):  # ties, exact in binary, and their neighbours
        k = randrange(1, 20)
        x = (2 * randrange(1 << randrange(1, 33)) + 1) / 2**k
        x = rng.choice((x, -x, math.nextafter(x, INF), math.nextafter(x, 0.0)))
        yield x, rng.choice((k - 1, k - 1, k - 2, 0))
    for _ in range(fifth // 2):  # decimal ties that are none in binary
        d = randrange(0, 12)
        yield float(f"{randrange(10 ** randrange(1, 12))}5e-{d + 1}"), d
    for _ in range(fifth // 2):  # subnormals and huge ones
        (x,) = struct.unpack(">d", bits(52).to_bytes(8, "big"))
        yield rng.choice((x, -x)), randrange(300, 340)
    for _ in range(fifth // 4):
        yield (
            rng.choice((1e300, 1.7976931348623157e308, 9.5e307)) * uniform(-1, 1),
            -randrange(0, 312),
        )
    edges = [0.0, -0.0, INF, -INF, NAN, 5e-324, 1.5, 2.5, 0.12525 * 0.998, 1.7976931348623157e308]
    for _ in range(fifth // 4):
        far = rng.choice((-(2**62), -400, -309, -308, 308, 324, 400, 2**62, *digits))
        yield rng.choice(edges), far


def _rounded(x: float, digits: int) -> str:
    try:
        return struct.pack(">d", round(x, digits)).hex()
    except OverflowError:
        return "overflow"


def _same(mine: str, its: str) -> bool:
    if mine == its:
        return True
    if "overflow" in (mine, its):
        return False
    one, other = (struct.unpack(">d", bytes.fromhex(text))[0] for text in (mine, its))
    return bool(one != one and other != other)


def _differences(batch: int) -> list[tuple[float, int, str, str]]:
    values = list(_values(batch))
    lines = "".join(f"{struct.pack('>d', x).hex()} {digits}\n" for x, digits in values)
    done = subprocess.run([RND], input=lines, capture_output=True, text=True, check=True)
    answered = done.stdout.split()
    assert len(answered) == len(values) == IN_BATCH
    return [
        (x, digits, mine, its)
        for (x, digits), its in zip(values, answered, strict=True)
        if not _same(mine := _rounded(x, digits), its)
    ]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_both_cores_round_alike(batch: int) -> None:
    """Two million values in all. The program is built by `scripts/build-core --test`."""
    assert RND.is_file(), f"there is no {RND}; scripts/build-core --test makes it"
    assert _differences(batch)[:10] == []


# --- Reading, by all three ways to the executable ---------------------------------------------


@pytest.fixture(scope="module")
def executable(core_exe: str) -> Iterator[Target]:
    target = open_executable(core_exe)
    yield target
    target.close()


@pytest.fixture(scope="module")
def part_1(core_exe: str) -> Iterator[Target]:
    target = open_executable(core_exe, part1_only=True)
    yield target
    target.close()


def _answer(target: Target, start: Start, steps: list[Step]) -> list[Outcome]:
    target.submit(Work(1, start, steps, last=True))
    return target.collect().results  # type: ignore[return-value]


def _agree(executable: Target, part_1: Target, stream: Stream) -> list[Outcome]:
    """Runs a stream on our core and both ways on the executable; all must agree.

    What our core answers.
    """
    for shadow in (executable, part_1):
        lockstep = Lockstep(ours(), shadow)
        found = run_stream(lockstep, segments_of(stream, 0))
        assert [(f.signature, f.differences, f.shadow) for f in found] == []
        verdicts = lockstep.tally.verdicts
        assert verdicts[Verdict.AGREE] + verdicts[Verdict.BOTH_REFUSE] == len(stream.steps)
    outcomes = _answer(ours(), stream.start, list(stream.steps))
    answered = _answer(executable, stream.start, list(stream.steps))
    for mine, its in zip(outcomes, answered, strict=True):
        if is_refusal(mine):
            assert mine == its  # the kind and the path, which part 1 does not tell
    return outcomes


def one_step(document: Any, call: Any = TICK, config: Any = None, size: Any = 5.0) -> Stream:
    return Stream(Start(document, {} if config is None else config, size), (Step(call),))


@pytest.mark.parametrize("field", ["s1_orphan_after_sec", "s2_orphan_after_sec"])
@pytest.mark.parametrize("value", [INF, -INF, NAN])
def test_settings_that_are_not_finite_work(
    executable: Target, part_1: Target, field: str, value: float
) -> None:
    """The live bot passes infinity where it runs without recoveries."""
    exits = (order(3, "buy", "exit", 0.19), order(4, "sell", "exit", 0.21))
    for orders in (exits, exits[:1], exits[1:]):
        document = state(*orders, s2_entered_at=1.0 if len(orders) == 2 else None)
        stream = one_step(document, (1, 1e9), {field: value})
        assert not is_refusal(_agree(executable, part_1, stream)[0])


_NUMBERS = (
    *("entry_pct", "profit_pct", "refresh_pct", "min_volume", "min_cost_usd", "maker_fee_pct"),
    *("loss_cooldown_sec", "reentry_base_cooldown_sec", "backoff_factor"),
    *("backoff_max_multiplier", "refresh_cooldown_sec", "entry_pct_a", "entry_pct_b"),
)


@pytest.mark.parametrize("value", [INF, -INF, NAN, -0.0, 0, 5e-324, 1.7e308, -1.0])
def test_every_setting_of_any_value_is_taken_alike(
    executable: Target, part_1: Target, value: float
) -> None:
    document = two_entries(consecutive_losses_a=4, recovery_orders=[])
    calls = ((0, 0.3, NOW + 1.0), (2, 1, "X", "sell", 0.2, 25.0, 0.0, NOW + 2.0))
    for field in _NUMBERS:
        for call in calls:
            _agree(executable, part_1, one_step(document, call, {field: value}))


def test_minus_zero_is_zero_on_either_side(executable: Target, part_1: Target) -> None:
    document = two_entries(
        total_fees=-0.0, cooldown_until_a=-0.0, s2_entered_at=-0.0, profit_pct_runtime=-0.0
    )
    document["orders"][0]["placed_at"] = -0.0
    for call in ((0, -0.0, -0.0), (1, -0.0), (2, 1, "X", "sell", -0.0, -0.0, -0.0, -0.0)):
        _agree(executable, part_1, one_step(document, call))


def test_integers_for_doubles_and_doubles_for_integers_are_taken(
    executable: Target, part_1: Target
) -> None:
    document = state(
        order(1.0, "sell", "entry", 1, volume=25, placed_at=900, cycle=2.0),  # type: ignore[arg-type]
        order(2, "buy", "entry", 0.19),
        market_price=1,
        now=1000,
        cycle_a=3.0,
        total_round_trips=-0.0,
        total_fees=2**53 + 1,
        s2_entered_at=5,
    )
    document["next_order_id"] = 10.0
    config = {"price_decimals": 4.0, "loss_backoff_start": 2.0, "entry_pct": 1, "entry_pct_a": 2}
    for call in (TICK, (0, 2, 3), (2, 1.0, "X", "sell", 1, 25, 0, 5), (5, 1.0, 1.9)):
        (outcome,) = _agree(executable, part_1, one_step(document, call, config, 5))
        assert not is_refusal(outcome)


def test_an_old_state_with_hardly_a_field_is_read(executable: Target, part_1: Target) -> None:
    for document in (
        {},
        {"total_profit": 3.5},
        {"profit_pct": 2.5},
        {"profit_pct": 2.5, "profit_pct_runtime": 0.5},
        {"orders": [5, None, "x", [], True], "recovery_orders": [1], "completed_cycles": [2.5]},
        {"mode_source": " Regime\t", "unknown": {"deep": [1]}, "": None},
        {"mode_source": None},
        {"mode_source": 5},
        {"last_refresh_direction_a": "sideways"},
    ):
        (outcome,) = _agree(executable, part_1, one_step(document, (6,)))
        assert len(outcome[0]) == 60


@pytest.mark.parametrize(
    "regime",
    [0, 1, 2, 3, -1, 2.9, -0.5, -1.0, 1e300, INF, NAN, True, False, " bullish ", "Ranging",
     "BEARISH", "2", " 1 ", "3", "", "x", None, [], {}, 2**70, "\u0131", "\xa0ranging\u2003"],
)  # fmt: skip
def test_a_regime_is_normalised_alike(executable: Target, part_1: Target, regime: Any) -> None:
    document = two_entries()
    document["orders"][1]["regime_at_entry"] = regime
    for call in ((6,), (5, 1, regime)):
        (outcome,) = _agree(executable, part_1, one_step(document, call))
        assert not is_refusal(outcome)


RECOVERY = {
    "recovery_id": 1, "side": "buy", "price": 0.2, "volume": 25.0, "trade_id": "A", "cycle": 1,
    "entry_price": 0.2, "orphaned_at": 1.0,
}  # fmt: skip
CYCLE = {
    "trade_id": "A", "cycle": 1, "entry_price": 0.2, "exit_price": 0.1, "volume": 25.0,
    "gross_profit": 1.0, "fees": 0.5, "net_profit": 0.5,
}  # fmt: skip
_FULL_STATE = {
    "market_price": "d", "now": "d", "cycle_a": "i", "cycle_b": "i", "next_order_id": "i",
    "next_recovery_id": "i", "total_profit": "d", "total_settled_usd": "d", "total_fees": "d",
    "today_realized_loss": "d", "total_round_trips": "i", "s2_entered_at": "D",
    "last_price_update_at": "D", "consecutive_losses_a": "i", "consecutive_losses_b": "i",
    "cooldown_until_a": "d", "cooldown_until_b": "d", "long_only": "b", "short_only": "b",
    "consecutive_refreshes_a": "i", "consecutive_refreshes_b": "i",
    "last_refresh_direction_a": "T", "last_refresh_direction_b": "T",
    "refresh_cooldown_until_a": "d", "refresh_cooldown_until_b": "d", "profit_pct_runtime": "d",
    "profit_pct": "d",
}  # fmt: skip
_WRONG: dict[str, tuple[Any, ...]] = {
    "d": (True, "1", None, [], {}, 10**400, -(10**400)),
    "D": (True, "1", [], {}, 10**400),
    "i": (True, "1", None, [], 1.5, 2**63, -(2**63) - 1, 1e300, INF, NAN, 9.3e18),
    "b": (0, 1, "true", None, 1.0),
    "T": (5, True, [], {}),
    "t": (5, True, None, []),
}
_RECORDS: dict[str, dict[str, Any]] = {
    "orders": order(1, "sell", "entry"),
    "recovery_orders": RECOVERY,
    "completed_cycles": CYCLE,
}
_DEFAULTED: dict[str, dict[str, str]] = {
    "orders": {"txid": "t", "placed_at": "d", "entry_price": "d", "entry_fee": "d",
               "entry_filled_at": "d"},
    "recovery_orders": {"entry_fee": "d", "entry_filled_at": "d", "txid": "t", "reason": "t"},
    "completed_cycles": {"entry_fee": "d", "exit_fee": "d", "quote_fee": "d", "settled_usd": "d",
                         "entry_time": "d", "exit_time": "d", "from_recovery": "b"},
}  # fmt: skip
_NEEDED: dict[str, dict[str, str]] = {
    "orders": {"local_id": "i", "side": "X", "role": "X", "price": "d", "volume": "d",
               "trade_id": "X", "cycle": "i"},
    "recovery_orders": {"recovery_id": "i", "side": "X", "price": "d", "volume": "d",
                        "trade_id": "X", "cycle": "i", "entry_price": "d", "orphaned_at": "d"},
    "completed_cycles": {"trade_id": "X", "cycle": "i", "entry_price": "d", "exit_price": "d",
                         "volume": "d", "gross_profit": "d", "fees": "d", "net_profit": "d"},
}  # fmt: skip
_WRONG["X"] = ("", "Buy", " buy", "C", None, 5, True, [])


def _refused_states() -> Iterator[tuple[Any, str]]:
    """Every way in which a state is refused, and the path that is named."""
    documents: tuple[Document, ...] = (None, True, 5, 1.5, "state", [])
    for document in documents:
        yield document, "state"
    for name, kind in _FULL_STATE.items():
        for value in _WRONG[kind]:
            yield two_entries(**{name: value}), name
    for name, record in _RECORDS.items():
        for value in (None, True, 5, "x", {}):
            yield two_entries(**{name: value}), name
        for field in _NEEDED[name]:
            without = {key: value for key, value in record.items() if key != field}
            yield two_entries(**{name: [without]}), f"{name}[0].{field}"
        for field, kind in {**_NEEDED[name], **_DEFAULTED[name]}.items():
            for value in _WRONG[kind]:
                # The index is that of the list as it was sent, dropped entries included.
                wrong = [7, record, {**record, field: value}]
                yield two_entries(**{name: wrong}), f"{name}[2].{field}"
    yield {"orders": [{}], "market_price": None, "cycle_a": None}, "market_price"
    yield {"orders": [{"local_id": 1}], "cycle_a": None}, "orders[0].side"
    yield {"total_profit": "x"}, "total_profit"


REFUSED = list(_refused_states())


def test_every_refusal_of_reading_a_state_names_the_same_path(
    executable: Target, part_1: Target
) -> None:
    assert len(REFUSED) > 350
    steps = tuple(
        step
        for document, _ in REFUSED
        for step in (Step((6,), {"state": document}), Step(TICK, {"state": document}))
    )
    stream = Stream(Start(two_entries(), {}, 5.0), steps)
    outcomes = _agree(executable, part_1, stream)
    for place, (document, path) in enumerate(REFUSED):
        wanted = ["unreadable", path]
        assert outcomes[2 * place] == outcomes[2 * place + 1] == wanted, document


def test_every_refused_field_is_refused_in_a_patch_too(executable: Target, part_1: Target) -> None:
    patches = [
        ({name: document[name]}, path)
        for document, path in REFUSED
        if isinstance(document, dict)
        and "market_price" in document
        and (name := path.partition("[")[0].partition(".")[0]) in document
        and name != "profit_pct"
    ]
    assert len(patches) > 300
    steps = tuple(Step(TICK, {"patch": patch}) for patch, _ in patches)
    outcomes = _agree(executable, part_1, Stream(Start(two_entries(), {}, 5.0), steps))
    assert [outcome[1] for outcome in outcomes[: len(patches)]] == [path for _, path in patches]


def test_every_refused_setting_event_and_size_is_refused_alike(
    executable: Target, part_1: Target
) -> None:
    kinds = {
        "d": ("entry_pct", "min_volume", "s1_orphan_after_sec", "order_size_usd"),
        "D": ("entry_pct_a", "entry_pct_b"),
        "i": ("price_decimals", "loss_backoff_start", "max_recovery_slots"),
        "b": ("sticky_mode_enabled",),
    }
    steps: list[Step] = [
        Step(TICK, {"config": {name: value}})
        for kind, names in kinds.items()
        for name in names
        for value in _WRONG[kind]
    ]
    configs: tuple[Document, ...] = (None, 5, [], "x", True)
    steps += [Step(TICK, {"config": value}) for value in configs]
    steps += [Step(TICK, {"order_size_usd": value}) for value in _WRONG["d"]]
    steps += [Step(TICK, {"order_sizes": {"A": value}}) for value in _WRONG["d"]]
    steps += [Step(TICK, {"order_sizes": value}) for value in configs[1:]]
    wanted = {"timestamp": "d", "price": "d", "fee": "d", "volume": "d", "txid": "t", "side": "X"}
    fill: dict[str, Document] = {
        "order_local_id": 1, "txid": "X", "side": "buy", "price": 0.2, "volume": 25.0,
        "fee": 0.0, "timestamp": NOW,
    }  # fmt: skip
    for name, kind in {**wanted, "order_local_id": "i"}.items():
        steps += [Step({**fill, name: value}) for value in _WRONG[kind]]
    steps += [Step(event) for event in ({}, {"price": 1.0}, {"timestamp": None}, {"x": 1})]
    outcomes = _agree(executable, part_1, Stream(Start(two_entries(), {}, 5.0), tuple(steps)))
    assert all(map(is_refusal, outcomes))
    assert {outcome[0] for outcome in outcomes} == {"unreadable", "unknown_event"}


def test_a_number_that_arithmetic_cannot_go_on_with_is_refused_alike(
    executable: Target, part_1: Target
) -> None:
    fill = (2, 1, "X", "sell", 0.2, 25.0, 0.01, NOW)
    entry = two_entries()
    cases = [
        one_step(entry, (2, 2, "X", "buy", 1.7e308, 1.0, 0.0, NOW), {"price_decimals": -308}),
        one_step(two_entries(next_order_id=2**63 - 1), fill),
        one_step(entry, (0, 5e-320, NOW), {"price_decimals": 330, "min_volume": 0.0}),
        one_step(entry, (0, 0.3, NOW), {}, INF),
        one_step(entry, (0, 0.3, NOW), {}, NAN),
    ]
    for case in cases:
        assert _agree(executable, part_1, case)[0] == ["arithmetic", ""]


def _one_shot(core_exe: str, request: dict[str, Any]) -> int:
    """The exit code of a one-shot call, as the live bot makes it."""
    done = subprocess.run(
        [core_exe], input=json.dumps(request), capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        assert isinstance(json.loads(done.stdout), dict)
    else:
        assert done.stderr
    return done.returncode


def test_one_shot_refuses_what_our_core_refuses_and_takes_the_rest(core_exe: str) -> None:
    """Each refused state by itself, and states that are odd but right."""
    odd = [
        {},
        {"orders": [5]},
        {"mode_source": 7},
        two_entries(cycle_a=2.0, total_fees=INF, now=NAN, unknown=[{}]),
        two_entries(regime_at_entry=5, s2_entered_at=None),
    ]
    documents = [document for document, _ in REFUSED[:: max(1, len(REFUSED) // 120)]] + odd
    requests = [{"method": "check_invariants", "state": document} for document in documents]
    requests += [
        {"method": "transition", "state": document, "event": {"timestamp": NOW}, "config": {},
         "order_size_usd": 5.0, "order_sizes": None}
        for document in documents[-20:]
    ]  # fmt: skip
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda request: _one_shot(core_exe, request), requests))
    core = ours()
    for request, code in zip(requests, codes, strict=True):
        (outcome,) = _answer(core, Start(request["state"], {}, 5.0), [Step((6,))])
        assert (code != 0) == is_refusal(outcome), request
    assert codes.count(0) == 2 * len(odd)
