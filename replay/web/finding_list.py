"""The list of divergences: what is asked for in the address, what fits it, and the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from replay.findings.lifecycle import Status
from replay.findings.selection import EVENTS
from replay.findings.severity import Severity
from replay.reports.html_pieces import Markup, code, element, join, void
from replay.reports.texts import plain
from replay.reports.wording import counted
from replay.web.database_view import Findings, Line, Listing
from replay.web.shell import page, remark, section, tag

PER_PAGE = 50
MAX_TEXT = 200
"""Characters of a text that is looked for, and of an owner."""

TONES: Mapping[Status, str] = {
    Status.NEW: "bad",
    Status.TRIAGED: "warn",
    Status.EXPLAINED: "good",
    Status.FIXED: "good",
    Status.REGRESSED: "bad",
    Status.FLAKY: "warn",
    Status.TOOL_FAILURE: "warn",
}

E = TypeVar("E", bound=StrEnum)


class Order(StrEnum):
    """What comes first."""

    WORST = "worst"
    OFTEN = "often"
    LATEST = "latest"


_ORDERS: Mapping[Order, tuple[str, Callable[[Line], tuple[int, ...]] | None]] = {
    Order.WORST: ("the worst first", None),
    Order.OFTEN: ("seen most often first", lambda line: (-line.occurrences,)),
    Order.LATEST: ("seen last first", lambda line: (-line.last_run, -line.first_run)),
}


@dataclass(frozen=True, slots=True)
class Query:
    """What the list is asked for, as `doge-replay list` takes it. `owner` None is any. `ignored`
    are values that there are not."""

    statuses: tuple[Status, ...] = ()
    severities: tuple[Severity, ...] = ()
    event: str = ""
    owner: str | None = None
    hot: bool = False
    text: str = ""
    order: Order = Order.WORST
    page: int = 1
    ignored: tuple[str, ...] = ()

    @classmethod
    def read(cls, given: Iterable[tuple[str, str]]) -> Query:
        """From the names and values of an address."""
        ignored: list[str] = []
        values: dict[str, list[str]] = {}
        for name, value in given:
            values.setdefault(name, []).append(value)

        def known(name: str, kind: type[E]) -> tuple[E, ...]:
            found = []
            for value in dict.fromkeys(values.get(name, ())):
                if value in kind._value2member_map_:
                    found.append(kind(value))
                elif value:
                    ignored.append(f"{name} {value}")
            return tuple(found)

        event = next(iter(values.get("event", ())), "")
        if event and event not in EVENTS:
            ignored.append(f"event {event}")
            event = ""
        order = known("order", Order)
        number = next(iter(values.get("page", ())), "1")
        return cls(
            statuses=known("status", Status),
            severities=known("severity", Severity),
            event=event,
            # A form sends an empty field along; `owner=""` asks for those of nobody.
            owner=next((owner.strip()[:MAX_TEXT] for owner in values.get("owner", ())
                        if owner.strip()), None),
            hot="hot" in values,
            text=next(iter(values.get("q", ())), "").strip()[:MAX_TEXT],
            order=order[0] if order else Order.WORST,
            page=int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1,
            ignored=tuple(ignored[:10]),
        )  # fmt: skip

    def address(self, page: int = 1) -> str:
        """The address that asks for it."""
        pairs = [("status", str(status)) for status in self.statuses]
        pairs += [("severity", str(severity)) for severity in self.severities]
        pairs += [(name, value) for name, value in (
            ("event", self.event), ("owner", self.owner), ("q", self.text),
            ("hot", "1" if self.hot else ""),
            ("order", "" if self.order is Order.WORST else str(self.order)),
            ("page", str(page) if page > 1 else ""),
        ) if value]  # fmt: skip
        # A text from an address may hold what is no UTF-8.
        query = urlencode(pairs, errors="replace")
        return f"/divergences?{query}" if query else "/divergences"

    @property
    def is_open(self) -> bool:
        """Whether nothing is asked: all findings fit."""
        return not (self.statuses or self.severities or self.event or self.owner or self.hot
                    or self.text)  # fmt: skip


def chosen(findings: Findings, listing: Listing, query: Query) -> list[Line]:
    """The findings that are asked for, in order. Raises ReplayError where a case cannot be read."""
    text = query.text.casefold()
    owner = "" if query.owner == '""' else query.owner
    lines = [
        line
        for line in listing.lines
        if (not query.statuses or line.status in query.statuses)
        and (not query.severities or line.severity in query.severities)
        and (owner is None or line.owner == owner)
        and (not query.hot or line.hot)
        and (not text or text in _searched(line))
    ]
    if query.event:
        events = findings.event_of(lines)
        lines = [line for line in lines if query.event in (line.event, events[line.id])]
    key = _ORDERS[query.order][1]
    return lines if key is None else sorted(lines, key=key)


def _searched(line: Line) -> str:
    return "\n".join(
        (line.id, line.event, line.rule, line.part, line.field, line.kind, line.owner, line.note,
         line.status)
    ).casefold()  # fmt: skip


# --- The page -----------------------------------------------------------------------------------


def list_page(findings: Findings, query: Query) -> str:
    """The list as a page; what is wrong with the database stands in its place. Raises ReplayError
    where a case cannot be read."""
    listing = findings.listing()
    if listing.problem:
        return page("Divergences", element("h1", "Divergences"), trouble(listing),
                    here="/divergences")  # fmt: skip
    lines = chosen(findings, listing, query)
    pages = max(1, -(-len(lines) // PER_PAGE))
    number = min(max(query.page, 1), pages)
    shown = lines[(number - 1) * PER_PAGE : number * PER_PAGE]
    return page(
        "Divergences",
        element("h1", "Divergences"),
        _filters(query),
        *_ignored(query),
        remark(_how_many(len(lines), len(listing.lines), query)),
        finding_table(shown) if shown else Markup(""),
        _paging(query, number, pages),
        here="/divergences",
    )


def trouble(listing: Listing) -> Markup:
    """What stands where the findings of a database cannot be shown."""
    if listing.absent:
        said = element(
            "p",
            "A run makes it: ",
            code("doge-replay run logs/"),
            " or ",
            code("doge-replay fuzz"),
            ".",
        )
    else:
        said = element("p", "It is left untouched. ", code("doge-replay doctor"), " looks closer.")
    return element(
        "div",
        element("p", element("strong", plain(listing.problem, 600))),
        said,
        class_="card" if listing.absent else "card bad",
        id="trouble",
    )


def _how_many(found: int, of: int, query: Query) -> str:
    if not of:
        return "Nothing is stored: no divergence and no failure so far."
    if not found:
        return f"None of the {of:,} stored findings is like that."
    how_many = f"All {counted(of, 'finding')}" if query.is_open else f"{found:,} of {of:,} findings"
    return f"{how_many}, {_ORDERS[query.order][0]}."


def _ignored(query: Query) -> list[Markup]:
    if not query.ignored:
        return []
    said = ", ".join(plain(one, 60) for one in query.ignored)
    return [element("p", tag("not known", "warn"), f" {said}", class_="remark")]


def finding_table(lines: Sequence[Line]) -> Markup:
    """Findings as a table; on a phone each is a card."""
    names = ("id", "status", "severity", "event and rule", "differs in", "times", "steps", "runs")
    head = element(
        "tr",
        *(
            element("th", name, scope="col", class_="number" if place > 4 else None)
            for place, name in enumerate(names)
        ),
    )
    rows = [
        element(
            "tr",
            *(
                element("td", value, data_of=name, class_="number" if place > 4 else None)
                for place, (name, value) in enumerate(zip(names, _cells(line), strict=True))
            ),
        )
        for line in lines
    ]
    return element(
        "table",
        element("thead", head),
        element("tbody", *rows),
        class_="stacked findings",
    )


def _cells(line: Line) -> tuple[object, ...]:
    rule = f"{line.rule} [{line.part}]" if line.part else line.rule
    owner = (element("span", plain(line.owner, 40), class_="dim"),) if line.owner else ()
    return (
        element("a", code(line.id, 40), href=address_of(line.id)),
        join((status_tag(line.status), " ", *owner)),
        severity_tags(line.severity, line.hot),
        plain(f"{line.event}, {rule}", 120),
        join((code(line.field, 120), f" {plain(line.kind, 60)}") if line.field
             else (plain(line.kind, 60),)),
        f"{line.occurrences:,}",
        f"{line.steps:,}",
        f"{line.first_run}" if line.first_run == line.last_run
        else f"{line.first_run}-{line.last_run}",
    )  # fmt: skip


def address_of(identity: str) -> str:
    """Where a finding has its page."""
    return f"/divergences/{identity}"


def status_tag(status: Status) -> Markup:
    """A status in its colour."""
    return tag(str(status), TONES[status])


def severity_tags(severity: Severity, hot: bool) -> Markup:
    """What a finding would touch, and whether on the hot path."""
    touched = tag(str(severity), "bad" if severity in (Severity.ORDERS, Severity.MONEY) else "")
    return join((touched, " ", tag("hot", "warn")) if hot else (touched,))


def _filters(query: Query) -> Markup:
    def boxes(name: str, every: Iterable[StrEnum], chosen: Sequence[StrEnum]) -> Markup:
        return element(
            "fieldset",
            element("legend", name),
            *(
                element(
                    "label",
                    void(
                        "input",
                        type="checkbox",
                        name=name,
                        value=str(one),
                        checked=one in chosen,
                    ),
                    f" {one}",
                )
                for one in every
            ),
        )

    hot = element(
        "label", void("input", type="checkbox", name="hot", value="1", checked=query.hot), " hot"
    )
    fields = element(
        "div",
        _labelled("text", void("input", type="search", name="q", value=query.text or None,
                               maxlength=MAX_TEXT)),
        _labelled("event", _select("event", [("", "any"), *((one, one) for one in EVENTS)],
                                   query.event)),
        _labelled("owner", void("input", type="text", name="owner", value=query.owner or None,
                                maxlength=MAX_TEXT)),
        _labelled("order", _select("order", [(str(order), said)
                                             for order, (said, _) in _ORDERS.items()],
                                   str(query.order))),
        class_="fields",
    )  # fmt: skip
    return element(
        "form",
        fields,
        boxes("status", Status, query.statuses),
        boxes("severity", Severity, query.severities),
        element("div", hot, element("button", "Show"), element("a", "all", href="/divergences"),
                class_="actions"),
        method="get",
        action="/divergences",
        class_="card filters",
    )  # fmt: skip


def _labelled(name: str, field: Markup) -> Markup:
    return element("label", element("span", name), field)


def _select(name: str, options: Iterable[tuple[str, str]], chosen: str) -> Markup:
    return element(
        "select",
        *(
            element("option", said, value=value, selected=value == chosen)
            for value, said in options
        ),
        name=name,
    )


def _paging(query: Query, number: int, pages: int) -> Markup:
    if pages == 1:
        return Markup("")
    near = sorted({1, number - 1, number, number + 1, pages} & set(range(1, pages + 1)))
    links: list[Markup] = []
    for place, one in enumerate(near):
        if place and one - near[place - 1] > 1:
            links.append(element("span", "...", class_="dim"))
        links.append(
            element("a", f"{one:,}", href=query.address(one),
                    aria_current="page" if one == number else None)
        )  # fmt: skip
    if number > 1:
        links.insert(0, element("a", "back", href=query.address(number - 1), rel="prev"))
    if number < pages:
        links.append(element("a", "next", href=query.address(number + 1), rel="next"))
    return element("nav", *links, class_="paging", aria_label="pages of the list")


def summary_part(listing: Listing, worst: int = 5) -> Markup:
    """What the dashboard says of the database: how many of each status, and the worst."""
    if listing.problem:
        return section("Divergences", trouble(listing), id="findings", live=True)
    counts = {status: sum(line.status is status for line in listing.lines) for status in Status}
    tags = [
        element(
            "a",
            f"{status} {number:,}",
            href=Query(statuses=(status,)).address(),
            class_=f"tag {TONES[status]}",
        )
        for status, number in counts.items()
        if number
    ]
    still = [line for line in listing.lines if TONES[line.status] != "good"]
    return section(
        "Divergences",
        element("nav", *tags, element("a", "all", href="/divergences"), aria_label="by status")
        if tags
        else remark("Nothing is stored: no divergence and no failure so far."),
        finding_table(still[:worst]) if still else Markup(""),
        id="findings",
        live=True,
    )
