"""Where a shadow refuses in the middle of its work: a condition on what is in scope there."""

from __future__ import annotations

from pathlib import Path

import pytest
from cause_support import CORE, ENTRY, account_of_changed, one_step

from replay.explaining.claims.statement_block import statement_block
from replay.explaining.formulas.conditions import WantedFlag, both_conditions
from replay.streams.model import Stream

TIMER = (
    "def timer_tick("
    "state: PairState, config: EngineConfig, size: float, sizes: Sizes) -> Outcome:\n"
)
EMPTY = "    if not state.orders:\n        raise Unreadable('head of an empty list')\n"
REFUSED = [one_step((1, 5.0 + number), now=float(number)) for number in range(3)]
ANSWERED = [
    one_step((1, 5.0 + number), orders=[{**ENTRY, "price": 0.1 + number / 10}], now=float(number))
    for number in range(3)
]


def account_of(folder: Path, change: str, cases: list[Stream]) -> list[str]:
    """What the causes of a port with a changed timer say, each verified, with nothing left."""
    account = account_of_changed(
        folder, [(TIMER, TIMER + change)], cases, generate=60, steps=60_000
    )
    assert account.left == {}
    assert all(cause.is_verified for cause in account.causes)
    blocks = [statement_block("refused", [cause.statement], CORE) for cause in account.causes]
    assert all("refuse_here()" in block for block in blocks)
    return [cause.statement.says for cause in account.causes]


def test_a_refusal_where_a_list_is_empty_is_found_as_that(tmp_path: Path) -> None:
    (says,) = account_of(tmp_path, EMPTY, [*REFUSED, *ANSWERED])
    assert "refused where len(state.orders)" in says


@pytest.mark.parametrize("sign", ["and", "or"])
def test_two_comparisons_hold_together_where_one_alone_does_not(sign: str) -> None:
    scopes = [{"a": a, "b": b} for a in (False, True) for b in (False, True)]
    wanted = [eval(f"a {sign} b", {}, dict(scope)) for scope in scopes]
    flags = [
        WantedFlag(scope, native=False, wanted=one)
        for scope, one in zip(scopes, wanted, strict=True)
    ]
    assert both_conditions(flags) == (["a and b"] if sign == "and" else [])


def test_what_refuses_by_the_keys_of_the_sizes_is_no_condition_on_how_many_there_are(
    tmp_path: Path,
) -> None:
    lacks = "    if sizes is not None and 'A' not in sizes:\n        raise Unreadable('no size')\n"
    cases = [
        one_step((1, 5.0 + number), sizes=sizes, now=float(number))
        for number, sizes in enumerate(({"B": 2.0}, {"B": 3.0}, {"B": 4.0}, {"A": 1.0, "B": 2.0}))
    ]
    says = account_of(tmp_path, lacks, cases)
    assert not [one for one in says if "len(" in one]
