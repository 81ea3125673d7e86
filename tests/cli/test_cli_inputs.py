"""Logs as they lie on a disk or come through a pipe: read whatever their names, and never green
over a part that was not read."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_support import PROGRAM, TESTS, checked, doge, environment
from stream_makers import as_bytes, journal, write

from replay.streams.zstd_frames import zstd_packed

sys.path.insert(0, str(TESTS / "gate"))

from telemetry_makers import TWO_DAYS, Bot, compact

FAULTY = TESTS.parent / "examples" / "forgets_fees.py"
NOT_READ = b"\x04\x22\x4d\x18 what lz4 makes of a log"


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input_is_read_from_its_first_byte(
    tmp_path: Path, lines: list[dict[str, Any]], pack: Any
) -> None:
    for command in (("run", "-"), ("run", "/dev/stdin"), ("corpus", "import", "-")):
        done = subprocess.run(
            [*PROGRAM, *command, "--json"], cwd=tmp_path, env=environment(),
            input=pack(as_bytes(lines)), capture_output=True, check=False,
        )  # fmt: skip
        ran = checked(done.returncode, done.stdout, done.stderr)
        assert ran.code == 0
        assert ran.json["rejected"] == []
        assert ran.json.get("transitions", ran.json.get("steps")) == len(lines)


def test_the_gate_takes_telemetry_from_standard_input(tmp_path: Path) -> None:
    text = compact(Bot().run(TWO_DAYS).documents)
    done = subprocess.run(
        [*PROGRAM, "gate", "-", "--json"], cwd=tmp_path, env=environment(),
        input=gzip.compress(text.encode()), capture_output=True, check=False,
    )  # fmt: skip
    ran = checked(done.returncode, done.stdout, done.stderr)
    assert (ran.code, ran.json["verdict"]) == (0, "PASS")
    assert ran.json["telemetry"]["set_aside_count"] == 0
    assert ran.json["telemetry"]["files"] == ["/dev/stdin"]


def test_a_divergence_in_a_rotated_file_behind_a_link_is_found(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    logs, disk = tmp_path / "logs", tmp_path / "disk2"
    logs.mkdir()
    disk.mkdir()
    (logs / "archive").symlink_to(disk)
    fills = [place for place, line in enumerate(lines) if line["event"]["type"] == "FillEvent"]
    cut = fills[-1] + 1
    (disk / "Events.JSONL.1.gz").write_bytes(gzip.compress(as_bytes(lines[:cut])))
    (logs / "chart.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    ran = doge(tmp_path, "run", "logs", "--shadow", FAULTY, "--json")
    assert ran.code == 1
    assert ran.json["transitions"] == cut
    assert ran.json["unread"] == [
        {"file": "logs/chart.png", "reason": "a picture", "doubtful": False}
    ]


def test_a_run_beside_a_log_that_cannot_be_read_proves_nothing(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    write(logs / "events_1.jsonl", lines[:100])
    assert doge(tmp_path, "run", "logs").code == 0
    (logs / "events_0.jsonl.lz4").write_bytes(NOT_READ)
    ran = doge(tmp_path, "run", "logs")
    assert ran.code == 4
    assert "the run proves nothing: a file that may be a log was not read" in ran.out
    assert "logs/events_0.jsonl.lz4: compressed with lz4, which is not read" in ran.out
    ran = doge(tmp_path, "corpus", "import", "logs", "--corpus", "c")
    assert ran.code == 2
    assert "100 steps" in ran.out
    assert "logs/events_0.jsonl.lz4: compressed with lz4" in ran.out
    ran = doge(tmp_path, "nightly", "--minutes", "0.01", "--import", "logs", "--json")
    assert ran.code == 4
    assert ran.json["unread_count"] == 1
    assert "events_0.jsonl.lz4" in (tmp_path / "reports" / "report.md").read_text()


@pytest.mark.parametrize("name", ["t.jsonl.1", "T.JSONL-20261122.gz", "x.ndjson", "t.log.old"])
def test_telemetry_of_any_name_is_judged(tmp_path: Path, name: str) -> None:
    bot = Bot().run(TWO_DAYS // 2)
    bot.block["transition_divergences"] += 1
    bot.block["total_divergences"] += 1
    text = compact(bot.run(TWO_DAYS // 2).documents).encode()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / name).write_bytes(gzip.compress(text) if ".gz" in name else text)
    ran = doge(tmp_path, "gate", "logs", "--json")
    assert ran.json["totals"]["total_divergences"] == 1
    assert ran.code != 0


def test_no_gate_passes_and_no_evidence_beside_telemetry_that_was_not_read(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "state_machine_shadow_1.jsonl").write_text(compact(Bot().run(TWO_DAYS).documents))
    (logs / "notes.md").write_text("all is well\n")
    ran = doge(tmp_path, "gate", "logs", "--json")
    assert (ran.code, ran.json["telemetry"]["unread_count"]) == (0, 1)
    (logs / "state_machine_shadow_0.jsonl.lz4").write_bytes(NOT_READ)
    ran = doge(tmp_path, "gate", "logs")
    assert ran.code == 4
    assert "state_machine_shadow_0.jsonl.lz4: compressed with lz4, which is not read" in ran.out
    ran = doge(tmp_path, "evidence", "logs", "--out", "e", "--json")
    assert (ran.code, ran.json["verdict"]) == (4, "INCONCLUSIVE")
    assert doge(tmp_path, "evidence", "verify", "e").code == 0
    # Who takes the file out of the manifest has not read it either.
    shutil.copytree(tmp_path / "e", tmp_path / "f")
    manifest = json.loads((tmp_path / "f" / "manifest.json").read_text())
    manifest["unread"] = []
    (tmp_path / "f" / "manifest.json").write_text(json.dumps(manifest))
    assert doge(tmp_path, "evidence", "verify", "f").code == 1


def test_a_packed_log_that_is_cut_off_makes_nothing_green(tmp_path: Path) -> None:
    """Nobody knows how many lines are missing; the last line of a plain log is one line."""
    text = as_bytes(journal(3_000))
    packed = zstd_packed(text)
    cut, plain = tmp_path / "events_1.jsonl.zst", tmp_path / "events_2.jsonl"
    cut.write_bytes(packed[: len(packed) * 3 // 10])
    plain.write_bytes(text[:20_000])
    ran = doge(tmp_path, "run", plain.name)
    assert (ran.code, "set aside  1 line\n" in ran.out, "damaged" in ran.out) == (0, True, False)
    ran = doge(tmp_path, "run", cut.name)
    assert ran.code == 4
    assert "the run proves nothing: 1 file could not be read as a whole" in ran.out
    assert "damaged    1 file, not read as a whole\n    events_1.jsonl.zst: line " in ran.out
    assert "the zstd data is cut off" in ran.out
    assert doge(tmp_path, "run", cut.name, "--shadow", FAULTY).code == 1
    ran = doge(tmp_path, "corpus", "import", ".", "--corpus", "c")
    assert (ran.code, "not read as a whole" in ran.out) == (2, True)
    telemetry = tmp_path / "t.jsonl"
    telemetry.write_text(compact(Bot().run(TWO_DAYS).documents))
    ran = doge(tmp_path, "gate", telemetry.name, "--journal", cut.name)
    assert (ran.code, "1 file not read to the end: events_1.jsonl.zst line " in ran.out) == (
        4,
        True,
    )
