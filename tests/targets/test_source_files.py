"""source_files: a Python core is all that its module imports from the bot's own directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.targets.python.source_files import source_files

TREE = {
    "bot/__init__.py": "",
    "bot/state_machine.py": """\
import math
from bot.rounding import (
    floor,  # kept
    up,
)
from . import sizes as s

def late():
    import pairs, numpy as np
""",
    "bot/rounding.py": "from .deep.tables import TABLE\n",
    "bot/sizes.py": "from __future__ import annotations\n",
    "bot/deep/__init__.py": "",
    "bot/deep/tables.py": "import bot.state_machine\nimport replay.core\n",
    "bot/dashboard.py": "import bot.state_machine\n",
    "pairs.py": "PAIR = 'XDGUSD'\n",
    "math.py": "# hides nothing: the standard library has it\n",
    "replay.py": "",
    "unrelated.py": "",
}
MADE_OF = {
    "bot/__init__.py", "bot/state_machine.py", "bot/rounding.py", "bot/sizes.py",
    "bot/deep/__init__.py", "bot/deep/tables.py", "pairs.py",
}  # fmt: skip


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def test_all_that_is_imported_from_the_bot_s_own_directory_is_the_core(bot: Path) -> None:
    found = source_files(bot / "bot/state_machine.py")
    assert found.root == bot
    assert {str(path.relative_to(bot)) for path in found.files} == MADE_OF


@pytest.mark.parametrize("name", sorted(TREE))
def test_a_change_is_another_core_where_the_core_is_made_of_that_file(bot: Path, name: str) -> None:
    before = source_files(bot / "bot/state_machine.py").sha256()
    with (bot / name).open("a") as file:
        file.write("# changed\n")
    after = source_files(bot / "bot/state_machine.py").sha256()
    assert (after != before) is (name in MADE_OF)


def test_what_is_no_source_is_one_file(bot: Path) -> None:
    (bot / "core.so").write_bytes(b"\x7fELF\0import pairs\n")
    assert source_files(bot / "core.so").files == (bot / "core.so",)


def test_imports_that_lead_above_the_root_or_are_no_names_are_passed_over(bot: Path) -> None:
    (bot / "odd.py").write_text(
        "from ....far import a\nfrom . import *\nimport ,\nfrom x import ()\n"
    )
    assert source_files(bot / "odd.py").files == (bot / "odd.py",)


def test_a_package_is_all_of_its_files(bot: Path) -> None:
    found = source_files(bot / "bot/__init__.py")
    assert {str(path.relative_to(bot)) for path in found.files} == MADE_OF | {"bot/dashboard.py"}
