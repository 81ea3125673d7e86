"""Every command that any output prints does what it says, typed as it stands there into a shell
that knows neither our name nor our variables, in a directory with a space and an umlaut."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.request import urlopen

import pytest
from as_printed import Shell, first_words, on_path
from cli_support import TESTS

from replay.runs.commands import commands_of
from replay.settings import load_settings
from replay.web.app import create_app
from replay.web.server import serve_in_thread

ROOT = TESTS.parent
SHADOW, DATABASE = "kern ü/it's faulty.py", "meine funde.db"
VARIABLES = {"DOGE_CORE_EXE": SHADOW, "DOGE_REPLAY_DB": DATABASE, "DOGE_REPLAY_AUTHORITY": "python"}
"""What the shell has in which the outputs are made; that in which they are typed has none."""

pytestmark = pytest.mark.timeout(1800)
"""Searches for causes are long where a machine is loaded."""

BUDGETS = {"explain": "--seconds 3000", "causes": "--seconds 3"}
"""As long as it takes on a loaded machine; and not as long as there might be something to find."""

EXITS = {
    "repro": {1}, "recheck": {1}, "explain": {0, 1}, "causes": {0, 1}, "show": {0}, "export": {0},
    "run": {1}, "split": {0}, "list": {0}, "nightly": {1}, "fuzz": {0, 1},
}  # fmt: skip
"""What each comes to where there is a divergence that nobody has explained."""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    folder = tmp_path_factory.mktemp("Prüfstand eins")
    (folder / "kern ü").mkdir()
    shutil.copy(ROOT / "examples" / "forgets_fees.py", folder / SHADOW)
    lines = (ROOT / "examples" / "journal.jsonl").read_text().splitlines(keepends=True)
    (folder / "ein journal.jsonl").write_text("".join(lines[:60]))
    return Shell.at(folder)


@pytest.fixture(scope="module")
def found(shell: Shell) -> str:
    """What is printed of a run that finds something."""
    return shell.doge("run 'ein journal.jsonl'", **VARIABLES).out


@pytest.fixture
def outputs(shell: Shell, found: str) -> dict[str, str]:
    """Everything that prints commands, by what printed it."""
    texts = {"run": found}
    (identity,) = set(re.findall(r"\bd-[0-9a-f]{8}\b", texts["run"]))
    for name, arguments in {
        "show": f"show {identity}",
        "repro": f"repro {identity}",
        "explain": f"explain {identity} --seconds 3000",
        "causes": "causes --generate 0 --seconds 3",
        "list": "list",
        "recheck": f"recheck {identity}",
        "fault": f"export {identity} --as parity",
    }.items():
        ran = shell.doge(arguments, **VARIABLES)
        texts[name] = ran.out + ran.err
    night = "nightly --minutes 1 --max-transitions 60 --import 'ein journal.jsonl' --jobs 1 "
    night += "--seed 1 --profile live --corpus corpus --causes 0 --power 0"
    texts["nightly"] = shell.doge(night, **VARIABLES).out
    texts |= {path.name: path.read_text() for path in (shell.folder / "reports").iterdir()}
    del texts["report.json"]
    texts["junit.xml"] = _text_of(texts["junit.xml"])
    texts |= _pages(shell, identity)
    return texts


def _text_of(document: str) -> str:
    """What XML says, as its readers show it."""
    nodes = list(ET.fromstring(document).iter())
    values = [value for node in nodes for value in node.attrib.values()]
    return "\n".join([*values, *(node.text or "" for node in nodes)])


def _pages(shell: Shell, identity: str) -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(shell.folder)
        patched.setenv("PATH", "/usr/bin:/bin")
        patched.setattr("sys.argv", [str(shell.program)])
        commands = commands_of(load_settings(db=DATABASE))
        app = create_app(None, Path(DATABASE), None, commands=commands)
        with serve_in_thread(app, 0) as served:
            pages = ("", "divergences", f"divergences/{identity}")
            addresses = {page: f"http://127.0.0.1:{served.port}/{page}" for page in pages}
            return {f"/{page}": urlopen(one).read().decode() for page, one in addresses.items()}


@pytest.fixture
def commands(shell: Shell, outputs: dict[str, str]) -> dict[str, list[str]]:
    return {name: shell.commands_in(text) for name, text in outputs.items()}


def test_every_output_prints_how_to_go_on_and_every_printed_command_does_what_it_says(
    shell: Shell, outputs: dict[str, str], commands: dict[str, list[str]]
) -> None:
    # One test: to make all outputs takes a minute, and processes that share tests out make them
    # again for each.
    assert_a_finding_can_be_seen_again(shell, commands)
    assert_each_is_found_by_the_shell(outputs)
    assert_each_does_what_it_says(shell, commands)
    assert_the_explanation_is_read(shell, outputs["explain"], commands["explain"])


def assert_a_finding_can_be_seen_again(shell: Shell, commands: dict[str, list[str]]) -> None:
    named = {
        output: {first_words(one, shell.program) for one in printed}
        for output, printed in commands.items()
    }
    for output in ("run", "nightly", "report.html", "report.md", "junit.xml"):
        assert {"repro", "explain"} <= named[output], output
    for output in ("run", "nightly", "report.md", "explain"):
        assert "recheck" in named[output], output
    for output in ("report.md", "junit.xml"):
        assert "nightly" in named[output], "how the report itself was made"
    for output in ("show", "repro"):
        assert "repro" in named[output], output
    assert "explanations" in named["explain"]
    assert named["fault"] == {"export"}
    (page,) = (words for output, words in named.items() if output.startswith("/divergences/"))
    assert {"repro", "explain", "show", "export"} <= page


def assert_each_does_what_it_says(shell: Shell, commands: dict[str, list[str]]) -> None:
    wrong = {}
    for command in sorted(set().union(*commands.values())):
        name = first_words(command, shell.program)
        if name == "explanations":
            continue
        ran = shell.type(f"{command} {BUDGETS.get(name, '')}")
        if ran.code not in EXITS[name]:
            wrong[command] = ran
        elif name == "repro":
            assert ran.out.splitlines()[0].endswith(": the cores diverge"), command
    assert wrong == {}


def assert_the_explanation_is_read(shell: Shell, text: str, commands: list[str]) -> None:
    (command,) = [one for one in commands if first_words(one, shell.program) == "explanations"]
    block = text[text.index("[[explanation]]") : text.index("\nnext\n")]
    file = shell.folder / "explanations.toml"
    for signed, code in (("", 2), ("Ada Lovelace", 0)):
        filled = block.replace('reason = ""', 'reason = "may stay"')
        file.write_text(filled.replace('signed = ""', f'signed = "{signed}"'))
        ran = shell.type(command)
        file.unlink()
        assert ran.code == code, ran


def assert_each_is_found_by_the_shell(outputs: dict[str, str]) -> None:
    names = "|".join(EXITS)
    bare = re.compile(rf"(?:^|`|\s{{2,}})(doge-replay (?:{names}) .*)", re.MULTILINE)
    assert {name: found for name, text in outputs.items() if (found := bare.findall(text))} == {}


@pytest.mark.usefixtures("found")
def test_where_a_shell_finds_the_program_its_name_is_enough(shell: Shell) -> None:
    shown = shell.type(f"doge-replay list --db '{DATABASE}' --tsv --columns id", PATH=on_path())
    identity = shown.out.split()[1]
    ran = shell.type(f"doge-replay show {identity} --db '{DATABASE}'", PATH=on_path())
    assert ran.out.splitlines()[-1].startswith(f"doge-replay repro {identity} ")


def test_another_program_of_that_name_is_not_taken_for_ours(shell: Shell, tmp_path: Path) -> None:
    other = tmp_path / "doge-replay"
    other.write_text("#!/bin/sh\nexit 9\n")
    other.chmod(0o755)
    ran = shell.doge("doctor --shadow nowhere", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert ran.code == 3
    ran = shell.doge(
        "run --corpus nowhere", PATH=f"{tmp_path}:/usr/bin:/bin", DOGE_CORE_EXE="python"
    )
    assert shell.commands_in(ran.err), ran
