"""Hosts whose clock runs faster, and two loops that sample one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from telemetry_makers import BEGIN, TWO_DAYS, Bot, compact, stamp, write

from replay.gate.model import Outcome
from replay.gate.telemetry.samples import read_telemetry
from replay.gate.verdict import GateVerdict, judge
from replay.gate.verdict_text import headline, markdown, text_lines


class Host(Bot):
    """A host whose clock is `now`, sampled by somebody whose clock runs `speed` times slower."""

    def __init__(self, speed: Any = 600.0, *, wall: bool = True, real: float = 600.0) -> None:
        super().__init__(BEGIN, adapter=True)
        self.speed = speed
        self.wall = wall
        self.real = real

    def sample(self, **changes: Any) -> Bot:
        self.extra = {"clock": {"now": self.now, "speed": self.speed}}
        super().sample(**changes)
        if self.wall:
            self.documents[-1]["ts"] = stamp(BEGIN + 5e6 + (self.now - BEGIN) / self.real)
        return self


def judged(folder: Path, *bots: Bot, rehearsal: bool = False) -> GateVerdict:
    files = [
        write(folder / f"state_machine_shadow_{number}.jsonl", compact(bot.documents))
        for number, bot in enumerate(bots)
    ]
    return judge(read_telemetry(files, rehearsal=rehearsal))


def criterion(verdict: GateVerdict, key: str) -> Any:
    return next(one for one in verdict.criteria if one.key == key)


def test_a_faster_clock_is_never_passed_without_being_asked_for(tmp_path: Path) -> None:
    verdict = judged(tmp_path, Host(wall=False).run(TWO_DAYS))
    assert verdict.verdict is Outcome.INCONCLUSIVE
    assert criterion(verdict, "clock").why == (
        "the host's clock runs at 600 times real time: this is a rehearsal, and was not asked for"
    )
    assert [one.key for one in verdict.criteria if one.outcome is not Outcome.PASS] == ["clock"]


def test_asked_for_it_is_judged_by_its_own_clock_and_says_so(tmp_path: Path) -> None:
    verdict = judged(tmp_path, Host().run(TWO_DAYS), rehearsal=True)
    assert verdict.verdict is Outcome.PASS
    assert headline(verdict).startswith("gate: REHEARSAL at 600 times real time: PASS (48 h 00")
    assert "passes nothing for production" in text_lines(verdict)[0]
    assert "**A rehearsal shows that everything works. It passes nothing" in markdown(verdict)
    assert verdict.document()["rehearsal"]["speed"] == 600.0
    assert verdict.timeline.samples[0].text == stamp(BEGIN + 60)


def test_a_clock_in_real_time_is_no_rehearsal(tmp_path: Path) -> None:
    verdict = judged(tmp_path, Host(1.0, wall=False).run(TWO_DAYS))
    assert verdict.verdict is Outcome.PASS
    assert verdict.rehearsal == ""
    assert verdict.document()["rehearsal"] is None


def test_a_clock_that_is_seen_to_run_faster_than_it_says_is_found_out(tmp_path: Path) -> None:
    verdict = judged(tmp_path, Host(1.0, real=30.0).run(TWO_DAYS))
    assert verdict.verdict is Outcome.INCONCLUSIVE
    assert "at 30 times real time" in criterion(verdict, "clock").why


def test_a_host_that_lives_in_real_time_of_another_day_is_a_rehearsal(tmp_path: Path) -> None:
    """Its own telemetry beside the loop's is of another day, and must not be added to it."""
    own, loop = Host(1.0, wall=False), Host(1.0, real=1.0)
    for _ in range(TWO_DAYS):
        own.run(1)
        loop.block, loop.now, loop.started = own.block, own.now, own.started
        loop.sample()
    assert judged(tmp_path, loop, own).verdict is Outcome.INCONCLUSIVE
    verdict = judged(tmp_path, loop, own, rehearsal=True)
    assert verdict.verdict is Outcome.PASS
    assert verdict.timeline.totals.checks == own.block["transition_checks"] + 2 * TWO_DAYS
    assert "REHEARSAL in real time, but 1,388.9 hours away from it: PASS" in headline(verdict)


