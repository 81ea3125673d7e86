"""`preflight`: what would stand in the way of a shadow run is told before it begins."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from cli_support import Ran, doge

EXAMPLE = Path(__file__).parents[2] / "examples" / "forgets_fees.py"


@pytest.fixture
def ready(core_exe: str) -> dict[str, str]:
    """An environment as the runbook sets it."""
    return {
        "DOGE_CORE_BACKEND": "python",
        "DOGE_CORE_SHADOW": "1",
        "DOGE_CORE_EXE": core_exe,
        "DOGE_CORE_JOURNAL": "journal",
    }


def troubles(ran: Ran) -> dict[str, str]:
    return {one["area"]: one["says"] for one in ran.json["checks"] if not one["ok"]}


def test_all_ready_ends_with_a_line_for_the_notes(tmp_path: Path, ready: dict[str, str]) -> None:
    ran = doge(tmp_path, "preflight", env=ready)
    assert ran.code == 0, ran.out
    *checks, empty, title, line = ran.out.splitlines()
    assert (empty, title) == ("", "for the notes of the change:")
    assert all(one.startswith("ok  ") for one in checks)
    assert line.startswith("preflight 20")
    assert ": ready; authority python " in line
    assert line.count("SHA-256") == 2
    assert "all agree" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "area"),
    [
        ({"DOGE_CORE_SHADOW": "0"}, "environment"),
        ({"DOGE_CORE_SHADOW": "maybe"}, "environment"),
        ({"DOGE_CORE_BACKEND": "haskell", "DOGE_CORE_SHADOW": ""}, "environment"),
        ({"DOGE_CORE_EXE": "/nowhere/doge-core-exe"}, "shadow"),
        ({"DOGE_CORE_JOURNAL": ""}, "journal"),
        ({"DOGE_CORE_JOURNAL": "/proc/here"}, "journal"),
        ({"PORT": "many"}, "port"),
    ],
)
def test_what_stands_in_the_way_is_3_and_named(
    tmp_path: Path, ready: dict[str, str], changed: dict[str, str], area: str
) -> None:
    ran = doge(tmp_path, "preflight", "--json", env=ready | changed)
    assert ran.code == ran.json["exit"] == 3
    assert area in troubles(ran)
    assert f"NOT READY ({area}" in ran.json["line"]


def test_an_executable_that_the_bot_would_not_ask_is_named(
    tmp_path: Path, ready: dict[str, str], core_exe: str
) -> None:
    link = tmp_path / "the-same"
    link.symlink_to(core_exe)
    assert doge(tmp_path, "preflight", "--shadow", link, env=ready).code == 0
    other = tmp_path / "another"
    other.write_bytes(Path(core_exe).read_bytes())
    other.chmod(0o755)
    ran = doge(tmp_path, "preflight", "--shadow", other, "--json", env=ready)
    assert "but" in troubles(ran)["environment"]


def test_cores_that_differ_are_1(tmp_path: Path, ready: dict[str, str]) -> None:
    ran = doge(tmp_path, "preflight", "--authority", EXAMPLE, "--json", env=ready)
    assert ran.code == 1
    assert list(troubles(ran)) == ["steps"]
    steps = troubles(ran)["steps"]
    assert "differ (FillEvent or another event, book a cycle, state.total_fees, value; " in steps
    assert "FillEvent, entry fill, state.total_fees, value); none was stored" in steps
    assert "d-" not in steps  # the ID of what is stored nowhere is of no use
    (command,) = (one["next"] for one in ran.json["checks"] if one["next"])
    assert f"fuzz --profile live --authority {EXAMPLE}" in command
    assert command not in ran.json["line"], "a note of a change holds no command"


def test_a_module_without_the_names_of_a_state_machine_is_3(
    tmp_path: Path, ready: dict[str, str]
) -> None:
    (tmp_path / "state_machine.py").write_text("def transition(): ...\n")
    ran = doge(tmp_path, "preflight", "--authority", "state_machine.py", "--json", env=ready)
    assert ran.code == 3
    assert "has no " in troubles(ran)["authority"]
    assert ran.json["authority"] is None


def test_room_for_48_hours_goes_by_the_calls(tmp_path: Path, ready: dict[str, str]) -> None:
    ran = doge(tmp_path, "preflight", "--calls-per-hour", 1e15, "--json", env=ready)
    assert "GB" in troubles(ran)["journal"]


def test_a_port_in_use_is_told_and_stands_in_nobodys_way(
    tmp_path: Path, ready: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        ran = doge(tmp_path, "preflight", env=ready | {"PORT": port})
    assert ran.code == 0
    assert f"something listens on 127.0.0.1:{port}" in ran.out


def test_a_clock_before_the_core_was_written_is_wrong(
    tmp_path: Path, ready: dict[str, str], core_exe: str
) -> None:
    later = tmp_path / "doge-core-exe"
    later.write_bytes(Path(core_exe).read_bytes())
    later.chmod(0o755)
    os.utime(later, (4e9, 4e9))
    ran = doge(tmp_path, "preflight", "--json", env=ready | {"DOGE_CORE_EXE": str(later)})
    assert "the clock is wrong" in troubles(ran)["clock"]
