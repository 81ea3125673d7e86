"""Changes the process that it runs in."""

import json
import os
import random
import signal

from replay import core
from replay.core import *  # noqa: F403


def transition(state, event, config, order_size_usd, order_sizes=None):

    os.chdir("/")
    random.seed(0)
    json.dumps = None
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return core.transition(state, event, config, order_size_usd, order_sizes)
