"""Candles are believed as a whole or refused with file, line and reason."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from paper_support import csv_text, flat, synthetic

from replay.errors import InputError
from replay.paper.candles import read_candles

GOOD = csv_text(flat(0.2, 0.21, 0.2, 0.19))


def test_what_a_file_says_is_what_is_read(tmp_path: Path) -> None:
    candles = synthetic(50)
    plain, zipped = tmp_path / "c.csv", tmp_path / "c.csv.gz"
    plain.write_text(csv_text(candles))
    zipped.write_bytes(gzip.compress(csv_text(candles).encode()))
    assert list(read_candles(plain)) == candles
    assert list(read_candles(zipped)) == candles


def test_times_may_be_epoch_seconds_and_columns_in_any_order(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text("\ufeffclose,volume,Low,high,open,Timestamp\r\n0.2,1,0.1,0.3,0.15,60\r\n")
    (candle,) = read_candles(file)
    assert candle == (60.0, 0.15, 0.3, 0.1, 0.2)


@pytest.mark.parametrize("head", ["", "time,open,high,low,close,vwap,volume,count\n"])
def test_an_exchange_s_own_columns_are_read_with_and_without_a_header(
    tmp_path: Path, head: str
) -> None:
    file = tmp_path / "XDGUSD_1.csv"
    file.write_text(f"{head}60,0.15,0.3,0.1,0.2,0.18,1000.5,7\n120,0.2,0.2,0.2,0.2,0.2,1,1\n")
    assert list(read_candles(file)) == [(60.0, 0.15, 0.3, 0.1, 0.2), (120.0, 0.2, 0.2, 0.2, 0.2)]


def changed(line: int, old: str, new: str) -> str:
    lines = GOOD.split("\n")
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    return "\n".join(lines)


def without(line: int) -> str:
    lines = GOOD.split("\n")
    del lines[line - 1]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "no column timestamp, open, high, low, close"),
        (changed(1, "high", "tall"), 1, "no column high"),
        (changed(1, "volume", "open"), 1, "column open twice"),
        (GOOD.split("\n")[0] + "\n", 1, "no candles"),
        (changed(3, "0.21", "n/a"), 3, "open is no price: 'n/a'"),
        (changed(3, "0.21", "nan"), 3, "open is no price: 'nan'"),
        (changed(3, "0.21", "-0.21"), 3, "open is no price"),
        (changed(3, "0.21", "1_0"), 3, "open is no price"),
        (changed(3, "0.21", "inf"), 3, "open is no price"),
        (changed(3, "0.21,0.21,0.21,0.21", "0.21,0.20,0.21,0.21"), 3, "do not hold"),
        (changed(3, "0.21,0.21,0.21,0.21", "0.21,0.21,0.22,0.21"), 3, "do not hold"),
        (changed(3, ",0.21,0.21,0.21,0.21,1000.0", ",0.21"), 3, "has no high"),
        (changed(3, "2026", "soon"), 3, "timestamp is no time"),
        (changed(3, "Z", ""), 3, "no time zone"),
        (changed(3, ":00Z", ":30Z"), 3, "no whole minute"),
        (changed(3, ",0.21", ',"0.21'), 3, "is no CSV"),
        (without(3), 3, "a gap of 1 candle before 2026-01-01T00:02:00Z"),
        (changed(3, "00:01:00", "00:00:00"), 3, "stands twice"),
        (changed(4, "00:02:00", "00:00:00"), 4, "stands after"),
        (changed(3, "0.21", "0.2\x001"), 3, "open is no price"),
        (changed(3, "0.21", "9" * 5000), 3, "is longer than 4096 bytes"),
    ],
)
def test_a_bad_file_is_refused_with_line_and_reason(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(InputError) as refused:
        read_candles(file)
    assert refused.value.message.startswith(f"{file}:{line}: ")
    assert reason in refused.value.message
    assert "\n" not in refused.value.message


def test_a_file_that_is_cut_off_or_not_there_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.csv.gz"
    file.write_bytes(gzip.compress(GOOD.encode())[:-12])
    with pytest.raises(InputError, match="cut off"):
        read_candles(file)
    with pytest.raises(InputError, match="No such file"):
        read_candles(tmp_path / "none.csv")
    with pytest.raises(InputError, match="directory"):
        read_candles(tmp_path)
    (tmp_path / "latin.csv").write_bytes(GOOD.encode() + b"\xff\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_candles(tmp_path / "latin.csv")
