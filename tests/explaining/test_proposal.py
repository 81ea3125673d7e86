"""The [[explanation]] that a cause would be."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from replay.differential.model import Signature
from replay.errors import InputError
from replay.explaining.claims.deviations import Deviation
from replay.explaining.claims.explanations import parse_explanations
from replay.explaining.claims.toml_text import toml_text
from replay.explaining.editing.editable import EditableCore
from replay.explaining.edits import edits_of
from replay.explaining.search.proposal import proposal

SIGNATURE = Signature("any event", "count the loss", "state.consecutive_losses_*", "value")


@pytest.fixture(scope="module")
def core() -> EditableCore:
    return EditableCore.open("python")


def signed(block: str) -> str:
    """The block as a person completes it."""
    return block.replace('reason = ""', 'reason = "known"').replace('signed = ""', 'signed = "A"')


def test_it_is_refused_until_a_person_has_signed_it_and_then_says_the_same_edit(
    core: EditableCore,
) -> None:
    edit = next(one for one in edits_of(core) if "net <= 0 else 0" in one.says)
    block = proposal(core, edit, SIGNATURE.id, SIGNATURE)
    with pytest.raises(InputError):
        parse_explanations(block)
    (entry,) = parse_explanations(signed(block)).entries
    assert (entry.rule, entry.field) == (("count the loss",), ("state.consecutive_losses_*",))
    assert entry.deviation is not None
    assert [(p.line, p.new) for p in entry.deviation.edit(core).places] == [
        (p.line, p.new) for p in edit.places
    ] or entry.deviation.edit(core).places != ()


def test_a_known_deviation_goes_by_its_name(core: EditableCore) -> None:
    deviation = Deviation("rounds by scaling", ("entries.exit_price",))
    block = proposal(core, deviation.edit(core), SIGNATURE.id, SIGNATURE)
    (entry,) = parse_explanations(signed(block)).entries
    assert entry.deviation is not None
    assert entry.deviation.name == "rounds by scaling"


def test_a_part_that_was_split_off_is_meant_by_its_id(core: EditableCore) -> None:
    edit = next(one for one in edits_of(core) if "net <= 0 else 0" in one.says)
    part = replace(SIGNATURE, part="small ones")
    (entry,) = parse_explanations(signed(proposal(core, edit, part.id, part))).entries
    assert (entry.buckets, entry.rule) == ((part.id,), ())


@pytest.mark.parametrize(
    "text", ['a "b" \\ c', "line\nend", "\x1b[31m\u202e", "\U0001f415", "\x7f"]
)
def test_any_text_can_be_written_and_has_nothing_that_a_terminal_obeys(text: str) -> None:
    written = toml_text(text)
    assert written.isprintable()
    assert tomllib.loads(f"x = {written}") == {"x": text}
