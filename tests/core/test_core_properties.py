"""What holds for any state and event, drawn by Hypothesis from damaged and odd ones too."""

import copy
import math
from dataclasses import fields, is_dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.core import (
    BookCycleAction,
    CycleRecord,
    EngineConfig,
    Event,
    FillEvent,
    OrderState,
    PairState,
    PlaceOrderAction,
    PriceTick,
    RecoveryCancelEvent,
    RecoveryFillEvent,
    RecoveryOrder,
    TimerTick,
    UnreadableError,
    apply_order_regime_at_entry,
    check_invariants,
    config_from_dict,
    config_to_dict,
    event_from_dict,
    event_to_dict,
    from_dict,
    patch_state,
    to_dict,
    transition,
)
from replay.core.reducer import Outcome, Sizes

ARITHMETIC = (OverflowError, ValueError, ZeroDivisionError)

doubles = st.floats(allow_nan=False)
prices = st.sampled_from([0.0, 0.1, 0.125, 0.19, 0.2, 0.21, 0.25]) | st.floats(0.001, 2.0)
times = st.sampled_from([0.0, 500.0, 1000.0, 3000.0, 9e9]) | doubles
small = st.integers(1, 4)
ints = small | st.integers(-(2**63), 2**63 - 1)
sides = st.sampled_from(["buy", "sell"])
trades = st.sampled_from(["A", "B"])
texts = st.sampled_from(["", "TX"]) | st.text(max_size=5)
regimes = st.sampled_from([None, 0, 1, 2])

orders = st.builds(
    OrderState,
    local_id=small,
    side=sides,
    role=st.sampled_from(["entry", "exit"]),
    price=prices,
    volume=doubles,
    trade_id=trades,
    cycle=ints,
    txid=texts,
    placed_at=times,
    entry_price=prices,
    entry_fee=doubles,
    entry_filled_at=times,
    regime_at_entry=regimes,
)
recoveries = st.builds(
    RecoveryOrder,
    recovery_id=small,
    side=sides,
    price=prices,
    volume=doubles,
    trade_id=trades,
    cycle=ints,
    entry_price=prices,
    orphaned_at=times,
    entry_fee=doubles,
    entry_filled_at=times,
    txid=texts,
    reason=texts,
    regime_at_entry=regimes,
)
cycles = st.builds(
    CycleRecord,
    trade_id=trades,
    cycle=ints,
    entry_price=doubles,
    exit_price=doubles,
    volume=doubles,
    gross_profit=doubles,
    fees=doubles,
    net_profit=doubles,
    entry_time=doubles,
    from_recovery=st.booleans(),
    regime_at_entry=regimes,
)
states = st.builds(
    PairState,
    market_price=prices,
    now=times,
    orders=st.lists(orders, max_size=4).map(tuple),
    recovery_orders=st.lists(recoveries, max_size=4).map(tuple),
    completed_cycles=st.lists(cycles, max_size=2).map(tuple),
    cycle_a=ints,
    cycle_b=ints,
    next_order_id=ints,
    next_recovery_id=ints,
    total_profit=doubles,
    total_settled_usd=doubles,
    total_round_trips=ints,
    s2_entered_at=st.none() | times,
    consecutive_losses_a=ints,
    consecutive_losses_b=ints,
    cooldown_until_a=times,
    cooldown_until_b=times,
    long_only=st.booleans(),
    short_only=st.booleans(),
    mode_source=st.sampled_from(["none", "balance", "regime"]),
    consecutive_refreshes_a=ints,
    consecutive_refreshes_b=ints,
    last_refresh_direction_a=st.none() | st.sampled_from(["up", "down"]) | texts,
    last_refresh_direction_b=st.none() | st.sampled_from(["up", "down"]) | texts,
    refresh_cooldown_until_a=times,
    refresh_cooldown_until_b=times,
    profit_pct_runtime=st.sampled_from([0.0, 1.0]) | doubles,
)
configs = st.builds(
    EngineConfig,
    entry_pct=st.sampled_from([0.2, 1.0, 70.0]) | doubles,
    entry_pct_a=st.none() | doubles,
    entry_pct_b=st.none() | doubles,
    price_decimals=st.integers(-2, 8),
    volume_decimals=st.integers(-1, 3),
    min_volume=st.sampled_from([0.0, 13.0]),
    min_cost_usd=st.sampled_from([0.0, 5.0]),
    s1_orphan_after_sec=st.sampled_from([0.0, 1350.0, math.inf]),
    s2_orphan_after_sec=st.sampled_from([0.0, 1800.0, math.inf]),
    reentry_base_cooldown_sec=st.sampled_from([0.0, 60.0]),
    max_consecutive_refreshes=st.integers(-1, 4),
    max_recovery_slots=st.integers(-1, 4),
    sticky_mode_enabled=st.sampled_from([False, False, False, True]),
)
events = st.one_of(
    st.builds(PriceTick, price=prices, timestamp=times),
    st.builds(TimerTick, timestamp=times),
    st.builds(FillEvent, small, texts, sides, prices, doubles, doubles, times),
    st.builds(RecoveryFillEvent, small, texts, sides, prices, doubles, doubles, times),
    st.builds(RecoveryCancelEvent, small, texts, times),
)
sizes = st.sampled_from([0.0, 2.0, 5.0, 20.0])
size_maps = st.none() | st.dictionaries(trades, sizes)


