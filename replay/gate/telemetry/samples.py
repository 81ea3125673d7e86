"""Telemetry as an operator's loop leaves it (formats.md, "Telemetry"), read into samples.

Nothing is repaired: a sample is taken as it is or set aside with file, line and reason. What
contradicts itself (a total that is not the sum, a counter below zero) is told apart from what a
restart or a kill leaves behind, since no figure from such a bot can be believed.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from replay.gate.telemetry.clock import LARGEST, HostClock, clock_of, stamp
from replay.gate.telemetry.json_objects import read_objects
from replay.streams.log_files import Wanted, find_files
from replay.streams.model import Lost, Rejected, Unread

MOST = 2**63 - 1
"""Above it nothing was counted."""

MAX_SET_ASIDE = 1_000
"""Pieces that are named; all are counted."""

BLOCK = "state_machine_shadow"
LOST = "lost"
"""The key on a line without counters by which a writer tells how many of its lines are lost."""
KINDS = ("transition", "invariant", "")


class Counters(NamedTuple):
    """The counts of a process since it started."""

    transition_checks: int = 0
    invariant_checks: int = 0
    transition_divergences: int = 0
    invariant_divergences: int = 0
    total_divergences: int = 0
    shadow_failures: int = 0

    @property
    def checks(self) -> int:
        """All that was compared."""
        return self.transition_checks + self.invariant_checks

    def plus(self, other: Counters) -> Counters:
        """The sum, one by one."""
        return Counters(*(one + more for one, more in zip(self, other, strict=True)))

    def minus(self, other: Counters) -> Counters:
        """The rise since others, one by one."""
        return Counters(*(one - less for one, less in zip(self, other, strict=True)))

    def covers(self, former: Counters) -> bool:
        """Whether none is lower than in former ones."""
        return all(one >= less for one, less in zip(self, former, strict=True))


class Latency(NamedTuple):
    """Seconds that an authoritative call took, at the median and at one in a hundred."""

    p50: float
    p99: float


class CoreSeen(NamedTuple):
    """A core as the adapter saw it: the SHA-256 of what ran, and of what its file had by then."""

    path: str
    sha256: str
    on_disk: str
    version: str


@dataclass(frozen=True, slots=True)
class Adapter:
    """What doge-replay's own adapter adds under `adapter`; None where a figure is not there.

    `started` is when the process started (epoch seconds). `bare` is the latency of the bot's own
    state machine, `whole` with what the adapter adds. `queue_max` is the longest that the queue
    has been, `queue_limit` how long it may be.
    """

    started: float | None = None
    backend: str | None = None
    offered: int | None = None
    compared: int | None = None
    dropped: int | None = None
    failed: int | None = None
    queue_max: int | None = None
    queue_limit: int | None = None
    bare: Latency | None = None
    whole: Latency | None = None
    clock: HostClock | None = None
    unrecorded: int | None = None
    """Lines of the journal that could not be written, or were lost after that."""
    cores: Mapping[str, CoreSeen] = field(default_factory=dict, hash=False)
    """`authority` and `shadow`, where they are told."""


class Sample(NamedTuple):
    """One usable sample. `at` is its time in epoch seconds, `text` as it stood there: its `ts`, or
    in a rehearsal its host's clock, and then it `is_rehearsed`. `written` is always its `ts`."""

    file: str
    line: int
    at: float
    text: str
    mode: str
    top_phase: str
    enabled: bool
    executable_available: bool
    counters: Counters
    divergence_ts: float | None
    divergence_kind: str
    divergence_event: str
    error: str
    adapter: Adapter | None
    written: float
    is_rehearsed: bool = False

    @property
    def place(self) -> str:
        """Where it stood."""
        return f"{self.file}:{self.line}"


class Fault(StrEnum):
    """What was wrong with something that was set aside."""

    UNREADABLE = "unreadable"
    """Half an object, damage, or something else than telemetry."""

    NO_BLOCK = "no block"
    """The bot answered without its counters, as while it starts."""

    LOST = "lost"
    """A writer tells that samples of its own are lost."""

    DOUBLED = "doubled"
    """The very same sample once more."""

    CONTRADICTION = "contradiction"
    """It contradicts itself or formats.md; whoever wrote it may have got others wrong too."""


class SetAside(NamedTuple):
    """A piece that is not used, and why."""

    file: str
    line: int
    reason: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class Telemetry:
    """All that was read, in the order of the files and of the lines in them. `set_aside` has the
    first thousand pieces, `counts` how many there were of each fault. In a `rehearsal` times are
    those of the host's clock, where it says them. `unread` is what lay beside the files, `damaged`
    the first place in each file that is not read to its end."""

    files: tuple[str, ...]
    samples: tuple[Sample, ...]
    set_aside: tuple[SetAside, ...]
    counts: Mapping[Fault, int]
    rehearsal: bool = False
    unread: tuple[Unread, ...] = ()
    damaged: tuple[Lost, ...] = ()

    @property
    def contradictions(self) -> list[SetAside]:
        """Those pieces that make the rest doubtful."""
        return [one for one in self.set_aside if one.fault is Fault.CONTRADICTION]


