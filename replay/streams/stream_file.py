"""The file format of corpus streams: written and read in pieces, with no damage left unnoticed.

A file is the MAGIC, one byte with the format version, and frames. A frame is a header (kind,
encoding, length and CRC-32 of all of these and the payload) and the payload: MessagePack, plain,
compressed with zstd, or, from version 2 on, compressed together with the frames before it: a state
that is set in the middle of a stream is much like the one before. The frames, in this order:

- `O`, one: the origin, a text;
- `S`, one: `[state, config, order_size_usd, order_sizes]`;
- `C`, any number: `[lines, steps]`, where `steps` are bytes: `[call]` or `[call, changes]` back to
  back; `lines` is where each stood in its file, as differences to the one before in the chunk, or
  nil;
- `E`, one, at the very end: `{"steps", "calls", "sha256"}`, how many there are in all, how many
  of each kind, and the id.

`S` and `C` of version 2 are compressed together; `O` and `E` each by itself or plain, whichever is
shorter, so that they are read without the others. Files of version 1, in which every frame is so,
stay readable.

The id, which is also the file's name, is the SHA-256 of `S` and all `steps`, with the keys of maps
sorted. Origin, lines, compression and how steps are cut into chunks are not part of it: the same
stream from two places is one stream.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from replay.errors import DamagedError, InputError
from replay.streams.model import (
    CALL_NAMES,
    CallCode,
    Rejected,
    Segment,
    Start,
    Step,
    Stream,
    call_name,
)
from replay.streams.packed import pack, pack_canonical, unpack, unpack_all
from replay.streams.validity import check_start, check_steps
from replay.streams.zstd_frames import (
    ChainedPacker,
    ChainedUnpacker,
    ZstdError,
    length_of,
    zstd_packed,
    zstd_unpacked,
)

MAGIC = b"\x89DOGESTR"
FORMAT_VERSION = 2
_READABLE = (1, 2)
SUFFIX = ".stream"

MAX_PAYLOAD = 256 * 1024 * 1024
"""No frame is larger; a damaged length must not make us ask for all memory there is."""

_MAX_STORED = MAX_PAYLOAD + MAX_PAYLOAD // 128
"""What is packed may be a little longer than what it is of."""

_HEADER = struct.Struct(">ccII")
_HASHED_FIRST = b"doge-replay stream 1\n"
_CHUNK_STEPS = 512
_CHUNK_BYTES = 1024 * 1024
_PLAIN, _ZSTD, _CHAINED = b"-", b"z", b"c"
_LEVEL = 6
_ORIGIN, _START, _CHUNK, _END = b"O", b"S", b"C", b"E"
_APART = (_PLAIN, _ZSTD)
_ENCODINGS = {1: (_APART, _APART), 2: (_APART, (_CHAINED,))}
"""How frames of each version may be written: those that are read by themselves, and the others."""


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """What a stream file is about. `calls` counts the steps by the names of their calls."""

    id: str
    origin: str
    steps: int
    calls: Mapping[str, int]


# --- Writing ----------------------------------------------------------------------------------


class StreamEncoder:
    """Turns a stream into the bytes of its file, step by step; `write` gets them in pieces."""

    def __init__(self, start: Start, origin: str, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._hash = hashlib.sha256(_HASHED_FIRST)
        self._steps: list[bytes] = []
        self._lines: list[int] = []
        self._bytes = 0
        self._last_line = 0
        self._total = 0
        self._calls: Counter[str] = Counter()
        self._packer = ChainedPacker(_LEVEL)
        write(MAGIC + bytes((FORMAT_VERSION,)))
        # The name of a file need not be UTF-8, and a text that is packed has to be.
        text = origin.encode("utf-8", "backslashreplace").decode()
        write(_frame(_ORIGIN, pack(text)))
        packed = pack_canonical(list(start))
        self._hash.update(packed)
        write(self._chained(_START, packed))

    def add(self, step: Step) -> None:
        """Adds one step."""
        call, changes, line = step
        if changes is None and isinstance(call, tuple) and call[0] in _TICKS:
            # No maps in there whose keys would have to be sorted, and nearly all steps are ticks.
            packed = pack((call,))
            self._calls[_NAMES[call[0]]] += 1
        else:
            packed = pack_canonical([call, changes] if changes else [call])
            self._calls[call_name(call)] += 1
        self._steps.append(packed)
        self._lines.append(line - self._last_line)
        self._last_line = line
        self._bytes += len(packed)
        if len(self._steps) >= _CHUNK_STEPS or self._bytes >= _CHUNK_BYTES:
            self._write_chunk()

    def finish(self) -> StreamSummary:
        """Writes what is left and the end. Nothing can be added any more."""
        self._write_chunk()
        digest = self._hash.hexdigest()
        calls = dict(sorted(self._calls.items()))
        end = {"steps": self._total, "calls": calls, "sha256": digest}
        self._write(_frame(_END, pack(end)))
        return StreamSummary(digest, "", self._total, calls)

    def _write_chunk(self) -> None:
        if not self._steps:
            return
        steps = b"".join(self._steps)
        self._hash.update(steps)
        lines = self._lines if any(self._lines) else None
        self._write(self._chained(_CHUNK, pack([lines, steps])))
        self._total += len(self._steps)
        self._steps.clear()
        self._lines.clear()
        self._last_line = 0
        self._bytes = 0

    def _chained(self, kind: bytes, payload: bytes) -> bytes:
        _require_short(payload)
        return _header_and(kind, _CHAINED, self._packer.packed(payload))


_NAMES: dict[int, str] = {int(code): CALL_NAMES[code] for code in CallCode}
_TICKS = (int(CallCode.PRICE_TICK), int(CallCode.TIMER_TICK))


def _frame(kind: bytes, payload: bytes) -> bytes:
    """A frame that is read without the others."""
    _require_short(payload)
    smaller = zstd_packed(payload, _LEVEL, checksum=False)
    if len(smaller) < len(payload):
        return _header_and(kind, _ZSTD, smaller)
    return _header_and(kind, _PLAIN, payload)


def _require_short(payload: bytes) -> None:
    if len(payload) > MAX_PAYLOAD:
        raise InputError(f"a part of a stream is too large to keep ({len(payload)} bytes)")


def _header_and(kind: bytes, encoding: bytes, stored: bytes) -> bytes:
    checksum = zlib.crc32(stored, zlib.crc32(kind + encoding + len(stored).to_bytes(4, "big")))
    return _HEADER.pack(kind, encoding, len(stored), checksum) + stored


def stream_id(stream: Stream) -> str:
    """The id that a stream has in every corpus."""
    encoder = StreamEncoder(stream.start, "", lambda _: None)
    for step in stream.steps:
        encoder.add(step)
    return encoder.finish().id


# --- Reading ----------------------------------------------------------------------------------


def check_file(path: Path, expected_id: str | None = None) -> StreamSummary:
    """Reads a whole file and compares every checksum, count and the hash.

    Raises DamagedError with the reason where anything is wrong or the stream is another one than
    expected, InputError where it cannot be opened. The name of the file is not looked at.
    """
    hashed = hashlib.sha256(_HASHED_FIRST)
    origin = ""
    total = 0
    calls: Counter[str] = Counter()
    for kind, payload in _frames(path):
        if kind == _ORIGIN:
            origin = _origin(path, payload)
        elif kind == _START:
            start = _start(path, payload)
            with _form_of(path):
                check_start(start)
            hashed.update(payload)
        elif kind == _CHUNK:
            steps = _steps(path, payload)
            with _form_of(path):
                check_steps(steps, total + 1)
            calls.update(call_name(step.call) for step in steps)
            total += len(steps)
            hashed.update(_value(path, payload)[1])
        else:
            counted = {"steps": total, "calls": dict(calls), "sha256": hashed.hexdigest()}
            if _end(path, payload) != counted:
                raise _damaged(path, "its content is not what its end says")
    summary = StreamSummary(hashed.hexdigest(), origin, total, dict(calls))
    return _expected(path, summary, expected_id)


def read_summary(path: Path, expected_id: str | None = None) -> StreamSummary:
    """The origin and end of a file, without reading the steps between them.

    Raises DamagedError where the file is visibly damaged; `check_file` looks at all of it.
    """
    origin = ""
    end: Mapping[str, Any] = {}
    for kind, payload in _frames(path, skip=(_START, _CHUNK)):
        if kind == _ORIGIN:
            origin = _origin(path, payload)
        elif kind == _END:
            end = _end(path, payload)
    summary = StreamSummary(end["sha256"], origin, end["steps"], end["calls"])
    return _expected(path, summary, expected_id)


def _origin(path: Path, payload: bytes) -> str:
    origin = _value(path, payload)
    if not isinstance(origin, str):
        raise _damaged(path, "its origin is no text")
    return origin


def _end(path: Path, payload: bytes) -> Mapping[str, Any]:
    end = _value(path, payload)
    match end:
        case {"sha256": str(), "steps": int(steps), "calls": dict(calls), **rest} if not rest:
            if not isinstance(steps, bool) and all(type(n) is int for n in calls.values()):
                return dict(end)
    raise _damaged(path, "its end has not what it should")


@contextmanager
def _form_of(path: Path) -> Iterator[None]:
    """Turns what is wrong with the form of a stream into damage of its file. A checksum says that
    the bytes are those that were written, not that a stream was."""
    try:
        yield
    except ValueError as error:
        raise _damaged(path, str(error)) from error


def _expected(path: Path, summary: StreamSummary, expected_id: str | None) -> StreamSummary:
    if expected_id not in (None, summary.id):
        raise _damaged(path, f"its content is that of stream {summary.id}")
    return summary


def read_stream(path: Path, expected_id: str | None = None) -> Stream:
    """The stream of a file, checked as a whole. Raises what `check_file` raises."""
    start: Start | None = None
    origin = ""
    steps: list[Step] = []
    for segment in _segments(path, 0, expected_id):
        start = start or segment.start
        origin = segment.origin
        steps.extend(segment.steps)
    assert start is not None
    return Stream(start, tuple(steps), origin)


def read_segments(
    path: Path, key: int, expected_id: str | None = None
) -> Iterator[Segment | Rejected]:
    """The stream of a file in segments, or one Rejected where the file is damaged.

    The whole file is checked first, so that nothing of a damaged stream is ever run.
    """
    try:
        yield from _segments(path, key, expected_id)
    except DamagedError as error:
        yield Rejected(str(path), 0, str(error.data["reason"]))


def _segments(path: Path, key: int, expected_id: str | None) -> Iterator[Segment]:
    summary = check_file(path, expected_id)
    start: Start | None = None
    held: Segment | None = None
    for kind, payload in _frames(path):
        if kind == _START:
            start = _start(path, payload)
        elif kind == _CHUNK:
            if held is not None:
                yield held
            held = Segment(key, start, _steps(path, payload), False, summary.origin)
            start = None
    # A stream without steps has its start here.
    last = held or Segment(key, start, (), True, summary.origin)
    yield last._replace(last=True)


def _frames(path: Path, skip: tuple[bytes, ...] = ()) -> Iterator[tuple[bytes, bytes]]:
    """The frames of a file, each checked, their order too; the payloads of kinds in `skip` are
    passed over."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", file=str(path)) from error
    with file:
        head = _read(file, path, len(MAGIC) + 1)
        if head[:-1] != MAGIC:
            raise _damaged(path, "it does not begin as a stream file does")
        if head[-1] not in _READABLE:
            raise _damaged(path, f"its format version {head[-1]} is not known")
        allowed = _ORIGIN
        chain = ChainedUnpacker(MAX_PAYLOAD)
        while True:
            kind, encoding, length, checksum = _HEADER.unpack(_read(file, path, _HEADER.size))
            encodings = _ENCODINGS[head[-1]][kind in (_START, _CHUNK)]
            if kind not in allowed or encoding not in encodings or length > _MAX_STORED:
                raise _damaged(path, "the header of one of its frames is damaged")
            if kind in skip:
                file.seek(length, 1)
            else:
                stored = _read(file, path, length)
                expected = zlib.crc32(kind + encoding + length.to_bytes(4, "big"))
                if zlib.crc32(stored, expected) != checksum:
                    raise _damaged(path, "the checksum of one of its frames is wrong")
                yield (
                    kind,
                    stored if encoding == _PLAIN else _decoded(path, stored, encoding, chain),
                )
            if kind == _END:
                break
            allowed = _START if kind == _ORIGIN else _CHUNK + _END
        if file.read(1):
            raise _damaged(path, "there is something after its end")


