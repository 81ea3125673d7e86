"""Never comes back from a price."""

from replay import core
from replay.core import *  # noqa: F403


def transition(state, event, config, order_size_usd, order_sizes=None):

    while getattr(event, "price", 0.0) == 0.31:
        pass
    return core.transition(state, event, config, order_size_usd, order_sizes)
