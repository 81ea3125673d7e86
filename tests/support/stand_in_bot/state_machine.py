"""The reducer as the bot calls it. The records live in reducer.py since the last clean-up."""

from __future__ import annotations

import reducer as _r
from reducer import *  # noqa: F403

__version__ = "4.17"
_calls = {"transition": 0}


def transition(state, event, cfg, order_size_usd, order_sizes=None):
    """One step of a slot."""
    _calls["transition"] += 1
    return _r.transition(state, event, cfg, order_size_usd, order_sizes)


def check_invariants(s):
    return _r.check_invariants(s)


def apply_order_regime_at_entry(s, lid, regime_at_entry):
    return _r.apply_order_regime_at_entry(s, lid, regime_at_entry)
