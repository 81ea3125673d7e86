"""What a case can be made simpler by: one small generator of candidates for each kind of value.

A case is seen as one document (`state`, `config`, sizes, the steps' calls and changes), and a
candidate is that document with one thing taken away or replaced. Which candidates still show the
same bug is decided elsewhere (minimiser.py); nothing here knows about cores.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from replay.streams.model import Start, Step, Stream

CaseDocument: TypeAlias = "dict[str, Any]"
Path: TypeAlias = "tuple[str | int, ...]"

_TIMES = frozenset(
    {
        *("now", "timestamp", "placed_at", "entry_filled_at", "orphaned_at", "entry_time"),
        *("exit_time", "s2_entered_at", "last_price_update_at", "cooldown_until_a"),
        *("cooldown_until_b", "refresh_cooldown_until_a", "refresh_cooldown_until_b"),
    }
)
_EPOCH = 1e6
"""A time above this is taken for one since 1970."""


def case_document(stream: Stream) -> CaseDocument:
    """A stream as one document; calls become lists, so that a place in them is a path."""
    return {
        **stream.start._asdict(),
        "steps": [
            {
                "call": dict(s.call) if isinstance(s.call, dict) else list(s.call),
                "changes": s.changes,
            }
            for s in stream.steps
        ],
    }


def case_stream(document: CaseDocument, like: Stream) -> Stream:
    """The stream that a document stands for; origin and line are those of `like`'s last step."""
    line = like.steps[-1].line if like.steps else 0
    steps = []
    for entry in document["steps"]:
        call = entry["call"]
        steps.append(Step(tuple(call) if isinstance(call, list) else call, entry["changes"], line))
    start = Start(
        document["state"],
        document["config"],
        document["order_size_usd"],
        document["order_sizes"],
    )
    return Stream(start, tuple(steps), like.origin)


def at(document: Any, path: Path) -> Any:
    """The value at a path. Raises KeyError or IndexError where there is none."""
    for key in path:
        document = document[key]
    return document


def found_at(document: Any, path: Path) -> Any:
    """The value at a path, None where there is none."""
    try:
        return at(document, path)
    except (LookupError, TypeError):
        return None


def replaced(document: Any, path: Path, value: Any) -> Any:
    """A copy with another value at the path; only what leads there is copied."""
    if not path:
        return value
    copy: Any = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = replaced(copy[path[0]], path[1:], value)
    return copy


def without(document: Any, path: Path, keys: Sequence[str | int]) -> Any:
    """A copy without some keys (or places) of the object (or list) at the path."""
    container = at(document, path)
    if isinstance(container, dict):
        kept: Any = {key: value for key, value in container.items() if key not in keys}
    else:
        kept = [value for place, value in enumerate(container) if place not in keys]
    return replaced(document, path, kept)


def containers(document: CaseDocument) -> Iterator[Path]:
    """Every object and list from which something can be taken away, outermost first.

    A list call has its fields by place, so nothing can be taken out of it.
    """
    roots: list[Path] = [("state",), ("config",), ("order_sizes",)]
    for place in range(len(document["steps"])):
        roots += [("steps", place, "changes"), ("steps", place, "call")]
    for root in roots:
        value = at(document, root)
        if not (root[-1] == "call" and isinstance(value, list)):
            yield from _containers(value, root)


def _containers(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict | list | tuple) and value:
        yield path
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _containers(inner, (*path, key))


def scalars(document: Any, path: Path = ()) -> Iterator[Path]:
    """Every number and text in the document."""
    if isinstance(document, dict | list | tuple):
        items = document.items() if isinstance(document, dict) else enumerate(document)
        for key, inner in items:
            # The first place of a list call is its code, which is what the case is about.
            if not (path and path[-1] == "call" and key == 0):
                yield from scalars(inner, (*path, key))
    elif isinstance(document, int | float | str) and not isinstance(document, bool):
        yield path


def simpler_values(value: Any) -> Iterator[Any]:
    """Candidates for a number or a text, simplest first; all of them simpler than `value`. None for
    anything else."""
    if isinstance(value, str):
        candidates: list[Any] = ["", value[:1], value[:8]]
    elif value is None or isinstance(value, bool | dict | list):
        return
    elif isinstance(value, int):
        candidates = [0, 1, 2, 10, *(value // 10**power for power in (6, 3, 1)), -1]
    elif not math.isfinite(value):
        candidates = [0.0, 1.0, 1e9]
    else:
        shorter = (float(f"{value:.{digits}g}") for digits in range(1, 8))
        candidates = [0.0, 1.0, 2.0, 10.0, 100.0, -1.0, float(math.trunc(value)), *shorter]
    limit = complexity(value)
    for candidate in dict.fromkeys(candidates):
        if complexity(candidate) < limit and type(candidate) is type(value):
            yield candidate


def complexity(value: Any) -> tuple[int, int, float]:
    """How much a reader has to take in: length first, then negative, then size."""
    if isinstance(value, str):
        return len(value), 0, 0.0
    if isinstance(value, float) and not math.isfinite(value):
        return 9, 1, 0.0
    text = repr(value).removesuffix(".0")
    try:
        size = abs(float(value))
    except OverflowError:
        size = math.inf
    return len(text), int(value < 0), size


def earlier(document: CaseDocument) -> CaseDocument | None:
    """The document with all its times moved so that the earliest is 0, or None where they are
    small already. Moved together, since what counts is how far apart they are."""
    times = [value for _, value in _times(document)]
    late = [value for value in times if value > _EPOCH]
    if not late:
        return None
    base = math.floor(min(late))
    moved = document
    for path, value in list(_times(document)):
        if value > _EPOCH:
            moved = replaced(moved, path, round(value - base, 6))
    return moved


def _times(value: Any, path: Path = ()) -> Iterator[tuple[Path, float]]:
    if isinstance(value, dict | list | tuple):
        items = list(value.items() if isinstance(value, dict) else enumerate(value))
        if path and path[-1] == "call" and isinstance(value, list) and value[0] < 5:
            last = value[-1]
            if isinstance(last, float) and math.isfinite(last):
                yield (*path, len(value) - 1), last
            return
        for key, inner in items:
            if key in _TIMES and isinstance(inner, float) and math.isfinite(inner):
                yield (*path, key), inner
            else:
                yield from _times(inner, (*path, key))
