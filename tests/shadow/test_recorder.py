"""The journal as it is written: what its reader makes of it, whatever happens to the disk."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from shadow_bot import ROOT, Journal

from replay.shadow import recorder
from replay.shadow.recorder import JournalWriter, Mark, RecordedCall
from replay.streams.model import STATE_FIELDS, Document
from replay.targets.compact import read_state

SETTINGS: dict[str, Document] = {
    "config": {"entry_pct": 0.2},
    "order_size_usd": 2.0,
    "order_sizes": None,
}
AGREED = Mark(True)


def call(seq: int, slot: int = 0, **more: Any) -> RecordedCall:
    """A timer tick of a slot."""
    state = read_state({"market_price": 0.2, "now": float(seq)})
    assert state is not None
    return RecordedCall(slot, seq, 1e9 + seq, (1, seq + 1.0), state, SETTINGS, **more)


def lines(folder: Path) -> list[dict[str, Any]]:
    """All lines of a directory, in order."""
    return list(Journal(folder).documents())


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, compress=False, full_every=4)
    for seq in range(1, 10):
        patch = {"long_only": True} if seq == 3 else None
        changed = ("order_size_usd",) if seq == 4 else ()
        assert writer.write(call(seq, patch=patch, changed=changed), AGREED)
    writer.close()
    written = lines(tmp_path)
    assert [one["seq"] for one in written] == list(range(1, 10))
    full = [one["seq"] for one in written if "state" in one]
    assert full == [1, 6]
    assert list(written[0]) == ["v", "seq", "ts", "slot", "method", "event", "state", "config",
                                "order_size_usd", "order_sizes", "shadow"]  # fmt: skip
    assert list(written[0]["state"]) == list(STATE_FIELDS)
    assert written[1].keys() == {"v", "seq", "ts", "slot", "method", "event", "shadow"}
    assert written[2]["patch"] == {"long_only": True}
    assert written[3]["order_size_usd"] == 2.0
    assert "config" not in written[3]
    journal = Journal(tmp_path)
    assert journal.lines == 9
    assert not journal.rejected
    assert writer.recorded.lines == 9
    assert writer.recorded.bytes == sum(file.stat().st_size for file in journal.files)


def test_a_gap_and_another_slot_begin_with_a_full_line(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, compress=False)
    for seq, slot in ((1, 0), (2, 0), (1, 7), (5, 0), (6, 0), (2, 7)):
        writer.write(call(seq, slot), AGREED)
    writer.close()
    assert [(one["slot"], one["seq"]) for one in lines(tmp_path) if "state" in one] == [
        (0, 1), (7, 1), (0, 5),
    ]  # fmt: skip
    assert not Journal(tmp_path).rejected


def test_marks_and_methods_stand_as_the_reader_takes_them(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, compress=False)
    writer.write(call(1)._replace(call=(6,)), None)
    writer.write(call(2)._replace(call=(5, 3, "BULLISH")), Mark(False, "no answer"))
    writer.write(call(3)._replace(call={"timestamp": "soon"}), Mark(False))
    writer.close()
    written = lines(tmp_path)
    assert [one["method"] for one in written] == [
        "check_invariants", "apply_order_regime_at_entry", "transition",
    ]  # fmt: skip
    assert written[1]["params"] == {"local_id": 3, "regime_at_entry": "BULLISH"}
    assert [one["shadow"] for one in written] == [
        None, {"agreed": False, "error": "no answer"}, {"agreed": False, "error": None},
    ]  # fmt: skip
    journal = Journal(tmp_path)
    assert [step.call for _, one in journal.segments for step in one.steps] == [
        (6,), (5, 3, "BULLISH"), {"timestamp": "soon"},
    ]  # fmt: skip


def test_numbers_that_json_does_not_have_come_back_as_they_were(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    settings: dict[str, Document] = {**SETTINGS, "config": {"s1_orphan_after_sec": math.inf}}
    state = call(1).state
    state[STATE_FIELDS.index("cooldown_until_a")] = -math.inf
    writer.write(call(1)._replace(settings=settings, state=state), AGREED)
    writer.write(call(2, patch={"cooldown_until_b": math.nan, "mode_source": "NaN"}), AGREED)
    writer.close()
    ((_, segment),) = Journal(tmp_path).segments
    assert segment.start is not None
    assert segment.start.config == {"s1_orphan_after_sec": math.inf}
    state_read: Any = segment.start.state
    assert state_read["cooldown_until_a"] == -math.inf
    patch: Any = (segment.steps[1].changes or {})["patch"]
    assert math.isnan(patch["cooldown_until_b"])
    assert patch["mode_source"] == "NaN"


def test_files_are_rotated_compressed_and_each_can_be_read_by_itself(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, max_bytes=3000)
    for seq in range(1, 101):
        writer.write(call(seq), AGREED)
        writer.write(call(seq, slot=1), AGREED)
    open_file = Path(str(writer.recorded.file))
    assert open_file.suffix == ".jsonl"
    writer.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) > 5
    assert all(file.name.startswith("events_2001") for file in files)
    assert {file.suffix for file in files} == {".zst"}
    journal = Journal(tmp_path)
    assert journal.lines == 200
    assert not journal.rejected
    order = [(mark.slot, mark.seq) for mark in journal.marks]
    assert order == [(slot, seq) for seq in range(1, 101) for slot in (0, 1)]


def test_a_value_without_json_costs_its_own_line_only(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, compress=False)
    assert writer.write(call(1), AGREED)
    assert not writer.write(call(2, patch={"mode_source": object()}), AGREED)
    assert writer.write(call(3), AGREED)
    writer.close()
    written = lines(tmp_path)
    assert [one["seq"] for one in written] == [1, 3]
    assert "state" in written[1]
    assert writer.recorded.errors == 1


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting after an error."""
    monkeypatch.setattr(recorder, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(recorder, "LONGEST_PAUSE", 0.0)


@pytest.mark.parametrize("trouble", ["gone", "a file in its place"])
def test_without_its_directory_lines_are_counted_and_it_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    quick(monkeypatch)
    logs = tmp_path / "logs"
    writer = JournalWriter(logs, compress=False)
    assert writer.write(call(1), AGREED)
    shutil.rmtree(logs)
    if trouble == "gone":
        # It is made again, and nothing is lost but what was in it.
        assert writer.write(call(2), AGREED)
    else:
        logs.write_text("in the way")
        assert not writer.write(call(2), AGREED)
        assert not writer.write(call(3), AGREED)
        assert writer.recorded.errors == 2
        logs.unlink()
    assert writer.write(call(4), AGREED)
    writer.close()
    written = lines(logs)
    assert "state" in written[0]
    assert written[-1]["seq"] == 4
    assert not Journal(logs).rejected


def test_behind_an_error_it_waits_before_it_tries_again(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.write_text("in the way")
    writer = JournalWriter(logs)
    assert not writer.write(call(1), AGREED)
    logs.unlink()
    assert not writer.write(call(2), AGREED)
    assert writer.recorded.errors == 2
    writer.close()


FULL_DISK = """
import resource, sys
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
from replay.shadow import recorder
from test_recorder import AGREED, call
recorder.FIRST_PAUSE = recorder.LONGEST_PAUSE = 0.0
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
writer = recorder.JournalWriter(Path(sys.argv[1]), compress=False)
written = [seq for seq in range(1, 101) if writer.write(call(seq), AGREED)]
writer.close()
assert 80 < len(written) < 100, written
assert writer.recorded.errors == 100 - len(written)
assert writer.recorded.lines == len(written)
print(*written)
"""


def test_a_disk_that_is_full_leaves_whole_lines_only(tmp_path: Path) -> None:
    program = FULL_DISK.format(tests=str(ROOT / "tests" / "shadow"), root=str(ROOT))
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    journal = Journal(tmp_path)
    assert not journal.rejected
    assert [one["seq"] for one in journal.documents()] == list(map(int, done.stdout.split()))
    assert all(file.read_bytes().endswith(b"\n") for file in journal.files)


KILLED = """
import sys
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
from replay.shadow.recorder import JournalWriter
from test_recorder import AGREED, call
writer = JournalWriter(Path(sys.argv[1]), max_bytes=40_000, full_every=20)
for seq in range(1, 10**9):
    writer.write(call(seq), AGREED)
    if not seq % 50:
        print(seq, flush=True)
"""


def test_killed_at_any_moment_all_but_the_last_line_is_there(tmp_path: Path) -> None:
    program = KILLED.format(tests=str(ROOT / "tests" / "shadow"), root=str(ROOT))
    for moment in (0.0, 0.003, 0.02, 0.07):
        folder = tmp_path / str(moment)
        child = subprocess.Popen([sys.executable, "-c", program, str(folder)],
                                 stdout=subprocess.PIPE, text=True)  # fmt: skip
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(moment)
        os.kill(child.pid, signal.SIGKILL)
        told = int([first, *child.stdout.read().split()][-1])
        child.wait()
        child.stdout.close()
        # The next writer ends what this one had begun.
        writer = JournalWriter(folder)
        writer.write(call(10**9), AGREED)
        writer.close()
        assert not [file for file in folder.iterdir() if file.name.startswith(".")]
        names = [file.name.removesuffix(".zst") for file in folder.iterdir()]
        assert len(names) == len(set(names))
        journal = Journal(folder)
        assert len(journal.rejected) <= 1
        seqs = [mark.seq for mark in journal.marks]
        assert seqs[:-1] == list(range(1, len(seqs)))
        assert len(seqs) - 1 >= told


@pytest.mark.parametrize("trouble", ["removed", "renamed", "cut off", "replaced"])
def test_a_file_taken_from_under_it_is_noticed_and_another_one_is_begun(
    tmp_path: Path, trouble: str
) -> None:
    writer = JournalWriter(tmp_path, compress=False)
    writer.write(call(1), AGREED)
    writer.write(call(2), AGREED)
    path = Path(str(writer.recorded.file))
    if trouble == "removed":
        path.unlink()
    elif trouble == "cut off":
        os.truncate(path, 10)
    else:
        path.rename(tmp_path / "events_rotated.jsonl")
        if trouble == "replaced":
            path.write_text("")
    for seq in (3, 4):
        assert writer.write(call(seq), AGREED)
    writer.close()
    assert writer.recorded.file != str(path)
    anew = list(map(json.loads, Path(str(writer.recorded.file)).read_text().splitlines()))
    assert [one["seq"] for one in anew] == [3, 4]
    assert "state" in anew[0]
    is_lost = trouble in ("removed", "cut off")
    assert writer.recorded.lost == (2 if is_lost else 0)
    assert ("renamed" if trouble == "replaced" else trouble) in writer.recorded.last_error


def test_a_file_that_cannot_be_compressed_stays_and_costs_no_line(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, max_bytes=2000)
    writer.write(call(1), AGREED)
    path = Path(str(writer.recorded.file))
    path.with_name(path.name + ".zst").write_bytes(b"somebody else's")
    for seq in range(2, 41):
        assert writer.write(call(seq), AGREED)
    writer.close()
    assert path.is_file()
    assert path.with_name(path.name + ".zst").read_bytes() == b"somebody else's"
    assert writer.recorded.errors == writer.recorded.lost == 0
    assert path.name in writer.recorded.last_error


def test_two_writers_in_one_directory_do_not_meet(tmp_path: Path) -> None:
    writers = [JournalWriter(tmp_path, max_bytes=2000) for _ in range(2)]
    for seq in range(1, 41):
        for slot, writer in enumerate(writers):
            writer.write(call(seq, slot), AGREED)
    for writer in writers:
        writer.close()
    journal = Journal(tmp_path)
    assert journal.lines == 80
    assert not journal.rejected
