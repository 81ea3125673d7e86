"""The documents of a step taken apart into leaves: what a reading or a condition speaks about.

A leaf is a value (or a missing one) with the field that it belongs to. A *pattern* names fields,
from a single one to all: by the document, the list that the record stands in, the name, and the
kind of value that the contract has there; "*" stands for any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple, get_type_hints

from replay.core.records import (
    CycleRecord,
    EngineConfig,
    OrderState,
    PairState,
    RecoveryOrder,
)
from replay.streams.model import (
    ARGUMENTS,
    EVENT_FIELDS,
    EVENT_NAMES,
    HELPER_FIELDS,
    RECORD_FIELDS,
    SETTING_HELPERS,
    STATE_FIELDS,
    Call,
    CallCode,
    Document,
    Start,
    Stream,
    event_document,
)
from replay.targets.compact import RECORD_KINDS, STATE_KINDS

Path = tuple[str | int, ...]
Documents = dict[str, Any]
"""`state`, `config`, `order_size_usd`, `order_sizes` and `event`, as far as a call has them."""

ANY: Final = "*"
EVENT: Final = "event"
OF_ONE: Final = "?"
"""Stands for the kind of an event where it only matters that there is one."""


class Absent:
    """Stands for a value that is not there."""

    def __repr__(self) -> str:
        return "(missing)"


ABSENT: Final = Absent()


class Field(NamedTuple):
    """Where a value belongs: the document, the list of records ("" at the top; of an event the kind
    of it, "" where that is not known), the name, and the
    kind of value: "d" double, "i" int, "b" flag, "t" text, "e" one of a few texts, "m" the mode,
    "r" a regime, "D" and "T" double and text that may be null, "l" a list, "o" an entry of one or a
    whole document, "?" what the contract does not name."""

    root: str
    records: str
    name: str
    kind: str

    @property
    def is_unknown(self) -> bool:
        """Whether the contract's records have no such field: it is an old name, or none."""
        return self.kind == UNKNOWN or (self.root, self.records, self.name) in _OLD_NAMES


class Leaf(NamedTuple):
    """A value and where it stands. `value` is ABSENT for a field that is not there."""

    path: Path
    field: Field
    value: Any


UNKNOWN: Final = "?"
"""The kind of a field that the contract does not name."""

_SPECIAL: Final = {"side": "e", "role": "e", "trade_id": "e", "mode_source": "m"}
_INTS: Final = ("order_local_id", "recovery_id", "local_id")


_OLD_NAMES: Final = {("state", "", "profit_pct"): "d"}
"""What old snapshots call a field."""

_NEW_NAMES: Final = {"profit_pct": "profit_pct_runtime"}
"""What such a field of the state is called now."""

_RECORDS: Final[Mapping[tuple[str, str], Any]] = {
    ("state", ""): PairState,
    ("state", "orders"): OrderState,
    ("state", "recovery_orders"): RecoveryOrder,
    ("state", "completed_cycles"): CycleRecord,
    ("config", ""): EngineConfig,
}


@cache
def default_of(field: Field) -> Any:
    """The contract's default of a field, ABSENT where it has none."""
    record = _RECORDS.get((field.root, field.records))
    if record is None:
        return ABSENT
    defaults = {one.name: one.default for one in fields(record)}
    name = _NEW_NAMES.get(field.name, field.name) if field.is_unknown else field.name
    default = defaults.get(name, MISSING)
    return ABSENT if default is MISSING else default


@cache
def fields_of(root: str, records: str, call: int = -1) -> Mapping[str, str]:
    """The kinds of all fields that the contract has there, by name."""
    if root == "state":
        if not records:
            kinds = STATE_KINDS.replace(".", "l")
            return {n: _kind(n, k) for n, k in zip(STATE_FIELDS, kinds, strict=True)}
        index = STATE_FIELDS.index(records)
        pairs = zip(RECORD_FIELDS[index], RECORD_KINDS[index], strict=True)
        return {name: _kind(name, kind) for name, kind in pairs}
    if root == "config":
        kinds_by_type = {float: "d", int: "i", bool: "b"}
        hints = get_type_hints(EngineConfig)
        return {name: kinds_by_type.get(hint, "D") for name, hint in hints.items()}
    if root == "order_sizes":
        return {"A": "d", "B": "d"}
    if root == "event":
        return {name: _event_kind(name) for name in _event_names(call)}
    return {}