@pytest.mark.parametrize("speed", [0, None, "max", "Infinity"])
def test_as_fast_as_it_can_is_a_rehearsal_too(tmp_path: Path, speed: Any) -> None:
    host = Host(speed, wall=False).run(TWO_DAYS)
    assert criterion(judged(tmp_path, host), "clock").outcome is Outcome.INCONCLUSIVE
    verdict = judged(tmp_path, host, rehearsal=True)
    assert verdict.verdict is Outcome.PASS
    assert "REHEARSAL as fast as it can" in headline(verdict)


@pytest.mark.parametrize(
    "clock",
    [[], {"now": "noon"}, {"now": True}, {"now": 1e300}, {"now": -1e18}, {"speed": -1},
     {"speed": True}, {"speed": False}, {"speed": "fast"}, {"speed": []}],
    ids=repr,
)  # fmt: skip
def test_a_clock_that_is_written_wrong_is_set_aside(tmp_path: Path, clock: Any) -> None:
    bot = Bot(adapter=True)
    bot.extra = {"clock": clock}
    bot.run(1)
    for rehearsal in (False, True):
        verdict = judged(tmp_path, bot, rehearsal=rehearsal)
        assert verdict.telemetry.samples == ()
        assert "adapter.clock" in verdict.telemetry.set_aside[0].reason


def test_samples_without_a_clock_have_no_place_in_a_rehearsal(tmp_path: Path) -> None:
    host = Host().run(TWO_DAYS)
    del host.documents[7]["state_machine_shadow"]["adapter"]["clock"]
    verdict = judged(tmp_path, host, rehearsal=True)
    assert verdict.verdict is not Outcome.PASS
    assert criterion(verdict, "clock").outcome is Outcome.INCONCLUSIVE


def test_counters_that_lag_behind_a_fast_clock_are_no_two_bots(tmp_path: Path) -> None:
    """Metrics come a few times a second; at 600 times real time that is minutes apart."""
    host, reported = Host(wall=False), 0
    for minute in range(TWO_DAYS):
        host.tick()
        if minute % 5 == 0:
            reported = host.block["transition_checks"]
        host.sample(transition_checks=reported, invariant_checks=0)
    assert judged(tmp_path, host, rehearsal=True).verdict is Outcome.PASS


def test_a_short_rehearsal_whose_counters_lag_is_one_bot_s(tmp_path: Path) -> None:
    host, reported = Host(0, wall=False), 0
    for minute in range(240):
        host.tick()
        if minute % 48 == 0:
            reported = host.block["transition_checks"] * 60
        host.sample(transition_checks=reported, invariant_checks=0)
    verdict = judged(tmp_path, host, rehearsal=True)
    assert [one.key for one in verdict.criteria if one.outcome is not Outcome.PASS] == ["48h"]


def test_calls_that_come_faster_than_a_bot_makes_them_are_not_judged_by_latency(
    tmp_path: Path,
) -> None:
    slow = {"bare": {"p50": 10e-6, "p99": 1e-5}, "whole": {"p50": 13e-6, "p99": 2e-5}}
    for speed, outcome in ((600.0, Outcome.PASS), (1.0, Outcome.FAIL)):
        host = Host(speed, wall=False).run(TWO_DAYS)
        for document in host.documents:
            document["state_machine_shadow"]["adapter"]["latency"] = slow
        verdict = judged(tmp_path, host, rehearsal=True)
        assert verdict.verdict is outcome
        said = "not judged in a rehearsal" in criterion(verdict, "pass 3").why
        assert said is (outcome is Outcome.PASS)


# --- A host that is killed --------------------------------------------------------------------


