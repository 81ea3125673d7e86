"""Which cores are compared is told: what runs, what is on the disk, and that it has changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from shadow_bot import Bot, Journal, wait_for

from replay import core
from replay.shadow import ShadowOptions, cores_seen, wrap
from replay.shadow.cores_seen import CoreFiles
from replay.streams.lines import Line, read_lines


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_changes_is_told_from_what_runs(tmp_path: Path) -> None:
    file = tmp_path / "core"
    file.write_text("one")
    first = sha(file)
    files = CoreFiles(str(file), [str(file)], "1", None)
    assert not files.look()
    (tmp_path / "other").write_text("two")
    os.replace(tmp_path / "other", file)
    assert files.look()
    assert files.seen == {"path": str(file), "sha256": first, "on_disk": sha(file),
                          "version": "1", "changes": 1}  # fmt: skip
    # A process that is started later than the change knows what the one before it has seen.
    later = CoreFiles(str(file), [str(file)], "1", files.seen)
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


@pytest.mark.parametrize("kind", ["module", "package"])
def test_a_module_is_its_file_and_a_package_all_of_its_files(tmp_path: Path, kind: str) -> None:
    class Module:
        __file__ = str(tmp_path / ("one.py" if kind == "module" else "__init__.py"))

    for name in ("one.py", "two.py", "__init__.py"):
        (tmp_path / name).touch()
    count = len(cores_seen.python_sources(Module()))
    assert count == (1 if kind == "module" else 3)
