"""The file of explanations: what is read from it, and how bad ones are refused."""

from __future__ import annotations

import datetime
import re
import textwrap
from pathlib import Path

import pytest

from replay.errors import InputError, UsageError
from replay.explaining.claims.explanations import (
    Explanation,
    Explanations,
    parse_explanations,
    read_explanations,
)

ROOT = Path(__file__).parents[2]

NOTE = """
[[explanation]]
name = "known"
reason = "may stay"
signed = "Ada"
date = 2026-11-22
"""
"""A note; what a test adds goes after it."""

DEVIATION = """
[explanation.deviation]
in = ["_book"]
replace = "quote_fee = fee"
with = "quote_fee = 0.0"
"""


def only(text: str) -> Explanation:
    (entry,) = parse_explanations(text).entries
    return entry


def refused(text: str) -> str:
    with pytest.raises(InputError) as error:
        parse_explanations(text, "its.toml")
    assert "\n" not in error.value.message
    return error.value.message


def test_a_whole_explanation_is_read() -> None:
    entry = only(
        NOTE
        + """expires = 2027-01-31
at_most = 5
buckets = ["d-3f9a2c1b"]
event = "FillEvent"
rule = ["entry fill", "exit fill"]
field = "state.cooldown_until_a"
kind = "value"
phase = "S1a"
fields = ["state.orders[3].price", "actions[].price"]
kinds = "last digit"
where = "price > 0.2"
"""
        + DEVIATION
    )
    assert (entry.name, entry.reason, entry.signed) == ("known", "may stay", "Ada")
    assert (entry.date, entry.expires) == (datetime.date(2026, 11, 22), datetime.date(2027, 1, 31))
    assert (entry.at_most, entry.buckets, entry.event) == (5, ("d-3f9a2c1b",), ("FillEvent",))
    assert (entry.rule, entry.kind, entry.phase) == (
        (("entry fill", "exit fill"), ("value",), ("S1a",))
    )
    assert entry.field == ("state.cooldown_until_*",)
    assert entry.fields == ("state.orders[].price", "actions[].price")
    assert (entry.kinds, entry.where and entry.where.text) == (("last digit",), "price > 0.2")
    assert not entry.is_note
    assert entry.line == 2


def test_a_note_is_one_without_a_deviation() -> None:
    entry = only(NOTE + 'buckets = ["d-3f9a2c1b", "f-00000000"]')
    assert entry.is_note
    assert not entry.has_condition


def test_the_last_day_is_still_a_good_one() -> None:
    entry = only(NOTE + 'buckets = ["d-3f9a2c1b"]\nexpires = 2026-12-31')
    assert not entry.has_expired(datetime.date(2026, 12, 31))
    assert entry.has_expired(datetime.date(2027, 1, 1))


@pytest.mark.parametrize("text", ["", "version = 1", "# nothing\n"])
def test_a_file_may_have_no_explanation(text: str) -> None:
    assert parse_explanations(text).entries == ()


def test_the_example_that_ships_is_good() -> None:
    read = read_explanations(ROOT / "examples" / "explanations.toml")
    assert [entry.is_note for entry in read.entries] == [False, True]


def test_those_in_the_documents_are_good() -> None:
    for name in ("docs/explanations.md", "docs/finding-the-cause.md"):
        blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", (ROOT / name).read_text("utf-8"), re.MULTILINE)
        texts = [textwrap.dedent(block) for block in blocks if "[[explanation]]" in block]
        assert texts
        assert all(not only(text).is_note for text in texts)


BUCKET = 'buckets = ["d-3f9a2c1b"]'

