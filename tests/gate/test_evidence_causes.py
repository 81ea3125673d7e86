"""Causes in an evidence package: told, made again by `verify`, and without a say in the verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from evidence_support import Packed, make_package
from telemetry_makers import write
from test_verify import resealed

from replay.findings.account import CauseAccount, StoredCause
from replay.findings.bundle import read_bundle
from replay.findings.store.store import RunKind, Store
from replay.gate.package.verification import verify_package
from replay.gate.verdict_text import text_lines

BUCKETS = ("d-6e01b049", "d-b96bf98f")


@pytest.fixture(scope="module")
def with_causes(packed: Packed, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """The same with a database in which causes were looked for: one is behind a bucket."""
    folder = tmp_path_factory.mktemp("known")
    database = folder / "divergences.db"
    cases = [read_bundle(write(folder / "c.zip", packed.members[f"cases/{one}.zip"])).finding
             for one in BUCKETS]  # fmt: skip
    replayed = packed.evidence.verdict.replayed
    assert replayed is not None
    assert replayed.authority is not None
    assert replayed.shadow is not None
    with Store.open(database) as store:
        run = store.begin_run(RunKind.RUN, replayed.authority, replayed.shadow, {})
        for case in cases:
            store.record(run, case)
        evil = "<script>alert(1)</script>\x1b[31m"
        cause = StoredCause("c-0000000a", "edit", f"fees were left out {evil}", "x", "", True, 7, 0,
                            BUCKETS[:1])  # fmt: skip
        store.record_account(CauseAccount((cause,), kept=4, kept_right=4))
        store.triage_cause(cause.id, who="ada", owner="anna", note="as agreed")
    return make_package(folder, db=database)


def test_causes_are_in_it_and_count_for_nothing(packed: Packed, with_causes: Packed) -> None:
    page, document = with_causes.text("causes.html"), json.loads(with_causes.text("causes.json"))
    (cause,) = document["causes"]
    assert (cause["id"], cause["findings"], cause["owner"]) == (
        *("c-0000000a", [BUCKETS[0]]),
        "anna",
    )
    assert "fees were left out &lt;script&gt;" in page
    assert "as agreed" in page
    assert page.index(BUCKETS[0]) < page.index("No cause known") < page.index(BUCKETS[1])
    assert "causes.html" in with_causes.text("index.html")
    assert "causes.html" not in packed.members
    assert with_causes.evidence.verdict.verdict is packed.evidence.verdict.verdict
    lines = text_lines(with_causes.evidence.verdict)
    places = [next(place for place, line in enumerate(lines) if line.strip().startswith(one))
              for one in ("c-0000000a", BUCKETS[0], "no cause known", BUCKETS[1])]  # fmt: skip
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["causes.html", "causes.json"])
def test_pages_of_causes_are_made_again_too(with_causes: Packed, tmp_path: Path, name: str) -> None:
    where, _ = with_causes.write(tmp_path)
    assert verify_package(where).is_sound
    member = name.replace(".", "_dot_")
    changed = with_causes.members[name].replace(b"anna", b"otto")
    for folder in ("r", "g"):
        (tmp_path / folder).mkdir()
    result = resealed(with_causes, tmp_path / "r", **{member: changed})
    assert result.problems == [f"{name} does not say what judging again comes to"]
    result = resealed(with_causes, tmp_path / "g", **{member: None})
    assert result.problems == [f"{name} does not say what judging again comes to"]
