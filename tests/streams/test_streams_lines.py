"""lines: compression, damage, long lines, and which files a directory gives."""

from __future__ import annotations

import gzip
import random
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.errors import InputError
from replay.streams import lines as lines_module
from replay.streams.compression import decompressed
from replay.streams.lines import Line, read_lines
from replay.streams.log_files import Wanted, find_files
from replay.streams.model import Lost, Rejected
from replay.streams.zstd_frames import zstd_packed

CONTENT = b"".join(b"line %d %d\n" % (n, n * 7919 % 1000) for n in range(1, 20_001))


def zstd(data: bytes) -> bytes:
    return zstd_packed(data)


COMPRESSORS = {"gz": gzip.compress, "zst": zstd}
NAMES = {"gz": "gzip", "zst": "zstd"}


def texts(path: Path) -> list[bytes]:
    return [line.data for line in read_lines(path) if isinstance(line, Line)]


@pytest.mark.parametrize("kind", ["gz", "zst"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_compression_is_told_by_content_whatever_the_name(
    tmp_path: Path, kind: str, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(COMPRESSORS[kind](CONTENT))
    assert texts(path) == CONTENT.splitlines()


def test_a_plain_file_with_a_compressed_name_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(CONTENT)
    assert texts(path) == CONTENT.splitlines()


def test_a_file_compressed_twice_over_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz.zst"
    path.write_bytes(zstd(gzip.compress(CONTENT)))
    assert texts(path) == CONTENT.splitlines()


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_several_members_one_behind_the_other_are_one_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    pack = COMPRESSORS[kind]
    path.write_bytes(pack(b"one\ntw") + pack(b"") + pack(b"o\nthree\n"))
    assert texts(path) == [b"one", b"two", b"three"]


def test_padding_behind_a_member_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"one\n") + b"\0" * 512)
    assert list(read_lines(path)) == [Line(1, b"one", True)]


@pytest.mark.parametrize("kind", ["gz", "zst"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off_gives_what_is_readable_and_says_where_it_ends(
    tmp_path: Path, kind: str, part: float
) -> None:
    # Random lines, so that no decompressor holds everything back to the end.
    source = random.Random(1)
    content = b"".join(source.randbytes(40).hex().encode() + b"\n" for _ in range(20_000))
    data = COMPRESSORS[kind](content)
    path = tmp_path / f"a.jsonl.{kind}"
    path.write_bytes(data[: int(len(data) * part)])
    *good, last = read_lines(path)
    if part > 0.3:
        assert good
    assert [line.data for line in good if isinstance(line, Line)] == content.split()[: len(good)]
    assert isinstance(last, Lost)
    assert "data is cut off" in last.reason
    assert last.line in (len(good), len(good) + 1)


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_file_damaged_in_the_middle_says_so(tmp_path: Path, kind: str) -> None:
    data = bytearray(COMPRESSORS[kind](CONTENT))
    data[len(data) // 2] ^= 0xFF
    path = tmp_path / "a"
    path.write_bytes(data)
    *_, last = read_lines(path)
    assert isinstance(last, Lost)
    assert "data is " in last.reason


def test_a_wrong_checksum_at_the_end_is_not_passed_over(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(b"one\ntwo\n"))
    data[-6] ^= 1
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    *_, last = read_lines(path)
    assert isinstance(last, Rejected)
    assert "the gzip data is damaged" in last.reason


def test_rubbish_behind_the_compressed_data_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"one\n") + b"rubbish rubbish")
    first, last = read_lines(path)
    assert first == Line(1, b"one", True)
    assert isinstance(last, Rejected)
    assert last.line == 1


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.zst"])
def test_an_empty_file_with_a_compressed_name_was_cut_off(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    (only,) = read_lines(path)
    assert isinstance(only, Rejected)
    assert "the file is empty" in only.reason


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.touch()
    assert list(read_lines(path)) == []


def test_blank_lines_are_left_out_but_counted(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\none\n\n \t\r\ntwo\r\n\nend")
    assert list(read_lines(path)) == [
        Line(2, b"one", True),
        Line(5, b"two", True),
        Line(7, b"end", False),
    ]


def test_a_line_that_is_too_long_is_set_aside_and_the_next_one_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1000 + b"\nshort\n" + b"y" * 3_000_000 + b"\n" + b"z" * 101)
    assert list(read_lines(path, max_line=100)) == [
        Rejected(str(path), 1, "is longer than 100 bytes (1000)"),
        Line(2, b"short", True),
        Rejected(str(path), 3, "is longer than 100 bytes (3000000)"),
        Rejected(str(path), 4, "is longer than 100 bytes (101)"),
    ]


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=12), max_size=12), st.integers(min_value=1, max_value=20))
def test_lines_do_not_depend_on_how_the_file_is_read(parts: list[bytes], size: int) -> None:
    data = b"\n".join(parts)
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    found = list(lines_module._split(chunks, 6))
    expected = [(n, text.strip()) for n, text in enumerate(data.split(b"\n"), 1) if text.strip()]
    assert [line.number for line in found] == [number for number, _ in expected]
    for line, (_, text) in zip(found, expected, strict=True):
        if isinstance(line, Line):
            assert line.data == text
        else:
            assert isinstance(line, lines_module._TooLong)
            assert line.length > 6


