"""Numbers where the contract leaves no choice: decimal rounding, order volume, 64-bit counters.

What Python refuses here (an OverflowError of `round`, a ValueError of the integer of NaN) goes
through to the caller: it is the refusal that both cores share.
"""

from .records import EngineConfig

INT_MIN = -(2**63)
INT_MAX = 2**63 - 1


def rnd(x: float, digits: int) -> float:
    """Round to a number of decimal digits, exactly (reducer.md, "Decimal rounding").

    Python's `round` works on the exact binary value. Scaling by a power of ten, rounding and
    dividing back is no substitute: 0.12525 * 0.998 comes out different.
    """
    return round(x, digits)


def increment(counter: int) -> int:
    """One more, refused with OverflowError where it no longer fits 64 bits with sign."""
    if counter >= INT_MAX:
        raise OverflowError("a counter would leave 64 bits")
    return counter + 1


def negate(identifier: int) -> int:
    """The negative, refused with OverflowError where it does not fit 64 bits with sign."""
    if identifier <= INT_MIN:
        raise OverflowError("a negated id would leave 64 bits")
    return -identifier


def compute_order_volume(price: float, cfg: EngineConfig, order_size_usd: float) -> float | None:
    """How much an order of that size buys or sells (reducer.md, "Order volume").

    None where there is no such order. The size is never raised to reach a minimum.
    """
    if price <= 0 or order_size_usd <= 0:
        return None
    has_min_cost = cfg.min_cost_usd > 0
    if has_min_cost and order_size_usd < cfg.min_cost_usd:
        return None
    raw = order_size_usd / price
    volume = float(round(raw)) if cfg.volume_decimals <= 0 else rnd(raw, cfg.volume_decimals)
    if volume < cfg.min_volume:
        return None
    if has_min_cost and volume * price < cfg.min_cost_usd:
        return None
    return volume
