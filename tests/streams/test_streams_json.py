"""strict_json: what is refused, with which words, and that all else comes through unchanged."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.streams.packed import MAX_DIGITS, pack, unpack
from replay.streams.strict_json import MAX_DEPTH, CutOffError, JsonError, parse

documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**100), max_value=10**100)
    | st.floats()
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def same(left: Any, right: Any) -> bool:
    """Equal to the last bit and type; NaN is NaN."""
    return repr(left) == repr(right)


@given(documents)
def test_every_document_comes_back_from_json(document: Any) -> None:
    assert same(parse(json.dumps(document).encode()), document)


@given(documents)
def test_every_document_comes_back_from_messagepack(document: Any) -> None:
    assert same(unpack(pack(document)), document)


@given(st.binary())
def test_any_bytes_give_a_value_or_a_reason(data: bytes) -> None:
    with contextlib.suppress(JsonError):
        pack(parse(data))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"a":1,"a":2}', "has the key 'a' twice in one object"),
        (b'{"x":{"price":1,"price":1}}', "has the key 'price' twice in one object"),
        (b"[1e400]", "has the number '1e400', which no double can hold"),
        (b"[-1e400]", "has the number '-1e400', which no double can hold"),
        (b'["\\ud800"]', "has a text with half a character (a lone surrogate): '\\ud800'"),
        (b'{"\\udc00":1}', "has a text with half a character (a lone surrogate): '\\udc00'"),
        (b'"\xff"', "is not UTF-8 (byte 2 is 0xff)"),
        (
            '{"who": "Andr\xe9 of the night shift"}'.encode("latin-1"),
            "is not UTF-8 (byte 14 is 0xe9), but like a text in Latin-1 or Windows-1252",
        ),
        (
            '{"a": 1}'.encode("utf-16-le"),
            "is no JSON: every second byte is NUL, so it is UTF-16 among lines of UTF-8",
        ),
        (b'"\xed\xa0\x80"', "is not UTF-8 (byte 2 is 0xed)"),
        (b"[" * 200 + b"]" * 200, f"is nested more than {MAX_DEPTH} deep"),
        (b'{"a":' * 100_000 + b"1", f"is nested more than {MAX_DEPTH} deep"),
        (b"\0\0\0\0", "is no JSON: it has NUL bytes, as after a power failure"),
        (b'{"a":tru}', "is no JSON: Expecting value at column 6"),
        (b'{"a":1} {"b":2}', "is no JSON: Extra data at column 9"),
        (b"[1,]", "is no JSON: Expecting value at column 4"),
        (b"{'a':1}", "is no JSON: Expecting property name enclosed in double quotes at column 2"),
    ],
)
def test_what_is_ambiguous_or_harmful_is_refused_with_the_reason(text: bytes, reason: str) -> None:
    with pytest.raises(JsonError) as refused:
        parse(text)
    assert refused.value.reason == reason


@pytest.mark.parametrize("digits", [MAX_DIGITS + 1, 4300, 4301, 100_000])
def test_an_integer_of_too_many_digits_is_refused(digits: int) -> None:
    with pytest.raises(JsonError, match=f"has an integer of {digits} digits"):
        parse(b"[" + b"9" * digits + b"]")


def test_the_longest_integer_that_is_taken_can_be_kept() -> None:
    value = parse(b"9" * MAX_DIGITS)
    assert unpack(pack(value)) == value


def test_the_bare_tokens_of_pythons_json_are_numbers() -> None:
    nan, plus, minus = parse(b"[NaN, Infinity, -Infinity]")
    assert math.isnan(nan)
    assert (plus, minus) == (math.inf, -math.inf)


def test_a_surrogate_pair_is_a_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_the_deepest_nesting_that_is_taken_can_be_kept() -> None:
    value = parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert unpack(pack(value)) == value


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert len(parse(b"[" + b"{}," * 1000 + b"{}]")) == 1001


@pytest.mark.parametrize("text", [b'{"a":1', b'{"a', b'{"a":', b"[1,", b"{", b'{"a":"x\\'])
def test_a_text_that_ends_too_early_is_told_from_one_that_is_wrong(text: bytes) -> None:
    with pytest.raises(CutOffError, match="is no JSON: it is cut off at column"):
        parse(text)


def test_deep_nesting_is_refused_even_near_the_end_of_the_stack() -> None:
    def fall(depth: int) -> None:
        if depth:
            fall(depth - 1)
        else:
            with pytest.raises(JsonError):
                parse(b"[" * 100_000)

    fall(sys.getrecursionlimit() // 2)


@pytest.mark.parametrize("word", ["true", "false", "null", "NaN", "Infinity", "-Infinity", '"x"'])
def test_wherever_a_line_is_cut_off_it_is_said_to_be(word: str) -> None:
    text = f'{{"a": {word}'
    for end in range(1, len(text) + 1):
        with pytest.raises(CutOffError):
            parse(text[:end].encode())
