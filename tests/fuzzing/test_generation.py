"""Generated streams: what each profile claims, measured on many streams with fixed seeds."""

import math
from collections import Counter
from functools import cache, partial
from itertools import islice, pairwise
from typing import Any

import pytest

from replay.fuzzing.expand import LocalSession, expand, open_plan, outcomes_of, run_plan
from replay.fuzzing.features import features
from replay.fuzzing.plan import Plan, Profile
from replay.fuzzing.plans import plans
from replay.fuzzing.step_source import CompactState
from replay.streams.model import CHANGE_KEYS, EVENT_FIELDS, CallCode, Step, Stream
from replay.streams.packed import pack, unpack
from replay.targets.base import Outcome, RefusalKind, is_refusal

SEED = 2024


@cache
def runs(profile: Profile) -> list[tuple[Stream, list[Outcome]]]:
    """Made where a test asks for them first, and not by every process that only collects tests."""
    row = islice(plans(profile, SEED), 0, 80 * 6, 6)
    return [run_plan(plan, f"{profile}") for plan in row]


live, edge, hostile = (partial(runs, profile) for profile in Profile)


@pytest.mark.parametrize("profile", Profile)
def test_the_same_plan_gives_the_same_stream(profile: Profile) -> None:
    for plan in islice(plans(profile, 5), 0, 60, 6):
        assert pack(_plain(expand(plan))) == pack(_plain(expand(plan)))


@pytest.mark.parametrize("profile", [Profile.LIVE, Profile.EDGE])
def test_a_stream_does_not_depend_on_how_the_authority_shows_its_state(profile: Profile) -> None:
    """An executable's state is known by its deltas only; the stream must come out the same.

    Only where nothing is refused: what is set from outside at a refused step is in no delta yet.
    """
    compared = 0
    for plan in islice(plans(profile, 6), 0, 90, 6):
        shown, outcomes = _generate(plan, compactly=False)
        if not any(map(is_refusal, outcomes)):
            by_deltas, _ = _generate(plan, compactly=True)
            assert pack(_plain(by_deltas)) == pack(_plain(shown))
            compared += 1
    assert compared > 5


def _generate(plan: Plan, compactly: bool) -> tuple[Stream, list[Outcome]]:
    """The plan's stream where the first handful is made blindly, as it is without a state."""
    start, source = open_plan(plan)
    session = LocalSession(start)
    compact = CompactState()
    view: Any = None
    steps: list[Step] = []
    while handful := source.steps(view, 16):
        for outcome in session.run(handful):
            if not is_refusal(outcome):
                compact.apply(outcome[0])
        view = compact if compactly else session.state
        steps += handful
    return Stream(start, tuple(steps)), session.outcomes


@pytest.mark.parametrize("profile", Profile)
def test_a_stream_is_as_long_as_planned_or_a_few_steps_longer(profile: Profile) -> None:
    for plan in islice(plans(profile, 4), 0, 120, 6):
        assert plan.steps <= len(expand(plan).steps) < plan.steps + 24


@pytest.mark.parametrize("profile", Profile)
def test_every_step_can_be_put_on_the_wire(profile: Profile) -> None:
    """Codes with the right number of fields, known keys of changes, and values that pack."""
    for stream, _ in runs(profile):
        unpack(pack(list(stream.start)))
        for step in stream.steps:
            if isinstance(step.call, tuple):
                code = CallCode(step.call[0])
                expected = len(EVENT_FIELDS[code]) if code in EVENT_FIELDS else 7 - code.value
                if code is CallCode.APPLY_REGIME:
                    expected = 2
                elif code is CallCode.CHECK_INVARIANTS:
                    expected = 0
                assert len(step.call) == 1 + expected
            assert set(step.changes or {}) <= set(CHANGE_KEYS)
            unpack(pack([_plain_call(step), step.changes]))


@pytest.mark.parametrize("profile", Profile)
def test_the_core_never_fails_in_a_way_that_has_no_name(profile: Profile) -> None:
    kinds = {
        outcome[0] for _, outcomes in runs(profile) for outcome in outcomes if _refused(outcome)
    }
    assert kinds <= {RefusalKind.UNREADABLE, RefusalKind.UNKNOWN_EVENT, RefusalKind.ARITHMETIC}


