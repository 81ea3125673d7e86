"""Values that nobody may look at: for finding out what a decision does not depend on.

Whoever decides from a value that is `Unseen` is stopped by `Looked`. So what comes out where some
values were unseen comes out whatever these values are, as long as they are of the same types: an
unseen value still says what it is an instance of, and None and the markers for what is not there
are themselves.

Only `isinstance` is answered so. Code that asks for `type(value)`, or for the identity of anything
but None and the markers, is not to be given unseen values.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import FrameType, NoneType
from typing import Any, NoReturn, TypeVar

from replay.differential.model import Absent
from replay.targets.base import Missing

T = TypeVar("T")
_THEMSELVES = frozenset({NoneType, Absent, Missing})


class Looked(BaseException):
    """Somebody looked at an unseen value. Not an error, and not to be caught as one."""


class Unseen:
    """Stands for a value of which only the type may be known."""

    __slots__ = ("_kind",)

    def __init__(self, kind: type) -> None:
        object.__setattr__(self, "_kind", kind)

    @property  # type: ignore[misc]  # what isinstance goes by
    def __class__(self) -> type:
        return object.__getattribute__(self, "_kind")  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> NoReturn:
        raise Looked(name)


def _look(*arguments: object) -> NoReturn:
    raise Looked


_WAYS_TO_LOOK = (
    *("eq", "ne", "lt", "le", "gt", "ge", "hash", "bool", "repr", "str", "format", "bytes"),
    *("len", "iter", "reversed", "contains", "getitem", "setitem", "delitem", "call", "setattr"),
    *("int", "float", "complex", "index", "round", "trunc", "floor", "ceil", "neg", "pos", "abs"),
    *("invert", "reduce", "reduce_ex", "copy", "deepcopy", "enter", "exit", "length_hint"),
    *(
        f"{side}{name}"
        for name in ("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow",
                     "lshift", "rshift", "and", "xor", "or")
        for side in ("", "r", "i")
    ),
)  # fmt: skip
for _name in _WAYS_TO_LOOK:
    setattr(Unseen, f"__{_name}__", _look)


def unseen_by(function: Callable[[], T]) -> T:
    """What a function gives that has to do with unseen values. Raises Looked where anybody looked.

    What is built in (a search in a text, say) raises TypeError when it is given an unseen value,
    and code that expects odd values may catch that. So each TypeError counts as a look, caught or
    not, and so does any other error that comes out.
    """

    def watch(frame: FrameType, event: str, happened: Any) -> Any:
        if event == "exception" and issubclass(happened[0], TypeError):
            raise Looked
        return watch

    former = sys.gettrace()
    sys.settrace(watch)
    try:
        return function()
    except Exception as error:
        raise Looked from error
    finally:
        sys.settrace(former)


def hidden(values: Iterable[Any]) -> list[Any]:
    """The values as unseen ones. Of two sequences whose values have the same types, in the same
    order, nobody can tell which one it was."""
    return [value if type(value) in _THEMSELVES else Unseen(type(value)) for value in values]
