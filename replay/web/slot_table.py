"""The slots of a bot: phase, price, orders, cycles and money, one row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from replay.reports.html_pieces import Markup, element, join
from replay.reports.sides import value_text
from replay.reports.texts import plain
from replay.web.shell import tag
from replay.web.words import NOTHING, mapping, number, words

MAX_SLOTS = 100
MAX_ORDERS = 40
NAMES = ("slot", "phase", "price", "orders", "recoveries", "cycles", "profit", "fees", "mode")


def slots_part(document: Mapping[str, Any]) -> Markup:
    """A table of them; on a phone each is a card."""
    slots = document.get("slots")
    if not isinstance(slots, Sequence) or isinstance(slots, str) or not slots:
        return element("p", "This bot tells of no slots.", class_="dim")
    rows = [_row(mapping(slot)) for slot in slots[:MAX_SLOTS]]
    more = len(slots) - len(rows)
    head = element(
        "tr",
        *(
            element("th", name, scope="col", class_="number" if name in _NUMBERS else None)
            for name in NAMES
        ),
    )
    return join(
        (
            element(
                "table", element("thead", head), element("tbody", *rows), class_="stacked slots"
            ),
            *((element("p", f"and {more:,} more", class_="dim"),) if more > 0 else ()),
        )
    )


def _row(slot: Mapping[str, Any]) -> Markup:
    values = (
        plain(words(slot.get("slot")), 20),
        tag(plain(words(slot.get("phase")), 20)),
        _price(slot.get("price")),
        _orders(slot.get("orders")),
        plain(words(slot.get("recoveries")), 30),
        plain(words(slot.get("cycles")), 30),
        _money(slot.get("profit")),
        _money(slot.get("fees")),
        _flags(slot.get("mode_flags")),
    )
    return element(
        "tr",
        *(
            element("td", value, data_of=name, class_="number" if name in _NUMBERS else None)
            for name, value in zip(NAMES, values, strict=True)
        ),
    )


_NUMBERS = ("price", "recoveries", "cycles", "profit", "fees")


def _price(value: object) -> str:
    price = number(value)
    return plain(words(value), 40) if price is None else f"{price:.8g}"


def _money(value: object) -> str:
    money = number(value)
    return plain(words(value), 40) if money is None else f"{money:,.4f}"


def _flags(value: object) -> Markup | str:
    flags = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return join(tag(words(flag), "warn") for flag in flags[:20]) if flags else NOTHING


def _orders(value: object) -> Markup | str:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return NOTHING if value in (None, [], ()) else plain(words(value), 60)
    items = [element("li", plain(_order(order), 200)) for order in value[:MAX_ORDERS]]
    more = len(value) - len(items)
    items += [element("li", f"and {more:,} more")] if more > 0 else []
    return element("details", element("summary", f"{len(value):,}"), element("ul", *items))


def _order(order: object) -> str:
    """An order in a line: `sell exit 13 @ 0.0912`, and what else is told of it."""
    if not isinstance(order, Mapping):
        return value_text(order)
    known = ("side", "role", "volume", "price")
    said = [words(order[name]) for name in known[:2] if name in order]
    said += [_price(order["volume"])] if "volume" in order else []
    said += [f"@ {_price(order['price'])}"] if "price" in order else []
    rest = {name: value for name, value in order.items() if name not in known}
    return " ".join([*said, value_text(rest)] if rest else said)