class Killed(Host):
    """A host that goes on from an earlier time after a kill; `real` seconds go by all the same."""

    def __init__(self, *, wall: bool, told: bool) -> None:
        super().__init__(wall=wall)
        self.passed = BEGIN + 5e6
        self.told = told
        self.began = self.passed

    def sample(self, **changes: Any) -> Bot:
        self.passed += 1.0
        Bot.sample(self, **changes)
        clock = {"now": self.now, "speed": self.speed}
        if self.told:
            clock |= {"wall": self.passed, "began": self.began}
        self.documents[-1]["state_machine_shadow"]["adapter"]["clock"] = clock
        if self.wall:
            self.documents[-1]["ts"] = stamp(self.passed)
        return self

    def killed(self, back: float) -> Killed:
        """Another process, whose clock goes on from so many seconds before."""
        self.passed += 20.0
        self.began = self.passed
        self.restart(-back)
        return self


@pytest.mark.parametrize(
    ("wall", "told", "how"),
    [
        (True, True, "in real time"),
        (False, True, "in real time"),
        (True, False, "in real time"),
        (False, False, "by the order of the lines"),
    ],
)
def test_a_kill_that_sets_the_clock_back_mixes_no_two_processes(
    tmp_path: Path, wall: bool, told: bool, how: str
) -> None:
    host = Killed(wall=wall, told=told)
    for back in (250.0, 610.0):
        host.run(60).diverge().run(60)
        host.killed(back)
    host.run(200)
    timeline = judged(tmp_path, host, rehearsal=True).timeline
    assert [len(one.samples) for one in timeline.lifetimes] == [120, 120, 200]
    assert timeline.restarts == 2
    assert (timeline.doubts, timeline.totals.total_divergences) == ((), 2)
    assert timeline.notes == (
        f"3 processes follow each other {how}, the samples of each by the bot's clock",
    )
    assert timeline.gaps == ()
    # Where the clock went back no time is covered twice, and what was not seen takes some.
    longest = timeline.longest
    assert longest is not None
    assert longest.covered == 440 * 60.0 - 250.0 - 610.0
    assert all(one.end > one.begin for one in timeline.unseen)


def test_two_kills_before_a_snapshot_are_two_processes(tmp_path: Path) -> None:
    """Both began at one time by their clock."""
    host = Killed(wall=True, told=True)
    host.run(60)
    for _ in range(2):
        at = host.now
        host.killed(200.0).run(5)
        host.now = at
    timeline = judged(tmp_path, host.killed(200.0).run(60), rehearsal=True).timeline
    assert [len(one.samples) for one in timeline.lifetimes] == [60, 5, 5, 60]
    assert len({one.began for one in timeline.lifetimes}) == 2
    assert timeline.doubts == ()


def test_two_hosts_of_one_time_are_no_one_bot_in_a_rehearsal(tmp_path: Path) -> None:
    one, other = Killed(wall=True, told=True), Killed(wall=True, told=True)
    other.killed(-7.0).run(100)
    one.run(100)
    for host in (one, other):
        assert judged(tmp_path, host, rehearsal=True).timeline.doubts == ()
    doubts = judged(tmp_path, one, other, rehearsal=True).timeline.doubts
    assert any("began before another one had ended" in doubt for doubt in doubts)


# --- Two loops on one process -----------------------------------------------------------------


def two_loops(*, adapter: bool, restart: int = -1, skew: float = 0.6) -> tuple[Bot, Bot]:
    """Two files of one process. The second loop reads its clock first, and asks `skew` seconds
    later, after the first has asked; both see each of three divergences and a restart."""
    one, other = Bot(adapter=adapter), Bot(adapter=adapter)
    for minute in range(TWO_DAYS):
        if minute in (100, 900, 2000):
            one.diverge()
        if minute == restart:
            one.restart(20.0)
        one.run(1)
        other.block, other.started, other.now = one.block, one.started, one.now
        if minute % 2:
            other.now -= 1.0  # its clock was read before, its counters are the later ones
            one.block["transition_checks"] += 2
            other.sample()
        else:
            other.now += skew
            other.sample()
    for document in other.documents:
        document["ts"] = document["ts"].replace("Z", ".25Z")
    return one, other


