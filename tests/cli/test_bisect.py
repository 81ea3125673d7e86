"""`git bisect run doge-replay repro` names the commit that brought a divergence, and no other."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cli_support import (
    CANNOT_BE,
    FEE,
    Faulty,
    Ran,
    assert_gone,
    checked,
    doge,
    ended,
    environment,
    faulty_core,
    living,
    script,
    start,
)
from misbehaving import START, make_fake, ticks

from replay.cli.bisection import Other, bisect_code
from replay.cli.main import run_cli
from replay.cli.subject import Shown
from replay.differential.lockstep import Lockstep, run_stream
from replay.findings.store.store import Store
from replay.streams.model import Stream, segments_of
from replay.targets.open import open_target
from replay.targets.pair import PairSpec

CORE = "botcore/__init__.py"
UPSTREAM = ("total_profit=state.total_profit + net", "total_profit=state.total_profit + net + 1")
"""Computed before the fees: where both are wrong, this one is what the signature names."""


def git(folder: Path, *arguments: str) -> str:
    env = environment(
        GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_NAME="a",
        GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@b",
    )  # fmt: skip
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=env, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


class Checkout:
    """A git repository with a copy of our Python core in it, revision by revision."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        faulty_core(folder)
        git(folder, "init", "-q")
        self.commits: dict[str, str] = {}

    def commit(self, name: str, *changes: tuple[str, str], file: str = "booking.py") -> None:
        path = self.folder / "botcore" / file
        text = path.read_text()
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path.write_text(text)
        with (self.folder / "log").open("a") as log:
            log.write(f"{name}\n")
        git(self.folder, "add", ".")
        git(self.folder, "commit", "-q", "-m", name)
        self.commits[name] = git(self.folder, "rev-parse", "HEAD").strip()

    def bisect(self, good: str, *command: object) -> str:
        """What git says in the end."""
        git(self.folder, "bisect", "start", "HEAD", self.commits[good])
        program = [sys.executable, "-m", "replay", "repro", *map(str, command)]
        said = git(self.folder, "bisect", "run", *program)
        git(self.folder, "bisect", "reset")
        assert "Traceback" not in said
        assert not set(CANNOT_BE) & set(said)
        return said

    def first_bad(self, said: str) -> str:
        """The name of the commit that git found."""
        found = re.search(r"^([0-9a-f]{40}) is the first bad commit", said, re.MULTILINE)
        assert found, said
        return next(name for name, commit in self.commits.items() if commit == found[1])


def booked(faulty: Faulty) -> str:
    """The finding in which a cycle is booked."""
    found: str = next(
        one["id"] for one in faulty.ran.json["divergences"] if one["rule"] == "book a cycle"
    )
    return found


@pytest.fixture
def database(faulty: Faulty, tmp_path: Path) -> Path:
    return Path(shutil.copy(faulty.folder / "divergences.db", tmp_path))