def _read(file: IO[bytes], path: Path, size: int) -> bytes:
    try:
        data = file.read(size)
    except OSError as error:
        raise _damaged(path, f"it cannot be read ({error.strerror})") from error
    if len(data) < size:
        raise _damaged(path, "it is cut off")
    return data


def _decoded(path: Path, stored: bytes, encoding: bytes, chain: ChainedUnpacker) -> bytes:
    try:
        if encoding == _CHAINED:
            return chain.unpacked(stored)
        # The declared size is checked before any memory is asked for.
        if not 0 <= length_of(stored) <= MAX_PAYLOAD:
            raise _damaged(path, "a frame has no size or is too large")
        return zstd_unpacked(stored)
    except ZstdError as error:
        raise _damaged(path, f"a frame cannot be decompressed ({error})") from error


def _value(path: Path, payload: bytes) -> Any:
    try:
        return unpack(payload)
    except ValueError as error:
        raise _damaged(path, f"a frame is {error}") from error


def _start(path: Path, payload: bytes) -> Start:
    value = _value(path, payload)
    if not isinstance(value, list) or len(value) != 4:
        raise _damaged(path, "its start has not four parts")
    return Start(*value)


def _steps(path: Path, payload: bytes) -> tuple[Step, ...]:
    value = _value(path, payload)
    try:
        lines, packed = value
        items = unpack_all(packed)
        if lines is not None and len(lines) != len(items):
            raise ValueError("each step has a line")
        steps = []
        line = 0
        for index, item in enumerate(items):
            if lines is not None:
                line += lines[index]
                if type(lines[index]) is not int:
                    raise ValueError("lines are counted")
            if not 1 <= len(item) <= 2:
                raise ValueError("a step has a call and changes")
            call = item[0] if isinstance(item[0], dict) else tuple(item[0])
            if isinstance(call, tuple):
                _NAMES[call[0]]
            steps.append(Step(call, item[1] if len(item) > 1 else None, line))
    except (ValueError, TypeError, LookupError) as error:
        raise _damaged(path, "a frame has no steps as they should be") from error
    return tuple(steps)


def _damaged(path: Path, reason: str) -> DamagedError:
    return DamagedError(f"{path} is damaged: {reason}", file=str(path), reason=reason)
