"""DOGE_CORE_BACKEND: the executable answers the bot, and Python takes over where it cannot."""

from __future__ import annotations

import logging
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from shadow_bot import PATIENCE, Bot, Journal, adds_up, script, wait_for, wrong_executable

from replay import core
from replay.shadow import Backend, ShadowOptions, wrap


def alone(steps: int, seed: int = 1) -> Bot:
    """What a bot does on Python."""
    bot = Bot(core, seed)
    bot.run(steps)
    return bot


@pytest.mark.parametrize("persistent", [True, False])
def test_the_executable_answers_in_the_machines_own_classes(
    core_exe: str, persistent: bool
) -> None:
    options = ShadowOptions(backend=Backend.HASKELL, executable=core_exe, persistent=persistent)
    adapter = wrap(core, options)
    bot = Bot(adapter)
    bot.run(15)
    metrics = adapter.get_shadow_metrics()
    adapter.close()
    twin = alone(15)
    assert bot.state == twin.state
    assert bot.answers == twin.answers
    assert type(bot.state) is core.PairState
    assert metrics["adapter"]["backend"] == "haskell"
    assert metrics["adapter"]["fallbacks"] == 0
    assert metrics["enabled"] is False


def test_it_is_really_the_executable_that_answers(tmp_path: Path) -> None:
    exe = wrong_executable(tmp_path, "ticks")
    adapter = wrap(core, ShadowOptions(backend=Backend.HASKELL, executable=exe, timeout=60.0))
    bot = Bot(adapter)
    bot.do(core.PriceTick(0.2, 77.0))
    adapter.close()
    assert bot.state.last_price_update_at == 0.5
    # Closed, Python answers.
    bot.do(core.PriceTick(0.2, 78.0))
    assert bot.state.last_price_update_at == 78.0


@pytest.mark.parametrize(
    "text",
    ["exec sleep 1000", "exit 3", "while read line; do echo nonsense; done",
     "while read line; do echo '{}'; done", "while read line; do echo '[1]'; done",
     """while read line; do echo '{"state": {"orders": 7}, "actions": [], "violations": 3}';done""",
     """while read line; do echo '{"state": {}, "actions": [7], "violations": 3}'; done"""],
)  # fmt: skip
def test_python_takes_over_on_any_failure(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    exe = script(tmp_path, "core", text)
    adapter = wrap(core, ShadowOptions(backend=Backend.HASKELL, executable=exe, timeout=0.3))
    with caplog.at_level(logging.WARNING, logger="replay.shadow"):
        bot = Bot(adapter)
        bot.run(10)
    metrics = adapter.get_shadow_metrics()
    adapter.close()
    assert bot.state == alone(10).state
    assert metrics["adapter"]["fallbacks"] == bot.calls
    # Said once, and not at every call.
    assert 1 <= len([r for r in caplog.records if "Python did" in r.getMessage()]) < 5


def test_a_missing_executable_is_asked_again_when_it_is_there(
    tmp_path: Path, core_exe: str
) -> None:
    exe = tmp_path / "core"
    adapter = wrap(core, ShadowOptions(backend=Backend.HASKELL, executable=str(exe)))
    bot = Bot(adapter)
    bot.run(3)
    assert adapter.get_shadow_metrics()["adapter"]["fallbacks"] == bot.calls
    shutil.copy2(core_exe, exe)

    def is_answered() -> bool:
        before = adapter.get_shadow_metrics()["adapter"]["fallbacks"]
        bot.step()
        return bool(adapter.get_shadow_metrics()["adapter"]["fallbacks"] == before)

    wait_for(is_answered, "an answer of the executable")
    adapter.close()


def test_what_both_refuse_is_no_fallback(core_exe: str, tmp_path: Path) -> None:
    adapter = wrap(core, ShadowOptions(backend=Backend.HASKELL, executable=core_exe))
    bot = Bot(adapter)
    with pytest.raises(OverflowError):
        adapter.transition(bot.state, core.PriceTick(0.3, 5.0), bot.config, float("inf"))
    assert adapter.get_shadow_metrics()["adapter"]["fallbacks"] == 0
    adapter.close()
    # What the executable alone refuses, Python answers.
    exe = wrong_executable(tmp_path, "refuses")
    adapter = wrap(core, ShadowOptions(backend=Backend.HASKELL, executable=exe, timeout=60.0))
    bot = Bot(adapter)
    fill = core.FillEvent(1, "T1", "buy", 0.2, 25.0, 0.01, 9.0)
    state, _ = adapter.transition(bot.state, fill, bot.config, 5.0)
    assert state == core.transition(bot.state, fill, bot.config, 5.0)[0]
    assert adapter.get_shadow_metrics()["adapter"]["fallbacks"] == 1
    adapter.close()


@pytest.mark.parametrize("shadow", [True, False])
@pytest.mark.parametrize("backend", list(Backend))
def test_the_executable_answers_only_where_it_is_named_and_nothing_is_shadowed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, backend: Backend, shadow: bool
) -> None:
    exe = wrong_executable(tmp_path, "ticks")
    adapter = wrap(
        core, ShadowOptions(backend=backend, shadow=shadow, executable=exe, timeout=60.0)
    )
    answering = "haskell" if backend is Backend.HASKELL and not shadow else "python"
    bot = Bot(adapter)
    with caplog.at_level(logging.WARNING, logger="replay.shadow"):
        assert adapter.get_shadow_metrics()["adapter"]["backend"] == answering
        for second in (77.0, 78.0):
            bot.do(core.PriceTick(0.2, second))
    assert adapter.get_shadow_metrics()["adapter"]["backend"] == answering
    adapter.close()
    assert (bot.state.last_price_update_at == 78.0) == (answering == "python")
    told = [one for one in caplog.messages if "PYTHON ANSWERS" in one]
    assert len(told) == (backend != answering)


def test_threads_that_come_and_go_share_the_executable(core_exe: str) -> None:
    adapter = wrap(core, ShadowOptions(backend=Backend.HASKELL, executable=core_exe))
    bots = [Bot(adapter, seed) for seed in range(4)]
    for _ in range(3):
        threads = [threading.Thread(target=bot.run, args=(4,)) for bot in bots]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    metrics = adapter.get_shadow_metrics()
    adapter.close()
    assert metrics["adapter"]["fallbacks"] == 0
    for seed, bot in enumerate(bots):
        assert bot.state == alone(12, seed).state


def test_with_the_shadow_on_python_is_what_is_compared_with(tmp_path: Path, core_exe: str) -> None:
    exe = wrong_executable(tmp_path, "ticks")
    options = ShadowOptions(backend=Backend.HASKELL, shadow=True, executable=exe, timeout=60.0,
                            journal=tmp_path / "logs")  # fmt: skip
    adapter = wrap(core, options)
    bot = Bot(adapter)
    for second in range(10):
        bot.do(core.PriceTick(0.2, 100.0 + second))
    assert adapter.drain(PATIENCE)
    metrics: dict[str, Any] = adapter.get_shadow_metrics()
    adapter.close()
    assert adds_up(metrics)
    assert metrics["transition_divergences"] == 10
    assert metrics["adapter"]["backend"] == "python"
    journal = Journal(tmp_path / "logs")
    assert journal.differing(exe) == journal.diverged
    assert len(journal.diverged) == 10
