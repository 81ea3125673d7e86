"""lines: compression, damage, long lines, and which files a directory gives."""

from __future__ import annotations

import gzip
import random
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.errors import InputError
from replay.streams import lines as lines_module
from replay.streams.lines import Line, expand_inputs, read_lines
from replay.streams.model import Rejected

CONTENT = b"".join(b"line %d %d\n" % (n, n * 7919 % 1000) for n in range(1, 20_001))


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


COMPRESSORS = {"gz": gzip.compress, "zst": zstd}


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
    assert isinstance(last, Rejected)
    assert "data is cut off" in last.reason
    assert last.line in (len(good), len(good) + 1)


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_file_damaged_in_the_middle_says_so(tmp_path: Path, kind: str) -> None:
    data = bytearray(COMPRESSORS[kind](CONTENT))
    data[len(data) // 2] ^= 0xFF
    path = tmp_path / "a"
    path.write_bytes(data)
    *_, last = read_lines(path)
    assert isinstance(last, Rejected)
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
        Line(5, b"two\r", True),
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
    expected = data.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert [line.number for line in found] == list(range(1, len(expected) + 1))
    for line, text in zip(found, expected, strict=True):
        if isinstance(line, Line):
            assert line.data == text
        else:
            assert line.length == len(text) > 6


def test_a_file_made_to_blow_up_memory_is_read_in_pieces() -> None:
    bomb = zlib.compressobj(9, wbits=31)
    packed = b"".join(bomb.compress(b"\0" * 1_000_000) for _ in range(60)) + bomb.flush()
    sizes = [len(piece) for piece in lines_module._inflate(iter([packed]), "gzip", 16 * 1024)]
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
    assert expand_inputs([tmp_path]) == wanted


def test_a_file_that_is_named_is_taken_whatever_its_ending(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.touch()
    assert expand_inputs([str(path)]) == [path]


def test_a_path_that_does_not_exist_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or directory"):
        expand_inputs([tmp_path, tmp_path / "none"])
