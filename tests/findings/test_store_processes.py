"""Several processes on one database, and processes that end at the worst moment."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from store_support import HASKELL, PYTHON, child, finding, finish, stream

from replay.errors import EnvironmentFailure
from replay.findings.store import database, way_back
from replay.findings.store.migrations import MIGRATIONS, migrate
from replay.findings.store.store import RunKind, Store

WORKERS = 2
FINDINGS = 12
ROUNDS = 25

HAMMER = f"""
path, name = sys.argv[1:]
with Store.open(path) as store:
    run = store.begin_run("fuzz", PYTHON, HASKELL, {{}})
    new = 0
    for round in range({ROUNDS}):
        for n in range({FINDINGS}):
            case = stream(5, origin=f"{{name}} #{{round}}")
            recorded = store.record(run, finding(n, case=case))
            new += recorded.is_new
            assert recorded.first_in_run == (round == 0)
            store.count(run, recorded.id, 10)
        store.store_minimised(run, recorded.id, finding(case=stream(4 - round % 4)), 1, 0.1)
        store.record_failures(run, [FailureCount("exited", 1, name)])
        len(store.findings())
    store.end_run(run, RunTotals(exit=1))
print(new)
"""


def test_processes_that_hammer_one_database_all_finish_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "divergences.db"
    children = [child(HAMMER, path, name) for name in range(WORKERS)]
    new = sum(int(finish(process)) for process in children)
    assert new == FINDINGS, "each finding was new to just one of them"
    with Store.open(path, readonly=True) as store:
        assert store.check().sound
        assert [found.occurrences for found in store.findings()] == (
            [WORKERS * ROUNDS * 11] * FINDINGS
        )
        for run in store.runs():
            assert run.finished
            assert run.occurrences == ROUNDS * FINDINGS * 11
            assert run.failures[0].steps == ROUNDS


WRITER = """
import itertools, os
path, first = sys.argv[1], int(sys.argv[2])
def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
say("opening")
store = Store.open(path)
run = store.begin_run("fuzz", PYTHON, HASKELL, {})
for n in itertools.count(first):
    recorded = store.record(run, finding(n, case=stream(40, price=float(n))))
    say("recorded", recorded.id)
    store.count(run, recorded.id, 6)
    store.flush()
    say("counted", recorded.id)
    store.store_minimised(run, recorded.id, finding(n, case=stream(1, price=float(n))), 9, 0.1)
    say("minimised", recorded.id)
"""


def test_whatever_was_acknowledged_survives_a_kill_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "divergences.db"
    dice = random.Random(20260101)
    acknowledged: dict[str, set[str]] = {"recorded": set(), "counted": set(), "minimised": set()}
    rounds, hot = 40, 0
    for number in range(rounds):
        process = child(WRITER, path, number * 10_000)
        assert process.stdout is not None
        # By progress, not by the clock: a busy machine must not make this test easier. Every
        # fourth is killed while it opens, the first ones while it makes the file.
        heard = [process.stdout.readline() for _ in range(dice.randint(2, 14) if number % 4 else 1)]
        time.sleep(dice.uniform(0, 0.008))
        process.kill()
        heard += process.stdout.read().splitlines(keepends=True)
        for line in heard:
            word, *rest = line.split()
            if line.endswith("\n") and word in acknowledged:
                acknowledged[word].add(rest[0])
        process.stdout.close()
        process.wait()
        hot += path.with_name(f"{path.name}-journal").exists()
        if not path.exists():
            continue
        # Whoever comes next, a reader or a writer, finds it whole. A writer comes first where
        # nothing was acknowledged yet: making the file may have been rolled back.
        if number % 2 or not any(acknowledged.values()):
            Store.open(path).close()
        with Store.open(path, readonly=True) as store:
            report = store.check()
            assert report.sound, report.problems
            stored = {found.id: found for found in store.findings()}
            assert acknowledged["recorded"] <= stored.keys()
            for identity in acknowledged["counted"]:
                assert stored[identity].occurrences == 7
            for identity in acknowledged["minimised"]:
                assert stored[identity].steps == 1
            newest = store.findings(run=report.runs)
            for found in newest[-3:]:
                assert len(found.unshrunk.steps) == 40
                assert found.minimised == (len(found.case.steps) == 1)
    assert len(acknowledged["minimised"]) > rounds, "most rounds got to write something"
    assert hot > 0, "at least one was killed inside a transaction"


FILLS_UP = """
import resource
path, limit = sys.argv[1], int(sys.argv[2])
store = Store.open(path)
run = store.begin_run("fuzz", PYTHON, HASKELL, {})
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
dice = __import__("random").Random(5)
try:
    for n in range(100_000):
        case = stream(1, origin="".join(chr(dice.randrange(97, 123)) for _ in range(3000)))
        print(store.record(run, finding(n, case=case)).id, flush=True)
except EnvironmentFailure as error:
    print("refused:", error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(store.record(run, finding("after")).id)
store.close()
"""


@pytest.mark.parametrize("limit", [250_000, 300_123])
def test_on_a_full_disk_nothing_is_claimed_that_was_not_stored(tmp_path: Path, limit: int) -> None:
    path = tmp_path / "divergences.db"
    imports = "from replay.errors import EnvironmentFailure\n"
    *recorded, refused, after = finish(child(imports + FILLS_UP, path, limit)).splitlines()
    assert refused.startswith(f"refused: cannot use the database {path}: ")
    assert "full" in refused or "space" in refused
    assert len(recorded) > 5
    with Store.open(path, readonly=True) as store:
        assert store.check().sound
        stored = [found.id for found in store.findings()]
    assert stored == [*recorded, after] == [*recorded, finding("after").id]
    assert len(stream().steps) == 3


NO_ROOM = """
import resource
from replay.errors import EnvironmentFailure
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
try:
    Store.open(sys.argv[1])
except EnvironmentFailure as error:
    print("refused:", error)
"""


def test_a_database_that_a_full_disk_had_no_room_for_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "divergences.db"
    assert finish(child(NO_ROOM, path)).startswith(f"refused: cannot use the database {path}: ")
    assert list(tmp_path.iterdir()) == []
    path.touch()  # somebody else's
    assert finish(child(NO_ROOM, path)).startswith("refused: ")
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_about_to_write_to_a_file_that_was_taken_away_loses_nothing_in_silence(
    tmp_path: Path,
) -> None:
    path = tmp_path / "divergences.db"
    connection = database.connect(path, len(MIGRATIONS))
    database.remove_empty(path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(EnvironmentFailure):
        migrate(connection, MIGRATIONS, way_back.keep_copy)
    connection.close()
    with Store.open(path) as store:
        run = store.begin_run(RunKind.FUZZ, PYTHON, HASKELL, {})
        store.record(run, finding())
    database.remove_empty(path)
    assert path.stat().st_size > 0
