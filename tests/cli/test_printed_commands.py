"""Which cores and which database a printed command names, and what is said where they are not those
of the finding."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import click
import pytest
from cli_support import FEE, Ran, faulty_core
from hostile_support import here

from replay.cli.cluster_options import cluster_options
from replay.cli.common import core_options
from replay.findings.store.store import Store
from replay.runs.commands import Commands, commands_of
from replay.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
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
def shown(folder: Path) -> list[str]:
    """What `show` prints of what a run has found."""
    with pytest.MonkeyPatch.context() as shell:
        shell.setenv("DOGE_CORE_EXE", SHADOW)
        shell.setenv("DOGE_REPLAY_DB", DATABASE)
        text = here(folder, "run", "ein journal.jsonl").out
    identity = re.findall(r"d-[0-9a-f]{8}", text)[0]
    return here(folder, "show", identity, "--db", DATABASE).out.splitlines()


def typed(folder: Path, command: str) -> Ran:
    """Runs a printed command in a shell without our variables."""
    with pytest.MonkeyPatch.context() as shell:
        for name in ("DOGE_CORE_EXE", "DOGE_REPLAY_DB", "DOGE_REPLAY_AUTHORITY"):
            shell.delenv(name, raising=False)
        return here(folder, *shlex.split(command)[1:])


def test_a_command_that_was_printed_prints_itself(folder: Path, shown: list[str]) -> None:
    assert shown[-1].startswith("doge-replay repro ")
    assert typed(folder, shown[-1]).out.splitlines()[-1] == shown[-1]


def identity_in(shown: list[str]) -> str:
    return shown[-1].split()[2]


def test_repro_says_first_where_the_cores_are_not_those_of_the_finding(
    folder: Path, shown: list[str]
) -> None:
    identity = identity_in(shown)
    ran = typed(folder, f"doge-replay repro {identity} --db '{DATABASE}'")
    assert ran.code == 0
    first, second, *_ = ran.out.splitlines()
    assert first.startswith(f"not the shadow that {identity} was last seen on, which was {SHADOW} ")
    assert second == f"{identity}: the cores agree"
    asked = typed(folder, f"doge-replay repro {identity} --db '{DATABASE}' --json").json
    assert asked["same_cores"] is False


def test_a_core_that_is_not_here_is_told_and_not_named_in_a_command(
    folder: Path, shown: list[str], tmp_path: Path
) -> None:
    shutil.copy(folder / DATABASE, tmp_path / "divergences.db")
    identity = identity_in(shown)
    there = typed(tmp_path, f"doge-replay show {identity}").out.splitlines()
    assert there[-2:] == [
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
    assert commands("explain", "d-1").endswith(" --corpus 'my corpus' --corpus other")
    assert commands("show", "d-1") == "doge-replay show d-1"


def test_a_campaign_goes_on_with_the_workers_that_it_had_and_a_unit_needs_none() -> None:
    given = "--cluster", "local:2", "--cores-on-workers", "--jobs", "3", "--insecure"
    commands = commands_of(_settings_of(*given))
    assert commands.campaign("--resume 7") == (
        "doge-replay fuzz --resume 7 --jobs 3 --cluster local:2 --insecure --cores-on-workers"
    )
    assert commands("fuzz", "--unit", "7") == "doge-replay fuzz --unit 7"
    assert commands("repro", "d-1") == "doge-replay repro d-1"


def _settings_of(*arguments: str) -> Settings:
    """The settings that a command with workers gets."""
    seen: list[Settings] = []

    def command(*, settings: Settings, **others: object) -> int:
        seen.append(settings)
        return 0

    run = click.command()(core_options(cluster_options(command)))
    run.main(list(arguments), standalone_mode=False)
    return seen[0]


def test_the_explanations_of_a_campaign_are_those_that_it_goes_on_with() -> None:
    commands = commands_of(load_settings(explanations="my own.toml", environment={}))
    for name in ("fuzz", "recheck", "explanations", "run"):
        assert commands(name).endswith(" --explanations 'my own.toml'")
    assert commands("causes") == "doge-replay causes"


def test_options_without_a_value_are_repeated_where_a_command_takes_them() -> None:
    commands = Commands(flags=frozenset({"sandbox", "strict"}))
    assert commands("recheck").endswith(" recheck --sandbox --strict")
    assert commands("repro", "d-1").endswith(" repro d-1 --sandbox")
    assert commands("show", "d-1").endswith(" show d-1")
    assert commands_of(load_settings(strict=True)).flags == {"strict"}