def read_telemetry(
    paths: Iterable[str | os.PathLike[str]], *, rehearsal: bool = False
) -> Telemetry:
    """Reads files, and directories of them. Raises InputError for a path that is not there."""
    found = find_files(paths, Wanted.TELEMETRY)
    files = {str(file): file for file in found.files}
    return read_named(files, rehearsal=rehearsal, unread=found.unread)


def read_named(
    files: Mapping[str, Path], *, rehearsal: bool = False, unread: Sequence[Unread] = ()
) -> Telemetry:
    """Reads files under other names than they have on the disk."""
    reading = _Reading(rehearsal)
    for name, file in files.items():
        reading.read(name, file)
    return Telemetry(
        tuple(files),
        tuple(reading.samples),
        tuple(reading.set_aside),
        reading.counts,
        rehearsal,
        tuple(unread),
        tuple(reading.damaged.values()),
    )


class _Unusable(Exception):
    def __init__(self, reason: str, fault: Fault = Fault.CONTRADICTION) -> None:
        super().__init__(reason)
        self.fault = fault


class _Reading:
    def __init__(self, rehearsal: bool) -> None:
        self.samples: list[Sample] = []
        self.set_aside: list[SetAside] = []
        self.counts: dict[Fault, int] = dict.fromkeys(Fault, 0)
        self.damaged: dict[str, Lost] = {}
        self._seen: dict[Sample, Sample] = {}
        self._rehearsal = rehearsal

    def read(self, name: str, path: Path) -> None:
        """Reads one file."""
        for item in read_objects(path, name):
            if isinstance(item, Lost):
                self.damaged.setdefault(name, item)
            if isinstance(item, Rejected):
                self._put(SetAside(*item, Fault.UNREADABLE))
                continue
            line, document = item
            sample = sample_of(document, name, line)
            if isinstance(sample, SetAside):
                self._put(sample)
            else:
                self._take(_by_host_clock(sample) if self._rehearsal else sample)

    def _take(self, sample: Sample) -> None:
        content = sample._replace(file="", line=0)
        former = self._seen.setdefault(content, sample)
        if former is sample:
            self.samples.append(sample)
        else:
            reason = f"stands twice: it is the same as {former.place}"
            self._put(SetAside(sample.file, sample.line, reason, Fault.DOUBLED))

    def _put(self, piece: SetAside) -> None:
        self.counts[piece.fault] += 1
        if len(self.set_aside) < MAX_SET_ASIDE:
            self.set_aside.append(piece)


# --- One sample -------------------------------------------------------------------------------

_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def sample_of(document: Mapping[str, Any], file: str, line: int) -> Sample | SetAside:
    """One object of telemetry as a sample, or why it is none. `file` and `line` are its place."""
    try:
        return _sample(document, file, line)
    except _Unusable as unusable:
        return SetAside(file, line, str(unusable), unusable.fault)


def _sample(document: Mapping[str, Any], file: str, line: int) -> Sample:
    if "ts" not in document or BLOCK not in document:
        missing = "ts" if "ts" not in document else BLOCK
        raise _Unusable(f'is no telemetry: it has no "{missing}"', Fault.UNREADABLE)
    text, at = _time(document["ts"])
    block = document[BLOCK]
    if block is None or block == {}:
        why = f"{BLOCK} is {'null' if block is None else 'empty'}"
        # What doge-replay's own monitor says of it.
        told = _loose_text(document.get("reason"))
        if LOST in document:
            raise _Unusable(f"tells a loss: {told or why}", Fault.LOST)
        raise _Unusable(f"has no counters: {told or why}", Fault.NO_BLOCK)
    if not isinstance(block, dict):
        raise _Unusable(f"{BLOCK} is no object")
    counters = Counters(*(_count(block, name) for name in Counters._fields))
    _check(counters)
    kind = _text(block, "last_divergence_kind")
    if kind not in KINDS:
        raise _Unusable(f"last_divergence_kind is {_shown(kind)}")
    return Sample(
        file,
        line,
        at,
        text,
        _loose_text(document.get("mode")),
        _loose_text(document.get("top_phase")),
        _flag(block, "enabled"),
        _flag(block, "executable_available"),
        counters,
        _seconds(block, "last_divergence_ts"),
        kind,
        _text(block, "last_divergence_event"),
        _text(block, "last_shadow_error"),
        _adapter(block.get("adapter")),
        at,
    )


