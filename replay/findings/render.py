"""Reports as files: Markdown for people, JUnit for CI, JSON for scripts.

Texts from data are escaped for where they go: nothing in an ID, a reason or a note can become
markup, an entity or a terminal escape.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from replay.errors import EnvironmentFailure
from replay.findings.report import Check, FindingLine, Report

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$@])")
MAX_CELL = 200


def plain(value: object, limit: int = MAX_CELL) -> str:
    """A text on one line without control characters, cut to a length."""
    text = "".join(
        " " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c
        for c in str(value)[: limit + 1]
    )
    return text if len(text) <= limit else text[:limit] + "..."


def markdown_text(value: object) -> str:
    """A text that Markdown shows as it is."""
    return _MARKDOWN.sub(r"\\\1", plain(value))


def markdown(report: Report) -> str:
    """The whole report in Markdown, fit for a step summary of CI."""
    tally = report.tally
    lines = [
        f"# doge-replay {markdown_text(report.kind)}: exit {int(report.exit_code)}",
        "",
        "| | |",
        "|---|---|",
        f"| authority | {markdown_text(_core(report, 'authority'))} |",
        f"| shadow | {markdown_text(_core(report, 'shadow'))} |",
        f"| compared | {tally.transitions:,} transitions in {tally.streams:,} streams |",
        f"| time | {report.seconds:.1f} s, {report.rate:,.0f} transitions/s |",
        f"| seed | {markdown_text(report.seed)}, profile {markdown_text(report.profile)} |",
        f"| canary | {markdown_text(_check(report.canary))} |",
        f"| control | {markdown_text(_check(report.control))} |",
        f"| set aside | {report.rejected_count:,} lines |",
        f"| joined the corpus | {report.new_streams} streams |",
    ]
    if report.storm is not None:
        lines += ["", f"**{markdown_text(report.storm)}**"]
    lines += _findings("Divergences", report.divergences)
    lines += _findings("Failures of a core", report.failures)
    if report.resolved:
        lines += ["", "## Stored findings that agree now", "", ", ".join(report.resolved)]
    if report.misses:
        lines += ["", "## Missed expectations", ""]
        lines += [f"- {markdown_text(miss)}" for miss in report.misses]
    lines += ["", "## What was exercised", "", "| step | compared |", "|---|---|"]
    lines += [f"| {markdown_text(name)} | {count:,} |" for name, count in report.calls().items()]
    lines += [f"| features reached | {len(report.features):,} |"]
    if report.rejected:
        lines += ["", "## Set aside", ""]
        lines += [
            f"- {markdown_text(one.file)}:{one.line}: {markdown_text(one.reason)}"
            for one in report.rejected[:50]
        ]
    return "\n".join(lines) + "\n"


def _core(report: Report, role: str) -> str:
    identity = report.authority if role == "authority" else report.shadow
    return (
        f"{identity.path}, version {identity.version}, revision {identity.revision}, "
        f"SHA-256 {identity.sha256}"
    )


def _check(check: Check) -> str:
    words = {None: "not made", True: "passed", False: "FAILED"}[check.ok]
    details = ", ".join(f"{name} {value}" for name, value in check.details.items() if value)
    return f"{words} {details}".strip()


def _findings(title: str, lines: Iterable[FindingLine]) -> list[str]:
    lines = list(lines)
    if not lines:
        return ["", f"## {title}", "", "None."]
    rows = [
        "| " + " | ".join((
            f"`{line.id}`", "new" if line.new else "known", markdown_text(line.event),
            markdown_text(line.rule), markdown_text(line.field), markdown_text(line.kind),
            f"{line.occurrences:,}", str(line.steps),
        )) + " |"
        for line in lines
    ]  # fmt: skip
    commands = [f"    {plain(line.command, 1000)}" for line in lines]
    return [
        *("", f"## {title}", ""),
        "| id | | event | rule | field | kind | times | steps |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        *("", "To reproduce:", ""),
        *commands,
    ]


def junit(report: Report) -> str:
    """A JUnit file: one test case for each bucket, and one for each check of the run itself."""
    suite = ET.Element("testsuite", name=f"doge-replay {report.kind}")
    failures = errors = 0
    for line in report.findings:
        case = _case(suite, "findings", f"{line.id} {line.event}")
        tag = "error" if line.failure else "failure"
        errors, failures = errors + line.failure, failures + (not line.failure)
        message = f"{line.rule}: {line.kind}, seen {line.occurrences} times"
        ET.SubElement(case, tag, message=_xml(message), type=_xml(line.kind)).text = _xml(
            f"{line.command}\n" + "\n".join(line.fields[:20])
        )
    for number, miss in enumerate(report.misses, 1):
        failures += 1
        case = _case(suite, "expectations", f"expectation {number}")
        ET.SubElement(case, "failure", message=_xml(miss))
    checks = {
        "something was compared": report.tally.transitions > 0,
        "canary": report.canary.ok,
        "control": report.control.ok,
        "no storm of failures": report.storm is None,
    }
    for name, ok in checks.items():
        case = _case(suite, "run", name)
        if ok is None:
            ET.SubElement(case, "skipped", message="not made")
        elif not ok:
            errors += 1
            ET.SubElement(case, "error", message=_xml(report.storm or f"{name}: no"))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(failures))
    suite.set("errors", str(errors))
    suite.set("time", f"{report.seconds:.3f}")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"
    )


def _case(suite: ET.Element, group: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=f"doge-replay.{group}", name=_xml(name))


def _xml(text: str) -> str:
    """Only characters that XML 1.0 can hold; the library escapes the rest."""
    kept = (c if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs", "Cn") else "?"
            for c in text[:4000])  # fmt: skip
    return "".join(kept)


def write_reports(report: Report, directory: Path, json_safe: Callable[[Any], Any]) -> Path:
    """Writes report.md, junit.xml and report.json, each whole or not at all; gives the Markdown's
    path. Raises EnvironmentFailure where that is not possible."""
    document = json.dumps(json_safe(report.document()), indent=2, allow_nan=False) + "\n"
    files = {"report.json": document, "junit.xml": junit(report), "report.md": markdown(report)}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            temporary = directory / f".{name}.{os.getpid()}"
            temporary.write_text(text, "utf-8")
            temporary.replace(directory / name)
    except OSError as error:
        raise EnvironmentFailure(
            f"cannot write the report to {directory}: {error.strerror}", path=str(directory)
        ) from error
    return directory / "report.md"
