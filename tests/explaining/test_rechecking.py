"""Explanations at the end of a run: what is brought together for them, from run and store."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recheck_support import (
    PROFIT,
    QUOTE_FEE,
    TODAY,
    explanation,
    finds,
    patched,
    replacing,
)

from replay.differential.model import Finding
from replay.explaining.claims.explanations import NO_EXPLANATIONS, parse_explanations
from replay.explaining.claims.run_recheck import NOTHING_SEEN, Recheck, Seen, recheck_run
from replay.findings.lifecycle import Status
from replay.findings.store.store import RunKind, Store
from replay.targets.pair import PairSpec

FEE = explanation(
    'rule = "book a cycle"',
    replacing("_book", "quote_fee = closed.entry_fee", "quote_fee = fee"),
    name="fee",
)
EXIT = explanation(
    'rule = "exit of a filled entry"',
    replacing("exit_price", "p = profit / 100.0", "p = profit / 90.0"),
    name="exit",
)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A shadow with two faults."""
    return str(patched(tmp_path_factory.mktemp("two"), QUOTE_FEE, PROFIT))


@pytest.fixture(scope="module")
def found(two: str) -> list[Finding]:
    return finds("python", two)


@pytest.fixture(scope="module")
def store(
    tmp_path_factory: pytest.TempPathFactory, two: str, found: list[Finding]
) -> Iterator[Store]:
    """A database in which a run has stored all of it."""
    authority, shadow = PairSpec("python", two).open()
    with Store.open(tmp_path_factory.mktemp("store") / "its.db") as opened:
        run = opened.begin_run(RunKind.RUN, authority.identity, shadow.identity, {})
        for finding in found:
            opened.record(run, finding)
        yield opened


def rechecked(
    text: str, store: Store, cores: PairSpec, seen: Seen = NOTHING_SEEN, *, everything: bool = True
) -> Recheck:
    return recheck_run(
        parse_explanations(text), seen, store, cores, [], today=TODAY, everything=everything
    )


def seen_in(found: list[Finding], rule: str) -> Seen:
    """A run that has met one of the buckets."""
    one = [finding for finding in found if finding.signature.rule == rule]
    return Seen({one[0].id: one[:3]}, Counter(finding.id for finding in one))


def identity(found: list[Finding], rule: str) -> str:
    return next(finding.id for finding in found if finding.signature.rule == rule)


def test_stored_cases_are_run_again_on_the_run_s_own_cores(
    store: Store, two: str, found: list[Finding]
) -> None:
    came = rechecked(FEE + EXIT, store, PairSpec("python", two))
    assert [claim.ok for claim in came.claims] == [True, True], came.claims
    assert all(claim.checked > 1 for claim in came.claims)
    assert {one.by for one in came.buckets.values()} == {("fee",), ("exit",)}
    assert {finding.id for finding in came.found} == {finding.id for finding in found}
    assert came.complete
    mended = rechecked(FEE + EXIT, store, PairSpec("python", "python"))
    assert [claim.why[:15] for claim in mended.claims] == ["matches nothing"] * 2
    assert (mended.buckets, mended.found) == ({}, ())


def test_a_run_looks_only_at_the_buckets_that_it_met(
    store: Store, two: str, found: list[Finding]
) -> None:
    seen = seen_in(found, "book a cycle")
    came = rechecked(FEE + EXIT, store, PairSpec("python", two), seen, everything=False)
    assert list(came.buckets) == [identity(found, "book a cycle")]
    assert [claim.ok for claim in came.claims] == [True, True]
    assert came.claims[1].why == "holds: nothing in this run meets its condition"
    # More than the run itself has brought: the stored ones of the same bucket.
    assert came.claims[0].checked > 3


