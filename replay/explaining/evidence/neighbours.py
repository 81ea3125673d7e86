"""Cases a step to the side of known ones: where rival explanations of a bug come apart.

A neighbour has one thing or a few changed: a number moved by its last bit, to a boundary or to
another number of the case; a record doubled, lost, turned or in another place; trades swapped;
another event, at a threshold of the same state. They are made in two rows, both the same for the
same cases: all single changes of one case, and an endless mixture.

Settings and fields that a case leaves out are written out first, so that they can be varied, too.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from replay.core import CoreError, config_from_dict, config_to_dict, from_dict, to_dict
from replay.differential.minimising.shrinkers import (
    CaseDocument,
    Path,
    at,
    case_document,
    case_stream,
    replaced,
    scalars,
    without,
)
from replay.fuzzing.choices import Seeded
from replay.fuzzing.configs import edge_setting
from replay.fuzzing.damage import damage
from replay.fuzzing.edge import EdgeSource
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.fuzzing.value_pool import EDGE_DOUBLES, MODE_SOURCES, ODD_TEXTS, REGIMES, down, up
from replay.streams.model import ARGUMENTS, CallCode, Step, Stream

ORIGIN = "generated beside a case"

KEPT_CYCLES = 2
_HISTORY = ("state", "completed_cycles")
_RECORDS = ("orders", "recovery_orders")
_MOST_EQUALS = 12
"""Other numbers of the case that one number is set to."""

TEXTS: Mapping[str, tuple[Any, ...]] = {
    "side": ("buy", "sell"),
    "role": ("entry", "exit"),
    "trade_id": ("A", "B"),
    "txid": ("", "OTX1"),
    "mode_source": MODE_SOURCES,
    "last_refresh_direction_a": ("up", "down", None),
    "last_refresh_direction_b": ("up", "down", None),
    "reason": ("stale", "s1_timeout", ""),
}
"""Texts that rules tell apart, by field."""

_NULLABLE: Mapping[str, tuple[Any, ...]] = {
    "s2_entered_at": (0.0, 1.0),
    "last_price_update_at": (0.0, 1.0),
    "regime_at_entry": (0, 1, 2),
    "last_refresh_direction_a": ("up", "down"),
    "last_refresh_direction_b": ("up", "down"),
    "entry_pct_a": (0.3, 0.0),
    "entry_pct_b": (0.3, 0.0),
}


def written_out(case: Stream) -> CaseDocument:
    """The case as a document in which a state and a config that can be read have all their
    fields; of the history, which only ever grows, the last records."""
    document = case_document(case)
    with suppress(CoreError):
        document["state"] = state = to_dict(from_dict(document["state"]))
        state["completed_cycles"] = state["completed_cycles"][-KEPT_CYCLES:]
    with suppress(CoreError):
        document["config"] = config_to_dict(config_from_dict(document["config"]))
    return document


def as_written_out(case: Stream) -> Stream:
    """The case itself in that form."""
    return _stream(written_out(case), case)


# --- One change each --------------------------------------------------------------------------


def single_changes(case: Stream) -> Iterator[Stream]:
    """Every neighbour of a case that one change leads to: those to numbers and texts first."""
    document = written_out(case)
    for path in _varied(document):
        for value in _others(document, path):
            yield _stream(replaced(document, path, value), case)
    yield _stream(swapped(document), case)
    state = document["state"]
    for name in _RECORDS:
        records = state.get(name) if isinstance(state, dict) else None
        if isinstance(records, list):
            for changed in rearranged(records):
                yield _stream(replaced(document, ("state", name), changed), case)


def _varied(document: CaseDocument) -> Iterator[Path]:
    """The scalars worth varying, nulls included: what happens first, then the state, then the
    settings."""
    order = {"steps": 0, "state": 1, "config": 2}
    paths = [path for path in [*scalars(document), *_nulls(document)] if path[:2] != _HISTORY]
    return iter(sorted(paths, key=lambda path: order.get(str(path[0]), 3)))


def _nulls(document: Any, path: Path = ()) -> Iterator[Path]:
    """The nulls and flags, which are no numbers to a minimiser."""
    if isinstance(document, dict | list | tuple):
        items = document.items() if isinstance(document, dict) else enumerate(document)
        for key, inner in items:
            yield from _nulls(inner, (*path, key))
    elif document is None or isinstance(document, bool):
        yield path


def _name(document: CaseDocument, path: Path) -> str:
    """The field that a path leads to."""
    if len(path) >= 4 and path[2] == "call" and isinstance(path[3], int):
        call = at(document, path[:3])
        names = ARGUMENTS.get(CallCode(call[0]), ()) if isinstance(call, list) else ()
        return names[path[3] - 1] if path[3] <= len(names) else ""
    return str(path[-1])


def _others(document: CaseDocument, path: Path) -> Iterator[Any]:
    """Other values for the scalar at a path, none twice."""
    value, name = at(document, path), _name(document, path)
    seen = {repr(value)}
    for other in itertools.chain(_candidates(value, name), _equals(document, path, value)):
        if repr(other) not in seen:
            seen.add(repr(other))
            yield other


def _candidates(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif value is None:
        yield from _NULLABLE.get(name, ())
    elif isinstance(value, str):
        yield from TEXTS.get(name, ("", value.upper(), f" {value}"))
    elif isinstance(value, int):
        yield from (value + 1, value - 1, 0, 1, 2, -value)
    elif not math.isfinite(value):
        yield from (0.0, 1.0, -value)
    else:
        yield from (up(value), down(value), value + 1e-6, value - 1e-6, value * 2.0, value / 2.0)
        yield from (0.0, -value, value + 1.0, value - 1.0, value * 1.01, value * 0.99, 1.0, 100.0)
    if value is not None and name in _NULLABLE:
        yield None


def _equals(document: CaseDocument, path: Path, value: Any) -> list[Any]:
    """Other numbers of the case that are of the same type and about as great."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    others = [
        other
        for other in (at(document, one) for one in scalars(document))
        if type(other) is type(value) and other != value and _is_near(other, value)
    ]
    others.sort(key=lambda other: abs(other - value))
    return list(dict.fromkeys(others))[:_MOST_EQUALS]


