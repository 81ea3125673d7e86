"""Numbers and texts worth trying: extreme, at a boundary, next to one, or of the wrong type.

Pools are tuples in a fixed order, since choices are made by position: reordering one changes
what every seed means.
"""

from __future__ import annotations

import math

from replay.fuzzing.choices import Choices

INF = math.inf
NAN = math.nan
TINY = 5e-324
HUGE = 1.7976931348623157e308

EDGE_DOUBLES: tuple[float, ...] = (
    0.0, 1.0, 0.5, -1.0, 2.0, -0.0, 1e-6, 5e-7, 0.125, 2.5, -0.5, 1e-12, 100.0, 13.0, 1e9,
    1e15, 9007199254740993.0, 1e22, 1e-300, TINY, 2.2250738585072014e-308, 1e300, HUGE,
    -1e300, INF, -INF, NAN,
)  # fmt: skip
"""Legal doubles from ordinary to extreme."""

FINITE_DOUBLES = tuple(value for value in EDGE_DOUBLES if math.isfinite(value))

EDGE_INTS: tuple[int, ...] = (
    0, 1, 2, -1, 3, 5, 10, -2, 100, 2**31, 2**53, 2**53 + 1, -(2**53), 2**62, -(2**62),
)  # fmt: skip
"""Ints that stay inside 64 bits even when a few thousand events count on from them."""

LIMIT_INTS: tuple[int, ...] = (2**63 - 1, -(2**63))
"""The last ints that can be read. Counting on from them leaves 64 bits."""

DYADIC: tuple[float, ...] = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 0.0625, 8.0, 0.375, 1.5)
"""Exact in binary, so that products and quotients of them can be exact ties."""

ODD_TEXTS: tuple[str, ...] = (
    "", " ", "buy", "A", "none", "BUY", " buy", "Sell", "a", "entry ", "\u00a0none\u2003", "\t",
    "0", "2.0", "null", "NaN", "Infinity", "true", "\x00", "\x1b[31m", "[bold]x[/bold]", "ş", "ẞ",
    "\u2028", "\U0001f415", "x" * 300, "stale_entry", "REGIME", " Balance\n", "\u3000regime\u3000",
    "\x1fbalance", "\ufeffnone", "balance\u200b", "İ", "é", "+inf", "-Infinity", "1e5", "１", "b",
    "SELL", "ENTRY", "Exit",
)  # fmt: skip
"""Texts that one language may trim, lower-case, measure or print unlike the other."""

REGIMES: tuple[object, ...] = (
    0, 1, 2, None, "BULLISH", "bearish", " Ranging ", "1", " 2 ", True, False, 1.9, 2.0, -0.5,
    0.0, 2.999, 3, -1, "3", "", "BULL", "02", "1.0", INF, -INF, NAN, 1e30, 2**70, [], [1], {},
    "\u00a0bullish\u3000", "ranging\x1f", "bullıSH", "\u0661", "²", "+1", "1_0", "-0", 1e308,
    "0", "2", " 0", "Bearish", "\u06600", "\uff12", "\u2003\u0662", "\u00a01\u3000", "1\x85",
    "0\x1c", "\u200b2", "-0.0", "BEARİSH", "ʙullish", 0.9999999999999999,
    2.9999999999999996, -0.99, "+2",
)  # fmt: skip
"""A regime in all spellings, right and wrong (reducer.md, "Reading a state")."""

MODE_SOURCES: tuple[object, ...] = (
    "none", "balance", "regime", " Regime ", "BALANCE", "nonsense", "", None, 0, True, [], {},
    "\u00a0none\u2003", "regime\x1f", "ＲＥＧＩＭＥ", "balancE\n", 1.5, "none\x00", "\ufeffregime",
)  # fmt: skip

ODD_NUMBERS: tuple[object, ...] = (
    0, 1, 2.0, 2.5, -1, -0.0, 0.0, -3.0, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1,
    2**64, 10**30, -(10**30), 9223372036854775807.0, 9223372036854774784.0, -9223372036854775808.0,
    1e18, 1e30, 1e308, 10**308, 10**309, -(10**400), INF, -INF, NAN, TINY, 0.1,
    9.2e18, -9.2e18, 9.3e18, -9223372036854777856.0, 1.8446744073709552e19, 2**64 + 1, 2**63 + 7,
    2**1023, 2**1024, -(2**1024), 0.29, 9007199254740993, 2**128,
)  # fmt: skip
"""Numbers as a document can hold them, whatever field they end up in."""

WRONG_TYPES: tuple[object, ...] = (
    None, True, False, "1.0", "", 0, 1.5, [], {}, [1.0], {"A": 1.0}, "Infinity", "NaN", [None],
    "+inf", "-inf", "1e400", " 1 ", "１",
)  # fmt: skip
"""A value of nearly every JSON type; most fields refuse most of them."""


def up(value: float) -> float:
    """The next greater double."""
    return math.nextafter(value, INF)


def down(value: float) -> float:
    """The next smaller double."""
    return math.nextafter(value, -INF)


def around(value: float, choices: Choices) -> float:
    """Exactly `value` in half of the cases, else a neighbour."""
    which = choices.integer(0, 5)
    if which < 3:
        return value
    if which == 3:
        return up(value)
    if which == 4:
        return down(value)
    return value + value * choices.number(-1e-9, 1e-9)


def solves(guess: float, reaches: float, offset: float) -> float:
    """The neighbour t of `guess` for which `t - offset == reaches`, if one of them is; else
    `guess`: what makes an age exactly a time-out."""
    for candidate in (guess, up(guess), down(guess)):
        if candidate - offset == reaches:
            return candidate
    return guess


def fit(value: float, decimals: int) -> float:
    """`value` on the grid of so many decimals; itself where that cannot be done."""
    try:
        return round(value, decimals)
    except (OverflowError, ValueError):
        return value
