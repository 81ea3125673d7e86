"""Whoever reads an archive reads all of it: nothing is in it that its directory does not show."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from archive_mutator import HARMLESS, TAMPERED, Mutation, nameless

from replay.errors import InputError
from replay.findings.archive import zip_bytes
from replay.gate.package.sources import UNREADABLE, open_source

MEMBERS = {
    "manifest.json": b'{"format": "x"}' * 40,
    "triage.md": b"# Triage\n" * 30,
    "telemetry/one.jsonl": bytes(range(256)) * 9,
    "telemetry/two.jsonl": b"{}\n" * 500,
    "cases/d-1.zip": random.Random(1).randbytes(700),
}
TIMES = 12


def is_as_packed(path: Path) -> bool:
    """Whether nothing is wrong with an archive, and it holds just the members."""
    try:
        with open_source(path) as source:
            if source.problems or source.sizes.keys() != MEMBERS.keys():
                return False
            return all(source.open(name).read() == text for name, text in MEMBERS.items())
    except (InputError, *UNREADABLE):
        return False


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("mutation", TAMPERED, ids=lambda one: one.__name__)
def test_what_was_tampered_with_is_not_as_it_was(tmp_path: Path, mutation: Mutation) -> None:
    whole, path = zip_bytes(MEMBERS), tmp_path / "p.zip"
    for seed in range(TIMES):
        path.write_bytes(mutation(random.Random(seed), MEMBERS, whole))
        assert not is_as_packed(path), seed


@pytest.mark.parametrize("mutation", HARMLESS, ids=lambda one: one.__name__)
def test_what_was_packed_anew_is_as_it_was(tmp_path: Path, mutation: Mutation) -> None:
    whole, path = zip_bytes(MEMBERS), tmp_path / "p.zip"
    path.write_bytes(whole)
    assert is_as_packed(path)
    for seed in range(TIMES):
        path.write_bytes(mutation(random.Random(seed), MEMBERS, whole))
        with open_source(path) as source:
            assert source.problems == [], seed
        assert is_as_packed(path)


def test_a_member_without_a_name_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    members = {"n": b"what is this?"}
    path.write_bytes(nameless(random.Random(1), members, zip_bytes(members)))
    with open_source(path) as source:
        assert source.problems == ["it has a file without a name"]
