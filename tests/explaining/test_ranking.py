"""Which of several explanations is named first, and the rule that it belongs to."""

from __future__ import annotations

import pytest
from explain_support import one_step

from replay.explaining.editing.editable import Edit, EditableCore, EditKind
from replay.explaining.editing.places import Rules, edits_at_work, text_at
from replay.explaining.editing.source_text import Place
from replay.explaining.edits import edits_of
from replay.explaining.search.ranking import rank


@pytest.fixture(scope="module")
def core() -> EditableCore:
    return EditableCore.open("python")


@pytest.mark.parametrize(
    ("function", "heading"),
    [
        ("entries.exit_price", "Exit price"),
        ("booking._book", "Book a cycle"),
        ("booking.count_loss", "Count the loss"),
        ("orphaning._ranks_before", "Orphaning"),
        ("reducer._s1_timeout", "TimerTick"),
        ("reducer._refresh", "PriceTick"),
        ("numbers.rnd", "Decimal rounding"),
        ("phase.derive_phase", "Phase"),
        ("codec._list_of.read", "Reading a state"),
        ("invariants._wrong_shape", "Invariants"),
    ],
)
def test_a_function_belongs_to_the_rule_that_docstrings_name(
    core: EditableCore, function: str, heading: str
) -> None:
    assert Rules.of(core).heading(function) == heading


def test_a_source_that_names_no_rules_has_none() -> None:
    assert Rules({"bot": "def f():\n    return 1\n"}).heading("bot.f") == ""


def test_the_step_of_a_rule_is_what_the_last_comment_before_says(core: EditableCore) -> None:
    lines = core.sources["reducer"].split("\n")
    line = 1 + next(at for at, text in enumerate(lines) if "config.refresh_cooldown_sec" in text)
    edit = Edit(EditKind.OPERAND, "reducer._refresh", (Place("reducer", line, 0, line, 1, ""),), "")
    assert Rules.of(core).place(edit) == 'reducer.md, "PriceTick", step 5'


def test_all_that_fits_is_ranked_by_what_it_explains_where_it_is_and_how_likely_it_is(
    core: EditableCore,
) -> None:
    rules = Rules.of(core)

    def edit(kind: EditKind, module: str, old: str, new: str, function: str) -> Edit:
        lines = core.sources[module].split("\n")
        line, text = next((at, text) for at, text in enumerate(lines, 1) if old in text)
        column = text.index(old)
        place = Place(module, line, column, line, column + len(old), new)
        assert text_at(core.sources[module], place) == old
        return Edit(kind, function, (place,), f"{module} {new}")

    here = edit(EditKind.COMPARISON, "booking", "net < 0 else 0", "net <= 0 else 0",
                "booking.count_loss")  # fmt: skip
    longer = edit(EditKind.COMPARISON, "booking", "net < 0 else 0", "not net > 0 else 0",
                  "booking.count_loss")  # fmt: skip
    forced = edit(EditKind.BRANCH, "booking", "net < 0 else 0", "1 else 0",
                  "booking.count_loss")  # fmt: skip
    there = edit(EditKind.COMPARISON, "entries", "price <= 0", "price < 0", "entries.make_entry")

    def order(also: dict[Edit, int]) -> list[Edit]:
        return sorted(
            [there, forced, longer, here],
            key=lambda one: rank(
                core, one, also=also.get(one, 0), rules=rules, heading="Count the loss"
            ),
        )

    assert order({}) == [here, longer, forced, there]
    assert order({there: 3})[0] is there


def test_only_edits_that_every_case_runs_through_are_tried(core: EditableCore) -> None:
    """A PriceTick never comes to the booking; and a TimerTick not to refreshing."""
    tick, timer = one_step((0, 0.1, 1.0)), one_step((1, 1.0))
    rows = edits_at_work(core, [tick, timer], edits_of)
    both, either = ({edit.function for edit in row if core.is_quick(edit)} for row in rows)
    assert "invariants.check_invariants" in both
    assert "reducer._price_tick" in either - both
    assert not {"booking._book", "reducer._refresh"} & (both | either)
