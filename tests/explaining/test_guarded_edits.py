"""Edits behind a condition, roundings that a function only passes on, and texts of the shadow's."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from cause_support import CORE, ENTRY, one_step
from explain_support import faulty, modules

from replay.explaining.causes.answered import Asking
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.edit_search import EditSearch
from replay.explaining.causes.known_ends import KnownEnds
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Edited, canonical_edit
from replay.explaining.causes.writings import own_texts
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.edits import edits_of
from replay.explaining.edits.guarded_edits import behind, place_of_condition
from replay.explaining.search.contest import Clock
from replay.streams.model import Stream
from replay.targets.open import open_target

FUNCTION = "entries.exit_price"
FITS = "0 <= d <= 15 and abs(x) * 10.0**d < 1.7e308"
CUT = f"(lambda x, d: int(x * 10.0**d) / 10.0**d if {FITS} else round(x, d))"


@contextmanager
def _search(
    shadow: str, *cases: Stream, authority: str = "python"
) -> Iterator[tuple[Pool, EditSearch]]:
    """A core, ours where no other is named, and a shadow, asked some cases, and the search for
    edits on them."""
    core = CORE if authority == "python" else EditableCore.open(authority)
    corrected = CorrectedCore(core, reads_next=False)
    pool, clock = Pool(corrected), Clock(400.0)
    with ExitStack() as stack:
        cores = [stack.enter_context(closing(open_target(one))) for one in (authority, shadow)]
        asking = Asking(cores[0], cores[1])
        pool.add(asking.ask(cases))
        yield pool, EditSearch(corrected, pool, asking, clock, KnownEnds(pool))


def _edits_of_function(core: EditableCore, texts: Collection[str]) -> list[Edit]:
    functions = (FUNCTION, "reducer._refresh")
    return [edit for edit in edits_of(core, texts=texts) if edit.function in functions]


def _wrapping(folder: Path) -> EditableCore:
    """A core whose entries are rounded by a function that takes the settings."""
    name = faulty(
        folder,
        "entries.py",
        ("        price = rnd(market * (1 - (pct * mult) / 100.0), config.price_decimals)\n",
         "        price = to_price(market * (1 - (pct * mult) / 100.0), config)\n"),
        ("        price = rnd(market * (1 + (pct * mult) / 100.0), config.price_decimals)\n",
         "        price = to_price(market * (1 + (pct * mult) / 100.0), config)\n"),
        ("from .numbers import", "from .numbers import rnd as rounded\nfrom .numbers import"),
    )  # fmt: skip
    file = Path(name).with_name("entries.py")
    wrapper = "\n\ndef to_price(x, config):\n    return round(x, config.price_decimals)\n"
    file.write_text(file.read_text("utf-8") + wrapper, "utf-8")
    return EditableCore.open(name)


def test_an_edit_that_holds_only_for_some_digits_is_found_with_its_condition(
    tmp_path: Path,
) -> None:
    shadow = faulty(tmp_path, "entries.py", ("return rnd(max(", f"return {CUT}(max("))
    cases = [
        one_step(
            (2, 1, "T", "buy", price, 20.0, 0.013, 5.0),
            {"price_decimals": decimals},
            orders=[{**ENTRY, "price": price}],
        )
        for price in (0.18731, 0.21917, 17.1234567, 1234.56789)
        for decimals in (2, 3, 4, -1, -2, 17, 18)
    ]
    with _search(shadow, *cases) as (pool, search):
        wrong = pool.unexplained
        assert 0 < len(wrong) < len(cases)
        search._fitting(wrong[:1], _edits_of_function, 1.0, of_readers=False)
        bare = next(
            edit
            for edit, _, _ in search._edits or ()
            if [place.new for place in edit.places] == ["truncated_by_scaling"]
            and pool.with_one_more(Edited(edit, ""), wrong) == [frozenset()] * len(wrong)
        )
        found = search.behind_a_condition(Edited(bare, ""), wrong)
        assert found is not None
        assert found.says.startswith(f"{bare.says}, where ")
        assert "digits" in found.says.rpartition(", where ")[2]
        pool.accept(found)
        assert not any(pool.left[step] for step in wrong)
        assert all(step.authority_left for step in pool.unexplained), "it spoils nothing"


def test_what_is_put_in_two_places_of_one_function_is_one_cause(tmp_path: Path) -> None:
    replaced = [
        ("return rnd(max(", f"return {CUT}(max("),
        ("return rnd(min(", f"return {CUT}(min("),
    ]
    shadow = faulty(tmp_path, "entries.py", *replaced)
    sold = {**ENTRY, "side": "sell", "trade_id": "A"}
    steps = [
        one_step((2, 1, "T", one["side"], 0.18771, 20.0, 0.013, 5.0), {"price_decimals": 3},
                 orders=[{**one, "price": 0.18771}])
        for one in (ENTRY, sold)
    ]  # fmt: skip
    with _search(shadow, *steps) as (pool, search):
        assert len(pool.unexplained) == len(steps) == 2
        for edit in edits_of(CORE):
            puts = [place.new for place in edit.places]
            if edit.function == FUNCTION and puts == ["truncated_by_scaling"]:
                cause = Edited(edit, canonical_edit(edit, CORE))
                search.accept(cause)
    assert not pool.unexplained
    (joined,) = pool.causes
    assert isinstance(joined, Edited)
    assert len(joined.edit.places) == 2
    assert "and likewise line" in joined.says


def test_one_value_that_is_put_for_two_others_is_two_causes(tmp_path: Path) -> None:
    replaced = [
        ("        fees=fees,\n", "        fees=quote_fee,\n"),
        ("state.total_settled_usd + settled", "state.total_settled_usd + quote_fee"),
    ]
    shadow = faulty(tmp_path, "booking.py", *replaced)
    order = {**ENTRY, "role": "exit", "side": "buy", "trade_id": "A", "entry_price": 0.3,
             "entry_fee": 0.25}  # fmt: skip
    steps = [one_step((2, 1, "T", "buy", 0.25, 20.0, 0.5, 5.0), orders=[order])]
    with _search(shadow, *steps) as (pool, search):
        for edit in edits_of(CORE):
            puts = [place.new for place in edit.places]
            own = f"{edit.says} " if edit.function == "booking._book" and len(puts) == 1 else ""
            if 'read "fees=quote_fee"' in own or 'state.total_settled_usd + quote_fee"' in own:
                search.accept(Edited(edit, canonical_edit(edit, CORE)))
    assert not pool.unexplained
    assert len(pool.causes) == 2
    assert not any("and likewise" in one.says for one in pool.causes)


def test_an_edit_of_several_functions_is_accepted_as_it_is(tmp_path: Path) -> None:
    everywhere = next(edit for edit in edits_of(CORE) if "everywhere" in edit.says)
    assert not everywhere.function
    with _search(faulty(tmp_path, "entries.py", ("return rnd(max(", "return rnd(min("))) as (
        pool,
        search,
    ):
        cause = Edited(everywhere, canonical_edit(everywhere, CORE))
        search.accept(cause)
        assert pool.causes == [cause]


def test_a_function_that_only_passes_on_a_rounding_is_rounded_otherwise_where_it_is_called(
    tmp_path: Path,
) -> None:
    core = _wrapping(tmp_path)
    found = [one for one in edits_of(core) if "lambda x, config: truncated_by" in one.says]
    lines = [[place.line for place in one.places] for one in found]
    # Each call, both at once, and both with those that round by themselves.
    assert sorted(map(len, lines)) == [1, 1, 2, 4]
    for edit in found:
        assert core.is_quick(edit)
        core.force(edit)


def test_a_condition_is_put_around_what_an_edit_changes() -> None:
    (edit, *_) = [
        one
        for one in edits_of(CORE)
        if one.function == "booking.count_loss" and one.places[0].new == "<="
    ]
    place = place_of_condition(CORE, edit)
    assert place is not None
    assert CORE.is_quick(place.probed)
    guarded = behind(CORE, edit, place, "net > 0")
    assert guarded.places[0].new == "((net <= 0) if net > 0 else (net < 0))"
    assert guarded.says == f"{edit.says}, where net > 0"
    assert CORE.is_quick(guarded)


def test_the_same_change_further_down_in_a_function_is_another_cause() -> None:
    changes = [
        one
        for one in edits_of(CORE)
        if one.function == "entries.make_entry"
        and [place.new for place in one.places] == ["rounded_half_up"]
    ]
    ids = {canonical_edit(one, CORE) for one in changes}
    assert len(changes) > 1
    assert len(ids) == len(changes)
    assert canonical_edit(changes[0], CORE) == canonical_edit(changes[0])


def test_a_text_that_only_the_shadow_has_is_tried_where_the_core_has_another(
    tmp_path: Path,
) -> None:
    shadow = faulty(tmp_path, "reducer.py", ('"stale_entry"', '"too old"'))
    case = one_step(
        (0, 0.2, 5.0), {"refresh_pct": 1.0}, orders=[{**ENTRY, "txid": "T"}], long_only=True
    )
    with _search(shadow, case) as (pool, search):
        assert own_texts(pool.unexplained) == ["too old"]
        (cause,) = search.find_all(pool.unexplained, _edits_of_function, 1.0, of_readers=False)
        assert '"too old"' in cause.says
        assert not pool.left[pool.steps[0]]


SCALES = """
from replay.core import *
from replay.core import FillEvent, TimerTick, transition as by_the_contract
from replay.core.evolving import evolve


