"""The adapter in a bot's place: same names, same classes, same answers, and figures that add up."""

from __future__ import annotations

import importlib
import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from shadow_bot import ROOT, Bot, Journal, adds_up, shadow_pids, wait_for, wrong_executable

import replay.core
from replay import core
from replay.shadow import ShadowOptions, wrap

FIELDS = [
    "enabled", "executable_available", "transition_checks", "invariant_checks",
    "transition_divergences", "invariant_divergences", "total_divergences", "shadow_failures",
    "last_divergence_ts", "last_divergence_kind", "last_divergence_event", "last_shadow_error",
    "adapter",
]  # fmt: skip


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bot's own state machine: the same contract, with classes of its own."""
    checkout = tmp_path / "bot"
    shutil.copytree(Path(replay.core.__file__).parent, checkout / "bot_state_machine")
    monkeypatch.syspath_prepend(str(checkout))
    yield importlib.import_module("bot_state_machine")
    for name in [name for name in sys.modules if name.startswith("bot_state_machine")]:
        del sys.modules[name]


@pytest.fixture
def wrapped(core_exe: str, tmp_path: Path) -> Iterator[Any]:
    """Our core, shadowed by the real executable."""
    adapter = wrap(core, ShadowOptions(shadow=True, executable=core_exe, journal=tmp_path / "logs"))
    yield adapter
    adapter.close()


def test_a_bot_gets_the_answers_of_its_own_machine(core_exe: str, own_module: Any) -> None:
    adapter = wrap(own_module, ShadowOptions(shadow=True, executable=core_exe))
    try:
        alone, shadowed = Bot(own_module), Bot(adapter)
        alone.run(60)
        shadowed.run(60)
        assert shadowed.state == alone.state
        assert shadowed.answers == alone.answers
        assert type(shadowed.state) is own_module.PairState
        assert adapter.PairState is own_module.PairState
        assert adapter.drain(60)
        metrics = adapter.get_shadow_metrics()
        assert metrics["adapter"]["compared"] == shadowed.calls
        assert metrics["total_divergences"] == metrics["shadow_failures"] == 0
        assert adds_up(metrics)
    finally:
        adapter.close()


def test_the_metrics_have_the_fields_of_the_telemetry_in_order(wrapped: Any) -> None:
    bot = Bot(wrapped)
    bot.run(5)

    def is_timed() -> bool:
        bot.step()
        latency: dict[str, Any] = wrapped.get_shadow_metrics()["adapter"]["latency"]
        return bool(latency["whole"]["p50"] > latency["bare"]["p50"] > 0.0)

    wait_for(is_timed, "a time")
    assert wrapped.drain(60)
    metrics = wrapped.get_shadow_metrics()
    assert list(metrics) == FIELDS
    assert metrics["enabled"] is metrics["executable_available"] is True
    assert json.loads(json.dumps(metrics)) == metrics
    own = metrics["adapter"]
    assert own["backend"] == "python"
    assert own["recorder"]["lines"] == own["offered"]
    assert own["clock"]["speed"] == 1.0


def test_a_process_says_one_time_at_which_it_started_however_often_it_is_asked() -> None:
    """Also before its first call: two times are two processes for whoever reads the telemetry."""
    times = count(100.0, 300.0)
    adapter = wrap(core, ShadowOptions(shadow=False, clock=lambda: next(times)))
    asked = [adapter.get_shadow_metrics()["adapter"]["started"] for _ in range(3)]
    assert asked == [100.0] * 3


def test_set_to_nought_the_metrics_count_anew(wrapped: Any) -> None:
    bot = Bot(wrapped)
    bot.run(5)
    wrapped.reset_shadow_metrics()
    before = bot.calls
    bot.run(5)
    assert wrapped.drain(60)
    metrics = wrapped.get_shadow_metrics()
    assert adds_up(metrics)
    assert bot.calls - before <= metrics["adapter"]["offered"] <= bot.calls
    wrapped.reset_shadow_metrics()
    metrics = wrapped.get_shadow_metrics()
    assert metrics["transition_checks"] == metrics["adapter"]["offered"] == 0
    assert metrics["adapter"]["queue_max"] == 0


