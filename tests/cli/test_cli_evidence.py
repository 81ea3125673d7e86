"""`doge-replay evidence` and `evidence verify`, as an operator and an auditor run them, and
`gate --rehearsal`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_support import PROGRAM, TESTS, Ran, checked, doge, environment, start

sys.path.insert(0, str(TESTS / "gate"))

from shadowed import ENTRIES, EXITS, faulty_shadow, hash_of, marked_journal, two_days, write_live
from telemetry_makers import TWO_DAYS, Bot, compact, cores_of, write

from replay import core
from replay.cli.main import run_cli

Run = Callable[..., Ran]
FAULTY = TESTS.parent / "examples" / "forgets_fees.py"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log directory of two days with a faulty shadow: telemetry and journal side by side."""
    folder = tmp_path_factory.mktemp("bot")
    (folder / "logs").mkdir()
    lines = marked_journal(faulty_shadow())
    write_live(folder / "logs", lines, two_days(lines))
    (folder / "explanations.toml").write_text(ENTRIES + EXITS)
    return folder


@pytest.fixture(scope="module")
def made(live: Path) -> Ran:
    return doge(live, "evidence", "logs/", "--journal", "logs/", "--shadow", FAULTY,
                "--out", "logs/evidence", "--signed-by", "Ada Lovelace", "--signed-at",
                "2026-11-24T12:00:00Z", "--json")  # fmt: skip


def test_two_days_make_a_package_with_the_gate_s_code(live: Path, made: Ran) -> None:
    assert made.code == 0
    assert (made.json["verdict"], made.json["exit"]) == ("PASS", 0)
    assert made.json["archive"] == "logs/evidence.zip"
    out = live / "logs" / "evidence"
    assert sorted(made.json["files"]) == sorted(
        str(path.relative_to(out)) for path in out.rglob("*.*")
    )
    manifest = json.loads((out / "manifest.json").read_text())
    assert [one["name"] for one in manifest["telemetry"]] == [
        "state_machine_shadow_20260126T000000Z.jsonl"
    ]
    assert [one["name"] for one in manifest["journals"]] == ["events_20260126T000000Z.jsonl"]


def test_it_is_verified_on_a_machine_that_has_nothing_else(
    live: Path, made: Ran, tmp_path: Path
) -> None:
    shutil.copy(live / "logs" / "evidence.zip", tmp_path / "from-elsewhere.zip")
    mark = made.json["fingerprint"]
    env = {"DOGE_CORE_EXE": "/nonexistent"}
    ran = doge(tmp_path, "evidence", "verify", "from-elsewhere.zip", "--expect", mark, env=env)
    assert ran.code == 0
    assert (
        ran.out.splitlines()[0] == f"evidence: sound, {len(made.json['files'])} files, verdict PASS"
    )
    assert "counted and judged again from its telemetry: the same" in ran.out
    assert "signed off by Ada Lovelace at 2026-11-24T12:00:00Z" in ran.out
    shutil.copytree(live / "logs" / "evidence", tmp_path / "e")
    (tmp_path / "e" / "triage.md").write_text("\x1b[31mnothing\n")
    ran = doge(tmp_path, "evidence", "verify", "e", "--json", env=env)
    assert ran.code == 1
    assert ran.json["problems"][0].startswith("triage.md has ")
    assert doge(tmp_path, "evidence", "verify", "from-elsewhere.zip", "--expect", "00").code == 1


def test_a_package_among_the_logs_is_nothing_to_replay(live: Path, made: Ran) -> None:
    assert made.code == 0
    ran = doge(live, "run", "logs", "--shadow", FAULTY, "--db", "other.db", "--json")
    assert ran.json["rejected"] == []
    assert sum(one["occurrences"] for one in ran.json["divergences"]) == 6


def test_its_cases_are_run_by_repro_anywhere(live: Path, made: Ran, tmp_path: Path) -> None:
    case = live / "logs" / "evidence" / "cases" / "d-6e01b049.zip"
    assert doge(tmp_path, "repro", case, "--shadow", FAULTY).code == 1
    assert doge(tmp_path, "repro", case).code == 0  # the real executable


