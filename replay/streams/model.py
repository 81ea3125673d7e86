"""Stream and Step: events with all that is needed to run them again on any core.

A stream is data as it came from outside. Its state, config and sizes are *documents* (JSON
values), readable or not, because a document that one core takes and the other refuses is a
finding too. Reading them is the cores' business (reducer.md, "Reading a state").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias

Document: TypeAlias = (
    "bool | int | float | str | Sequence[Document] | Mapping[str, Document] | None"
)

STATE_FIELDS: tuple[str, ...] = (
    "market_price", "now", "orders", "recovery_orders", "completed_cycles",
    "cycle_a", "cycle_b", "next_order_id", "next_recovery_id",
    "total_profit", "total_settled_usd", "total_fees", "today_realized_loss", "total_round_trips",
    "s2_entered_at", "last_price_update_at", "consecutive_losses_a", "consecutive_losses_b",
    "cooldown_until_a", "cooldown_until_b", "long_only", "short_only", "mode_source",
    "consecutive_refreshes_a", "consecutive_refreshes_b",
    "last_refresh_direction_a", "last_refresh_direction_b",
    "refresh_cooldown_until_a", "refresh_cooldown_until_b", "profit_pct_runtime",
)  # fmt: skip
"""The fields of PairState in the order they are serialised in; their places are the indices of
a delta (docs/replay-method.md)."""

ORDER_FIELDS: tuple[str, ...] = (
    "local_id", "side", "role", "price", "volume", "trade_id", "cycle", "txid", "placed_at",
    "entry_price", "entry_fee", "entry_filled_at", "regime_at_entry",
)  # fmt: skip
RECOVERY_FIELDS: tuple[str, ...] = (
    "recovery_id", "side", "price", "volume", "trade_id", "cycle", "entry_price", "orphaned_at",
    "entry_fee", "entry_filled_at", "txid", "reason", "regime_at_entry",
)  # fmt: skip
CYCLE_FIELDS: tuple[str, ...] = (
    "trade_id", "cycle", "entry_price", "exit_price", "volume", "gross_profit", "fees",
    "net_profit", "entry_fee", "exit_fee", "quote_fee", "settled_usd", "entry_time", "exit_time",
    "from_recovery", "regime_at_entry",
)  # fmt: skip

ORDERS, RECOVERIES, CYCLES = 2, 3, 4
"""Where the three lists of records stand in a compact state."""

RECORD_FIELDS: Mapping[int, tuple[str, ...]] = {
    ORDERS: ORDER_FIELDS,
    RECOVERIES: RECOVERY_FIELDS,
    CYCLES: CYCLE_FIELDS,
}


class CallCode(IntEnum):
    """What one step asks of a core (docs/replay-method.md, "call")."""

    PRICE_TICK = 0
    TIMER_TICK = 1
    FILL = 2
    RECOVERY_FILL = 3
    RECOVERY_CANCEL = 4
    APPLY_REGIME = 5
    CHECK_INVARIANTS = 6
    BOOTSTRAP = 7
    ADD_ENTRY = 8
    ORDER_TXID = 9
    RECOVERY_TXID = 10
    REMOVE_ORDER = 11
    REMOVE_RECOVERY = 12
    FIND_ORDER = 13
    DERIVE_PHASE = 14
    ORDER_VOLUME = 15
    TO_DICT = 16


EVENT_FIELDS: Mapping[CallCode, tuple[str, ...]] = {
    CallCode.PRICE_TICK: ("price", "timestamp"),
    CallCode.TIMER_TICK: ("timestamp",),
    CallCode.FILL: ("order_local_id", "txid", "side", "price", "volume", "fee", "timestamp"),
    CallCode.RECOVERY_FILL: ("recovery_id", "txid", "side", "price", "volume", "fee", "timestamp"),
    CallCode.RECOVERY_CANCEL: ("recovery_id", "txid", "timestamp"),
}

EVENT_NAMES: Mapping[CallCode, str] = {
    CallCode.PRICE_TICK: "PriceTick",
    CallCode.TIMER_TICK: "TimerTick",
    CallCode.FILL: "FillEvent",
    CallCode.RECOVERY_FILL: "RecoveryFillEvent",
    CallCode.RECOVERY_CANCEL: "RecoveryCancelEvent",
}

HELPER_FIELDS: Mapping[CallCode, tuple[str, ...]] = {
    CallCode.BOOTSTRAP: ("allow_long_only", "allow_short_only"),
    CallCode.ADD_ENTRY: ("side", "trade_id", "cycle", "reason"),
    CallCode.ORDER_TXID: ("local_id", "txid"),
    CallCode.RECOVERY_TXID: ("recovery_id", "txid"),
    CallCode.REMOVE_ORDER: ("local_id",),
    CallCode.REMOVE_RECOVERY: ("recovery_id",),
    CallCode.FIND_ORDER: ("local_id",),
    CallCode.DERIVE_PHASE: (),
    CallCode.ORDER_VOLUME: ("price",),
    CallCode.TO_DICT: (),
}
"""What a bot calls itself around the reducer (reducer.md, "Helpers around the reducer"), with the
arguments of its own; the state, the config and the size are those in force."""

ARGUMENTS: Mapping[CallCode, tuple[str, ...]] = {**EVENT_FIELDS, **HELPER_FIELDS}
"""The names of what a call is given beside the state and the settings: of events and of helpers."""

HELPER_NAMES: Mapping[CallCode, str] = {
    CallCode.BOOTSTRAP: "bootstrap_orders",
    CallCode.ADD_ENTRY: "add_entry_order",
    CallCode.ORDER_TXID: "apply_order_txid",
    CallCode.RECOVERY_TXID: "apply_recovery_txid",
    CallCode.REMOVE_ORDER: "remove_order",
    CallCode.REMOVE_RECOVERY: "remove_recovery",
    CallCode.FIND_ORDER: "find_order",
    CallCode.DERIVE_PHASE: "derive_phase",
    CallCode.ORDER_VOLUME: "compute_order_volume",
    CallCode.TO_DICT: "to_dict",
}

SETTING_HELPERS = frozenset({CallCode.BOOTSTRAP, CallCode.ADD_ENTRY, CallCode.ORDER_VOLUME})
"""Those that go by the config and the size."""

VALUE_HELPERS = frozenset(
    {CallCode.FIND_ORDER, CallCode.DERIVE_PHASE, CallCode.ORDER_VOLUME, CallCode.TO_DICT}
)
"""Those that answer a value and leave the state alone: texts of it stand in the outcome in the
place of violations."""

CALL_NAMES: Mapping[CallCode, str] = {
    **EVENT_NAMES,
    CallCode.APPLY_REGIME: "apply_order_regime_at_entry",
    CallCode.CHECK_INVARIANTS: "check_invariants",
    **HELPER_NAMES,
}

CHANGE_KEYS: tuple[str, ...] = ("state", "patch", "config", "order_size_usd", "order_sizes")

Call: TypeAlias = "tuple[Any, ...] | Mapping[str, Document]"
"""An array call `(code, *fields)`, or a map: an event document told apart by its fields."""


class Step(NamedTuple):
    """One call, and what was set from outside just before it.

    `changes` has any of CHANGE_KEYS. `line` is the line of the file that it came from, counted
    from 1; 0 where it came from no file.
    """

    call: Call
    changes: Mapping[str, Document] | None = None
    line: int = 0


class Start(NamedTuple):
    """Where a stream begins: four documents, readable or not."""

    state: Document
    config: Document
    order_size_usd: Document
    order_sizes: Document = None


@dataclass(frozen=True, slots=True)
class Stream:
    """A whole stream in memory: for generated streams, corpus streams and cases.

    `origin` says where it came from ("events_48h.jsonl.gz slot 0", "fuzz live seed 7 #12").
    """

    start: Start
    steps: tuple[Step, ...]
    origin: str = ""


class Segment(NamedTuple):
    """A piece of a stream that is too long to hold: at most a few hundred steps.

    `key` names the stream within its reader. The first segment of a key has the `start`;
    `last` is true on the key's last one.
    """

    key: int
    start: Start | None
    steps: Sequence[Step]
    last: bool
    origin: str


class Rejected(NamedTuple):
    """A line (or whole file, line 0) that cannot be used, and why."""

    file: str
    line: int
    reason: str


class Lost(Rejected):
    """A place where a file was cut off, damaged or could not be read on: nobody knows how many
    lines were there, so whatever agrees beside it may not be all. A line that is there and cannot
    be used is a Rejected alone, and so is the last one of a plain file that is being written."""

    __slots__ = ()


class RecordedCores(NamedTuple):
    """The SHA-256 of both cores that ran while a journal was written, "" where it is not told."""

    authority: str
    shadow: str


class Unread(NamedTuple):
    """Something that was given and is not read. `is_doubtful` where it may be a log of the kind
    that is wanted, so that what was read may not be all; `is_partial` where a part of it was
    read."""

    file: str
    reason: str
    is_doubtful: bool
    is_partial: bool = False


def segments_of(stream: Stream, key: int, size: int = 256) -> Iterator[Segment]:
    """Cuts a stream that is in memory into segments of at most `size` steps."""
    total = len(stream.steps)
    for begin in range(0, max(total, 1), size):
        yield Segment(
            key,
            stream.start if begin == 0 else None,
            stream.steps[begin : begin + size],
            begin + size >= total,
            stream.origin,
        )


Readable: TypeAlias = "Iterable[Segment | Rejected]"


def call_name(call: Call) -> str:
    """The event's class name or the method, for people and for signatures.

    An event document is told apart by its fields (protocol.md, part 1); one that fits no kind is
    called "unknown event".
    """
    if isinstance(call, Mapping):
        code = code_of_document(call)
        return "unknown event" if code is None else EVENT_NAMES[code]
    return CALL_NAMES[CallCode(call[0])]


_TOLD_APART = (
    CallCode.FILL,
    CallCode.RECOVERY_FILL,
    CallCode.RECOVERY_CANCEL,
    CallCode.PRICE_TICK,
    CallCode.TIMER_TICK,
)


def code_of_document(event: Mapping[str, Document]) -> CallCode | None:
    """The kind of an event document, or None where it fits none (protocol.md, part 1)."""
    for code in _TOLD_APART:
        if all(field in event for field in EVENT_FIELDS[code]):
            return code
    return None


def event_document(call: Call) -> Mapping[str, Document]:
    """The event as the wire's part 1 has it: its fields by name. Only for transitions."""
    if isinstance(call, Mapping):
        return call
    return dict(zip(EVENT_FIELDS[CallCode(call[0])], call[1:], strict=True))
