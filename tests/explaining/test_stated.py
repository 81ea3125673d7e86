"""Statements in explanations.toml: each kind as data, written and read again."""

from __future__ import annotations

import datetime

import pytest
from cause_support import CORE, ENTRY, edited, one_step

from replay.errors import InputError
from replay.explaining.causes.leaves import leaves_of
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.statement import Edited, Reading, Statement, Writing, readings_of
from replay.explaining.causes.takings import ENDS, VALUES, Taking
from replay.explaining.causes.value_sorts import Sort
from replay.explaining.claims.explanations import Explanation, parse_explanations
from replay.explaining.claims.stated import in_force
from replay.explaining.claims.statement_block import statement_block

NAN_AS_NULL = Writing(Pattern("state", "", "market_price", "d"), Sort.NAN, Taking.NULL)
REFUSED = Reading(Pattern("config"), Sort.INFINITY, Taking.REFUSED)
CUT = Reading(Pattern(kind="i"), Sort.FRACTION, Taking.CUT)
HEAD = '[[explanation]]\nname = "known"\nreason = "agreed"\nsigned = "Ada"\ndate = 2026-11-22\n'


def _edit() -> Edited:
    return edited(**{"in": ["count_loss"], "replace": "net < 0", "with": "net <= 0"})


def _signed(block: str) -> Explanation:
    block = block.replace('reason = ""', 'reason = "agreed"')
    (entry,) = parse_explanations(block.replace('signed = ""', 'signed = "Ada"')).entries
    return entry


def _read(block: str) -> list[Statement]:
    return [in_force(one, CORE) for one in _signed(block).statements]


def _bare(statement: Statement) -> object:
    return statement.edit.places if isinstance(statement, Edited) else statement


@pytest.mark.parametrize("statement", [_edit(), CUT, NAN_AS_NULL, REFUSED], ids=lambda s: s.kind)
def test_a_statement_of_each_kind_is_read_as_it_was_written(statement: Statement) -> None:
    block = statement_block("known", [statement], CORE)
    assert f"[[explanation.{statement.kind}]]" in block
    assert [_bare(one) for one in _read(block)] == [_bare(statement)]
    assert not _signed(block).is_note


def test_every_statement_that_can_be_made_of_a_step_is_read_as_it_was_written() -> None:
    step = one_step((1, 5.0), {"fee_rate": 0.1}, orders=[{**ENTRY, "price": 2.5, "odd": None}])
    leaves = [leaf for leaf in leaves_of(step) if leaf.field.name in ("price", "odd", "fee_rate")]
    made = {one for leaf in leaves for one in readings_of(leaf, Taking.ZERO)}
    assert len(made) > 50
    for taking in (*VALUES, *ENDS):
        made.add(Reading(Pattern("state"), Sort.ANY, taking))
    ordered = sorted(made, key=repr)
    read = _read(statement_block("all", ordered, CORE))
    assert set(read) == made
    # Readings of one value take effect one after the other.
    conditions = [one for one in ordered if one.taking in ENDS]
    assert read == conditions + [one for one in ordered if one.taking not in ENDS]


def test_statements_that_hold_together_stand_in_one_explanation() -> None:
    block = statement_block("both", [CUT, _edit()], CORE, today=datetime.date(2026, 11, 22))
    assert block.count("[[explanation]]") == 1
    assert [type(one) for one in _read(block)] == [Reading, Edited]
    assert "date = 2026-11-22 " in block


def test_a_block_is_refused_until_it_is_signed() -> None:
    with pytest.raises(InputError, match="reason is empty"):
        parse_explanations(statement_block("known", [CUT], CORE))


def test_names_of_any_characters_are_written() -> None:
    odd = Reading(Pattern("config", "", '\ud800 "\n', "?"), Sort.ANY, Taking.MISSING)
    assert _read(statement_block("odd", [odd], CORE)) == [odd]


@pytest.mark.parametrize(
    ("more", "line", "reason"),
    [
        ('[[explanation.reading]]\nvalue = "NaN"\nin = "**"', 6, "is is missing"),
        ('[[explanation.reading]]\nvalue = "a nan"\nin = "**"\nis = "trimmed"', 7,
         "value cannot be 'a nan'"),
        ('[[explanation.reading]]\nvalue = "NaN"\nin = "**"\nis = "refused"', 9,
         "is cannot be 'refused'"),
        ('[[explanation.condition]]\nvalue = "NaN"\nin = "**"\nis = "trimmed"', 9,
         "is cannot be 'trimmed' (there are refused, "),
        ('[[explanation.writing]]\nvalue = "NaN"\nin = "sate.now"\nis = "trimmed"', 6,
         "no document 'sate'"),
        ('[[explanation.reading]]\nvalue = "NaN"\nin = "**"\nbecomes = "null"', 6,
         "no key 'becomes'"),
        ('[[explanation.edit]]\nin = ["f"]', 6, "needs either a name or the text to replace"),
        ("reading = 1", 6, "is written as tables: [[explanation.reading]]"),
        ('event = "FillEvent"\n[[explanation.edit]]\nname = "truncates"', 6,
         "event cannot stand beside statements"),
        ('[[explanation.edit]]\nname = "truncates"\n[explanation.deviation]\nname = "truncates"', 8,
         "deviation cannot stand beside statements"),
        ('[[explanation.condition]]\nvalue = "NaN"\nin = "**"\nis = "refused"\n'
         '[[explanation.condition]]\nvalue = "null"\nin = "**"\nis = "trimmed"', 13,
         "is cannot be 'trimmed'"),
    ],
)  # fmt: skip
def test_a_bad_statement_is_refused_with_its_line(more: str, line: int, reason: str) -> None:
    with pytest.raises(InputError) as error:
        parse_explanations(HEAD + more + "\n", "its.toml")
    assert error.value.message.startswith(f'its.toml:{line}: [[explanation]] number 1 "known": ')
    assert reason in error.value.message