def test_the_real_executable_agrees_and_passes(core_exe: str, tmp_path: Path) -> None:
    lines = marked_journal(core)
    telemetry, journal = write_live(tmp_path, lines, two_days(lines, shadow=core_exe))
    ran = doge(tmp_path, "evidence", telemetry, "--journal", journal, "--shadow", core_exe,
               "--out", "evidence")  # fmt: skip
    assert ran.code == 0
    assert ran.out.startswith("gate: PASS (48 h 00 min")
    assert "evidence/index.html" in ran.out
    assert not (tmp_path / "evidence" / "cases").exists()


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs the command line in this process, in an empty directory: a process of its own for each
    call would take most of the time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DOGE_REPLAY_DB", raising=False)

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        code = run_cli([*map(str, arguments)])
        said = capsys.readouterr()
        return checked(code, said.out.encode(), said.err.encode())

    return run


def test_codes_are_the_gate_s_and_bad_calls_write_nothing(here: Run, tmp_path: Path) -> None:
    bot = Bot().run(100).diverge().run(100).diverge().run(100)
    bad = write(tmp_path / "bad.jsonl", compact(bot.documents))
    short = write(tmp_path / "short.jsonl", compact(Bot().run(3).documents))
    assert here("evidence", bad, "--out", "fail").code == 1
    assert here("evidence", "pack", short, "--out", "open").code == 4
    before = sorted(tmp_path.iterdir())
    for arguments in (
        [short],
        [short, "--out", "fail"],
        [short, "--out", "..", "--force"],
        [short, "--out", ".", "--force"],
        [short, "--out", "x", "--signed-at", "2026-11-24T12:00:00Z"],
        [short, "--out", "x", "--signed-by", "Ada", "--signed-at", "noon"],
        [short, "--out", "x", "--signed-by", " "],
        ["none.jsonl", "--out", "x"],
        ["verify", "short.jsonl"],
        ["verify", "none"],
        ["--out", "x"],
    ):
        assert here("evidence", *arguments).code == 2, arguments
    assert here("evidence", short, "--out", "x", "--shadow", "./none").code in (2, 3)
    assert sorted(tmp_path.iterdir()) == before
    assert here("evidence", short, "--out", "fail", "--force").code == 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ended_half_way_it_leaves_no_half_package(
    live: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(tmp_path, "evidence", live / "logs", "--journal", live / "logs", "--shadow",
                    FAULTY, "--out", tmp_path / "e")  # fmt: skip
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.8)
    os.kill(process.pid, number)
    process.communicate(timeout=60)
    assert not (tmp_path / "e").exists()
    assert not (tmp_path / "e.zip").exists()


def test_a_rehearsal_is_passed_only_where_it_is_said_to_be_one(
    here: Run, tmp_path: Path, core_exe: str
) -> None:
    host = Bot(adapter=True)
    host.cores = cores_of(shadow=hash_of(core_exe))
    for _ in range(TWO_DAYS):
        host.extra = {"clock": {"now": host.now + 60.0, "speed": 600.0}}
        host.run(1)
    file = write(tmp_path / "state_machine_shadow_1.jsonl", compact(host.documents))
    ran = here("gate", file)
    assert ran.code == 4
    assert "gate: REHEARSAL at 600 times real time: INCONCLUSIVE" in ran.out
    assert "this is a rehearsal, and was not asked for" in ran.out
    assert "(or --rehearsal is given)" in ran.out
    ran = here("gate", file, "--rehearsal")
    assert ran.code == 0
    assert ran.out.startswith("gate: REHEARSAL at 600 times real time: PASS (48 h")
    assert ran.out.splitlines()[1].startswith("A rehearsal shows that everything works. It passes")
    assert "**A rehearsal" in here("gate", file, "--rehearsal", "--markdown").out
    said = here("gate", file, "--rehearsal", "--json").json["rehearsal"]
    assert said["told"] == "rehearsal at 600 times real time"
    assert here("evidence", file, "--rehearsal", "--shadow", core_exe, "--out", "e").code == 0
    ran = here("evidence", "verify", "e.zip")
    assert ran.out.splitlines()[0].endswith("verdict PASS (a rehearsal at 600 times real time)")


def test_a_disk_without_room_leaves_nothing_and_is_3(live: Path, tmp_path: Path) -> None:
    """A limit on the size of files is a disk that is full; the cores' own files are smaller."""
    script = f"ulimit -f 40; exec {' '.join(PROGRAM)} evidence {live / 'logs'} --out {tmp_path}/e"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment(TMPDIR=str(tmp_path)),
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
