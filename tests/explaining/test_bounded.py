"""Changed code is ended when its time is up, whatever it is doing then."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from replay.explaining.editing.bounded import OutOfTime, bounded


def loop() -> None:
    while True:
        pass


class Slow:
    """Takes its time to go, which is when nobody can catch what is raised."""

    def __del__(self) -> None:
        for _ in range(1_000):
            pass


def make_garbage() -> None:
    while True:
        Slow()
        for _ in range(1_000):
            pass


def fail_to_go() -> None:
    class Failing:
        def __del__(self) -> None:
            raise ValueError("its own")

    Failing()


@pytest.mark.parametrize("code", [loop, make_garbage], ids=lambda code: code.__name__)
def test_what_does_not_come_back_is_ended(code: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    hook = sys.unraisablehook
    for _ in range(20):
        with pytest.raises(OutOfTime):
            bounded(code, 0.02)
    assert told == []
    assert sys.unraisablehook is hook


def test_what_it_cannot_help_telling_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda one: told.append(one.exc_type))
    bounded(fail_to_go, 5.0)
    assert told == [ValueError]


def test_what_it_gives_or_raises_is_passed_on() -> None:
    assert bounded(lambda: 7, 5.0) == 7
    with pytest.raises(ZeroDivisionError):
        bounded(lambda: 1 // 0, 5.0)


def test_in_another_thread_it_is_ended_as_well() -> None:
    ended: list[type] = []

    def run() -> None:
        try:
            bounded(loop, 0.02)
        except OutOfTime:
            ended.append(OutOfTime)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert ended == [OutOfTime]
