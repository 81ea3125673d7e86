"""Every command that is printed anywhere does what it says, typed as it stands there."""

from __future__ import annotations

import html
import re
import shlex
import shutil
from pathlib import Path
from urllib.request import urlopen

import pytest
from cli_support import FEE, Ran, faulty_core
from hostile_support import here

from replay.findings.store.store import Store
from replay.runs.commands import Commands, commands_of
from replay.settings import load_settings
from replay.web.app import create_app
from replay.web.server import serve_in_thread

ROOT = Path(__file__).resolve().parents[2]
PRINTED = re.compile(r"doge-replay (?:repro|explain|show|export|split|recheck|fuzz|run) [^\n<]*")
DATABASE, SHADOW = "meine funde.db", "kern ü/it's faulty.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a space and an umlaut, in which a run has been made with cores and a
    database that only the variables of its shell name."""
    folder = tmp_path_factory.mktemp("Prüfstand eins", numbered=False)
    (folder / "kern ü").mkdir()
    shutil.copy(ROOT / "examples" / "forgets_fees.py", folder / SHADOW)
    lines = (ROOT / "examples" / "journal.jsonl").read_text().splitlines(keepends=True)
    (folder / "ein journal.jsonl").write_text("".join(lines[:60]))
    return folder


@pytest.fixture(scope="module")
def printed(folder: Path) -> dict[str, set[str]]:
    """The commands that each output prints, by the name of the output."""
    with pytest.MonkeyPatch.context() as shell:
        shell.setenv("DOGE_CORE_EXE", SHADOW)
        shell.setenv("DOGE_REPLAY_DB", DATABASE)
        shell.setenv("DOGE_REPLAY_AUTHORITY", "python")
        texts = {"run": here(folder, "run", "ein journal.jsonl").out}
        night = ("nightly", "--minutes", "0.01", "--corpus", "corpus", "--jobs", "1", "--seed", "1")
        texts["nightly"] = here(folder, *night, "--profile", "live").out
    texts |= {path.name: path.read_text() for path in (folder / "reports").iterdir()}
    (identity,) = set(re.findall(r"d-[0-9a-f]{8}", texts["run"]))
    stored = ("--db", DATABASE)
    texts["show"] = here(folder, "show", identity, *stored).out
    texts["list"] = here(folder, "list", *stored).out
    with pytest.MonkeyPatch.context() as shell:
        shell.chdir(folder)
        commands = commands_of(load_settings(db=DATABASE))
        app = create_app(None, Path(DATABASE), None, commands=commands)
        with serve_in_thread(app, 0) as served:
            for page in ("", "divergences", f"divergences/{identity}"):
                address = f"http://127.0.0.1:{served.port}/{page}"
                texts[page.partition("/d-")[0] + "/ID"] = urlopen(address).read().decode()
    return {
        name: {command.strip() for command in PRINTED.findall(html.unescape(text))}
        for name, text in texts.items()
        if name != "report.json"
    }


def typed(folder: Path, command: str) -> Ran:
    """Runs a printed command in a shell without our variables."""
    with pytest.MonkeyPatch.context() as shell:
        for name in ("DOGE_CORE_EXE", "DOGE_REPLAY_DB", "DOGE_REPLAY_AUTHORITY"):
            shell.delenv(name, raising=False)
        return here(folder, *shlex.split(command)[1:])


def test_every_printed_command_does_what_it_says(
    folder: Path, printed: dict[str, set[str]]
) -> None:
    for where in ("run", "nightly", "report.html", "report.md", "junit.xml", "divergences/ID"):
        assert {"repro", "explain"} <= {command.split()[1] for command in printed[where]}, where
    assert printed["show"]
    commands = set().union(*printed.values())
    assert {"show", "export"} <= {command.split()[1] for command in commands}
    for command in sorted(commands):
        name = command.split()[1]
        ran = typed(folder, command)
        assert ran.code == (1 if name == "repro" else 0), (command, ran)
        if name == "repro":
            assert ran.out.splitlines()[0].endswith(": the cores diverge"), command


def test_a_command_that_was_printed_prints_itself(
    folder: Path, printed: dict[str, set[str]]
) -> None:
    (command,) = (one for one in printed["show"] if " repro " in one)
    assert typed(folder, command).out.splitlines()[-1] == command


def identity_in(printed: dict[str, set[str]]) -> str:
    return next(iter(printed["show"])).split()[2]


def test_repro_says_first_where_the_cores_are_not_those_of_the_finding(
    folder: Path, printed: dict[str, set[str]]
) -> None:
    identity = identity_in(printed)
    ran = typed(folder, f"doge-replay repro {identity} --db '{DATABASE}'")
    assert ran.code == 0
    first, second, *_ = ran.out.splitlines()
    assert first.startswith(f"not the shadow that {identity} was last seen on, which was {SHADOW} ")
    assert second == f"{identity}: the cores agree"
    asked = typed(folder, f"doge-replay repro {identity} --db '{DATABASE}' --json").json
    assert asked["same_cores"] is False


def test_a_core_that_is_not_here_is_told_and_not_named_in_a_command(
    folder: Path, printed: dict[str, set[str]], tmp_path: Path
) -> None:
    shutil.copy(folder / DATABASE, tmp_path / "divergences.db")
    identity = identity_in(printed)
    shown = typed(tmp_path, f"doge-replay show {identity}").out.splitlines()
    assert shown[-2:] == [
        f"the shadow that it was last seen on is not here: {SHADOW}",
        f"doge-replay repro {identity}",
    ]


def test_cores_that_were_given_are_those_of_the_command(tmp_path: Path) -> None:
    shadow = faulty_core(tmp_path, FEE)
    shutil.copy(ROOT / "examples" / "journal.jsonl", tmp_path)
    ran = here(tmp_path, "run", "journal.jsonl", "--shadow", shadow, "--json")
    identity = ran.json["divergences"][0]["id"]
    shown = here(tmp_path, "show", identity, "--shadow", "./mended-core")
    assert shown.out.splitlines()[-1] == f"doge-replay repro {identity} --shadow ./mended-core"
    with Store.open(tmp_path / "divergences.db", readonly=True) as store:
        commands = Commands().of_finding(store.finding(identity))
    assert commands("repro", identity).endswith(f" --shadow {shadow}")
    assert commands("show", identity) == f"doge-replay show {identity}"


def test_a_unit_is_drawn_again_from_the_same_corpora() -> None:
    commands = commands_of(load_settings(corpus=("my corpus", "other"), environment={}))
    assert commands("fuzz", "--unit", "7") == (
        "doge-replay fuzz --unit 7 --corpus 'my corpus' --corpus other"
    )
    assert commands("show", "d-1") == "doge-replay show d-1"
