"""The part of report.html that comes before the buckets: one row for each cause."""

from __future__ import annotations

from replay.findings.account import CauseAccount
from replay.reports.html_pieces import Markup, code, element, table
from replay.reports.texts import plain
from replay.reports.wording import account_words, cause_words

MAX_CAUSES = 200
MAX_SAYS = 400


def causes_section(account: CauseAccount | None) -> Markup:
    """All causes, the worst first; nothing where they were not looked for."""
    if account is None:
        return Markup("")
    rows = [
        (
            code(cause.id),
            cause.kind,
            plain(cause_words(cause), MAX_SAYS),
            f"{len(cause.findings):,}",
        )
        for cause in account.causes[:MAX_CAUSES]
    ]
    return element(
        "section",
        element("h2", "Causes", id="causes"),
        element("p", account_words(account), class_="remark"),
        element("div", table(("cause", "kind", "", "buckets"), rows, texts=3), class_="card"),
    )
