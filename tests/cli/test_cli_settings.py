"""Where settings come from, and which of them wins."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from cli_support import doge, script

from replay import settings as settings_module
from replay.cli.main import run_cli
from replay.errors import UsageError
from replay.settings import Settings, load_settings


def loaded(where: Path, env: dict[str, str] | None = None, **options: str) -> Settings:
    return load_settings(**options, environment=env or {}, directory=where)  # type: ignore[arg-type]


def table(where: Path, *rows: str) -> Path:
    file = where / "pyproject.toml"
    file.write_text("\n".join(["[tool.doge-replay]", *rows, ""]))
    return file


def test_each_source_wins_over_those_behind_it(tmp_path: Path) -> None:
    table(tmp_path, 'shadow = "/from/file"', 'db = "file.db"', "timeout = 7")
    env = {
        "DOGE_CORE_EXE": "/from/env",
        "DOGE_REPLAY_DB": "env.db",
        "DOGE_CORE_TIMEOUT_SEC": "0.5",
    }
    given = loaded(tmp_path, env, shadow="/from/option", db="option.db")
    assert (given.shadow, given.db, given.timeout) == ("/from/option", Path("option.db"), 0.5)
    from_env = loaded(tmp_path, env)
    assert (from_env.shadow, from_env.db) == ("/from/env", Path("env.db"))
    from_file = loaded(tmp_path)
    assert (from_file.shadow, from_file.db) == ("/from/file", tmp_path / "file.db")
    assert from_file.timeout == 7.0
    (tmp_path / "pyproject.toml").unlink()
    default = loaded(tmp_path)
    assert (default.authority, default.db, default.timeout, default.profile) == (
        ("python", Path("divergences.db"), 5.0, "all")
    )
    assert default.shadow is not None
    assert default.shadow.endswith("build/doge-core-exe")


@pytest.mark.parametrize("name", settings_module.VARIABLES)
@pytest.mark.parametrize("value", ["", " "])
def test_a_variable_that_is_set_and_empty_is_refused_by_its_name(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(UsageError, match=f"{name} is set and empty"):
        loaded(tmp_path, {name: value}, authority="python", shadow="python", db="d.db")


def test_an_empty_variable_ends_a_command_before_any_core_is_run(tmp_path: Path) -> None:
    ran = doge(tmp_path, "fuzz", "--max-transitions", "10", env={"DOGE_REPLAY_AUTHORITY": ""})
    assert (ran.code, ran.out) == (2, "")
    assert "DOGE_REPLAY_AUTHORITY is set and empty" in ran.err
    assert not list(tmp_path.iterdir())


def test_an_executable_built_here_comes_before_that_of_the_package(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    built = script(tmp_path / "build" / "doge-core-exe", "exit 1")
    assert loaded(tmp_path).shadow == str(built)


def test_the_file_is_found_upwards_and_its_paths_are_meant_from_there(tmp_path: Path) -> None:
    table(tmp_path, 'corpus = ["a", "b"]', 'logs = "logs"', 'report_dir = "./out/reports"')
    below = tmp_path / "one" / "two"
    below.mkdir(parents=True)
    (tmp_path / "one" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    settings = loaded(below)
    assert settings.corpus == (tmp_path / "a", tmp_path / "b")
    assert settings.logs == (tmp_path / "logs",)
    assert settings.report_dir == tmp_path / "out" / "reports"


def test_the_program_itself_takes_them_from_everywhere(tmp_path: Path, core_exe: str) -> None:
    """`doctor` tells which shadow and database it would use."""
    for name in ("option", "env", "file"):
        shutil.copy(core_exe, tmp_path / name)
    table(tmp_path, 'shadow = "./file"', 'db = "file.db"', 'corpus = "none"')
    below = tmp_path / "below"
    below.mkdir()
    env = {"DOGE_CORE_EXE": str(tmp_path / "env"), "DOGE_REPLAY_DB": "env.db"}
    option = ["--shadow", tmp_path / "option", "--db", "option.db"]
    for name, arguments, variables in (("option", option, env), ("env", [], env)):
        found = doge(below, "doctor", "--json", *arguments, env=variables).json
        assert found["shadow"]["path"] == str(tmp_path / name)
        assert found["database"]["path"] == f"{name}.db"
    found = doge(below, "doctor", "--json", env={"DOGE_CORE_EXE": None}).json
    assert found["shadow"]["path"] == str(tmp_path / "file")
    assert found["database"]["path"] == str(tmp_path / "file.db")


@pytest.mark.parametrize(
    "row",
    [
        "timeout = 0",
        "timeout = -1",
        "timeout = nan",
        "timeout = inf",
        'timeout = "5"',
        "jobs = true",
        "jobs = 1.5",
        "jobs = 1e300",
        "db = 5",
        'db = ""',
        "shadow = []",
        "authority = {}",
        "profile = 3",
        'profile = "dead"',
        "corpus = 3",
        "corpus = [1]",
        "logs = [[]]",
        "unheard_of = 1",
        "= broken",
    ],
)
def test_a_bad_setting_is_2_and_names_the_file(tmp_path: Path, row: str) -> None:
    file = table(tmp_path, row)
    ran = doge(tmp_path, "fuzz", "--max-transitions", 1)
    assert ran.code == 2
    assert str(file) in ran.line


@pytest.mark.parametrize("text", ["tool = 3", "[tool]\ndoge-replay = 3", "\xff"])
def test_a_file_of_another_shape_is_no_traceback(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_bytes(text.encode("latin-1"))
    ran = doge(tmp_path, "list")
    assert ran.code == 2
    assert ran.line


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon", "1e99"])
def test_a_bad_timeout_in_the_environment_is_2(tmp_path: Path, value: str) -> None:
    ran = doge(tmp_path, "list", env={"DOGE_CORE_TIMEOUT_SEC": value})
    assert ran.code == 2
    assert "DOGE_CORE_TIMEOUT_SEC" in ran.line


def test_no_shadow_at_all_is_3_and_tells_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DOGE_CORE_EXE", raising=False)
    monkeypatch.setattr(settings_module, "_built", lambda here: None)
    for arguments in (["run"], ["fuzz", "--max-transitions", "1"], ["nightly", "--minutes", "1"]):
        assert run_cli(arguments) == 3
        out, err = capfd.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert "--shadow" in err
        assert "DOGE_CORE_EXE" in err
        assert "doge-replay build-core" in err
    assert run_cli(["doctor", "--json", "--corpus", "none"]) == 3
    out, err = capfd.readouterr()
    assert "--shadow" in json.loads(out)["shadow"]["error"]
    assert list(tmp_path.iterdir()) == []


def test_the_database_of_the_environment_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("nothing\n")
    doge(tmp_path, "run", "x.jsonl", env={"DOGE_REPLAY_DB": str(tmp_path / "its.db")})
    with sqlite3.connect(tmp_path / "its.db") as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    assert not (tmp_path / "divergences.db").exists()
