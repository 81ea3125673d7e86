"""What is refused only where it is read: values that stand for others until somebody needs them."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cause_support import one_step

from replay.explaining.causes.answered import Asking
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.known_ends import KnownEnds
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.reading_search import ReadingSearch
from replay.explaining.causes.statement import CauseKind, Reading
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.value_sorts import Sort
from replay.explaining.editing.editable import EditableCore
from replay.explaining.editing.unreadable import is_unreadable, unreadable
from replay.explaining.formulas.terms import terms_at
from replay.explaining.search.contest import Clock
from replay.targets.open import open_target
from replay.targets.python.raised import Refused

LOOSE = Path(__file__).parents[1] / "support" / "authorities" / "reads_loosely.py"
DIGIT = "\u0661"


@pytest.mark.parametrize(
    "do",
    [float, int, str, bool, len, hash, math.isfinite, lambda x: x == "1", lambda x: x in ("a", "b"),
     lambda x: x.strip(), lambda x: f"{x}", lambda x: x + "1", list],
)  # fmt: skip
def test_whatever_is_made_of_an_unreadable_text_is_refused(do: Callable[[Any], Any]) -> None:
    with pytest.raises(Refused):
        do(unreadable("1.5"))


@pytest.mark.parametrize("value", ["1", 1, 1.5, [1], {"a": 1}])
def test_it_passes_for_what_it_stands_for_as_long_as_nobody_reads_it(value: Any) -> None:
    made = unreadable(value)
    assert isinstance(made, type(value))
    assert copy.deepcopy([made])[0] is made
    assert repr(made) == repr(unreadable(value))
    with pytest.raises(Refused):
        bool(made)


def test_null_and_flags_can_be_unreadable_as_well() -> None:
    for value in (None, True):
        with pytest.raises(Refused):
            bool(unreadable(value))


@pytest.mark.parametrize("value", ["", "1", 0, 2, 0.0, [], {}, None, True, False])
def test_where_a_core_may_ask_whether_it_counts_it_counts_as_before(value: Any) -> None:
    made = unreadable(value, counts=True)
    assert is_unreadable(made)
    assert not is_unreadable(value)
    assert bool(made) is bool(value)
    with pytest.raises(Refused):
        float(made)
    # What counts otherwise is something else.
    assert repr(made) != repr(unreadable(value))


def test_nothing_is_asked_of_it_where_conditions_are_looked_for() -> None:
    """An edit's condition is made of what is in scope, which may be such a value."""
    price, fine = unreadable(0.5), 1.5
    terms = terms_at(inspect.currentframe(), ())  # type: ignore[arg-type]
    assert terms["fine"] == fine
    assert "price" not in terms
    assert is_unreadable(price)


def test_what_a_port_refuses_only_where_it_reads_it_is_one_statement(tmp_path: Path) -> None:
    text = LOOSE.read_text("utf-8")
    old = "            return read(document.get(name, default))\n"
    strict = "            return read(_ascii(document.get(name, default)))\n"
    assert text.count(old) == 1
    shadow = tmp_path / "strict.py"
    shadow.write_text(text.replace(old, strict) + ASCII, "utf-8")
    cases = [
        one_step((1, 5.0), total_fees=DIGIT),
        one_step((1, 5.0), cycle_a=DIGIT),
        one_step((1, 5.0), profit_pct=DIGIT),
    ]
    with closing(open_target(str(LOOSE))) as one, closing(open_target(str(shadow))) as other:
        asking = Asking(one, other)
        pool = Pool(CorrectedCore(EditableCore.open(str(LOOSE)), reads_next=False))
        pool.add(asking.ask(cases))
        wrong = pool.unexplained
        assert len(wrong) == 2, "the old name is read by neither"
        found = ReadingSearch(pool, asking, Clock(400.0), KnownEnds(pool)).find(wrong[0])
        assert isinstance(found, Reading)
        assert (found.taking, found.kind) == (Taking.REFUSED_WHERE_READ, CauseKind.CONDITION)
        pool.accept(found)
        assert not any(pool.left[step] for step in (*wrong, *pool.steps[:3]))


def test_of_a_value_that_counts_as_nothing_the_default_may_be_taken(tmp_path: Path) -> None:
    """`value or 0.0` is no reading of a flag that is false."""
    text = LOOSE.read_text("utf-8")
    old = "            return read(document.get(name, default))\n"
    assert text.count(old) == 1
    loose = tmp_path / "loose.py"
    loose.write_text(text.replace(old, old.replace("default))", "default) or 0)")), "utf-8")
    shadow = tmp_path / "strict.py"
    strict = "            return read(_no_flag(read, document.get(name, default) or 0))\n"
    shadow.write_text(text.replace(old, strict) + NO_FLAG, "utf-8")
    cases = [
        one_step((1, 5.0), total_fees=True),
        one_step((1, 5.0), total_profit=True),
        one_step((1, 5.0), total_fees=False),
        one_step((1, 5.0), total_settled_usd=False),
    ]
    rule = Reading(Pattern(kind="real"), Sort.FLAG, Taking.REFUSED_UNLESS_NOTHING)
    assert rule.says.endswith("refused where it is read, unless it counts as nothing")
    with closing(open_target(str(loose))) as one, closing(open_target(str(shadow))) as other:
        steps = Asking(one, other).ask(cases)
    core = CorrectedCore(EditableCore.open(str(loose)), reads_next=False)
    assert [bool(step.authority_left) for step in steps] == [True, True, False, False]
    assert not any(core.left([rule], steps))
    strictly = replace(rule, taking=Taking.REFUSED_WHERE_READ)
    assert [bool(left) for left in core.left([strictly], steps)] == [False, False, True, True]


NO_FLAG = """

def _no_flag(read, value):
    if read is float and isinstance(value, bool):
        raise ValueError("a flag")
    return value
"""

ASCII = """

def _ascii(value):
    if isinstance(value, str) and not value.isascii():
        raise ValueError("no number")
    return value
"""


def test_what_a_condition_refuses_where_it_is_read_says_so() -> None:
    rule = Reading(Pattern("state", kind="d"), Sort.ODD_TEXT, Taking.REFUSED_WHERE_READ)
    assert rule.says.endswith("were refused where it is read")
