"""A fault has the same ID for ever: stored findings, bundles, notes and exported tests go by it.

The streams are those that ship, so that nothing here depends on what is generated. Only where the
corpus was made anew may the file of IDs be: `python tests/fuzzing/test_same_ids.py` writes it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from wrong_formulas import WRONG, Wrong, wrong_core

from replay.differential.lockstep import Lockstep
from replay.streams.corpus import segments_of
from replay.streams.model import Rejected, Segment
from replay.targets.python.module import open_python_target

ROOT = Path(__file__).parent.parent.parent
KEPT = ROOT / "tests" / "vectors" / "finding_ids.json"


@cache
def shipped() -> tuple[Segment, ...]:
    """The corpus in segments."""
    segments = []
    for item in segments_of([ROOT / "corpus"]):
        assert not isinstance(item, Rejected), item
        segments.append(item)
    return tuple(segments)


def ids_of(wrong: Wrong) -> list[str]:
    """The IDs of all that a wrong core shows on the corpus, sorted."""
    lockstep = Lockstep(open_python_target("python"), wrong_core(wrong))
    found = {finding.id for segment in shipped() for finding in lockstep.feed(segment)}
    return sorted(found | {finding.id for finding in lockstep.finish()})


@pytest.fixture(scope="module")
def kept() -> dict[str, list[str]]:
    ids: dict[str, list[str]] = json.loads(KEPT.read_text())
    return ids


@pytest.mark.parametrize("wrong", WRONG, ids=[wrong.name for wrong in WRONG])
def test_a_fault_has_the_id_that_it_always_had(wrong: Wrong, kept: dict[str, list[str]]) -> None:
    assert ids_of(wrong) == kept[wrong.name]


def test_the_ids_are_those_of_many_faults(kept: dict[str, list[str]]) -> None:
    shown = [ids for ids in kept.values() if ids]
    assert len(shown) >= 30
    assert len({finding for ids in shown for finding in ids}) >= 30


if __name__ == "__main__":
    text = json.dumps({wrong.name: ids_of(wrong) for wrong in WRONG}, indent=1)
    KEPT.write_text(text + "\n")
