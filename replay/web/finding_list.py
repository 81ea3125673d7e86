"""The list of divergences: what is asked for in the address, what fits it, and the page.

By cause, then by bucket, once causes are known; what is fixed is hidden until it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from replay.counting import counted
from replay.findings.account import CauseGroup, StoredCause, grouped_by_cause
from replay.findings.lifecycle import Status
from replay.findings.selection import EVENTS
from replay.findings.severity import Severity
from replay.web.database_view import Findings, Line, Listing
from replay.web.shell import page

PER_PAGE = 50
MAX_TEXT = 200
"""Characters of a text that is looked for, and of an owner."""

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
    """What the list is asked for, as `doge-replay list` takes it. `owner` None is any. With `fixed`
    what is fixed is shown, too; with `buckets` there are no groups by cause. `ignored` are values
    that there are not."""

    statuses: tuple[Status, ...] = ()
    severities: tuple[Severity, ...] = ()
    event: str = ""
    owner: str | None = None
    hot: bool = False
    text: str = ""
    fixed: bool = False
    buckets: bool = False
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
            fixed="fixed" in values,
            buckets="buckets" in values,
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
            ("hot", "1" if self.hot else ""), ("fixed", "1" if self.fixed else ""),
            ("buckets", "1" if self.buckets else ""),
            ("order", "" if self.order is Order.WORST else str(self.order)),
            ("page", str(page) if page > 1 else ""),
        ) if value]  # fmt: skip
        # A text from an address may hold what is no UTF-8.
        query = urlencode(pairs, errors="replace")
        return f"/divergences?{query}" if query else "/divergences"

    @property
    def is_open(self) -> bool:
        """Whether nothing is asked: all findings fit, but those that are fixed."""
        return not (self.statuses or self.severities or self.event or self.owner or self.hot
                    or self.text)  # fmt: skip


def chosen(findings: Findings, listing: Listing, query: Query) -> list[Line]:
    """The findings that are asked for, in order. Raises ReplayError where a case cannot be read."""
    text = query.text.casefold()
    owner = "" if query.owner == '""' else query.owner
    lines = [
        line
        for line in listing.lines
        if (line.status in query.statuses if query.statuses else not _hides(query, line))
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


def _hides(query: Query, line: Line) -> bool:
    return line.status is Status.FIXED and not query.fixed


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
    lines = [] if listing.problem else chosen(findings, listing, query)
    groups = _groups(listing, query, lines)
    ordered = [line for group in groups for line in group.buckets]
    pages = max(1, -(-len(ordered) // PER_PAGE))
    number = min(max(query.page, 1), pages)
    shown = ordered[(number - 1) * PER_PAGE : number * PER_PAGE]
    return page(
        "finding_list.html",
        "Divergences",
        here="/divergences",
        listing=listing,
        query=query,
        found=_found(listing, lines, query),
        hidden=_hidden(listing, query),
        with_fixed=replace(query, fixed=True).address(),
        groups=_groups(listing, query, shown),
        number=number,
        pages_of_list=pages,
        near=sorted({1, number - 1, number, number + 1, pages} & set(range(1, pages + 1))),
        statuses=Status,
        severities=Severity,
        events=EVENTS,
        orders={str(order): said for order, (said, _) in _ORDERS.items()},
        most=MAX_TEXT,
    )


def _groups(
    listing: Listing, query: Query, lines: Sequence[Line]
) -> list[CauseGroup[StoredCause, Line]]:
    """By cause, in the order of the causes or, where another was asked for, of their first rows."""
    if query.buckets or listing.account is None:
        return [CauseGroup(None, tuple(lines))] if lines else []
    groups = grouped_by_cause(listing.account.causes, lines)
    if query.order is not Order.WORST:
        place = {line.id: number for number, line in enumerate(lines)}
        groups.sort(key=lambda group: place[group.buckets[0].id])
    return groups


def _found(listing: Listing, lines: Sequence[Line], query: Query) -> str:
    """How many there are of those that were asked for."""
    every = len(listing.lines)
    if not every:
        return ""
    order = _ORDERS[query.order][0]
    if query.is_open and len(lines) == every:
        return f"All {counted(every, 'finding')}, {order}."
    if not lines:
        return f"None of the {every:,} stored findings is like that."
    return f"{len(lines):,} of {counted(every, 'finding')}, {order}."


def _hidden(listing: Listing, query: Query) -> int:
    """How many are not shown only since they are fixed."""
    if query.statuses:
        return 0
    return sum(_hides(query, line) for line in listing.lines)


def address_of(identity: str) -> str:
    """Where a finding has its page."""
    return f"/divergences/{identity}"
