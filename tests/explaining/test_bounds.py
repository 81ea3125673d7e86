"""Limits: numbers beyond which a shadow does not answer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cause_support import one_step
from explain_support import faulty

from replay.errors import UsageError
from replay.explaining.causes.answered import Asking
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.known_before import _rule_of
from replay.explaining.causes.known_ends import KnownEnds
from replay.explaining.causes.number_bounds import Bound, bound_of
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.reading_search import ReadingSearch
from replay.explaining.causes.statement import Reading
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.value_sorts import Sort
from replay.explaining.claims.stated import stated_in, stated_toml, table_of
from replay.explaining.editing.editable import EditableCore
from replay.explaining.formulas.conditions import Runs, dividing
from replay.explaining.formulas.plain_numbers import simplest_between
from replay.explaining.search.contest import Clock
from replay.streams.model import Stream
from replay.targets.open import open_target

CORE = EditableCore.open("python")
BEGINS = (
    "    # The commonest events come first: a live slot sees some eighty ticks for each fill.\n"
)
OUTSIDE = Reading(
    Pattern("config", "", "price_decimals", "i"), Sort.INT, Taking.REFUSED, Bound(0, 15)
)


@contextmanager
def searching(shadow: str, *cases: Stream) -> Iterator[tuple[Pool, ReadingSearch]]:
    """A search for readings of a shadow of our core, with the answers to some cases."""
    with closing(open_target("python")) as authority, closing(open_target(shadow)) as other:
        asking = Asking(authority, other)
        pool = Pool(CorrectedCore(CORE, reads_next=False))
        pool.add(asking.ask(cases))
        yield pool, ReadingSearch(pool, asking, Clock(400.0), KnownEnds(pool))


@pytest.mark.parametrize(
    ("bound", "text", "says", "beyond", "inside"),
    [
        (Bound(0, 15), "0..15", "outside 0 to 15", (-1, 16, math.inf), (0, 15, math.nan, True)),
        (Bound(None, 2.5), "..2.5", "above 2.5", (3,), (2.5, -math.inf, "3", None)),
        (Bound(-1, None), "-1..", "below -1", (-2, -1.5), (-1, 10**30)),
    ],
)  # fmt: skip
def test_a_bound_speaks_of_the_numbers_outside(
    bound: Bound, text: str, says: str, beyond: tuple[object, ...], inside: tuple[object, ...]
) -> None:
    assert (bound.text, bound.says(), bound_of(text)) == (text, says, bound)
    assert all(map(bound.is_beyond, beyond))
    assert not any(map(bound.is_beyond, inside))


@pytest.mark.parametrize("text", ["", "..", "5", "3..2", "a..b", "nan..1", "1...2"])
def test_what_is_no_bound_is_none(text: str) -> None:
    assert bound_of(text) is None


@pytest.mark.parametrize(
    ("low", "above", "simplest"),
    [
        (15, 16, 15),
        (0.12, 0.3, 0.2),
        (99.7, 101.0, 100),
        (0.0, 1.0, 0),
        (1.25, 1.26, 1.25),
        (10**400, 10**401, 10**400),
        (-math.inf, 0.0, -math.inf),
        (1e300, 1.1e300, 1e300),
    ],
)
def test_between_two_numbers_the_one_that_people_write_is_the_limit(
    low: float, above: float, simplest: float
) -> None:
    assert simplest_between(low, above) == simplest


@pytest.mark.parametrize(
    ("test", "bound"),
    [
        ("not 0 <= config.price_decimals <= 15", Bound(0, 15)),
        ("config.price_decimals > 9", Bound(None, 9)),
        ("config.price_decimals < -3", Bound(-3, None)),
    ],
)
def test_a_limit_of_the_shadow_is_found_to_the_unit(
    tmp_path: Path, test: str, bound: Bound
) -> None:
    refuses = f'    if {test}:\n        raise ValueError("decimals")\n'
    shadow = faulty(tmp_path, "reducer.py", (BEGINS, refuses + BEGINS))
    far = bound.high + 3 if bound.high is not None else (bound.low or 0) - 3
    cases = [one_step((0, 0.2, 5.0), {"price_decimals": int(far)}), one_step((0, 0.2, 5.0))]
    with searching(shadow, *cases) as (pool, search):
        found = search.find(pool.unexplained[0])
        assert found == Reading(OUTSIDE.pattern, Sort.INT, Taking.REFUSED, bound)
        pool.accept(found)
        assert not pool.left[pool.steps[0]]


@pytest.mark.parametrize(
    ("kept", "decimals", "bound"),
    [
        ("min(8, config.price_decimals)", 12, Bound(None, 8)),
        ("max(2, config.price_decimals)", 0, Bound(2, None)),
    ],
)
def test_a_setting_that_is_kept_to_a_limit_is_a_reading(
    tmp_path: Path, kept: str, decimals: int, bound: Bound
) -> None:
    """Whoever clamps a setting goes on where another would refuse it, or take it as it is."""
    keeps = f"    config = replace(config, price_decimals={kept})\n"
    shadow = faulty(
        tmp_path,
        "reducer.py",
        (BEGINS, keeps + BEGINS),
        ("from typing import", "from dataclasses import replace\nfrom typing import"),
    )
    entry = {"local_id": 1, "side": "sell", "role": "entry", "price": 0.2004, "volume": 25.0,
             "trade_id": "A", "cycle": 1}  # fmt: skip
    fill = (2, 1, "T", "sell", 0.2372345678912, 25.0, 0.01, 5.0)
    cases = [
        one_step(fill, {"price_decimals": places}, orders=[entry], market_price=0.4)
        for places in (decimals, decimals + 1, 5)
    ]
    with searching(shadow, *cases) as (pool, search):
        found = search.kept_to_a_limit(pool.unexplained[0])
        assert found == Reading(OUTSIDE.pattern, Sort.INT, Taking.KEPT, bound)
        assert found.says.endswith("were taken for the nearest that is not")
        pool.accept(found)
        assert not any(pool.left[step] for step in pool.steps[: len(cases)])
    assert _rule_of(found.canonical) == found
    values = {"value": "an int", "in": "config.price_decimals", "is": str(Taking.KEPT)}
    stated = stated_in(table_of(found), {**values, "kind": "int", "beyond": bound.text})
    assert stated == found
    with pytest.raises(UsageError, match="needs beyond"):
        stated_in(table_of(found), values)


def test_ints_beyond_the_doubles_have_limits_as_well(tmp_path: Path) -> None:
    refuses = '    if state.cycle_a > 2**62:\n        raise ValueError("cycles")\n'
    shadow = faulty(tmp_path, "reducer.py", (BEGINS, refuses + BEGINS))
    case = one_step((0, 0.2, 5.0), cycle_a=2**63 - 1, next_order_id=10**400)
    cases = case, one_step((0, 0.2, 5.0), cycle_a=2**63 - 1)
    with searching(shadow, *cases) as (pool, search):
        found = [search.find(step) for step in pool.unexplained[:1]]
    assert found == [
        Reading(Pattern("state", "", "cycle_a", "i"), Sort.INT, Taking.REFUSED, Bound(None, 2**62))
    ]
    huge = [{"a": 10**400}, {"a": 10**400 + 1}]
    runs = [Runs([terms], wanted=bool(place)) for place, terms in enumerate(huge)]
    assert f"a > {10**400}" in set(dividing(runs))


def test_a_limit_is_the_same_in_a_file_and_in_what_is_remembered() -> None:
    assert OUTSIDE.says == "an int outside 0 to 15 in config.price_decimals were refused"
    text = stated_toml(OUTSIDE)
    assert 'beyond = "0..15"' in text
    values = dict(line.split(" = ") for line in text.splitlines()[1:])
    plain = {key: value.strip('"') for key, value in values.items()}
    assert stated_in(table_of(OUTSIDE), plain) == OUTSIDE
    assert _rule_of(OUTSIDE.canonical) == OUTSIDE
    without = Reading(OUTSIDE.pattern, Sort.INT, Taking.REFUSED)
    assert _rule_of(without.canonical) == without
