"""Starting processes is what small runs cost most: none is started that would tell nothing new."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from misbehaving import START, make_fake, run, ticks

from replay import revision
from replay.targets.executable.handshake import open_executable
from replay.targets.executable.supervisor import Supervisor
from replay.targets.pair import PairSpec
from replay.targets.readers import readers_of

ROOT = Path(__file__).parents[2]
PORT = ROOT / "tests/support/ports/port.py"

Started = list[str]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """What was started, by name."""
    names: Started = []

    def noting(start: Callable[..., Any]) -> Callable[..., Any]:
        def noted(self: Supervisor, *arguments: Any) -> Any:
            names.append(Path(self.path).name)
            return start(self, *arguments)

        return noted

    monkeypatch.setattr(Supervisor, "start", noting(Supervisor.start))
    return names


def test_what_a_file_can_do_is_asked_once_and_again_when_it_is_exchanged(
    tmp_path: Path, started: Started
) -> None:
    path = Path(make_fake(tmp_path, "none", "never", part2=False))
    with closing(open_executable(str(path))) as target:
        run(target, ticks(8, None))
    first, before = len(started), target.identity
    for _ in range(2):
        with closing(open_executable(str(path))) as target:
            assert run(target, ticks(8, None)).others_are_true()
        assert target.identity == before
    assert (first, len(started)) == (3, 5), "later ones start what answers, and nothing else"

    shutil.copy2(path, other := tmp_path / "other")
    other.write_text(path.read_text() + "# mended\n")
    other.replace(path)
    with closing(open_executable(str(path))) as target:
        assert target.identity.sha256 != before.sha256
    assert len(started) == 6, "it may be able to do more than the former"
    assert "False" in path.read_text()
    path.write_text(path.read_text().replace("False", "True"))
    with closing(open_executable(str(path))) as target:
        assert "replay" in target.identity.methods


def test_git_is_asked_once_for_the_same_code_and_one_process_reads_for_all_pairs(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = ("git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c")
    core = tmp_path / "own_core.py"
    core.write_text(PORT.read_text())
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        subprocess.run([*git, *words], check=True)
    asked: list[Path] = []
    real = revision.revision_of

    def noted(folder: Path) -> str:
        asked.append(folder)
        return real(folder)

    monkeypatch.setattr(revision, "revision_of", noted)

    spec = PairSpec(str(core), "python")
    with closing(spec.open_authority()) as first, closing(spec.open_authority()) as second:
        read = [readers_of(one).state(START.state) for one in (first, second)]
        assert read[0] is not None
        assert read[0] == read[1]
        assert first.identity == second.identity
    assert started == ["own_core.py"] * 3, "two cores, and one that reads for both"
    assert asked == [tmp_path]
    assert first.identity.revision.isalnum()
    assert len(first.identity.revision) == 40

    core.write_text(core.read_text() + "# mended\n")
    with closing(spec.open_authority()) as third:
        assert third.identity.revision == f"{first.identity.revision}-dirty"
        assert third.identity.sha256 != first.identity.sha256
