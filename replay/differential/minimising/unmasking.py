"""Takes out of a state what hides a bug: other differences that a case shows before it.

While a stream runs, a shadow is told what changed, and of a long history only the end. A case gives
it all at once, and a value that it has misread all along, in an old cycle, is what differs first
and names the case. So what differs in a case but did not when the bug was found is taken away.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from replay.streams.model import Document

_PLACE = re.compile(r"state\.(?P<field>\w+)(?:\[(?P<place>\d+)\])?")


def without_these(state: Document, hiding: Iterable[str]) -> Document | None:
    """A state without the fields, and the records of its lists, that some paths of differences
    (`state.orders[0].price`) name; None where there is nothing to take away.

    The places are those of the state after the step. Where orders came and went meanwhile another
    record goes than was meant: then the case is tried in vain.
    """
    if not isinstance(state, dict):
        return None
    places: dict[str, set[int]] = defaultdict(set)
    fields: set[str] = set()
    for path in hiding:
        named = _PLACE.match(path)
        if named is None or named["field"] not in state:
            continue
        if named["place"] is None or not isinstance(state[named["field"]], list):
            fields.add(named["field"])
        else:
            places[named["field"]].add(int(named["place"]))
    made = {name: value for name, value in state.items() if name not in fields}
    for name, taken in places.items():
        records = state[name]
        made[name] = [one for place, one in enumerate(records) if place not in taken]
    return None if made == state else made
