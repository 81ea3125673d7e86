"""A report as a JUnit file: test cases for buckets, explanations, and checks of the run itself.

What makes the run red is a failure, a core that failed an error; what is explained or was fixed is
a test case that passes and says so. In the form that Jenkins and GitLab read (junit-10.xsd).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from replay.counting import counted
from replay.explaining.claims.claim import Claim
from replay.findings.account import StoredCause
from replay.reports.cause_texts import cause_words
from replay.reports.sections import sections_of
from replay.reports.texts import xml_text
from replay.reports.wording import (
    INDEPENDENT,
    REMARKS,
    bound_words,
    canary_words,
    claim_words,
    control_words,
    core_words,
    difference_words,
    explained_words,
    headline,
    nothing_compared_words,
    severity_words,
    status_words,
    uncompared_words,
)
from replay.runs.coverage import call_name_of
from replay.runs.report import FindingLine, Group, Report

MAX_FIELDS = 20
MAX_ATTRIBUTE = 500


def junit(report: Report) -> str:
    """The whole report as JUnit."""
    suite = ET.Element("testsuite", name=_short(f"doge-replay {report.kind}"))
    _add_properties(suite, report)
    _add_claims(suite, report.claims)
    for cause in () if report.account is None else report.account.causes:
        _add_cause(suite, cause, report)
    for section in sections_of(report):
        for line, group in section.lines:
            _add_finding(suite, line, group, section.cause)
    for finding in report.fixed:
        _say(_case(suite, "findings", f"{finding} fixed"), "fixed in this run")
    for number, miss in enumerate(report.misses, 1):
        case = _case(suite, "expectations", f"expectation {number}")
        ET.SubElement(case, "failure", message=_short(miss), type="expectation")
    _add_checks(suite, report)
    said = [
        headline(report),
        *(bound_words(one, call_name_of(one.call)) for one in report.bounds()),
    ]
    ET.SubElement(suite, "system-out").text = xml_text("\n".join([*said, INDEPENDENT]))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("time", f"{report.seconds:.3f}")
    if report.occasion is not None:
        # The form has no room for a zone: by its readers' rules it is UTC.
        suite.set("timestamp", report.occasion.began_text.removesuffix("Z"))
        suite.set("hostname", _short(report.occasion.host))
    text = ET.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _add_properties(suite: ET.Element, report: Report) -> None:
    tally = report.tally
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        *_occasion(report),
        ("authority", core_words(report.authority)),
        ("shadow", core_words(report.shadow)),
        ("seed", report.seed),
        ("profile", report.profile),
        ("streams", tally.streams),
        ("transitions", tally.transitions),
        ("compared", tally.compared),
        ("not compared", uncompared_words(report)),
        ("strict", report.strict),
        ("exit", int(report.exit_code)),
    ):
        ET.SubElement(properties, "property", name=name, value=_short(value))


def _occasion(report: Report) -> list[tuple[str, object]]:
    if report.occasion is None:
        return []
    return [(name, value) for name, value in report.occasion.document().items()]


def _add_claims(suite: ET.Element, claims: list[Claim]) -> None:
    for claim in sorted(claims, key=lambda claim: claim.ok):
        case = _case(suite, "explanations", claim.name)
        if claim.ok:
            _say(case, f"{claim.why} ({claim_words(claim)})")
        else:
            failure = ET.SubElement(case, "failure", message=_short(claim.why), type="explanation")
            failure.text = xml_text(f"{claim.why} ({claim_words(claim)})")


def _add_cause(suite: ET.Element, cause: StoredCause, report: Report) -> None:
    """A cause, with what differs in its buckets; a failure where one of these makes the run red."""
    case = _case(suite, "causes", f"{cause.id} {cause.kind}: {cause.says}")
    lines = [line for line in report.findings if line.id in cause.findings]
    red = {line.id for line in report.unexplained}
    text = "\n".join(
        [
            cause_words(cause),
            f"needed at {counted(cause.needed_at, 'step')}",
            *(f"{line.id}: {', '.join(line.fields[:MAX_FIELDS]) or line.what}" for line in lines),
            *([cause.block] if cause.block else []),
        ]
    )
    if red.intersection(cause.findings):
        failure = ET.SubElement(case, "failure", message=_short(cause_words(cause)), type="cause")
        failure.text = xml_text(text)
    else:
        _say(case, text)


def _add_finding(
    suite: ET.Element, line: FindingLine, group: Group, cause: StoredCause | None
) -> None:
    case = _case(suite, "findings", f"{line.id} {line.event}")
    what = f", {line.said}" if line.said else ""
    seen = f"{line.rule}: {line.kind}{what}, seen {line.occurrences} times"
    of_cause = [] if cause is None else [f"{cause.id}: {cause_words(cause)}"]
    if group is Group.EXPLAINED:
        _say(case, "\n".join([explained_words(line), seen, *of_cause, line.command]))
        return
    tag = "error" if group is Group.FAILURE else "failure"
    message = f"{status_words(line, group)}: {seen}"
    problem = ET.SubElement(case, tag, message=_short(message), type=_short(line.kind))
    severity = severity_words(line)
    problem.text = xml_text(
        "\n".join([
            REMARKS[group],
            *of_cause,
            *([f"severity {severity}"] if severity else []),
            *([line.set_aside] if line.set_aside else []),
            *(one for one in (line.command, line.explain_command) if one),
            *(difference_words(line) or line.fields[:MAX_FIELDS]),
        ])
    )  # fmt: skip


def _add_checks(suite: ET.Element, report: Report) -> None:
    checks = (
        ("something was compared", report.tally.compared > 0, nothing_compared_words(report)),
        ("canary", report.canary.ok, canary_words(report.canary)),
        ("control", report.control.ok, control_words(report.control)),
        ("no storm of failures", report.storm is None, report.storm or ""),
        ("not interrupted", report.interrupted is None, "the run was interrupted"),
    )
    for name, ok, why in checks:
        case = _case(suite, "run", name)
        if ok is None:
            ET.SubElement(case, "skipped", message="not made")
        elif not ok:
            ET.SubElement(case, "error", message=_short(why), type="run")


def _case(suite: ET.Element, group: str, name: str) -> ET.Element:
    return ET.SubElement(
        suite, "testcase", classname=f"doge-replay.{group}", name=_short(name), time="0"
    )


def _say(case: ET.Element, text: str) -> None:
    ET.SubElement(case, "system-out").text = xml_text(text)


def _short(value: object) -> str:
    """A text for an attribute, on one line."""
    return xml_text(value, MAX_ATTRIBUTE).replace("\n", " ")
