"""Code that a directory of somebody else names is run only where somebody said so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from replay.cli.main import run_cli
from replay.errors import UsageError
from replay.runs.commands import commands_of
from replay.settings import load_settings

STRANGER = 12_345


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, in which what a test hands over belongs to somebody else."""
    monkeypatch.chdir(tmp_path)
    for name in ("DOGE_CORE_EXE", "DOGE_REPLAY_AUTHORITY", "DOGE_REPLAY_TRUSTED", "SUDO_UID"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def hand_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only root can give a file away; for others all files are somebody else's from now on."""
    if os.geteuid() == 0:
        os.chown(path, STRANGER, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: STRANGER)


def write(folder: Path, name: str) -> Path:
    contents = {
        "pyproject.toml": '[tool.doge-replay]\nauthority = "their.py"\n',
        "explanations.toml": "version = 1\n",
        "build/doge-core-exe": "#!/bin/sh\n",
    }
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(contents[name])
    return path


NAMES = ("pyproject.toml", "explanations.toml", "build/doge-core-exe")


@pytest.mark.parametrize("name", NAMES)
def test_what_somebody_else_put_there_is_not_run_without_a_word(
    foreign: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = write(foreign, name)
    load_settings()
    hand_over(path, monkeypatch)
    with pytest.raises(UsageError, match=r"belongs to .*: look at it, then say --trust"):
        load_settings()
    assert run_cli(["list"]) == 2
    assert name in capsys.readouterr().err
    assert commands_of(load_settings(trust=True))("list").endswith(" list --trust")
    monkeypatch.setenv("DOGE_REPLAY_TRUSTED", f"/nowhere{os.pathsep}{foreign}")
    assert "--trust" not in commands_of(load_settings(trust=True))("list"), "nothing needs it"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_one_s_own_in_somebody_else_s_directory_can_be_replaced(
    foreign: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = write(foreign, name)
    hand_over(path.parent, monkeypatch)
    with pytest.raises(UsageError, match="belongs to"):
        load_settings()


def test_what_is_named_by_oneself_needs_no_other_word(
    foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        hand_over(write(foreign, name), monkeypatch)
    given = load_settings(authority="python", shadow="their-exe", explanations="explanations.toml")
    assert given.shadow == "their-exe"


def test_settings_that_run_nothing_are_anybody_s(
    foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(foreign, "pyproject.toml")
    path.write_text('[tool.doge-replay]\njobs = 3\nauthority = "python"\n')
    hand_over(path, monkeypatch)
    assert load_settings(shadow="python").jobs == 3
