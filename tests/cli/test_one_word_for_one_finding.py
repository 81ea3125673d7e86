"""A finding is told in the same words wherever it is listed, and counts that differ say why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli_support import TESTS, doge

from replay.findings.account import CauseAccount, StoredCause
from replay.findings.selection import buckets_words
from replay.findings.store.store import Store
from replay.gate.verdict_text import _unread
from replay.streams.model import Unread

EXAMPLES = TESTS.parent / "examples"
BOOKED = "d-6e01b049"
"""What booking a cycle does, which several events can."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    ran = doge(folder, "run", EXAMPLES / "journal.jsonl", "--shadow", EXAMPLES / "forgets_fees.py")
    (row,) = [line for line in ran.out.splitlines() if line.startswith(BOOKED)]
    assert re.split(r"\s{2,}", row)[2] == "FillEvent"
    return folder


def test_lists_name_the_event_of_the_case_and_a_finding_says_that_it_is_not_the_only_one(
    folder: Path,
) -> None:
    (row,) = [line for line in doge(folder, "list").out.splitlines() if line.startswith(BOOKED)]
    assert re.split(r"\s{2,}", row)[3] == "FillEvent"
    head = doge(folder, "show", BOOKED).out.splitlines()[0]
    assert head.startswith(f"{BOOKED}: FillEvent or another event, book a cycle, ")
    tsv = doge(folder, "list", "--tsv", "--columns", "id,event").out
    assert f"{BOOKED}\tany event" in tsv.splitlines(), "scripts read the bucket's own"


def test_places_that_are_the_same_are_one_line(folder: Path) -> None:
    places = [one for one in doge(folder, "show", BOOKED).out.splitlines() if "  run 1  " in one]
    assert len(places) == len(set(places))


def test_stored_buckets_say_of_which_sorts_they_are(folder: Path) -> None:
    with Store.open(folder / "divergences.db", readonly=True) as store:
        findings = store.findings()
    assert buckets_words(findings) == "2 stored buckets"
    assert buckets_words([]) == "0 stored buckets"


def test_a_folder_of_files_that_are_no_telemetry_is_one_row_and_what_may_be_a_log_its_own() -> None:
    corpus = [Unread(f"kept/{name}.stream", "a corpus stream", False) for name in "abcd"]
    doubtful = [Unread(f"kept/{name}.log", "text", True) for name in "abcd"]
    assert _unread([*corpus, *doubtful]) == [
        "kept/: 4 files, each a corpus stream",
        *(f"kept/{name}.log: text (MAY BE A LOG)" for name in "abcd"),
    ]
    assert _unread(corpus[:1]) == ["kept/a.stream: a corpus stream"]


def test_explain_says_first_what_the_stored_causes_have_part_in(folder: Path) -> None:
    parts = {
        "c-00000001": ("accounts for nothing yet, not verified", False),
        "c-00000002": ("accounts for the fee", True),
    }
    causes = tuple(
        StoredCause(identity, "edit", says, says, "", verified, 3, 0, (BOOKED,))
        for identity, (says, verified) in parts.items()
    )
    with Store.open(folder / "divergences.db", create=False) as store:
        store.record_account(CauseAccount(causes, {BOOKED: 1}))
    core = EXAMPLES / "forgets_fees.py"
    shown = doge(folder, "show", BOOKED).out.splitlines()
    same = [line for line in shown if line.startswith("cause      ")]
    assert len(same) == 2
    told = doge(folder, "explain", BOOKED, "--shadow", core, "--seconds", 0.1).out.splitlines()
    assert told[0].startswith(f"{BOOKED}: `causes` found at ")
    assert told[0].endswith(" UTC, for not all that was asked of it:")
    assert told[1:4] == [*same, ""]
    asked = doge(folder, "explain", BOOKED, "--shadow", core, "--seconds", 0.1, "--json").json
    assert [one["id"] for one in asked["known"]] == sorted(parts)
