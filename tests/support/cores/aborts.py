"""Dies in C at a price."""

import os

from replay import core
from replay.core import *  # noqa: F403
from replay.core.reducer import Outcome, Sizes


def transition(  # type: ignore[no-redef]
    state: core.PairState,
    event: core.Event,
    config: core.EngineConfig,
    order_size_usd: float,
    order_sizes: Sizes = None,
) -> Outcome:
    if getattr(event, "price", 0.0) == 0.31:
        os.abort()
    return core.transition(state, event, config, order_size_usd, order_sizes)
