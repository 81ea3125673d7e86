"""The shadow widget: what the counters say now, in figures, in words and in colour.

The fields stand there by the names that the runbook gives them. Colours and headline say how the
shadow is doing; whether the gate is passed is for `doge-replay gate` to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from replay.gate.criteria.impact import SLOWER
from replay.reports.html_detail import terms
from replay.reports.html_pieces import Markup, code, element, join, table
from replay.reports.texts import plain
from replay.web.chart import microseconds
from replay.web.shell import tag
from replay.web.words import NOTHING, count, mapping, number, time_words, words

CHECKS = ("transition_checks", "invariant_checks")
DIVERGENCES = ("transition_divergences", "invariant_divergences", "total_divergences")
LAST = (
    *("last_divergence_ts", "last_divergence_kind", "last_divergence_event"),
    "last_shadow_error",
)
MAX_ERROR = 600


class State(NamedTuple):
    """How the shadow is doing: `tone` as in the style (good, bad, warn or "")."""

    tone: str
    headline: str


def state_of(block: Mapping[str, Any] | None) -> State:
    """Counters in one sentence; None where there are none."""
    if block is None:
        return State("", "No counters yet")
    diverged, failed = (count(block.get(name)) for name in ("total_divergences", "shadow_failures"))
    dropped = count(mapping(block.get("adapter")).get("dropped")) or 0
    checks = sum(count(block.get(name)) or 0 for name in CHECKS)
    if diverged is None or failed is None:
        return State("warn", "These counters are not as they should be")
    said = []
    if diverged:
        said.append(f"{diverged:,} divergence{'s' * (diverged != 1)}")
    if failed:
        said.append(f"{failed:,} shadow failure{'s' * (failed != 1)}")
    if dropped:
        said.append(f"{dropped:,} call{'s' * (dropped != 1)} dropped without a comparison")
    tone = "bad" if diverged else "warn"
    if block.get("enabled") is False:
        return State(tone if said else "", ", ".join(["The shadow is off", *said]))
    if block.get("executable_available") is not True:
        return State(tone, ", ".join(["The shadow's executable is not available", *said]))
    if said:
        return State(tone, f"{', '.join(said)} in {checks:,} checks")
    if not checks:
        return State("", "The shadow is on, and has compared nothing yet")
    return State("good", f"No divergence and no failure in {checks:,} checks")


def counters(block: Mapping[str, Any]) -> Markup:
    """All twelve counters."""
    cells = [
        _flag("enabled", block, "on", "off", ""),
        _flag("executable_available", block, "available", "missing", "warn"),
        *(_count(name, block, "", "counting") for name in CHECKS),
        *(_count(name, block, "bad", "diverges") for name in DIVERGENCES),
        _count("shadow_failures", block, "warn", "failing"),
        *(_last(name, block) for name in LAST),
    ]
    return element("div", *cells, class_="cells")


def _cell(name: str, value: object, *tags: Markup, wide: bool = False) -> Markup:
    return element(
        "div",
        element("span", name, class_="name"),
        element("span", value, class_="figure", data_counter=name),
        *tags,
        class_="cell wide" if wide else "cell",
    )


def _flag(name: str, block: Mapping[str, Any], yes: str, no: str, tone: str) -> Markup:
    value = block.get(name)
    if not isinstance(value, bool):
        return _odd(name, value)
    return _cell(name, words(value), tag(yes, "good") if value else tag(no, tone))


def _count(name: str, block: Mapping[str, Any], tone: str, said: str) -> Markup:
    value = count(block.get(name))
    if value is None:
        return _odd(name, block.get(name))
    return _cell(name, f"{value:,}", tag(said, tone) if value else tag("none", tone and "good"))


def _odd(name: str, value: object) -> Markup:
    return _cell(name, plain(words(value), 60), tag("not a value that it can have", "warn"))


def _last(name: str, block: Mapping[str, Any]) -> Markup:
    value = block.get(name)
    said = time_words(value) if name == "last_divergence_ts" else plain(words(value), MAX_ERROR)
    return _cell(name, said, wide=True)


# --- What our own adapter adds ------------------------------------------------------------------


def adapter_part(block: Mapping[str, Any]) -> Markup:
    """Queue, latency and recorder of the adapter; nothing where the counters are another's."""
    adapter = mapping(block.get("adapter"))
    if not adapter:
        return Markup("")
    return element(
        "div",
        element("div", element("h3", "Queue"), _queue(adapter), class_="card"),
        element("div", element("h3", "Authoritative call"), _latency(adapter), class_="card"),
        element("div", element("h3", "Journal"), _recorder(adapter), class_="card"),
        class_="cards",
    )


def _queue(adapter: Mapping[str, Any]) -> Markup:
    limit = adapter.get("queue_limit")
    waiting = f"{words(adapter.get('queue'))} of {words(limit)}"
    dropped, failed = adapter.get("dropped"), adapter.get("failed")
    rows: list[tuple[str, object]] = [
        ("offered", words(adapter.get("offered"))),
        ("compared", words(adapter.get("compared"))),
        ("dropped", join((words(dropped), *((" ", tag("lost", "warn")) if dropped else ())))),
        ("failed", join((words(failed), *((" ", tag("failing", "warn")) if failed else ())))),
        ("waiting", f"{waiting}, at most {words(adapter.get('queue_max'))} so far"),
        ("backend", plain(words(adapter.get("backend")))),
        ("fallbacks", words(adapter.get("fallbacks"))),
        ("restarts", words(adapter.get("restarts"))),
        ("started", time_words(adapter.get("started"))),
    ]
    return terms(rows)


def _latency(adapter: Mapping[str, Any]) -> Markup:
    latency = mapping(adapter.get("latency"))
    bare, whole = mapping(latency.get("bare")), mapping(latency.get("whole"))
    rows = [
        (name, _duration(bare.get(key)), _duration(whole.get(key)), _ratio(bare, whole, key))
        for name, key in (("median", "p50"), ("99 %", "p99"), ("longest", "max"))
    ]
    return element(
        "div",
        table(("", "bare", "with shadow", "times"), rows, label="time of an authoritative call"),
        class_="scroll",
    )


def _duration(value: object) -> str:
    seconds = number(value)
    return plain(words(value), 40) if seconds is None else microseconds(seconds)


def _ratio(bare: Mapping[str, Any], whole: Mapping[str, Any], key: str) -> Markup | str:
    one, other = number(bare.get(key)), number(whole.get(key))
    if one is None or other is None or one <= 0.0:
        return NOTHING
    ratio = other / one
    said = f"{ratio:,.2f}"
    return tag(f"{said}, slow", "warn") if key == "p50" and ratio > SLOWER else said


def _recorder(adapter: Mapping[str, Any]) -> Markup:
    recorder = adapter.get("recorder")
    if recorder is None:
        return element("p", "No journal is written.", class_="dim")
    recorder = mapping(recorder)
    errors = recorder.get("errors")
    return terms(
        [
            ("file", code(words(recorder.get("file")), 200)),
            ("lines", words(recorder.get("lines"))),
            ("bytes", words(recorder.get("bytes"))),
            ("errors", join((words(errors), *((" ", tag("not all is kept", "warn")) if errors
                                              else ())))),
        ]
    )  # fmt: skip
