"""What a refusal says is one reason, whatever it says of the occasion; two reasons stay two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.differential.signature.refusal_text import MAX_LENGTH, template

ALIKE = {
    "error Failed reading: # at #": [
        "error Failed reading: satisfyWord8 at 'Infinity,\"s2_orphan'",
        "error Failed reading: satisfyWord8 at 'Infinity'",
    ],
    "error Error in #: parsing Double failed, expected Number, but encountered String": [
        "error Error in $.config['s2_orphan_after_sec']: parsing Double failed, expected Number, "
        "but encountered String",
        "error Error in $.orders[3].price: parsing Double failed, expected Number, but "
        "encountered String",
    ],
    "error Expecting value: line # column # (char #)": [
        "error Expecting value: line 1 column 532 (char 531)",
        "error Expecting value: line 12 column 5 (char 99531)",
    ],
    "error cannot read #: expected a finite number, got #": [
        "error cannot read config.s1_orphan_after_sec: expected a finite number, got Infinity",
        "error cannot read orders[0].volume: expected a finite number, got -Infinity",
        "error cannot read state.now: expected a finite number, got NaN",
        "error cannot read entry_pct: expected a finite number, got 1e999",
    ],
    "error request # (id #) failed: number out of range": [
        "error request 17 (id 9f3ab2) failed: number out of range",
        "error request 118 (id 0x7ffe12) failed: number out of range",
    ],
    "error Prelude.read: no parse": [
        "error Prelude.read: no parse",
        "error Prelude.read: no parse\\nCallStack (from HasCallStack):\\n  error, called at "
        "libraries/base/GHC/Read.hs:74:3 in base:GHC.Read",
        "error Prelude.read: no parse CallStack (from HasCallStack): error, called at "
        "app/Main.hs:12:9 in main:Main",
    ],
    "error invalid value at #": [
        'error invalid value at {"state": {"orders": [1, 2, {"a": 5}], "now": 5}}',
        'error invalid value at {"state": {"orders": [1, 2, {"a": 5}], "n...',
        "error invalid value at [1, 2",
    ],
    "error in #: unknown side #": [
        "error in FillEvent: unknown side 'exit\\x0a'",
        'error in RecoveryFillEvent: unknown side "NaN"',
    ],
    "KeyError: #": ["KeyError: 'neither'", "KeyError: 'nan'"],
    "without a text": ["", " ", "...", ":"],
}


@pytest.mark.parametrize(("wanted", "texts"), ALIKE.items())
def test_one_reason_is_one_template(wanted: str, texts: list[str]) -> None:
    assert {template(text) for text in texts} == {wanted}


def test_two_reasons_are_two_templates() -> None:
    reasons = [
        "error key not found: 'orders'",
        "error expected a number, got 'orders'",
        "error expected an integer, got 'orders'",
        "error Data.Map.!: given key is not an element in the map",
        "error Prelude.head: empty list",
        "error can't divide by zero",
        "error price must be positive",
        "error volume must be positive",
    ]
    assert len({template(reason) for reason in reasons}) == len(reasons)


@given(st.text(max_size=300))
def test_any_text_has_a_template_that_can_be_shown_and_is_its_own(text: str) -> None:
    found = template(text)
    assert found
    assert found.isprintable()
    assert len(found) <= MAX_LENGTH
    assert template(found) == found


@given(
    st.sampled_from(
        ("line {} column 3", "bad value {}", "expected 5, got {} instead", "at {}: no")
    ),
    st.one_of(
        st.integers(),
        st.floats(),
        st.text(max_size=20).map(repr),
        st.lists(st.integers(), max_size=4),
        st.dictionaries(st.text("abc", max_size=3), st.floats(), max_size=3),
    ),
)
def test_a_value_is_never_part_of_it(text: str, value: object) -> None:
    assert template(text.format(value)) == template(text.format(0))