# --- live -----------------------------------------------------------------------------------------


def test_live_streams_are_readable_and_never_refused() -> None:
    assert not any(_refused(outcome) for _, outcomes in live() for outcome in outcomes)


def test_live_fills_hit_orders_that_exist() -> None:
    hits = [
        bool({2, 3} & set(outcome[0][::2]))
        for stream, outcomes in live()
        for step, outcome in zip(stream.steps, outcomes, strict=True)
        if isinstance(step.call, tuple) and step.call[0] in (CallCode.FILL, CallCode.RECOVERY_FILL)
    ]
    assert len(hits) > 500
    assert sum(hits) / len(hits) > 0.95


def test_live_prices_are_on_the_exchanges_grid() -> None:
    for plan in islice(plans(Profile.LIVE, 12), 0, 60, 6):
        for step in expand(plan).steps:
            if isinstance(step.call, tuple) and step.call[0] == CallCode.PRICE_TICK:
                price = step.call[1]
                assert price == round(price, plan.grid)
                assert price > 0.0


def test_live_clocks_go_forward_by_seconds() -> None:
    """Only a fill may carry a time a hair later than the ticks that follow it."""
    for stream, _ in live():
        calls = [step.call for step in stream.steps if isinstance(step.call, tuple)]
        times = [call[-1] for call in calls if call[0] in (0, 1)]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert min(gaps) >= 0.0
        assert max(gaps) <= 60.0


def test_live_streams_are_mostly_pairs_of_ticks() -> None:
    calls = Counter(step.call[0] for stream, _ in live() for step in stream.steps)  # type: ignore[index]
    total = calls.total()
    assert 0.85 < (calls[0] + calls[1]) / total < 0.99
    assert all(calls[code] > 0 for code in range(6))


def test_live_states_keep_the_invariants_but_where_a_cooldown_leaves_an_entry_out() -> None:
    broken = Counter(text for _, outcomes in live() for outcome in outcomes for text in outcome[2])
    total = sum(len(outcomes) for _, outcomes in live())
    assert broken.total() / total < 0.25
    assert not any(text.startswith(("duplicate", "order", "exit", "cycle")) for text in broken)


def test_live_reaches_every_action_reason_and_phase_change_of_the_rules() -> None:
    reached = _reached(live())
    for wanted in (
        "FillEvent place exit entry_fill_exit",
        "FillEvent place entry cycle_complete",
        "PriceTick cancel stale_entry",
        "PriceTick place entry refresh_entry",
        "TimerTick orphan s1_timeout",
        "TimerTick orphan s2_timeout",
        "TimerTick place entry orphan_A",
        "TimerTick place entry orphan_B",
        "TimerTick cancel recovery_cap_evict_priority",
        "RecoveryFillEvent book recovery",
        "from outside: state",
        "from outside: order_sizes",
        "backoff entry A",
        "refresh cap A",
        *(f"phase {one}" for one in ("S0 > S1a", "S0 > S1b", "S1a > S2", "S1b > S2", "S1a > S0")),
        *(f"phase {one}" for one in ("S1b > S0", "S2 > S1a", "S2 > S1b")),
    ):
        assert wanted in reached


# --- edge -----------------------------------------------------------------------------------------


def test_edge_streams_are_readable() -> None:
    """Only what the reducer made itself can become unreadable: a counter beyond 64 bits."""
    refused = Counter(str(o[1]) for _, outcomes in edge() for o in outcomes if _refused(o))
    total = sum(len(outcomes) for _, outcomes in edge())
    assert refused.total() / total < 0.02
    assert set(refused) <= {"", "next_order_id", "next_recovery_id", "cycle_a", "cycle_b"}


def test_edge_meets_thresholds_to_the_last_bit() -> None:
    met: Counter[str] = Counter()
    for plan in islice(plans(Profile.EDGE, 31), 0, 360, 6):
        start, source = open_plan(plan)
        session = LocalSession(start)
        while handful := source.steps(session.state, 16):
            before = session.state
            config: Any = source.config  # type: ignore[attr-defined]
            for step in handful[:1]:
                _count_thresholds(met, before, config, step)
            session.run(handful)
    for wanted in ("refresh", "s1", "s2", "cooldown", "price of an order"):
        assert met[wanted] >= 3, (wanted, met)


