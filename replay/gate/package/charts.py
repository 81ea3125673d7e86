"""The shadow widget's course as a picture: PNG and SVG, the same bytes from the same data.

Figures are made without matplotlib's global state, with its own font, a fixed salt for the names
in the SVG, and no date, version or program name in the files. No text of the data is drawn, only
times and numbers.
"""

from __future__ import annotations

import datetime
import io
import platform
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from replay.gate.telemetry.timeline import Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (11.0, 7.6)
"""Inches; 100 dots each."""

_STYLE: dict[str, Any] = {
    "svg.hashsalt": "doge-replay",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.usetex": False,
    "axes.unicode_minus": False,
    "path.simplify": True,
    "agg.path.chunksize": 0,
}
_BLUE, _RED, _AMBER, _GREY = "#2f5f8f", "#b3261e", "#9a6700", "#8a94a3"


def drawn_by() -> str:
    """What draws the charts: another version of it draws other bytes."""
    import matplotlib

    return f"matplotlib {matplotlib.__version__}, {platform.machine()}"


def course_png(timeline: Timeline) -> bytes:
    """The course as PNG."""
    return _saved(timeline, "png", {"Software": None})


def course_svg(timeline: Timeline) -> bytes:
    """The course as SVG, letters as paths."""
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    # Nothing needs the address of the DTD in it.
    return re.sub(rb"<!DOCTYPE[^>]*>\s*", b"", _saved(timeline, "svg", nothing), count=1)


def _saved(timeline: Timeline, form: str, metadata: dict[str, Any]) -> bytes:
    # Loading it takes longer than most commands do.
    import matplotlib

    file = io.BytesIO()
    style: Any = dict(matplotlib.rcParamsDefault) | _STYLE | {"backend": "agg"}
    with matplotlib.rc_context(style):
        figure = _figure(timeline)
        figure.savefig(file, format=form, metadata=metadata, dpi=100)
    return file.getvalue()


def _figure(timeline: Timeline) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    top, middle, bottom = figure.subplots(
        3, 1, sharex=True, gridspec_kw={"height_ratios": [3, 3, 2]}
    )
    samples = timeline.samples
    if not samples:
        top.set_title("no usable sample")
        return figure
    begin = samples[0].at
    hours = [(sample.at - begin) / 3600.0 for sample in samples]
    totals = _totals(timeline)
    _steps(top, hours, [one[0] for one in totals], "divergences", _RED)
    _steps(middle, hours, [one[1] for one in totals], "shadow failures", _AMBER)
    _rate(bottom, timeline, hours)
    for axes in (top, middle, bottom):
        _mark(axes, timeline, begin)
        axes.grid(True, color="#dde2ea", linewidth=0.6)
        axes.set_axisbelow(True)
    first, last = _when(begin), _when(samples[-1].at)
    top.set_title(f"State machine shadow, {first} to {last} UTC", loc="left", parse_math=False)
    bottom.set_xlabel(
        f"hours since {first} UTC      grey: no samples      dashed: another process",
        parse_math=False,
    )
    return figure


def _totals(timeline: Timeline) -> list[tuple[int, int]]:
    """Divergences and failures up to each sample, over all processes."""
    rows: list[tuple[int, int]] = []
    divergences = failures = 0
    for lifetime in timeline.lifetimes:
        for sample in lifetime.samples:
            counters = sample.counters
            rows.append(
                (divergences + counters.total_divergences, failures + counters.shadow_failures)
            )
        divergences, failures = rows[-1]
    return rows


def _steps(
    axes: Axes, hours: Sequence[float], values: Sequence[int], label: str, color: str
) -> None:
    from matplotlib.ticker import MaxNLocator

    # Where nothing changes there is nothing to draw.
    kept = [place for place in range(len(values))
            if place in (0, len(values) - 1) or values[place] != values[place - 1]]  # fmt: skip
    hours, values = [hours[place] for place in kept], [values[place] for place in kept]
    axes.step(hours, values, where="post", color=color, linewidth=1.4)
    axes.fill_between(hours, values, step="post", color=color, alpha=0.12)
    axes.set_ylabel(label)
    axes.set_ylim(0, max(1.0, max(values) * 1.08))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.text(
        *(0.01, 0.93),
        f"{values[-1]:,} over all processes",
        transform=axes.transAxes,
        ha="left",
        va="top",
        color=color,
        parse_math=False,
    )


def _rate(axes: Axes, timeline: Timeline, hours: Sequence[float]) -> None:
    """Checks a minute, between two samples of one process."""
    samples = timeline.samples
    firsts = {id(one.first) for one in timeline.lifetimes}
    rates = [float("nan")]
    for old, new in pairwise(samples):
        minutes = (new.at - old.at) / 60.0
        rise = new.counters.checks - old.counters.checks
        rates.append(rise / minutes if minutes > 0 and id(new) not in firsts else float("nan"))
    axes.plot(hours, rates, color=_BLUE, linewidth=0.9)
    axes.set_ylabel("checks a minute")
    axes.set_ylim(0, max((rate for rate in rates if rate == rate), default=0.0) * 1.1 or 1.0)


def _mark(axes: Axes, timeline: Timeline, begin: float) -> None:
    """Gaps and restarts."""
    for gap in timeline.gaps:
        axes.axvspan(
            (gap.before.at - begin) / 3600.0,
            (gap.after.at - begin) / 3600.0,
            color=_GREY,
            alpha=0.25,
            linewidth=0,
        )
    for lifetime in timeline.lifetimes[1:]:
        at = (lifetime.first.at - begin) / 3600.0
        axes.axvline(at, color=_GREY, linestyle="--", linewidth=0.9)


def _when(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M")
