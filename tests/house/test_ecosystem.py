"""The files by which editors, CI and containers take doge-replay: what they name is there."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from replay.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]


def read_yaml(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None, name
    return found


def options(name: str) -> set[str]:
    return {text for param in command(name).params for text in param.opts}


# --- GitHub ---------------------------------------------------------------------------------------


def test_every_step_of_the_action_says_its_shell_and_uses_inputs_that_there_are() -> None:
    action = read_yaml("action.yml")
    assert action["runs"]["using"] == "composite"
    text = (ROOT / "action.yml").read_text("utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(action["inputs"])
    for step in action["runs"]["steps"]:
        assert ("run" in step) == ("shell" in step)
        # What somebody gives goes into a variable, never into the text of a program.
        assert "${{" not in step.get("run", "")


def test_what_the_action_calls_is_a_command_with_these_options() -> None:
    text = (ROOT / "action.yml").read_text("utf-8")
    assert set(re.findall(r"doge-replay (build-core)\b", text)) == {"build-core"}
    default = read_yaml("action.yml")["inputs"]["command"]["default"]
    assert {"--authority", "--shadow", "--db"} <= options(default)
    assert command("build-core")


@pytest.mark.parametrize(
    ("line", "groups"),
    [
        (
            "new divergence d-b96bf98f: FillEvent, entry fill, state.total_fees",
            {"code": "d-b96bf98f", "message": "FillEvent, entry fill, state.total_fees"},
        ),
        (
            "doge-replay: bot/explanations.toml:12: there is no key 'evnt'",
            {"file": "bot/explanations.toml", "line": "12", "message": "there is no key 'evnt'"},
        ),
    ],
)
def test_the_problem_matcher_reads_what_is_printed(line: str, groups: dict[str, str]) -> None:
    matchers = json.loads((ROOT / ".github" / "problem-matcher.json").read_text())
    patterns = [one["pattern"][0] for one in matchers["problemMatcher"]]
    found = [(one, match) for one in patterns if (match := re.match(one["regexp"], line))]
    ((pattern, match),) = found
    assert {name: match[pattern[name]] for name in groups} == groups


# --- Hooks ----------------------------------------------------------------------------------------


def test_the_hook_for_explanations_tells_a_good_file_from_a_bad_one(tmp_path: Path) -> None:
    (hook,) = read_yaml(".pre-commit-hooks.yaml")
    program, *words = hook["entry"].split()
    assert program == "doge-replay"
    assert re.search(hook["files"], "bot/explanations.toml")
    good, bad = tmp_path / "explanations.toml", tmp_path / "bad.toml"
    shutil.copy(ROOT / "examples" / "explanations.toml", good)
    bad.write_text(good.read_text().replace("signed =", "sigend =", 1))
    for files, code in (((good,), 0), ((good, bad), 2)):
        ran = subprocess.run(
            [program, *words, *map(str, files)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == code, ran
    assert "bad.toml" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not list(tmp_path.glob("*.db"))


# --- Containers -----------------------------------------------------------------------------------


def copies(stage: str) -> list[tuple[str | None, list[str], str]]:
    """Each COPY: the stage that it is from, what it takes and where that goes."""
    found = []
    for words in (line.split()[1:] for line in stage.splitlines() if line.startswith("COPY ")):
        other = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else None
        found.append((other, words[:-1], words[-1]))
    return found


def stages() -> dict[str, str]:
    """The stages of the image, in order, by their names."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    parts = re.split(r"^FROM (\S+)(?: AS (\S+))?$", text, flags=re.MULTILINE)[1:]
    return {name or "last": body for _, name, body in zip(*[iter(parts)] * 3, strict=True)}


def is_at_hand(engine: str) -> bool:
    """Whether a container engine is there and at work."""
    if shutil.which(engine) is None:
        return False
    return subprocess.run([engine, "info"], capture_output=True, check=False).returncode == 0


def ignored(path: str) -> bool:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    return any(
        fnmatch.fnmatch(part, pattern.removeprefix("**/"))
        for pattern in patterns
        for part in ([path.split("/")[0]] if not pattern.startswith("**/") else path.split("/"))
    )


def test_all_that_the_image_takes_is_there_and_not_left_out() -> None:
    for stage in stages().values():
        for other, names, _ in copies(stage):
            for name in names if other is None else ():
                assert (ROOT / name).exists(), name
                assert not ignored(name), name
    assert ignored(".venv")
    assert ignored("build")


def test_the_last_stage_has_all_that_a_wheel_is_made_of_and_no_compiler() -> None:
    *_, last = stages().values()
    taken = {name for other, names, _ in copies(last) if other is None for name in names}
    assert {"replay", "setup.py", "pyproject.toml", "README.md"} <= taken
    shipped = re.findall(r'^    "([^"]+)",$', (ROOT / "setup.py").read_text("utf-8"), re.MULTILINE)
    assert len(shipped) >= 8
    for pattern in shipped:
        assert any(pattern.startswith(name) for name in taken), pattern
    assert "ghc" not in last
    built = [names for other, names, _ in copies(last) if other == "executable"]
    assert built == [["/src/build/doge-core-exe"]]
    assert "scripts/build-core" in stages()["executable"]


def test_the_image_is_built_and_its_executable_answers() -> None:
    engine = next(filter(is_at_hand, ("docker", "podman")), None)
    if engine is None:
        pytest.skip("no container engine")
    subprocess.run([engine, "build", "-q", "-t", "doge-replay-test", "."], cwd=ROOT, check=True)
    ran = subprocess.run(
        [engine, "run", "--rm", "doge-replay-test", "doctor"], capture_output=True, check=False
    )
    assert ran.returncode == 0, ran


def test_the_devcontainer_runs_scripts_that_there_are() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    for line in container["onCreateCommand"].split(" && "):
        assert (ROOT / line.split()[0]).is_file(), line
