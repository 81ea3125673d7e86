"""The course as a picture: the same bytes from the same data, and nothing of the data's texts."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib as mpl
import pytest
from telemetry_makers import Bot, compact, write

from replay.gate.package.charts import course_png, course_svg
from replay.gate.telemetry.samples import read_telemetry
from replay.gate.telemetry.timeline import Timeline, timeline_of

HOSTILE = "</svg><script>alert(1)</script>$\\frac{1}{0}$\x1b"
SCRIPT = """
import hashlib, sys
from replay.gate.package.charts import course_png, course_svg
from replay.gate.telemetry.samples import read_telemetry
from replay.gate.telemetry.timeline import timeline_of
timeline = timeline_of(read_telemetry([sys.argv[1]]).samples)
for draw in (course_png, course_svg):
    print(hashlib.sha256(draw(timeline)).hexdigest())
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bot = Bot().run(100).diverge(HOSTILE).run(60).fail(2, HOSTILE).run(20).tick(90).run(30)
    bot.restart(40).run(50).diverge(times=3).run(80)
    return write(tmp_path_factory.mktemp("t") / "t.jsonl", compact(bot.documents))


@pytest.fixture(scope="module")
def timeline(file: Path) -> Timeline:
    return timeline_of(read_telemetry([file]).samples)


def test_the_same_data_give_the_same_bytes_in_another_process_and_place(
    file: Path, timeline: Timeline, tmp_path: Path
) -> None:
    env = {**os.environ, "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "LANG": "C", "LC_ALL": "C",
           "MPLBACKEND": "svg", "HOME": str(tmp_path)}  # fmt: skip
    (tmp_path / "matplotlibrc").write_text("font.size: 22\nlines.linewidth: 9\n")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(file)], cwd=tmp_path, env=env, capture_output=True,
        check=True, text=True, timeout=240,
    )  # fmt: skip
    import hashlib

    here = [hashlib.sha256(draw(timeline)).hexdigest() for draw in (course_png, course_svg)]
    assert done.stdout.split() == here


def test_a_png_says_nothing_but_the_picture(timeline: Timeline) -> None:
    content = course_png(timeline)
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">II", content[16:24]) == (1100, 760)
    assert b"tEXt" not in content
    assert b"matplotlib" not in content


def test_an_svg_is_sound_has_no_date_and_nothing_of_the_data_s_texts(timeline: Timeline) -> None:
    content = course_svg(timeline)
    root = ET.fromstring(content)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    for never in (b"script", b"alert", b"metadata", b"DOCTYPE", b"frac", b"<text", b'href="http'):
        assert never not in content, never
    assert len(content) < 400_000


def test_other_data_give_another_picture(timeline: Timeline, tmp_path: Path) -> None:
    other = timeline_of(
        read_telemetry([write(tmp_path / "t", compact(Bot().run(9).documents))]).samples
    )
    assert course_png(other) != course_png(timeline)


@pytest.mark.parametrize("minutes", [0, 1])
def test_nearly_nothing_can_be_drawn_too(tmp_path: Path, minutes: int) -> None:
    text = compact(Bot().run(minutes).documents)
    seen = timeline_of(read_telemetry([write(tmp_path / "t.jsonl", text)]).samples)
    assert course_png(seen).startswith(b"\x89PNG")
    assert course_svg(seen).startswith(b"<?xml")


def test_settings_of_whoever_draws_too_stay_as_they_were(timeline: Timeline) -> None:
    with mpl.rc_context({"font.size": 23.0, "svg.hashsalt": None}):
        before = dict(mpl.rcParams)
        drawn = course_svg(timeline)
        assert dict(mpl.rcParams) == before
    assert drawn == course_svg(timeline)