@pytest.mark.parametrize("adapter", [True, False])
@pytest.mark.parametrize("restart", [-1, 1500, 1501])
def test_two_loops_count_everything_once(tmp_path: Path, adapter: bool, restart: int) -> None:
    one, other = two_loops(adapter=adapter, restart=restart)
    alone = judged(tmp_path, one).timeline
    both = judged(tmp_path, one, other)
    assert both.timeline.doubts == ()
    assert len(both.timeline.lifetimes) == len(alone.lifetimes)
    assert both.timeline.totals.total_divergences == 3
    # One of them saw a little more at the very end of each process, never more than there was.
    assert 0 <= both.timeline.totals.checks - alone.totals.checks <= 4
    assert "merged, and every count taken once" in both.timeline.notes[0]
    assert [rise.counts.total_divergences for rise in both.timeline.rises] == [1, 1, 1]
    longest, expected = both.timeline.longest, alone.longest
    assert longest is not None
    assert expected is not None
    assert abs(longest.covered - expected.covered) < 30.0


def test_two_loops_on_a_clean_bot_pass(tmp_path: Path) -> None:
    one, other = Bot(adapter=True), Bot(adapter=True)
    for minute in range(TWO_DAYS):
        one.run(1)
        other.block, other.started, other.now = one.block, one.started, one.now + minute % 3 - 1.0
        other.sample()
    verdict = judged(tmp_path, one, other)
    assert verdict.verdict is Outcome.PASS, verdict.needed


def test_of_a_log_directory_only_its_own_telemetry_is_read(tmp_path: Path) -> None:
    """Not the journal beside it, and not the copies in an evidence package below it."""
    deeper = tmp_path / "evidence" / "telemetry"
    deeper.mkdir(parents=True)
    for name in ("manifest.json", "verdict.json", "counts.json", "triage.md"):
        write(deeper.parent / name, "")
    for folder in (tmp_path, deeper):
        write(folder / "state_machine_shadow_1.jsonl", compact(Bot().run(3).documents))
    write(tmp_path / "events_1.jsonl", '{"v":1}\n')
    read = read_telemetry([tmp_path])
    assert read.files == (str(tmp_path / "state_machine_shadow_1.jsonl"),)
    assert read.set_aside == ()
    assert [Path(one.file).name for one in read.unread] == ["events_1.jsonl", "evidence"]
    (tmp_path / "state_machine_shadow_1.jsonl").rename(tmp_path / "mine.jsonl")
    assert read_telemetry([tmp_path]).files == (str(tmp_path / "mine.jsonl"),)


def test_two_bots_with_a_file_each_are_still_told_apart(tmp_path: Path) -> None:
    """Even where their loops ask within the same seconds."""
    one, other = Bot(), Bot(begin=BEGIN + 1, a_minute=11)
    verdict = judged(tmp_path, one.run(400), other.run(400))
    assert verdict.verdict is Outcome.INCONCLUSIVE
    assert verdict.timeline.doubts != ()


def test_the_host_s_own_file_beside_the_loop_s_makes_one_rehearsal(tmp_path: Path) -> None:
    loop, own = Host(), Host(wall=False)
    for minute in range(TWO_DAYS):
        own.run(1)
        loop.block, loop.now, loop.started = own.block, own.now + 7.0, own.started
        if minute % 4 == 0:
            loop.sample()
    verdict = judged(tmp_path, loop, own, rehearsal=True)
    assert verdict.verdict is Outcome.PASS, verdict.needed
    assert verdict.timeline.totals.checks == own.block["transition_checks"] + 2 * TWO_DAYS
    without = judged(tmp_path, loop, own)
    assert without.verdict is not Outcome.PASS
