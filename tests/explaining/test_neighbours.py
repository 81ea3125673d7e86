"""Cases a step to the side of known ones."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from explain_support import one_step

from replay.differential.minimising.shrinkers import case_document
from replay.explaining.evidence.neighbours import (
    mixed_changes,
    single_changes,
    swapped,
    written_out,
)
from replay.explaining.evidence.ties import tie_changes
from replay.streams.model import Stream

ORDER = {
    "local_id": 3, "side": "buy", "role": "entry", "price": 0.1, "volume": 20.0, "trade_id": "B",
    "cycle": 2,
}  # fmt: skip
FILL = (2, 3, "OTX", "buy", 0.1, 20.0, 0.005, 10.0)


def case() -> Stream:
    return one_step(FILL, config={"entry_pct": 0.5}, orders=[ORDER], cooldown_until_b=9.0)


def documents(streams: Iterator[Stream], count: int = 10_000) -> list[Any]:
    return [case_document(one) for one in islice(streams, count)]


def leaves(value: Any, path: str = "") -> dict[str, str]:
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for name, one in items for k, v in leaves(one, f"{path}/{name}").items()}
    return {path: repr(value)}


def test_a_case_is_written_out_with_all_its_fields_and_settings() -> None:
    document = written_out(case())
    assert document["state"]["orders"][0]["entry_filled_at"] == 0.0
    assert document["state"]["profit_pct_runtime"] == 1.0
    assert document["config"]["refresh_pct"] == 1.0
    unreadable = one_step(FILL, config={"entry_pct": "much"}, orders=7)
    assert written_out(unreadable)["state"]["orders"] == 7


def test_single_changes_change_one_value_each_and_reach_every_field() -> None:
    whole = leaves(written_out(case()))
    changed: set[str] = set()
    for document in documents(single_changes(case())):
        now = leaves(document)
        different = {path for path in whole if now.get(path) != whole[path]}
        if now.keys() == whole.keys() and len(different) == 1:
            changed |= different
    missing = {path for path in whole if "completed_cycles" not in path} - changed
    # What has only one value that can be read is not worth changing.
    assert {path.rpartition("/")[2] for path in missing} <= {"0", "changes", "order_sizes"}


def test_numbers_move_by_their_last_bit_and_to_other_numbers_of_the_case() -> None:
    cooldowns = {
        document["state"]["cooldown_until_b"] for document in documents(single_changes(case()))
    }
    assert {9.000000000000002, 8.999999999999998, 10.0, 0.0} <= cooldowns


def test_swapping_the_trades_twice_changes_nothing() -> None:
    document = written_out(case())
    other = swapped(document)
    assert other["state"]["cooldown_until_a"] == 9.0
    assert other["state"]["orders"][0]["side"] == "sell"
    assert swapped(other) == document


def test_mixed_changes_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    rows = [
        list(map(repr, documents(mixed_changes([case()], seed, unreadable=False), 200)))
        for seed in (1, 1, 2)
    ]
    assert rows[0] == rows[1]
    assert rows[0] != rows[2]
    assert len(set(rows[0])) > 150


def test_damaged_documents_are_among_them_where_reading_is_the_question() -> None:
    def unreadable(*, wanted: bool) -> int:
        row = mixed_changes([case()], 5, unreadable=wanted)
        return sum(not isinstance(one.start.config, dict) for one in islice(row, 1000))

    assert unreadable(wanted=True) > unreadable(wanted=False)


def test_ties_end_up_where_rounding_has_to_choose() -> None:
    """A market price whose product with some factor ends in a 5 after the last decimal kept."""
    ties = 0
    for document in documents(tie_changes([case()], 3), 500):
        decimals = document["config"]["price_decimals"]
        price = document["state"]["market_price"]
        if 0 <= decimals < 15:
            digits = Decimal(repr(price)).scaleb(decimals) % 1
            ties += abs(digits - Decimal("0.5")) < Decimal("1e-9")
    assert ties > 10


def test_ints_beyond_the_doubles_have_neighbours_as_others_have() -> None:
    """They are no number to multiply a double with."""
    huge = one_step((0, 0.2, 5.0), cycle_a=10**400, cycle_b=10**400 + 7, next_order_id=10**390)
    found = [one.start.state for one in islice(single_changes(huge), 10_000)]
    cycles = {state["cycle_a"] for state in found if isinstance(state, dict)}
    assert {10**400 + 1, 10**400 + 7} <= cycles
