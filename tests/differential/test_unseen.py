"""Unseen values: nobody can decide anything by them but by their types."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from replay.differential.conditions.unseen import Looked, Unseen, hidden, unseen_by
from replay.differential.model import ABSENT
from replay.targets.base import MISSING

LOOKS: tuple[Callable[[Any], object], ...] = (
    *(lambda u: u == 1, lambda u: u != u, lambda u: u > 1, lambda u: u <= 2.0),
    *(lambda u: bool(u), lambda u: not u, lambda u: u or 1, lambda u: u in [1], lambda u: 1 in u),
    *(lambda u: [u] == [1], lambda u: (1, u) == (1, 2), lambda u: {u}, lambda u: {1: 2}.get(u)),
    *(lambda u: -u, lambda u: abs(u), lambda u: u + 1, lambda u: 1.0 - u, lambda u: 2 * u % 3),
    *(lambda u: round(u, 2), lambda u: int(u), lambda u: float(u), lambda u: range(u)),
    *(lambda u: math.isfinite(u), lambda u: math.ulp(u), lambda u: max(u, 1.0)),
    *(lambda u: str(u), lambda u: f"{u}", lambda u: repr(u), lambda u: bytes(u)),
    *(lambda u: len(u), lambda u: [*u], lambda u: u[0], lambda u: sorted([u, 1])),
    *(lambda u: u.lower(), lambda u: dict(u), lambda u: [1, 2][u], lambda u: "x" + u),
    *(lambda u: "x".join([u]), lambda u: "x".startswith(u), lambda u: re.match("x", u)),
    *(lambda u: u in "xyz", lambda u: "xyz".find(u)),
)


@pytest.mark.parametrize("kind", [float, int, str, list, bool])
def test_every_look_is_noticed(kind: type) -> None:
    for look in LOOKS:
        with pytest.raises(Looked):
            unseen_by(lambda look=look: look(Unseen(kind)))  # type: ignore[misc]


def test_a_look_is_noticed_where_the_error_that_it_makes_is_caught() -> None:
    def careful() -> str:
        try:
            return "a" if "xyz".startswith(Unseen(str)) else "b"  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return "c"

    with pytest.raises(Looked):
        unseen_by(careful)


def test_what_looks_at_nothing_comes_out() -> None:
    def counts() -> int:
        values = [Unseen(float), Unseen(int)]
        try:
            return dict[str, int]()["x"]
        except KeyError:
            return len([value for value in values if value is not None])

    assert unseen_by(counts) == 2


def test_the_type_may_be_known() -> None:
    number, text, mapping = Unseen(float), Unseen(str), Unseen(dict)
    assert isinstance(number, float)
    assert not isinstance(number, bool | int | str)
    assert isinstance(text, str)
    assert isinstance(mapping, Mapping)


def test_none_and_what_is_not_there_are_themselves_when_hidden() -> None:
    values = hidden([None, ABSENT, MISSING, 1.0])
    assert values[0] is None
    assert values[1] is ABSENT
    assert values[2] is MISSING
    assert isinstance(values[3], float)
    kind: type[object] = type(values[3])
    assert kind is Unseen
