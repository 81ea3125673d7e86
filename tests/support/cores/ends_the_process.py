"""Ends the process without a word at a price."""

import os

from replay import core
from replay.core import *  # noqa: F403


def transition(state, event, config, order_size_usd, order_sizes=None):

    if getattr(event, "price", 0.0) == 0.31:
        os._exit(0)
    return core.transition(state, event, config, order_size_usd, order_sizes)
