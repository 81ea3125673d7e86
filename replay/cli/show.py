"""`doge-replay show`: everything that is known of one stored finding."""

from __future__ import annotations

import click

from replay.cli.common import core_options, reading, repro_command
from replay.cli.console import clean, say, say_json
from replay.cli.list import finding_document
from replay.cli.settings import Settings
from replay.cli.side_by_side import difference_documents, say_answers, say_case, say_differences
from replay.cli.summary import core_line
from replay.findings.report import core_document
from replay.findings.store import StoredFinding


@click.command(
    epilog="""\b
Example:
  doge-replay show d-3f9a2c1b"""
)
@click.argument("id", metavar="ID")
@core_options
def show(id: str, settings: Settings, as_json: bool) -> int:
    """Show one stored divergence: its case, both answers, where and on which cores it was seen.

    ID may be shortened as long as only one finding fits.
    """
    with reading(settings) as store:
        finding = store.finding(id)
        if as_json:
            say_json(_document(finding))
        else:
            _say(finding, repro_command(settings)(finding.id))
    return 0


def _say(finding: StoredFinding, command: str) -> None:
    signature, shown = finding.signature, finding.shown
    say(f"{finding.id}: {clean(signature.event)}, {clean(signature.rule)}, "
        f"{clean(signature.field)}, {clean(signature.kind)}")  # fmt: skip
    state = "minimised" if finding.minimised else "as it was found, not minimised"
    say(f"seen       {finding.occurrences:,} times in {len(finding.runs)} runs, "
        f"first in run {finding.first_run}, last in run {finding.last_run}")  # fmt: skip
    for pair in finding.cores:
        say(f"authority  {core_line(pair.authority)}")
        say(f"shadow     {core_line(pair.shadow)}")
    say(f"case       {finding.steps} step{'s' * (finding.steps != 1)}, {state}")
    say()
    say_case(finding.case)
    say()
    say_answers(finding.case, shown.authority, shown.shadow, finding.differences)
    say()
    say_differences(finding.differences)
    say("where:")
    for place in finding.places:
        where = clean(place.origin) or "no file"
        where += f", line {place.line}" if place.line else ""
        say(f"  run {place.run}  {where}" + (f"  {place.times} times" if place.times > 1 else ""))
    say()
    say(command)


def _document(finding: StoredFinding) -> dict[str, object]:
    case = finding.case
    return {
        **finding_document(finding),
        "case": {
            "origin": case.origin,
            "start": case.start._asdict(),
            "steps": [{"call": step.call, "changes": step.changes} for step in case.steps],
        },
        "differences": difference_documents(finding.differences),
        "cores": [
            {"authority": core_document(pair.authority), "shadow": core_document(pair.shadow)}
            for pair in finding.cores
        ],
        "places": [
            {"run": place.run, "origin": place.origin, "line": place.line, "times": place.times}
            for place in finding.places
        ],
    }
