"""Prints one case, and both answers to its last step, as wide as the terminal is."""

from __future__ import annotations

from collections.abc import Sequence

from replay.cli.console import columns, say, say_marked
from replay.differential.model import Difference
from replay.reports.case_text import DIFFERS, answer_lines, case_lines
from replay.reports.sides import answers
from replay.streams.model import Stream
from replay.targets.base import StepResult


def say_case(case: Stream) -> None:
    """Prints the start, what was set, and the steps of a case."""
    for line in case_lines(case, columns()):
        say(line)


def say_answers(
    case: Stream,
    authority: StepResult,
    shadow: StepResult,
    differences: Sequence[Difference],
    *,
    everything: bool = False,
) -> None:
    """Prints both answers to the last step side by side: what differs, or everything."""
    shown = answers(case, authority, shadow, differences, everything=everything)
    if shown.left_out and not everything:
        shown = shown._replace(left_out=f"{shown.left_out} (--all shows them)")
    for line in answer_lines(shown, columns()):
        say_marked(line, line.startswith(DIFFERS))
