"""Finished journal files: nothing is removed on the strength of a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.shadow.finished import compress, hold, tidy_up
from replay.streams.kept_files import holds_the_same
from replay.streams.zstd_frames import zstd_packed

CONTENT = b"".join(b'{"v":1,"seq":%d}\n' % seq for seq in range(2000))
PACKED = zstd_packed(CONTENT)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A journal file."""
    path = tmp_path / "events_1.jsonl"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        PACKED[:-1],
        PACKED[:40],
        PACKED[:60] + b"\0" + PACKED[61:],
        zstd_packed(CONTENT[:-1]),
        zstd_packed(CONTENT + b"\n"),
        zstd_packed(CONTENT.replace(b"7", b"8")),
        zstd_packed(b""),
        b"no zst at all",
    ],
    ids=["empty", "cut", "short", "flipped", "less", "more", "other", "nothing", "foreign"],
)
def test_a_file_stays_beside_a_zst_that_does_not_give_it_back(plain: Path, packed: bytes) -> None:
    compressed = plain.with_name("events_1.jsonl.zst")
    compressed.write_bytes(packed)
    tidy_up(plain.parent)
    assert plain.read_bytes() == CONTENT
    assert compressed.read_bytes() == packed
    with pytest.raises(FileExistsError):
        compress(plain)
    assert plain.read_bytes() == CONTENT
    assert compressed.read_bytes() == packed
    assert len(list(plain.parent.iterdir())) == 2


@pytest.mark.parametrize("parts", [1, 2], ids=["one frame", "two frames"])
def test_a_file_goes_beside_a_zst_that_gives_it_back(plain: Path, parts: int) -> None:
    half = len(CONTENT) // parts
    compressed = plain.with_name("events_1.jsonl.zst")
    frames = (CONTENT[:half], CONTENT[half:]) if parts == 2 else (CONTENT,)
    compressed.write_bytes(b"".join(map(zstd_packed, frames)))
    tidy_up(plain.parent)
    assert [path.name for path in plain.parent.iterdir()] == ["events_1.jsonl.zst"]


def test_a_file_that_somebody_writes_to_stays(plain: Path) -> None:
    plain.with_name("events_1.jsonl.zst").write_bytes(PACKED)
    with plain.open("ab") as file:
        hold(file.fileno())
        tidy_up(plain.parent)
        assert plain.is_file()
    tidy_up(plain.parent)
    assert not plain.is_file()


def test_halves_that_a_killed_writer_left_go_only_beside_what_they_were_made_of(
    plain: Path,
) -> None:
    nobody = 2**22 + 1
    beside = plain.with_name(f".events_1.jsonl.{nobody}.part")
    alone = plain.with_name(f".events_2.jsonl.{nobody}.part")
    for part in (beside, alone):
        part.write_bytes(PACKED[:20])
    tidy_up(plain.parent)
    assert not beside.exists()
    assert alone.read_bytes() == PACKED[:20]
    assert plain.read_bytes() == CONTENT


def test_compressing_leaves_one_file_that_gives_back_the_other(plain: Path) -> None:
    target = compress(plain)
    assert target.name == "events_1.jsonl.zst"
    assert [path.name for path in plain.parent.iterdir()] == [target.name]
    plain.write_bytes(CONTENT)
    with plain.open("rb") as file:
        assert holds_the_same(target, file)
    plain.unlink()
    with pytest.raises(OSError, match="No such file"):
        compress(plain)
    assert [path.name for path in plain.parent.iterdir()] == [target.name]
