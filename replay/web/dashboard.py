"""The first page: how the shadow is doing, its course, the slots, and the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from replay.gate.telemetry.samples import Sample
from replay.reports.html_detail import terms
from replay.reports.html_pieces import Markup, element, join
from replay.reports.texts import plain
from replay.web.course import Course
from replay.web.database_view import Listing
from replay.web.finding_list import summary_part
from replay.web.last import Pointer
from replay.web.shell import nothing, page, remark, section, tag
from replay.web.slot_table import slots_part
from replay.web.telemetry_cache import Telemetry, time_of
from replay.web.widget import adapter_part, counters, state_of
from replay.web.words import ago, mapping, number, time_words, words

REFRESH = 5
"""Seconds between looks at a running bot, and for files."""

OLD = 180.0
"""Seconds: a sample that is older is told, since the loop takes one a minute."""

SPANS: Mapping[str, float | None] = {"1 h": 1, "6 h": 6, "48 h": 48, "all": None}
DEFAULT_SPAN = "48 h"
MAX_PROBLEMS = 10


class Seen(NamedTuple):
    """All that the page is made of. `status` is None where there is no bot or it says nothing,
    `trouble` then says why, "" where none was expected. `now` is the machine's time."""

    status: Mapping[str, Any] | None
    trouble: str
    telemetry: Telemetry
    course: Course
    charts: Markup
    listing: Listing
    pointer: Pointer | None
    logs: str
    now: float
    span: str


def last_block(seen: Telemetry) -> Mapping[str, Any] | None:
    """The counters of the newest sample, as a bot would say them; None where there is none."""
    return _as_block(seen.samples[-1]) if seen.samples else None


def dashboard(seen: Seen) -> str:
    """The page."""
    status = seen.status
    block = None if status is None else status.get("state_machine_shadow")
    live = status is not None
    if status is None:
        block = last_block(seen.telemetry)
    shown = mapping(block) if block is not None else None
    return page(
        "Shadow",
        element("div", _head(seen, shown), id="head", class_="live-part"),
        section(
            "Counters" if live else "Counters of the newest sample",
            counters(shown) if shown is not None else _no_counters(seen),
            adapter_part(shown or {}) if live else Markup(""),
            id="counters",
            live=True,
        ),
        _last(shown, seen.pointer),
        _course(seen),
        section("Slots", slots_part(status), id="slots", live=True)
        if status is not None
        else nothing("slots"),
        summary_part(seen.listing),
        here="/",
        refresh=REFRESH,
    )


# --- How it is ----------------------------------------------------------------------------------


def _head(seen: Seen, block: Mapping[str, Any] | None) -> Markup:
    state = state_of(block)
    headline = state.headline
    tone = state.tone
    if seen.status is None:
        headline = f"No bot is running here. Last known: {headline}" if block is not None else (
            "No bot is running here"
        )  # fmt: skip
        tone = "warn" if seen.trouble else ""
    elif block is None:
        headline = "The bot has no counters yet: it is starting"
    pieces = [
        element("p", "state machine shadow", class_="kicker"),
        element("h1", headline),
        element("p", *_standing(seen)),
    ]
    if seen.trouble:
        pieces.append(element("p", tag("no answer", "warn"), " ", plain(seen.trouble, 300)))
    clock = _clock(seen.status)
    if (speed := clock.get("speed")) is not None and number(speed) != 1.0:
        times = number(speed)
        fast = f"at {times:,.6g} times real time" if times else "as fast as it can"
        pieces.append(
            element("p", tag("rehearsal", "warn"), f" The bot's clock runs {fast}: "
                    "this is no 48 hours of real time.")
        )  # fmt: skip
    pieces.append(
        element("p", "Whether the gate is passed is for ", element("code", "doge-replay gate"),
                " to say.", class_="dim")
    )  # fmt: skip
    return element("div", *pieces, class_=f"verdict {tone}".rstrip())


def _standing(seen: Seen) -> list[object]:
    status = seen.status
    if status is None:
        if not seen.telemetry.samples:
            return ["Nothing is known of a shadow."]
        newest = seen.telemetry.samples[-1]
        return [
            "from ",
            element("code", plain(newest.file, 120)),
            ", ",
            time_words(time_of(newest)),
        ]
    said: list[object] = [
        f"{plain(words(status.get('mode')), 40)}, {plain(words(status.get('pair')), 40)}, phase ",
        tag(plain(words(status.get("top_phase")), 20)),
    ]
    now = _clock(status).get("now")
    return [*said, ", ", time_words(now)] if now is not None else said


def _clock(status: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The bot's clock; the adapter says it too."""
    if status is None:
        return {}
    block = mapping(status.get("state_machine_shadow"))
    return mapping(status.get("clock")) or mapping(mapping(block.get("adapter")).get("clock"))


def _no_counters(seen: Seen) -> Markup:
    if seen.status is not None:
        return remark("The bot answers without state_machine_shadow, as it does while it starts.")
    return remark("There is no bot and no telemetry here to take them from.")


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


# --- The last divergence ------------------------------------------------------------------------


def _last(block: Mapping[str, Any] | None, pointer: Pointer | None) -> Markup:
    if block is None:
        return nothing("last")
    if pointer is None:
        said = remark("None so far.")
    else:
        facts: list[tuple[str, object]] = [
            ("when", time_words(block.get("last_divergence_ts"))),
            ("kind", plain(words(block.get("last_divergence_kind")), 60)),
            ("event", plain(words(block.get("last_divergence_event")), 120)),
            ("finding", join((element("a", pointer.name, href=pointer.address),
                              *((f" ({plain(pointer.why, 300)})",) if pointer.why else ())))),
        ]  # fmt: skip
        said = element("div", terms(facts), class_="card")
    return section("Last divergence", said, id="last", live=True)


# --- The course ---------------------------------------------------------------------------------


def _course(seen: Seen) -> Markup:
    spans = [
        element(
            "a",
            name,
            href="/" if name == DEFAULT_SPAN else f"/?span={name.replace(' ', '+')}",
            aria_current="true" if name == seen.span else None,
        )
        for name in SPANS
    ]
    if not seen.course.points:
        where = f" in {plain(seen.logs, 200)}" if seen.logs else ""
        said: tuple[Markup, ...] = (
            remark(f"No telemetry{where} yet: the runbook's loop, or ",
                   element("code", "doge-replay monitor"), ", writes it."),
        )  # fmt: skip
    else:
        said = (
            element("nav", *spans, aria_label="how much of the course"),
            remark(*_course_words(seen)),
            seen.charts,
        )
    problems = [
        element("li", plain(problem, 200)) for problem in seen.telemetry.problems[:MAX_PROBLEMS]
    ]
    return section(
        "Course",
        *said,
        element("ul", *problems, class_="card") if problems else Markup(""),
        id="course",
        live=True,
    )


def _course_words(seen: Seen) -> list[object]:
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
    words: list[object] = [", ".join(said)]
    clock = _clock(seen.status)
    # Where the bot's clock is not the real one, nobody can say how often a sample is due.
    if seen.status is not None and number(clock.get("speed", 1.0)) == 1.0:
        age = (number(clock.get("now")) or seen.now) - time_of(telemetry.samples[-1])
        if age > OLD:
            words += [". ", tag(f"the newest sample is {ago(age)} old", "warn")]
    return words
