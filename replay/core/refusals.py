"""The errors of the core, and how a refused value is named in them.

The core refuses in two ways of its own: an input that cannot be read (reducer.md, "Reading a
state") and an event of no known kind. A number that the arithmetic cannot go on with is the third
kind of refusal; it stays the builtin exception that Python raises (OverflowError, ValueError,
ZeroDivisionError), as it does in the bot's own module.
"""

_LONGEST_QUOTE = 60


class CoreError(ValueError):
    """What all errors raised by the core on purpose have in common."""


class UnreadableError(CoreError):
    """An input that cannot be read; `path` names the value, `reason` says what is wrong with it."""

    def __init__(self, path: str, reason: str) -> None:
        # Both go to the base class, so that the error survives pickling between processes.
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class UnknownEventError(CoreError):
    """An event that is none of the five kinds (reducer.md, "Records")."""


def describe(value: object) -> str:
    """A short text for any value, safe to show whatever the value is.

    Containers are only named and texts are cut: their full text has no bound, and Python
    refuses to write out an int of more than 4300 digits at all.
    """
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        quote = repr(value[:_LONGEST_QUOTE])
        return quote if len(value) <= _LONGEST_QUOTE else f"{quote}..."
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 128 else f"an int of {value.bit_length()} bits"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    return f"a {type(value).__name__}"
