"""corpus: streams kept under the hash of their content, and no damage left unnoticed."""

from __future__ import annotations

import errno
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_makers import CONFIG, gather, journal, read, requests, without_lines, write
from test_streams_cases import any_stream

from replay import core
from replay.errors import DamagedError, EnvironmentFailure, InputError
from replay.streams.corpus import Corpus, Entry, segments_of
from replay.streams.inputs import open_input
from replay.streams.model import Rejected, Segment, Start, Step, Stream
from replay.streams.stream_file import check_file, stream_id

STATE = core.to_dict(core.PairState(0.2, 1.0))
START = Start(STATE, core.config_to_dict(CONFIG), 5.0, {"A": 1.0, "B": 2.0})
SMALL = Stream(
    START,
    (
        Step((0, 0.25, 2.0), None, 3),
        Step((1, 2.0), {"patch": {"now": math.inf}, "order_size_usd": 10**30}, 5),
        Step({"what": [1, None, "é"]}, None, 4),
        Step((6,), {"state": STATE}, 9),
    ),
    "somewhere slot 0",
)


def ticks(count: int) -> Stream:
    return Stream(START, tuple(Step((0, 0.1 + n, float(n)), None, n) for n in range(count)), "t")


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path / "corpus")


# --- Keeping ----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [SMALL, ticks(0), ticks(1), ticks(5000)])
def test_a_stream_is_read_as_it_was_added(corpus: Corpus, stream: Stream) -> None:
    name, is_new = corpus.add(stream)
    assert is_new
    assert corpus.streams() == [name]
    assert corpus.read(name) == stream
    assert gather(corpus.segments(name)) == ([stream], [])
    assert stream_id(stream) == name


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_stream)
def test_any_stream_is_read_as_it_was_added(corpus: Corpus, stream: Stream) -> None:
    name, _ = corpus.add(stream)
    again = corpus.read(name)
    # Keys come back sorted, which no core can see.
    assert stream_id(again) == name
    assert len(again.steps) == len(stream.steps)
    assert corpus.verify().is_sound


def test_numbers_come_back_to_the_last_bit(corpus: Corpus) -> None:
    numbers = [0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 1,
               1.0, True, 2**63 - 1, -(2**63), 2**64 - 1, 2**64, -(2**63) - 1, 10**100]  # fmt: skip
    name, _ = corpus.add(Stream(Start({"x": numbers}, {}, -0.0), (Step((0, -0.0, math.nan)),)))
    again: Any = corpus.read(name)
    assert repr(again.start.state["x"]) == repr(numbers)
    assert repr(again.steps[0].call) == "(0, -0.0, nan)"
    assert repr(again.start.order_size_usd) == "-0.0"


def test_the_same_stream_is_kept_once_whatever_it_came_from(corpus: Corpus) -> None:
    name, _ = corpus.add(SMALL)
    turned = replace(
        SMALL,
        start=START._replace(state=dict(reversed(STATE.items()))),
        steps=tuple(step._replace(line=0, changes=step.changes or {}) for step in SMALL.steps),
        origin="elsewhere",
    )
    assert corpus.add(turned) == (name, False)
    assert corpus.read(name).origin == "somewhere slot 0"


@pytest.mark.parametrize(
    "other",
    [
        replace(SMALL, start=START._replace(order_size_usd=5)),
        replace(SMALL, start=START._replace(order_sizes=None)),
        replace(SMALL, steps=SMALL.steps[:-1]),
        replace(SMALL, steps=(*SMALL.steps, Step((6,)))),
        replace(SMALL, steps=(Step((0, 0.25, 2.0), {"patch": {}}), *SMALL.steps[1:])),
        replace(SMALL, steps=(Step({"price": 0.25, "timestamp": 2.0}), *SMALL.steps[1:])),
    ],
)
def test_another_stream_has_another_id(other: Stream) -> None:
    assert stream_id(other) != stream_id(SMALL)


def test_how_a_stream_is_cut_into_pieces_is_not_part_of_its_id(corpus: Corpus) -> None:
    stream = ticks(3000)
    with corpus.writer(stream.start, "a") as writer:
        for step in stream.steps:
            writer.add(step)
        assert writer.finish() == (stream_id(stream), True)


