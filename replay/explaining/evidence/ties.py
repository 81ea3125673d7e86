"""Inputs on which ways to round come apart: numbers that end up on a tie, or next to one.

Two ways to round give the same result nearly everywhere: random numbers would hardly ever tell them
apart. So a price is made from its result: a tie of the decimals that are kept, divided by one of
the factors that prices are multiplied with (1 plus or minus a percentage), or a double beside that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from replay.differential.minimising.shrinkers import CaseDocument, Path, at, case_stream, replaced
from replay.explaining.evidence.neighbours import ORIGIN, swapped, written_out
from replay.fuzzing.choices import Seeded
from replay.fuzzing.value_pool import down, up
from replay.streams.model import CallCode, Stream

_PERCENTAGES = ("entry_pct", "entry_pct_a", "entry_pct_b", "profit_pct", "maker_fee_pct")
_SIMPLE = (0.0, 0.0, 50.0, 100.0, 25.0)
_DECIMALS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 13, 14, 15, 16, 18, 20, -1)
_PRICE_OF_CALL = {CallCode.PRICE_TICK: 1, CallCode.FILL: 4, CallCode.RECOVERY_FILL: 4}


def tie_changes(cases: Sequence[Stream], seed: int) -> Iterator[Stream]:
    """An endless row of neighbours of some cases with numbers on or next to a tie; half of them
    with the trades swapped."""
    choices = Seeded(Random(seed))
    documents = [written_out(case) for case in cases]
    documents += [swapped(document) for document in documents]
    while True:
        place = choices.integer(0, len(documents) - 1)
        document = documents[place]
        if isinstance(document["config"], dict) and isinstance(document["state"], dict):
            document = _with_decimals(choices, document)
            if choices.chance(25):
                document = _as_price_tick(document)
            for _ in range(choices.pick((1, 1, 2))):
                document = _on_a_tie(choices, document)
        stream = case_stream(document, cases[place % len(cases)])
        yield Stream(stream.start, stream.steps, ORIGIN)


def _with_decimals(choices: Seeded, document: CaseDocument) -> CaseDocument:
    """Often other decimals, and percentages that make simple factors."""
    config: dict[str, Any] = dict(document["config"])
    if choices.chance(50):
        config["price_decimals"] = choices.pick(_DECIMALS)
    if choices.chance(30):
        config["volume_decimals"] = choices.pick((0, 1, 2, 3, 8))
    if choices.chance(30):
        for name in _PERCENTAGES:
            if isinstance(config.get(name), float) and choices.chance(70):
                config[name] = choices.pick(_SIMPLE)
    return {**document, "config": config}


def _as_price_tick(document: CaseDocument) -> CaseDocument:
    """The case with a new price for its event, by which entries are placed anew: another rule that
    rounds."""
    state: dict[str, Any] = document["state"]
    steps: list[Any] = document["steps"]
    price, now = state.get("market_price"), state.get("now")
    if not (_is_ordinary(price) and _is_ordinary(now)):
        return document
    tick = {**steps[-1], "call": [int(CallCode.PRICE_TICK), price, now]}
    return {**document, "steps": [*steps[:-1], tick]}


def _on_a_tie(choices: Seeded, document: CaseDocument) -> CaseDocument:
    """A price, or the size of an order, that leads to a tie."""
    if choices.chance(15):
        return _size_on_a_tie(choices, document)
    paths = [path for path in _prices(document) if _is_ordinary(at(document, path))]
    if not paths:
        return document
    path = choices.pick(paths)
    decimals = _number(document["config"].get("price_decimals"), 6)
    tie = _tie_near(choices, at(document, path), decimals)
    factor = choices.pick(_factors(document))
    price = tie / factor if factor > 0.0 else tie
    return _set(document, path, _beside(choices, price))


def _size_on_a_tie(choices: Seeded, document: CaseDocument) -> CaseDocument:
    """A size in USD that buys a volume on a tie, at one of the prices that may be asked."""
    market = document["state"].get("market_price")
    if not _is_ordinary(market):
        return document
    decimals = _number(document["config"].get("price_decimals"), 6)
    try:
        price = round(market * choices.pick(_factors(document)), decimals)
    except OverflowError:
        return document
    volume = _tie_near(
        choices,
        float(choices.integer(13, 60)),
        max(0, _number(document["config"].get("volume_decimals"), 0)),
    )
    return {**document, "order_size_usd": _beside(choices, volume * price), "order_sizes": None}


def _prices(document: CaseDocument) -> list[Path]:
    """Where prices stand: the market's, the event's and those of orders."""
    state = document["state"]
    paths: list[Path] = [("state", "market_price")]
    last = len(document["steps"]) - 1
    call = document["steps"][last]["call"]
    if isinstance(call, list) and call[0] in _PRICE_OF_CALL:
        # The event's own comes twice: it decides most.
        paths += [("steps", last, "call", _PRICE_OF_CALL[CallCode(call[0])])] * 2
    for name in ("orders", "recovery_orders"):
        records = state.get(name)
        if isinstance(records, list):
            paths += [
                ("state", name, place, "price")
                for place, record in enumerate(records)
                if isinstance(record, dict) and "price" in record
            ]
    return [path for path in paths if _has(document, path)]


def _has(document: CaseDocument, path: Path) -> bool:
    try:
        at(document, path)
    except (KeyError, IndexError):
        return False
    return True


def _factors(document: CaseDocument) -> list[float]:
    """What prices may be multiplied with before they are rounded."""
    config, state = document["config"], document["state"]
    values = [config.get(name) for name in _PERCENTAGES] + [state.get("profit_pct_runtime")]
    percentages = [value for value in values if isinstance(value, float) and abs(value) < 1e6]
    factors = {1.0}
    for percentage in percentages:
        factors |= {1 + percentage / 100.0, 1 - percentage / 100.0}
    return sorted(factors)


def _tie_near(choices: Seeded, value: float, decimals: int) -> float:
    """A double that is, or is nearest to, a decimal number that ends in a 5 after the decimals
    that are kept; about as great as `value` where there are such."""
    exponent = max(-30, min(30, decimals))
    units = min(abs(value) * 10.0**exponent, 1e15)
    whole = math.floor(units) + choices.integer(0, 99)
    return float(f"{whole}5e{-exponent - 1}")


def _beside(choices: Seeded, value: float) -> float:
    """The number, or one of the doubles next to it."""
    for _ in range(choices.pick((0, 0, 0, 1, 1, 2))):
        value = up(value) if choices.chance(50) else down(value)
    return value


def _set(document: CaseDocument, path: Path, value: float) -> CaseDocument:
    changed: CaseDocument = replaced(document, path, value)
    return changed


def _is_ordinary(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) and abs(value) < 1e12


def _number(value: Any, otherwise: int) -> int:
    return value if type(value) is int and abs(value) < 400 else otherwise
