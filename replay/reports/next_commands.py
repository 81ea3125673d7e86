"""What to do after a run, as commands to copy: each once, for the worst that was found.

The others are seen in the same way, by their IDs; a list of every command for every bucket is read
by nobody.
"""

from __future__ import annotations

from typing import NamedTuple

from replay.counting import counted
from replay.findings.store.stored import RunKind
from replay.runs.report import FindingLine, Group, Report


class NextCommand(NamedTuple):
    """A command, and what it is for."""

    command: str
    why: str


RED = (Group.REGRESSED, Group.NEW, Group.KNOWN)
"""What somebody has to look into."""


def next_commands(report: Report) -> list[NextCommand]:
    """The commands, in the order in which they are of use; none where nothing was found that a
    command could show."""
    red = _of(report, RED)
    shown = red or _of(report, (Group.FAILURE, Group.FLAKY, Group.EXPLAINED))
    if not shown:
        return _going_on(report)
    worst, commands = shown[0], report.commands
    others = f" (the others likewise, by ID: {len(shown):,} in all)" if len(shown) > 1 else ""
    found = [NextCommand(worst.command, f"run it again on both cores{others}")]
    if worst.explain_command:
        found.append(NextCommand(worst.explain_command, "find its cause"))
    if len(red) > 1:
        all_of_them = f"find the causes of all {counted(len(red), 'bucket')} at once"
        found.append(NextCommand(commands("causes"), all_of_them))
    if red:
        found.append(NextCommand(commands("recheck"), "once something is mended"))
    return found + _going_on(report)


def _going_on(report: Report) -> list[NextCommand]:
    """How a campaign that was cut short goes on."""
    is_campaign = report.kind in (RunKind.FUZZ, RunKind.NIGHTLY)
    was_cut_short = is_campaign and report.interrupted is not None
    if not was_cut_short or not report.can_go_on or report.occasion is None:
        return []
    resume = f"--resume {report.occasion.number}"
    command = report.commands.campaign(resume, nightly=report.kind == RunKind.NIGHTLY)
    return [NextCommand(command, "go on where this run was cut short")]


def _of(report: Report, groups: tuple[Group, ...]) -> list[FindingLine]:
    return [line for group in groups for line in report.group(group)]
