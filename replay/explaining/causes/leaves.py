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
    EVENT_FIELDS,
    EVENT_NAMES,
    RECORD_FIELDS,
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
        return self.kind == "?" or (self.root, self.records, self.name) in _OLD_NAMES


class Leaf(NamedTuple):
    """A value and where it stands. `value` is ABSENT for a field that is not there."""

    path: Path
    field: Field
    value: Any


GROUPS: Final[Mapping[str, str]] = {
    "scalar": "dibterDTm", "number": "diD", "real": "dD", "named": "dibteDT",
}  # fmt: skip
"""Kinds of values that readers treat alike, as a pattern may name them together."""


class Pattern(NamedTuple):
    """Fields that a statement is about; any part may be ANY, and the kind one of GROUPS."""

    root: str = ANY
    records: str = ANY
    name: str = ANY
    kind: str = ANY

    def has(self, field: Field) -> bool:
        """Whether a field is among them."""
        return (
            self.root in (ANY, field.root)
            and (self.records in (ANY, field.records) or self._is_of_any_event)
            and self.name in (ANY, field.name)
            and (self.kind in (ANY, field.kind) or field.kind in GROUPS.get(self.kind, ""))
        )

    @property
    def _is_of_any_event(self) -> bool:
        """Whether it names fields of events, whichever event has them."""
        return self.root == EVENT and not self.records

    @property
    def breadth(self) -> int:
        """How much is left open: the wider pattern has more."""
        if self._is_of_any_event:
            return self._replace(records=OF_ONE).breadth + 1
        weights = zip(self[:3], (32, 16, 8), strict=True)
        kind = len("dibterDTmlo?") if self.kind == ANY else len(GROUPS.get(self.kind, "."))
        return 2 * sum(weight for part, weight in weights if part == ANY) + kind

    def says(self) -> str:
        """In words: `state.orders[].price`, "every int of the state"."""
        if self.root == EVENT and self.records not in (ANY, ""):
            what = "a field" if self.name == ANY else self.name or "all"
            return f"{what} of a {self.records}"
        if ANY not in (self.root, self.name) and self.records != ANY:
            return dotted(self.root, self.records, self.name)
        kind = _KINDS.get(self.kind, "field") if self.kind != ANY else "field"
        what = f"every {kind}"
        if self.name == "":
            what = "every value that stands alone"
        elif self.name != ANY:
            what = f"{self.name} everywhere" if self.root == ANY else f"every {self.name}"
        where = "" if self.root == ANY else f" of {self.root}"
        if self.records not in (ANY, ""):
            where = f" of {self.root}.{self.records}[]"
        return what + where


def dotted(root: str, records: str, name: str) -> str:
    """A field as text."""
    parts = [root, f"{records}[]" if records else "", name]
    return ".".join(part for part in parts if part)


_KINDS: Final[Mapping[str, str]] = {
    "d": "double", "i": "int", "b": "flag", "t": "text", "e": "side, role and trade", "m": "mode",
    "r": "regime", "D": "double that may be null", "T": "text that may be null", "l": "list",
    "o": "record", "?": "unknown field", "scalar": "value", "number": "number",
    "real": "double", "named": "number, flag and text",
}  # fmt: skip

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
    return EVENT_FIELDS.get(CallCode(call), ()) if call >= 0 else ()


def _event_kind(name: str) -> str:
    if name in _INTS:
        return "i"
    if name == "regime_at_entry":
        return "r"
    return _SPECIAL.get(name, "t" if name == "txid" else "d")


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
    elif isinstance(event, Mapping) and (
        not isinstance(call, tuple) or event != event_document(call)
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


_OPEN: Final = ((), (0,), (2,), (1, 2), (0, 1), (0, 1, 2))
"""Which parts of a pattern, but for the kind, are left open."""


@cache
def patterns_of(field: Field) -> tuple[Pattern, ...]:
    """The patterns that a field of a document belongs to and that make sense, the widest first. Of
    those that say the same of all documents one, and the field itself where it is the only one."""
    apart: dict[frozenset[Field], Pattern] = {}
    known = (*_known_fields(), field)
    own = Pattern(*field)
    if field.root == EVENT:
        # Where only one kind of event has it, that need not be said.
        of_any = own._replace(records="")
        own = of_any if len({one for one in known if of_any.has(one)}) == 1 else own
    for pattern in all_patterns_of(field):
        same = frozenset(one for one in known if pattern.has(one))
        apart.setdefault(same, pattern if len(same) > 1 else own)
    return tuple(sorted(apart.values(), key=lambda pattern: (-pattern.breadth, pattern)))


@cache
def _known_fields() -> tuple[Field, ...]:
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


@cache
def all_patterns_of(field: Field) -> tuple[Pattern, ...]:
    """The patterns that a field belongs to, the widest first."""
    groups = [name for name, kinds in GROUPS.items() if field.kind in kinds]
    found = [Pattern(*field)]
    if field.root == EVENT and field.records:
        # Fields of one kind of event; beyond that, they are those of all events.
        field = field._replace(records="")
        found.append(Pattern(*field))
    for open_parts in _OPEN[1:]:
        parts = [ANY if n in open_parts else part for n, part in enumerate(field[:3])]
        kinds = (field.kind, *groups, ANY) if 2 in open_parts else (field.kind, ANY)
        root, records, name = parts
        found += [Pattern(root, records, name, kind) for kind in kinds]
    return tuple(sorted(found, key=lambda pattern: (-pattern.breadth, pattern)))


__all__ = [
    "ABSENT", "ANY", "Document", "Documents", "Field", "Leaf", "Path", "Pattern", "all_patterns_of",
    "changed", "default_of", "distinct", "documents_of", "fields_of", "leaves_of", "patterns_of",
    "start_and_call",
]  # fmt: skip
