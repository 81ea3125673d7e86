"""One statement for each cause: the whole difference between two cores, accounted for.

A single finding is explained in `search/`. Begin with `corrected.py`, the authority with all
causes so far in force, then `inquiry.py`.
"""
