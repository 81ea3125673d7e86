"""What a core makes of the documents that are set from outside.

After a refused step nothing but the core's own readers can say which of its inputs took effect. So
where a stream stands is told by those of the authority, where they are at hand, and else by those
of our own core (docs/replay-method.md, "Reading the inputs of a step").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from replay.core import CoreError, config_from_dict, order_size_from, order_sizes_from
from replay.streams.model import Document
from replay.targets.base import Target
from replay.targets.compact import Plain, ReadState, read_state


@dataclass(frozen=True, slots=True)
class Readers:
    """A core's readers. `state` gives the plain form of a state, None where it is refused;
    `settings` has for each of config, order_size_usd and order_sizes what tells whether a document
    is taken."""

    state: ReadState
    settings: Mapping[str, Callable[[Document], bool]]


def _taken(read: Callable[[Document], object]) -> Callable[[Document], bool]:
    def is_taken(document: Document) -> bool:
        try:
            read(document)
        except CoreError:
            return False
        return True

    return is_taken


OURS = Readers(
    read_state,
    {
        "config": _taken(config_from_dict),
        "order_size_usd": _taken(order_size_from),
        "order_sizes": _taken(order_sizes_from),
    },
)
"""Those of our own core."""


def remembered(readers: Readers, states: dict[str, Plain]) -> Readers:
    """The same readers, which read each state once; `states` keeps what was made of it. For one
    stream that is run on a core again and again: its readers may have to be started each time.

    What was not read is asked again: it may be that the readers' process died.
    """

    def state(document: Document) -> Plain | None:
        # The text of a document tells what counts as equal apart: true from 1, 0.0 from -0.0.
        text = repr(document)
        if text not in states:
            plain = readers.state(document)
            if plain is None:
                return None
            states[text] = plain
        return list(states[text])

    return Readers(state, readers.settings)


def readers_of(target: Target) -> Readers:
    """The readers of a core that runs in this process; for any other, which can only be asked by
    work, our own core's."""
    readers = getattr(target, "readers", None)
    return readers if isinstance(readers, Readers) else OURS
