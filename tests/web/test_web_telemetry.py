"""Telemetry that grows, breaks, is exchanged or comes from two loops at once."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from telemetry_makers import BEGIN, Bot, compact, pretty, write
from web_support import Site

from replay.gate.telemetry.course import course_of
from replay.gate.telemetry.samples import read_telemetry
from replay.streams.zstd_frames import zstd_packed
from replay.web.telemetry_cache import TelemetryReader

Serve = Callable[..., Site]
NAME = "state_machine_shadow_20261122T090000Z.jsonl"


@pytest.mark.parametrize("form", [compact, pretty], ids=["jq -c", "jq"])
def test_a_file_that_grows_byte_by_byte_is_read_as_one_that_is_whole(
    tmp_path: Path, form: Callable[[Any], str]
) -> None:
    bot = Bot(adapter=True).run(20).null().restart().run(20)
    data = form(bot.documents).encode()
    whole = tmp_path / "whole"
    whole.mkdir()
    write(whole / NAME, data)
    grown = tmp_path / "grown"
    grown.mkdir()
    reader = TelemetryReader(grown)
    dice = random.Random(7)
    at = 0
    while at < len(data):
        at += dice.randint(1, 900)
        write(grown / NAME, data[:at])
        telemetry = reader.read()
        assert telemetry.set_aside <= 1, "what is half-written is waited for"
    assert telemetry == TelemetryReader(whole).read()
    assert len(telemetry.samples) == 40
    assert telemetry.set_aside == 1, "the null"
    assert [sample.place for sample in telemetry.samples] == [
        sample.place.rpartition("/")[2] for sample in read_telemetry([whole / NAME]).samples
    ]


def test_only_what_was_added_is_read(tmp_path: Path) -> None:
    bot = Bot().run(100)
    write(tmp_path / NAME, compact(bot.documents))
    reader = TelemetryReader(tmp_path)
    first = reader.read()
    assert reader.read() is first
    with (tmp_path / NAME).open("a") as file:
        file.write(compact(bot.run(1).documents[-1:]))
    second = reader.read()
    assert len(second.samples) == 101
    assert all(old is new for old, new in zip(first.samples, second.samples, strict=False))


def test_half_a_sample_is_not_shown_until_it_is_whole(serve: Serve, tmp_path: Path) -> None:
    bot = Bot().run(3)
    text = compact(bot.documents)
    write(tmp_path / NAME, text[:-40])
    site = serve(None, None, tmp_path)
    assert "2 samples over 60 s" in site.ask("/").text
    write(tmp_path / NAME, text)
    assert "3 samples over 2 min" in site.ask("/").text


def test_half_a_sample_that_another_one_follows_is_counted_as_not_usable(tmp_path: Path) -> None:
    bot = Bot().run(5)
    text = compact(bot.documents)
    reader = TelemetryReader(tmp_path)
    write(tmp_path / NAME, text[:-40])
    assert len(reader.read().samples) == 4
    write(tmp_path / NAME, text[:-40] + compact(bot.run(1).documents[-1:]))
    telemetry = reader.read()
    assert (len(telemetry.samples), telemetry.set_aside) == (5, 1)


def test_a_file_that_was_exchanged_or_cut_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / NAME
    reader = TelemetryReader(tmp_path)
    write(path, compact(Bot().run(9).documents))
    assert len(reader.read().samples) == 9
    write(path, compact(Bot(BEGIN + 86_400).run(12).documents))
    assert len(reader.read().samples) == 12
    write(path, compact(Bot().run(2).documents))
    assert len(reader.read().samples) == 2
    path.unlink()
    assert reader.read().samples == ()


def test_compressed_files_are_read_and_others_are_left_alone(tmp_path: Path) -> None:
    documents = Bot().run(9).documents
    text = [compact(documents[at : at + 3]).encode() for at in (0, 3, 6)]
    write(tmp_path / "state_machine_shadow_1.jsonl", text[0])
    write(tmp_path / "state_machine_shadow_2.jsonl.gz", gzip.compress(text[1]))
    write(tmp_path / "state_machine_shadow_3.jsonl.zst", zstd_packed(text[2]))
    write(tmp_path / "events_1.jsonl", b"{}")
    (tmp_path / "state_machine_shadow_4.jsonl").mkdir()
    os.mkfifo(tmp_path / "state_machine_shadow_5.jsonl")
    (tmp_path / "state_machine_shadow_6.jsonl").symlink_to(tmp_path / "nowhere")
    telemetry = TelemetryReader(tmp_path).read()
    assert len(telemetry.samples) == 9
    assert len(telemetry.files) == 3
    assert telemetry.problems == (
        "state_machine_shadow_4.jsonl: is no file",
        "state_machine_shadow_5.jsonl: is no file",
        "state_machine_shadow_6.jsonl: No such file or directory",
    )


def test_very_many_files_are_read_as_far_as_they_are_new(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replay.web.telemetry_cache.MAX_FILES", 3)
    bot = Bot()
    for number in range(5):
        write(tmp_path / f"state_machine_shadow_{number}.jsonl", compact(bot.run(2).documents[-2:]))
    telemetry = TelemetryReader(tmp_path).read()
    assert len(telemetry.samples) == 6
    assert telemetry.files[0] == "state_machine_shadow_2.jsonl"
    assert "2 older files are left out" in serve(None, None, tmp_path).ask("/").text


# --- The course -----------------------------------------------------------------------------------


def course(folder: Path, *bots: Bot) -> Any:
    for number, bot in enumerate(bots):
        write(folder / f"state_machine_shadow_{number}.jsonl", compact(bot.documents))
    return course_of(TelemetryReader(folder).read().samples)


@pytest.mark.parametrize("adapter", [False, True], ids=["any bot", "with our adapter"])
def test_totals_go_on_over_restarts_and_never_fall(tmp_path: Path, adapter: bool) -> None:
    bot = Bot(adapter=adapter).run(30).diverge(times=2).run(30).restart().run(30)
    bot.diverge().fail().run(10).restart().run(100)
    found = course(tmp_path, bot)
    assert found.restarts == 2
    assert (found.points[-1].divergences, found.points[-1].failures) == (3, 1)
    divergences = [point.divergences for point in found.points]
    assert divergences == sorted(divergences)
    assert all(point.rate is None or 0 <= point.rate < 60 for point in found.points)


def test_two_loops_on_one_bot_are_one_course(tmp_path: Path) -> None:
    """The runbook's loop and the host's own: one reads the clock, in whole seconds, before it
    asks."""
    bot, other = Bot(adapter=True), Bot(adapter=True)
    for minute in range(60):
        if minute == 30:
            bot.diverge()
        bot.tick().sample()
        late = {**bot.documents[-1]}
        counters = {**late["state_machine_shadow"]}
        counters["transition_checks"] += 5 * (-1) ** minute
        other.documents.append({**late, "state_machine_shadow": counters})
    found = course(tmp_path, bot, other)
    assert found.restarts == 0
    assert found.gaps == ()
    assert len(found.points) == 120
    assert found.points[-1].divergences == 1


def test_in_a_rehearsal_the_bot_s_clock_counts(tmp_path: Path) -> None:
    bot = Bot(adapter=True)
    for minute in range(120):
        bot.extra = {"clock": {"now": BEGIN + 60.0 * minute, "speed": 600.0}}
        bot.tick()
        bot.now = BEGIN + minute // 10
        bot.sample()
    found = course(tmp_path, bot)
    assert found.end - found.begin == 119 * 60
    assert found.gaps == ()


def test_gaps_are_told_with_their_length(tmp_path: Path) -> None:
    found = course(tmp_path, Bot().run(30).tick(20).run(30).tick(5).run(5))
    assert found.gaps == (21 * 60, 6 * 60)
    assert course(tmp_path, Bot().run(1)).gaps == ()
    assert course_of([]).points == ()


def test_a_chart_has_as_many_points_for_two_days_as_for_one_hour(
    serve: Serve, tmp_path: Path
) -> None:
    write(tmp_path / NAME, compact(Bot(adapter=True).run(2880).documents))
    site = serve(None, None, tmp_path)
    assert len(site.ask("/").body) < 40_000
    assert len(site.ask("/?span=1+h").body) < 40_000
    assert "2,880 samples over 47 h 59 min" in site.ask("/").text
    assert "61 samples over 60 min" in site.ask("/?span=1+h").text
