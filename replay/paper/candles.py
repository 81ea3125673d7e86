"""Candles of one minute, read from a CSV file that is believed only where all of it makes sense.

A bot that runs on damaged prices proves nothing, so a file with a missing column, a bad number, a
gap or candles out of order is refused as a whole, with the line and the reason.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, NoReturn

from replay.errors import InputError
from replay.streams.lines import read_lines
from replay.streams.model import Rejected

COLUMNS = ("timestamp", "open", "high", "low", "close")
"""What the header must name, in any order; other columns are ignored."""

MINUTE = 60.0
MAX_CANDLES = 5_000_000
"""More than nine years; a file with more is refused before it fills the memory."""

MAX_LINE = 4096
_LONGEST_QUOTE = 40


class Candle(NamedTuple):
    """A minute of the market: epoch seconds of its start, prices in USD."""

    at: float
    open: float
    high: float
    low: float
    close: float


class _Line(NamedTuple):
    file: str
    number: int

    def refuse(self, reason: str) -> NoReturn:
        raise InputError(
            f"{self.file}:{self.number}: {reason}", file=self.file, line=self.number, reason=reason
        )


def read_candles(path: Path) -> tuple[Candle, ...]:
    """The candles of a CSV file, plain or compressed with gzip or zstd, oldest first.

    Times are ISO 8601 with a time zone, or epoch seconds. Raises InputError, with file, line and
    reason, for anything that is not an unbroken row of sensible one-minute candles.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a directory, not a file of candles", file=str(path))
    lines = _lines(path)
    first, header = next(lines, (_Line(str(path), 1), ""))
    if _is_candle(first, header):
        # As Kraken's archives of OHLC are: time, open, high, low, close, volume, trades.
        places = {column: place for place, column in enumerate(COLUMNS)}
        lines = itertools.chain(((first, header),), lines)
    else:
        places = _places(first, header)
    candles: list[Candle] = []
    for line, text in lines:
        candle = _candle(line, _cells(line, text), places)
        if candles:
            _check_follows(line, candles[-1], candle)
        candles.append(candle)
        if len(candles) > MAX_CANDLES:
            line.refuse(f"there are more than {MAX_CANDLES:,} candles")
    if not candles:
        first.refuse("there are no candles after the header")
    return tuple(candles)


def _lines(path: Path) -> Iterator[tuple[_Line, str]]:
    for line in read_lines(path, MAX_LINE):
        if isinstance(line, Rejected):
            _Line(line.file, line.line).refuse(line.reason)
        where = _Line(str(path), line.number)
        try:
            text = line.data.decode("utf-8-sig" if line.number == 1 else "utf-8")
        except UnicodeDecodeError:
            where.refuse("is not UTF-8")
        yield where, text


def _cells(line: _Line, text: str) -> list[str]:
    try:
        return [cell.strip() for row in csv.reader([text], strict=True) for cell in row]
    except csv.Error as error:
        line.refuse(f"is no CSV ({error})")


def _is_candle(line: _Line, text: str) -> bool:
    """Whether the first line is a candle, and no header: all that it has are numbers."""
    cells = _cells(line, text)
    try:
        return len(cells) >= len(COLUMNS) and all(math.isfinite(float(cell)) for cell in cells)
    except ValueError:
        return False


def _places(line: _Line, header: str) -> dict[str, int]:
    names = [name.lower() for name in _cells(line, header)]
    if COLUMNS[0] not in names:
        names = [COLUMNS[0] if name == "time" else name for name in names]
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        line.refuse(f"the header has no column {', '.join(missing)}")
    twice = [column for column in COLUMNS if names.count(column) > 1]
    if twice:
        line.refuse(f"the header has the column {twice[0]} twice")
    return {column: names.index(column) for column in COLUMNS}


def _candle(line: _Line, cells: list[str], places: dict[str, int]) -> Candle:
    def cell(column: str) -> str:
        if places[column] >= len(cells):
            line.refuse(f"has no {column}")
        return cells[places[column]]

    at = _time(line, cell("timestamp"))
    candle = Candle(at, *(_price(line, column, cell(column)) for column in COLUMNS[1:]))
    ends = candle.open, candle.close
    if candle.low > min(ends) or candle.high < max(ends):
        line.refuse(
            f"low {candle.low} and high {candle.high} do not hold "
            f"open {candle.open} and close {candle.close}"
        )
    return candle


def _price(line: _Line, column: str, text: str) -> float:
    try:
        price = float(text) if "_" not in text else math.nan
    except ValueError:
        price = math.nan
    if not 0.0 < price < 1e12:
        line.refuse(f"{column} is no price: {_quoted(text)}")
    return price


def _time(line: _Line, text: str) -> float:
    try:
        at = float(text) if "_" not in text else math.nan
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            line.refuse(f"timestamp is no time: {_quoted(text)}")
        if moment.tzinfo is None:
            line.refuse(f"timestamp has no time zone: {_quoted(text)}")
        at = moment.timestamp()
    if not 0.0 <= at < 1e11 or at % MINUTE:
        line.refuse(f"timestamp is no whole minute since 1970: {_quoted(text)}")
    return at


def _check_follows(line: _Line, before: Candle, candle: Candle) -> None:
    step = candle.at - before.at
    if step == MINUTE:
        return
    if step == 0:
        line.refuse(f"the candle of {told(candle.at)} stands twice")
    if step < 0:
        line.refuse(f"the candle of {told(candle.at)} stands after that of {told(before.at)}")
    missing = step / MINUTE - 1
    line.refuse(
        f"there is a gap of {missing:,.0f} candle{'s' if missing > 1 else ''} "
        f"before {told(candle.at)}"
    )


def told(at: float) -> str:
    """A time as RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}...")