def test_a_file_made_to_blow_up_memory_is_read_in_pieces() -> None:
    bomb = zlib.compressobj(9, wbits=31)
    packed = b"".join(bomb.compress(b"\0" * 1_000_000) for _ in range(60)) + bomb.flush()
    sizes = [len(piece) for piece in decompressed(iter([packed])) if isinstance(piece, bytes)]
    assert sum(sizes) == 60_000_000
    assert max(sizes) < 20_000_000


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        list(read_lines(tmp_path / "none"))


def test_a_directory_gives_its_files_of_known_endings_in_order(tmp_path: Path) -> None:
    below = tmp_path / "b" / "c"
    below.mkdir(parents=True)
    hidden = tmp_path / ".git"
    hidden.mkdir()
    wanted = [
        tmp_path / "a.jsonl", tmp_path / "b" / "c" / "x.json.gz", tmp_path / "b" / "d.jsonl.zst",
        tmp_path / "z.json", tmp_path / "z.stream",
    ]  # fmt: skip
    for path in [*wanted, tmp_path / "notes.txt", tmp_path / "x.gz", tmp_path / ".a.jsonl",
                 hidden / "y.jsonl"]:  # fmt: skip
        path.touch()
    found = find_files([tmp_path], Wanted.REPLAYED)
    assert list(found.files) == wanted
    unread = {Path(one.file).name for one in found.unread}
    assert unread == {"notes.txt", "x.gz", ".a.jsonl", ".git"}


def test_a_file_that_is_named_is_taken_whatever_its_ending(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.touch()
    assert find_files([str(path)], Wanted.REPLAYED).files == (path,)


def test_a_path_that_does_not_exist_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or directory"):
        find_files([tmp_path, tmp_path / "none"], Wanted.REPLAYED)


def test_a_damaged_member_in_the_middle_costs_what_is_in_it(tmp_path: Path) -> None:
    source = random.Random(7)
    parts = [
        b"".join(b"%d-%d %s\n" % (n, k, source.randbytes(20).hex().encode()) for k in range(2000))
        for n in range(3)
    ]
    for kind, pack in COMPRESSORS.items():
        members = [bytearray(pack(part)) for part in parts]
        members[1][len(members[1]) // 2] ^= 0x55
        path = tmp_path / f"a.{kind}"
        path.write_bytes(b"".join(members))
        found = list(read_lines(path))
        (told,) = [one for one in found if isinstance(one, Rejected) if "line" in one.reason]
        assert told.reason.startswith(f"a part of the {NAMES[kind]} data is damaged")
        whole = {line.data for line in found if isinstance(line, Line)}
        assert whole >= set(parts[0].split(b"\n")[:-1]) | set(parts[2].split(b"\n")[:-1])


def test_beginnings_of_members_among_rubbish_are_told_once(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    rubbish = b"\x1f\x8b\x08\xff" * 20_000
    path.write_bytes(gzip.compress(b"one\n") + rubbish + gzip.compress(b"two\n"))
    found = list(read_lines(path))
    assert [line.data for line in found if isinstance(line, Line)] == [b"one", b"two"]
    assert len([one for one in found if isinstance(one, Rejected)]) == 1


def test_nul_bytes_around_a_line_cost_themselves_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b'{"a":1}\n' + b"\0" * 5000 + b'{"b":2}\n' + b"\0" * 100 + b"\n{}\n\0\0")
    found = list(read_lines(path))
    assert [line.data for line in found if isinstance(line, Line)] == [
        b'{"a":1}',
        b'{"b":2}',
        b"{}",
    ]
    told = [(one.line, one.reason) for one in found if isinstance(one, Rejected)]
    assert [line for line, _ in told] == [2, 3, 5]
    assert all("NUL bytes" in reason for _, reason in told)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_a_text_in_utf_16_is_read_as_what_it_says(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.jsonl.gz"
    text = '{"a": "\u20ac"}\r\n{"b": 2}\r\n'
    path.write_bytes(gzip.compress(text.encode(encoding)))
    assert texts(path) == ['{"a": "\u20ac"}'.encode(), b'{"b": 2}']


def test_marks_of_utf_8_in_the_middle_of_joined_files_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbf{}\n\xef\xbb\xbf[]\n")
    assert texts(path) == [b"{}", b"[]"]


def test_millions_of_blank_lines_are_passed_over_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    real = lines_module._line

    def counted(*arguments: Any, **named: Any) -> Any:
        made.append(arguments)
        return real(*arguments, **named)

    monkeypatch.setattr(lines_module, "_line", counted)
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"one\n" + b"\r\n \t\n" * 2_000_000 + b"two\n"))
    assert list(read_lines(path)) == [Line(1, b"one", True), Line(4_000_002, b"two", True)]
    assert len(made) == 2
