"""The pytest plugin: stored divergences and corpus streams as items that tell what the cores do
now."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from cli_support import CANNOT_BE, TESTS, Faulty, Ran, doge, living, script

# pytester forgets what is first imported within it; the plugin's imports must not be made anew.
import replay.testing  # noqa: F401
from replay.differential.model import Signature
from replay.findings.lifecycle import Status
from replay.findings.store.store import Store
from replay.streams.corpus import Corpus
from replay.streams.model import Document, Start, Step, Stream

GOOD_BUILD = {"replays": 2, "authority": "a", "shadow": "b"}


pytest_plugins = ["pytester"]


class Runs(Protocol):
    """Runs pytest in a folder, and checks what became of the items."""

    def __call__(
        self, folder: Path, *options: object, plugin: bool = True, passed: int = 0,
        failed: int = 0, errors: int = 0, code: int | None = None,
    ) -> Ran: ...  # fmt: skip


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """In this process, which is quicker, but for xdist. No item is ever skipped or expected to
    fail."""
    for name in os.environ:
        if name.startswith("DOGE_") and name != "DOGE_CORE_EXE":
            monkeypatch.delenv(name)

    def run(
        folder: Path, *options: object, plugin: bool = True, passed: int = 0, failed: int = 0,
        errors: int = 0, code: int | None = None,
    ) -> Ran:  # fmt: skip
        monkeypatch.chdir(folder)
        arguments = ["-pno:cacheprovider", "-pno:hypothesispytest", "-v", *map(str, options)]
        arguments += ["-preplay.pytest_plugin"] * plugin
        if "-n" in options:
            result = pytester.runpytest_subprocess(*arguments)
        else:
            result = pytester.runpytest_inprocess(*arguments)
        ran = Ran(int(result.ret), result.stdout.str(), result.stderr.str())
        assert not set(CANNOT_BE) & set(ran.out + ran.err)
        # A call that is refused has no summary.
        counted = Counter({} if ran.code == pytest.ExitCode.USAGE_ERROR else result.parseoutcomes())
        assert counted["passed"] == passed
        assert counted["failed"] == failed
        assert counted["errors"] + counted["error"] == errors
        assert not counted.keys() & {"skipped", "xfailed", "xpassed"}
        assert ran.code == (int(bool(failed or errors)) if code is None else code)
        return ran

    return run


@pytest.fixture
def where(faulty: Faulty, tmp_path: Path) -> Path:
    """A folder with the database in it, and nothing that pytest would collect by itself."""
    return faulty.copy(tmp_path)


@pytest.fixture
def corpus(where: Path) -> Path:
    """A corpus of two streams, of which one books a cycle."""
    corpus = Corpus(where / "streams")
    order: dict[str, Document] = {
        "local_id": 1, "side": "sell", "role": "exit", "price": 0.2, "volume": 25.0,
        "trade_id": "B", "cycle": 1, "entry_price": 0.1,
    }  # fmt: skip
    state: dict[str, Document] = {
        "market_price": 0.2,
        "now": 1.0,
        "orders": [order],
        "next_order_id": 2,
    }
    start = Start(state, {}, 5.0)
    fill = (2, 1, "T", "sell", 0.2, 25.0, 0.5, 2.0)
    corpus.add(Stream(start, (Step((0, 0.21, 2.0)), Step(fill)), "books"))
    corpus.add(Stream(start, (Step((0, 0.21, 2.0)), Step((1, 3.0))), "ticks"))
    return corpus.directory


def test_an_item_fails_while_its_divergence_is_there_and_passes_when_it_is_gone(
    run: Runs, faulty: Faulty, where: Path
) -> None:
    ids = faulty.ids
    bad = run(where, "--doge-db", "divergences.db", "--doge-shadow", faulty.shadow,
              failed=len(ids))  # fmt: skip
    for one in ids:
        assert f"divergences.db::{one} FAILED" in bad.out
        assert re.search(rf"^{one}: .*state\.total_fees", bad.out, re.MULTILINE)
    assert "!=  state.total_fees" in bad.out
    assert 'rule       reducer.md, "' in bad.out
    assert "replay/testing.py" not in bad.out
    run(where, "--doge-db", "divergences.db", passed=len(ids))
    turned = ("--doge-authority", faulty.shadow, "--doge-shadow", faulty.shadow)
    run(where, "--doge-db", where / "divergences.db", *turned, passed=len(ids))


def test_a_core_that_cannot_run_is_an_error_and_never_a_pass(
    run: Runs, faulty: Faulty, where: Path
) -> None:
    count = len(faulty.ids)
    crashing = script(where / "crash", "read -r asked; exit 3")
    for shadow, words in (("./nowhere", "does not exist"), (crashing, "a core failed: shadow")):
        ran = run(where, "--doge-db", "divergences.db", "--doge-shadow", shadow, errors=count)
        assert words in ran.out


def test_each_stream_of_a_corpus_is_an_item(
    run: Runs, faulty: Faulty, where: Path, corpus: Path
) -> None:
    bad = run(where, "--doge-corpus", "streams", "--doge-shadow", faulty.shadow, failed=1, passed=1)
    for stream in Corpus(corpus).streams():
        assert f"streams::{stream[:16]} " in bad.out
    assert "the cores diverge at state.total_fees" in bad.out
    both = ("--doge-corpus", "streams", "--doge-db", "divergences.db")
    run(where, *both, passed=2 + len(faulty.ids))
    damaged = corpus / f"{Corpus(corpus).streams()[0]}.stream"
    damaged.write_bytes(damaged.read_bytes()[:-3])
    ran = run(where, "--doge-corpus", "streams", passed=1, errors=1)
    assert "cut off" in ran.out


def test_what_gives_no_items_is_an_error(run: Runs, where: Path) -> None:
    for option, path in (("--doge-db", "no.db"), ("--doge-corpus", "none")):
        ran = run(where, option, path, code=4)
        assert f"there is no {option.removeprefix('--doge-').replace('db', 'database')}" in ran.err
        assert path in ran.err
    with Store.open(where / "empty.db"):
        pass
    (where / "none").mkdir()
    (where / "text.db").write_text("no database at all, but long enough to be looked at" * 20)
    (where / "test_one.py").write_text("def test_one():\n    pass\n")
    for options, words in (
        (["--doge-db", "empty.db"], "no divergence"),
        (["--doge-corpus", "none"], "is empty: nothing is tested"),
        (["--doge-db", "text.db"], "doge-replay: "),
        (["--doge-db", "divergences.db", "--doge-status", "fixed"], "that is fixed"),
    ):
        ran = run(where, *options, errors=1, code=2)
        assert words in ran.out, ran.out
    ran = run(where, "--doge-db", "divergences.db", "--doge-status", "mended", code=4)
    assert "there is no status 'mended'" in ran.err


def test_the_status_selects(run: Runs, faulty: Faulty, where: Path) -> None:
    (one,) = faulty.ids
    with Store.open(where / "divergences.db") as store:
        found = store.finding(one)
        run_id = store.begin_run("run", *found.cores[0], {})
        store.record(run_id, replace(found.finding, signature=Signature("e", "r", "f", "value")))
        store.add_history(one, Status.FIXED, who="a run", why="agrees", evidence=GOOD_BUILD)
    bad = ("--doge-db", "divergences.db", "--doge-shadow", faulty.shadow)
    held = run(where, *bad, "--doge-status", "fixed,regressed", failed=1)
    assert f"::{one} " in held.out
    others = run(where, *bad, "--doge-status", " New , tool-failure", failed=1)
    assert f"::{one} " not in others.out
    run(where, *bad, failed=2)
    run(where, "--doge-db", "divergences.db", "--doge-status", "fixed", passed=1)


def test_settings_say_the_same_as_options(
    run: Runs, faulty: Faulty, where: Path, corpus: Path
) -> None:
    tests = where / "tests"
    tests.mkdir()
    (tests / "test_own.py").write_text("def test_own():\n    pass\n")
    (where / "pytest.ini").write_text(
        "[pytest]\naddopts = -p replay.pytest_plugin\ntestpaths = tests\n"
        "doge_db = divergences.db\ndoge_corpus =\n    streams\n"
        f"doge_shadow = {faulty.shadow}\n"
    )
    run(where, plugin=False, passed=2, failed=1 + len(faulty.ids))
    run(where, "-m", "doge", plugin=False, passed=1, failed=1 + len(faulty.ids))
    run(where, "-m", "not doge", plugin=False, passed=1)
    run(where, "--doge-shadow", "python", plugin=False, passed=3 + len(faulty.ids))
    run(tests, "--doge-db", "../divergences.db", plugin=False,
        passed=1 + 1, failed=1 + len(faulty.ids))  # fmt: skip


def test_a_conftest_can_ask_for_it_and_nothing_else_does(
    run: Runs, faulty: Faulty, where: Path
) -> None:
    ran = run(where, "--doge-db", "divergences.db", plugin=False, code=4)
    assert "unrecognized arguments: --doge-db" in ran.err
    (where / "conftest.py").write_text('pytest_plugins = ["replay.pytest_plugin"]\n')
    run(where, "--doge-db", "divergences.db", plugin=False, passed=len(faulty.ids))


def test_everything_is_collected_once_and_can_be_named(
    run: Runs, faulty: Faulty, where: Path, corpus: Path
) -> None:
    one = faulty.ids[0]
    both = ("--doge-db", "divergences.db", "--doge-corpus", "streams")
    run(where, ".", *both, "--doge-db", where / "divergences.db", passed=2 + len(faulty.ids))
    run(where, *both, "-k", one, passed=1)
    outside = where / "outside"
    outside.mkdir()
    (outside / "pytest.ini").write_text("[pytest]\n")
    run(outside, "--doge-db", "../divergences.db", "--doge-corpus", "../streams",
        passed=2 + len(faulty.ids))  # fmt: skip


def test_a_call_means_what_it_means_everywhere(
    run: Runs, faulty: Faulty, where: Path, corpus: Path
) -> None:
    """Items, single files and IDs that are not there, with a database that settings name."""
    one, *others = faulty.ids
    settings = "[pytest]\ndoge_db = divergences.db\ndoge_corpus = streams\n"
    (where / "pytest.ini").write_text(settings)
    (where / "test_own.py").write_text("def test_own(): pass\n")
    item = f"divergences.db::{one}"
    run(where, item, passed=1)
    run(where, item, "--doge-db", "divergences.db", passed=1)
    run(where, "test_own.py", passed=1)
    run(where, "test_own.py::test_own", item, passed=2)
    run(where, "divergences.db", passed=len(faulty.ids))
    run(where, "test_own.py", "--doge-db", "divergences.db", passed=1 + len(faulty.ids))
    run(where, "--deselect", item, passed=len(others) + 2 + 1)
    run(where, "-k", one, passed=1)
    ran = run(where, "divergences.db::d-00000000", code=int(pytest.ExitCode.USAGE_ERROR))
    assert "d-00000000" in ran.err


@pytest.mark.parametrize("workers", [[], ["-p", "xdist", "-n", "2"]], ids=["alone", "xdist"])
def test_cores_are_opened_once_for_a_session_and_closed_behind_it(
    run: Runs, faulty: Faulty, where: Path, corpus: Path, core_exe: str, workers: list[str]
) -> None:
    core = script(where / "logging-core", f"echo started >> {where}/log", f'exec {core_exe} "$@"')
    for stream in sorted((TESTS.parent / "corpus").glob("*.stream"))[:6]:
        shutil.copy(stream, corpus)
    both = ("--doge-db", "divergences.db", "--doge-corpus", "streams", "--doge-shadow", core)
    run(where, *both, *workers, passed=8 + len(faulty.ids))
    # Opening an executable may start it twice: once to see whether it can be run at all.
    starts = (where / "log").read_text().count("started")
    assert 1 <= starts <= (4 if workers else 2)
    assert not living([where / "logging-core"])


def test_a_core_that_failed_once_does_not_spoil_the_items_behind_it(
    run: Runs, faulty: Faulty, where: Path, corpus: Path, core_exe: str
) -> None:
    once = f"[ -e {where}/once ] || {{ touch {where}/once; read line; exit 3; }}"
    core = script(where / "once-core", once, f'exec {core_exe} "$@"')
    run(where, "--doge-corpus", "streams", "--doge-shadow", core, passed=2)


def test_hostile_texts_in_a_database_are_harmless(run: Runs, where: Path) -> None:
    evil = "\x1b[31m\x07\u202e[bold]::d-1[x]\n" + "long" * 1000
    with (
        Store.open(where / "evil.db") as store,
        Store.open(where / "divergences.db", readonly=True) as other,
    ):
        (found,) = other.findings()
        run_id = store.begin_run("run", *found.cores[0], {})
        signature = Signature(evil, evil, evil, evil)
        store.record(run_id, replace(found.finding, signature=signature))
    ran = run(where, "--doge-db", "evil.db", "--doge-shadow", "./nowhere", errors=1)
    assert max(map(len, ran.out.split("\n"))) < 3000


def test_the_shipped_corpus_is_a_corpus(run: Runs, tmp_path: Path, core_exe: str) -> None:
    some = tmp_path / "corpus"
    some.mkdir()
    shipped = sorted((TESTS.parent / "corpus").glob("*.stream"))[:3]
    for stream in shipped:
        shutil.copy(stream, some)
    assert doge(tmp_path, "corpus", "verify", "--corpus", some).code == 0
    run(tmp_path, "--doge-corpus", some, "--doge-shadow", core_exe, passed=len(shipped))
