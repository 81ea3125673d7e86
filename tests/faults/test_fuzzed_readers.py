"""A choice of `scripts/fuzz-readers`: files that are nearly right are taken, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzzed_readers import READERS, Reader, try_reader

INPUTS = 60


@pytest.mark.parametrize("reader", READERS, ids=lambda one: one.name)
def test_no_reader_fails_in_an_unnamed_way_or_takes_one_thing_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: Reader
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    counts, wrong = try_reader(reader, tmp_path / "fuzzed", INPUTS, 1)
    assert wrong == []
    assert counts["inputs"] == INPUTS
