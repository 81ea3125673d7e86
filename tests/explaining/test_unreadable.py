"""What is refused only where it is read: values that stand for others until somebody needs them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from contextlib import closing
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
from replay.explaining.causes.unreadable import unreadable
from replay.explaining.causes.value_sorts import Sort
from replay.explaining.editing.editable import EditableCore
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


ASCII = """

def _ascii(value):
    if isinstance(value, str) and not value.isascii():
        raise ValueError("no number")
    return value
"""


def test_what_a_condition_refuses_where_it_is_read_says_so() -> None:
    rule = Reading(Pattern("state", kind="d"), Sort.ODD_TEXT, Taking.REFUSED_WHERE_READ)
    assert rule.says.endswith("were refused where it is read")
