"""The form of what a database gives back, whatever SQLite thinks of the file.

SQLite checks its pages, not what stands in them: after a flipped bit a status is none that is
known, a JSON text none that can be read, a number a text. Each of these is damage, told with what
it is damage of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar

from replay.errors import DamagedError
from replay.findings.store.database import Connection

FORM_FAULTS = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
"""What comes of a value that has not the form in which it was written."""


Types: TypeAlias = type | tuple[type, ...]

FINDING_TYPES: Mapping[str, Types] = {
    **dict.fromkeys(("id", "event", "rule", "field", "kind", "part", "form"), str),
    **dict.fromkeys(("failure", "steps", "occurrences", "first_run", "last_run", "hot"), int),
    **dict.fromkeys(("owner", "note"), (str, type(None))),
}
RUN_TYPES: Mapping[str, Types] = {
    **dict.fromkeys(("kind", "settings", "tool_version", "started"), str),
    **dict.fromkeys(("id", "streams", "transitions", "rejected", "findings", "occurrences"), int),
    **dict.fromkeys(("seed", "profile", "ended", "canary", "control"), (str, type(None))),
    "exit": (int, type(None)),
    "seconds": (int, float),
}
"""What the columns are made of that reports go by."""


class HasConnection(Protocol):
    """Whoever reads a database."""

    _connection: Connection


P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound=HasConnection)


def form_checked(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """A method that reads, which raises DamagedError for values of a wrong form."""

    @wraps(method)
    def checked(self: S, /, *arguments: P.args, **named: P.kwargs) -> R:
        try:
            return method(self, *arguments, **named)
        except FORM_FAULTS as error:
            raise damaged(self._connection, error) from error

    return checked


def damaged(connection: Connection, error: BaseException) -> DamagedError:
    """The error for a value of a wrong form, in the words of what stumbled over it."""
    words = " ".join(str(error).split()) or type(error).__name__
    return DamagedError(
        f"the database {connection.path} is damaged: {words}", path=str(connection.path)
    )


def check_types(row: Mapping[str, Any], types: Mapping[str, Types]) -> None:
    """Raises ValueError where a column has a value of another type than it was written with."""
    for name, expected in types.items():
        if not isinstance(row[name], expected):
            raise ValueError(f"{name} is {type(row[name]).__name__}")