def test_inputs_are_left_as_they_were(wrapped: Any) -> None:
    state = core.PairState(0.2, 1.0)
    sizes = {"A": 2.0, "B": 3.0}
    before = core.to_dict(state)
    wrapped.transition(state, core.TimerTick(2.0), core.EngineConfig(), 2.0, sizes)
    assert wrapped.drain(60)
    assert core.to_dict(state) == before
    assert sizes == {"A": 2.0, "B": 3.0}


@dataclass
class Strange:
    """An event that no core knows."""

    height: float


def test_what_the_machine_raises_comes_through_and_is_agreed_on(
    wrapped: Any, tmp_path: Path, core_exe: str
) -> None:
    bot = Bot(wrapped)
    with pytest.raises(core.UnknownEventError):
        wrapped.transition(bot.state, Strange(2.0), bot.config, 5.0)
    with pytest.raises(OverflowError):
        wrapped.transition(bot.state, core.PriceTick(0.3, 5.0), bot.config, float("inf"))
    with pytest.raises(TypeError):
        wrapped.transition(bot.state)
    bot.run(3)
    assert wrapped.drain(60)
    metrics = wrapped.get_shadow_metrics()
    wrapped.close()
    assert adds_up(metrics)
    assert metrics["adapter"]["compared"] == bot.calls + 2
    assert metrics["total_divergences"] == metrics["shadow_failures"] == 0
    journal = Journal(tmp_path / "logs")
    assert journal.lines == bot.calls + 2
    assert not journal.rejected
    assert not journal.differing(core_exe)


def test_what_cannot_be_written_down_counts_as_failed(wrapped: Any, tmp_path: Path) -> None:
    bot = Bot(wrapped)
    bot.run(2)
    with pytest.raises(core.UnknownEventError):
        wrapped.transition(bot.state, object(), bot.config, 5.0)
    marked = replace(bot.state, mode_source="half a character: \ud800")
    wrapped.check_invariants(marked)
    bot.run(2)
    assert wrapped.drain(60)
    metrics = wrapped.get_shadow_metrics()
    wrapped.close()
    assert adds_up(metrics)
    assert 2 <= metrics["adapter"]["failed"] == metrics["shadow_failures"] < 12
    assert "cannot be written down" in metrics["last_shadow_error"]
    journal = Journal(tmp_path / "logs")
    assert journal.lines == metrics["adapter"]["compared"]
    assert not journal.rejected


def test_arguments_may_come_by_name_and_defaults_are_the_machines(wrapped: Any) -> None:
    bot = Bot(wrapped)
    tick = core.TimerTick(bot.now)
    by_name = wrapped.transition(event=tick, state=bot.state, order_size_usd=5.0, config=bot.config)
    assert by_name == core.transition(bot.state, tick, bot.config, 5.0)
    assert wrapped.drain(60)
    assert wrapped.get_shadow_metrics()["adapter"]["compared"] == 1