def test_segments_of_a_kept_stream_are_bounded(corpus: Corpus) -> None:
    name, _ = corpus.add(ticks(5000))
    sizes = [len(item.steps) for item in corpus.segments(name) if isinstance(item, Segment)]
    assert sum(sizes) == 5000
    assert max(sizes) <= 512


@pytest.mark.parametrize("version", [1, 2])
def test_the_files_of_all_versions_stay_readable(tmp_path: Path, version: int) -> None:
    # As each version wrote it. Never change these: files like them are in people's corpora.
    path = tmp_path / "old.stream"
    path.write_bytes(bytes.fromhex((VERSION_1, VERSION_2)[version - 1]))
    stream = Stream(
        Start({"now": 1.0}, {}, 2.0), (Step((1, 2.0), None, 7), Step((6,), {"config": {}}, 8)), "o"
    )
    assert gather(open_input(path)) == ([stream], [])
    assert check_file(path).id == stream_id(stream) == (
        "5abf469113bbf544063a2a9e763fc82cf68859abd50244b54b650150abf228e3"
    )  # fmt: skip


VERSION_1 = (
    "89444f4745535452014f2d000000025260727ba16f532d0000001a778b76529481a36e6f77cb3ff00000000000"
    "0080cb4000000000000000c0432d0000001e3b3b021492920701c418919201cb400000000000000092910681a6"
    "636f6e66696780452d000000754b33d86983a5737465707302a563616c6c7382a954696d65725469636b01b063"
    "6865636b5f696e76617269616e747301a6736861323536d9403561626634363931313362626635343430363361"
    "3261396537363366633832636636383835396162643530323434623534623635303135306162663232386533"
)


VERSION_2 = (
    "89444f4745535452024f2d000000025260727ba16f5363000000279cf664660000001a28b52ffd0058d0000094"
    "81a36e6f77cb3ff000000000000080cb4000000000000000c0436300000022305fe4580000001edc0000a89292"
    "0701c41891920192910681a6636f6e66696780010056cc23452d000000754b33d86983a5737465707302a56361"
    "6c6c7382a954696d65725469636b01b0636865636b5f696e76617269616e747301a6736861323536d940356162"
    "663436393131336262663534343036336132613965373633666338326366363838353961626435303234346235"
    "34623635303135306162663232386533"
)


def test_what_a_stream_sets_again_and_again_is_kept_once(corpus: Corpus) -> None:
    state = {"notes": [f"{7919 * n % 65521:05d}" for n in range(4000)]}
    often = Stream(START, tuple(Step((6,), {"state": state}, 0) for _ in range(60)), "")
    kept = corpus.path_of(corpus.add(often)[0]).stat().st_size
    once = corpus.path_of(corpus.add(replace(often, steps=often.steps[:1]))[0]).stat().st_size
    assert corpus.read(corpus.streams()[0]).steps[0] == often.steps[0]
    assert kept < 1.5 * once, "a part of a stream is packed with those before it"


def test_the_list_shows_what_is_there(corpus: Corpus) -> None:
    name, _ = corpus.add(SMALL)
    (entry,) = corpus.entries()
    assert entry == Entry(
        name,
        4,
        {"PriceTick": 1, "TimerTick": 1, "check_invariants": 1, "unknown event": 1},
        "somewhere slot 0",
        corpus.path_of(name).stat().st_size,
    )


