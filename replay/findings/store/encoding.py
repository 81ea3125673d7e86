"""How the store writes values: streams by their content, answers and differences exactly as seen.

A stream's bytes depend on nothing but its content, so the same case is stored once and has the
same name on every machine. What it was made from (its origin, the lines of its steps) is kept
beside it, not in it. Answers and differences may hold what is no JSON value: a marker for
something that is not there, or whatever a bot's own module returned. Those become tagged values,
since a store that refuses a strange finding loses just the interesting ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgpack

from replay.differential.model import ABSENT, Difference, DifferenceKind
from replay.streams import packed
from replay.streams.model import CHANGE_KEYS, Call, Start, Step, Stream
from replay.streams.zstd_frames import ZstdError, length_of, zstd_packed, zstd_unpacked
from replay.targets.base import MISSING, CoreIdentity, Failure, FailureKind, StepResult

STREAM_FORMAT = 1
"""The version that stands first in a packed stream."""

MAX_UNPACKED = 1 << 30
"""A blob that claims to be longer is damaged: it is not worth the memory to find out."""

_MARKER_TYPE = 2
_LEVEL = 3
_MARKER_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Marker:
    """Stands for an object that no document can hold; only its name was stored."""

    name: str

    def __repr__(self) -> str:
        return f"({self.name})"


_KNOWN: Mapping[str, object] = {type(marker).__name__: marker for marker in (ABSENT, MISSING)}
"""Markers that come back as the very object they were, by the name of their class."""


class PackedStream(NamedTuple):
    """A stream as the store holds it: its name, how long it is, and its compressed content."""

    sha256: str
    steps: int
    size: int
    blob: bytes


def pack_stream(stream: Stream) -> PackedStream:
    """Packs the content of a stream and names it by its SHA-256."""
    start = stream.start
    content = packed.pack_canonical(
        [
            STREAM_FORMAT,
            [start.state, start.config, start.order_size_usd, start.order_sizes],
            [_step_content(step) for step in stream.steps],
        ]
    )
    digest = hashlib.sha256(content).hexdigest()
    return PackedStream(digest, len(stream.steps), len(content), compress(content))


def unpack_stream(blob: bytes, sha256: str, origin: str = "", line: int = 0) -> Stream:
    """The stream in `blob`, with the origin and its last step's line given back to it.

    Raises ValueError where the blob is not the stream that `sha256` names.
    """
    content = decompress(blob)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError("its content does not fit its SHA-256")
    return _stream_of(packed.unpack(content), origin, line)


def _stream_of(content: Any, origin: str, line: int) -> Stream:
    if not isinstance(content, list) or len(content) != 3 or content[0] != STREAM_FORMAT:
        raise ValueError("it is no stream in a known format")
    steps = [_step_of(step) for step in content[2]]
    if steps and line:
        steps[-1] = steps[-1]._replace(line=line)
    return Stream(Start(*content[1]), tuple(steps), origin)


def _step_content(step: Step) -> list[Any]:
    call = step.call if isinstance(step.call, Mapping) else list(step.call)
    if not step.changes:
        return [call]
    return [call, step.changes]


def _step_of(content: list[Any]) -> Step:
    call: Call = tuple(content[0]) if isinstance(content[0], list) else content[0]
    if len(content) == 1:
        return Step(call)
    # Packed in the order of the alphabet; given back in the order in which they take effect.
    return Step(call, {key: content[1][key] for key in CHANGE_KEYS if key in content[1]})


def pack_result(result: StepResult) -> bytes:
    """An answer, a refusal or a failure, exactly."""
    if isinstance(result, Failure):
        return compress(_pack(["failure", result.kind.value, result.detail]))
    return compress(_pack(["outcome", result]))


def unpack_result(blob: bytes) -> StepResult:
    """What `pack_result` packed. Raises ValueError where the blob is damaged."""
    match _unpack(decompress(blob)):
        case ["outcome", [*outcome]]:
            return outcome
        case ["failure", str(kind), str(detail)]:
            return Failure(FailureKind(kind), detail)
    raise ValueError("it is neither an outcome nor a failure")


def pack_differences(differences: Sequence[Difference]) -> bytes:
    """All differences, in order, with both values of each."""
    rows = [[path, str(kind), authority, shadow] for path, kind, authority, shadow in differences]
    return compress(_pack(rows))


def unpack_differences(blob: bytes) -> tuple[Difference, ...]:
    """What `pack_differences` packed. Raises ValueError where the blob is damaged."""
    rows = _unpack(decompress(blob))
    return tuple(
        Difference(path, DifferenceKind(kind), authority, shadow)
        for path, kind, authority, shadow in rows
    )


def compress(content: bytes) -> bytes:
    """One zstd frame that says how long its content is and checks it."""
    return zstd_packed(content, _LEVEL)


def unpacked_size(blob: bytes) -> int:
    """How many bytes `decompress` would give. Raises ValueError where the blob is damaged."""
    try:
        size = length_of(blob)
    except ZstdError as error:
        raise ValueError(f"it is damaged ({error})") from error
    if not 0 <= size <= MAX_UNPACKED:
        raise ValueError(f"it claims a length of {size} bytes")
    return size


def decompress(blob: bytes) -> bytes:
    """Undoes `compress`. Raises ValueError where the blob is damaged or claims too much."""
    unpacked_size(blob)
    try:
        return zstd_unpacked(blob)
    except ZstdError as error:
        raise ValueError(f"it is damaged ({error})") from error


def clean(text: str) -> str:
    """A text that SQLite can hold: lone surrogates (a path that is no UTF-8) become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(
        value, use_bin_type=True, default=_pack_marker, unicode_errors="surrogatepass"
    )
    return packed


def _pack_marker(value: object) -> msgpack.ExtType:
    if isinstance(value, int):
        return msgpack.ExtType(packed.BIG_INTEGER, str(value).encode())
    name = type(value).__name__
    return msgpack.ExtType(_MARKER_TYPE, name.encode("utf-8", "backslashreplace")[:_MARKER_LENGTH])


def _unpack(content: bytes) -> Any:
    try:
        return msgpack.unpackb(
            content,
            raw=False,
            strict_map_key=False,
            ext_hook=_unpack_marker,
            unicode_errors="surrogatepass",
        )
    except (msgpack.UnpackException, msgpack.ExtraData, RecursionError) as error:
        raise ValueError(f"it is no MessagePack value ({type(error).__name__})") from error


def _unpack_marker(code: int, data: bytes) -> object:
    if code == packed.BIG_INTEGER:
        return int(data)
    name = data.decode("utf-8", "replace")
    return _KNOWN.get(name, Marker(name))


def core_identity(row: Mapping[str, Any]) -> CoreIdentity:
    """A row of `cores`. Raises ValueError for one that cannot be read."""
    return CoreIdentity(
        kind=row["kind"],
        path=row["path"],
        sha256=row["sha256"],
        version=row["version"],
        revision=row["revision"],
        methods=tuple(json.loads(row["methods"])),
    )
