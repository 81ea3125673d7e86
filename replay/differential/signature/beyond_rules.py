"""The signature of what no rule computes: fields that were only read, inputs that were refused,
violations. It is the same whatever the event."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping
from typing import Final

from replay.core import EngineConfig
from replay.differential.compare import equal
from replay.differential.model import Difference, DifferenceKind, Signature
from replay.differential.signature.moment import BOOK, Moment
from replay.differential.signature.refusal_text import template
from replay.differential.signature.roots import erased, place_in
from replay.streams.model import CYCLES, EVENT_FIELDS, ORDERS, RECORD_FIELDS, RECOVERIES, CallCode
from replay.targets.base import RefusalKind
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
    """Whether a regime is given as a text that means one only once it is put in upper case (and
    trimmed)."""
    if not isinstance(regime, str):
        return False
    trimmed = regime.strip()
    return trimmed not in _REGIMES and trimmed.upper() in _REGIMES


# --- Refusals ---------------------------------------------------------------------------------

_KIND_NAMES: Final = {"d": "double", "i": "int", "b": "bool", "t": "text"}
_CHOICES: Final = ("side", "role", "trade_id")
_STEPS: Final = re.compile(r"[^.\[\]]+")
_NAMES: Final = frozenset(
    (
        *("event", "state", "config", "order_size_usd", "order_sizes", "local_id", "A", "B", ""),
        *itertools.chain.from_iterable(EVENT_FIELDS.values()),
        *(field.name for field in dataclasses.fields(EngineConfig)),
    )
)
"""All that a path outside of the state may be made of."""


_PLACE: Final = re.compile(r"[A-Za-z]\w{0,50} in \w{1,60}", re.ASCII)
"""Where a bot's module could not go on with a number: a kind of exception and a function."""

REFUSING: Final = "refusing"
"""The rule of a refusal of which only its text is known."""

OTHER: Final = "other"
"""Stands in a signature for a name that is none of the contract's."""


def reason_of(refusal: str) -> str:
    """A refusal without what depends on the document at hand. Of a state's field only the kind is
    kept: one reader reads all fields of a kind. Of what a core says in its own words the template
    is (refusal_text.py). Never raises, whatever the text."""
    kind, _, rest = refusal.partition(" ")
    if kind == RefusalKind.UNREADABLE:
        return f"{kind} {_what_is_unreadable(rest)}"
    if kind == RefusalKind.ARITHMETIC and _PLACE.fullmatch(rest):
        return f"{kind} {rest}"
    if kind in (RefusalKind.ERROR, RefusalKind.ARITHMETIC, RefusalKind.UNMADE) and rest:
        return f"{kind} {template(rest)}"
    return kind if kind in set(RefusalKind) else OTHER


def _what_is_unreadable(path: str) -> str:
    top = re.split(r"[.\[]", path, maxsplit=1)[0]
    name = path.rpartition(".")[2]
    if top == "profit_pct":
        return "double"
    if top not in INDEX_OF:
        return erased(path) if _NAMES.issuperset(_STEPS.findall(path)) else OTHER
    index = INDEX_OF[top]
    if name in _CHOICES:
        return "choice"
    if "." not in path:
        return top if top in _LISTS else _KIND_NAMES[STATE_KINDS[index].lower()]
    if index not in RECORD_FIELDS or name not in RECORD_FIELDS[index]:
        return OTHER
    return _KIND_NAMES[RECORD_KINDS[index][RECORD_FIELDS[index].index(name)].lower()]


def is_of_its_own_words(reason: str) -> bool:
    """Whether a reason is told in a core's own words, so that it says more than rule and event."""
    return " " in reason and not reason.startswith(RefusalKind.UNREADABLE)


def refusal_signature(root: Difference, event: str, rule: str) -> Signature:
    """The signature of a refusal by one core, or of two that do not say the same."""
    sides = (("authority", root.authority), ("shadow", root.shadow))
    reasons = [(side, reason_of(text)) for side, text in sides if isinstance(text, str)]
    field = f"refusal {', '.join(f'{side}: {reason}' for side, reason in reasons)}"
    if "unreadable" in field:
        return Signature(_ANY_EVENT, _READING, field, "refusal")
    if any(reason.startswith("arithmetic") for _, reason in reasons):
        return Signature(_ANY_EVENT, "arithmetic", field, "refusal")
    if any(is_of_its_own_words(reason) for _, reason in reasons):
        return Signature(_ANY_EVENT, REFUSING, field, "refusal")
    return Signature(event, rule, field, "refusal")


# --- Violations -------------------------------------------------------------------------------

_SHAPE: Final = re.compile(r"(S0|S1a|S1b|S2) ")


_VIOLATIONS: Final = frozenset(
    {
        "duplicate order local_id",
        "s2_entered_at must be null outside S2",
        "order cycle must be >= 1",
        "exit must carry entry_price",
        "order volume must be > 0",
        "cycle counters must be >= 1",
    }
)
"""The texts of reducer.md ("Invariants") besides those about the shape of a phase."""


def violation_signature(root: Difference) -> Signature:
    """The signature of a violation that only one core sees: by its text, or by the phase where it
    is about the shape of one. A text that is none of the contract's is told by its template."""
    texts = [text for text in (root.authority, root.shadow) if isinstance(text, str)]
    matches = [_SHAPE.match(text) for text in texts]
    said = [
        f"shape of {match[1]}" if match else text if text in _VIOLATIONS else template(text)
        for match, text in zip(matches, texts, strict=True)
    ]
    return Signature(_ANY_EVENT, "invariants", " ".join(["violations[]", *said]), "text")
