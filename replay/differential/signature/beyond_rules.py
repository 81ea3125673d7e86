"""The signature of what no rule computes: fields that were only read, inputs that were refused,
violations. It is the same whatever the event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from replay.differential.compare import equal
from replay.differential.model import Difference, DifferenceKind, Signature
from replay.differential.signature.moment import BOOK, Moment
from replay.differential.signature.roots import erased, place_in
from replay.streams.model import CYCLES, ORDERS, RECORD_FIELDS, RECOVERIES, CallCode
from replay.targets.compact import INDEX_OF, RECORD_KINDS, STATE_KINDS

_ANY_EVENT: Final = "any event"
_READING: Final = "reading a state"
_LISTS: Final = {"orders": ORDERS, "recovery_orders": RECOVERIES, "completed_cycles": CYCLES}
_MARK: Final = frozenset({"s2_entered_at"})
_ORDERED: Final = frozenset({"orders", "next_order_id"})
_BOOKED: Final = frozenset(
    {
        *("completed_cycles", "total_profit", "total_settled_usd", "total_fees"),
        *("today_realized_loss", "total_round_trips", "consecutive_losses_*"),
    }
)
_COOLED: Final = frozenset({"cooldown_until_*", "cycle_*"})
_ORPHANED: Final = _MARK | _ORDERED | _COOLED | {"recovery_orders", "next_recovery_id"}
_TOUCHED: Final[Mapping[str, frozenset[str]]] = {
    "refresh": _ORDERED
    | {"consecutive_refreshes_*", "last_refresh_direction_*", "refresh_cooldown_until_*"},
    "no exits": _MARK,
    "S1 time-out": _MARK,
    "S2 time-out": _MARK,
    "entry fill": _MARK | _ORDERED | {"total_fees"},
    "exit fill": _MARK | _ORDERED | _BOOKED | _COOLED,
    "recovery fill": _MARK | _BOOKED | {"cooldown_until_*", "recovery_orders"},
    "recovery cancel": _MARK | {"recovery_orders"},
    "unknown order": frozenset(),
    "unknown recovery": _MARK,
    "": frozenset({"orders"}),
}
"""The fields of the state that the rule at work may change; a time-out only does so where an exit
is orphaned, and books only what it evicts."""

_REGIMES: Final = frozenset({"BEARISH", "RANGING", "BULLISH", "0", "1", "2"})
_PRICED: Final = frozenset({"now", "market_price", "last_price_update_at"})


def is_of_event(moment: Moment, field: str) -> bool:
    """Whether a field is one that the event sets by itself, whatever rule is at work."""
    name = field.removeprefix("state.")
    if moment.code in (None, CallCode.APPLY_REGIME, CallCode.CHECK_INVARIANTS):
        return False
    return name in _PRICED and (name == "now" or moment.code is CallCode.PRICE_TICK)


def is_left_alone(moment: Moment, rule: str, root: Difference) -> bool:
    """Whether what differs is nothing that the rule at work could have changed."""
    name = erased(root.path).removeprefix("state.")
    top = name.partition("[")[0]
    touched = _TOUCHED.get(rule, frozenset())
    if rule.endswith("time-out") and any(side.actions for side in moment.sides):
        books = any(side.emitted(BOOK) for side in moment.sides)
        touched = _ORPHANED | _BOOKED if books else _ORPHANED
    if top not in touched:
        return name != erased(root.path)
    place = place_in(root.path)
    if top not in _LISTS or place is None or moment.code is CallCode.APPLY_REGIME:
        return False
    former = moment.before[_LISTS[top]]
    if top == "completed_cycles":
        return place < len(former)
    ours = moment.authority[top]
    if "." in name:
        return any(equal(record, ours[place]) for record in former)
    # A whole record. The authority left the list alone: then the shadow has not read it.
    kept = [record[0] for record in ours] == [record[0] for record in former]
    return kept and root.kind is DifferenceKind.MISSING


def read_signature(field: str) -> Signature:
    """The signature of a field that was read wrongly, or changed by a rule that leaves it alone.
    Regimes and lists are read in one way, wherever they stand."""
    if field.endswith(".regime_at_entry"):
        field = "regime_at_entry"
    elif field.endswith("[]"):
        field = "entries of a list"
    return Signature(_ANY_EVENT, _READING, field, "value")


def is_read_from_text(regime: object) -> bool:
    """Whether a regime is given as a text that means one only once it is trimmed and put in upper
    case."""
    if not isinstance(regime, str):
        return False
    return regime not in _REGIMES and regime.strip().upper() in _REGIMES


# --- Refusals ---------------------------------------------------------------------------------

_KIND_NAMES: Final = {"d": "double", "i": "int", "b": "bool", "t": "text"}
_CHOICES: Final = ("side", "role", "trade_id")


def unreadable(refusal: str) -> str:
    """A refusal without what depends on the document at hand. Of a state's field only the kind is
    kept: one reader reads all fields of a kind."""
    kind, _, path = refusal.partition(" ")
    if kind != "unreadable":
        return kind
    top = re.split(r"[.\[]", path, maxsplit=1)[0]
    name = path.rpartition(".")[2]
    if top == "profit_pct":
        what = "double"
    elif top not in INDEX_OF:
        what = erased(path)
    elif name in _CHOICES:
        what = "choice"
    elif "." in path:
        index = INDEX_OF[top]
        what = _KIND_NAMES[RECORD_KINDS[index][RECORD_FIELDS[index].index(name)].lower()]
    else:
        what = top if top in _LISTS else _KIND_NAMES[STATE_KINDS[INDEX_OF[top]].lower()]
    return f"unreadable {what}"


def refusal_signature(root: Difference, event: str, rule: str) -> Signature:
    """The signature of a refusal by one core, or of two that do not say the same."""
    sides = (("authority", root.authority), ("shadow", root.shadow))
    texts = [f"{side}: {unreadable(text)}" for side, text in sides if isinstance(text, str)]
    field = f"refusal {', '.join(texts)}"
    if "unreadable" in field:
        return Signature(_ANY_EVENT, _READING, field, "refusal")
    if "arithmetic" in field:
        return Signature(_ANY_EVENT, "arithmetic", field, "refusal")
    return Signature(event, rule, field, "refusal")


# --- Violations -------------------------------------------------------------------------------

_SHAPE: Final = re.compile(r"(S0|S1a|S1b|S2) ")


def violation_signature(root: Difference) -> Signature:
    """The signature of a violation that only one core sees: by its text, or by the phase where it
    is about the shape of one."""
    texts = [text for text in (root.authority, root.shadow) if isinstance(text, str)]
    matches = [_SHAPE.match(text) for text in texts]
    said = [
        f"shape of {match[1]}" if match else text
        for match, text in zip(matches, texts, strict=True)
    ]
    return Signature(_ANY_EVENT, "invariants", " ".join(["violations[]", *said]), "text")
