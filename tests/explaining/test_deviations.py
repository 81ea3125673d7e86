"""Deviations as they are written: read, found in the core, and made of edits."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from edit_support import FILL, case, single_file_core

from replay.errors import UsageError
from replay.explaining.claims.deviations import KNOWN, Deviation, deviation_of, known_deviations
from replay.explaining.editing.editable import Edit, EditableCore, EditKind, Place
from replay.explaining.editing.source_map import tokens_of
from replay.explaining.editing.source_text import edited_text
from replay.explaining.edits import edits_of


@pytest.fixture(scope="module")
def core() -> EditableCore:
    return EditableCore.open("python")


@pytest.fixture(scope="module")
def edits(core: EditableCore) -> Sequence[Edit]:
    return list(edits_of(core))


def read(toml: str) -> Deviation:
    return Deviation.read(tomllib.loads(toml)["explanation"]["deviation"])


def changed(core: EditableCore, edit: Edit) -> dict[str, list[str]]:
    """The tokens of each module that an edit changes, with the edit made."""
    modules = {place.module for place in edit.places}
    texts = {
        module: edited_text(core.sources[module], [p for p in edit.places if p.module == module])
        for module in modules
    }
    return {module: [token.text for token in tokens_of(text)] for module, text in texts.items()}


def price(core: EditableCore, deviation: Deviation) -> Any:
    case_of_tie = case((FILL.__class__)((2, 1, "X", "sell", 0.12525, 25.0, 0.0, 1.0)),
                       config={"profit_pct": 0.2, "entry_pct": 0.2},
                       state={**case().start.state, "profit_pct_runtime": 0.2,  # type: ignore[dict-item]
                              "market_price": 0.12525})  # fmt: skip
    answer = core.answer(deviation.edit(core), case_of_tie)
    assert isinstance(answer, list)
    return answer[1][0][4]


# --- Reading ------------------------------------------------------------------------------------


def test_a_known_deviation_is_named() -> None:
    deviation = Deviation.read({"name": "rounds by scaling", "in": ["exit_price"]})
    assert deviation == Deviation("rounds by scaling", ("exit_price",))
    assert Deviation.read({"name": "truncates"}).functions == ()


def test_text_is_replaced_by_text() -> None:
    deviation = Deviation.read({"in": "exit_price", "replace": "rnd(max(", "with": ""})
    assert deviation == Deviation("", ("exit_price",), ("rnd(max(",), ("",))
    both = Deviation.read({"replace": ["a", "b"], "with": ["c", "d"], "every": True})
    assert (both.replaced, both.by, both.every) == (("a", "b"), ("c", "d"), True)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "needs either a name or the text to replace"),
        ({"name": "rounds somehow"}, "is known as 'rounds somehow'; these are: rounds by"),
        ({"name": 7}, "no deviation is known as 7"),
        ({"name": "truncates", "with": "x"}, "a deviation with a name has no with"),
        ({"replace": "a"}, "needs what to replace it with"),
        ({"replace": "", "with": "a"}, "replace has an empty text"),
        ({"replace": "# only this", "with": "a"}, "replace has an empty text"),
        ({"replace": ["a", "b"], "with": "c"}, "replace has 2 texts, but with has 1"),
        ({"replace": 5, "with": "a"}, "replace must be a text or a list of texts"),
        ({"replace": "a", "with": ["b", 1]}, "with must be a text or a list of texts"),
        ({"replace": "a", "with": "b", "every": "yes"}, "every must be true or false"),
        ({"replace": "a" * 5000, "with": "b"}, "replace has a text of more than 4000 characters"),
        ({"name": "truncates", "in": {}}, "in must be a text or a list of texts"),
        ({"replace": "a", "with": "b", "everywhere": True}, "has no key 'everywhere', only name"),
    ],
)  # fmt: skip
def test_what_is_no_deviation_is_refused_with_the_reason(
    values: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        Deviation.read(values)


@pytest.mark.parametrize(
    "deviation",
    [
        Deviation("truncates", ("entries.exit_price", "_evict")),
        Deviation("", ("_book",), ('a "text" \\ \n\t', "b"), ("é\x07", ""), True),
        Deviation("", (), ("x",), ("y",)),
    ],
)
def test_what_is_written_is_read_again(deviation: Deviation) -> None:
    assert read(deviation.toml()) == deviation


# --- Finding it in the core -----------------------------------------------------------------------


def test_white_space_line_ends_and_comments_do_not_matter(core: EditableCore) -> None:
    text = "price  =  rnd ( # to the tick\n market*(1-pct/100.0), config . price_decimals )"
    edit = Deviation("", ("make_entry",), (text,), ("price = 1.0",)).edit(core)
    (place,) = edit.places
    assert core.sources["entries"].split("\n")[place.line - 1].strip().startswith("price = rnd")
    assert edit.function == "entries.make_entry"
    assert edit.kind is EditKind.DEVIATION
    assert 'read "price = 1.0" instead of "price = rnd(market * (1 - pct / 100.0)' in edit.says


def test_part_of_a_name_or_of_a_number_is_no_token(core: EditableCore) -> None:
    for text in ("rice", "100", "exit_p", '"sell'):
        with pytest.raises(UsageError, match="does not stand in exit_price"):
            Deviation("", ("exit_price",), (text,), ("x",)).edit(core)


def test_text_that_stands_more_than_once_needs_every(core: EditableCore) -> None:
    once = Deviation("", ("make_entry",), ("if price <= 0:",), ("if price < 0:",))
    with pytest.raises(UsageError, match=r"'if price <= 0:' stands 2 times in make_entry"):
        once.edit(core)
    edit = Deviation("", ("make_entry",), once.replaced, once.by, every=True).edit(core)
    assert len(edit.places) == 2
    assert edit.says.endswith(f"and likewise line {edit.places[1].line}")


def test_what_is_named_is_looked_for_in_all_modules(core: EditableCore) -> None:
    with pytest.raises(UsageError, match="the core python has no function exit_prize"):
        Deviation("truncates", ("exit_prize",)).edit(core)
    with pytest.raises(UsageError, match=r"has 3 functions read: codec\._one_of\.read"):
        Deviation("truncates", ("read",)).edit(core)
    with pytest.raises(UsageError, match="nothing is rounded in find_order"):
        Deviation("truncates", ("find_order",)).edit(core)
    method = Deviation("", ("_RecordCodec.read",), ("name in document",), ("True",))
    assert method.edit(core).function == "codec._RecordCodec.read"
    default = Deviation("", ("EngineConfig",), ("refresh_pct: float = 1.0",), ("refresh_pct = 9",))
    assert default.edit(core).places[0].module == "records"
    module = Deviation("", ("numbers",), ("2**63 - 1",), ("2**31",))
    assert module.edit(core).places[0].module == "numbers"
    anywhere = Deviation("", (), ("net = gross - fees",), ("net = gross",))
    assert anywhere.edit(core).places[0].module == "booking"


# --- Known deviations -----------------------------------------------------------------------------


def test_a_known_deviation_changes_what_the_functions_round(core: EditableCore) -> None:
    """0.12525 * 0.998 is a tie once it is scaled, and none as it is."""
    assert price(core, Deviation("", (), ("e = config",), ("e = config",))) == 0.124999
    assert price(core, Deviation("rounds by scaling", ("exit_price",))) == 0.125
    assert price(core, Deviation("rounds by scaling")) == 0.125
    assert price(core, Deviation("rounds by scaling", ("compute_order_volume",))) == 0.124999
    assert price(core, Deviation("truncates", ("exit_price",))) == 0.124999
    assert price(core, Deviation("rounds up", ("rnd",))) == 0.125
    assert price(core, Deviation("does not round", ("exit_price",))) == 0.12525 * 0.998


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_deviation_rounds(core: EditableCore, name: str) -> None:
    assert price(core, Deviation(name)) == pytest.approx(0.125, abs=1.5e-6)


def test_a_core_that_imports_what_rounds_is_offered_deviations_there(
    core: EditableCore, tmp_path: Path
) -> None:
    """A bot's file may do nothing but read, and import the rest."""
    file = tmp_path / "reads_only.py"
    file.write_text("from replay.core import *\n", "utf-8")
    offered = list(known_deviations(EditableCore.open(str(file))))
    assert offered == list(known_deviations(core))
    assert offered


