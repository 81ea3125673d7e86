"""How often Python looks for garbage while a run is going on.

A run makes hundreds of thousands of small tuples and lists a second and no cycles to speak of, so
Python's default of a look at every 700 new objects only costs time.
"""

import gc

YOUNG, MIDDLE, OLD = 100_000, 20, 50
"""Thresholds of the three generations: rare looks at the young, very rare ones at the old."""


def collect_rarely() -> None:
    """Tells Python to look seldom, and never at what is loaded already. For a program's start."""
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
