"""Prints on all ways that there are."""

import os
import sys

from replay import core
from replay.core import *  # noqa: F403


def transition(state, event, config, order_size_usd, order_sizes=None):

    print("debug")
    os.write(1, b"debug\n")
    sys.__stdout__.write("debug\n")
    return core.transition(state, event, config, order_size_usd, order_sizes)
