"""States without calls, as bots keep them: snapshots in files, rows of tables, cells of CSV files.

A state says nothing of what a core makes of an event. But it is one to start from, and both cores
can be asked whether it keeps the invariants: a stream of one `check_invariants`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from typing import Any

from replay.streams.events import config_numbers, size_number, sizes_numbers, state_numbers
from replay.streams.model import CallCode, Start, Step, Stream
from replay.streams.strict_json import JsonError, parse

MARKS = frozenset(("market_price", "orders", "cycle_a"))
"""What a document has that is a state."""

_HOLDERS = ("state", "snapshot", "pair_state", "state_json", "data", "payload", "value")
"""Under what names a row of a table has one, usually."""


def is_state(document: object) -> bool:
    """Whether a document is a whole state."""
    return isinstance(document, Mapping) and document.keys() >= MARKS


def state_stream(document: Mapping[str, Any], origin: str, line: int) -> Stream | None:
    """The stream of a state, or of a row or snapshot that holds one; None where there is none.

    Config and sizes are those that stand beside it, else the defaults.
    """
    state = _state_in(document)
    if state is None:
        return None
    holder: Mapping[str, Any] = {} if state is document else document
    config = holder.get("config")
    start = Start(
        state_numbers(state),
        config_numbers(config if isinstance(config, Mapping) else {}),
        size_number(holder.get("order_size_usd", holder.get("size", 2.0))),
        sizes_numbers(holder.get("order_sizes", holder.get("sizes"))),
    )
    return Stream(start, (Step((int(CallCode.CHECK_INVARIANTS),), None, line),), origin)


def _state_in(document: Mapping[str, Any]) -> Any:
    if is_state(document):
        return document
    for name in (*_HOLDERS, *document):
        held = document.get(name)
        if isinstance(held, str) and held.lstrip().startswith("{"):
            try:
                held = parse(held.encode("utf-8", "surrogateescape"))
            except JsonError:
                continue
        if is_state(held):
            return held
    return None


def states_in_row(text: str) -> Iterator[Mapping[str, Any]]:
    """The states in the cells of a line of CSV."""
    try:
        cells = [cell for row in csv.reader([text], strict=True) for cell in row]
    except csv.Error:
        return
    for cell in cells:
        if not cell.lstrip().startswith("{"):
            continue
        try:
            document = parse(cell.encode("utf-8", "surrogateescape"))
        except JsonError:
            continue
        if is_state(document):
            yield document