@pytest.fixture
def repro(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Runs `repro` in this process: quicker where there is much to run."""

    def run(*arguments: object, where: Path = tmp_path) -> Ran:
        monkeypatch.chdir(where)
        monkeypatch.setenv("DOGE_CORE_TIMEOUT_SEC", "20")
        code = run_cli(["repro", *map(str, arguments)])
        printed = capsys.readouterr()
        return checked(code, printed.out.encode(), printed.err.encode())

    return run


def stored(folder: Path, shadow: str) -> str:
    """What a shadow that misbehaves at BAD_PRICE shows there, as a run would store it."""
    case = Stream(START, tuple(ticks(1, bad=0)), "a test")
    authority, target = pair = PairSpec("python", shadow, timeout=20).open()
    try:
        (found,) = run_stream(Lockstep(authority, target), segments_of(case, 1))
    finally:
        for core in pair:
            core.close()
    with Store.open(folder / "divergences.db") as store:
        run = store.begin_run("run", authority.identity, target.identity, {})
        return store.record(run, found).id


def turned(change: tuple[str, str]) -> tuple[str, str]:
    return change[1], change[0]


def test_the_first_bad_commit_is_found_past_one_that_cannot_be_loaded(
    faulty: Faulty, tmp_path: Path, database: Path
) -> None:
    bot = Checkout(tmp_path / "bot")
    bot.commit("first")
    bot.commit("second")
    bot.commit("a comment", ("Closing a round trip", "To close a round trip"))
    (bot.folder / CORE).write_text("1 +\n" + (bot.folder / CORE).read_text())
    bot.commit("does not load")
    (bot.folder / CORE).write_text((bot.folder / CORE).read_text().removeprefix("1 +\n"))
    bot.commit("loads again")
    bot.commit("the bug", FEE)
    bot.commit("later")
    bot.commit("last")
    said = bot.bisect("first", booked(faulty), "--bisect", "--shadow", CORE, "--db", database)
    assert bot.first_bad(said) == "the bug"


def test_a_core_is_built_at_each_revision(faulty: Faulty, tmp_path: Path, database: Path) -> None:
    """The build copies the core to where `--shadow` finds it. Where it fails, the old build is
    still there, and must not be taken for this revision's."""
    bot = Checkout(tmp_path / "bot")
    (bot.folder / ".gitignore").write_text("out/\n")
    build = script(bot.folder / "make-core", "rm -rf out && cp -r botcore out && echo built")
    bot.commit("first")
    bot.commit("second")
    bot.commit("the bug", FEE)
    script(build, "echo no compiler here; exit 7")
    bot.commit("does not build")
    script(build, "rm -rf out && cp -r botcore out && echo built")
    bot.commit("builds again")
    bot.commit("last")
    command = (booked(faulty), "--build", "./make-core", "--db", database,
               "--shadow", "out/__init__.py")  # fmt: skip
    assert bot.first_bad(bot.bisect("first", *command)) == "the bug"
    git(bot.folder, "checkout", "-q", bot.commits["does not build"])
    ran = doge(bot.folder, "repro", *command)
    assert (ran.code, ran.out) == (125, "")
    assert ran.err.splitlines() == [
        "no compiler here",
        "doge-replay: cannot test this revision: the build failed (exit 7): ./make-core",
    ]
    git(bot.folder, "checkout", "-q", bot.commits["last"])
    built = doge(bot.folder, "repro", *command, "--json")
    assert (built.code, built.err) == (1, "built\n")
    assert built.json["exit"] == 1


def test_another_divergence_is_not_taken_for_the_one_sought(
    faulty: Faulty, tmp_path: Path, database: Path, repro: Callable[..., Ran]
) -> None:
    bot = Checkout(tmp_path / "bot")
    bot.commit("first")
    bot.commit("another bug", UPSTREAM)
    bot.commit("both", FEE)
    bot.commit("only the one sought", turned(UPSTREAM))
    bot.commit("last")
    command = (booked(faulty), "--bisect", "--shadow", CORE, "--db", database)
    codes = {}
    for name in ("first", "another bug", "both", "last"):
        git(bot.folder, "checkout", "-q", bot.commits[name])
        for other in ("skip", "bad", "good"):
            ran = repro(*command, "--other", other, where=bot.folder)
            codes[name, other] = ran.code
        assert repro(*command, where=bot.folder).code == codes[name, "skip"]
    assert [codes["first", other] for other in ("skip", "bad", "good")] == [0, 0, 0]
    assert [codes["last", other] for other in ("skip", "bad", "good")] == [1, 1, 1]
    for name in ("another bug", "both"):
        assert [codes[name, other] for other in ("skip", "bad", "good")] == [125, 1, 0]
    said = bot.bisect("first", *command)
    assert "first bad commit could be any of" in said
    assert bot.commits["both"] in said
    assert bot.commits["only the one sought"] in said
    assert bot.first_bad(bot.bisect("first", *command, "--other", "bad")) == "another bug"


def test_whatever_keeps_us_from_knowing_is_125_only_for_git(
    faulty: Faulty, tmp_path: Path, database: Path, repro: Callable[..., Ran]
) -> None:
    one = booked(faulty)
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "broken.py").write_text("1 +")
    crash = script(tmp_path / "crash", "exit 3")
    shadow = ("--shadow", faulty.shadow)
    cases: list[tuple[int, Sequence[object]]] = [
        (2, ["d-00000000", *shadow]),
        (2, [one, *shadow, "--db", "nowhere.db"]),
        (2, ["broken.py", *shadow]),
        (2, [one, "--shadow", "./nowhere"]),
        (3, [one, "--shadow", "empty.py"]),
        (3, [one, "--shadow", "broken.py"]),
        (3, [one, "--shadow", crash]),
        (3, [one, "--authority", crash]),
    ]
    for code, arguments in cases:
        assert repro(*arguments).code == code
        for option in (["--bisect"], ["--build", "true"]):
            assert repro(*arguments, *option).code == 125
    (tmp_path / "pyproject.toml").write_text("[tool.doge-replay]\ntomorrow = 1\n")
    assert repro(one, *shadow).code == 2
    ran = repro(one, *shadow, "--bisect")
    assert ran.code == 125
    assert "cannot test this revision" in ran.line
    (tmp_path / "pyproject.toml").unlink()
    assert "--bisect" in repro(one, *shadow, "--other", "bad").line


