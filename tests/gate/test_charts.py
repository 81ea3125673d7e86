"""The course as a picture: the same bytes from the same data, and nothing of the data's texts."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from telemetry_makers import Bot, compact, write

from replay.gate.course_charts import HEIGHT, WIDTH
from replay.gate.package.page import charts_of, course_picture
from replay.gate.telemetry.samples import read_telemetry
from replay.gate.telemetry.timeline import Timeline, timeline_of

HOSTILE = "</svg><script>alert(1)</script>$\\frac{1}{0}$\x1b"


@pytest.fixture(scope="module")
def timeline(tmp_path_factory: pytest.TempPathFactory) -> Timeline:
    bot = Bot().run(100).diverge(HOSTILE).run(60).fail(2, HOSTILE).run(20).tick(90).run(30)
    bot.restart(40).run(50).diverge(times=3).run(80)
    file = write(tmp_path_factory.mktemp("t") / "t.jsonl", compact(bot.documents))
    return timeline_of(read_telemetry([file]).samples)


def drawn(timeline: Timeline) -> str:
    return course_picture(charts_of(timeline))


def test_an_svg_is_sound_has_no_date_and_nothing_of_the_data_s_texts(timeline: Timeline) -> None:
    content = drawn(timeline)
    root = ET.fromstring(content)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    for never in ("script", "alert", "metadata", "DOCTYPE", "frac", 'href="http', "\x1b"):
        assert never not in content, never
    assert len(content) < 100_000
    assert content == drawn(timeline)


def test_the_totals_of_the_picture_are_those_that_are_judged(timeline: Timeline) -> None:
    (chart, *_) = charts_of(timeline)
    assert [line.words for line in chart.lines] == [
        "total_divergences: last 4, highest 4",
        "shadow_failures: last 2, highest 2",
    ]
    assert timeline.totals.total_divergences == 4
    assert timeline.samples[-1].counters.total_divergences == 3


def test_restarts_gaps_and_times_stand_on_the_axis(timeline: Timeline) -> None:
    for chart in charts_of(timeline):
        assert len(chart.restarts) == timeline.restarts == 1
        assert [shade.kind for shade in chart.shades] == ["gap", "gap"]
        assert [tick.words for tick in chart.ticks] == ["10:00", "12:00", "14:00", "16:00"]
        assert all(0 < float(tick.x) < WIDTH for tick in chart.ticks)


def test_a_line_is_inside_of_its_chart(timeline: Timeline) -> None:
    for chart in charts_of(timeline):
        for line in chart.lines:
            points = line.path.replace("h1", "").replace("M", "L").split("L")[1:]
            at = [tuple(map(float, point.split())) for point in points]
            assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in at)


def test_other_data_give_another_picture(timeline: Timeline, tmp_path: Path) -> None:
    other = timeline_of(
        read_telemetry([write(tmp_path / "t", compact(Bot().run(9).documents))]).samples
    )
    assert drawn(other) != drawn(timeline)


@pytest.mark.parametrize("minutes", [0, 1])
def test_nearly_nothing_can_be_drawn_too(tmp_path: Path, minutes: int) -> None:
    text = compact(Bot().run(minutes).documents)
    seen = timeline_of(read_telemetry([write(tmp_path / "t.jsonl", text)]).samples)
    assert ET.fromstring(drawn(seen)).tag.endswith("svg")
    assert ("no usable sample" in drawn(seen)) is (minutes == 0)
