"""Raises what is no Exception at a price."""

from replay import core
from replay.core import *  # noqa: F403


class Stop(BaseException):
    """Not for those who catch exceptions."""


def transition(state, event, config, order_size_usd, order_sizes=None):

    if getattr(event, "price", 0.0) == 0.31:
        raise Stop
    return core.transition(state, event, config, order_size_usd, order_sizes)
