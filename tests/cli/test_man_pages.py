"""Man pages and completions say what the commands' own help says, and are where shells look."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import TESTS

from replay.cli.command_table import COMMANDS

SCRIPT = TESTS.parent / "scripts" / "shell_files.py"
PROGRAMS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("share")
    subprocess.run([sys.executable, SCRIPT, folder], check=True)
    return folder


def test_every_command_has_a_page_with_its_summary_and_options(share: Path) -> None:
    pages = {path.name: path.read_text() for path in (share / "man" / "man1").iterdir()}
    assert "doge-replay.1" in pages
    for name in COMMANDS:
        text = pages[f"doge-replay-{name}.1"].replace("\\-", "-")
        assert name in text
        assert "SYNOPSIS" in text
    assert "--max-transitions" in pages["doge-replay-fuzz.1"].replace("\\-", "-")
    assert "doge-replay-corpus-import.1" in pages


def test_the_same_commands_give_the_same_pages(share: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, SCRIPT, tmp_path], check=True)
    for path in share.rglob("*.*"):
        if path.is_file():
            assert (tmp_path / path.relative_to(share)).read_bytes() == path.read_bytes()


def test_bash_completes_commands_and_options_with_what_setup_installs(share: Path) -> None:
    script = share / "bash-completion" / "completions" / "doge-replay"
    assert shutil.which("bash")
    ask = (
        f"source {script}; COMP_WORDS=(doge-replay rec); COMP_CWORD=1; "
        '_doge_replay_completion doge-replay; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    ran = subprocess.run(
        ["bash", "-c", ask],
        env={**os.environ, "PATH": f"{PROGRAMS}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.split() == ["recheck"], ran


def test_zsh_and_fish_have_theirs(share: Path) -> None:
    assert "#compdef doge-replay" in (share / "zsh/site-functions/_doge-replay").read_text()
    fish = (share / "fish/vendor_completions.d/doge-replay.fish").read_text()
    assert "complete --no-files --command doge-replay" in fish
