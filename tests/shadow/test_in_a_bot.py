"""What bots do with the adapter: slots in tasks or not named at all, backtests, logs."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from shadow_bot import Bot, Journal, adds_up, wrong_executable

from replay import core
from replay.shadow import ShadowOptions, wrap
from replay.shadow.warnings_log import Warnings


def slots_of(folder: Path) -> dict[int, list[int]]:
    """The lines' numbers by slot."""
    slots: dict[int, list[int]] = {}
    for mark in Journal(folder).marks:
        assert isinstance(mark.slot, int)
        assert isinstance(mark.seq, int)
        slots.setdefault(mark.slot, []).append(mark.seq)
    return slots


def test_a_named_slot_survives_an_await(core_exe: str, tmp_path: Path) -> None:
    adapter = wrap(core, ShadowOptions(shadow=True, executable=core_exe, journal=tmp_path))

    async def live(number: int) -> int:
        bot = Bot(adapter, number)
        with adapter.slot(number):
            for _ in range(8):
                bot.step()
                await asyncio.sleep(0)
        return bot.calls

    async def all_slots() -> list[int]:
        return await asyncio.gather(*(live(number) for number in range(1, 5)))

    calls = asyncio.run(all_slots())
    assert adapter.drain(60)
    adapter.close()
    expected = {number: list(range(1, made + 1)) for number, made in enumerate(calls, 1)}
    assert slots_of(tmp_path) == expected


@pytest.mark.parametrize("is_named", [True, False])
def test_six_slots_are_six_chains_whether_they_are_named_or_not(
    core_exe: str, tmp_path: Path, is_named: bool
) -> None:
    adapter = wrap(core, ShadowOptions(shadow=True, executable=core_exe, journal=tmp_path))
    bots = [Bot(adapter, seed) for seed in range(6)]
    for number, bot in enumerate(bots):
        bot.state = core.PairState(0.2 + number / 100, 1.0 + number)
    for _ in range(15):
        for number, bot in enumerate(bots):
            if is_named:
                with adapter.slot(number):
                    bot.step()
            else:
                bot.step()
    assert adapter.drain(60)
    metrics: dict[str, Any] = adapter.get_shadow_metrics()
    adapter.close()
    assert metrics["total_divergences"] == metrics["shadow_failures"] == 0
    chains = sorted(map(len, slots_of(tmp_path).values()))
    assert chains == sorted(bot.calls for bot in bots)


def independent_steps(folder: Path, core_exe: str) -> dict[str, int]:
    """What a run over a journal counts as independent, by event."""
    (journal,) = folder.iterdir()
    command = ["run", str(journal), "--shadow", core_exe, "--db", str(folder / "a.db"), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "replay", *command], capture_output=True, text=True, check=True
    )
    bounds = json.loads(done.stdout)["bounds"]
    return {bound["event"]: bound["independent"] for bound in bounds}


def test_slots_that_nobody_names_cost_neither_bounds_nor_journal(
    core_exe: str, tmp_path: Path
) -> None:
    sizes: dict[bool, int] = {}
    counts: dict[bool, dict[str, int]] = {}
    for is_named in (True, False):
        folder = tmp_path / str(is_named)
        adapter = wrap(core, ShadowOptions(shadow=True, executable=core_exe, journal=folder))
        bots = [Bot(adapter, seed, price=0.2 + seed / 100) for seed in range(6)]
        for _ in range(60):
            for number, bot in enumerate(bots):
                with adapter.slot(number) if is_named else nullcontext():
                    bot.step()
        assert adapter.drain(60)
        adapter.close()
        (journal,) = folder.iterdir()
        sizes[is_named] = journal.stat().st_size
        counts[is_named] = independent_steps(folder, core_exe)
    assert "FillEvent" in counts[True]
    assert counts[False].keys() == counts[True].keys()
    for event, independent in counts[True].items():
        assert counts[False][event] == pytest.approx(independent, rel=0.05), event
    assert sizes[False] <= 1.3 * sizes[True]


def test_a_backtest_that_waits_drops_nothing(core_exe: str) -> None:
    options = ShadowOptions(shadow=True, executable=core_exe, queue_limit=50, wait=True)
    adapter = wrap(core, options)
    bot = Bot(adapter)
    bot.run(150)
    assert adapter.drain(60)
    metrics: dict[str, Any] = adapter.get_shadow_metrics()
    adapter.close()
    assert adds_up(metrics)
    assert metrics["adapter"]["dropped"] == 0
    assert metrics["adapter"]["compared"] == bot.calls


def test_divergences_are_logged_at_once_and_then_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    exe = wrong_executable(tmp_path, "ticks")
    adapter = wrap(core, ShadowOptions(shadow=True, executable=exe, timeout=60.0))
    with caplog.at_level(logging.WARNING, logger="replay.shadow"):
        bot = Bot(adapter)
        for second in range(20):
            bot.do(core.PriceTick(0.2, 100.0 + second))
        assert adapter.drain(60)
        adapter.close()
    told = [one for one in caplog.messages if "divergences" in one]
    assert 1 <= len(told) <= 2
    assert told[-1].startswith("20 divergences")
    assert "last: transition at PriceTick" in told[-1]


def test_an_executable_that_is_missing_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="replay.shadow"):
        adapter = wrap(core, ShadowOptions(shadow=True, executable=str(tmp_path / "missing")))
        Bot(adapter).run(10)
        assert adapter.drain(60)
        adapter.close()
    told = [one for one in caplog.messages if "without an answer" in one]
    assert 1 <= len(told) <= 2
    assert "there is no executable" in told[0]


def test_warnings_of_one_kind_are_not_repeated_but_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    warnings = Warnings(logging.getLogger("replay.shadow"))
    with caplog.at_level(logging.WARNING, logger="replay.shadow"):
        for count in range(1, 50):
            warnings.tell("losses", count, "a")
        warnings.tell("others", 1, "b")
        warnings.tell("losses", 50, "c", at_once=True)
        warnings.tell("losses", 50, "c", at_once=True)
    assert [one.split(",")[0] for one in caplog.messages] == ["1 losses", "1 others", "50 losses"]
    assert "49 more than said before; last: c" in caplog.messages[-1]
