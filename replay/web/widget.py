"""The shadow widget: what the counters say now, in figures, in words and in colour.

The fields stand there by the names that the runbook gives them. Colours and headline say how the
shadow is doing; whether the gate is passed is for `doge-replay gate` to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from replay.gate.course_charts import microseconds
from replay.gate.criteria.impact import SLOWER
from replay.web.words import NOTHING, count, mapping, moment, number, words

CHECKS = ("transition_checks", "invariant_checks")
DIVERGENCES = ("transition_divergences", "invariant_divergences", "total_divergences")
LAST = (
    *("last_divergence_ts", "last_divergence_kind", "last_divergence_event"),
    "last_shadow_error",
)


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


class Cell(NamedTuple):
    """One counter: its value, and what that is called in a word on colour, "" for nothing.
    `is_idle` where there is nothing to see."""

    name: str
    value: object
    said: str = ""
    tone: str = ""
    is_idle: bool = False
    is_wide: bool = False


def counters(block: Mapping[str, Any]) -> list[Cell]:
    """All twelve counters."""
    return [
        _flag("enabled", block, "on", "off", ""),
        _flag("executable_available", block, "available", "missing", "warn"),
        *(_count(name, block, "", "counting") for name in CHECKS),
        *(_count(name, block, "bad", "diverges") for name in DIVERGENCES),
        _count("shadow_failures", block, "warn", "failing"),
        *(_last(name, block) for name in LAST),
    ]


def _flag(name: str, block: Mapping[str, Any], yes: str, no: str, tone: str) -> Cell:
    value = block.get(name)
    if not isinstance(value, bool):
        return _odd(name, value)
    return Cell(name, value, yes, "good") if value else Cell(name, value, no, tone)


def _count(name: str, block: Mapping[str, Any], tone: str, said: str) -> Cell:
    value = count(block.get(name))
    if value is None:
        return _odd(name, block.get(name))
    if value:
        return Cell(name, value, said, tone)
    return Cell(name, value, "none", tone and "good", is_idle=name not in CHECKS)


def _odd(name: str, value: object) -> Cell:
    return Cell(name, value, "not a value that it can have", "warn")


def _last(name: str, block: Mapping[str, Any]) -> Cell:
    value = block.get(name)
    shown = moment(value) if name == "last_divergence_ts" else None
    return Cell(name, shown or value, is_idle=value in (None, ""), is_wide=True)


# --- What our own adapter adds ------------------------------------------------------------------


class Figure(NamedTuple):
    """A value under its name, with what it is called in a word on colour, "" for nothing."""

    name: str
    value: object
    said: str = ""
    tone: str = "warn"


class Adapter(NamedTuple):
    """Queue, latency and recorder of the adapter; no `journal` where none is written."""

    queue: list[Figure]
    latency: list[tuple[str, str, str, Figure]]
    journal: list[Figure]


def adapter_of(block: Mapping[str, Any]) -> Adapter | None:
    """What the adapter tells; None where the counters are another's."""
    adapter = mapping(block.get("adapter"))
    if not adapter:
        return None
    return Adapter(_queue(adapter), _latency(adapter), _journal(adapter))


def _queue(adapter: Mapping[str, Any]) -> list[Figure]:
    limit = adapter.get("queue_limit")
    waiting = f"{words(adapter.get('queue'))} of {words(limit)}"
    dropped, failed = adapter.get("dropped"), adapter.get("failed")
    return [
        Figure("offered", adapter.get("offered")),
        Figure("compared", adapter.get("compared")),
        Figure("dropped", dropped, "lost" if dropped else ""),
        Figure("failed", failed, "failing" if failed else ""),
        Figure("waiting", f"{waiting}, at most {words(adapter.get('queue_max'))} so far"),
        *(Figure(name, adapter.get(name)) for name in ("backend", "fallbacks", "restarts")),
        Figure("started", moment(adapter.get("started")) or adapter.get("started")),
    ]


def _latency(adapter: Mapping[str, Any]) -> list[tuple[str, str, str, Figure]]:
    latency = mapping(adapter.get("latency"))
    bare, whole = mapping(latency.get("bare")), mapping(latency.get("whole"))
    return [
        (name, _duration(bare.get(key)), _duration(whole.get(key)), _ratio(bare, whole, key))
        for name, key in (("median", "p50"), ("99 %", "p99"), ("longest", "max"))
    ]


def _duration(value: object) -> str:
    seconds = number(value)
    return words(value) if seconds is None else microseconds(seconds)


def _ratio(bare: Mapping[str, Any], whole: Mapping[str, Any], key: str) -> Figure:
    one, other = number(bare.get(key)), number(whole.get(key))
    if one is None or other is None or one <= 0.0:
        return Figure(key, NOTHING)
    ratio = other / one
    return Figure(key, f"{ratio:,.2f}", "slow" if key == "p50" and ratio > SLOWER else "")


def _journal(adapter: Mapping[str, Any]) -> list[Figure]:
    if adapter.get("recorder") is None:
        return []
    recorder = mapping(adapter.get("recorder"))
    errors = recorder.get("errors")
    return [
        *(Figure(name, recorder.get(name)) for name in ("file", "lines", "bytes")),
        Figure("errors", errors, "not all is kept" if errors else ""),
    ]
