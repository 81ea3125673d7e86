"""Starts a process while it answers, and hides what comes of it."""

import contextlib
import multiprocessing

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
    with contextlib.suppress(BaseException):
        multiprocessing.get_context("fork").Process(target=len, args=((),)).start()
    return core.transition(state, event, config, order_size_usd, order_sizes)