def test_a_kept_stream_is_small(corpus: Corpus, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", journal(2000, slots=1))
    corpus.import_inputs([path])
    sizes = [entry.size for entry in corpus.entries() if isinstance(entry, Entry)]
    assert sum(sizes) * 10 < path.stat().st_size


# --- Importing --------------------------------------------------------------------------------


def test_a_second_import_adds_nothing(corpus: Corpus, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    write(source / "a.jsonl.gz", [*journal(300), b"no json"])
    write(source / "b.jsonl", requests(100, seed=2))
    refused: list[Rejected] = []
    first = corpus.import_inputs([source], bound=100, on_rejected=refused.append)
    assert (first.added, first.known, first.steps, first.rejected) == (8, 0, 800, 1)
    assert [item.reason for item in refused] == ["is no JSON: Expecting value at column 1"]
    files = {path: path.read_bytes() for path in corpus.directory.iterdir()}
    second = corpus.import_inputs([source], bound=100)
    assert (second.added, second.known) == (0, 8)
    assert {path: path.read_bytes() for path in corpus.directory.iterdir()} == files


def test_what_was_imported_is_what_was_in_the_file(corpus: Corpus, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", journal(200))
    corpus.import_inputs([path])
    streams, _ = read(path)
    assert {stream_id(stream): stream for stream in streams} == {
        name: corpus.read(name) for name in corpus.streams()
    }


def test_a_corpus_can_be_imported_into_another(corpus: Corpus, tmp_path: Path) -> None:
    corpus.add(SMALL)
    corpus.add(ticks(5))
    other = Corpus(tmp_path / "other")
    assert other.import_inputs([corpus.directory]).added == 2
    assert other.streams() == corpus.streams()


def test_an_import_that_is_broken_off_leaves_nothing_behind(corpus: Corpus, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [*journal(2000), b"stop"])

    def stop(_: Rejected) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        corpus.import_inputs([path], on_rejected=stop)
    assert not corpus.directory.exists() or os.listdir(corpus.directory) == []


# --- Damage -----------------------------------------------------------------------------------


def expect_damage(corpus: Corpus, name: str, reason: str = "") -> None:
    path = corpus.path_of(name)
    (fault,) = corpus.verify().faults
    assert (fault.kind, fault.file) == ("damaged", str(path))
    assert reason in fault.reason
    with pytest.raises(DamagedError, match="is damaged"):
        corpus.read(name)
    (item,) = corpus.segments(name)
    assert isinstance(item, Rejected)
    assert (item.file, item.line) == (str(path), 0)
    assert reason in item.reason


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_flipped_byte_is_found(corpus: Corpus, data: st.DataObject) -> None:
    stream = data.draw(st.sampled_from([SMALL, ticks(3), ticks(600)]))
    name, _ = corpus.add(stream)
    path = corpus.path_of(name)
    good = path.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    bits = data.draw(st.integers(1, 255))
    try:
        path.write_bytes(good[:at] + bytes((good[at] ^ bits,)) + good[at + 1 :])
        with pytest.raises(DamagedError):
            check_file(path, name)
        assert not corpus.verify().is_sound
        assert isinstance(next(iter(corpus.segments(name))), Rejected)
    finally:
        path.unlink()


@pytest.mark.parametrize("stream", [SMALL, ticks(2)])
def test_every_flipped_byte_of_a_small_file_and_every_cut_is_found(
    corpus: Corpus, stream: Stream
) -> None:
    name, _ = corpus.add(stream)
    path = corpus.path_of(name)
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes((good[at] ^ 0xFF,)) + good[at + 1 :])
        with pytest.raises(DamagedError):
            check_file(path, name)
        path.write_bytes(good[:at])
        with pytest.raises(DamagedError):
            check_file(path, name)
    path.write_bytes(good)
    assert check_file(path, name).id == name


def test_each_kind_of_damage_has_its_reason(corpus: Corpus) -> None:
    name, _ = corpus.add(SMALL)
    path = corpus.path_of(name)
    good = path.read_bytes()
    end = good.rindex(b"E", 0, good.rindex(b"steps"))
    for data, reason in [
        (b"", "it is cut off"),
        (good[:-1], "it is cut off"),
        (good[:end], "it is cut off"),
        (b"PK" + good[2:], "it does not begin as a stream file does"),
        (good[:8] + b"\x63" + good[9:], "its format version 99 is not known"),
        (good + b"x", "there is something after its end"),
        (good[:-1] + bytes((good[-1] ^ 1,)), "the checksum of one of its frames is wrong"),
        (good[:9] + good[end:], "the header of one of its frames is damaged"),
    ]:
        path.write_bytes(data)
        expect_damage(corpus, name, reason)


def test_a_good_file_under_another_streams_name_is_damage(corpus: Corpus) -> None:
    name, _ = corpus.add(SMALL)
    other, _ = corpus.add(ticks(3))
    corpus.path_of(other).replace(corpus.path_of(name))
    expect_damage(corpus, name, f"its content is that of stream {other}")
    (item,) = corpus.entries()
    assert isinstance(item, Rejected)


def test_a_run_goes_on_behind_a_damaged_stream(corpus: Corpus) -> None:
    names = sorted(corpus.add(ticks(n))[0] for n in range(1, 4))
    corpus.path_of(names[1]).write_bytes(b"")
    streams, rejected = gather(segments_of([corpus.directory]))
    assert [stream_id(stream) for stream in streams] == [names[0], names[2]]
    assert [item.file for item in rejected] == [str(corpus.path_of(names[1]))]
    kinds = [type(item) for item in corpus.entries()]
    assert kinds == [Entry, Rejected, Entry]


def test_adding_a_stream_again_repairs_its_damaged_file(corpus: Corpus) -> None:
    name, _ = corpus.add(SMALL)
    corpus.path_of(name).write_bytes(b"rubbish")
    assert corpus.add(SMALL) == (name, True)
    assert corpus.read(name) == SMALL
    assert corpus.verify().faults == ()


def test_foreign_files_and_leftovers_are_reported_and_harm_nobody(corpus: Corpus) -> None:
    corpus.add(SMALL)
    for name in ("README.md", ".gitkeep", "notes.txt", "x.stream", ".adding-1-2"):
        (corpus.directory / name).touch()
    (corpus.directory / "folder").mkdir()
    report = corpus.verify()
    assert report.good == 1
    assert report.is_sound
    assert [(fault.kind, Path(fault.file).name) for fault in report.faults] == [
        ("leftover", ".adding-1-2"),
        ("foreign", "folder"),
        ("foreign", "notes.txt"),
        ("foreign", "x.stream"),
    ]
    assert len(corpus.streams()) == 1


def test_a_missing_corpus_or_stream_is_an_input_error(corpus: Corpus) -> None:
    for ask in (corpus.streams, corpus.verify, lambda: list(corpus.entries())):
        with pytest.raises(InputError, match="No such file or directory"):
            ask()
    corpus.add(SMALL)
    for name in ("0" * 64, "../x", ""):
        with pytest.raises(InputError, match="has no stream"):
            corpus.read(name)


# --- Writing ----------------------------------------------------------------------------------


def test_a_full_disk_is_an_environment_failure_and_leaves_nothing(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvironmentFailure, match="No space left on device"):
        corpus.add(SMALL)
    assert os.listdir(corpus.directory) == []


def test_a_directory_that_cannot_be_made_is_an_environment_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFailure):
        Corpus(tmp_path / "file" / "corpus").add(SMALL)


def test_a_file_system_without_links_is_good_enough(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    name, is_new = corpus.add(SMALL)
    assert is_new
    assert os.listdir(corpus.directory) == [f"{name}.stream"]


CHILD = """
import sys
sys.path.insert(0, {tests!r})
from test_streams_corpus import ticks
from replay.streams.corpus import Corpus
corpus = Corpus({directory!r})
print("ready", flush=True)
sys.stdin.readline()
new = 0
for n in range({count}):
    new += corpus.add(ticks(n * 40 + 1))[1]
print(new)
"""


def child(corpus: Corpus, count: int) -> subprocess.Popen[str]:
    tests = str(Path(__file__).parent)
    code = CHILD.format(tests=tests, directory=str(corpus.directory), count=count)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_processes_that_add_the_same_streams_all_succeed(corpus: Corpus) -> None:
    processes = [child(corpus, 60) for _ in range(3)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    new = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum(new) == 60, "each stream is new exactly once"
    report = corpus.verify()
    assert (report.good, report.faults) == (60, ())


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03, 0.1])
def test_a_killed_process_leaves_no_damaged_stream(corpus: Corpus, delay: float) -> None:
    process = child(corpus, 100_000)
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    corpus.directory.mkdir(exist_ok=True)
    report = corpus.verify()
    assert report.is_sound
    assert {fault.kind for fault in report.faults} <= {"leftover"}
    assert len(report.faults) <= 1
    assert report.good == len(corpus.streams())
    assert corpus.add(SMALL)[1], "a leftover is in nobody's way"


def test_only_the_content_counts(corpus: Corpus) -> None:
    (stream,), _ = read(write(corpus.directory.parent / "a.jsonl", journal(50, slots=1)))
    corpus.add(stream)
    again = corpus.read(corpus.streams()[0])
    assert without_lines(again) == without_lines(stream)
    assert [step.line for step in again.steps] == list(range(1, 51))
