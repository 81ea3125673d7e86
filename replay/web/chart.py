"""Charts as SVG that the server makes: lines over time, told in words as well.

A chart has some hundred columns whatever its span, so two days cost no more than an hour; of the
points in a column the highest is drawn, since a rise must not get lost. The drawing is stretched
to the width that there is; labels stand beside it as text, so that they can be read on a phone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from replay.reports.html_pieces import Markup, element, join
from replay.web.course import Course, Point
from replay.web.words import short_time

WIDTH, HEIGHT = 720, 120
COLUMNS = 240
_TOP = 6
"""Room above the highest value, so that its line is not cut."""

Value = Callable[[Point], float | None]


class Line(NamedTuple):
    """One line of a chart: its name, the class that colours it, and its value at a point."""

    name: str
    tone: str
    value: Value


def chart(
    title: str,
    course: Course,
    lines: Sequence[Line],
    words: Callable[[float], str],
    *,
    steps: bool = False,
) -> Markup:
    """A chart with its legend. `words` says a value with its unit; with `steps` a value holds until
    the next one, as a counter does."""
    said = [(line, _values(course, line.value)) for line in lines]
    said = [(line, values) for line, values in said if values]
    if not said:
        return Markup("")
    top = max(max(values) for _, values in said)
    begin, end = course.begin, course.end
    drawn = [
        element(
            "path", d=Markup(path), class_=f"line {line.tone}", vector_effect="non-scaling-stroke"
        )
        for line, _ in said
        if (path := _path(course, line.value, top or 1.0, steps=steps))
    ]
    legend = [
        element(
            "span",
            element("span", class_=f"swatch {line.tone}", aria_hidden="true"),
            f"{line.name}: last {words(values[-1])}, highest {words(max(values))}",
        )
        for line, values in said
    ]
    label = "; ".join(
        f"{line.name} last {words(values[-1])}, highest {words(max(values))}"
        for line, values in said
    )
    span = f"from {short_time(begin)} to {short_time(end)}"
    return element(
        "figure",
        element("figcaption", element("strong", title), *legend),
        element(
            "div",
            element(
                "svg",
                *_marks(course),
                *drawn,
                role="img",
                aria_label=f"{title}, {span}: {label}",
                viewBox=f"0 0 {WIDTH} {HEIGHT}",
                preserveAspectRatio="none",
                class_="plot",
            ),
            element(
                "div", element("span", words(top)), element("span", words(0.0)), class_="scale"
            ),
            class_="plotted",
        ),
        element(
            "div",
            element("span", short_time(begin)),
            element("span", short_time(end)),
            class_="axis",
        ),
        class_="chart",
    )


def _values(course: Course, value: Value) -> list[float]:
    return [found for point in course.points if (found := value(point)) is not None]


def _path(course: Course, value: Value, top: float, *, steps: bool) -> str:
    """The line as an SVG path, interrupted where nothing is known."""
    said: list[str] = []
    previous: float | None = None
    for column, height, begins in _columns(course, value):
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


def _columns(course: Course, value: Value) -> Iterator[tuple[float, float, bool]]:
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


def _marks(course: Course) -> Iterator[Markup]:
    """Restarts as upright lines; what is not known, or was off, as shaded spans."""
    spans: dict[tuple[int, int], str] = {}
    restarts: dict[int, None] = {}
    previous: Point | None = None
    for point in course.points:
        if previous is not None:
            span = _column(course, previous.at), _column(course, point.at)
            if point.gap:
                spans[span] = "gap"
            elif not point.on:
                spans[span] = "off"
            if point.restart:
                restarts[span[1]] = None
        previous = point
    for (begin, end), kind in _joined(spans):
        x, width = begin / COLUMNS * WIDTH, max(end - begin, 1) / COLUMNS * WIDTH
        yield element("rect", class_=kind, x=f"{x:.1f}", y=0, width=f"{width:.1f}", height=HEIGHT)
    for column in restarts:
        x = column / COLUMNS * WIDTH
        yield element(
            "path",
            d=f"M{x:.1f} 0V{HEIGHT}",
            class_="restart",
            vector_effect="non-scaling-stroke",
        )


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


def charts(course: Course) -> Markup:
    """All charts of a course."""
    return join(
        (
            chart(
                "Divergences and failures",
                course,
                (
                    Line("total_divergences", "bad", lambda point: point.divergences),
                    Line("shadow_failures", "warn", lambda point: point.failures),
                ),
                lambda value: f"{value:,.0f}",
                steps=True,
            ),
            chart(
                "Checks a minute",
                course,
                (Line("compared", "calm", lambda point: point.rate),),
                lambda value: f"{value:,.0f}",
            ),
            chart(
                "Authoritative call, 99th percentile",
                course,
                (
                    Line("with the shadow", "calm", lambda point: point.whole),
                    Line("bare", "good", lambda point: point.bare),
                ),
                microseconds,
            ),
            chart(
                "Longest queue so far",
                course,
                (Line("queue_max", "calm", lambda point: point.queue),),
                lambda value: f"{value:,.0f}",
                steps=True,
            ),
        )
    )


def microseconds(seconds: float) -> str:
    """A short time: `12 µs`, `3.4 ms`."""
    if seconds < 0.001:
        return f"{seconds * 1e6:,.0f} µs"
    return f"{seconds * 1e3:,.1f} ms" if seconds < 1.0 else f"{seconds:,.1f} s"
