"""The bot's order life: nothing at the exchange is forgotten, and all that can happen does."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paper_support import HOUR, START, hosted

import replay.core
from replay.errors import TargetError
from replay.paper.paper_slot import Slot
from replay.paper.status import ACTIONS, EVENTS, PHASES, happened


class Seen:
    """Our core, and what was asked of it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(replay.core, name)

    def transition(self, *arguments: Any) -> Any:
        answer = replay.core.transition(*arguments)
        self.calls.append(("transition", arguments, answer))
        return answer

    def check_invariants(self, *arguments: Any) -> Any:
        answer = replay.core.check_invariants(*arguments)
        self.calls.append(("check_invariants", arguments, answer))
        return answer

    def apply_order_regime_at_entry(self, *arguments: Any) -> Any:
        answer = replay.core.apply_order_regime_at_entry(*arguments)
        self.calls.append(("apply_order_regime_at_entry", arguments, answer))
        return answer


class Days:
    """48 hours of three slots on a synthetic market: what was asked of the core, and the modes that
    each slot went through, minute by minute."""

    def __init__(self, folder: Path) -> None:
        self.seen = Seen()
        self.modes: list[list[tuple[bool, bool, str]]] = [[], [], []]
        self.host = hosted(folder, until=48 * HOUR, seed=7, core=self.seen, on_minute=self._look)
        self.host.run(lambda: False)

    def _look(self, tick: int) -> None:
        for kept, slot in zip(self.modes, self.host.slots, strict=True):
            mode = slot.state.long_only, slot.state.short_only, slot.state.mode_source
            if not kept or kept[-1] != mode:
                kept.append(mode)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    made = Days(tmp_path_factory.mktemp("days"))
    yield made
    made.seen.calls.clear()


def test_two_days_exercise_all_events_actions_and_phases(days: Days) -> None:
    total = happened(days.host.slots)
    assert set(total["events"]) == set(EVENTS)
    for group, names in (("events", EVENTS), ("actions", ACTIONS), ("phases", PHASES)):
        for name in names:
            assert total[group][name] > 0, name
    besides = total["besides"]
    for what in (
        *("apply_order_regime_at_entry", "cancelled too late", "entries put back"),
        *("filled in part", "filled, but not known", "heard of late", "midnights"),
        *("one side: balance", "one side: regime", "both sides", "orders removed"),
        *("profit target tuned", "rebalanced", "recoveries evicted", "sent again"),
        *("refused: insufficient funds", "refused: service busy"),
    ):
        assert besides.get(what, 0) > 0, what


def test_two_days_change_settings_sizes_modes_and_ids_between_transitions(
    days: Days,
) -> None:
    seen = days.seen
    states = [call[1][0] for call in seen.calls if call[0] == "transition"]
    configs = {call[1][2] for call in seen.calls if call[0] == "transition"}
    sizes = {call[1][3] for call in seen.calls if call[0] == "transition"}
    maps = {tuple((call[1][4] or {}).items()) for call in seen.calls if call[0] == "transition"}
    assert len(configs) > 20
    assert any(config.sticky_mode_enabled for config in configs)
    assert any(config.s1_orphan_after_sec == float("inf") for config in configs)
    assert len(sizes) > 20
    assert len(maps) > 2
    modes = {(state.long_only, state.short_only, state.mode_source) for state in states}
    assert modes == {
        (False, False, "none"),
        (True, False, "regime"), (False, True, "regime"),
        (True, False, "balance"), (False, True, "balance"),
    }  # fmt: skip
    unbound = sum(1 for state in states for order in state.orders if not order.txid)
    assert unbound > 1000
    regimes = {
        order.regime_at_entry for state in states for order in state.orders if order.role == "entry"
    }
    assert regimes == {0, 1, 2}
    assert len({state.profit_pct_runtime for state in states}) > 3


