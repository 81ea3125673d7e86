"""The part of report.html that says how much the run means: what was exercised, and the bounds."""

from __future__ import annotations

from replay.reports.html_pieces import Markup, code, element, join, table
from replay.reports.wording import INDEPENDENT, counted, nothing_drawn, percent, phase_name
from replay.runs.coverage import PHASES, call_name_of
from replay.runs.report import Report

MAX_ROWS = 150


def exercised_section(report: Report) -> Markup:
    """What was exercised."""
    exercised = report.exercised
    return element(
        "section",
        element("h2", "What was exercised", id="exercised"),
        element(
            "p",
            f"{exercised.steps:,} steps, "
            f"{counted(len(exercised.configurations), 'configuration')}, "
            f"{len(report.features):,} features reached.",
            class_="remark",
        ),
        _bounds(report),
        _phases(report),
        _rules(report),
        _actions(report),
    )


def _card(title: str, *children: object) -> Markup:
    return join((element("h3", title), element("div", *children, class_="card")))


def _bounds(report: Report) -> Markup:
    bounds = report.bounds()
    if not bounds:
        return element("p", nothing_drawn(report), class_="remark")
    head = ("event", "independent steps", "diverged", "at most", "draws", "diverged", "at most")
    rows = [
        (
            call_name_of(one.call), f"{one.steps:,}", f"{one.differed:,}", percent(one.per_step),
            f"{one.draws:,}", f"{one.differed_draws:,}", percent(one.per_draw),
        )
        for one in bounds
    ]  # fmt: skip
    return _card(
        "How often each event could diverge without this run having seen more of it "
        "(95 % upper bounds)",
        table(head, rows),
        element("p", INDEPENDENT, class_="dim"),
    )


def _phases(report: Report) -> Markup:
    calls = report.calls()
    rows = [
        (call_name_of(call), f"{row.total():,}", *(f"{row[phase]:,}" for phase in PHASES))
        for call, row in report.exercised.phases().items()
    ]
    if not rows:
        rows = [(name, f"{count:,}", *("" for _ in PHASES)) for name, count in calls.items()]
    head = ("step", "compared", *map(phase_name, PHASES))
    return _card("Steps by the phase that they started in", table(head, rows))


def _rules(report: Report) -> Markup:
    refused = report.exercised.refused
    rows = [
        (call_name_of(call), rule, f"{met:,}", f"{acted:,}")
        for call, rule, met, acted in report.exercised.rules()
        if rule
    ]
    refusals = [
        (call_name_of(call), kind, f"{count:,}") for (call, kind), count in sorted(refused.items())
    ]
    pieces = []
    if rows:
        met = table(("event", "rule", "met", "acted"), rows[:MAX_ROWS], texts=2)
        pieces.append(_card("Rules of the reducer that were met", met))
    if refusals:
        times = table(("event", "refused as", "times"), refusals[:MAX_ROWS], texts=2)
        pieces.append(_card("What the authority refused", times))
    return join(pieces)


def _actions(report: Report) -> Markup:
    actions = sorted(report.exercised.actions.items())
    if not actions:
        return Markup("")
    rows = [(kind, code(reason, 80), f"{count:,}") for (kind, reason), count in actions]
    more = len(rows) - MAX_ROWS
    note = (element("p", f"and {more:,} kinds more", class_="dim"),) if more > 0 else ()
    return _card(
        "What the authority did",
        table(("action", "why", "times"), rows[:MAX_ROWS], texts=2),
        *note,
    )