def test_known_deviations_are_offered_for_each_function_that_rounds(core: EditableCore) -> None:
    offered = list(known_deviations(core))
    assert {name for one in offered for name in one.functions} == {
        *("numbers.rnd", "numbers.compute_order_volume"),
        *("entries.make_entry", "entries.exit_price"),
    }
    assert [one.name for one in offered if not one.functions] == list(KNOWN)
    edit = Deviation("truncates", ("entries.make_entry",)).edit(core)
    assert edit.says.startswith("entries.make_entry (entries.py line ")
    assert edit.says.endswith(") truncates")
    assert Deviation("truncates").edit(core).says == "the core truncates everywhere"


def test_a_bots_own_rounding_function_is_known_by_its_name(tmp_path: Path) -> None:
    path = Path(single_file_core(tmp_path))
    text = (
        path.read_text("utf-8")
        .replace("rnd(", "_round_to(")
        .replace("digits: int", "decimals: int")
    )
    text = text.replace("round(x, digits)", "float(f'{x:.{decimals}f}')")
    path.write_text(text, "utf-8")
    core = EditableCore.open(str(path))
    assert price(core, Deviation("rounds by scaling", ("exit_price",))) == 0.125


# --- Edits as deviations --------------------------------------------------------------------------


def test_every_kind_of_edit_is_written_and_read_back_as_the_same_change(
    core: EditableCore, edits: Sequence[Edit]
) -> None:
    sample = edits[::37]
    assert {edit.kind for edit in sample} == set(EditKind) - {EditKind.FORMULA}
    for edit in sample:
        deviation = deviation_of(edit, core)
        assert deviation is not None, edit.says
        again = read(deviation.toml()).edit(core)
        assert changed(core, again) == changed(core, edit), edit.says
        assert len(again.places) <= len(edit.places)