def test_a_stored_occurrence_that_is_not_reproduced_counts_in_a_run_too(
    store: Store, two: str, found: list[Finding]
) -> None:
    """The run itself met only what the explanation is right about."""
    fills = [
        finding
        for finding in found
        if finding.signature.rule == "book a cycle" and finding.event == "FillEvent"
    ]
    calls: list[Any] = [finding.case.steps[-1].call for finding in fills]
    fees = Counter(call[6] for call in calls)
    fee = max(fees, key=lambda fee: fees[fee])
    assert len(fees) > 1
    samples = [finding for finding, call in zip(fills, calls, strict=True) if call[6] == fee]
    seen = Seen({samples[0].id: samples}, {samples[0].id: len(samples)})
    right = f"quote_fee = fee if fee == {fee!r} else closed.entry_fee"
    nearly = explanation(
        'rule = "book a cycle"', replacing("_book", "quote_fee = closed.entry_fee", right)
    )
    came = rechecked(nearly, store, PairSpec("python", two), seen, everything=False)
    assert came.claims[0].why.startswith("does not reproduce d-")


def test_the_same_occurrence_from_the_run_and_the_store_is_one(
    store: Store, two: str, found: list[Finding]
) -> None:
    rule = "book a cycle"
    samples = [finding for finding in found if finding.signature.rule == rule]
    seen = Seen({samples[0].id: samples + samples}, {samples[0].id: 2 * len(samples)})
    came = rechecked(FEE, store, PairSpec("python", two), seen)
    assert came.claims[0].checked <= len(samples)


def test_where_the_authority_is_an_executable_our_own_core_is_deviated(
    store: Store, two: str, core_exe: str
) -> None:
    came = rechecked(FEE + EXIT, store, PairSpec(core_exe, two))
    assert [claim.ok for claim in came.claims] == [True, True], came.claims


def test_what_the_store_calls_flaky_is_covered_by_no_deviation(
    store: Store, two: str, found: list[Finding], tmp_path: Path
) -> None:
    flaky = identity(found, "book a cycle")
    evidence = {"asked": 20, "shown": 3}
    shutil.copy(store.path, tmp_path / "copy.db")
    with Store.open(tmp_path / "copy.db") as copy:
        copy.add_history(flaky, Status.FLAKY, who="Ada", why="now and then", evidence=evidence)
        came = rechecked(FEE + EXIT, copy, PairSpec("python", two))
    assert [claim.ok for claim in came.claims] == [False, True]
    assert came.claims[0].why.startswith("matches nothing")
    assert came.buckets[flaky].by == ()


def test_without_an_explanation_nothing_is_even_started(store: Store) -> None:
    nowhere = PairSpec("python", "/nowhere/at/all")
    came = recheck_run(
        NO_EXPLANATIONS, NOTHING_SEEN, store, nowhere, [], today=TODAY, everything=True
    )
    assert came == Recheck()


def test_a_core_that_fails_leaves_the_question_open(
    store: Store, tmp_path: Path, found: list[Finding]
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nread -r asked\nexit 7\n")
    broken.chmod(0o755)
    came = rechecked(FEE + EXIT, store, PairSpec("python", str(broken)))
    assert not came.complete
    assert [claim.ok for claim in came.claims] == [True, True]
    assert all(one.startswith("f-") for one in came.buckets)


def test_a_stored_failure_is_run_again_for_the_note_that_stands_for_it(tmp_path: Path) -> None:
    fault = (*QUOTE_FEE[:2], "quote_fee = closed.no_such_fee")
    shadow = str(patched(tmp_path, fault))
    found = finds("python", shadow)
    authority, failing = PairSpec("python", shadow).open()
    with Store.open(tmp_path / "its.db") as store:
        run = store.begin_run(RunKind.RUN, authority.identity, failing.identity, {})
        for finding in found:
            store.record(run, finding)
        identities = sorted({finding.id for finding in found})
        listed = ", ".join(f'"{one}"' for one in identities)
        note = explanation(f"buckets = [{listed}]")
        came = rechecked(note, store, PairSpec("python", shadow))
        mended = rechecked(note, store, PairSpec("python", "python"))
    assert all(one.startswith("f-") for one in identities)
    assert came.claims[0].ok, came.claims
    assert came.complete
    assert {one: came.buckets[one].weaker for one in identities} == dict.fromkeys(identities, True)
    assert mended.claims[0].why.startswith("matches nothing")
