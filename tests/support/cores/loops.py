"""Never comes back from a price."""

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
    while getattr(event, "price", 0.0) == 0.31:
        pass
    return core.transition(state, event, config, order_size_usd, order_sizes)