def test_the_text_is_no_longer_than_it_must_be(core: EditableCore, edits: Sequence[Edit]) -> None:
    wanted = 'instead of "losses = increment(losses) if net < 0 else 0"'
    edit = next(one for one in edits if wanted in one.says and "net <= 0" in one.says)
    deviation = deviation_of(edit, core)
    assert deviation is not None
    assert deviation.toml() == (
        '[explanation.deviation]\nin = ["booking.count_loss"]\nreplace = "<"\nwith = "<="'
    )


def test_statements_that_change_places_keep_their_lines(core: EditableCore) -> None:
    edit = next(
        edit
        for edit in edits_of(core)
        if edit.kind is EditKind.ORDER and "p = profit / 100.0; profit" in edit.says
    )
    deviation = deviation_of(edit, core)
    assert deviation is not None
    assert "\n" in deviation.by[0]
    again = read(deviation.toml()).edit(core)
    assert changed(core, again) == changed(core, edit)
    assert core.answer(again, case()) == core.answer(edit, case())


def test_places_near_to_each_other_are_written_as_one_text(core: EditableCore) -> None:
    module = core.map.modules["entries"]
    start = core.sources["entries"].index("(pct * mult) / 100.0")
    spans = [(start + 1, start + 4), (start + 7, start + 11)]
    places: tuple[Place, ...] = tuple(module.place(span, "pct") for span in spans)
    edit = Edit(EditKind.FIELD, "entries.make_entry", places, "")
    deviation = deviation_of(edit, core)
    assert deviation is not None
    assert deviation.replaced == ("- (pct * mult",)
    assert deviation.by == ("- (pct * pct",)


def test_functions_of_the_same_name_are_told_apart_by_what_is_around_them(tmp_path: Path) -> None:
    twin = "    def _twin(x):\n        return x\n"
    extra = f"if True:\n{twin}else:\n{twin}"
    core = EditableCore.open(single_file_core(tmp_path, extra=extra))
    module = core.map.modules["state_machine"]
    starts = [match.start() + 7 for match in re.finditer("return x\n", module.text)]
    places = tuple(module.place((start, start + 1), "1") for start in starts[-2:])
    assert len(places) == 2
    assert deviation_of(Edit(EditKind.FIELD, "", places, ""), core) is not None
    with pytest.raises(UsageError, match="has 2 functions _twin"):
        Deviation("", ("_twin",), ("return x",), ("return 1",)).edit(core)