def same(one: object, other: object) -> bool:
    """Equal, where NaN equals itself: what arithmetic made of infinities must compare, too."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)
        )
    return type(one) is type(other) and one == other


def attempt(
    state: PairState,
    event: Event,
    config: EngineConfig,
    size: float,
    size_map: Sizes,
) -> Outcome | None:
    """The outcome, or None where the arithmetic refuses."""
    try:
        return transition(state, event, config, size, size_map)
    except ARITHMETIC:
        return None


@given(states)
def test_reading_gives_back_what_was_written(state: PairState) -> None:
    assert same(from_dict(to_dict(state)), state)
    assert same(patch_state(PairState(0.0, 0.0), to_dict(state)), state)


@given(configs)
def test_a_config_comes_back(config: EngineConfig) -> None:
    assert config_from_dict(config_to_dict(config)) == config


@given(events)
def test_an_event_comes_back(event: Event) -> None:
    assert event_from_dict(event_to_dict(event)) == event


@settings(max_examples=300)
@given(states, events, configs, sizes, size_maps)
def test_a_transition_changes_none_of_its_inputs(
    state: PairState,
    event: Event,
    config: EngineConfig,
    size: float,
    size_map: Sizes,
) -> None:
    inputs = (state, event, config, size, size_map)
    before = copy.deepcopy(inputs)
    first = attempt(*inputs)
    assert inputs == before
    assert same(first, attempt(*inputs))


@settings(max_examples=300)
@given(states, events, configs, sizes, size_maps)
def test_a_transition_only_moves_forward(
    state: PairState,
    event: Event,
    config: EngineConfig,
    size: float,
    size_map: Sizes,
) -> None:
    """Ids never fall, the history only grows at its end, and the time is the event's."""
    outcome = attempt(state, event, config, size, size_map)
    if outcome is None:
        return
    after, actions = outcome
    assert after.now == event.timestamp
    assert after.next_order_id - state.next_order_id in (0, 1)
    assert after.next_recovery_id - state.next_recovery_id in (0, 1)
    known = len(state.completed_cycles)
    assert after.completed_cycles[:known] == state.completed_cycles
    booked = [a for a in actions if isinstance(a, BookCycleAction)]
    assert len(after.completed_cycles) - known == len(booked)
    assert after.total_round_trips - state.total_round_trips == len(booked)
    placed = [a for a in actions if isinstance(a, PlaceOrderAction)]
    assert after.next_order_id - state.next_order_id == len(placed)
    assert all(a.local_id == state.next_order_id for a in placed)


@settings(max_examples=300)
@given(states, events, configs, sizes, size_maps)
def test_a_next_state_can_be_written_and_read(
    state: PairState,
    event: Event,
    config: EngineConfig,
    size: float,
    size_map: Sizes,
) -> None:
    """Every field keeps its type and its 64 bits."""
    outcome = attempt(state, event, config, size, size_map)
    if outcome is not None:
        assert same(from_dict(to_dict(outcome[0])), outcome[0])
        assert all(isinstance(text, str) for text in check_invariants(outcome[0]))


@given(states, small, st.none() | st.floats() | st.text() | ints)
def test_a_regime_can_always_be_noted(state: PairState, local_id: int, regime: object) -> None:
    after = apply_order_regime_at_entry(state, local_id, regime)
    assert {o.regime_at_entry for o in after.orders if o.local_id == local_id} <= {None, 0, 1, 2}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([f.name for f in fields(OrderState)]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from([f.name for f in fields(PairState)]), json_values) | json_values
)
def test_reading_either_gives_a_state_or_names_a_path(document: object) -> None:
    try:
        state = from_dict(document)
    except UnreadableError as error:
        path = error.path
    else:
        path = "no error"
        assert same(from_dict(to_dict(state)), state)
    assert path


def test_a_transition_has_no_memory() -> None:
    """The same call gives the same answer whatever came between."""
    state = PairState(0.2, 0.0)
    first = transition(state, TimerTick(1.0), EngineConfig(), 5.0)
    with pytest.raises(ValueError, match="unknown"):
        transition(state, None, EngineConfig(), 5.0)  # type: ignore[arg-type]
    assert transition(state, TimerTick(1.0), EngineConfig(), 5.0) == first
