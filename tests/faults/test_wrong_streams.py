"""What a checksum vouches for are bytes; the form of a stream is looked at all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from flipped_databases import run_here
from wrong_streams import TICK, Parts, try_streams, write

from replay.streams.corpus import Corpus


def test_a_stream_that_is_called_good_can_be_run_and_no_other_form_is_a_fault_of_ours(
    tmp_path: Path,
) -> None:
    counts, wrong = try_streams(tmp_path, run_here, every=4)
    assert wrong == []
    assert counts["forms"] > 50
    assert counts["damaged"] > 35


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (Parts(steps=([[0, 0.2]],)), "its step 1 is a call of no known form"),
        (Parts(steps=([TICK, 5],)), "its step 1 sets something that cannot be set"),
        (Parts(origin=5), "its origin is no text"),
        (Parts(end={"steps": 1}), "its end has not what it should"),
        (Parts(lines=["x"]), "has no steps as they should be"),
    ],
)
def test_verify_names_what_is_wrong_and_the_others_are_run(
    tmp_path: Path, parts: Parts, reason: str
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    assert write(Parts(), corpus) is not None
    path = write(parts, tmp_path)
    assert path is not None
    path.rename(corpus / ("0" * 64 + path.suffix) if parts.steps == Parts().steps
                else corpus / path.name)  # fmt: skip
    faults = Corpus(corpus).verify().faults
    assert [reason in fault.reason for fault in faults] == [True], faults
    code, text = run_here("run", "--corpus", str(corpus), "--shadow", "python", "--db",
                          str(tmp_path / "d.db"))  # fmt: skip
    assert code == 0, text
    assert "compared   1 transition" in text
    assert reason in text, "what is set aside is named"
