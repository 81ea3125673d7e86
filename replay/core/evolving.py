"""A state with some fields changed: what every transition ends in at least once."""

from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING

from .records import PairState

__all__ = ["evolve"]

if TYPE_CHECKING:
    # To the type checker it is the standard function, whose keywords it knows how to check.
    from dataclasses import replace as evolve
else:
    _NAMES = tuple(field.name for field in fields(PairState))
    _INDEX = {name: index for index, name in enumerate(_NAMES)}
    _values_of = attrgetter(*_NAMES)

    def evolve(state, /, **changes):
        """`dataclasses.replace` for a PairState alone.

        The general function looks through the definitions of all thirty fields on each call and
        takes more than half as long again, which an ordinary tick would feel.
        """
        values = list(_values_of(state))
        for name, value in changes.items():
            values[_INDEX[name]] = value
        return PairState(*values)