def _is_near(one: float, other: float) -> bool:
    small, great = sorted((abs(one), abs(other)))
    # An int may be beyond the doubles: it is multiplied as an int.
    return great <= 10_000 * max(small, 1e-9) or great <= 10.0


def rearranged(records: Sequence[Any]) -> Iterator[list[Any]]:
    """A list of records with one of them lost, doubled or turned, or in another order."""
    for place, record in enumerate(records):
        yield [*records[:place], *records[place + 1 :]]
        yield [*records[: place + 1], *records[place:]]
        if isinstance(record, dict):
            key = "recovery_id" if "recovery_id" in record else "local_id"
            yield [*records, {**record, key: 1 + max(_ids(records, key), default=0)}]
            turned = {"buy": "sell", "sell": "buy"}
            other = {**record, "side": turned.get(str(record.get("side")), "buy")}
            yield [*records[:place], other, *records[place + 1 :]]
    if len(records) > 1:
        yield list(reversed(records))


def _ids(records: Sequence[Any], key: str) -> list[int]:
    ids = [record.get(key) for record in records if isinstance(record, dict)]
    return [one for one in ids if type(one) is int and one < 2**62]


_SWAPPED_TEXTS = {"A": "B", "B": "A", "buy": "sell", "sell": "buy"}
_SWAPPED_NAMES = {"long_only": "short_only", "short_only": "long_only", **_SWAPPED_TEXTS}


def swapped(document: Any) -> Any:
    """The case with trade A for B and buying for selling: what stands for one trade must stand for
    the other, too."""
    if isinstance(document, dict):
        return {_swapped_name(key): swapped(inner) for key, inner in document.items()}
    if isinstance(document, list | tuple):
        return [swapped(inner) for inner in document]
    return _SWAPPED_TEXTS.get(document, document) if isinstance(document, str) else document


def _swapped_name(name: str) -> str:
    if name.endswith(("_a", "_b")):
        return name[:-1] + ("b" if name.endswith("_a") else "a")
    return _SWAPPED_NAMES.get(name, name)


# --- Mixed changes ----------------------------------------------------------------------------


def mixed_changes(cases: Sequence[Stream], seed: int, *, unreadable: bool) -> Iterator[Stream]:
    """An endless row of neighbours of several cases (and of the first with the trades swapped),
    each with one to four changes.

    With `unreadable`, for bugs in how documents are read, many are damaged as documents; the
    others are nearly all readable.
    """
    choices = Seeded(Random(seed))
    whole = [written_out(case) for case in cases]
    raw = [case_document(case) for case in cases]
    whole.append(swapped(whole[0]))
    raw.append(swapped(raw[0]))
    for number in itertools.count():
        place = number % len(whole)
        case = cases[place % len(cases)]
        as_it_came = unreadable and choices.chance(50)
        document = raw[place] if as_it_came else whole[place]
        if choices.chance(25):
            stream = _elsewhere(choices, document, case, number)
            if stream is not None:
                yield stream
                continue
        for _ in range(choices.pick((1, 1, 2, 2, 3, 4))):
            document = choices.pick(_CHANGES)(choices, document)
        if choices.chance(60 if unreadable else 3):
            name = choices.pick(("state", "state", "config", "order_sizes", "order_size_usd"))
            document = {**document, name: damage(choices, document[name])}
        yield _stream(document, case)


