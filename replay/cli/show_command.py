"""`doge-replay show`: everything that is known of one stored finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import click

from replay.cli.case_output import say_answers, say_case
from replay.cli.common import core_options, reading
from replay.cli.console import columns, say, say_json
from replay.cli.list_command import finding_document
from replay.counting import counted
from replay.differential.difference_texts import difference_documents
from replay.differential.signature.rules import place_in_contract
from replay.findings.account import StoredCause, severity_words_of
from replay.findings.bundle import history_document
from replay.findings.lifecycle import ONLY_LIVE
from replay.findings.selection import event_of, worst_first
from replay.findings.store.identities import names_cause
from replay.findings.store.store import Store, StoredFinding
from replay.reports.case_text import labelled
from replay.reports.cause_texts import MAX_SAYS, cause_words, part_in_words, support_words
from replay.reports.finding_text import core_line, finding_text, history_lines
from replay.runs.commands import Commands, commands_of
from replay.safe_text import clean
from replay.settings import Settings

MAX_NOTE_SHOWN = 2000
"""Characters of a note; --json has all of it."""


@click.command(
    epilog="""\b
Examples:
  doge-replay show d-3f9a2c1b
  doge-replay show c-5be0117a"""
)
@click.argument("id", metavar="ID")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Show what is alike in both answers, too, and every place.",
)
@core_options
def show(id: str, everything: bool, settings: Settings, as_json: bool) -> int:
    """Show one stored divergence: its case, both answers, where and on which cores it was seen.

    ID may be shortened as long as only one finding fits. Of a cause (`c-...`) it shows what it
    says, its buckets, and what became of it.
    """
    with reading(settings) as store:
        if names_cause(id):
            known = store.cause(id)
            if as_json:
                say_json(
                    {
                        **known.document(),
                        "history": [history_document(one) for one in known.history],
                    }
                )
            else:
                commands = commands_of(settings).of_cores(store.cores_of_cause(known.id))
                _say_cause(known, _buckets_of(known, store), commands)
            return 0
        asked, finding = store.resolve(id), store.finding(id)
        account = store.account()
        causes = () if account is None else account.causes_of(finding.id)
        if as_json:
            say_json({**_document(finding), "causes": [cause.document() for cause in causes]})
        else:
            if asked != finding.id:
                say(f"{asked} was merged into {finding.id}")
            _say(finding, causes, commands_of(settings), everything=everything)
    return 0


def _buckets_of(cause: StoredCause, store: Store) -> list[StoredFinding]:
    found = {one.id: one for one in map(store.finding, cause.findings)}
    return sorted(found.values(), key=worst_first)


def _say_cause(cause: StoredCause, findings: Sequence[StoredFinding], commands: Commands) -> None:
    say(f"{clean(cause.id)}  {clean(cause.kind)}: {clean(cause_words(cause), MAX_SAYS)}")
    if cause.rule:
        say(f"rule       {clean(cause.rule)}")
    say(f"status     {cause.status}")
    if severity := severity_words_of(cause.severity, findings):
        say(f"severity   {severity}{', set by hand' if cause.severity else ''}")
    if cause.owner:
        say(f"owner      {clean(cause.owner)}")
    if cause.note:
        for line in labelled("note", clean(cause.note, MAX_NOTE_SHOWN), columns()):
            say(line)
    say(f"support    {support_words(cause.needed_at, cause.doubtful)}")
    for line in _bucket_lines(findings):
        say(line)
    say()
    for line in history_lines(cause.history, columns()):
        say(line)
    if cause.history:
        say()
    if cause.block:
        for line in cause.block.splitlines():
            say(clean(line, MAX_NOTE_SHOWN))
        say()
    for finding in findings[:1]:
        say(commands.of_finding(finding)("repro", finding.id))
    say(commands("recheck", cause.id))


def _bucket_lines(findings: Sequence[StoredFinding]) -> Iterator[str]:
    """The buckets of a cause: those that differ in their field alone in one row."""
    alike: dict[str, list[StoredFinding]] = {}
    for finding in findings:
        signature = finding.signature
        parts = (event_of(finding), signature.rule, str(signature.kind), signature.part)
        alike.setdefault(", ".join(clean(part) for part in parts if part), []).append(finding)
    for words, ones in alike.items():
        if len(ones) == 1:
            yield f"bucket     {ones[0].id}: {finding_text(ones[0].finding)}"
            continue
        yield f"buckets    {len(ones):,} of {words}:"
        fields = (f"{one.id} {clean(one.signature.field)}" for one in ones)
        yield from labelled("", "; ".join(fields), columns())


MAX_PLACES = 3
"""Places of one run that are shown; `--all` shows them all."""


def _place_lines(finding: StoredFinding, *, everything: bool) -> Iterator[str]:
    """Where it was seen, by run."""
    by_run: dict[int, Counter[str]] = {}
    for place in finding.places:
        where = clean(place.origin) or "no file"
        where += f", line {place.line}" if place.line else ""
        by_run.setdefault(place.run, Counter())[where] += place.times
    for run, counts in by_run.items():
        places = [
            where + (f"  {times:,} times" if times > 1 else "") for where, times in counts.items()
        ]
        shown = places if everything else places[:MAX_PLACES]
        yield from (f"  run {run}  {where}" for where in shown)
        if len(places) > len(shown):
            more = counted(len(places) - len(shown), "more place")
            yield f"  run {run}  and {more} (--all shows them)"


def _say(
    finding: StoredFinding, causes: Sequence[StoredCause], commands: Commands, *, everything: bool
) -> None:
    shown = finding.shown
    say(f"{clean(finding.id)}: {finding_text(finding.finding)}")
    say(f"rule       {place_in_contract(finding.signature)}")
    for line in _triage(finding):
        say(line)
    for cause in causes:
        say(part_in_words(cause))
    state = "minimised" if finding.minimised else "as it was found, not minimised"
    times, runs = counted(finding.occurrences, "time"), counted(len(finding.runs), "run")
    first, last = finding.first_run, finding.last_run
    say(f"seen       {times} in {runs}, first in run {first}, last in run {last}")
    for pair in finding.cores:
        say(f"authority  {core_line(pair.authority)}")
        say(f"shadow     {core_line(pair.shadow)}")
    say(f"case       {counted(finding.steps, 'step')}, {state}")
    say()
    say_case(finding.case)
    say()
    say_answers(
        finding.case, shown.authority, shown.shadow, finding.differences, everything=everything
    )
    say()
    say("where:")
    for line in _place_lines(finding, everything=everything):
        say(line)
    say()
    for line in history_lines(finding.history, columns()):
        say(line)
    if finding.history:
        say()
    for missing in commands.left_out(finding):
        say(clean(missing))
    say(commands.of_finding(finding)("repro", finding.id))


def _triage(finding: StoredFinding) -> Iterator[str]:
    """What was said of it, and what follows from its cases."""
    by_hand = finding.severity is not finding.computed_severity
    computed = f", set by hand (its cases say {finding.computed_severity})" if by_hand else ""
    hot = ", on the hot path" if finding.hot else ""
    yield f"status     {finding.status}{f', {ONLY_LIVE}' if finding.is_only_live else ''}"
    yield f"severity   {finding.severity}{computed}{hot}"
    if finding.owner:
        yield f"owner      {clean(finding.owner)}"
    if finding.note:
        yield from labelled("note", clean(finding.note, MAX_NOTE_SHOWN), columns())
    if finding.merged:
        yield f"merged     {', '.join(map(clean, finding.merged))}"


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
            {"authority": pair.authority.document(), "shadow": pair.shadow.document()}
            for pair in finding.cores
        ],
        "places": [
            {"run": place.run, "origin": place.origin, "line": place.line, "times": place.times}
            for place in finding.places
        ],
        "computed_severity": str(finding.computed_severity),
        "merged": list(finding.merged),
        "history": [history_document(entry) for entry in finding.history],
    }
