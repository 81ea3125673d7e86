"""The JUnit report: valid, and red exactly where the run is."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from report_makers import EVIL, evil_report, full_report, line

from replay.errors import ExitCode
from replay.reports.junit import junit
from replay.runs.report import Check, Report

# junit-10.xsd, as far as it allows anything here: what may be in an element, and its attributes.
ELEMENTS = {
    "testsuite": {"properties", "testcase", "system-out", "system-err"},
    "properties": {"property"},
    "property": set(),
    "testcase": {"skipped", "error", "failure", "system-out", "system-err"},
    "failure": set(),
    "error": set(),
    "skipped": set(),
    "system-out": set(),
}
ATTRIBUTES = {
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "property": {"name", "value"},
    "testcase": {"name", "classname", "time"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
}


def valid(report: Report) -> ET.Element:
    """The suite, after a look at whether it has the form of the schema."""
    suite = ET.fromstring(junit(report))
    assert suite.tag == "testsuite"
    for element in suite.iter():
        assert {child.tag for child in element} <= ELEMENTS[element.tag]
        assert set(element.attrib) <= ATTRIBUTES.get(element.tag, set())
    cases = suite.findall("testcase")
    assert all(case.get("name") and case.get("classname") for case in cases)
    assert int(suite.get("tests", "")) == len(cases)
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.get(name, "")) == len(suite.findall(f"testcase/{tag}"))
    assert float(suite.get("time", "")) == report.seconds
    return suite


def case(suite: ET.Element, name: str) -> ET.Element:
    return next(one for one in suite.findall("testcase") if one.get("name") == name)


def test_everything_is_a_test_case() -> None:
    suite = valid(full_report())
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("18", "7", "1")
    assert suite.findtext("system-out", "").startswith("1 explanation that does not hold")
    assert "3 of 100 independent steps diverged" in suite.findtext("system-out", "")


def test_an_explained_bucket_passes_and_says_by_what() -> None:
    suite = valid(full_report())
    explained = case(suite, "d-00000006 FillEvent")
    assert explained.find("failure") is None
    assert explained.findtext("system-out", "").startswith("explained: rounds by scaling\n")
    assert "by a signed note" in case(suite, "d-00000007 FillEvent").findtext("system-out", "")
    strict = case(valid(full_report(strict=True)), "d-00000006 FillEvent")
    assert strict.find("failure") is not None


def test_a_flaky_bucket_fails_with_its_rate() -> None:
    failure = case(valid(full_report()), "d-00000005 FillEvent").find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith("flaky, 3 of 20: ")
    assert "no cause is looked for" in (failure.text or "")


def test_a_core_that_failed_is_an_error() -> None:
    assert case(valid(full_report()), "f-00000008 FillEvent").find("error") is not None


def test_an_explanation_is_a_test_case_that_fails_where_it_does_not_hold() -> None:
    suite = valid(full_report())
    failure = case(suite, "too wide").find("failure")
    assert failure is not None
    assert failure.get("message") == "it also changes steps on which both agree"
    assert case(suite, "rounds by scaling").find("failure") is None
    first = suite.find("testcase")
    assert first is not None
    assert first.get("name") == "too wide"


def test_a_failure_says_how_to_see_it_again() -> None:
    failure = case(valid(full_report()), "d-00000002 FillEvent").find("failure")
    assert failure is not None
    assert (failure.text or "").splitlines()[1:4] == [
        "severity money, hot path",
        "doge-replay repro d-00000002",
        "doge-replay explain d-00000002",
    ]


def test_checks_that_were_not_made_are_skipped_and_failed_ones_errors() -> None:
    suite = valid(full_report(canary=Check(None), interrupted=ExitCode.TERMINATED, storm="again"))
    assert case(suite, "canary").find("skipped") is not None
    storm = case(suite, "no storm of failures").find("error")
    assert storm is not None
    assert storm.get("message") == "again"
    assert case(suite, "not interrupted").find("error") is not None


def test_evil_texts_are_nothing_but_texts() -> None:
    text = junit(evil_report())
    valid(evil_report())
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "<script" not in text


def test_texts_are_cut() -> None:
    huge = "<" * 1_000_000
    report = full_report(findings=[line(1, rule=huge, event=huge, kind=huge, fields=(huge,) * 99)])
    valid(report)
    assert len(junit(report)) < 60_000
    assert len(junit(evil_report(EVIL * 5000))) < 400_000
