"""Causes as SARIF, for code scanning: each at the line of the authority's source that it is about.

Only what names a line is there: an edit of the source that makes the authority answer as the shadow
does. What is read or written otherwise has no line, and stands in the other reports.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import replay.core
from replay import __version__
from replay.findings.account import StoredCause
from replay.reports.cause_texts import cause_words
from replay.reports.texts import plain
from replay.runs.report import Report
from replay.targets.base import CoreIdentity

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_LINE = re.compile(r"(?P<file>[\w.-]+\.py) line (?P<line>\d+)")


class SourceLine(NamedTuple):
    """A line of a file."""

    file: Path
    line: int

    @property
    def uri(self) -> str:
        """As it stands below the current directory, which is where a checkout is scanned from;
        elsewhere in full. It is a URI, so what none may have is written with percent signs."""
        here, path = Path.cwd().resolve(), self.file.resolve()
        return (
            quote(path.relative_to(here).as_posix()) if path.is_relative_to(here) else path.as_uri()
        )


def sarif(report: Report) -> str:
    """The causes of a report that have a line."""
    causes = () if report.account is None else report.account.causes
    placed = [(cause, line_of(cause, report.authority)) for cause in causes]
    found = [(cause, line) for cause, line in placed if line is not None]
    driver = {
        "name": "doge-replay",
        "version": __version__,
        "rules": [
            {
                "id": cause.id,
                "name": cause.kind,
                "shortDescription": {"text": plain(cause_words(cause), 1000)},
                **({"fullDescription": {"text": plain(cause.rule, 400)}} if cause.rule else {}),
            }
            for cause, _ in found
        ],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(report)],
        "results": [_result(cause, line, report) for cause, line in found],
        "columnKind": "unicodeCodePoints",
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def line_of(cause: StoredCause, authority: CoreIdentity) -> SourceLine | None:
    """The line that a cause names, in the file of the authority that has it; None where it names
    none, or that file is not here."""
    named = _LINE.search(cause.says)
    if named is None:
        return None
    ours = authority.kind == "python"
    root = Path(replay.core.__file__).parent if ours else Path(authority.path).parent
    if not ours and not authority.path.endswith(".py"):
        return None
    file = next((one for one in sorted(root.rglob(named["file"])) if one.is_file()), None)
    return None if file is None else SourceLine(file, int(named["line"]))


def _result(cause: StoredCause, at: SourceLine, report: Report) -> dict[str, Any]:
    red = {line.id for line in report.unexplained}
    met = f" (in {', '.join(cause.findings)})" if cause.findings else ""
    return {
        "ruleId": cause.id,
        "level": "error" if red.intersection(cause.findings) else "note",
        "message": {"text": plain(cause_words(cause), 1000) + plain(met, 400)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": at.uri},
                    "region": {"startLine": at.line},
                }
            }
        ],
        "partialFingerprints": {"cause/v1": cause.id},
    }


def _invocation(report: Report) -> dict[str, Any]:
    occasion = report.occasion
    told: dict[str, Any] = {
        "executionSuccessful": report.fault is None and report.interrupted is None,
        "exitCode": int(report.exit_code),
    }
    if occasion is not None:
        told |= {"commandLine": occasion.command, "startTimeUtc": occasion.began_text}
    return told
