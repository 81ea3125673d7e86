"""The first page: how the shadow is, the worst causes, the course, the counters, the slots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from replay.findings.lifecycle import Status
from replay.gate.course_charts import Chart
from replay.gate.telemetry.course import Course, time_of
from replay.gate.telemetry.samples import Sample
from replay.web.database_view import Line, Listing
from replay.web.finding_list import Query
from replay.web.last import Pointer
from replay.web.shell import page
from replay.web.slot_table import slot_table
from replay.web.telemetry_cache import Telemetry
from replay.web.widget import State, adapter_of, counters, state_of
from replay.web.words import ago, mapping, number

REFRESH = 5
"""Seconds between looks at a running bot, and for files."""

OLD = 180.0
"""Seconds: a sample that is older is told, since the loop takes one a minute."""

SPANS: Mapping[str, float | None] = {"1 h": 1, "6 h": 6, "48 h": 48, "all": None}
DEFAULT_SPAN = "48 h"
WORST = 5
"""Causes and findings that are shown here."""


class Seen(NamedTuple):
    """All that the page is made of. `status` is None where there is no bot or it says nothing,
    `trouble` then says why, "" where none was expected. `now` is the machine's time."""

    status: Mapping[str, Any] | None
    trouble: str
    telemetry: Telemetry
    course: Course
    charts: tuple[Chart, ...]
    listing: Listing
    pointer: Pointer | None
    logs: str
    now: float
    span: str


def last_block(seen: Telemetry) -> Mapping[str, Any] | None:
    """The counters of the newest sample, as a bot would say them; None where there are none."""
    return _as_block(seen.samples[-1]) if seen.samples else None


def dashboard(seen: Seen) -> str:
    """The page."""
    block = last_block(seen.telemetry) if seen.status is None else (
        seen.status.get("state_machine_shadow")
    )  # fmt: skip
    shown = mapping(block) if block is not None else None
    state = _state(seen, shown)
    causes = [line for line in seen.listing.causes if line.is_open]
    left = _without_cause(seen.listing)
    return page(
        "dashboard.html",
        "Shadow",
        here="/",
        refresh=REFRESH,
        seen=seen,
        state=state,
        block=shown,
        leads_to=_leads_to(seen.listing, bool(causes)),
        speed=_speed(_clock(seen.status)),
        now=_clock(seen.status).get("now"),
        newest=seen.telemetry.samples[-1] if seen.telemetry.samples else None,
        time_of=time_of,
        counters=None if shown is None else counters(shown),
        adapter=adapter_of(shown or {}) if seen.status is not None else None,
        slots=None if seen.status is None else slot_table(seen.status),
        causes=causes[:WORST],
        more_causes=len(causes) - WORST,
        findings=left[:WORST],
        more_findings=len(left) - WORST,
        statuses=_statuses(seen.listing),
        spans={
            name: "/" if name == DEFAULT_SPAN else f"/?span={name.replace(' ', '+')}"
            for name in SPANS
        },
        course_words=_course_words(seen) if seen.course.points else "",
        age=_age(seen),
    )


def _leads_to(listing: Listing, has_causes: bool) -> str:
    """Where the headline leads: to what one wants to read of it."""
    if has_causes:
        return "/causes"
    return "/divergences" if listing.lines else ""


def _without_cause(listing: Listing) -> list[Line]:
    """Findings that still ask for somebody, and that no cause has part in."""
    told = {finding for line in listing.causes if line.is_open for finding in line.cause.findings}
    settled = (Status.EXPLAINED, Status.FIXED)
    return [one for one in listing.lines if one.status not in settled and one.id not in told]


def _statuses(listing: Listing) -> list[tuple[Status, int, str]]:
    """How many findings have each status, and where they are listed."""
    counts = {status: sum(line.status is status for line in listing.lines) for status in Status}
    return [
        (status, many, Query(statuses=(status,)).address())
        for status, many in counts.items()
        if many
    ]


# --- How it is ----------------------------------------------------------------------------------


def _state(seen: Seen, block: Mapping[str, Any] | None) -> State:
    state = state_of(block)
    if seen.status is None:
        known = f". Last known: {state.headline}" if block is not None else ""
        return State("warn" if seen.trouble else "", f"No bot is running here{known}")
    if block is None:
        return State(state.tone, "The bot has no counters yet: it is starting")
    return state


def _speed(clock: Mapping[str, Any]) -> str:
    """How fast the bot's clock runs where that is not real time, "" where it is."""
    speed = clock.get("speed")
    if speed is None or number(speed) == 1.0:
        return ""
    times = number(speed)
    return f"at {times:,.6g} times real time" if times else "as fast as it can"


def _clock(status: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The bot's clock; the adapter says it too."""
    if status is None:
        return {}
    block = mapping(status.get("state_machine_shadow"))
    return mapping(status.get("clock")) or mapping(mapping(block.get("adapter")).get("clock"))


def _as_block(sample: Sample) -> Mapping[str, Any]:
    return {
        "enabled": sample.enabled,
        "executable_available": sample.executable_available,
        **sample.counters._asdict(),
        "last_divergence_ts": sample.divergence_ts,
        "last_divergence_kind": sample.divergence_kind,
        "last_divergence_event": sample.divergence_event,
        "last_shadow_error": sample.error,
    }


# --- The course ---------------------------------------------------------------------------------


def _course_words(seen: Seen) -> str:
    course, telemetry = seen.course, seen.telemetry
    gaps = course.gaps
    said = [
        f"{len(course.points):,} samples over {ago(course.end - course.begin)}",
        f"{course.restarts:,} restart{'s' * (course.restarts != 1)}",
        f"{len(gaps):,} gap{'s' * (len(gaps) != 1)}"
        + (f" (the longest {ago(max(gaps))})" if gaps else ""),
    ]
    aside = telemetry.set_aside
    if aside:
        said.append(f"{aside:,} piece{'s' * (aside != 1)} not usable")
    return ", ".join(said)


def _age(seen: Seen) -> str:
    """How old the newest sample is, where that is too old. Where the bot's clock is not the real
    one, nobody can say how often a sample is due."""
    clock = _clock(seen.status)
    if not seen.course.points or seen.status is None or number(clock.get("speed", 1.0)) != 1.0:
        return ""
    age = (number(clock.get("now")) or seen.now) - time_of(seen.telemetry.samples[-1])
    return ago(age) if age > OLD else ""
