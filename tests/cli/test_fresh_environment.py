"""The bare installation, away from this checkout: it is small, what goes beside a live bot works in
it, what does not says which extra it needs, and what is handed over works there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_support import TESTS, Faulty, Ran, checked, doge, environment

CHECKOUT = TESTS.parent
PACKAGES = "import importlib.metadata as m; print(*[one.name for one in m.distributions()])"


@dataclass(frozen=True)
class Bare:
    """What the bare installation came to."""

    packages: list[str]
    size: int


@pytest.fixture(scope="module")
def fresh(installed: tuple[Path, Bare]) -> Path:
    """The `bin` of a new environment with doge-replay, as a user installs it, and pytest."""
    return installed[0]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bare]:
    """The `bin` of a new environment, and what was in it before pytest came to it.

    From a copy of the sources: building a package leaves things in the folder that it is built in.
    """
    folder = tmp_path_factory.mktemp("fresh")
    sources = folder / "sources"
    for name in ("replay", "corpus", "docs/contract", "examples", "haskell", "scripts"):
        shutil.copytree(
            CHECKOUT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(CHECKOUT / name, sources)
    programs = folder / "env" / "bin"
    run(folder, sys.executable, "-m", "venv", "--without-pip", "env")
    install = (sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet",
               "--disable-pip-version-check",
               "--constraint", CHECKOUT / "constraints.txt")  # fmt: skip
    run(folder, *install, sources)
    shutil.rmtree(sources)
    packages = run(folder, programs / "python", "-c", PACKAGES).split()
    size = sum(path.lstat().st_size for path in programs.parent.rglob("*"))
    run(folder, *install, "pytest")
    where = run(folder, programs / "python", "-c", "import replay; print(replay.__file__)")
    assert where.startswith(str(folder / "env"))
    return programs, Bare(packages, size)


def own_environment(**more: str) -> dict[str, str]:
    """Without anything that leads back to this checkout."""
    return {
        name: value
        for name, value in environment(**more).items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV", "DOGE_CORE_EXE") or name in more
    }


def run(folder: Path, *command: object) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=own_environment(), capture_output=True, text=True,
        check=False, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def there(folder: Path, *command: object, **env: str) -> Ran:
    """Runs a program of the environment in a folder that has nothing else."""
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=own_environment(**env), capture_output=True,
        check=False, timeout=600,
    )  # fmt: skip
    return checked(done.returncode, done.stdout, done.stderr)


def test_exports_fail_and_pass_as_they_should_where_only_doge_replay_is_installed(
    fresh: Path, faulty: Faulty, tmp_path: Path, core_exe: str
) -> None:
    one = faulty.ids[0]
    for form in ("pytest", "bundle"):
        assert (
            doge(faulty.folder, "export", one, "--anyway", "--as", form, "-o", tmp_path).code == 0
        )
    bad, good = tmp_path / "bad", tmp_path / "good"
    shutil.copytree(faulty.shadow.parent, bad)
    shutil.copy(core_exe, good)
    shadows = {str(bad / "__init__.py"): 1, str(good): 0}
    test = f"test_{one.replace('-', '_')}.py"
    for shadow, code in shadows.items():
        ran = there(tmp_path, fresh / "doge-replay", "repro", f"{one}.zip", "--shadow", shadow)
        assert ran.code == code, ran
        assert f"the cores {'diverge' if code else 'agree'}" in ran.out
        tested = [fresh / "pytest", "-pno:cacheprovider", test]
        ran = there(tmp_path, *tested, DOGE_CORE_EXE=shadow)
        assert ran.code == code, ran
        assert f"1 {'failed' if code else 'passed'}" in ran.out
    ran = there(tmp_path, *tested)
    assert ran.code == 1
    assert "1 error" in ran.out, "no shadow is no pass"


def test_the_bare_installation_is_small(installed: tuple[Path, Bare]) -> None:
    bare = installed[1]
    assert len(bare.packages) <= 10, bare.packages
    assert bare.size <= 28 * 2**20


def test_the_shadow_the_recorder_and_a_replay_work_in_it(
    fresh: Path, tmp_path: Path, core_exe: str
) -> None:
    shutil.copytree(TESTS / "support" / "stand_in_bot", tmp_path, dirs_exist_ok=True)
    shutil.copy(TESTS / "support" / "ports" / "port.py", tmp_path / "reducer.py")
    engine = tmp_path / "engine.py"
    text = engine.read_text()
    assert "import doge_core as sm\n" in text
    engine.write_text(
        text.replace("import doge_core as sm\n", "from replay.shadow import state_machine as sm\n")
    )
    bot = there(
        tmp_path, fresh / "python", "bot.py", 10, PAUSE="0", DOGE_CORE_SHADOW="1",
        DOGE_CORE_EXE=core_exe, DOGE_CORE_JOURNAL="logs",
    )  # fmt: skip
    assert bot.code == 0, bot
    program, cores = fresh / "doge-replay", ("--authority", "./state_machine.py", "--shadow")
    right = there(tmp_path, program, "run", "logs", *cores, core_exe, "--json")
    assert (right.code, right.json["divergences"]) == (0, []), right
    assert right.json["verdicts"]["agree"] >= 180
    (tmp_path / "wrong").mkdir()
    wrong = tmp_path / "wrong" / "forgets_fees.py"
    shutil.copy(CHECKOUT / "examples" / "forgets_fees.py", wrong)
    logs = CHECKOUT / "examples" / "journal.jsonl"
    found = there(tmp_path, program, "run", logs, "--shadow", wrong, "--json")
    assert found.code == 1, found
    one = found.json["divergences"][0]["id"]
    for command in ("repro", "show"):
        given = ("--shadow", wrong) if command == "repro" else ()
        ran = there(tmp_path, program, command, one, *given)
        assert ran.code == (1 if command == "repro" else 0), ran
        assert "state.total_fees" in ran.out
    assert one in there(tmp_path, program, "list").out


def test_what_ships_beside_the_code_is_in_it(fresh: Path, tmp_path: Path, core_exe: str) -> None:
    told = there(tmp_path, fresh / "doge-replay", "doctor", "--json", DOGE_CORE_EXE=core_exe).json
    places = {name: Path(told["shipped"][name]) for name in ("corpus", "docs/contract", "examples")}
    assert all(path.is_relative_to(fresh.parent) for path in places.values())
    assert {path.name for path in places["docs/contract"].iterdir()} >= {"reducer.md", "formats.md"}
    example = there(
        tmp_path, fresh / "doge-replay", "run", places["examples"] / "journal.jsonl",
        "--shadow", places["examples"] / "forgets_fees.py", "--db", "example.db",
    )  # fmt: skip
    assert example.code == 1, example
    assert list(tmp_path.iterdir()) == [tmp_path / "example.db"]


def test_a_run_of_nothing_says_how_to_replay_the_corpus_that_ships(
    fresh: Path, tmp_path: Path, core_exe: str
) -> None:
    nothing = there(tmp_path, fresh / "doge-replay", "run", DOGE_CORE_EXE=core_exe)
    assert nothing.code == 4
    command = nothing.last.partition("`")[2].partition("`")[0]
    ran = there(tmp_path, "bash", "-c", f"{command} --json", DOGE_CORE_EXE=core_exe)
    assert (ran.code, ran.json["streams"]) == (0, len(list(CHECKOUT.glob("corpus/*.stream"))))
    assert list(tmp_path.iterdir()) == [tmp_path / "divergences.db"]


def test_the_executable_is_built_where_nothing_but_a_wheel_is_installed(
    fresh: Path, tmp_path: Path
) -> None:
    here, cache = tmp_path / "here", tmp_path / "cache"
    here.mkdir()
    own = {"XDG_CACHE_HOME": str(cache)}
    lacking = there(here, fresh / "doge-replay", "doctor", **own)
    assert lacking.code == 3
    command = lacking.out.partition("or run `")[2].partition("`")[0]
    built = there(here, "bash", "-c", f"{command} --fast", **own)
    assert built.code == 0, built
    executable = Path(built.out.strip())
    assert executable.is_relative_to(cache)
    assert there(here, executable, "--version").code == 0
    known = there(here, fresh / "doge-replay", "doctor", "--json", **own)
    assert known.code == 0, known
    assert known.json["shadow"]["path"] == str(executable)
    assert known.json["shadow"]["revision"] == known.json["revision"]
    assert list(here.iterdir()) == []


NEED_MORE = {
    "fuzz": (("fuzz",), "hypothesis and jinja2", "fuzz"),
    "nightly": (("nightly", "--minutes", "1"), "hypothesis and jinja2", "fuzz"),
    "serve": (("serve",), "jinja2 and starlette and uvicorn", "web"),
    "paper": (
        ("paper", "--hours", "1", "--speed", "max"),
        "jinja2 and starlette and uvicorn",
        "web",
    ),
    "evidence": (
        ("evidence", "telemetry.jsonl", "--out", "package"),
        "jinja2",
        "evidence",
    ),
}


@pytest.mark.parametrize("command", NEED_MORE)
def test_a_command_whose_extra_is_missing_says_which(
    fresh: Path, tmp_path: Path, command: str
) -> None:
    arguments, libraries, extra = NEED_MORE[command]
    (tmp_path / "telemetry.jsonl").write_text("{}\n")
    ran = there(tmp_path, fresh / "doge-replay", *arguments)
    assert ran.code == 3, ran
    line = f"needs {libraries}, which the bare installation does not have"
    assert line in ran.line
    # No name that may be another's on an index.
    assert f": pip install '/path/to/doge-replay[{extra}]' (a checkout, or the wheel" in ran.line
    assert ran.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["telemetry.jsonl"]


@pytest.mark.parametrize("arguments", ["doctor --json", "--help", "fuzz -h", "gate -h"])
def test_what_is_not_installed_is_in_nobodys_way(
    fresh: Path, tmp_path: Path, core_exe: str, arguments: str
) -> None:
    ran = there(tmp_path, fresh / "doge-replay", *arguments.split(), DOGE_CORE_EXE=core_exe)
    assert ran.code == 0, ran
    if "--json" in arguments:
        assert "/path/to/doge-replay[fuzz]" in ran.json["libraries"]["hypothesis"]