def scaled(number):
    return number * 2.0


def taken(state, fee):
    return evolve(state, total_fees=scaled(fee))


def ticked(state, at):
    return evolve(state, last_price_update_at=scaled(at))


def transition(state, event, config, order_size_usd, order_sizes=None):
    if isinstance(event, FillEvent):
        state = taken(state, event.fee)
    elif isinstance(event, TimerTick):
        state = ticked(state, event.timestamp)
    return by_the_contract(state, event, config, order_size_usd, order_sizes)
"""


def test_an_edit_of_a_helper_that_holds_for_one_of_its_callers_is_found_with_that(
    tmp_path: Path,
) -> None:
    one, other = modules(tmp_path, "bot.py", SCALES, SCALES.replace("scaled(fee)", "fee * 3.0"))
    cases = [
        *(one_step((2, 1, "T", "buy", 0.1, 20.0, 0.1 + fee, 5.0)) for fee in range(8)),
        *(one_step((1, 5.0 + at)) for at in range(8)),
    ]
    with _search(other, *cases, authority=one) as (pool, search):
        core = pool.corrected.core
        edits = [edit for edit in edits_of(core) if edit.function == "bot.scaled"]
        tripled = next(edit for edit in edits if edit.places[0].new == "3.0")
        assert pool.score(Edited(tripled, ""), pool.steps)[:2] == (8, 8)
        found = search.behind_a_condition(Edited(tripled, ""), pool.unexplained)
        assert found is not None
        assert found.says.endswith("where called_by() == 'taken'")
        pool.accept(found)
        assert not pool.unexplained


PICKS = """
from replay.core import *
from replay.core import TimerTick, transition as by_the_contract
from replay.core.evolving import evolve


