"""What a report shows of single findings beside their lines: cases, answers, histories, as texts.

Whoever writes a report fills these in from the store; texts need not be clean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class AnswerRow(NamedTuple):
    """One value of both answers. `how` says in what way they differ, "" where they do not."""

    path: str
    authority: str
    shadow: str
    how: str


class HistoryRow(NamedTuple):
    """One entry of a finding's history; `status` is "" for a remark."""

    at: str
    who: str
    status: str
    why: str


@dataclass(frozen=True, slots=True)
class FindingDetail:
    """One finding in full.

    `contract` is where reducer.md has its rule; `case` the smallest case as labels and texts, from
    what it starts to its last step; `answers` both answers to that step, as far as they are of
    interest, and `left_out` in words what is not among them; `history` is oldest first.
    """

    id: str
    contract: str = ""
    case: tuple[tuple[str, str], ...] = ()
    answers: tuple[AnswerRow, ...] = ()
    left_out: str = ""
    history: tuple[HistoryRow, ...] = ()