BAD: dict[str, tuple[str, int, str]] = {
    # What is after the note; the line it is told of, counted from the note's first; the reason.
    "unknown key": ("event = 'FillEvent'\nfeild = 'x'", 8, "did you mean field or fields?"),
    "no bucket in a note": ("event = 'FillEvent'", 2, "(nothing in it can be run) must name"),
    "no condition": (DEVIATION, 2, "says nowhere where it applies"),
    "short id": ("buckets = ['d-3f9']", 7, '"d-3f9" is no ID'),
    "empty buckets": ("buckets = []", 7, "buckets is empty"),
    "bucket no text": ("buckets = [7]", 7, "a text or a list of texts"),
    "failure with a deviation": (
        "buckets = ['f-3f9a2c1b']" + DEVIATION, 7, "is a failure of a core",
    ),
    "unknown event": (f"{BUCKET}\nevent = 'FillEvnet'", 8, "did you mean FillEvent"),
    "unknown phase": (f"{BUCKET}\nphase = ['S0', 'S3']", 8, 'there is no phase "S3"'),
    "unknown kind": (f"{BUCKET}\nkinds = ['last digits']", 8, "did you mean last digit?"),
    "unknown field": (
        f"{BUCKET}\nfields = ['state.orders[].prize']", 8, "did you mean state.orders[].price",
    ),
    "condition": (f"{BUCKET}\nwhere = 'prize > 1'", 8, "did you mean price"),
    "condition no text": (f"{BUCKET}\nwhere = 1", 8, "where must be a text"),
    "quoted date": (f"{BUCKET}\nexpires = '2027-01-01'", 8, "without quotes"),
    "date with a time": (f"{BUCKET}\nexpires = 2027-01-01T10:00:00Z", 8, "must be a date"),
    "expired when signed": (f"{BUCKET}\nexpires = 2026-11-21", 8, "before its date"),
    "at most nothing": (f"{BUCKET}\nat_most = 0", 8, "a whole number above 0"),
    "at most true": (f"{BUCKET}\nat_most = true", 8, "a whole number above 0"),
    "deviation no table": (f"{BUCKET}\ndeviation = 'x'", 8, "deviation"),
    "unknown key of a deviation": (
        f"{BUCKET}\n[explanation.deviation]\nnmae = 'truncates'", 9, "did you mean name?",
    ),
    "unknown deviation": (
        f"{BUCKET}\n[explanation.deviation]\nname = 'rounds by scalin'", 8, "rounds by scaling",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("more", "line", "reason"), BAD.values(), ids=BAD)
def test_a_bad_explanation_is_refused_with_its_line(more: str, line: int, reason: str) -> None:
    message = refused(NOTE + more)
    assert message.startswith(f'its.toml:{line}: [[explanation]] number 1 "known": ')
    assert reason in message


@pytest.mark.parametrize("key", ["name", "reason", "signed", "date"])
def test_who_says_what_and_when_is_required(key: str) -> None:
    lines = [line for line in NOTE.splitlines() if not line.startswith(key)]
    message = refused("\n".join([*lines, BUCKET]))
    assert message.startswith("its.toml:2: [[explanation]] number 1")
    assert f"{key} is missing" in message


@pytest.mark.parametrize(
    "name", ['""', '"  "', '"two\\nlines"', '"\\u001b[31m"', '"\\u202e"', f'"{"x" * 101}"', "7"]
)
def test_a_name_is_one_line_that_can_be_printed(name: str) -> None:
    assert "name " in refused(NOTE.replace('"known"', name) + BUCKET)


def test_a_name_that_is_taken_is_refused_where_it_is_the_second_time() -> None:
    message = refused(f"{NOTE}{BUCKET}\n{NOTE}{BUCKET}\n")
    assert message.startswith('its.toml:10: [[explanation]] number 2 "known": ')
    assert "number 1" in message


def test_lines_are_right_in_the_second_explanation_too() -> None:
    other = NOTE.replace("known", "other")
    message = refused(f"{NOTE}{BUCKET}\n{other}{BUCKET}\nat_most = -1\n")
    assert message.startswith('its.toml:15: [[explanation]] number 2 "other": ')


def test_where_lines_cannot_be_told_none_is_made_up() -> None:
    """A header within a text."""
    text = NOTE.replace('"may stay"', '"""\n[[explanation]]\n"""') + "at_most = 0"
    assert refused(text).startswith('its.toml: [[explanation]] number 1 "known": ')


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("= broken", "its.toml:1: "),
        ("a = 1\nb = [", "its.toml:2: "),
        ("version = 2", "its.toml: version must be 1, not 2"),
        ("version = true", "version must be 1"),
        ("explanations = 1", "did you mean explanation?"),
        ("[explanation]\nname = 'x'", "are written as [[explanation]]"),
        ("explanation = [1]", "are written as [[explanation]]"),
        ("x = " + "[" * 5000, "its.toml: is nested too deep"),
        ("x = " + "9" * 5000, "its.toml: "),
    ],
    ids=range(9),
)
def test_a_file_of_another_shape_is_refused(text: str, reason: str) -> None:
    assert reason in refused(text)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    file = tmp_path / "explanations.toml"
    with pytest.raises(UsageError, match="there is no file of explanations"):
        read_explanations(file)
    file.write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"explanations.toml: is not UTF-8"):
        read_explanations(file)
    file.write_bytes(b"#" * 1_000_001)
    with pytest.raises(InputError, match="more than 1,000,000 bytes"):
        read_explanations(file)
    with pytest.raises(InputError, match=str(tmp_path)):
        read_explanations(tmp_path)


def test_a_file_is_kept_in_its_order(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    names = ["b", "a", "c"]
    file.write_text("".join(NOTE.replace("known", name) + f"{BUCKET}\n" for name in names))
    read = read_explanations(file)
    assert isinstance(read, Explanations)
    assert (read.file, [entry.name for entry in read.entries]) == (str(file), names)
