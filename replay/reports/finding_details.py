"""What there is to show of one finding in full: read from the store, in the words of `show`."""

from __future__ import annotations

from replay.differential.difference_texts import value_text
from replay.differential.signature.rules import place_in_contract
from replay.findings.store.stored import StoredFinding
from replay.reports.details import AnswerRow, FindingDetail, HistoryRow
from replay.reports.sides import MAX_STEPS, answers, step_text
from replay.streams.model import Start, Stream


def detail_of(finding: StoredFinding, *, everything: bool = False) -> FindingDetail:
    """A finding with its case to show, both answers and its history; with `everything` also what is
    alike in both answers."""
    shown = finding.shown
    both = answers(
        shown.stream, shown.authority, shown.shadow, shown.differences, everything=everything
    )
    return FindingDetail(
        id=finding.id,
        contract=place_in_contract(finding.signature),
        case=tuple(case_texts(shown.stream)),
        answers=tuple(AnswerRow(*row) for row in both.rows),
        left_out=both.left_out,
        history=tuple(
            HistoryRow(entry.at, entry.who, str(entry.status or ""), entry.why)
            for entry in finding.history
        ),
    )


def case_texts(case: Stream) -> list[tuple[str, str]]:
    """A case as labels and texts, from what it starts to its last step."""
    rows = [("from", case.origin or "no file")]
    rows += [
        (name, value_text(value))
        for name, value in zip(Start._fields, case.start, strict=True)
        if value is not None or name == "state"
    ]
    skipped = max(0, len(case.steps) - MAX_STEPS)
    if skipped:
        rows.append(("", f"... {skipped} steps ..."))
    rows += [
        (f"step {number}", step_text(step))
        for number, step in enumerate(case.steps[skipped:], skipped + 1)
    ]
    return rows
