"""content, lines, compression: whatever bytes a file holds, it is told, read or set aside."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_makers import as_bytes, journal

from replay.gate.telemetry.json_objects import read_objects
from replay.streams.content import content_of
from replay.streams.inputs import read_files
from replay.streams.lines import Line, read_lines
from replay.streams.log_files import Wanted, find_files
from replay.streams.zstd_frames import zstd_packed

GOOD = as_bytes([*journal(4), {"ts": "2026-11-22T10:00:00Z", "state_machine_shadow": {}}])
PACKERS: tuple[Callable[[bytes], bytes], ...] = (bytes, gzip.compress, bz2.compress, lzma.compress,
           zstd_packed)  # fmt: skip
SEVERAL = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Members of good lines, packed in any way, some damaged, with rubbish between them."""
    data = b""
    for _ in range(draw(st.integers(0, 4))):
        part = bytearray(draw(st.sampled_from(PACKERS))(GOOD))
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, len(part) - 1))
            part[at : at + draw(st.integers(0, 5))] = draw(st.binary(max_size=5))
            if not part:
                break
        data += bytes(part) + draw(
            st.sampled_from([b"", b"\0" * 600, b"\x1f\x8b\x08", b"BZh91", b"\n\r\n", b"{"])
            | st.binary(max_size=20)
        )
    return data


@SEVERAL
@given(data=files())
def test_no_bytes_stop_a_reader_or_go_without_a_word(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(data)
    content_of(path)
    numbers = [line.number if isinstance(line, Line) else line.line for line in read_lines(path)]
    assert numbers == sorted(numbers)
    assert bool(numbers) == bool(data.strip(b"\0 \t\r\n\v\f")) or b"\0" in data
    list(read_objects(path))
    for wanted in Wanted:
        found = find_files([tmp_path], wanted)
        assert len(found.files) + len(found.unread) == 1
        list(read_files(found.files))


@SEVERAL
@given(st.sampled_from([pack for pack in PACKERS[1:] if pack is not lzma.compress]), st.data())
def test_whole_members_beside_a_damaged_one_are_read(
    tmp_path: Path, pack: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    """But for xz, where a wrong size makes the next member part of this one; that is told, too."""
    members = [pack(b'{"n":%d}\n' % n * 50) for n in range(3)]
    damaged = bytearray(members[1])
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "x"
    path.write_bytes(members[0] + damaged + members[2])
    lines = [line.data for line in read_lines(path) if isinstance(line, Line)]
    assert lines[:50] == [b'{"n":0}'] * 50
    assert lines[-49:] == [b'{"n":2}'] * 49


@pytest.mark.parametrize(
    ("pack", "at", "bits"), [(PACKERS[1], 3, 4), (PACKERS[2], 29, 65), (PACKERS[4], 8, 2)]
)
def test_a_member_that_swallows_those_after_it_costs_itself_alone(
    tmp_path: Path, pack: Callable[[bytes], bytes], at: int, bits: int
) -> None:
    """A length that is damaged makes the rest of the file a part of it."""
    members = [bytearray(pack(b'{"n":%d}\n' % n * 50)) for n in range(3)]
    members[1][at] ^= bits
    path = tmp_path / "x"
    path.write_bytes(b"".join(members))
    found = list(read_lines(path))
    assert [one.reason for one in found if not isinstance(one, Line)]
    lines = [one.data for one in found if isinstance(one, Line)]
    assert lines == [b'{"n":0}'] * 50 + [b'{"n":2}'] * 50
