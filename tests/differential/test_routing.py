"""Splits and merges take effect on every signature that lockstep makes, and the minimiser's."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import pytest
from differential_makers import faulty, ours, stream, trading

from replay.differential.conditions.condition import Condition
from replay.differential.last_step import run_last_step
from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.minimising.minimiser import minimise, probe, shows_afresh
from replay.differential.model import Finding, Signature, Verdict
from replay.differential.routing_table import NO_ROUTING, Routing, part_of
from replay.streams.model import segments_of
from replay.targets.base import Failure, FailureKind, Reply, StepResult, Target, Work

BUG = Signature("FillEvent", "exit fill", "state.total_fees", "value")
OTHER = replace(BUG, rule="entry fill")
THIRD = replace(BUG, rule="refresh")
LATE = Condition.parse("state.now > 100")
MANY = 60
"""More occurrences of one bug than lockstep tells in full."""


def facts(now: float) -> Callable[[], Mapping[str, Any]]:
    return lambda: {"state": {"now": now}}


def not_asked() -> Mapping[str, Any]:
    raise AssertionError("no split asks for anything")


def test_without_a_split_or_merge_a_signature_stays_and_nothing_is_asked() -> None:
    routing = Routing({OTHER.id: (("late", LATE),)}, {THIRD.id: OTHER})
    assert not NO_ROUTING
    assert NO_ROUTING.route(BUG, not_asked) is BUG
    assert routing
    assert routing.route(BUG, not_asked) is BUG


def test_a_split_makes_a_part_with_an_id_of_its_own() -> None:
    routing = Routing({BUG.id: (("late", LATE),)})
    part = routing.route(BUG, facts(101.0))
    assert part == replace(BUG, part="late") == part_of(BUG, "late")
    assert part.id != BUG.id
    assert routing.route(BUG, facts(99.0)) is BUG
    assert routing.route(part, not_asked) is part


def test_parts_are_tried_in_order_and_can_be_split_again() -> None:
    later = Condition.parse("state.now > 1000")
    part = part_of(BUG, "late")
    routing = Routing({BUG.id: (("late", LATE), ("later", later)), part.id: (("later", later),)})
    assert routing.route(BUG, facts(500.0)) == part
    assert routing.route(BUG, facts(5000.0)) == part_of(part, "later")
    assert part_of(part, "later").part == "late / later"


def test_a_merge_leads_on_through_further_merges_and_splits() -> None:
    routing = Routing({THIRD.id: (("late", LATE),)}, {BUG.id: OTHER, OTHER.id: THIRD})
    assert routing.route(BUG, facts(1.0)) == THIRD
    assert routing.route(BUG, facts(500.0)) == part_of(THIRD, "late")


def test_what_was_split_off_goes_its_own_way_when_the_rest_is_merged() -> None:
    routing = Routing({BUG.id: (("late", LATE),)}, {BUG.id: OTHER})
    assert routing.route(BUG, facts(1.0)) == OTHER
    assert routing.route(BUG, facts(500.0)) == part_of(BUG, "late")


def test_what_a_condition_cannot_be_told_of_stays_where_it_is() -> None:
    routing = Routing({BUG.id: (("late", LATE),)})
    assert routing.route(BUG, lambda: {"state": None}) is BUG
    assert routing.route(BUG, dict) is BUG


def test_a_circle_in_a_damaged_database_ends_somewhere() -> None:
    routing = Routing({}, {BUG.id: OTHER, OTHER.id: BUG})
    assert routing.route(BUG, not_asked) in (BUG, OTHER)


def test_it_can_be_sent_to_a_worker() -> None:
    routing = Routing({BUG.id: (("late", LATE),)}, {OTHER.id: THIRD})
    copy = pickle.loads(pickle.dumps(routing))
    assert copy == routing
    assert copy.route(BUG, facts(500.0)) == part_of(BUG, "late")


# --- In lockstep --------------------------------------------------------------------------------


def found(shadow: Target, routing: Routing = NO_ROUTING) -> tuple[list[Finding], Lockstep]:
    lockstep = Lockstep(ours(), shadow, routing)
    return run_stream(lockstep, segments_of(trading(), 1)), lockstep


def fee(finding: Finding) -> float:
    """The fee of the event; -1 where it has none, of which the condition cannot be told."""
    call: Any = finding.case.steps[-1].call
    return float(call[6]) if finding.event == "FillEvent" else -1.0


def by_id(findings: list[Finding], lockstep: Lockstep) -> dict[str, int]:
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.id] = counts.get(finding.id, 0) + 1
    for identity, repeat in lockstep.repeats.items():
        counts[identity] = counts.get(identity, 0) + repeat.times
    return counts


@pytest.fixture
def plain(tmp_path: Path) -> list[Finding]:
    """What a core with a wrong figure in booked cycles shows, without any routing."""
    return found(faulty(tmp_path, "fee"))[0]


def test_lockstep_gives_each_occurrence_to_its_part(tmp_path: Path, plain: list[Finding]) -> None:
    bug = plain[0].signature
    routing = Routing({bug.id: (("dear", Condition.parse("call.fee > 0.15")),)})
    findings, lockstep = found(faulty(tmp_path / "again", "fee"), routing)
    dear = [finding for finding in findings if fee(finding) > 0.15]
    assert {finding.signature for finding in dear} == {part_of(bug, "dear")}
    rest = {finding.signature for finding in findings if finding not in dear}
    assert bug in rest
    assert part_of(bug, "dear") not in rest
    assert sum(by_id(findings, lockstep).values()) == len(plain)


def test_occurrences_that_are_only_counted_are_routed_too(tmp_path: Path) -> None:
    calls: list[tuple[object, ...]] = [(2, 1, "X", "buy", 0.2, 25.0, 0.01, 1001.0)]
    calls += [(0, 0.2 + place * 1e-9, 1002.0 + place) for place in range(150)]
    shadow = Noting(ours())
    bug = run_stream(Lockstep(ours(), shadow), segments_of(stream(*calls), 1))[0].signature
    routing = Routing({bug.id: (("late", Condition.parse("call.timestamp >= 1100")),)})
    lockstep = Lockstep(ours(), Noting(ours()), routing)
    counts = by_id(run_stream(lockstep, segments_of(stream(*calls), 1)), lockstep)
    assert counts == {bug.id: 98, part_of(bug, "late").id: 52}
    assert lockstep.repeats.keys() == counts.keys()


class Noting:
    """A core that takes no note of when the price came."""

    def __init__(self, inner: Target) -> None:
        self._inner = inner
        self.identity, self.depth = inner.identity, inner.depth

    def submit(self, work: Work) -> None:
        self._inner.submit(work)

    def collect(self) -> Reply:
        return Reply(None, [self._changed(one) for one in self._inner.collect().results])

    def _changed(self, result: StepResult) -> StepResult:
        assert not isinstance(result, Failure)
        delta = list(result[0])
        if 15 in delta[::2] and len(delta) < 20:
            delta[2 * delta[::2].index(15) + 1] = 0.0
        return [delta, *result[1:]]

    def close(self) -> None:
        self._inner.close()


class FailingAt(Noting):
    """A core that fails on some steps; with `incident` its answer is known all the same."""

    def __init__(self, inner: Target, places: set[int], *, incident: bool = False) -> None:
        super().__init__(inner)
        self._places, self._incident = places, incident

    def collect(self) -> Reply:
        reply = self._inner.collect()
        failure = Failure(FailureKind.EXITED, "gone")
        if self._incident:
            return Reply(reply.blob, reply.results, incidents=[(p, failure) for p in self._places])
        results = [failure if place in self._places else result
                   for place, result in enumerate(reply.results)]  # fmt: skip
        return Reply(None, results)


TICKS = [(0, 0.2, 1001.0 + place) for place in range(6)]


@pytest.mark.parametrize("how", ["shadow", "incident", "authority"])
def test_failures_are_routed_too(how: str) -> None:
    failing = FailingAt(ours(), {4}, incident=how == "incident")
    pair: tuple[Target, Target] = (failing, ours()) if how == "authority" else (ours(), failing)
    (plain,) = run_stream(Lockstep(*pair), segments_of(stream(*TICKS), 1))
    assert plain.id.startswith("f-")
    late = Condition.parse("call.timestamp == 1005 and kinds == []")
    routing = Routing({plain.id: (("late", late),)})
    (routed,) = run_stream(Lockstep(*pair, routing=routing), segments_of(stream(*TICKS), 2))
    assert routed.signature == part_of(plain.signature, "late")
    assert routed.id.startswith("f-")


def test_the_minimiser_keeps_to_the_part(tmp_path: Path, plain: list[Finding]) -> None:
    bug = plain[0].signature
    shadow = faulty(tmp_path / "again", "fee")
    routing = Routing({bug.id: (("dear", Condition.parse("call.fee > 0.15")),)})
    findings, _ = found(shadow, routing)
    dear = next(one for one in findings if one.signature.part)
    cheap = next(one for one in findings if one.signature == bug and fee(one) > 0)
    smallest = minimise(dear, ours(), shadow, routing=routing)
    other = minimise(cheap, ours(), shadow, routing=routing)
    assert smallest is not None
    assert other is not None
    assert fee(smallest.finding) > 0.15 >= fee(other.finding)
    again = probe(ours(), shadow, smallest.finding.case, 9, routing=routing)
    assert [one.signature for one in again] == [dear.signature]
    assert shows_afresh(smallest.finding, lambda: (ours(), shadow), routing=routing)
    assert not shows_afresh(smallest.finding, lambda: (ours(), shadow))


# --- The last step alone ------------------------------------------------------------------------


def encoded(finding: Finding) -> Finding:
    """With what both answered as it is stored: records may be tuples or lists."""
    bytes_of = [msgpack.packb(outcome) for outcome in (finding.authority, finding.shadow)]
    return replace(finding, authority=bytes_of[0], shadow=bytes_of[1])


def test_the_last_step_of_a_case_is_judged_as_lockstep_does(
    tmp_path: Path, plain: list[Finding]
) -> None:
    shadow = faulty(tmp_path / "again", "fee")
    for finding in plain:
        shown = run_last_step(finding.case, ours(), shadow)
        assert shown.finding is not None
        assert encoded(shown.finding) == encoded(finding)
        assert shown.facts["event"] == finding.event
        assert shown.facts["state"]["now"] > 0
        assert run_last_step(finding.case, ours(), ours()).finding is None
    routing = Routing({}, {plain[0].id: BUG})
    routed = run_last_step(plain[0].case, ours(), shadow, routing).finding
    assert routed is not None
    assert routed.signature == BUG


def test_a_last_step_after_many_that_look_alike_is_told_in_full() -> None:
    case = stream(*[(0, 0.2, 1001.0 + place) for place in range(MANY)])
    shown = run_last_step(case, ours(), Noting(ours()))
    assert shown.finding is not None
    assert shown.finding.case == case
    assert shown.facts["call"]["timestamp"] == 1000.0 + MANY


def test_a_core_that_fails_at_the_last_step_is_a_finding_and_before_it_is_not() -> None:
    case = stream(*TICKS)
    shadow = run_last_step(case, ours(), FailingAt(ours(), {5})).finding
    authority = run_last_step(case, FailingAt(ours(), {5}), ours()).finding
    assert shadow is not None
    assert authority is not None
    assert (shadow.verdict, authority.verdict) == (Verdict.SHADOW_FAILED, Verdict.AUTHORITY_FAILED)
    earlier = run_last_step(case, FailingAt(ours(), {2}), ours())
    assert earlier.finding is None
    assert earlier.failure == Failure(FailureKind.EXITED, "gone")
