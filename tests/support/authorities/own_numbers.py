"""An authority whose numbers and texts are of classes of its own: what they are equal to is
answered by a thing that is neither true nor false, as some libraries do it."""

from __future__ import annotations

from dataclasses import field, make_dataclass
from typing import Any

from dressing import dressed, fields_of


class Unsure:
    def __bool__(self) -> bool:
        raise ValueError("the truth value of more than one element is ambiguous")


class Number(float):
    def __eq__(self, other: object) -> Any:
        return Unsure()

    __ne__ = __eq__
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Number at {id(self):#x}>"


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "not what it is"


def _record(name: str) -> Any:
    fields = [(f.name, Any, field(default=f.default)) for f in fields_of(name)]
    return make_dataclass(name, fields, frozen=True, eq=False)


def _worn(name: str, value: Any) -> Any:
    if type(value) is float:
        return Number(value)
    return Text(value) if type(value) is str else value


def _bare(value: Any) -> Any:
    if isinstance(value, Number):
        return float.__pos__(value)
    return str.__str__(value) if isinstance(value, Text) else value


globals().update(dressed(_record, _worn, _bare))
