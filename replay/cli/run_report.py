"""A run's report in the terminal: what was compared, what was found, what to do next."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import partial

from replay.cli.console import MAX_COMMAND, mention, note, say, say_json, say_table
from replay.cli.fault_file import keep_fault
from replay.counting import counted
from replay.differential.model import Finding
from replay.errors import ExitCode
from replay.reports.faulty_parts import FaultyParts
from replay.reports.finding_text import core_line
from replay.reports.next_commands import NextCommand, next_commands
from replay.reports.wording import (
    INDEPENDENT,
    REMARKS,
    TITLES,
    aside_words,
    asked_less_words,
    blind_lines,
    canary_words,
    claim_words,
    control_words,
    group_counts,
    hands_words,
    headline,
    meaning_words,
    nothing_drawn,
    occasion_words,
    percent,
    phases_words,
    recorded_words,
    set_aside_words,
    severity_words,
    status_words,
    steps_words,
    uncompared_lines,
    unread_words,
)
from replay.runs.coverage import call_name_of
from replay.runs.report import FindingLine, Group, Report
from replay.safe_text import clean
from replay.streams.model import Unread

MAX_REJECTED_SHOWN = 20
MAX_ROWS = 200
"""Buckets of one group that are shown; a core that is wrong everywhere has no use for more."""


def say_report(
    report: Report, causes: Sequence[str] = (), faulty: FaultyParts | None = None
) -> None:
    """Prints a report: the verdict and what speaks against it first. `causes` are lines that say
    why; what to do next is the end. A part that cannot be told does not lose the others."""
    faulty = faulty or faulty_parts(report)
    parts: list[Callable[[], None]] = [
        lambda: say(f"{clean(report.kind)}: {clean(headline(report))}"),
        lambda: _say_false_claims(report),
        lambda: _say_run(report),
        lambda: _say_exercised(report),
        lambda: _say_rejected(report),
        lambda: _say_set_aside(report),
        lambda: say_unread(report.unread),
        *(partial(_say_group, report, group, faulty) for group in Group),
        lambda: _say_bounds(report),
        lambda: _say_causes(report, causes),
        lambda: say_next(next_commands(report)),
    ]
    for part in parts:
        with faulty.leaving_out("the summary"):
            part()


def _say_false_claims(report: Report) -> None:
    for claim in report.false_claims:
        say(f"  explanation {clean(claim.name, 100)} does not hold: {clean(claim.why)}")
        say(f"             {clean(claim_words(claim))}")


def _say_causes(report: Report, causes: Sequence[str]) -> None:
    for miss in report.misses:
        say(f"expected: {clean(miss)}")
    if causes:
        say()
        say("Why they differ, as far as it was found. With the statements below in force the "
            "authority gives the shadow's answers:")  # fmt: skip
        say()
    for line in causes:
        say(line)


def say_next(commands: Sequence[NextCommand]) -> None:
    """Prints commands to copy, each below what it is for."""
    if not commands:
        return
    say()
    say("next")
    for command, why in commands:
        say(f"  {clean(why)}:")
        say(f"    {clean(command, MAX_COMMAND)}")


def _say_run(report: Report) -> None:
    tally = report.tally
    if meaning := meaning_words(report):
        say(f"  means      {clean(meaning, 1000)}")
    if occasion := occasion_words(report):
        say(f"  run        {clean(occasion.removeprefix('run '))}")
    say(f"  authority  {core_line(report.authority)}")
    say(f"  shadow     {core_line(report.shadow)}")
    if report.seed is not None:
        say(f"  seed       {report.seed}, profile {clean(report.profile)}")
    say(
        f"  compared   {tally.transitions:,} transitions in {counted(tally.streams, 'stream')}, "
        f"{report.seconds:.1f} s ({report.rate:,.0f}/s)"
    )
    if hands := hands_words(report):
        say(f"  workers    {clean(hands, 4000)}")
    verdicts = ", ".join(
        f"{verdict} {count:,}" for verdict, count in tally.verdicts.items() if count
    )
    if verdicts:
        say(f"  verdicts   {verdicts}")
    if uncompared := uncompared_lines(report):
        head, *reasons = uncompared
        say(f"  uncompared {clean(head)}")
        for reason in reasons:
            say(f"             {clean(reason)}")
    counts = ", ".join(f"{name} {count:,}" for name, count in group_counts(report))
    if counts:
        strict = " (strict: nothing counts as explained)" if report.strict else ""
        say(f"  findings   {counts}{strict}")
    for name, check, words in (
        ("canary", report.canary, canary_words),
        ("control", report.control, control_words),
    ):
        if check.ok is not None:
            say(f"  {name:10} {clean(words(check))}")
    for recorded in recorded_words(report):
        say(f"  recorded   {clean(recorded)}")
    if report.claims:
        holding = sum(claim.ok for claim in report.claims)
        say(f"  explained  {holding} of {counted(len(report.claims), 'explanation')} hold")
    for aside in aside_words(report.findings):
        say(f"             {clean(aside, 1000)}")
    if report.new_streams:
        say(f"  corpus     {counted(report.new_streams, 'new stream')}")
    if report.resolved:
        say(f"  agree now  {', '.join(map(clean, report.resolved))}")
    if report.unsettled:
        say(f"  unsettled  {', '.join(map(clean, report.unsettled))}: run again, and neither shown "
            "nor gone")  # fmt: skip
    if report.asked_less:
        say(f"  asked less {asked_less_words(report.asked_less)}")
    if report.causes_back:
        say(f"  back       {', '.join(map(clean, report.causes_back))}")
    if report.fixed:
        say(f"  fixed      {', '.join(map(clean, report.fixed))}")


def _say_exercised(report: Report) -> None:
    """What was exercised, on a few lines; the files have it in full."""
    calls = ", ".join(f"{clean(name)} {count:,}" for name, count in report.calls().items())
    if calls:
        say(f"  steps      {calls}")
    exercised = report.exercised
    phases = ", ".join(f"{name} {count:,}" for name, count in phases_words(exercised))
    if phases:
        say(f"  phases     {phases}")
    rules = {rule for _, rule, _, _ in exercised.rules() if rule}
    if rules or report.features:
        words = [
            counted(len(rules), "rule"),
            counted(len(exercised.actions), "action"),
            counted(len(exercised.configurations), "configuration"),
        ]
        words += [counted(len(report.features), "feature")] if report.features else []
        say(f"  reached    {', '.join(words)}")


def _say_rejected(report: Report) -> None:
    if not report.rejected_count:
        return
    say(f"  set aside  {counted(report.rejected_count, 'line')}")
    for one in report.rejected[:MAX_REJECTED_SHOWN]:
        where = f"{one.file}:{one.line}" if one.line else one.file
        say(f"    {clean(where)}: {clean(one.reason)}")
    if report.rejected_count > MAX_REJECTED_SHOWN:
        say(f"    ... and {report.rejected_count - MAX_REJECTED_SHOWN:,} more (--json has them)")


def _say_set_aside(report: Report) -> None:
    """The units in which we failed ourselves, and how to run them again."""
    if report.set_aside:
        say(f"  set aside  {counted(len(report.set_aside), 'unit')}")
    for words in set_aside_words(report)[:MAX_REJECTED_SHOWN]:
        say(f"    {clean(words, 1000)}")
    if len(report.set_aside) > MAX_REJECTED_SHOWN:
        say(f"    ... and {len(report.set_aside) - MAX_REJECTED_SHOWN:,} more (--json has them)")


def say_unread(unread: Sequence[Unread]) -> None:
    """What of the input was not read as a whole, or not at all; what may be a log comes first."""
    partial = [one for one in unread if one.is_partial]
    _say_files("damaged    {}, not read as a whole", partial)
    _say_files("not read   {}", [one for one in unread if not one.is_partial])


def _say_files(title: str, unread: Sequence[Unread]) -> None:
    if unread:
        say(f"  {title.format(counted(len(unread), 'file'))}")
    for words in unread_words(unread[:MAX_REJECTED_SHOWN]):
        say(f"    {clean(words)}")
    if len(unread) > MAX_REJECTED_SHOWN:
        say(f"    ... and {len(unread) - MAX_REJECTED_SHOWN:,} more (--json has them)")


def _say_group(report: Report, group: Group, faulty: FaultyParts) -> None:
    lines = report.group(group)
    if not lines:
        return
    say()
    say(f"{TITLES[group]}: {len(lines):,}. {REMARKS[group]}")
    say_table(
        ("id", "severity", "event", "rule", "field", "kind", "times", "steps", ""),
        [_row_of(line, group, faulty) for line in lines[:MAX_ROWS]],
        dispensable=("steps", "kind", "times", "severity", "field"),
    )
    if len(lines) > MAX_ROWS:
        say(f"... and {len(lines) - MAX_ROWS:,} more (--json has them)")


def _row_of(line: FindingLine, group: Group, faulty: FaultyParts) -> tuple[object, ...]:
    """The row of a bucket; of one that cannot be told there is the ID."""
    with faulty.leaving_out(f"the summary, {line.id}"):
        return _row(line, group)
    return (line.id, *[""] * 7, "could not be told")


def _row(line: FindingLine, group: Group) -> tuple[object, ...]:
    return (
        line.id,
        severity_words(line),
        line.event,
        line.rule,
        line.what,
        line.kind,
        f"{line.occurrences:,}",
        steps_words(line),
        status_words(line, group),
    )


def _say_bounds(report: Report) -> None:
    """How often each event could still diverge: how much a green means. Reports have it, too."""
    if report.exit_code is ExitCode.DIVERGENCE:
        return
    bounds = report.bounds()
    say()
    if not bounds:
        say(nothing_drawn(report))
        return
    say("How often each event could diverge without this run having seen more of it (95 %):")
    say_table(
        ("event", "independent", "diverged", "at most", "draws", "diverged", "at most"),
        (
            (
                call_name_of(bound.call),
                f"{bound.steps:,}",
                f"{bound.differed:,}",
                percent(bound.per_step),
                f"{bound.draws:,}",
                f"{bound.differed_draws:,}",
                percent(bound.per_draw),
            )
            for bound in bounds
        ),
    )
    say(textwrap.fill(INDEPENDENT, 100))
    say("In none of these bounds:")
    for line in blind_lines(report):
        say(textwrap.fill(clean(line, 2000), 100, initial_indent="  ", subsequent_indent="    "))


def announce(finding: Finding, word: str) -> None:
    """Says on standard error that a bucket was met, when it has been stored; `word` is how it
    stands."""
    what = "failure" if finding.signature.failure else "divergence"
    mention(f"{word} {what} {finding.id}: {clean(finding.event)}, "
         f"{clean(finding.signature.rule)}, {clean(finding.signature.field)}")  # fmt: skip


def faulty_parts(report: Report) -> FaultyParts:
    """Notes what of a report cannot be told, and tells of it: a line each, with the file that has
    the traceback."""
    return FaultyParts(report, lambda words: note(f"doge-replay: {clean(words, 1000)}"), keep_fault)


def finish(
    report: Report,
    as_json: bool,
    causes: Sequence[str] = (),
    faulty: FaultyParts | None = None,
) -> int:
    """Prints the report, with lines that say why the cores differ, and gives the exit code."""
    faulty = faulty or faulty_parts(report)
    if as_json:
        many = len(report.untold)
        document = faulty.told("the summary", Report.document)
        if len(report.untold) > many:
            document = faulty.told("the summary", Report.document)  # as it stands now
        say_json(document)
    else:
        say_report(report, causes, faulty)
    if report.storm is not None or report.interrupted is not None:
        note(f"doge-replay: {clean(headline(report), 1000)}")
    return int(report.exit_code)
