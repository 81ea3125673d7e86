"""Of what sort a core's values are where no annotation says it: seen while it runs.

Cores that others wrote are annotated here and there. What a name held, and what a function gave,
in the steps at hand tells as much, in the same words as an annotation would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, Final

from replay.explaining.editing.codes import tracing
from replay.targets.python.raised import RAISED

_SCALARS: Final = {float: "float", int: "int", bool: "bool", str: "str"}
_LOOKED_AT = 8
"""Values of one name, and items of one sequence, that are enough to tell its sort."""

_DEEPEST: Final = 3
"""How far into sequences in sequences, and records in records, is looked: documents may be nested a
thousand deep."""

OTHER: Final = "object"
"""Whatever no edit is made of."""

RETURNED: Final = "return"
"""What a function gives, beside its names: no name can be called that."""


@dataclass
class Observed:
    """Sorts by the code that was seen, by name, and those of the fields of each record."""

    names: dict[CodeType, dict[str, set[str]]] = field(default_factory=dict)
    records: dict[str, dict[str, set[str]]] = field(default_factory=dict)

    def note(self, code: CodeType, name: str, value: Any) -> None:
        """A name held a value."""
        sorts = self.names.setdefault(code, {}).setdefault(name, set())
        if len(sorts) < _LOOKED_AT:
            sorts.add(self._sort(value))

    def _sort(self, value: Any, depth: int = _DEEPEST) -> str:
        kind = type(value)
        if value is None or kind in _SCALARS:
            return _SCALARS.get(kind, "")
        if kind in (tuple, list):
            if not depth:
                return OTHER
            return self._of_items([self._sort(one, depth - 1) for one in value[:_LOOKED_AT]])
        if kind.__module__ == "builtins":
            return OTHER
        fields = self.records.setdefault(kind.__name__, {})
        for name, inner in fields_of(value).items():
            known = fields.setdefault(name, set())
            if type(inner) in _SCALARS:
                known.add(_SCALARS[type(inner)])
            elif depth and inner is not None and type(inner).__module__ != "builtins":
                known.add(self._sort(inner, depth - 1))
        return kind.__name__

    @staticmethod
    def _of_items(sorts: list[str]) -> str:
        """The sort of a sequence: of so many of one sort, or of a few things given together. An
        empty one may be of anything."""
        if not sorts:
            return ""
        if len(set(sorts)) == 1:
            return f"tuple[{sorts[0] or OTHER}, ...]"
        return f"tuple[{', '.join(sort or OTHER for sort in sorts)}]"


def fields_of(value: Any) -> Mapping[str, Any]:
    """The fields of a record: a dataclass, a named tuple, one with slots or any other object."""
    try:
        names = getattr(value, "_fields", None) or getattr(type(value), "__slots__", None)
        if isinstance(names, tuple | list) and all(isinstance(name, str) for name in names):
            return {name: getattr(value, name, None) for name in names}
        return dict(vars(value)) if not isinstance(value, type) else {}
    except RAISED:  # a bot's class may compute its attributes, and raise anything
        return {}


def common(sorts: set[str]) -> str:
    """One sort for several, "" where there is none. That a value may be missing says nothing."""
    known = sorts - {""}
    if known == {"int", "float"}:
        return "float"
    return known.pop() if len(known) == 1 and known != {OTHER} else ""


@contextmanager
def observing(builtins: Mapping[str, Any]) -> Iterator[Observed]:
    """Notes what the functions hold and give that run with these builtins: a private copy's."""
    seen = Observed()

    def inside(frame: FrameType, event: str, given: Any) -> Any:
        if event == "return":
            for name, value in frame.f_locals.items():
                seen.note(frame.f_code, name, value)
            seen.note(frame.f_code, RETURNED, given)
        return inside

    def called(frame: FrameType, _event: str, _given: Any) -> Any:
        if frame.f_builtins is not builtins or frame.f_code.co_filename[0] == "<":
            return None
        frame.f_trace_lines = False
        return inside

    with tracing(called):
        yield seen