def _elsewhere(choices: Seeded, document: CaseDocument, case: Stream, number: int) -> Stream | None:
    """Another step, mostly at a threshold, from the state that a case starts from; None where it
    has no state that could be read."""
    config = document["config"]
    try:
        state = from_dict(document["state"])
        config_from_dict(config)
    except CoreError:
        return None
    plan = plan_of_seed(Profile.EDGE, number)
    sizes = (document["order_size_usd"], document["order_sizes"])
    source = EdgeSource(plan, config, sizes, state.now)
    try:
        step = choices.pick(source.odd_steps(state, 3))
    except (ArithmeticError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        # A source makes up steps for states that it made up itself; these are all sorts.
        return None
    last = Step(step.call, step.changes, case.steps[-1].line)
    return Stream(case_stream(document, case).start, (*case.steps[:-1], last), ORIGIN)


def _one_value(choices: Seeded, document: CaseDocument) -> CaseDocument:
    """Another value for any scalar."""
    paths = list(_varied(document))
    if not paths:
        return document
    path = choices.pick(paths)
    others = list(_others(document, path))
    if not others:
        return document
    changed: CaseDocument = replaced(document, path, choices.pick(others))
    return changed


def _extreme_value(choices: Seeded, document: CaseDocument) -> CaseDocument:
    """An extreme value, or an odd text, for any scalar."""
    paths = list(scalars(document))
    if not paths:
        return document
    path = choices.pick(paths)
    value, name = at(document, path), _name(document, path)
    other: Any = value
    if name == "regime_at_entry":
        other = choices.pick(REGIMES)
    elif isinstance(value, str) and name not in ("side", "role", "trade_id"):
        other = choices.pick(ODD_TEXTS)
    elif isinstance(value, float):
        other = choices.pick(EDGE_DOUBLES)
    changed: CaseDocument = replaced(document, path, other)
    return changed


def _setting(choices: Seeded, document: CaseDocument) -> CaseDocument:
    """Another value for a setting."""
    config = document["config"]
    if not isinstance(config, dict) or not config:
        return document
    name = choices.pick(tuple(config))
    changed: CaseDocument = replaced(document, ("config", name), edge_setting(choices, name))
    return changed


def _records(choices: Seeded, document: CaseDocument) -> CaseDocument:
    """One list of records rearranged."""
    name = choices.pick(_RECORDS)
    state = document["state"]
    records = state.get(name) if isinstance(state, dict) else None
    if not isinstance(records, list) or not records:
        return document
    other = choices.pick(list(rearranged(records)))
    changed: CaseDocument = replaced(document, ("state", name), other)
    return changed


def _other_trade(choices: Seeded, document: CaseDocument) -> CaseDocument:
    changed: CaseDocument = swapped(document)
    return changed


def _at_another_scale(choices: Seeded, document: CaseDocument) -> CaseDocument:
    """All prices and sizes so many times as great: what is relative stays, a constant shows."""
    factor = choices.pick((10.0, 100.0, 1000.0, 0.1, 0.01))
    scaled: CaseDocument = document
    for path in scalars(document):
        value, name = at(document, path), _name(document, path)
        if isinstance(value, float) and (name.endswith("price") or name in _SIZES):
            scaled = replaced(scaled, path, value * factor)
    return scaled


_SIZES = ("order_size_usd", "A", "B", "min_cost_usd", "fee", "entry_fee")


def _fewer_settings(choices: Seeded, document: CaseDocument) -> CaseDocument:
    """A setting at its default."""
    config = document["config"]
    if not isinstance(config, dict) or not config:
        return document
    changed: CaseDocument = without(document, ("config",), [choices.pick(tuple(config))])
    return changed


_CHANGES: tuple[Callable[[Seeded, CaseDocument], CaseDocument], ...] = (
    _one_value, _one_value, _one_value, _one_value, _one_value, _setting, _setting, _records,
    _records, _other_trade, _at_another_scale, _extreme_value, _fewer_settings,
)  # fmt: skip


def _stream(document: CaseDocument, like: Stream) -> Stream:
    stream = case_stream(document, like)
    return Stream(stream.start, stream.steps, ORIGIN)