def _kind(name: str, kind: str) -> str:
    return _SPECIAL.get(name, "r" if kind == "I" else kind)


def _event_names(call: int) -> tuple[str, ...]:
    if call == CallCode.APPLY_REGIME:
        return ("local_id", "regime_at_entry")
    return ARGUMENTS.get(CallCode(call), ()) if call >= 0 else ()


def _event_kind(name: str) -> str:
    if name in _INTS:
        return "i"
    if name == "regime_at_entry":
        return "r"
    if name.startswith("allow_"):
        return "b"
    return _SPECIAL.get(name, "t" if name in ("txid", "reason") else "d")


# --- Taking apart and putting together --------------------------------------------------------


def documents_of(stream: Stream) -> Documents:
    """The documents that the one step of a stream has to read."""
    call = stream.steps[0].call
    documents: Documents = {"state": stream.start.state}
    if isinstance(call, tuple) and call[0] == CallCode.CHECK_INVARIANTS:
        return documents
    if isinstance(call, tuple) and call[0] == CallCode.APPLY_REGIME:
        documents["event"] = {"local_id": call[1], "regime_at_entry": call[2]}
        return documents
    start = stream.start._asdict()
    if isinstance(call, tuple) and call[0] in HELPER_FIELDS:
        if call[0] in SETTING_HELPERS:
            documents |= {name: start[name] for name in ("config", "order_size_usd")}
        documents["event"] = dict(zip(_event_names(call[0]), call[1:], strict=True))
        return documents
    documents |= {name: start[name] for name in ("config", "order_size_usd", "order_sizes")}
    documents["event"] = event_document(call)
    return documents


def start_and_call(stream: Stream, documents: Documents) -> tuple[Start, Call]:
    """The start and the call that changed documents stand for."""
    start, call = stream.start, stream.steps[0].call
    parts = {name: documents.get(name, getattr(start, name)) for name in start._fields}
    event = documents.get("event")
    if isinstance(call, tuple) and call[0] == CallCode.APPLY_REGIME:
        if isinstance(event, Mapping):
            call = (call[0], event.get("local_id"), event.get("regime_at_entry"))
    elif isinstance(call, tuple) and call[0] in HELPER_FIELDS:
        if isinstance(event, Mapping):
            call = (call[0], *(event.get(name) for name in _event_names(call[0])))
    elif isinstance(event, Mapping) and (
        not isinstance(call, tuple) or repr(event) != repr(event_document(call))
    ):
        call = event
    return Start(**parts), call


def leaves_of(stream: Stream, only: str = ANY) -> tuple[Leaf, ...]:
    """All leaves of the documents of a step, or of one document, the missing ones after those that
    are there."""
    call: Any = stream.steps[0].call
    documents = documents_of(stream)
    code = int(call[0]) if isinstance(call, tuple) else _code_of(documents.get("event"))
    found: list[Leaf] = []
    missing: list[Leaf] = []
    for root, document in documents.items():
        if only not in (ANY, root):
            continue
        if root == "order_size_usd":
            found.append(Leaf((root,), Field(root, "", "", "d"), document))
        elif root == "order_sizes" and document is None:
            continue
        else:
            event = EVENT_NAMES.get(CallCode(code), "") if root == EVENT and code >= 0 else ""
            _record((root,), Field(root, event, "", "o"), document, code, found, missing)
    return (*found, *missing)


def distinct(leaves: Sequence[Leaf]) -> list[Leaf]:
    """One leaf for each field and value."""
    seen = {(leaf.field, repr(leaf.value)): leaf for leaf in reversed(leaves)}
    return list(reversed(seen.values()))


