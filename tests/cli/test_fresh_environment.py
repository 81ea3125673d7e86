"""What is handed over works where nothing but doge-replay is installed, away from this checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import TESTS, Faulty, Ran, checked, doge, environment

CHECKOUT = TESTS.parent


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a new environment with doge-replay, as a user installs it, and pytest.

    From a copy of the sources: building a package leaves things in the folder that it is built in.
    """
    folder = tmp_path_factory.mktemp("fresh")
    sources = folder / "sources"
    shutil.copytree(CHECKOUT / "replay", sources / "replay",
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(CHECKOUT / name, sources)
    programs = folder / "env" / "bin"
    run(folder, sys.executable, "-m", "venv", "--without-pip", "env")
    run(folder, sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet",
        "--disable-pip-version-check",
        "--constraint", CHECKOUT / "constraints.txt", sources, "pytest")  # fmt: skip
    shutil.rmtree(sources)
    where = run(folder, programs / "python", "-c", "import replay; print(replay.__file__)")
    assert where.startswith(str(folder / "env"))
    return programs


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
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def there(folder: Path, *command: object, **env: str) -> Ran:
    """Runs a program of the environment in a folder that has nothing else."""
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=own_environment(**env), capture_output=True,
        check=False, timeout=120,
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
