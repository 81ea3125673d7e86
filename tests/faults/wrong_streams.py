"""Stream files in which every checksum, count and name is right, and the form of something is not.

Whatever is put into the place of a part, `corpus verify` either says what is wrong with the file,
or the stream can be run.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgpack

from replay.streams.model import CALL_NAMES, CallCode
from replay.streams.stream_file import (
    _CHAINED,
    _HASHED_FIRST,
    _LEVEL,
    FORMAT_VERSION,
    MAGIC,
    SUFFIX,
    _frame,
    _header_and,
)
from replay.streams.zstd_frames import ChainedPacker

DEEP: Any = []
for _ in range(600):
    DEEP = [DEEP]

VALUES: dict[str, Any] = {
    "nil": None, "true": True, "number": 5, "negative": -1, "fraction": 2.5, "nan": float("nan"),
    "text": "x", "list": [], "list of nil": [None], "map": {}, "map of numbers": {1: 2},
    "bytes": b"x", "foreign extension": msgpack.ExtType(9, b"x"), "time": msgpack.Timestamp(1),
    "deep": DEEP, "big": 2**64 - 1, "long text": "y" * 70_000,
}  # fmt: skip

START = [{"market_price": 0.2, "now": 1.0}, {}, 5.0, None]
TICK = [0, 0.2, 2.0]


class Parts(NamedTuple):
    """What a stream file is made of. `end` and `lines` are right where None."""

    origin: Any = "made by hand"
    start: Any = START
    steps: tuple[Any, ...] = ([TICK],)
    lines: Any = None
    end: Any = None


def wrong_parts() -> Iterator[tuple[str, Parts]]:
    """A name for each form, and the parts."""
    for name, value in VALUES.items():
        yield f"origin {name}", Parts(origin=value)
        yield f"start {name}", Parts(start=value)
        for place, part in enumerate(("state", "config", "size", "sizes")):
            yield f"{part} {name}", Parts(start=[*START[:place], value, *START[place + 1 :]])
        yield f"step {name}", Parts(steps=(value,))
        yield f"call {name}", Parts(steps=([value],))
        yield f"code {name}", Parts(steps=([[value, 0.2, 2.0]],))
        yield f"argument {name}", Parts(steps=([[0, value, 2.0]],))
        yield f"changes {name}", Parts(steps=([TICK, value],))
        yield f"patch {name}", Parts(steps=([TICK, {"patch": value}],))
        yield f"third part {name}", Parts(steps=([TICK, {}, value],))
        yield f"lines {name}", Parts(lines=value)
        yield f"line {name}", Parts(lines=[value])
        yield f"end {name}", Parts(end=value)
    for code in range(-1, 12):
        yield f"short call {code}", Parts(steps=([[code]],))
        yield f"long call {code}", Parts(steps=([[code, *range(20)]],))
    yield "change of nothing known", Parts(steps=([TICK, {"colour": 1}],))
    yield "start of three", Parts(start=START[:3])
    yield "start of five", Parts(start=[*START, None])


def write(parts: Parts, directory: Path) -> Path | None:
    """The file of these parts, under the name that they have; None where they cannot be packed."""
    try:
        start, steps = _pack(parts.start), b"".join(map(_pack, parts.steps))
        origin = _pack(parts.origin)
        chunk = _pack([parts.lines, steps])
    except ValueError:
        return None
    digest = hashlib.sha256(_HASHED_FIRST + start + steps).hexdigest()
    calls = dict(Counter(map(_name_of, parts.steps)))
    right = {"steps": len(parts.steps), "calls": calls, "sha256": digest}
    end = _pack(right if parts.end is None else parts.end)
    packer = ChainedPacker(_LEVEL)
    chained = [
        _header_and(kind, _CHAINED, packer.packed(data))
        for kind, data in ((b"S", start), (b"C", chunk))
    ]
    path = directory / f"{digest}{SUFFIX}"
    path.write_bytes(
        MAGIC
        + bytes((FORMAT_VERSION,))
        + b"".join((_frame(b"O", origin), *chained, _frame(b"E", end)))
    )
    return path


def _pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def _name_of(step: Any) -> str:
    try:
        return CALL_NAMES[CallCode(step[0][0])]
    except (ValueError, TypeError, LookupError):
        return "event document"


def try_streams(
    directory: Path, run: Any, most: int = 1000, every: int = 1
) -> tuple[Counter[str], list[str]]:
    """Counts of what became of each form, and a line for each that went wrong. `run` calls the
    program and gives its exit code and outputs."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    good: dict[str, Path] = {}
    for number, (name, parts) in enumerate(islice(wrong_parts(), 0, most, every)):
        corpus = directory / str(number)
        corpus.mkdir()
        if (file := write(parts, corpus)) is None:
            continue
        counts["forms"] += 1
        for command in ("list", "verify"):
            code, text = run("corpus", command, "--corpus", str(corpus))
            if code not in (0, 2) or _is_bad(text):
                wrong.append(f"{name}: corpus {command}: exit {code}: {text[:200]}")
        counts["damaged" if code else "good"] += 1
        if code == 0:
            good[name] = file
    for group in _apart(good, directory):
        code, text = _run_all(run, directory / group)
        if code in (0, 4) and not _is_bad(text):
            continue
        faults = len(wrong)
        for name in good:
            code, text = _run_all(run, good[name].parent)
            if code not in (0, 2, 4) or _is_bad(text):
                wrong.append(f"{name}: verify says good, run: exit {code}: {text[:300]}")
        if len(wrong) == faults:
            wrong.append(
                f"{group}: each stream runs alone, all together: exit {code}: {text[:300]}"
            )
    return counts, wrong


def _apart(good: dict[str, Path], directory: Path) -> list[str]:
    """Corpora with all good streams, no two of one name in the same: starting cores takes its time,
    so they are run at once."""
    groups: list[str] = []
    for file in good.values():
        place = 0
        while (directory / f"good-{place}" / file.name).exists():
            place += 1
        group = directory / f"good-{place}"
        if group.name not in groups:
            group.mkdir()
            groups.append(group.name)
        shutil.copy(file, group)
    return groups


def _run_all(run: Any, corpus: Path) -> tuple[int, str]:
    code, text = run("run", "--corpus", str(corpus), "--shadow", "python", "--db",
                     str(corpus.parent / "d.db"))  # fmt: skip
    return code, text


def _is_bad(text: str) -> bool:
    return "internal fault" in text or "Traceback" in text
