"""What differs live: counted once, marked in the journal, and found again on the same lines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from shadow_bot import ROOT, Bot, Journal, adds_up, wrong_executable

from replay import core
from replay.paper.trading_core import load_core
from replay.shadow import ShadowOptions, wrap


def traded(exe: str, logs: Path, steps: int = 120, slots: int = 2) -> dict[str, Any]:
    """The metrics behind some trading."""
    adapter = wrap(core, ShadowOptions(shadow=True, executable=exe, journal=logs, timeout=60.0))
    bots = [Bot(adapter, seed) for seed in range(slots)]
    for _ in range(steps):
        for number, bot in enumerate(bots):
            with adapter.slot(number):
                bot.step()
    assert adapter.drain(90)
    metrics = adapter.get_shadow_metrics()
    adapter.close()
    assert metrics["adapter"]["compared"] == sum(bot.calls for bot in bots)
    assert adds_up(metrics)
    return metrics


@pytest.mark.parametrize(
    ("fault", "event", "kind"),
    [
        ("fees", "FillEvent", "transition"),
        ("ticks", "PriceTick", "transition"),
        ("regime", "apply_order_regime_at_entry", "transition"),
        ("invariants", "", "invariant"),
    ],
)
def test_the_counters_the_marks_and_a_replay_tell_of_the_same_lines(
    tmp_path: Path, fault: str, event: str, kind: str
) -> None:
    exe = wrong_executable(tmp_path, fault)
    metrics = traded(exe, tmp_path / "logs")
    journal = Journal(tmp_path / "logs")
    assert not journal.rejected
    assert len(journal.diverged) == metrics["total_divergences"] > 3
    assert journal.differing(exe) == journal.diverged
    assert metrics[f"{kind}_divergences"] == metrics["total_divergences"]
    assert metrics["last_divergence_kind"] == kind
    if event:
        assert metrics["last_divergence_event"] == event
    diverged = [mark for mark in journal.marks if (mark.file, mark.line) in journal.diverged]
    times: list[Any] = [mark.ts for mark in diverged]
    last = max(times)
    assert metrics["last_divergence_ts"] == last


def test_violations_that_differ_behind_a_transition_are_of_the_invariants(tmp_path: Path) -> None:
    exe = wrong_executable(tmp_path, "invariants")
    metrics = traded(exe, tmp_path / "logs", steps=20)
    journal = Journal(tmp_path / "logs")
    calls: list[Any] = [
        step.call
        for file, segment in journal.segments
        for step in segment.steps
        if (file, step.line) in journal.diverged
    ]
    methods = {call[0] for call in calls}
    assert {1, 6} <= methods  # the timer tick, and the look at its state after it
    assert metrics["transition_divergences"] == 0


def test_a_refusal_is_a_failure_and_no_divergence(tmp_path: Path) -> None:
    exe = wrong_executable(tmp_path, "refuses")
    adapter = wrap(core, ShadowOptions(shadow=True, executable=exe, journal=tmp_path / "logs",
                                       timeout=60.0))  # fmt: skip
    bot = Bot(adapter)
    bot.run(80)
    assert adapter.drain(90)
    metrics = adapter.get_shadow_metrics()
    adapter.close()
    assert adds_up(metrics)
    assert metrics["total_divergences"] == 0
    assert metrics["shadow_failures"] == metrics["adapter"]["failed"] > 0
    assert "no fills here" in metrics["last_shadow_error"]
    journal = Journal(tmp_path / "logs")
    assert len(journal.failed) == metrics["shadow_failures"]
    assert not journal.diverged


def test_a_bot_whose_own_machine_is_wrong_differs_from_the_real_executable(
    tmp_path: Path, core_exe: str
) -> None:
    spec = str(ROOT / "examples" / "forgets_fees.py")
    adapter = wrap(
        load_core(spec), ShadowOptions(shadow=True, executable=core_exe, journal=tmp_path)
    )
    bots = [Bot(adapter, seed) for seed in range(3)]
    for _ in range(200):
        for number, bot in enumerate(bots):
            with adapter.slot(number):
                bot.step()
    assert adapter.drain(90)
    metrics = adapter.get_shadow_metrics()
    adapter.close()
    assert adds_up(metrics)
    assert metrics["adapter"]["compared"] == sum(bot.calls for bot in bots)
    assert metrics["last_divergence_event"] == "FillEvent"
    journal = Journal(tmp_path)
    assert not journal.rejected
    assert len(journal.diverged) == metrics["transition_divergences"] > 10
    assert journal.differing(core_exe, spec) == journal.diverged


def test_the_command_line_finds_as_many_in_the_journal(tmp_path: Path) -> None:
    # The same fault as a Python core, which a run is much quicker with.
    exe, same = wrong_executable(tmp_path, "fees"), ROOT / "examples" / "forgets_fees.py"
    metrics = traded(exe, tmp_path / "logs", steps=60, slots=1)
    done = subprocess.run(
        [sys.executable, "-m", "replay", "run", str(tmp_path / "logs"), "--shadow", str(same),
         "--db", str(tmp_path / "found.db"), "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert sum(one["occurrences"] for one in report["divergences"]) == metrics["total_divergences"]