def picked(own, other):
    return own if own != 0 else other


def transition(state, event, config, order_size_usd, order_sizes=None):
    if isinstance(event, TimerTick):
        fees = picked(state.total_profit, config.refresh_pct)
        state = evolve(state, total_fees=fees)
    return by_the_contract(state, event, config, order_size_usd, order_sizes)
"""


def test_two_halves_of_what_a_line_does_otherwise_are_put_as_one_edit(tmp_path: Path) -> None:
    one, other = modules(tmp_path, "bot.py", PICKS, PICKS.replace("own if own != 0 else", ""))
    cases = [one_step((1, 5.0), total_profit=own) for own in (2.0, 3.5, -1.0, -2.5)]
    with _search(other, *cases, authority=one) as (pool, search):
        core = pool.corrected.core
        search._edits = [(edit, frozenset(), False) for edit in edits_of(core)]
        for half in ("own if own < 0 else", "own if own != -1 else"):
            edit = next(edit for edit, _, _ in search._edits if half in edit.says)
            search.accept(Edited(edit, canonical_edit(edit, core)))
    (joined,) = pool.causes
    assert isinstance(joined, Edited)
    assert 'read "return other"' in joined.edit.says
    assert not pool.unexplained


HOLDS = """
from dataclasses import replace

from replay.core import *
from replay.core import TimerTick, transition as by_the_contract


class Desk:
    def __init__(self, state):
        self.origin = state

    def held(self, is_first):
        return (self.origin.long_only and is_first) or (self.origin.short_only and not is_first)


def transition(state, event, config, order_size_usd, order_sizes=None):
    if isinstance(event, TimerTick):
        desk = Desk(state)
        state = replace(state, long_only=desk.held(True), short_only=desk.held(False))
    return by_the_contract(state, event, config, order_size_usd, order_sizes)
"""


def test_two_values_are_exchanged_in_a_function_also_those_of_a_record_in_a_record(
    tmp_path: Path,
) -> None:
    (name,) = modules(tmp_path, "bot.py", HOLDS)
    core = EditableCore.open(name)
    core.observe([one_step((1, 5.0))])
    exchanged = [
        [place.new for place in edit.places]
        for edit in edits_of(core)
        if edit.function == "bot.Desk.held" and len(edit.places) == 2
    ]
    assert ["self.origin.short_only", "self.origin.long_only"] in exchanged


LACKS = """
from dataclasses import replace

from replay.core import *
from replay.core import TimerTick, transition as by_the_contract


class Desk:
    def __init__(self, state):
        self.fees = state.total_fees
        self.settled = state.total_settled_usd

    def take(self, at):
        self.fees += at
        self.settled += at


def transition(state, event, config, order_size_usd, order_sizes=None):
    if isinstance(event, TimerTick):
        desk = Desk(state)
        desk.take(event.timestamp)
        state = replace(state, total_fees=desk.fees, total_settled_usd=desk.settled)
    return by_the_contract(state, event, config, order_size_usd, order_sizes)
"""


def test_two_statements_that_a_function_lacks_are_two_causes(tmp_path: Path) -> None:
    one, other = modules(tmp_path, "bot.py", LACKS, LACKS.replace(" += at", " += 0.0 * at"))
    cases = [one_step((1, 5.0 + at)) for at in range(4)]
    with _search(other, *cases, authority=one) as (pool, search):
        core = pool.corrected.core
        for lacked in ("self.fees += at", "self.settled += at"):
            edit = next(edit for edit in edits_of(core) if edit.says.endswith(f'lacked "{lacked}"'))
            search.accept(Edited(edit, canonical_edit(edit, core)))
    assert not pool.unexplained
    assert len(pool.causes) == 2
