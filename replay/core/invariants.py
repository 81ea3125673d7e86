"""What must hold in every state that the bot may trade on (reducer.md, "Invariants")."""

from .phase import derive_phase
from .records import PairState, Phase


def check_invariants(state: PairState) -> list[str]:
    """The texts of all violations, in the order of reducer.md."""
    phase = derive_phase(state)
    violations: list[str] = []
    orders = state.orders
    if len({order.local_id for order in orders}) < len(orders):
        violations.append("duplicate order local_id")
    shape = _wrong_shape(state, phase)
    if shape is not None:
        violations.append(shape)
    if phase != "S2" and state.s2_entered_at is not None:
        violations.append("s2_entered_at must be null outside S2")
    for order in orders:
        if order.cycle < 1:
            violations.append("order cycle must be >= 1")
        if order.role == "exit" and order.entry_price <= 0:
            violations.append("exit must carry entry_price")
        if order.volume <= 0:
            violations.append("order volume must be > 0")
    if state.cycle_a < 1 or state.cycle_b < 1:
        violations.append("cycle counters must be >= 1")
    return violations


def _wrong_shape(state: PairState, phase: Phase) -> str | None:
    """What is wrong with the kinds of open orders for the phase, if anything (point 2)."""
    buy_entries = sell_entries = buy_exits = sell_exits = 0
    for order in state.orders:
        if order.role == "entry":
            if order.side == "buy":
                buy_entries += 1
            else:
                sell_entries += 1
        elif order.side == "buy":
            buy_exits += 1
        else:
            sell_exits += 1
    # The phase already says which sides have no exit at all.
    if phase == "S0":
        if state.long_only:
            right = buy_entries == 1 and sell_entries == 0
            return None if right else "S0 long_only must be exactly one buy entry"
        if state.short_only:
            right = buy_entries == 0 and sell_entries == 1
            return None if right else "S0 short_only must be exactly one sell entry"
        right = buy_entries == 1 and sell_entries == 1
        return None if right else "S0 must be exactly A sell entry + B buy entry"
    if phase == "S1a":
        if state.short_only:
            return None if buy_exits == 1 else "S1a short_only must have one buy exit"
        right = buy_exits == 1 and buy_entries == 1 and sell_entries == 0
        return None if right else "S1a must be one buy exit + one buy entry"
    if phase == "S1b":
        if state.long_only:
            return None if sell_exits == 1 else "S1b long_only must have one sell exit"
        right = sell_exits == 1 and sell_entries == 1 and buy_entries == 0
        return None if right else "S1b must be one sell exit + one sell entry"
    right = buy_exits == 1 and sell_exits == 1 and buy_entries == 0 and sell_entries == 0
    return None if right else "S2 must be one buy exit + one sell exit only"
