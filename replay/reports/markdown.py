"""A report in Markdown, fit for a step summary of CI: the verdict on top, the rest folded away.

Data stands as code wherever it stands, so that nothing in it is markup or a link. GitHub drops a
summary that is too long altogether, so of long lists only as much is shown as there is room for,
the worst first, and what was left out is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from replay.counting import counted
from replay.explaining.claims.claim import Claim
from replay.reports.cause_texts import account_words, cause_words
from replay.reports.next_commands import next_commands
from replay.reports.sections import ReportSection, causes_without_buckets, sections_of
from replay.reports.texts import markdown_code, markdown_words, plain
from replay.reports.wording import (
    INDEPENDENT,
    aside_words,
    blind_lines,
    canary_words,
    claim_words,
    control_words,
    core_words,
    difference_words,
    group_counts,
    hands_words,
    headline,
    meaning_words,
    nothing_drawn,
    occasion_words,
    percent,
    phase_name,
    rejected_words,
    set_aside_words,
    severity_words,
    status_words,
    steps_words,
    uncompared_words,
    unread_words,
)
from replay.runs.coverage import PHASES, call_name_of
from replay.runs.occasion import FORM
from replay.runs.report import FindingLine, Group, Report
from replay.runs.slot_phase import UNKNOWN_PHASE

MAX_BYTES = 1_000_000
"""GitHub takes 1 MiB."""

MAX_SHOWN = 50
"""Lines set aside and missed expectations that are shown."""

_UNFOLDED = 20
"""Groups of so many buckets are shown without being asked."""

_FOR_WORDS = 20_000
"""Room that is kept for what is always there: headings, and what was left out."""


def markdown(report: Report) -> str:
    """The whole report in Markdown, in no more than MAX_BYTES."""
    page = _Page(MAX_BYTES - _FOR_WORDS)
    page.add(*_top(report))
    exercised = _exercised(report)
    page.has_room_for(exercised)
    _add_items(page, [_false(claim) for claim in report.false_claims[:MAX_SHOWN]],
               len(report.false_claims))  # fmt: skip
    page.add(*_facts(report))
    _add_causes(page, report)
    for section in sections_of(report):
        _add_section(page, section)
    page.add(*_next(report))
    _add_list(page, "Missed expectations", report.misses)
    _add_list(page, "Causes that came back", report.causes_back)
    _add_list(page, "Fixed in this run", report.fixed)
    _add_list(page, "Stored findings that agree now", report.resolved)
    holding = [claim for claim in report.claims if claim.ok]
    words = [f"{plain(claim.name)}: {plain(claim_words(claim))}" for claim in holding[:MAX_SHOWN]]
    _add_list(page, "Explanations that hold", words, of=len(holding))
    page.add(*exercised)
    aside = rejected_words(report)[:MAX_SHOWN]
    _add_list(page, "Set aside", aside, of=report.rejected_count)
    units = set_aside_words(report)[:MAX_SHOWN]
    _add_list(page, "Units set aside", units, of=len(report.set_aside))
    words = unread_words(report.unread[:MAX_SHOWN])
    _add_list(page, "Not read, or in part", words, of=len(report.unread))
    return "\n".join(page.lines) + "\n"


class _Page:
    """Lines, with an eye on how much room there is left."""

    def __init__(self, room: int) -> None:
        self.lines: list[str] = []
        self._room = room

    def add(self, *lines: str) -> None:
        """Adds lines that are few and short, or that room was kept for."""
        self.lines += lines

    def has_room_for(self, lines: Iterable[str]) -> bool:
        """Whether there is room for some more lines, which is then kept for them. Once there is
        none, there is none for shorter lines either."""
        self._room -= sum(len(line.encode("utf-8", "replace")) + 1 for line in lines)
        return self._room >= 0


def _top(report: Report) -> list[str]:
    counts = ", ".join(f"{name} {count:,}" for name, count in group_counts(report))
    meaning = meaning_words(report)
    kind, verdict = markdown_words(report.kind), markdown_words(headline(report), 1000)
    return [
        f"# doge-replay {kind}: exit {int(report.exit_code)}, {verdict}",
        "",
        f"{report.tally.transitions:,} transitions in "
        f"{counted(report.tally.streams, 'stream')}, {report.seconds:.1f} s"
        + (f"; {counts}" if counts else "")
        + ("; strict: nothing counts as explained" if report.strict else ""),
        *(("", f"What this means: {markdown_words(meaning, 1000)}") if meaning else ()),
        "",
    ]


def _facts(report: Report) -> list[str]:
    rows = [
        *_occasion(report),
        ("authority", _cell(core_words(report.authority), 400)),
        ("shadow", _cell(core_words(report.shadow), 400)),
        ("rate", f"{report.rate:,.0f} transitions/s"),
        ("seed", markdown_words(f"{report.seed}, profile {report.profile}")),
        *([("workers", markdown_words(hands_words(report)))] if report.hands else []),
        ("canary", markdown_words(canary_words(report.canary))),
        ("control", markdown_words(control_words(report.control))),
        ("not compared", markdown_words(uncompared_words(report) or "nothing", 1000)),
        ("set aside", counted(report.rejected_count, "line")),
        ("joined the corpus", counted(report.new_streams, "stream")),
    ]
    return ["", *_table(("", ""), rows)]


def _occasion(report: Report) -> list[tuple[str, str]]:
    occasion = report.occasion
    if occasion is None:
        return []
    return [
        ("run", _cell(occasion_words(report).removeprefix("run "), 400)),
        ("command", _cell(occasion.command, 2000)),
        ("form", f"{FORM}"),
    ]


def _values(page: _Page, lines: Sequence[FindingLine]) -> None:
    """What differs in the smallest case of each, with both values."""
    shown: list[str] = []
    for line in lines:
        words = [f"    {one}" for one in difference_words(line)]
        if not words:
            continue
        # Nothing in indented code can end it.
        block = [f"{markdown_code(line.id)}", "", *words, ""]
        if not page.has_room_for(block):
            break
        shown += block
    if shown:
        page.add("", *_unfold("what differs", fold=True), *shown, *_fold(fold=True))


def _next(report: Report) -> list[str]:
    commands = next_commands(report)
    lines = ["", "## Next"] if commands else []
    for command, why in commands:
        # Nothing in indented code can end it.
        lines += ["", f"{why[0].upper()}{why[1:]}:", "", f"    {plain(command, 4000)}"]
    return lines


def _add_causes(page: _Page, report: Report) -> None:
    """What all causes come to, and those of which this run has no bucket."""
    account = report.account
    if account is None:
        return
    words = markdown_words(account_words(account), 1000)
    page.add("", f"## Causes: {len(account.causes):,}", "", words, "")
    rows = [
        (_cell(cause.id), _cell(cause.kind), f"{cause.needed_at:,}",
         _cell(cause_words(cause), 400))
        for cause in causes_without_buckets(report)
    ]  # fmt: skip
    lines = _table(("cause", "kind", "steps", "of which this run has no bucket"), rows)
    if rows and page.has_room_for(lines):
        page.add(*lines)


def _add_section(page: _Page, section: ReportSection) -> None:
    """The buckets of a cause, or of a group that no cause has part in."""
    lines = [line for line, _ in section.lines]
    fold = len(lines) > _UNFOLDED or section.is_settled
    title = section.title
    if section.cause is not None:
        title = f"{markdown_code(section.cause.id)} {markdown_words(section.title)}"
    page.add("", f"## {title}: {len(lines):,}", "", markdown_words(section.remark), "")
    for words in aside_words(lines):
        page.add(f"    {words}", "")
    page.add(*_unfold(f"{counted(len(lines), 'bucket')}", fold))
    page.add(
        *_table(("id", "severity", "event", "rule", "field", "kind", "times", "steps", ""), ())
    )
    rows = []
    for line, group in section.lines:
        row = _row(line, group)
        if not page.has_room_for([row]):
            break
        rows.append(row)
    page.add(*rows)
    _values(page, lines[: len(rows)])
    if len(rows) < len(lines):
        left_out = len(lines) - len(rows)
        page.add("", f"{left_out:,} more are left out here: report.json has them all.")
    page.add(*_fold(fold))


def _row(line: FindingLine, group: Group) -> str:
    cells = (
        _cell(line.id), _cell(severity_words(line)), _cell(line.event), _cell(line.rule),
        _cell(line.what), _cell(line.kind), f"{line.occurrences:,}", steps_words(line),
        _cell(status_words(line, group)),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _add_list(page: _Page, title: str, texts: Sequence[str], *, of: int | None = None) -> None:
    """A list that is folded away; `of` is how many there are, where not all are at hand."""
    of = len(texts) if of is None else of
    if not of:
        return
    page.add("", f"## {title}: {of:,}", "", *_unfold("all of them", fold=True))
    _add_items(page, [f"- {markdown_code(text, 400)}" for text in texts[:MAX_SHOWN]], of)
    page.add(*_fold(fold=True))


def _add_items(page: _Page, items: Sequence[str], of: int) -> None:
    """Items, as far as there is room, and how many of all there are more."""
    shown = [item for item in items if page.has_room_for([item])]
    page.add(*shown)
    if len(shown) < of:
        page.add(f"- and {of - len(shown):,} more: report.json has them")


def _false(claim: Claim) -> str:
    name, why = markdown_code(claim.name), markdown_code(claim.why, 1000)
    return f"- explanation {name} does not hold: {why}"


def _exercised(report: Report) -> list[str]:
    exercised = report.exercised
    phases = [phase for phase in PHASES if phase != UNKNOWN_PHASE]
    table = exercised.phases()
    steps = [
        (
            _cell(call_name_of(code)),
            f"{row.total():,}",
            *(f"{row[phase]:,}" for phase in (*phases, UNKNOWN_PHASE)),
        )
        for code, row in table.items()
    ]
    bounds = [
        (
            _cell(call_name_of(one.call)), f"{one.steps:,}", f"{one.differed:,}",
            percent(one.per_step), f"{one.draws:,}", f"{one.differed_draws:,}",
            percent(one.per_draw),
        )
        for one in report.bounds()
    ]  # fmt: skip
    rules = [
        (_cell(call_name_of(code)), _cell(rule), f"{met:,}", f"{acted:,}")
        for code, rule, met, acted in exercised.rules()
        if rule
    ]
    actions = [
        (_cell(kind), _cell(reason), f"{count:,}")
        for (kind, reason), count in sorted(exercised.actions.items())
    ][:100]
    lines = ["", "## What was exercised", ""]
    if not steps:
        calls = report.calls().items()
        lines += [*_table(("step", "compared"), [(_cell(n), f"{c:,}") for n, c in calls]), ""]
    lines += [
        f"{exercised.steps:,} steps, {counted(len(exercised.configurations), 'configuration')}, "
        f"{len(report.features):,} features reached.",
        "",
    ]
    if bounds:
        head = ("event", "independent steps", "diverged", "at most (95 %)", "draws", "diverged",
                "at most (95 %)")  # fmt: skip
        lines += ["How often each event could diverge without this run having seen more of it:", ""]
        lines += [*_table(head, bounds), "", INDEPENDENT, ""]
        lines += ["In none of these bounds:", ""]
        lines += [*(f"- {_cell(line)}" for line in blind_lines(report)), ""]
    else:
        lines += [nothing_drawn(report), ""]
    lines += _unfold("By phase, rule and action", fold=True)
    columns = ("event", "all", *map(phase_name, (*phases, UNKNOWN_PHASE)))
    lines += ["Steps by the phase before:", "", *_table(columns, steps), ""]
    lines += ["Rules met:", "", *_table(("event", "rule", "met", "acted"), rules), ""]
    lines += ["What the authority did:", "", *_table(("action", "why", "times"), actions)]
    return [*lines, *_fold(fold=True)]


# --- Pieces -----------------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _cell(value: object, limit: int = 100) -> str:
    text = plain(value, limit).strip()
    return markdown_code(text, limit + 50, in_table=True) if text else ""


def _unfold(title: str, fold: bool) -> list[str]:
    return [f"<details><summary>{title}</summary>", ""] if fold else []


def _fold(fold: bool) -> list[str]:
    return ["", "</details>"] if fold else []