def test_one_sided_modes_are_entered_and_left(days: Days) -> None:
    steps = {step for kept in days.modes for step in itertools.pairwise(kept)}
    both = (False, False, "none")
    for mode in (
        (True, False, "regime"), (False, True, "regime"),
        (True, False, "balance"), (False, True, "balance"),
    ):  # fmt: skip
        assert (both, mode) in steps
        assert (mode, both) in steps


def test_invariants_are_checked_behind_every_transition(days: Days) -> None:
    """And the states in between are what the transition gave, unchanged."""
    seen = days.seen
    after: Any = None
    counted: collections.Counter[str] = collections.Counter()
    for name, arguments, answer in seen.calls:
        counted[name] += 1
        if after is not None:
            assert name == "check_invariants"
            assert arguments[0] is after
        after = answer[0] if name == "transition" else None
    assert counted["check_invariants"] == counted["transition"] > 60_000
    assert counted["apply_order_regime_at_entry"] > 100


def assert_nothing_is_forgotten(slot: Slot) -> None:
    """Each order of the slot is at the exchange, under way, or a fill not yet told; and back."""
    resting = {order.txid: order for order in slot.account.orders}
    asked = {request.key for request in slot.requests}
    on_the_way = {request.txid for request in slot.requests if request.txid}
    told_later = {fill.txid for fill in slot.unheard if not fill.again}
    known = set()
    for order in (*slot.state.orders, *slot.state.recovery_orders):
        is_recovery = hasattr(order, "recovery_id")
        key = -order.recovery_id if is_recovery else order.local_id
        if not order.txid:
            assert key in asked, order
            continue
        known.add(order.txid)
        assert (order.txid in resting) != (order.txid in told_later), order
        if order.txid in resting:
            there = resting[order.txid]
            assert (there.side, there.price, there.volume) == (
                (order.side, order.price, order.volume)
            )
    assert resting.keys() <= known | on_the_way
    assert slot.account.free_usd > -1e-6
    assert slot.account.free_doge > -1e-6


@pytest.mark.parametrize("seed", [3, 4])
def test_nothing_at_the_exchange_is_ever_forgotten(tmp_path: Path, seed: int) -> None:
    seen = 0

    def look(tick: int) -> None:
        nonlocal seen
        seen += 1
        for slot in host.slots:
            assert_nothing_is_forgotten(slot)

    host = hosted(tmp_path, until=12 * HOUR, seed=seed, on_minute=look)
    host.run(lambda: False)
    assert seen == 12 * 60 - 1


def test_the_same_seed_gives_the_same_life_and_another_one_another(tmp_path: Path) -> None:
    ends = []
    for number, seed in enumerate((1, 1, 2)):
        (tmp_path / str(number)).mkdir()
        host = hosted(tmp_path / str(number), until=3 * HOUR, seed=seed)
        host.run(lambda: False)
        ends.append(host.slots)
    assert ends[0] == ends[1]
    assert ends[0] != ends[2]


def test_slots_live_their_own_lives(tmp_path: Path) -> None:
    """One is the same whether others are there or not."""
    together = hosted(tmp_path, until=3 * HOUR)
    alone = hosted(tmp_path, until=3 * HOUR, slots=[hosted(tmp_path, until=1).slots[1]])
    together.run(lambda: False)
    alone.run(lambda: False)
    assert alone.slots[0] == together.slots[1]
    assert len({slot.state for slot in together.slots}) == 3


def test_a_core_that_raises_ends_the_bot_with_one_line(tmp_path: Path) -> None:
    class Broken(Seen):
        def transition(self, *arguments: Any) -> Any:
            if arguments[1] == replay.core.TimerTick(START + 105.25):
                raise ArithmeticError("no\nmore")
            return super().transition(*arguments)

    host = hosted(tmp_path, until=HOUR, core=Broken())
    with pytest.raises(TargetError, match="slot 0 at tick 7: ArithmeticError"):
        host.run(lambda: False)
    assert host.slots[0].tick == 6
    assert (tmp_path / "snapshot_slot0.json").exists()
