"""What a port takes a value for: what another field says, or a value of its own."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from cause_support import account_of_changed, one_step

from replay.errors import UsageError
from replay.explaining.causes.instead import Instead
from replay.explaining.causes.leaves import Field, Leaf
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.statement import CauseKind, Reading
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.value_sorts import Sort
from replay.explaining.causes.values_read import changes_of
from replay.explaining.claims.stated import stated_in, stated_toml

CYCLE_B = Field("state", "", "cycle_b", "i")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'document.setdefault("total_settled_usd",',
            'document.setdefault("cycle_b", document.get("cycle_a", 1))\n'
            '        document.setdefault("total_settled_usd",',
            "a missing value in state.cycle_b were taken for cycle_a",
        ),
        (
            "cycle_b: int = 1",
            "cycle_b: int = 7",
            "a missing value in state.cycle_b were taken for 7",
        ),
    ],
)
def test_the_search_names_a_default_of_the_ports_own(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    account = account_of_changed(
        tmp_path, [(old, new)], [one_step((1, 5.0), cycle_a=3)], generate=0, steps=40_000
    )
    (cause,) = account.causes
    assert cause.statement.says == said
    assert cause.is_verified
    assert not account.left


def test_another_fields_value_is_read_from_the_same_record() -> None:
    leaves = [
        Leaf(("state", "cycle_a"), Field("state", "", "cycle_a", "i"), 3),
        Leaf(("state", "cycle_b"), CYCLE_B, None),
    ]
    null = Reading(Pattern(*CYCLE_B), Sort.NULL, Taking.FIELD, None, Instead(field="cycle_a"))
    assert changes_of(leaves, [null]) == {("state", "cycle_b"): 3}
    assert changes_of(leaves[1:], [null]) == {}


@pytest.mark.parametrize(
    "instead", [Instead(field="cycle_a"), *map(Instead.of, (1, 1.0, True, "é", float("inf")))]
)
def test_what_stands_in_the_place_of_a_value_is_written_and_read(instead: Instead) -> None:
    taking = Taking.FIELD if instead.field else Taking.VALUE
    reading = Reading(Pattern(*CYCLE_B), Sort.MISSING, taking, None, instead)
    (table,) = tomllib.loads(stated_toml(reading))["explanation"]["reading"]
    assert stated_in(CauseKind.READING, table) == reading


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"is": "taken for one value"}, "needs as"),
        ({"is": "taken for what another field says"}, "needs field"),
        ({"is": "taken for what another field says", "field": "cycle_z"}, "no field 'cycle_z'"),
        ({"is": "taken for null", "as": 1}, "as is for"),
        ({"is": "taken for one value", "as": [1]}, "a number, a text or a flag"),
    ],
)
def test_what_is_not_complete_is_refused_with_what_is_missing(
    values: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        stated_in(CauseKind.READING, {"value": "a missing value", "in": "state.cycle_b", **values})
