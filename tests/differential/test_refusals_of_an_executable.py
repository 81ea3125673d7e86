"""An executable that refuses one common value is one row, in whatever words it says so."""

from __future__ import annotations

import math
import shlex
import sys
from itertools import islice
from pathlib import Path

import pytest
from differential_makers import ours, two_entries
from support.executables.refusing import STYLES
from support.ports.making import executable as port

from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Finding, Verdict, said_in
from replay.differential.signature.beyond_rules import REFUSING
from replay.fuzzing.campaign_units import Mix, units
from replay.fuzzing.generate import run_source
from replay.streams.model import Start, Step, Stream, segments_of
from replay.targets.base import FailureKind
from replay.targets.executable.handshake import open_executable
from replay.targets.executable.limits import Limits

EXECUTABLES = Path(__file__).parents[1] / "support" / "executables"

UNITS = 12
PATIENT = Limits(storm_in_a_row=10**6, storm_total=10**6)


def executable(folder: Path, style: str) -> str:
    """A file that is the program in that style."""
    program = shlex.join((sys.executable, str(EXECUTABLES / "refusing.py"), style))
    path = folder / f"refusing-{style}"
    path.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
    path.chmod(0o755)
    return str(path)


def hunted(path: str, mix: Mix) -> tuple[Lockstep, dict[str, Finding]]:
    """What some units show, with the first finding of each bucket."""
    shadow = open_executable(path, limits=PATIENT)
    authority = ours()
    lockstep = Lockstep(authority, shadow)
    found: dict[str, Finding] = {}
    try:
        for unit in islice(units(mix, 3, (), lambda stream: pytest.fail(stream)), UNITS):
            start, source = unit.open()
            run = run_source(lockstep, unit.number, start, source, unit.origin)
            for one in (*run.found, *lockstep.finish()):
                found.setdefault(one.id, one)
    finally:
        shadow.close()
    return lockstep, found


def shown(path: str, stream: Stream) -> tuple[dict[str, Finding], int]:
    """What a stream shows, and how many steps were refused by the shadow alone."""
    shadow = open_executable(path, limits=PATIENT)
    lockstep = Lockstep(ours(), shadow)
    try:
        found = {one.id: one for one in run_stream(lockstep, segments_of(stream, 1))}
    finally:
        shadow.close()
    return found, lockstep.tally.failures[FailureKind.REFUSED]


def refusals(found: dict[str, Finding]) -> list[Finding]:
    return [one for one in found.values() if one.signature.kind == FailureKind.REFUSED]


INF = math.inf
INFINITE = ("s1_orphan_after_sec", "s2_orphan_after_sec", "stale_price_max_age_sec", "min_volume")
CALLS = (
    (0, 0.2, 1001.0),
    (1, 1002.0),
    (2, 1, "X", "sell", 0.2, 25.0, 0.01, 1003.0),
    (2, 9, "Y", "buy", 0.2, 25.0, 0.01, 1003.0),
    (4, 7, "Z", 1004.0),
)


@pytest.mark.parametrize("style", STYLES)
def test_an_infinity_that_is_refused_is_one_row_whatever_the_words(
    tmp_path: Path, style: str
) -> None:
    steps = [
        Step(call, {"state": two_entries(), "config": {name: value}})
        for name in INFINITE
        for value in (INF, -INF, 60.0)
        for call in CALLS
    ]
    found, refused = shown(executable(tmp_path, style), Stream(Start({}, {}, 5.0), tuple(steps)))
    assert refused == len(INFINITE) * 2 * len(CALLS)
    (row,) = found.values()
    assert (row.signature.event, row.signature.rule) == ("any event", REFUSING)
    assert row.verdict is Verdict.SHADOW_FAILED
    said = said_in(row)
    assert said.startswith("error ")
    if style in ("value", "json", "place", "index", "request"):
        assert "inf" in said
        assert "'inf" not in row.signature.field


def test_what_a_refusal_is_called_does_not_hang_on_the_event_or_on_foreign_values(
    tmp_path: Path,
) -> None:
    lockstep, found = hunted(executable(tmp_path, "value"), Mix.HOSTILE)
    assert lockstep.tally.failures[FailureKind.REFUSED] >= 5, "they are stepped round, not left out"
    rows = refusals(found)
    assert {row.signature.event for row in rows} == {"any event"}
    assert 1 <= len(rows) <= 4
    for row in found.values():
        assert row.signature.rule.isascii()
        assert row.signature.rule.isprintable()


def test_a_core_that_cannot_read_what_it_has_written_has_answered_and_is_not_unsteady(
    tmp_path: Path,
) -> None:
    path = str(port(tmp_path, ("any-case", "infinities-written-as-null")))
    orders = [{**two_entries()["orders"][0], "side": "SELL"}]
    state = {**two_entries(), "orders": orders, "total_fees": math.inf}
    ticks = tuple(Step((1, 1001.0 + tick), {"state": state}) for tick in range(3))
    shadow = open_executable(path)
    lockstep = Lockstep(ours(), shadow)
    try:
        found = run_stream(lockstep, segments_of(Stream(Start(state, {}, 5.0, None), ticks), 1))
    finally:
        shadow.close()
    assert {one.verdict for one in found} == {Verdict.DIVERGE}
    assert len(found) == 3
    assert not lockstep.tally.failures
    assert not lockstep.tally.incidents
