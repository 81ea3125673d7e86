"""Budgets are work that was done, ours and the cores', and never how busy the machine is."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from replay.differential import steadiness
from replay.differential.model import Signature
from replay.differential.steadiness import LEAST, ask_again
from replay.explaining.search import contest
from replay.explaining.search.contest import PATIENCE, Clock
from replay.streams.model import Start, Step, Stream
from replay.targets.pair import PairSpec

BUSY = "sum(range(10**7)); print(flush=True); input()"
MEASURES = """
import subprocess, sys
from replay.processor_time import processor_seconds
before = processor_seconds()
child = subprocess.Popen(
    [sys.executable, "-IS", "-c", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE
)
child.stdout.readline()
alive = processor_seconds() - before
child.communicate(b"\\n")
print(alive, processor_seconds() - before)
"""


def test_the_work_of_children_counts_while_they_live_and_once() -> None:
    """In a process of its own: this one may have children of other tests."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURES, BUSY], capture_output=True, text=True, check=True
    )
    alive, ended = map(float, done.stdout.split())
    assert alive > 0.05
    assert alive <= ended < 2 * alive + 0.5


def test_a_part_is_kept_whatever_was_spent_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    work = [0.0]
    monkeypatch.setattr(contest, "processor_seconds", lambda: work[0])
    clock = Clock(10.0, 0.0)
    work[0] = 30.0
    time.sleep(0.01)
    while not clock.beyond(1.0):
        sum(range(1000))
    clock.keep(0.85)
    assert clock.beyond(0.15)
    assert not clock.beyond(0.5)
    assert clock.spent >= 30.0
    assert "processor time" in clock.ran_out
    clock._began -= PATIENCE * 100.0
    assert clock.beyond(1.0)
    assert "on the clock" in clock.ran_out


def test_a_case_is_asked_again_by_work_and_a_few_times_at_least(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long it takes by the clock on the wall, and that it was less is told."""
    spent: Iterator[float] = iter(range(1000))
    monkeypatch.setattr(steadiness, "processor_seconds", lambda: float(next(spent)))
    case = Stream(Start({}, {}, 5.0, None), (Step((1, 1.0)),), "")
    signature = Signature("TimerTick", "", "state.now", "value")
    spec = PairSpec("python", "python")
    asked = ask_again(case, signature, spec.open, times=20, seconds=6.0)
    assert LEAST < asked.times < 20
    assert f"asked {asked.times} of 20 times" in asked.cut_short
    at_once = ask_again(case, signature, spec.open, times=20, seconds=0.0)
    assert at_once.times == LEAST
    assert at_once.always_agreed