def test_a_machine_with_other_parameters_is_shadowed_too(core_exe: str) -> None:
    class Machine:
        """Names its parameters differently, takes more, and answers in lists."""

        def __getattr__(self, name: str) -> Any:
            return getattr(core, name)

        @staticmethod
        def transition(st: Any, ev: Any, *, cfg: Any, usd: float, per_trade: Any = None) -> Any:
            state, actions = core.transition(st, ev, cfg, usd, per_trade)
            return state, list(actions)

        @staticmethod
        def check_invariants(st: Any, strict: bool = True) -> list[str]:
            return core.check_invariants(st)

        apply_order_regime_at_entry = staticmethod(core.apply_order_regime_at_entry)

    adapter = wrap(Machine(), ShadowOptions(shadow=True, executable=core_exe))
    try:
        bot = Bot(core)
        state = bot.state
        for second in range(20):
            state, actions = adapter.transition(
                state, ev=core.PriceTick(0.2 + second / 50, 10.0 + second), cfg=bot.config, usd=5.0
            )
            assert type(actions) is list
            actions.clear()  # the bot's own list, to do with as it likes
            adapter.check_invariants(state)
        assert adapter.drain(60)
        metrics = adapter.get_shadow_metrics()
        assert metrics["adapter"]["compared"] == 40
        assert metrics["total_divergences"] == metrics["shadow_failures"] == 0
    finally:
        adapter.close()


def test_slots_are_told_by_name_and_by_the_chain_of_states(core_exe: str, tmp_path: Path) -> None:
    options = ShadowOptions(shadow=True, executable=core_exe, journal=tmp_path)
    adapter = wrap(core, options)
    named = [Bot(adapter, seed) for seed in range(3)]
    for _ in range(10):
        for number, bot in enumerate(named):
            with adapter.slot(number):
                bot.step()
    # From here on nobody says; the states do.
    for _ in range(10):
        for bot in named:
            bot.step()
    assert adapter.drain(60)
    assert adapter.get_shadow_metrics()["total_divergences"] == 0
    adapter.close()
    journal = Journal(tmp_path)
    assert not journal.rejected
    calls = {number: bot.calls for number, bot in enumerate(named)}
    lines = {number: sum(mark.slot == number for mark in journal.marks) for number in calls}
    assert lines == calls
    assert not journal.differing(core_exe)