_BY_FIELDS: Final = (
    CallCode.FILL, CallCode.RECOVERY_FILL, CallCode.RECOVERY_CANCEL, CallCode.PRICE_TICK,
    CallCode.TIMER_TICK,
)  # fmt: skip


def _code_of(event: Any) -> int:
    """The kind of an event that holds what no core can read: the first of which it has the
    fields, as the contract tells them apart."""
    if not isinstance(event, Mapping):
        return -1
    kinds = (code for code in _BY_FIELDS if all(name in event for name in EVENT_FIELDS[code]))
    return int(next(kinds, -1))


@lru_cache(1 << 12)
def _field(root: str, records: str, name: str, kind: str) -> Field:
    """The one field of that name: steps by the thousand have millions of leaves."""
    return Field(root, records, name, kind)


@lru_cache(1 << 16)
def _below(path: Path, name: str) -> Path:
    """The one path to a name in a document."""
    return (*path, name)


def _record(
    path: Path, own: Field, document: Any, code: int, found: list[Leaf], missing: list[Leaf]
) -> None:
    found.append(Leaf(path, own, document))
    if not isinstance(document, Mapping):
        return
    root, records = own.root, own.records
    known = fields_of(root, records, code)
    for name, value in document.items():
        kind = _OLD_NAMES.get((root, records, name)) or known.get(name, "?")
        field = _field(root, records, name, kind)
        found.append(Leaf(_below(path, name), field, value))
        if field.kind == "l" and isinstance(value, list | tuple):
            entry_of = Field(root, name, "", "o")
            for place, entry in enumerate(value):
                _record((*path, name, place), entry_of, entry, code, found, missing)
    if records == "completed_cycles":
        return  # old records, of which only what is there can matter
    missing += [
        Leaf(_below(path, name), _field(root, records, name, kind), ABSENT)
        for name, kind in known.items()
        if name not in document
    ]


def changed(documents: Documents, changes: Mapping[Path, Any]) -> Documents:
    """Copies of documents with other values at some paths; ABSENT takes the field, or the entry of
    a list, away."""
    result: Any = documents
    # From the back, so that entries taken out of a list move none that is still to be changed.
    for path in sorted(changes, key=lambda path: tuple(map(_sortable, path)), reverse=True):
        result = _with(result, path, changes[path])
    copy: Documents = result
    return copy


def _sortable(part: str | int) -> tuple[int, str]:
    return (part, "") if isinstance(part, int) else (-1, part)


def _with(document: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    copy: Any = dict(document) if isinstance(document, Mapping) else list(document)
    head = path[0]
    if len(path) == 1 and value is ABSENT:
        del copy[head]
    else:
        inner = copy[head] if not isinstance(copy, dict) or head in copy else None
        copy[head] = _with(inner, path[1:], value)
    return copy


@cache
def known_fields() -> tuple[Field, ...]:
    """All fields of documents, with one in each that the contract does not name."""
    found = {Field("order_size_usd", "", "", "d"): None}
    places = [("state", name) for name in ("", "orders", "recovery_orders", "completed_cycles")]
    places += [("config", ""), ("order_sizes", "")]
    calls = dict.fromkeys(places, -1)
    calls |= {(EVENT, EVENT_NAMES.get(call, "")): int(call) for call in CallCode}
    for (root, records), call in calls.items():
        found[Field(root, records, "", "o")] = None
        found[Field(root, records, "?", "?")] = None
        for name, kind in fields_of(root, records, call).items():
            found[Field(root, records, name, kind)] = None
    for (root, records, name), kind in _OLD_NAMES.items():
        found[Field(root, records, name, kind)] = None
    return tuple(found)


__all__ = [
    "ABSENT", "ANY", "EVENT", "UNKNOWN", "Document", "Documents", "Field", "Leaf", "Path",
    "changed", "default_of", "distinct", "documents_of", "fields_of", "known_fields", "leaves_of",
    "start_and_call",
]  # fmt: skip
