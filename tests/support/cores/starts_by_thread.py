"""Starts a process while it answers, and hides what comes of it."""

import contextlib
import subprocess
import threading

from replay import core
from replay.core import *  # noqa: F403


def transition(state, event, config, order_size_usd, order_sizes=None):
    with contextlib.suppress(BaseException):
        thread = threading.Thread(target=subprocess.run, args=(["true"],))
        thread.start()
        thread.join()
    return core.transition(state, event, config, order_size_usd, order_sizes)
