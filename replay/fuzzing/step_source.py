"""StepSource: where the steps of a generated stream come from while it is being run.

A step that fits the state (a fill of an order that is there) can only be made by who knows the
state. Running a core just for that would double what the authority costs, so the one who runs
the stream hands over the state that the authority has anyway, every handful of steps. A stream
is thus a function of its plan and of the authority's answers, and it is recorded as it goes: to
run it again takes neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from replay.streams.model import (
    CYCLE_FIELDS,
    CYCLES,
    ORDER_FIELDS,
    ORDERS,
    RECOVERIES,
    RECOVERY_FIELDS,
    STATE_FIELDS,
    Step,
)
from replay.targets.compact import INDEX_OF, apply_delta, blank


class StateView(Protocol):
    """What a source looks at: a PairState of any Python core has all of it, so has CompactState.

    A whole snapshot (for a restart) reads the other fields of STATE_FIELDS too.
    """

    @property
    def market_price(self) -> float:
        """As in PairState."""
        ...

    @property
    def now(self) -> float:
        """As in PairState."""
        ...

    @property
    def orders(self) -> Sequence[Any]:
        """Objects with the attributes of ORDER_FIELDS."""
        ...

    @property
    def recovery_orders(self) -> Sequence[Any]:
        """Objects with the attributes of RECOVERY_FIELDS."""
        ...

    @property
    def completed_cycles(self) -> Sequence[Any]:
        """Objects with the attributes of CYCLE_FIELDS."""
        ...

    @property
    def s2_entered_at(self) -> float | None:
        """As in PairState."""
        ...


class StepSource(Protocol):
    """Gives the steps of one stream, a handful at a time."""

    def steps(self, state: StateView | None, n: int) -> list[Step]:
        """The next steps, decided on the authority's state before the first of them; None where
        it has no state that can be read.

        About `n`: fewer where going on blindly would miss what the next step does to the state,
        a few more where steps belong together. Empty at the end of the stream.
        """
        ...


class OrderView(NamedTuple):
    """A compact order with names."""

    local_id: int
    side: str
    role: str
    price: float
    volume: float
    trade_id: str
    cycle: int
    txid: str
    placed_at: float
    entry_price: float
    entry_fee: float
    entry_filled_at: float
    regime_at_entry: int | None


class RecoveryView(NamedTuple):
    """A compact recovery with names."""

    recovery_id: int
    side: str
    price: float
    volume: float
    trade_id: str
    cycle: int
    entry_price: float
    orphaned_at: float
    entry_fee: float
    entry_filled_at: float
    txid: str
    reason: str
    regime_at_entry: int | None


class CycleView(NamedTuple):
    """A compact cycle with names."""

    trade_id: str
    cycle: int
    entry_price: float
    exit_price: float
    volume: float
    gross_profit: float
    fees: float
    net_profit: float
    entry_fee: float
    exit_fee: float
    quote_fee: float
    settled_usd: float
    entry_time: float
    exit_time: float
    from_recovery: bool
    regime_at_entry: int | None


class CompactState:
    """The state of an authority that answers in the compact form, kept up by its own deltas.

    For an executable as the authority: records get their names only when somebody looks.
    """

    def __init__(self) -> None:
        self._values = blank()
        self.known = False

    def apply(self, delta: Sequence[Any]) -> None:
        """Takes over an answer's delta (docs/replay-method.md). The first one of a stream names
        every field, and only after that is the state `known`."""
        apply_delta(self._values, delta)
        self.known = self.known or len(delta) == 2 * len(STATE_FIELDS)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[INDEX_OF[name]]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def market_price(self) -> float:
        """As in PairState."""
        return self._values[0]  # type: ignore[no-any-return]

    @property
    def now(self) -> float:
        """As in PairState."""
        return self._values[1]  # type: ignore[no-any-return]

    @property
    def s2_entered_at(self) -> float | None:
        """As in PairState."""
        return self._values[14]  # type: ignore[no-any-return]

    @property
    def orders(self) -> Sequence[OrderView]:
        """The orders with names."""
        return [OrderView(*order) for order in self._values[ORDERS]]

    @property
    def recovery_orders(self) -> Sequence[RecoveryView]:
        """The recoveries with names."""
        return [RecoveryView(*recovery) for recovery in self._values[RECOVERIES]]

    @property
    def completed_cycles(self) -> Sequence[CycleView]:
        """The history with names."""
        return [CycleView(*cycle) for cycle in self._values[CYCLES]]


_order_values = attrgetter(*ORDER_FIELDS)
_recovery_values = attrgetter(*RECOVERY_FIELDS)
_cycle_values = attrgetter(*CYCLE_FIELDS)


def order_document(order: Any) -> dict[str, Any]:
    """An order as JSON has it."""
    return dict(zip(ORDER_FIELDS, _order_values(order), strict=True))


def recovery_document(recovery: Any) -> dict[str, Any]:
    """A recovery as JSON has it."""
    return dict(zip(RECOVERY_FIELDS, _recovery_values(recovery), strict=True))


def snapshot(state: StateView) -> dict[str, Any]:
    """The whole state as JSON has it, of values that can be relied on."""
    document = {name: getattr(state, name) for name in STATE_FIELDS}
    document["orders"] = [order_document(order) for order in state.orders]
    document["recovery_orders"] = [recovery_document(one) for one in state.recovery_orders]
    document["completed_cycles"] = [
        dict(zip(CYCLE_FIELDS, _cycle_values(cycle), strict=True))
        for cycle in state.completed_cycles
    ]
    return document


def saved(state: StateView) -> dict[str, Any]:
    """What a bot saves, and loads again when it restarts: the authority's own values, whatever
    they are (ForeignState), or else the snapshot."""
    document: dict[str, Any] = getattr(state, "document", lambda: snapshot(state))()
    return document