def _by_host_clock(sample: Sample) -> Sample:
    """The same sample at the time of its host's clock, where it has one."""
    clock = None if sample.adapter is None else sample.adapter.clock
    if clock is None or clock.now is None:
        return sample
    return sample._replace(at=clock.now, text=stamp(clock.now), is_rehearsed=True)


def _check(counters: Counters) -> None:
    """What the counts must be to each other (formats.md)."""
    transitions, invariants = counters.transition_divergences, counters.invariant_divergences
    if counters.total_divergences != transitions + invariants:
        raise _Unusable(
            f"total_divergences is {counters.total_divergences}, which is not "
            f"{transitions} + {invariants}"
        )
    if counters.total_divergences > counters.checks:
        raise _Unusable(
            f"counts more divergences ({counters.total_divergences}) than checks "
            f"({counters.checks})"
        )


def _time(value: object) -> tuple[str, float]:
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise _Unusable(f"ts is {_shown(value)}, which is no time in RFC 3339")
    digits = re.sub(r"(\.\d{6})\d+", r"\1", value.upper())
    try:
        return value, datetime.datetime.fromisoformat(digits).timestamp()
    except (ValueError, OverflowError) as error:
        raise _Unusable(f"ts is {_shown(value)}, which is no time") from error


def _field(block: Mapping[str, Any], name: str) -> Any:
    if name not in block:
        raise _Unusable(f"has no {name}")
    return block[name]


def _count(block: Mapping[str, Any], name: str) -> int:
    value = _field(block, name)
    if type(value) is not int:
        raise _Unusable(f"{name} is {_shown(value)}, which is no whole number")
    if value < 0:
        raise _Unusable(f"{name} is {_shown(value)}, below zero")
    if value > MOST:
        raise _Unusable(f"{name} is {_shown(value)}, more than anybody counts")
    return value


def _flag(block: Mapping[str, Any], name: str) -> bool:
    value = _field(block, name)
    if type(value) is not bool:
        raise _Unusable(f"{name} is {_shown(value)}, neither true nor false")
    return value


def _text(block: Mapping[str, Any], name: str) -> str:
    value = _field(block, name)
    if not isinstance(value, str):
        raise _Unusable(f"{name} is {_shown(value)}, which is no text")
    return value


def _loose_text(value: object) -> str:
    """A text that nothing is decided by."""
    return value if isinstance(value, str) else ""


def _seconds(block: Mapping[str, Any], name: str) -> float | None:
    value = _field(block, name)
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= LARGEST:
        raise _Unusable(f"{name} is {_shown(value)}, which is no time")
    return float(value)


def _shown(value: object) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}..."


# --- The adapter's own figures ----------------------------------------------------------------


def _adapter(block: object) -> Adapter | None:
    """What can be used of `adapter`. Raises _Unusable where something in it is of a wrong kind:
    figures by which the cost of the shadow is judged must not vanish for being written wrong."""
    if block is None:
        return None
    if not isinstance(block, dict):
        raise _Unusable("adapter is no object")
    present = {name: value for name, value in block.items() if value is not None}
    counts = {
        name: _count(present, name) if name in present else None
        for name in ("offered", "compared", "dropped", "failed", "queue_max", "queue_limit")
    }
    recorder = present.get("recorder", {})
    if not isinstance(recorder, dict):
        raise _Unusable("adapter.recorder is no object")
    losses = [_count(recorder, name) for name in ("errors", "lost") if name in recorder]
    latency = present.get("latency", {})
    if not isinstance(latency, dict):
        raise _Unusable("adapter.latency is no object")
    try:
        clock = clock_of(present.get("clock"))
    except ValueError as error:
        raise _Unusable(str(error)) from error
    return Adapter(
        started=_seconds(present, "started") if "started" in present else None,
        backend=_text(present, "backend") if "backend" in present else None,
        bare=_latency(latency, "bare"),
        whole=_latency(latency, "whole"),
        clock=clock,
        cores=_cores(present.get("cores", {})),
        unrecorded=sum(losses) if losses else None,
        **counts,
    )


def _cores(block: object) -> dict[str, CoreSeen]:
    if not isinstance(block, dict):
        raise _Unusable("adapter.cores is no object")
    cores = {}
    for side in ("authority", "shadow"):
        core = block.get(side)
        if core is None:
            continue
        if not isinstance(core, dict):
            raise _Unusable(f"adapter.cores.{side} is no object")
        cores[side] = CoreSeen(*(_text(core, name) for name in CoreSeen._fields))
    return cores


def _latency(block: Mapping[str, Any], name: str) -> Latency | None:
    figures = block.get(name)
    if figures is None:
        return None
    if not isinstance(figures, dict):
        raise _Unusable(f"adapter.latency.{name} is no object")
    p50, p99 = _seconds(figures, "p50"), _seconds(figures, "p99")
    return None if p50 is None or p99 is None else Latency(p50, p99)
