"""Charts of a course, for pages and evidence alike: lines over time, told in words as well.

Here is where each line goes; templates draw it (`chart_figure` in pieces.html, course.svg). A chart
has some hundred columns whatever its span, so two days cost no more than an hour; of the points in
a column the highest is drawn, since a rise must not get lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from replay.gate.telemetry.course import Course, Point

WIDTH, HEIGHT = 720, 120
COLUMNS = 240
_TOP = 6
"""Room above the highest value, so that its line is not cut."""

_TICKS = (
    60,
    300,
    600,
    1800,
    3600,
    2 * 3600,
    3 * 3600,
    6 * 3600,
    12 * 3600,
    86400,
    7 * 86400,
    28 * 86400,
)
"""Seconds between two ticks of the time axis: the least that makes no more than so many."""

_MOST_TICKS = 6

Value = Callable[[Point], float | None]
Words = Callable[[float], str]


class Line(NamedTuple):
    """One line of a chart: its name, the class that colours it, and its value at a point."""

    name: str
    tone: str
    value: Value


class DrawnLine(NamedTuple):
    """A line with its path. `words` say its last and its highest value; `readings` are the columns
    at which its value changes, each with the value in words."""

    words: str
    name: str
    tone: str
    path: str
    readings: str


class Shade(NamedTuple):
    """A span in which nothing is known (`gap`), or the shadow did not run (`off`)."""

    kind: str
    x: str
    width: str


class Tick(NamedTuple):
    """A time on the axis: where, as a share of the width in per cent, and in words."""

    x: str
    percent: int
    words: str


class Chart(NamedTuple):
    """A chart, ready to be drawn. `top` and `bottom` are what its scale says, `begins` and `ends`
    its axis; `begin` and `end` are epoch seconds."""

    title: str
    begins: str
    ends: str
    begin: float
    end: float
    top: str
    bottom: str
    lines: tuple[DrawnLine, ...]
    shades: tuple[Shade, ...]
    restarts: tuple[str, ...]
    ticks: tuple[Tick, ...]
    width: int = WIDTH
    height: int = HEIGHT
    columns: int = COLUMNS


def charts(course: Course) -> tuple[Chart, ...]:
    """All charts of a course that have something to draw."""
    if not course.points:
        return ()
    drawn = (
        _chart(
            course,
            "Divergences and failures, over all processes",
            (
                Line("total_divergences", "bad", lambda point: point.divergences),
                Line("shadow_failures", "warn", lambda point: point.failures),
            ),
            _count,
            steps=True,
        ),
        _chart(
            course,
            "Checks a minute",
            (Line("compared", "calm", lambda point: point.rate),),
            _count,
        ),
        _chart(
            course,
            "Authoritative call, 99th percentile",
            (
                Line("with the shadow", "calm", lambda point: point.whole),
                Line("bare", "good", lambda point: point.bare),
            ),
            microseconds,
        ),
        _chart(
            course,
            "Longest queue so far",
            (Line("queue_max", "calm", lambda point: point.queue),),
            _count,
            steps=True,
        ),
    )
    return tuple(chart for chart in drawn if chart is not None)


def _count(value: float) -> str:
    return f"{value:,.0f}"


def microseconds(seconds: float) -> str:
    """A short time: `12 µs`, `3.4 ms`."""
    if seconds < 0.001:
        return f"{seconds * 1e6:,.0f} µs"
    return f"{seconds * 1e3:,.1f} ms" if seconds < 1.0 else f"{seconds:,.1f} s"


def short_time(at: float) -> str:
    """Epoch seconds as they stand below a chart."""
    moment = _moment(at)
    return f"{at:g}" if moment is None else f"{moment:%b %d %H:%M} UTC"


def _moment(at: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _chart(
    course: Course, title: str, lines: Sequence[Line], words: Words, *, steps: bool = False
) -> Chart | None:
    """A chart; None where no line has a value. `words` says a value with its unit; with `steps` a
    value holds until the next one, as a counter does."""
    known = {line: _values(course, line.value) for line in lines}
    known = {line: values for line, values in known.items() if values}
    if not known:
        return None
    top = max(map(max, known.values()))
    return Chart(
        title=title,
        begins=short_time(course.begin),
        ends=short_time(course.end),
        begin=course.begin,
        end=course.end,
        top=words(top),
        bottom=words(0.0),
        lines=tuple(
            _drawn(course, line, values, top or 1.0, words, steps=steps)
            for line, values in known.items()
        ),
        shades=tuple(_shades(course)),
        restarts=tuple(_restarts(course)),
        ticks=tuple(_ticks(course)),
    )


def _drawn(
    course: Course, line: Line, values: Sequence[float], top: float, words: Words, *, steps: bool
) -> DrawnLine:
    columns = list(_columns(course, line.value))
    readings, before = [], ""
    for column, value, _ in columns:
        if (said := words(value)) != before:
            readings.append(f"{column}={said}")
            before = said
    return DrawnLine(
        f"{line.name}: last {words(values[-1])}, highest {words(max(values))}",
        line.name,
        line.tone,
        _path(columns, top, steps=steps),
        ";".join(readings),
    )


def _values(course: Course, value: Value) -> list[float]:
    return [found for point in course.points if (found := value(point)) is not None]


def _path(columns: Sequence[tuple[int, float, bool]], top: float, *, steps: bool) -> str:
    """The line as an SVG path, interrupted where nothing is known."""
    said: list[str] = []
    previous: float | None = None
    for column, height, begins in columns:
        x, y = column / COLUMNS * WIDTH, HEIGHT - 1 - height / top * (HEIGHT - 1 - _TOP)
        if begins or not said:
            # A point by itself is a short line: one of no length is not drawn.
            said.append(f"M{x:.1f} {y:.1f}h1")
        else:
            if steps and previous is not None and previous != y:
                said.append(f"L{x:.1f} {previous:.1f}")
            said.append(f"L{x:.1f} {y:.1f}")
        previous = y
    return "".join(said)


def _columns(course: Course, value: Value) -> Iterator[tuple[int, float, bool]]:
    """For each column with a point: its place, the highest value in it, and whether the line begins
    anew there."""
    at, highest, begins = -1, 0.0, False
    for point in course.points:
        found = value(point)
        if found is None:
            continue
        column = _column(course, point.at)
        if column != at:
            if at >= 0:
                yield at, highest, begins
            at, highest, begins = column, found, bool(point.gap)
        else:
            highest = max(highest, found)
            begins = begins or bool(point.gap)
    if at >= 0:
        yield at, highest, begins


def _column(course: Course, at: float) -> int:
    span = course.end - course.begin
    return 0 if span <= 0.0 else round((at - course.begin) / span * COLUMNS)


# --- What stands on the time axis -----------------------------------------------------------------


def _ticks(course: Course) -> Iterator[Tick]:
    """Round times of the day."""
    span = course.end - course.begin
    step = next((one for one in _TICKS if span / one <= _MOST_TICKS), None)
    if span <= 0.0 or step is None:
        return
    at = (course.begin // step + 1) * step
    while at < course.end:
        moment = _moment(at)
        if moment is not None:
            share = (at - course.begin) / span
            words = f"{moment:%b %d}" if at % 86400 == 0 else f"{moment:%H:%M}"
            yield Tick(f"{share * WIDTH:.1f}", round(share * 100), words)
        at += step


def _shades(course: Course) -> Iterator[Shade]:
    """What is not known, or was off."""
    spans: dict[tuple[int, int], str] = {}
    previous: Point | None = None
    for point in course.points:
        if previous is not None and (point.gap or not point.on):
            span = _column(course, previous.at), _column(course, point.at)
            spans[span] = "gap" if point.gap else "off"
        previous = point
    for (begin, end), kind in _joined(spans):
        x, width = begin / COLUMNS * WIDTH, max(end - begin, 1) / COLUMNS * WIDTH
        yield Shade(kind, f"{x:.1f}", f"{width:.1f}")


def _restarts(course: Course) -> Iterator[str]:
    """Where another process begins: one line a column at most."""
    columns = (_column(course, point.at) for point in course.points[1:] if point.restart)
    for column in dict.fromkeys(columns):
        yield f"{column / COLUMNS * WIDTH:.1f}"


def _joined(spans: dict[tuple[int, int], str]) -> Iterator[tuple[tuple[int, int], str]]:
    """Spans of one kind that touch, as one: there are at most as many as columns."""
    begin = end = -1
    kind = ""
    for (first, last), one in spans.items():
        if one == kind and first <= end:
            end = max(end, last)
            continue
        if kind:
            yield (begin, end), kind
        begin, end, kind = first, last, one
    if kind:
        yield (begin, end), kind
