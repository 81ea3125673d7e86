"""A bot's state machine with a fault, for trying doge-replay on: the fees of fills are forgotten.

It has the names of the bot's own module, so it can take either side:

    doge-replay run examples/journal.jsonl --shadow examples/forgets_fees.py
"""

from dataclasses import replace

from replay import core
from replay.core import *  # noqa: F403  (all the names that a state machine has)


def transition(state, event, config, order_size_usd, order_sizes=None):
    """The real transition, but `total_fees` stays as it was when an order is filled."""
    next_state, actions = core.transition(state, event, config, order_size_usd, order_sizes)
    if isinstance(event, core.FillEvent):
        next_state = replace(next_state, total_fees=state.total_fees)
    return next_state, actions
