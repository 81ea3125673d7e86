"""Changes the process that it runs in."""

import json
import os
import random
import signal

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
    os.chdir("/")
    random.seed(0)
    json.dumps = None  # type: ignore[assignment]
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return core.transition(state, event, config, order_size_usd, order_sizes)
