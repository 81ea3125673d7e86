"""One finding in full, as pieces of a page: its case, both answers, its history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from replay.reports.details import AnswerRow, FindingDetail, HistoryRow
from replay.reports.html_pieces import Markup, code, element, join
from replay.reports.texts import plain

MAX_ROWS = 60
MAX_HISTORY = 30


def detail_pieces(detail: FindingDetail) -> list[Markup]:
    """All of it, each part under a heading."""
    pieces: list[Markup] = []
    if detail.contract or detail.case:
        pieces += [element("h3", "The smallest case"), case_terms(detail)]
    if detail.answers:
        pieces += [element("h3", "Both answers"), answers_table(detail.answers)]
    if detail.left_out:
        pieces.append(element("p", plain(detail.left_out, 300), class_="dim"))
    if detail.history:
        pieces += [element("h3", "History"), history_list(detail.history)]
    return pieces


def case_terms(detail: FindingDetail) -> Markup:
    """What a case starts from, and its steps, under the rule at work."""
    case: list[tuple[str, object]] = [("rule", detail.contract)] if detail.contract else []
    case += [
        (label, element("span", plain(said, 800), class_="value"))
        for label, said in detail.case[:MAX_ROWS]
    ]
    return terms(case)


def history_list(history: Sequence[HistoryRow]) -> Markup:
    """The newest entries of a history, oldest first."""
    entries = [
        element(
            "li",
            element("span", plain(f"{row.at} {row.who}", 120), class_="dim"),
            " ",
            element("strong", plain(row.status or "remark", 40)),
            " ",
            plain(row.why, 400),
        )
        for row in history[-MAX_HISTORY:]
    ]
    return element("ol", *entries)


def answers_table(answers: Sequence[AnswerRow]) -> Markup:
    """Both answers side by side, one value a row."""
    rows = [
        element(
            "tr",
            element("th", code(row.path, 120), scope="row"),
            element("td", _value(row.authority), data_of="authority"),
            element("td", _value(row.shadow), data_of="shadow"),
            element("td", plain(row.how, 60), class_="how"),
            class_="differs" if row.how else None,
        )
        for row in answers[:MAX_ROWS]
    ]
    more = len(answers) - MAX_ROWS
    note = (element("p", f"and {more:,} values more", class_="dim"),) if more > 0 else ()
    head = element("tr", *(element("th", name, scope="col")
                           for name in ("field", "authority", "shadow", "how")))  # fmt: skip
    return join(
        (element("table", element("thead", head), element("tbody", *rows), class_="answers"), *note)
    )


def _value(said: str) -> Markup:
    return element("span", plain(said, 300), class_="value")


def terms(rows: Iterable[tuple[str, object]]) -> Markup:
    """Names, each with what it is."""
    return element(
        "dl",
        *(join((element("dt", plain(name, 40)), element("dd", said))) for name, said in rows),
    )
