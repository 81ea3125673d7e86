"""files, content, file_names: which files a directory means, in which order, and what is left."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
from pathlib import Path

import pytest
from stream_makers import as_bytes, gather, journal, requests, write

from replay.streams.content import Kind, content_of
from replay.streams.file_names import Rotation, log_name
from replay.streams.inputs import open_input, read_files
from replay.streams.log_files import Wanted, find_files
from replay.streams.model import Rejected, Segment
from replay.streams.zstd_frames import zstd_packed

JOURNAL = journal(12, slots=1, full_every=100)
SAMPLE = {"ts": "2026-11-22T10:00:00Z", "state_machine_shadow": {"enabled": True}}


def names(paths: object) -> list[str]:
    return [Path(path).name for path in paths]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "family", "rotation"),
    [
        ("events.jsonl", "events.jsonl", Rotation.CURRENT),
        ("EVENTS.JSONL", "events.jsonl", Rotation.CURRENT),
        ("events.ndjson.gz", "events.ndjson", Rotation.CURRENT),
        ("events.jsonl.1", "events.jsonl", Rotation.NUMBER),
        ("events.jsonl.2.gz", "events.jsonl", Rotation.NUMBER),
        ("events.jsonl-20261122.gz", "events.jsonl", Rotation.DATE),
        ("events.jsonl-20261122-1.xz", "events.jsonl", Rotation.DATE),
        ("events.jsonl.2026-11-22", "events.jsonl", Rotation.DATE),
        ("events.jsonl.2026-11-22_14", "events.jsonl", Rotation.DATE),
        ("events.jsonl-1795338000", "events.jsonl", Rotation.DATE),
        ("events-20261122.jsonl.zst", "events.jsonl", Rotation.DATE),
        ("events_20261122T100000Z.jsonl", "events.jsonl", Rotation.DATE),
        ("events.log.old", "events.log", Rotation.COPY),
        ("events.jsonl.bak.bz2", "events.jsonl", Rotation.COPY),
        ("events.jsonl~", "events.jsonl", Rotation.COPY),
        ("events_1.jsonl", "events_1.jsonl", Rotation.CURRENT),
    ],
)
def test_a_name_is_taken_apart(name: str, family: str, rotation: Rotation) -> None:
    taken = log_name(name)
    assert (taken.family, taken.rotation) == (family, rotation)
    assert taken.is_log


def packed(name: str, data: bytes) -> bytes:
    for ending, pack in (
        (".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress),
        (".zst", zstd_packed),
    ):  # fmt: skip
        if name.endswith(ending):
            return pack(data)
    return data


@pytest.mark.parametrize(
    "ordered",
    [
        ("e.jsonl.10.gz", "e.jsonl.2", "e.jsonl.1", "e.jsonl"),
        ("e.jsonl-20261121.xz", "e.jsonl-20261122", "e.jsonl-20261122-1.bz2", "e.jsonl"),
        ("e.jsonl.2026-11-21.zst", "e.jsonl.2026-11-22", "e.jsonl"),
        ("e-20261121.jsonl", "e-20261122.jsonl.gz", "e.jsonl"),
        ("e.log.old", "e.log"),
    ],
)
def test_a_rotated_journal_goes_on_from_file_to_file(
    tmp_path: Path, ordered: tuple[str, ...]
) -> None:
    size = len(JOURNAL) // len(ordered)
    for place, name in enumerate(ordered):
        end = None if name == ordered[-1] else (place + 1) * size
        data = as_bytes(JOURNAL[place * size : end])
        (tmp_path / name).write_bytes(packed(name, data))
    found = find_files([tmp_path], Wanted.REPLAYED)
    assert names(found.files) == list(ordered)
    assert found.unread == ()
    streams, rejected = gather(read_files(found.files))
    assert rejected == []
    assert [len(stream.steps) for stream in streams] == [len(JOURNAL)]
    # As a shell expands `e*`, they are in another order.
    given = [tmp_path / name for name in sorted(ordered)]
    assert names(find_files(given, Wanted.REPLAYED).files) == list(ordered)


def test_what_a_line_came_from_is_told_in_every_file_of_a_rotation(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, part) for name, part in
                     (("e.jsonl.1", JOURNAL[:5]), ("e.jsonl", JOURNAL[5:])))  # fmt: skip
    seen: dict[str, list[int]] = {}
    for item in read_files([first, second]):
        assert not isinstance(item, Rejected)
        for step in item.steps:
            seen.setdefault(item.origin, []).append(step.line)
    assert seen == {"e.jsonl.1 slot 0": [1, 2, 3, 4, 5], "e.jsonl slot 0": [1, 2, 3, 4, 5, 6, 7]}


def test_a_file_that_does_not_count_on_is_not_joined_to_the_one_before(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", JOURNAL[:5])
    second = write(tmp_path / "b.jsonl", JOURNAL[6:])
    third = write(tmp_path / "c.jsonl", [{**line, "ts": 1.0} for line in JOURNAL[5:]])
    for other in (second, third):
        streams, rejected = gather(read_files([first, other]))
        assert [len(stream.steps) for stream in streams] == [5]
        assert len(rejected) == len(other.read_text().splitlines())
        assert "does not go on from a.jsonl" in rejected[0].reason


def test_content_decides_where_names_of_two_kinds_meet(tmp_path: Path) -> None:
    write(tmp_path / "e.jsonl.1", JOURNAL[4:8])
    write(tmp_path / "e.jsonl-20261122", JOURNAL[:4])
    write(tmp_path / "e.jsonl", JOURNAL[8:])
    found = find_files([tmp_path], Wanted.REPLAYED)
    assert names(found.files) == ["e.jsonl-20261122", "e.jsonl.1", "e.jsonl"]


def test_linked_directories_are_read_once_and_loops_end(tmp_path: Path) -> None:
    logs, disk = tmp_path / "logs", tmp_path / "disk2"
    (disk / "more").mkdir(parents=True)
    logs.mkdir()
    write(logs / "events_2.jsonl", JOURNAL)
    write(disk / "events_1.jsonl", JOURNAL)
    write(disk / "more" / "events_0.jsonl", JOURNAL)
    (logs / "archive").symlink_to(disk)
    (logs / "current").symlink_to(disk)
    (disk / "more" / "round").symlink_to(disk)
    (logs / "up").symlink_to(tmp_path)
    (logs / "self.jsonl").symlink_to(logs / "self.jsonl")
    (logs / "twice.jsonl").symlink_to(logs / "events_2.jsonl")
    found = find_files([logs], Wanted.REPLAYED)
    assert sorted(names(found.files)) == ["events_0.jsonl", "events_1.jsonl", "events_2.jsonl"]
    assert {Path(one.file).name: one.reason for one in found.unread} == {
        "up": "is a link to a directory above", "self.jsonl": "is a link to nothing",
    }  # fmt: skip


def test_what_is_not_read_is_named_and_doubtful_only_where_it_may_be_a_log(tmp_path: Path) -> None:
    write(tmp_path / "events_1.jsonl", JOURNAL)
    (tmp_path / "chart.png").write_bytes(b"\x89PNG\r\n\x1a\n123")
    (tmp_path / "notes.md").write_text("# Notes\n")
    (tmp_path / "mine.db").write_bytes(b"SQLite format 3\0" + b"x" * 99)
    (tmp_path / "old.tar").write_bytes(b"\0" * 257 + b"ustar" + b"\0" * 250)
    (tmp_path / "events_0.jsonl.lz4").write_bytes(b"\x04\x22\x4d\x18xyz")
    (tmp_path / "nothing.jsonl-1").touch()
    (tmp_path / "zeros").write_bytes(b"\0" * 4096)
    write(tmp_path / "shadow.log", [SAMPLE])
    os.mkfifo(tmp_path / "pipe")
    found = find_files([tmp_path], Wanted.REPLAYED)
    assert names(found.files) == ["events_1.jsonl"]
    doubtful = {Path(one.file).name for one in found.unread if one.is_doubtful}
    assert doubtful == {"old.tar", "events_0.jsonl.lz4", "zeros", "pipe"}
    surely = {Path(one.file).name for one in found.unread if not one.is_doubtful}
    assert surely == {"chart.png", "notes.md", "mine.db", "nothing.jsonl-1", "shadow.log"}


def test_telemetry_and_journals_are_told_by_content_whatever_their_names(tmp_path: Path) -> None:
    write(tmp_path / "a.log.1", [SAMPLE])
    write(tmp_path / "b", JOURNAL)
    write(tmp_path / "c.txt", requests(2))
    (tmp_path / "d.out").write_text(json.dumps(SAMPLE, indent=2))
    (tmp_path / "e.jsonl").write_text(json.dumps(SAMPLE), encoding="utf-16")
    assert names(find_files([tmp_path], Wanted.TELEMETRY).files) == ["a.log.1", "d.out", "e.jsonl"]
    assert names(find_files([tmp_path], Wanted.JOURNALS).files) == ["b", "c.txt"]
    assert content_of(tmp_path / "c.txt").kinds == {Kind.REQUESTS}
    for name in ("a.log.1", "b"):
        assert content_of(tmp_path / name).begins is not None


def test_the_copies_of_an_evidence_package_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "t.jsonl", [SAMPLE])
    package = tmp_path / "evidence"
    package.mkdir()
    for name in ("manifest.json", "verdict.json", "counts.json", "triage.md"):
        (package / name).touch()
    write(package / "t.jsonl", [SAMPLE])
    found = find_files([tmp_path], Wanted.TELEMETRY)
    assert found.files == (tmp_path / "t.jsonl",)
    assert [one.is_doubtful for one in found.unread] == [False]


def test_a_pipe_is_read_from_its_first_byte(tmp_path: Path) -> None:
    data = as_bytes(JOURNAL)
    for content in (data, gzip.compress(data), zstd_packed(data)):
        read, wrote = os.pipe()
        os.write(wrote, content)
        os.close(wrote)
        found = find_files([f"/dev/fd/{read}"], Wanted.REPLAYED)
        streams, rejected = gather(read_files(found.files))
        os.close(read)
        assert rejected == []
        assert [len(stream.steps) for stream in streams] == [len(JOURNAL)]


def test_a_file_that_becomes_shorter_while_it_is_read_is_told(tmp_path: Path) -> None:
    lines = JOURNAL * 400
    path = write(tmp_path / "a.jsonl", lines)
    assert path.stat().st_size > 600_000
    items: list[Segment | Rejected] = []
    for item in open_input(path):
        if not items:
            os.truncate(path, 0)
        items.append(item)
    (told,) = [one for one in items if isinstance(one, Rejected) and "shorter" in one.reason]
    assert "lines may be lost" in told.reason
