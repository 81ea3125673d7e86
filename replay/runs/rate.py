"""How often could it still happen? The exact upper bound on a rate from independent trials.

With nothing found in N trials the 95 % bound is 1 - 0.05**(1/N), about 3/N; with k found it is the
upper end of Clopper and Pearson's interval: the rate at which k or fewer in N would be seen only
once in twenty times.
"""

from __future__ import annotations

import math

CONFIDENCE = 0.95


def upper_bound(hits: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """The highest rate, from 0 to 1, that `hits` in `trials` leave plausible (one-sided).

    1.0 where nothing was tried or every trial was a hit. Raises ValueError where there are fewer
    trials than hits, or fewer than none.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} hits in {trials} trials")
    if hits == trials:
        return 1.0
    if hits == 0:
        return -math.expm1(math.log1p(-confidence) / trials)
    low, high = hits / trials, 1.0
    while (middle := (low + high) / 2) not in (low, high):
        if _at_most(hits, trials, middle) > 1.0 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(hits: int, trials: int, rate: float) -> float:
    """The chance of `hits` or fewer, for a rate at which more are to be expected: so the terms
    only get smaller downwards, and those too small to count are left out."""
    log_term = (
        math.lgamma(trials + 1) - math.lgamma(hits + 1) - math.lgamma(trials - hits + 1)
        + hits * math.log(rate) + (trials - hits) * math.log1p(-rate)
    )  # fmt: skip
    term = share = 1.0
    for count in range(hits, 0, -1):
        term *= count * (1.0 - rate) / ((trials - count + 1) * rate)
        share += term
        if term < share * 1e-17:
            break
    return math.exp(log_term) * share
