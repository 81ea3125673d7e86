"""A user's morning after a red night, walked by nothing but the commands that each step prints."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from as_printed import Shell, first_words
from cli_support import TESTS, Ran

EXAMPLES = TESTS.parent / "examples"
SHADOW = "forgets_fees.py"
AS_LONG_AS_IT_TAKES = {"explain": "--seconds 3000"}
"""A budget of time says nothing where the machine is loaded."""

MENDED = "from replay.core import *\n"
"""The shadow, once it computes what the authority does."""

pytestmark = pytest.mark.timeout(1800)
"""Searches for causes are long where a machine is loaded."""


class Morning:
    """Somebody who has a report, and types what it says."""

    def __init__(self, folder: Path) -> None:
        self.shell = Shell.at(folder)
        self.read = ""
        for name in (SHADOW, "journal.jsonl"):
            shutil.copy(EXAMPLES / name, folder)

    def reads(self, text: str) -> None:
        """Has something new to go by."""
        self.read = text

    def types(self, name: str) -> Ran:
        """Types the command of that name that was printed last, and reads what it says."""
        printed = [
            one
            for one in self.shell.commands_in(self.read)
            if first_words(one, self.shell.program) == name
        ]
        assert printed, f"no {name} in:\n{self.read}"
        ran = self.shell.type(f"{printed[0]} {AS_LONG_AS_IT_TAKES.get(name, '')}")
        self.reads(ran.out)
        return ran

    @property
    def folder(self) -> Path:
        return self.shell.folder


@pytest.fixture
def morning(tmp_path: Path) -> Morning:
    """The night was red: a shadow forgets the fees of entries."""
    folder = tmp_path / "früh am tag"
    folder.mkdir()
    person = Morning(folder)
    shadow = (folder / SHADOW).read_text()
    fault = "isinstance(event, core.FillEvent)"
    assert fault in shadow
    entry = f"{fault} and any(one.local_id == event.order_local_id and one.role == 'entry' "
    entry += "for one in state.orders)"
    (folder / SHADOW).write_text(shadow.replace(fault, entry))
    night = "nightly --minutes 1 --max-transitions 30 --import journal.jsonl --jobs 1 --seed 1 "
    night += f"--profile live --causes 0 --power 0 --corpus corpus --shadow {SHADOW}"
    ran = person.shell.doge(night)
    assert ran.code == 1, ran
    person.reads((folder / "reports" / "report.md").read_text())
    return person


def test_a_divergence_is_seen_explained_mended_and_fixed(morning: Morning) -> None:
    report = morning.read
    assert morning.types("repro").out.splitlines()[0].endswith(": the cores diverge")
    morning.reads(report)
    told = morning.types("explain")
    assert told.code == 0, told
    assert "state.total_fees" in told.out
    (morning.folder / SHADOW).write_text(MENDED)
    done = morning.types("recheck")
    assert done.code == 0, done
    assert re.search(r"^  fixed +d-[0-9a-f]{8}", done.out, re.MULTILINE), done


def test_a_divergence_is_explained_and_green_from_then_on(morning: Morning) -> None:
    told = morning.types("explain")
    block = told.out[told.out.index("[[explanation]]") : told.out.index("\nnext\n")]
    filled = block.replace('reason = ""', 'reason = "The exchange refunds it."')
    filled = filled.replace('signed = ""', 'signed = "Ada Lovelace"')
    (morning.folder / "explanations.toml").write_text(f"version = 1\n\n{filled}")
    held = morning.types("explanations")
    assert held.code == 0, held
    assert held.out.splitlines()[0].endswith("1 explanation, all hold")
    morning.reads(told.out)
    again = morning.types("recheck")
    assert again.code == 0, again
    assert "explained 1" in again.out
