"""What a report concludes: its exit code, its groups, and what comes first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from report_makers import evil_report, full_report, line

from replay.errors import ExitCode
from replay.explaining.claims.claim import Claim
from replay.reports.wording import headline
from replay.runs.report import Check, Group, Report
from replay.safe_text import json_safe
from replay.targets.base import FailureKind

EXPLAINED = line(1, status="explained", explained_by="rounds by scaling")
FALSE = Claim("too wide", False, "it matches more than it claims")


def clean(**fields: Any) -> Report:
    return full_report(**{"findings": [], "claims": [], "misses": [], **fields})


def test_a_run_that_found_nothing_is_clean() -> None:
    assert clean().exit_code is ExitCode.CLEAN


def test_an_explained_divergence_does_not_turn_a_run_red() -> None:
    assert clean(findings=[EXPLAINED]).exit_code is ExitCode.CLEAN
    assert clean(findings=[EXPLAINED, line(2)]).exit_code is ExitCode.DIVERGENCE


def test_strict_runs_as_if_nothing_were_explained() -> None:
    report = clean(findings=[EXPLAINED], strict=True)
    assert report.exit_code is ExitCode.DIVERGENCE
    assert report.group(Group.EXPLAINED) == []
    assert report.group(Group.KNOWN) == report.unexplained == [EXPLAINED]


@pytest.mark.parametrize(
    "fields", [{}, {"new": True}, {"status": "regressed"}, {"status": "triaged"},
               {"status": "flaky", "rate": "3 of 20"}]
)  # fmt: skip
def test_all_that_is_unexplained_turns_a_run_red(fields: dict[str, Any]) -> None:
    assert clean(findings=[line(1, **fields)]).exit_code is ExitCode.DIVERGENCE


def test_an_explanation_that_does_not_hold_turns_a_run_red() -> None:
    assert clean(claims=[FALSE]).exit_code is ExitCode.DIVERGENCE
    assert clean(claims=[Claim("sound", True, "")]).exit_code is ExitCode.CLEAN


def test_a_storm_comes_before_a_false_explanation_and_that_before_a_missed_canary() -> None:
    canary = Check(False, {})
    assert clean(claims=[FALSE], canary=canary).exit_code is ExitCode.DIVERGENCE
    assert clean(findings=[EXPLAINED], canary=canary).exit_code is ExitCode.PROVES_NOTHING
    assert clean(claims=[FALSE], storm="again and again").exit_code is ExitCode.CORE_FAILED
    report = clean(claims=[FALSE], storm="again", interrupted=ExitCode.INTERRUPTED)
    assert report.exit_code is ExitCode.INTERRUPTED


def test_a_failure_of_a_core_is_explained_by_a_statement_and_by_nobodys_word() -> None:
    failed = line(1, failure=True, explained_by="known to crash", weaker=True)
    report = clean(findings=[EXPLAINED, failed])
    assert report.exit_code is ExitCode.CORE_FAILED
    assert report.group(Group.FAILURE) == [failed]
    stated = line(1, failure=True, explained_by="refuses infinities")
    assert clean(findings=[EXPLAINED, stated]).exit_code is ExitCode.CLEAN
    strict = clean(findings=[stated], strict=True)
    assert (strict.exit_code, strict.group(Group.FAILURE)) == (ExitCode.CORE_FAILED, [stated])
    report = clean(findings=[EXPLAINED])
    report.tally.failures[FailureKind.TIMEOUT] += 1
    assert report.exit_code is ExitCode.CORE_FAILED


def test_each_bucket_is_in_one_group() -> None:
    report = full_report()
    groups = {group: [one.id for one in report.group(group)] for group in Group}
    assert groups == {
        Group.REGRESSED: ["d-00000001"],
        Group.NEW: ["d-00000003", "d-00000002"],
        Group.KNOWN: ["d-00000004"],
        Group.FLAKY: ["d-00000005"],
        Group.FAILURE: ["f-00000008"],
        Group.EXPLAINED: ["d-00000006", "d-00000007"],
    }


def test_the_worst_comes_first_and_the_hot_path_before_the_rest() -> None:
    lines = [
        line(1), line(9), line(2, severity="texts", hot=True), line(3, severity="orders"),
        line(4, severity="money", hot=True), line(5, severity="orders", hot=True),
        line(6, severity="invariants"), line(7, severity="money"),
    ]  # fmt: skip
    shown = [one.id[-1] for one in clean(findings=lines).group(Group.KNOWN)]
    assert shown == ["5", "3", "4", "7", "6", "2", "9", "1"]


def test_a_cause_is_looked_for_only_where_there_is_one_to_find() -> None:
    assert line(1).explain_command == "doge-replay explain d-00000001"
    for fields in ({"failure": True}, {"status": "flaky"}, {"explained_by": "known"}):
        assert line(1, **fields).explain_command == ""


def test_bounds_do_not_count_what_is_explained_unless_strict() -> None:
    explained = line(2, explained_by="known")
    assert [one.differed for one in full_report(findings=[line(2)]).bounds()] == [0, 3]
    assert [one.differed for one in full_report(findings=[explained]).bounds()] == [0, 0]
    report = full_report(findings=[explained], strict=True)
    assert [one.differed for one in report.bounds()] == [0, 3]


def test_the_document_has_all_of_it() -> None:
    document = json.loads(json.dumps(full_report().document(), allow_nan=False))
    assert document["exit"] == 1
    assert document["groups"]["flaky"] == ["d-00000005"]
    assert [claim["ok"] for claim in document["claims"]] == [True, True, False]
    assert (document["regressed"], document["fixed"]) == (["d-00000001"], ["d-00000009"])
    assert document["strict"] is False
    assert document["exercised"]["phases"]["FillEvent"] == {"S1a": 100}
    assert document["exercised"]["rules"][1] == {
        "event": "FillEvent", "rule": "entry fill", "met": 100, "acted": 90,
    }  # fmt: skip
    assert document["bounds"][0]["event"] == "PriceTick"
    assert document["bounds"][0]["at_most"] == pytest.approx(0.00994, abs=1e-5)
    flaky = next(one for one in document["divergences"] if one["id"] == "d-00000005")
    assert (flaky["status"], flaky["rate"], flaky["hot"]) == ("flaky", "3 of 20", True)
    explained = next(one for one in document["divergences"] if one["id"] == "d-00000007")
    assert (explained["explained_by"], explained["weaker"]) == ("known to ops", True)


def test_evil_texts_are_texts_in_json() -> None:
    document = json_safe(evil_report().document())
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_recheck_that_cannot_tell_of_a_finding_proves_nothing() -> None:
    report = clean(kind="recheck", unsettled=["d-1"])
    assert report.exit_code is ExitCode.PROVES_NOTHING
    assert headline(report) == "the run proves nothing: 1 finding neither shown nor gone"
    assert clean(kind="nightly", unsettled=["d-1"]).exit_code is ExitCode.CLEAN
