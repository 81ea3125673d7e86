"""The whole life of a divergence, through the command line and on real executables: found, triaged,
explained, green, mended, fixed, back again, regressed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from planted_faults import FAULTS, ROOT, Builds

FAULT = next(fault for fault in FAULTS if fault.name.startswith("a swapped fee"))
"""The corpus shows it, so each night sees it, however little there is time for."""
NIGHT = (
    *("nightly", "--minutes", "0.03", "--causes", "0", "--seed", "11", "--jobs", "1"),
    *("--corpus", "streams"),
)


class Project:
    """A directory in which somebody works: its executable, its explanations, its database."""

    def __init__(self, folder: Path, good: str, bad: str) -> None:
        self.folder = folder
        self.good = Path(good)
        self.bad = Path(bad)
        self.executable = folder / "doge-core-exe"
        self.explanations = folder / "explanations.toml"
        shutil.copytree(ROOT / "corpus", folder / "streams")

    def install(self, executable: Path) -> None:
        """Puts a build where the project's executable is."""
        shutil.copy(executable, self.folder / "new")
        (self.folder / "new").replace(self.executable)

    def doge(self, *arguments: str) -> tuple[int, Any]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DOGE_")}
        done = subprocess.run(
            [sys.executable, "-m", "replay", *arguments, "--json"],
            cwd=self.folder,
            env={**environment, "DOGE_CORE_EXE": str(self.executable)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def night(self, *more: str) -> tuple[int, dict[str, Any]]:
        code, report = self.doge(*NIGHT, *more)
        assert isinstance(report, dict), report
        assert (report["canary"]["ok"], report["control"]["ok"]) == (True, True)
        return code, report

    def statuses(self, finding: str) -> list[str]:
        """The statuses of a finding's history, in order, each once."""
        _, shown = self.doge("show", finding)
        said = [entry["status"] for entry in shown["history"] if entry["status"] is not None]
        return [one for place, one in enumerate(said) if said[place - 1 : place] != [one]]


@pytest.fixture
def project(tmp_path: Path, core_exe: str, builds: Builds) -> Project:
    return Project(tmp_path, core_exe, builds(FAULT))


def test_a_divergence_lives_from_found_to_regressed(project: Project) -> None:
    project.install(project.bad)
    code, report = project.night()
    assert code == 1
    main = max(report["divergences"], key=lambda line: line["occurrences"])["id"]
    assert main in report["groups"]["new"]

    code, _ = project.doge(
        *("triage", main, "--who", "Ada", "--severity", "orders", "--owner", "Grace"),
        *("--note", "the quote fee of A is that of the exit"),
    )
    assert code == 0

    # What `explain` finds goes into the file as it is.
    blocks = []
    for line in report["divergences"]:
        code, cause = project.doge("explain", line["id"], "--seconds", "60")
        assert code == 0, cause
        blocks.append(explanation_of(cause))
    project.explanations.write_text("version = 1\n\n" + "\n".join(blocks))

    code, green = project.night()
    assert (code, green["groups"]["new"], green["groups"]["known"]) == (0, [], [])
    assert main in green["groups"]["explained"]
    assert all(claim["ok"] and claim["checked"] for claim in green["claims"])
    code, strict = project.night("--strict")
    assert (code, strict["groups"]["explained"]) == (1, [])

    # Mended: what was explained is fixed, and the explanation has nothing left to explain.
    project.install(project.good)
    code, mended = project.night()
    assert main in mended["fixed"]
    assert code == 1
    assert not any(claim["ok"] for claim in mended["claims"])
    assert all("matches nothing" in claim["why"] for claim in mended["claims"])
    project.explanations.unlink()
    assert project.night()[0] == 0

    project.install(project.bad)
    code, back = project.night()
    assert code == 1
    assert main in back["regressed"]
    assert main in back["groups"]["regressed"]

    assert project.statuses(main) == ["triaged", "explained", "fixed", "regressed"]
    _, shown = project.doge("show", main)
    fixed = next(entry for entry in shown["history"] if entry["status"] == "fixed")
    assert fixed["evidence"]["replays"] == 2
    assert fixed["evidence"]["shadow"]["sha256"] == mended["shadow"]["sha256"]
    assert shown["occurrences"] >= main_count(report, main) + main_count(back, main)


def explanation_of(cause: dict[str, Any]) -> str:
    """The block that `explain` prints, with what a person has to fill in filled in."""
    block: str = cause["causes"][0]["explanation"]
    for old, new in (
        ('reason = ""', 'reason = "the quote fee of A is that of the exit"'),
        ('signed = ""', 'signed = "Ada"'),
    ):
        assert block.count(old) == 1
        block = block.replace(old, new)
    return block + "\n"


def main_count(report: dict[str, Any], finding: str) -> int:
    return sum(one["occurrences"] for one in report["divergences"] if one["id"] == finding)
