"""Which cores are compared is told: what runs, what is on the disk, and that it has changed."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from runbook_support import doge
from shadow_bot import Bot, Journal, wait_for

from replay import core
from replay.shadow import ShadowOptions, cores_seen, wrap
from replay.shadow.cores_seen import CoreFiles, program_file
from replay.streams.lines import Line, read_lines
from replay.targets.python.source_files import source_files


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_changes_is_told_from_what_runs(tmp_path: Path) -> None:
    file = tmp_path / "core"
    file.write_text("one")
    first = sha(file)
    files = CoreFiles(str(file), program_file, "1", None)
    assert not files.look()
    (tmp_path / "other").write_text("two")
    os.replace(tmp_path / "other", file)
    assert files.look()
    assert files.seen == {"path": str(file), "sha256": first, "on_disk": sha(file),
                          "version": "1", "changes": 1}  # fmt: skip
    # A process that is started later than the change knows what the one before it has seen.
    later = CoreFiles(str(file), program_file, "1", files.seen)
    assert later.seen == files.seen
    later.started()
    assert later.seen["sha256"] == sha(file)
    file.unlink()
    assert later.look()
    assert (later.seen["on_disk"], later.seen["changes"]) == ("", 2)


def test_the_status_and_the_journal_say_which_cores_run(core_exe: str, tmp_path: Path) -> None:
    adapter = wrap(core, ShadowOptions(shadow=True, executable=core_exe, journal=tmp_path))
    Bot(adapter).run(5)
    assert adapter.drain(60)
    seen: dict[str, Any] = adapter.get_shadow_metrics()["adapter"]["cores"]
    adapter.close()
    assert seen["shadow"]["sha256"] == seen["shadow"]["on_disk"] == sha(Path(core_exe))
    assert seen["shadow"]["path"] == os.path.abspath(core_exe)
    assert seen["shadow"]["version"] not in ("", "unknown")
    assert seen["authority"]["path"] == os.path.abspath(str(core.__file__))
    (file,) = tmp_path.iterdir()
    lines = [json.loads(line.data) for line in read_lines(file) if isinstance(line, Line)]
    full = [one for one in lines if "state" in one]
    assert full
    hashes = {side: one["sha256"] for side, one in seen.items()}
    assert all(one["cores"] == hashes for one in full)
    assert not Journal(tmp_path).rejected


def test_an_executable_exchanged_under_a_running_bot_is_noticed(
    core_exe: str, tmp_path: Path
) -> None:
    exe = tmp_path / "doge-core-exe"
    shutil.copy(core_exe, exe)
    adapter = wrap(core, ShadowOptions(shadow=True, executable=str(exe), timeout=60.0))
    bot = Bot(adapter)
    bot.run(5)
    assert adapter.drain(60)
    former = sha(exe)
    with (tmp_path / "new").open("wb") as file:
        file.write(exe.read_bytes() + b"\0")
    os.chmod(tmp_path / "new", 0o755)
    os.replace(tmp_path / "new", exe)

    def noticed() -> bool:
        seen: dict[str, Any] = adapter.get_shadow_metrics()["adapter"]["cores"]["shadow"]
        return bool(seen["changes"])

    wait_for(noticed, "the change")
    seen = adapter.get_shadow_metrics()["adapter"]["cores"]["shadow"]
    adapter.close()
    assert (seen["sha256"], seen["on_disk"], seen["changes"]) == (former, sha(exe), 1)
    assert cores_seen.LOOK_EVERY < 60.0


def test_a_helper_exchanged_under_a_running_bot_is_another_authority(
    core_exe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_sizes.py").write_text("LEAST = 5.0\n")
    machine = tmp_path / "their_machine.py"
    machine.write_text("from replay.core import *\nfrom their_sizes import LEAST\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    adapter = wrap(
        importlib.import_module("their_machine"), ShadowOptions(shadow=True, executable=core_exe)
    )
    bot = Bot(adapter)
    bot.run(3)
    assert adapter.drain(60)
    assert authority_of(adapter)["sha256"] == source_files(machine).sha256()
    (tmp_path / "their_sizes.py").write_text("LEAST = 6.0\n")
    wait_for(lambda: bool(authority_of(adapter)["changes"]), "the change")
    seen = authority_of(adapter)
    adapter.close()
    assert (seen["on_disk"], seen["changes"]) == (source_files(machine).sha256(), 1)


def authority_of(adapter: Any) -> dict[str, Any]:
    seen: dict[str, Any] = adapter.get_shadow_metrics()["adapter"]["cores"]["authority"]
    return seen


def test_a_run_says_that_its_journal_was_recorded_with_other_cores(
    core_exe: str, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    adapter = wrap(core, ShadowOptions(shadow=True, executable=core_exe, journal=logs))
    Bot(adapter).run(5)
    assert adapter.drain(60)
    adapter.close()
    other = tmp_path / "doge-core-exe"
    other.write_bytes(Path(core_exe).read_bytes() + b"\0")
    other.chmod(0o755)
    given = ("run", logs, "--db", tmp_path / "a.db", "--json", "--shadow")
    code, out, _ = doge(tmp_path, *given, core_exe)
    (same,) = json.loads(out)["recorded_cores"]
    assert (code, same["are_these"]) == (0, True)
    assert same["lines"] >= 1
    code, out, _ = doge(tmp_path, *given, other)
    (another,) = json.loads(out)["recorded_cores"]
    assert (code, another) == (0, {**same, "are_these": False})
    _, out, _ = doge(tmp_path, *given[:-2], *given[-1:], other)
    words = f"with another shadow ({sha(Path(core_exe))[:12]}, here {sha(other)[:12]})"
    assert f"recorded   {words}" in out
