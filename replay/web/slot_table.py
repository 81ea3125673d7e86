"""The slots of a bot: phase, price, orders, cycles and money, one row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from replay.differential.difference_texts import value_text
from replay.web.words import NOTHING, mapping, number, words

MAX_SLOTS = 100
MAX_ORDERS = 40
MAX_FLAGS = 20


class Slot(NamedTuple):
    """A row. `orders` are lines, of which there are `more`; where a bot tells of something else,
    `odd` has it."""

    slot: str
    phase: str
    price: str
    orders: tuple[str, ...]
    more: int
    odd: str
    recoveries: str
    cycles: str
    profit: str
    fees: str
    mode: tuple[str, ...]


class SlotTable(NamedTuple):
    """The first rows, and how many more there are."""

    rows: tuple[Slot, ...] = ()
    more: int = 0


def slot_table(document: Mapping[str, Any]) -> SlotTable:
    """All slots of a status document."""
    slots = document.get("slots")
    if not isinstance(slots, Sequence) or isinstance(slots, str):
        return SlotTable()
    rows = tuple(_row(mapping(slot)) for slot in slots[:MAX_SLOTS])
    return SlotTable(rows, len(slots) - len(rows))


def _row(slot: Mapping[str, Any]) -> Slot:
    listed = slot.get("orders")
    is_list = isinstance(listed, Sequence) and not isinstance(listed, str)
    orders = listed if is_list and listed is not None else ()
    flags = slot.get("mode_flags")
    return Slot(
        words(slot.get("slot")),
        words(slot.get("phase")),
        _price(slot.get("price")),
        tuple(map(_order, orders[:MAX_ORDERS])),
        max(0, len(orders) - MAX_ORDERS),
        "" if orders else NOTHING if is_list else words(listed),
        words(slot.get("recoveries")),
        words(slot.get("cycles")),
        _money(slot.get("profit")),
        _money(slot.get("fees")),
        tuple(words(flag) for flag in flags[:MAX_FLAGS])
        if isinstance(flags, Sequence) and not isinstance(flags, str)
        else (),
    )


def _price(value: object) -> str:
    price = number(value)
    return words(value) if price is None else f"{price:.8g}"


def _money(value: object) -> str:
    money = number(value)
    return words(value) if money is None else f"{money:,.4f}"


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
