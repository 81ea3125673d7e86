"""The minimiser: makes a case as small as it gets while it shows the same bug.

Not the reducer, which is the state machine. Begin with `minimiser.py`; `shrinkers.py` has what can
be made simpler.
"""