def test_several_threads_may_call_at_once(core_exe: str, tmp_path: Path) -> None:
    adapter = wrap(core, ShadowOptions(shadow=True, executable=core_exe, journal=tmp_path))
    bots = [Bot(adapter, seed) for seed in range(4)]

    def trade(number: int) -> None:
        with adapter.slot(number):
            bots[number].run(60)

    threads = [threading.Thread(target=trade, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert adapter.drain(60)
    metrics = adapter.get_shadow_metrics()
    assert metrics["adapter"]["compared"] == sum(bot.calls for bot in bots)
    assert metrics["total_divergences"] == 0
    assert adds_up(metrics)
    adapter.close()
    alone = Bot(core, 2)
    alone.run(60)
    assert bots[2].state == alone.state
    assert not Journal(tmp_path).rejected


def test_switched_off_nothing_is_started(core_exe: str, tmp_path: Path) -> None:
    adapter = wrap(core, ShadowOptions(shadow=False, executable=core_exe))
    threads = threading.active_count()
    Bot(adapter).run(5)
    assert threading.active_count() == threads
    assert not shadow_pids()
    metrics = adapter.get_shadow_metrics()
    assert metrics["enabled"] is False
    assert metrics["transition_checks"] == metrics["adapter"]["offered"] == 0
    assert metrics["adapter"]["recorder"] is None
    assert adapter.drain(1)
    adapter.close()


def test_without_a_shadow_calls_are_recorded_without_a_mark(tmp_path: Path) -> None:
    options = ShadowOptions(journal=tmp_path, record=True, executable="/no/such/executable")
    adapter = wrap(core, options)
    bot = Bot(adapter)
    bot.run(20)
    assert adapter.drain(60)
    metrics = adapter.get_shadow_metrics()
    adapter.close()
    assert metrics["enabled"] is False
    assert metrics["shadow_failures"] == metrics["adapter"]["offered"] == 0
    assert metrics["adapter"]["recorder"]["lines"] == bot.calls
    journal = Journal(tmp_path)
    assert journal.lines == bot.calls
    assert not journal.marks
    assert not journal.rejected


def test_closed_the_machine_goes_on_alone(wrapped: Any) -> None:
    bot = Bot(wrapped)
    bot.run(5)
    wrapped.close()
    before = wrapped.get_shadow_metrics()
    wrapped.close()
    assert not shadow_pids()
    bot.run(5)
    assert adds_up(before)
    assert wrapped.get_shadow_metrics()["adapter"]["offered"] == before["adapter"]["offered"]
    assert before["adapter"]["offered"] == before["adapter"]["compared"]


def test_a_forked_child_has_a_shadow_of_its_own(core_exe: str, tmp_path: Path) -> None:
    program = """
import os, sys
from replay import core
from replay.shadow import ShadowOptions, wrap
from pathlib import Path
adapter = wrap(core, ShadowOptions(shadow=True, executable=sys.argv[1], journal=Path(sys.argv[2])))
state, config = core.PairState(0.2, 1.0), core.EngineConfig()
for second in range(10):
    state, _ = adapter.transition(state, core.TimerTick(float(second)), config, 2.0)
child = os.fork()
for second in range(10 if child else 7):
    state, _ = adapter.transition(state, core.TimerTick(20.0 + second), config, 2.0)
assert adapter.drain(60)
metrics = adapter.get_shadow_metrics()
assert metrics["adapter"]["compared"] == (20 if child else 7), metrics
assert metrics["shadow_failures"] == 0, metrics
if child:
    _, status = os.waitpid(child, 0)
    assert status == 0, status
adapter.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, core_exe, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert Journal(tmp_path).lines == 27


def test_senseless_settings_are_told_and_never_stop_the_bot(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DOGE_CORE_BACKEND", "rust")
    monkeypatch.setenv("DOGE_CORE_SHADOW", "perhaps")
    monkeypatch.setenv("DOGE_CORE_TIMEOUT_SEC", "soon")
    adapter = wrap(core)
    with caplog.at_level(logging.WARNING, logger="replay.shadow"):
        Bot(adapter).run(2)
    assert adapter.get_shadow_metrics()["enabled"] is False
    assert adapter.options.timeout == 5.0
    said = " ".join(record.getMessage() for record in caplog.records)
    assert all(name in said for name in ("BACKEND", "SHADOW", "TIMEOUT_SEC"))


@pytest.mark.parametrize(
    ("text", "wanted"), [("1", True), ("true", True), (" YES ", True), ("on", True), ("0", False),
                         ("", False), ("off", False)]
)  # fmt: skip
def test_the_shadow_is_switched_as_the_runbook_has_it(text: str, wanted: bool) -> None:
    options = ShadowOptions.from_environment({"DOGE_CORE_SHADOW": text})
    assert options.shadow is wanted
    assert not options.warnings


def test_a_persistent_executable_and_one_for_each_request_say_the_same(tmp_path: Path) -> None:
    exe = wrong_executable(tmp_path, "fees")
    found: list[tuple[int, int]] = []
    for persistent in (True, False):
        adapter = wrap(core, ShadowOptions(shadow=True, executable=exe, timeout=30.0,
                                           persistent=persistent))  # fmt: skip
        bot = Bot(adapter)
        while not found or len(found) < 2:
            bot.step()
            if any(type(action).__name__ == "PlaceOrderAction"
                   and action.role == "exit" for actions in bot.answers for action in actions
                   if not isinstance(action, str)):  # fmt: skip
                break
        assert adapter.drain(90)
        metrics = adapter.get_shadow_metrics()
        adapter.close()
        assert adds_up(metrics)
        assert metrics["shadow_failures"] == 0, metrics["last_shadow_error"]
        found.append((metrics["transition_divergences"], metrics["invariant_divergences"]))
    assert found[0] == found[1]
    assert found[0][0] >= 1


def test_reports_come_without_being_asked_for(wrapped: Any) -> None:
    Bot(wrapped).run(3)
    wait_for(lambda: wrapped.get_shadow_metrics()["transition_checks"] > 0, "a report")
