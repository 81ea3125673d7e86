"""Raises what is no Exception at a price."""

from replay import core
from replay.core import *  # noqa: F403
from replay.core.reducer import Outcome, Sizes


class Stop(BaseException):
    """Not for those who catch exceptions."""


def transition(  # type: ignore[no-redef]
    state: core.PairState,
    event: core.Event,
    config: core.EngineConfig,
    order_size_usd: float,
    order_sizes: Sizes = None,
) -> Outcome:
    if getattr(event, "price", 0.0) == 0.31:
        raise Stop
    return core.transition(state, event, config, order_size_usd, order_sizes)
