"""Totals over any pattern of restarts and gaps, against what a simulated bot really counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telemetry_makers import BEGIN, TWO_DAYS, Bot, compact, stamp, write

from replay.gate.telemetry.samples import Counters, read_telemetry
from replay.gate.telemetry.timeline import Timeline, timeline_of

ACTIONS = st.lists(
    st.tuples(st.sampled_from(["run", "gap", "restart", "diverge", "fail"]), st.integers(1, 30)),
    min_size=1,
    max_size=15,
)


class Watched(Bot):
    """A bot of which everything it ever counted is known, with the time."""

    def __init__(self, *, adapter: bool) -> None:
        super().__init__(BEGIN, adapter=adapter)
        self.history: list[tuple[float, Counters]] = []

    def tick(self, minutes: int = 1) -> Bot:
        for _ in range(minutes):
            before = self.counters
            super().tick()
            self.history.append((self.now, self.counters.minus(before)))
        return self

    def act(self, action: str, number: int) -> None:
        if action == "run":
            self.run(number)
        elif action == "gap":
            self.tick(number)
        elif action == "restart":
            self.restart(float(number))
        else:
            before = self.counters
            self.diverge(times=number % 3) if action == "diverge" else self.fail(number % 3)
            self.history.append((self.now, self.counters.minus(before)))

    @property
    def counters(self) -> Counters:
        return Counters(*(self.block[name] for name in Counters._fields))

    def counted(self, begin: float = 0.0, end: float = float("inf")) -> Counters:
        """What was really counted in a time."""
        total = Counters()
        for at, counts in self.history:
            if begin <= at <= end:
                total = total.plus(counts)
        return total


def timeline(folder: Path, bot: Bot) -> Timeline:
    return timeline_of(read_telemetry([write(folder / "t.jsonl", compact(bot.documents))]).samples)


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(actions=ACTIONS, adapter=st.booleans())
def test_totals_are_never_too_high_and_lack_no_more_than_is_told(
    tmp_path: Path, actions: list[tuple[str, int]], adapter: bool
) -> None:
    bot = Watched(adapter=adapter)
    bot.run(5)
    for action, number in actions:
        bot.act(action, number)
    bot.run(1)
    seen = timeline(tmp_path, bot)
    really = bot.counted()
    assert really.covers(seen.totals)
    lacking = really.minus(seen.totals)
    told = Counters()
    for unseen in seen.unseen:
        told = told.plus(bot.counted(unseen.begin, unseen.end))
    for hidden in seen.may_hide:
        told = told.plus(hidden.at_most).plus(bot.counted(hidden.before.at, hidden.after.at))
    assert told.covers(lacking)
    if adapter:
        assert not seen.may_hide
        assert not seen.doubts
    stretches = sum(one.covered for one in seen.stretches)
    assert stretches <= seen.samples[-1].at - seen.samples[0].at + 60.0 * len(seen.stretches)


def test_what_a_process_had_counted_at_its_first_sample_is_part_of_the_total(
    tmp_path: Path,
) -> None:
    bot = Bot().diverge(times=2).tick(30).run(60)
    bot.restart().diverge().run(60)
    seen = timeline(tmp_path, bot)
    assert seen.totals.total_divergences == 3
    assert [(rise.counts.total_divergences, rise.is_first) for rise in seen.rises] == [
        (2, True),
        (1, True),
    ]
    assert seen.restarts == 1


def test_samples_a_minute_apart_cover_as_many_minutes(tmp_path: Path) -> None:
    stretch = timeline(tmp_path, Bot().run(TWO_DAYS)).longest
    assert stretch is not None
    assert (stretch.covered, stretch.missing) == (172_800.0, 0.0)


@pytest.mark.parametrize(("missed", "lost"), [(1, 60.0), (10, 600.0), (50, 3000.0)])
def test_a_gap_covers_nothing_but_the_minute_of_the_sample_behind_it(
    tmp_path: Path, missed: int, lost: float
) -> None:
    seen = timeline(tmp_path, Bot().run(100).tick(missed).run(100))
    assert len(seen.gaps) == 1
    stretch = seen.longest
    assert stretch is not None
    assert (stretch.covered, stretch.missing) == (200 * 60.0, lost)


def test_a_restart_says_for_how_long_nobody_looked(tmp_path: Path) -> None:
    bot = Bot(adapter=True).run(10).restart(25.0).run(10)
    (unseen,) = timeline(tmp_path, bot).unseen
    assert unseen.end - unseen.begin == 25.0
    assert stamp(unseen.begin) == bot.documents[9]["ts"]


def test_a_clock_that_is_set_back_covers_no_time_twice(tmp_path: Path) -> None:
    bot = Bot().run(100)
    bot.now -= 1800
    seen = timeline(tmp_path, bot.run(100))
    assert seen.restarts == 0
    assert "the clock went back by 1,740 s" in seen.notes[0]
    assert seen.longest is not None
    assert seen.longest.covered <= 170 * 60.0


def test_two_loops_on_one_bot_are_one_bot(tmp_path: Path) -> None:
    bot = Bot()
    bot.step = 30.0
    bot.run(400)
    text = compact(bot.documents[::2]) + compact(bot.documents[1::2])
    seen = timeline_of(read_telemetry([write(tmp_path / "t.jsonl", text)]).samples)
    assert (seen.restarts, seen.doubts) == (0, ())
    assert seen.longest is not None
    assert seen.longest.missing == 0.0


def test_a_busy_bot_that_was_looked_at_for_seconds_does_not_count_too_quickly(
    tmp_path: Path,
) -> None:
    bot = Bot(adapter=True, a_minute=1_200)
    bot.step = 2.0
    assert timeline(tmp_path, bot.run(8)).doubts == ()
