"""What the documents say is so: examples print what is shown, and what is named exists."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from replay.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
)
WORKED = ("README.md", "docs/tutorial.md")
FIGURES = re.compile(r"\d+\.\d s \([\d,]+/s\)")
"""How long a run took, and its speed."""

Example = tuple[str, list[str]]
"""A command, and the lines that it is said to print."""


def read(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def examples(text: str) -> list[Example]:
    """The commands of a page that are shown with what they print."""
    found: list[Example] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("    $ "):
            found.append((line[6:], []))
            inside = True
        elif line and not line.startswith("    "):
            inside = False
        elif inside:
            found[-1][1].append(line[4:].rstrip())
    return [(command, without_end(lines)) for command, lines in found]


def without_end(lines: list[str]) -> list[str]:
    """Without the empty lines after a block."""
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


def pattern(shown: list[str]) -> re.Pattern[str]:
    """What a command has to print: `...` alone is any lines, within a line any text."""
    text = ""
    for line in shown:
        if line.strip() == "...":
            text += "(?:.*\n)*?"
            continue
        pieces = [re.escape(FIGURES.sub("\0", piece)) for piece in re.split(r" ?\.\.\. ?", line)]
        text += "(?s:.*?)".join(pieces).replace(re.escape("\0"), FIGURES.pattern) + "\n"
    return re.compile(text)


@pytest.mark.parametrize("page", WORKED)
def test_a_worked_example_prints_what_its_page_shows(
    page: str, tmp_path: Path, core_exe: Path
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "doge-core-exe").symlink_to(core_exe)
    worked = examples(read(page))
    unset = {name: value for name, value in os.environ.items() if not name.startswith("DOGE_")}
    assert len(worked) >= 3
    for command, shown in worked:
        program, *arguments = shlex.split(command)
        assert program == "doge-replay"
        ran = subprocess.run(
            [sys.executable, "-m", "replay", *arguments],
            cwd=tmp_path,
            env=unset,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        printed = "".join(f"{line.rstrip()}\n" for line in ran.stdout.splitlines())
        assert pattern(shown).fullmatch(printed), f"{command}\n{printed}"


def test_an_example_that_is_not_true_is_noticed() -> None:
    shown = ["run: 2 divergences", "  compared 207, 0.1 s (8,906/s)", "...", "end ... here"]
    printed = "run: 2 divergences\n  compared 207, 9.3 s (12/s)\nmore\nmore\nend is here\n"
    assert pattern(shown).fullmatch(printed)
    for wrong in (printed.replace("2 d", "3 d"), printed.replace("207", "208"), "", "end is here"):
        assert not pattern(shown).fullmatch(wrong)


def code_lines(text: str) -> Iterator[str]:
    """Commands as they stand in blocks and between backticks."""
    yield from re.findall(r"^ {4,}(?:\$ |git bisect run )?(doge-replay .*)$", text, re.MULTILINE)
    yield from re.findall(r"`(doge-replay [^`]*)`", text.replace("\n", " "))


def missing(line: str) -> list[str]:
    """What a line names that the program does not have."""
    words = re.split(r"\s[|>#]|;|  ", line)[0].split()[1:]
    command: click.Command = cli
    while words and isinstance(command, click.Group):
        if words[0].startswith("-") or words[0].isupper():
            break
        if words[0] not in kin(command):
            # `evidence TELEMETRY...` and `evidence verify` are one command to its reader.
            return [words[0]] if command is cli else []
        command = kin(command)[words.pop(0)]
    offered = {name for each in (command, *kin(command).values()) for name in options_of(each)}
    told = [word.split("=")[0] for word in words if word.startswith("--") and len(word) > 2]
    return [word for word in told if word not in offered]


def kin(command: click.Command) -> dict[str, click.Command]:
    """The commands below a group, by their names."""
    if not isinstance(command, click.Group):
        return {}
    context = click.Context(command)
    found = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return {name: below for name, below in found.items() if below is not None}


def options_of(command: click.Command) -> set[str]:
    """All names of a command's options."""
    context = click.Context(command)
    return {
        name for each in command.get_params(context) for name in (*each.opts, *each.secondary_opts)
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_that_a_page_names_exists(page: str) -> None:
    wrong = {line: names for line in code_lines(read(page)) if (names := missing(line))}
    assert wrong == {}


def test_a_command_or_option_that_does_not_exist_is_noticed() -> None:
    assert missing("doge-replay rum logs/") == ["rum"]
    assert missing("doge-replay run logs/ --shadwo x") == ["--shadwo"]
    assert missing("doge-replay run logs/ --shadow x | jq --raw") == []


def test_the_table_of_commands_has_them_all_and_their_options() -> None:
    cells = re.findall(r"^\| (`[^|]*)", read("docs/commands.md"), re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([a-z-]+)", cell)}
    assert named == set(kin(cli))
    for row in re.findall(r"^\| `[a-z]+.*$", read("docs/commands.md"), re.MULTILINE):
        name = re.match(r"\| `([a-z-]+)", row)
        assert name is not None
        told = " ".join(re.findall(r"--[a-z-]+", row))
        assert missing(f"doge-replay {name[1]} {told}") == []


PATH = re.compile(
    r"(?<![\w./<*-])((?:replay|docs|tests|scripts|examples|haskell|spec)/[\w./-]+\.(?:py|md|hs|toml|jsonl))\b"
)
BASE = re.compile(r"(?<![\w./<*{}-])([a-z_]+\.py)\b")
ABROAD = {"state_machine.py", "bot.py", "doge_core.py"}
"""Files of a bot, as examples name them."""


def written() -> list[Path]:
    """All that people read: the documents, and the sources with their comments."""
    sources = [*(ROOT / "replay").rglob("*.py"), *(ROOT / "haskell").rglob("*.hs")]
    return [*(ROOT / page for page in PAGES), *sources]


def test_every_file_that_is_named_is_there() -> None:
    there = {path.name for folder in ("replay", "tests", "scripts", "examples")
             for path in (ROOT / folder).rglob("*.py")}  # fmt: skip
    gone = []
    for path in written():
        text = path.read_text("utf-8")
        named = [name for name in PATH.findall(text) if not (ROOT / name).exists()]
        named += [name for name in BASE.findall(text) if name not in there | ABROAD]
        gone += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(set(named))]
    # What an export is called is no file of this checkout.
    assert [name for name in gone if "/test_d_" not in name] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", read(page))
    beside = (ROOT / page).parent
    away = ("http://", "https://", "mailto:")
    assert [to for to in links if not to.startswith(away) and not (beside / to).exists()] == []


def test_each_cell_of_the_comparison_names_tests_that_there_are() -> None:
    rows = [line for line in read("docs/compared.md").splitlines() if line.startswith("| ")]
    cells = [row.strip("| ").split(" | ")[-1] for row in rows[1:]]
    assert len(cells) >= 10
    for cell in cells:
        named = re.findall(r"`(tests/[\w/]+\.py)`", cell)
        assert named, cell
        assert all((ROOT / name).is_file() for name in named), cell


def test_each_decision_has_a_row_in_the_table_and_a_place_in_the_order() -> None:
    decisions = ROOT / "docs" / "decisions"
    index = (decisions / "index.md").read_text("utf-8")
    files = sorted(one.stem for one in decisions.glob("[0-9]*.md"))
    rows = re.findall(r"^\| (\d+) \| \[[^\]]+\]\(([\w-]+)\.md\) \| .+ \|$", index, re.MULTILINE)
    assert [name for _, name in rows] == files
    assert all(name.startswith(f"{int(number):02}-") for number, name in rows)
    assert index.rpartition("```{toctree}")[2].split()[1:-1] == files
