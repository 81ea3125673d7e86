"""The phase of a slot, which only its open exits decide, and the mark that belongs to S2."""

from .evolving import evolve
from .records import PairState, Phase


def derive_phase(state: PairState) -> Phase:
    """S2 with both kinds of exit, S1a with buys, S1b with sells, else S0 (reducer.md, "Phase")."""
    has_buy_exit = has_sell_exit = False
    for order in state.orders:
        if order.role == "exit":
            if order.side == "buy":
                has_buy_exit = True
            else:
                has_sell_exit = True
    if has_buy_exit:
        return "S2" if has_sell_exit else "S1a"
    return "S1b" if has_sell_exit else "S0"


def clear_s2_mark(state: PairState) -> PairState:
    """Forget when S2 began, unless the slot is in it (reducer.md, "Clear the S2 mark")."""
    if state.s2_entered_at is None or derive_phase(state) == "S2":
        return state
    return evolve(state, s2_entered_at=None)
