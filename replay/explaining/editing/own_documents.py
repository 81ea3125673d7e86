"""Documents of its own for each core that is run in this process: it may keep and change them.

An edit soon does (a copy that is left out), and a loose core may. The case that the documents are
of is run on all others afterwards.
"""

from __future__ import annotations

import copy
import marshal
from typing import TypeVar

from replay.streams.model import Start

T = TypeVar("T")


def own(documents: T) -> T:
    """A copy down to the last value."""
    try:
        return marshal.loads(marshal.dumps(documents))  # type: ignore
    except ValueError:  # a history is no plain list
        return copy.deepcopy(documents)


def own_start(start: Start) -> Start:
    """A start with documents of its own."""
    return Start(*own(tuple(start)))