def test_a_core_that_fails_is_bad_only_where_a_failure_is_sought(
    tmp_path: Path, core_exe: str, repro: Callable[..., Ran]
) -> None:
    exiting = make_fake(tmp_path, "exit", part2=True)
    sought = stored(tmp_path, exiting)
    assert sought.startswith("f-")
    stopping = make_fake(tmp_path, "half_exit", part2=True)
    wrong = make_fake(tmp_path, "always_wrong", part2=False)
    for shadow, code, options in (
        (exiting, 3, []),
        (exiting, 1, ["--bisect"]),
        (stopping, 125, ["--bisect"]),
        (stopping, 1, ["--bisect", "--other", "bad"]),
        (wrong, 0, ["--bisect"]),
        (wrong, 1, ["--bisect", "--other", "bad"]),
        (core_exe, 0, ["--bisect"]),
    ):
        assert repro(sought, "--shadow", shadow, *options).code == code
    one = stored(tmp_path, wrong)
    assert one.startswith("d-")
    assert repro(one, "--shadow", exiting, "--bisect", "--other", "bad").code == 125


def test_a_case_from_a_file_seeks_any_divergence(
    faulty: Faulty, tmp_path: Path, repro: Callable[..., Ran]
) -> None:
    one = booked(faulty)
    for form, file in (("parity", "case.json"), ("bundle", "case.zip")):
        doge(faulty.folder, "export", one, "--anyway", "--as", form, "-o", tmp_path / file)
        for shadow, code in ((faulty.shadow, 1), ("python", 0), ("./nowhere", 125)):
            assert repro(file, "--shadow", shadow, "--bisect").code == code
    other = faulty_core(tmp_path, UPSTREAM)
    assert repro("case.json", "--shadow", other, "--bisect").code == 1
    assert repro("case.zip", "--shadow", other, "--bisect").code == 125


def test_the_build_that_makes_the_usual_executable_is_found(
    faulty: Faulty, tmp_path: Path, core_exe: str
) -> None:
    """Before the build there is no `build/doge-core-exe` here, so no shadow at all."""
    faulty.copy(tmp_path)
    build = f"mkdir -p build && cp {core_exe} build/doge-core-exe"
    ran = doge(tmp_path, "repro", booked(faulty), "--build", build, env={"DOGE_CORE_EXE": None})
    assert ran.code == 0
    assert (tmp_path / "build" / "doge-core-exe").is_file()


def test_a_build_is_killed_with_us(faulty: Faulty, tmp_path: Path) -> None:
    faulty.copy(tmp_path)
    sleeper = script(tmp_path / "builder", "sleep 61.7 & sleep 61.7")
    process = start(tmp_path, "repro", booked(faulty), "--build", sleeper)
    until = time.monotonic() + 60
    while len(living(["61.7"])) < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    ran = ended(process, signal.SIGTERM)
    assert ran.code == 143
    assert_gone(process.pid, sleeper, "61.7")


def test_a_build_reads_nothing_and_what_it_says_goes_to_standard_error(
    faulty: Faulty, tmp_path: Path
) -> None:
    faulty.copy(tmp_path)
    build = "cat; echo out; echo err >&2"
    ran = doge(tmp_path, "repro", booked(faulty), "--shadow", "python", "--build", build)
    assert ran.code == 0
    assert sorted(ran.err.split()) == ["err", "out"]
    killed = doge(tmp_path, "repro", booked(faulty), "--shadow", "python", "--build", "kill -9 $$")
    assert killed.code == 125
    assert "the build failed (signal 9)" in killed.line


def test_a_core_that_changed_within_a_second_is_not_run_from_pythons_cache(
    tmp_path: Path,
) -> None:
    """Python tells a compiled file that is out of date by size and time, in seconds."""
    spec = faulty_core(tmp_path)
    file = tmp_path / "botcore" / "codec.py"
    text = file.read_text()
    for version in ("0.1.0", "0.1.1", "0.1.2"):
        init = tmp_path / "botcore" / "__init__.py"
        init.write_text(re.sub(r'CORE_VERSION = ".*"', f'CORE_VERSION = "{version}"',
                               init.read_text()))  # fmt: skip
        os.utime(init, (1_700_000_000, 1_700_000_000))
        target = open_target(str(spec))
        assert target.identity.version == version
        target.close()
    assert file.read_text() == text
    assert not list(tmp_path.rglob("*.pyc"))


@pytest.mark.parametrize("other", Other)
@pytest.mark.parametrize("sought_failure", [True, False])
@pytest.mark.parametrize("failed", [True, False])
def test_the_codes_are_only_ever_0_1_and_125(
    other: Other, sought_failure: bool, failed: bool
) -> None:
    facts = {"sought_failure": sought_failure, "failed": failed, "misses": False}
    assert bisect_code(Shown.AGREES, other, **{**facts, "failed": False}) == 0
    assert bisect_code(Shown.SOUGHT, other, **{**facts, "failed": sought_failure}) == 1
    code = bisect_code(Shown.ANOTHER, other, **facts)
    if failed and not sought_failure:
        assert code == 125
    elif other is Other.SKIP:
        assert code == (0 if sought_failure and not failed else 125)
    else:
        assert code == (1 if other is Other.BAD else 0)
