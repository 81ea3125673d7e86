"""Prints on all ways that there are."""

import os
import sys

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
    print("debug")
    os.write(1, b"debug\n")
    if sys.__stdout__ is not None:
        sys.__stdout__.write("debug\n")
    return core.transition(state, event, config, order_size_usd, order_sizes)