def _count_thresholds(met: Counter[str], state: Any, config: dict[str, Any], step: Step) -> None:
    if state is None or not isinstance(step.call, tuple):
        return
    if step.call[0] == CallCode.PRICE_TICK:
        price = step.call[1]
        for order in state.orders:
            met["price of an order"] += order.price == price
            if order.role == "entry" and price > 0.0 and math.isfinite(price):
                drift = abs(order.price - price) / price * 100.0
                met["refresh"] += drift == config.get("refresh_pct", 1.0) != 0.0
    when = step.call[-1]
    if step.call[0] == CallCode.TIMER_TICK:
        for order in state.orders:
            age = when - (order.entry_filled_at or order.placed_at)
            met["s1"] += order.role == "exit" and age == config.get("s1_orphan_after_sec", 1350.0)
        if state.s2_entered_at is not None:
            open_for = when - state.s2_entered_at
            met["s2"] += open_for == config.get("s2_orphan_after_sec", 1800.0)
    if step.call[0] in (0, 1, 2):
        ends = {state.cooldown_until_a, state.cooldown_until_b, state.refresh_cooldown_until_a}
        met["cooldown"] += when in ends - {0.0}


def test_edge_has_doubled_ids_evictions_of_several_and_times_that_go_back() -> None:
    reached = _reached(edge())
    assert "violation duplicate order local_id" in reached
    assert {"evicted 2", "evicted 3"} <= reached
    assert "refused arithmetic" in reached
    backwards = sum(
        1
        for stream, _ in edge()
        for one, other in pairwise(stream.steps)
        if isinstance(one.call, tuple) and isinstance(other.call, tuple)
        if one.call[0] in (0, 1) and other.call[0] in (0, 1) and other.call[-1] < one.call[-1]
    )
    assert backwards > 100


def test_edge_breaks_every_invariant() -> None:
    assert len({one for one in _reached(edge()) if one.startswith("violation")}) >= 12


# --- hostile --------------------------------------------------------------------------------------


def test_hostile_documents_are_refused_and_taken_in_like_measure() -> None:
    odd = refused = 0
    for stream, outcomes in hostile():
        for step, outcome in zip(stream.steps, outcomes, strict=True):
            if step.changes is not None or not isinstance(step.call, tuple):
                odd += 1
                refused += _refused(outcome)
    assert 0.2 < refused / odd < 0.8


def test_hostile_refusals_are_of_every_kind_and_name_many_paths() -> None:
    reached = _reached(hostile())
    assert {"refused unreadable", "refused unknown_event", "refused arithmetic"} <= reached
    paths = {one.split()[2] for one in reached if one.startswith("refused unreadable ")}
    assert len(paths) > 80
    for wanted in (
        *("state", "orders[].local_id", "config", "event.price", "order_size_usd", "local_id"),
        *("order_sizes", "order_sizes.A", "config.sticky_mode_enabled"),
    ):
        assert wanted in paths


def test_hostile_damage_is_followed_by_ordinary_events_that_are_answered() -> None:
    answered = sum(
        1
        for stream, outcomes in hostile()
        for step, outcome in zip(stream.steps, outcomes, strict=True)
        if step.changes is None and isinstance(step.call, tuple) and not _refused(outcome)
    )
    assert answered / sum(len(outcomes) for _, outcomes in hostile()) > 0.3


# --- help -----------------------------------------------------------------------------------------


def _refused(outcome: Outcome) -> bool:
    return is_refusal(outcome)


def _reached(some: list[tuple[Stream, list[Outcome]]]) -> set[str]:
    found: set[str] = set()
    for stream, outcomes in some:
        found |= features(stream.start, stream.steps, outcomes)
    return found


def _plain_call(step: Step) -> Any:
    return list(step.call) if isinstance(step.call, tuple) else step.call


def _plain(stream: Stream) -> Any:
    return [list(stream.start), [[_plain_call(step), step.changes] for step in stream.steps]]


def test_replaying_a_generated_stream_gives_the_outcomes_it_was_made_with() -> None:
    for stream, outcomes in (*live()[:5], *edge()[:5], *hostile()[:5]):
        assert pack(outcomes_of(stream)) == pack(outcomes)
