"""`doge-replay gate`: verdicts as exit codes, and what it prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from cli_support import TESTS, doge

sys.path.insert(0, str(TESTS / "gate"))

from shadowed import (
    ENTRIES,
    EXITS,
    FAULTY,
    faulty_shadow,
    marked_journal,
    two_days,
    write_live,
)
from telemetry_makers import TWO_DAYS, Bot, compact, pretty, write


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    lines = marked_journal(faulty_shadow())
    return write_live(tmp_path_factory.mktemp("logs"), lines, two_days(lines))


def test_a_pass_exits_0_and_names_every_criterion(tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", pretty(Bot().run(TWO_DAYS).documents))
    ran = doge(tmp_path, "gate", file, env={"NO_COLOR": "1"})
    assert ran.code == 0
    assert ran.err == ""
    assert ran.out.startswith("gate: PASS (48 h 00 min of 48 h 00 min covered, ")
    for words in (
        "pass 1: shadow_failures == 0 (or only transient startup noise",
        "pass 2: No high-severity divergence clusters",
        "pass 3: No operator-visible instability attributable to shadow path",
        "pass 4: Divergences (if any) are explained, reproducible, and triaged",
        "fail 1: Persistent or rising shadow_failures",
        "fail 2: Repeated divergence on common hot-path events",
        "fail 3: Any evidence of shadow path impacting authoritative behavior",
        "latency is absent",
        "with 95 % confidence",
    ):
        assert words in ran.out
    assert list(tmp_path.iterdir()) == [file]


def test_a_fail_exits_1_and_says_what_would_make_a_pass(tmp_path: Path) -> None:
    bot = Bot().run(100).diverge().run(100).diverge().run(TWO_DAYS)
    ran = doge(tmp_path, "gate", write(tmp_path / "t.jsonl", compact(bot.documents)))
    assert ran.code == 1
    assert ran.out.startswith("gate: FAIL")
    assert "for a pass it would have to be true that" in ran.out


def test_an_inconclusive_one_exits_4_and_names_what_is_set_aside(tmp_path: Path) -> None:
    text = compact(Bot().run(10).documents) + "\x1b[31mno telemetry\n" + '{"ts":"2026'
    ran = doge(tmp_path, "gate", write(tmp_path / "t.jsonl", text))
    assert ran.code == 4
    assert "t.jsonl:11: is no JSON object" in ran.out
    assert "t.jsonl:12: is half an object: the file ends there" in ran.out
    assert "47 h 50 min more are covered" in ran.out


def test_texts_from_the_telemetry_are_harmless(tmp_path: Path) -> None:
    bot = Bot().run(1).fail(1, "\x1b]0;x\x07<script>|`*\u202e").run(100)
    bot.diverge("\x1b[2J<img src=x>").run(100)
    file = write(tmp_path / "t.jsonl", compact(bot.documents))
    for option in ((), ("--json",), ("--markdown",)):
        ran = doge(tmp_path, "gate", file, *option)
        assert ran.code == 4
    assert "<script>" not in ran.out
    assert "<img" not in ran.out


def test_bad_input_exits_2(tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", compact(Bot().run(1).documents))
    assert doge(tmp_path, "gate").code == 2
    assert "no such file" in doge(tmp_path, "gate", "none.jsonl").line
    assert "no such file" in doge(tmp_path, "gate", file, "--journal", "none.jsonl").line
    ran = doge(tmp_path, "gate", file, "--journal", file, "--db", "none.db")
    assert (ran.code, ran.line) == (2, "doge-replay: there is no database none.db")
    ran = doge(tmp_path, "gate", file, "--journal", file, "--explanations", "none.toml")
    assert ran.code == 2
    assert doge(tmp_path, "gate", file, "--json", "--markdown").code == 2


def test_a_core_that_cannot_start_exits_3(live: tuple[Path, Path], tmp_path: Path) -> None:
    telemetry, journal = live
    ran = doge(tmp_path, "gate", telemetry, "--journal", journal, "--shadow", "./none")
    assert ran.code in (2, 3)
    broken = write(tmp_path / "broken", "#!/bin/sh\nexit 7\n")
    broken.chmod(0o755)
    assert doge(tmp_path, "gate", telemetry, "--journal", journal, "--shadow", broken).code == 3


def test_from_a_triaged_database_to_a_pass(live: tuple[Path, Path], tmp_path: Path) -> None:
    telemetry, journal = live
    (tmp_path / "explanations.toml").write_text(ENTRIES)
    assert doge(tmp_path, "run", journal, "--shadow", FAULTY).code == 1
    asked = ("gate", telemetry, "--journal", journal, "--shadow", FAULTY)
    before = (tmp_path / "divergences.db").read_bytes()
    ran = doge(tmp_path, *asked)
    assert ran.code == 1
    assert "d-6e01b049 (FillEvent, 2 divergences) is not explained and not triaged" in ran.out
    assert doge(tmp_path, "triage", "d-6e01b049", "--note", "known").code == 0
    ran = doge(tmp_path, *asked)
    assert "d-6e01b049 (FillEvent, 2 divergences) is not explained;" not in ran.out
    assert "is not explained and not triaged" not in ran.out
    (tmp_path / "explanations.toml").write_text(ENTRIES + EXITS)
    ran = doge(tmp_path, *asked, "--json")
    assert ran.code == 0
    document = ran.json
    assert document["verdict"] == "PASS"
    assert document["divergence_count"] == 6
    assert [one["journal"].rpartition(":")[2] for one in document["divergences"]] == [
        *("28", "103", "116", "142", "152", "174")
    ]
    assert {(one["id"], one["stored"], one["triaged"]) for one in document["buckets"]} == {
        ("d-6e01b049", True, True),
        ("d-b96bf98f", True, True),
    }
    assert ran.out == doge(tmp_path, *asked, "--json").out
    assert json.dumps(document)
    assert before != b""
