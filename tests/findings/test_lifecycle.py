"""Which status may follow which, and what evidence it takes."""

from __future__ import annotations

from itertools import product

import pytest

from replay.errors import UsageError
from replay.findings.lifecycle import (
    Status,
    after_triage,
    allowed,
    broken_step,
    check_change,
    first_status,
    next_statuses,
    once_agreed,
    once_seen,
    status_of,
    word_when_seen,
)

NEW, TRIAGED, EXPLAINED = Status.NEW, Status.TRIAGED, Status.EXPLAINED
FIXED, REGRESSED, FLAKY, CORE_FAILURE = (
    *(Status.FIXED, Status.REGRESSED, Status.FLAKY, Status.CORE_FAILURE),
)
BUILDS = {"authority": {"sha256": "aa"}, "shadow": {"sha256": "bb"}}
GOOD: dict[Status, dict[str, object]] = {
    FIXED: {"replays": 2, **BUILDS},
    FLAKY: {"asked": 20, "shown": 3},
    EXPLAINED: {"explanation": "rounds by scaling"},
}


def test_the_table_is_closed_and_as_designed() -> None:
    table = {former: next_statuses(former) for former in Status}
    assert table == {
        NEW: (TRIAGED, EXPLAINED, FIXED, FLAKY),
        TRIAGED: (EXPLAINED, FIXED, FLAKY),
        EXPLAINED: (NEW, TRIAGED, FIXED, FLAKY, CORE_FAILURE),
        FIXED: (REGRESSED, FLAKY),
        REGRESSED: (TRIAGED, EXPLAINED, FIXED, FLAKY),
        FLAKY: (EXPLAINED, FIXED),
        CORE_FAILURE: (TRIAGED, EXPLAINED, FIXED, FLAKY),
    }
    for former, new in product(Status, Status):
        assert allowed(former, new) == (former is new or new in table[former])


def test_regressed_follows_on_fixed_alone() -> None:
    assert [former for former in Status if former is not REGRESSED and allowed(former, REGRESSED)] \
        == [FIXED]  # fmt: skip


def test_nothing_but_being_seen_again_opens_what_is_fixed() -> None:
    for status in (NEW, TRIAGED, EXPLAINED, CORE_FAILURE):
        with pytest.raises(UsageError, match="a finding that is fixed cannot become"):
            check_change(FIXED, status, GOOD.get(status, {}), 1, failure=False)


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        BUILDS,
        {**BUILDS, "replays": 1},
        {**BUILDS, "replays": True},
        {**BUILDS, "replays": "2"},
        {"replays": 2},
        {"replays": 2, "authority": {"sha256": "aa"}},
        {"replays": 2, "authority": {}, "shadow": {}},
    ],
    ids=repr,
)
def test_fixed_takes_two_replays_on_named_builds(evidence: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"without 2 replays|without the two builds"):
        check_change(NEW, FIXED, evidence, 1, failure=False)


@pytest.mark.parametrize("evidence", [{"replays": 2}, {"replays": 90}], ids=repr)
def test_with_them_it_may(evidence: dict[str, object]) -> None:
    for former in (NEW, TRIAGED, EXPLAINED, REGRESSED, FLAKY):
        check_change(former, FIXED, {**evidence, **BUILDS}, None, failure=False)
    check_change(CORE_FAILURE, FIXED, {**evidence, **BUILDS}, None, failure=True)


def test_regressed_takes_the_run_that_saw_it() -> None:
    check_change(FIXED, REGRESSED, {}, 7, failure=False)
    with pytest.raises(UsageError, match="without the run that saw it again"):
        check_change(FIXED, REGRESSED, {}, None, failure=False)


@pytest.mark.parametrize(
    "evidence",
    [{}, {"asked": 0, "shown": 0}, {"asked": 3, "shown": 4}, {"asked": 3, "shown": -1}],
    ids=repr,
)
def test_flaky_takes_how_often(evidence: dict[str, object]) -> None:
    check_change(NEW, FLAKY, GOOD[FLAKY], None, failure=False)
    with pytest.raises(UsageError, match="how often its case was run"):
        check_change(NEW, FLAKY, evidence, None, failure=False)


@pytest.mark.parametrize("evidence", [{}, {"explanation": ""}, {"explanation": 3}], ids=repr)
def test_explained_takes_the_name_of_an_explanation(evidence: dict[str, object]) -> None:
    check_change(TRIAGED, EXPLAINED, GOOD[EXPLAINED], None, failure=False)
    with pytest.raises(UsageError, match="the name of an explanation"):
        check_change(TRIAGED, EXPLAINED, evidence, None, failure=False)


def test_where_an_explanation_ends_a_finding_is_what_it_began_as() -> None:
    check_change(EXPLAINED, NEW, {}, None, failure=False)
    check_change(EXPLAINED, CORE_FAILURE, {}, None, failure=True)
    with pytest.raises(UsageError, match="a divergence cannot become core failure"):
        check_change(EXPLAINED, CORE_FAILURE, {}, None, failure=False)
    with pytest.raises(UsageError, match="a failure of a core cannot become new"):
        check_change(EXPLAINED, NEW, {}, None, failure=True)


def test_triage_changes_no_status_that_says_more() -> None:
    assert {former: after_triage(former) for former in Status} == {
        NEW: TRIAGED,
        TRIAGED: TRIAGED,
        CORE_FAILURE: TRIAGED,
        REGRESSED: TRIAGED,
        EXPLAINED: None,
        FIXED: None,
        FLAKY: None,
    }


def test_the_status_is_that_of_the_newest_entry_that_has_one() -> None:
    assert status_of([], failure=False) is first_status(failure=False) is NEW
    assert Status("tool failure") is CORE_FAILURE  # as older databases have it
    assert status_of([None], failure=True) is first_status(failure=True) is CORE_FAILURE
    assert status_of([TRIAGED, None, EXPLAINED, None], failure=False) is EXPLAINED


def test_the_first_step_that_cannot_be_is_found() -> None:
    assert broken_step([TRIAGED, None, FIXED, REGRESSED, FIXED], failure=False) is None
    assert broken_step([FIXED, None, TRIAGED, NEW], failure=False) == (FIXED, TRIAGED)
    assert broken_step([REGRESSED], failure=True) == (CORE_FAILURE, REGRESSED)


def test_asking_again_leads_nowhere_that_the_table_does_not_have() -> None:
    for former, here, failure in product(Status, (False, True), (False, True)):
        agreed = once_agreed(former, on_its_build=here, failure=failure)
        for becomes in (agreed, once_seen(former)):
            assert becomes is None or (becomes is not former and allowed(former, becomes))
        assert agreed is not FIXED or not here
        assert once_seen(former) in (None, REGRESSED)
    assert once_agreed(NEW, on_its_build=False, failure=False) is FIXED
    assert once_agreed(NEW, on_its_build=True, failure=False) is FLAKY
    assert once_agreed(CORE_FAILURE, on_its_build=True, failure=True) is None


def test_a_finding_has_one_word_when_it_is_seen() -> None:
    words = {former: word_when_seen(former, new=False) for former in Status}
    assert words == {
        **{former: str(former) for former in Status},
        NEW: "known",
        CORE_FAILURE: "known",
        FIXED: "regressed",
    }
    assert word_when_seen(NEW, new=True) == "new"
