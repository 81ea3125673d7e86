"""Decompression of whatever a log may be packed with: in small steps, and going on after damage.

Compression is told by content, since operators rename files. The standard readers hide what
matters here: zstd's ends quietly where a file was cut off, and gzip's loses the data before an
error. So all are driven through their decompression objects, in steps small enough that no crafted
file blows up memory. A damaged member or frame costs itself alone: the next one is looked for.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from replay.streams.opening import Damage, Piece, peek
from replay.streams.zstd_frames import ZstdDecompressor, ZstdError

COMPRESSED_ENDINGS = (".gz", ".zst", ".xz", ".bz2")
"""How the names of compressed files end, usually."""

MAX_LAYERS = 4
_OUT = 1024 * 1024
_FEED_AMONG_REMAINS = 256
_KEPT = 1024 * 1024
"""Bytes of a member, as they stand in the file, that are kept while it has not ended."""

_SECOND_LOOKS = 16
"""How often in a file another member is looked for in what one without an end has swallowed."""

_LZMA_MEMORY = 256 * 1024 * 1024


class _Format(NamedTuple):
    """A way to compress. `magic` begins each member; `feed` bytes are given to it at a time."""

    name: str
    magic: bytes
    make: Callable[[], Any]
    feed: int


_FORMATS = (
    # At most 1032 times as much comes out of gzip, and of zstd 128 KiB for every 4 bytes.
    _Format("gzip", b"\x1f\x8b\x08", lambda: zlib.decompressobj(wbits=31), 16 * 1024),
    _Format("zstd", b"\x28\xb5\x2f\xfd", lambda: ZstdDecompressor(), 512),
    _Format("xz", b"\xfd7zXZ\x00", lambda: _Bounded(_xz()), 16 * 1024),
    _Format("bzip2", b"BZh", lambda: _Bounded(bz2.BZ2Decompressor()), 16 * 1024),
)
_LONGEST_MAGIC = max(len(one.magic) for one in _FORMATS)
_ERRORS = (zlib.error, ZstdError, lzma.LZMAError, OSError, EOFError, ValueError)


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)


class _Bounded:
    """The decompressors of xz and bzip2, of which a few bytes can mean gigabytes."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def decompress(self, data: bytes) -> Iterator[bytes]:
        """What `data` adds, in pieces."""
        while True:
            piece = self._inner.decompress(data, max_length=_OUT)
            if piece:
                yield piece
            data = b""
            if self._inner.eof or self._inner.needs_input:
                return

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""
        return bool(self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        """What came after its end."""
        return bytes(self._inner.unused_data)


def is_compressed(head: bytes) -> bool:
    """Whether a file that begins like this is compressed in a way that is read here."""
    return _format_of(head) is not None


def _format_of(head: bytes) -> _Format | None:
    for one in _FORMATS:
        if head.startswith(one.magic):
            # "BZh" may begin a text; a digit and a block, or the end of the data, follow it.
            if one.name == "bzip2" and head[4:5] not in (b"1", b"\x17"):
                continue
            return one
    return None


def decompressed(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """What a file holds under every layer of compression, and what of it is lost."""
    for _ in range(MAX_LAYERS):
        head, pieces = peek(pieces, _LONGEST_MAGIC)
        found = _format_of(head)
        if found is None:
            yield from pieces
            return
        pieces = _Layer(found).read(pieces)
    yield Damage(f"the file is compressed more than {MAX_LAYERS} times over")


class _Layer:
    """One layer: any number of members or frames, one after the other."""

    def __init__(self, form: _Format) -> None:
        self._format = form
        self._inner = form.make()
        self._fresh = True  # nothing was fed to this decompressor yet
        self._lost = False  # a member was damaged, and the next one is looked for
        self._told = False  # that damage was told, and nothing was read since
        self._remains = False  # something was damaged, and no member was whole since
        self._tail = b""  # the end of what was searched, which may be half of a magic
        self._member = bytearray()  # what this member was fed, its first _KEPT bytes

    def read(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """What is in it."""
        for piece in pieces:
            if isinstance(piece, Damage):
                yield piece
                if piece.ends:
                    return
                self._lost = self._told = self._remains = True
            else:
                yield from self._feed(self._tail + piece if self._tail else piece)
        yield from self._end()

    def _end(self) -> Iterator[Piece]:
        """The file ends. A damaged length makes a member swallow those after it: they are read."""
        for looks in range(_SECOND_LOOKS + 1):
            if self._fresh or self._lost:
                return
            at = self._member.find(self._format.magic, 1) if looks < _SECOND_LOOKS else -1
            yield Damage(f"the {self._format.name} data is cut off", ends=at < 0)
            if at < 0:
                return
            swallowed = bytes(self._member[at:])
            self._begin()
            self._told = self._remains = True
            yield from self._feed(swallowed)

    def _feed(self, data: bytes) -> Iterator[Piece]:
        at, self._tail = 0, b""
        while at < len(data):
            if self._lost:
                at = self._search(data, at)
                continue
            # Among the remains of a member little is fed at a time: most of it is fed again.
            piece = data[at : at + (_FEED_AMONG_REMAINS if self._remains else self._format.feed)]
            if self._fresh and not piece.strip(b"\0"):
                at += len(piece)  # padding after a member, as tapes and some tools leave it
                continue
            before = self._inner.copy() if hasattr(self._inner, "copy") else None
            try:
                for out in _pieces(self._inner.decompress(piece)):
                    self._told = False
                    yield out
            except _ERRORS as error:
                for out in _saved(before, piece):
                    self._told = False
                    yield out
                if not self._told:
                    reason = f"a part of the {self._format.name} data is damaged ({error})"
                    yield Damage(reason, ends=False)
                at += self._fresh
                self._lost = self._told = self._remains = True
                continue
            at += len(piece)
            self._fresh = False
            self._member += piece[: max(0, _KEPT - len(self._member))]
            if self._inner.eof:
                at -= len(self._inner.unused_data)
                self._begin()
                self._remains = False

    def _begin(self) -> None:
        self._inner = self._format.make()
        self._fresh = True
        self._lost = False
        self._member.clear()

    def _search(self, data: bytes, at: int) -> int:
        """Where the next member begins; the end of the data where none does."""
        magic = self._format.magic
        found = data.find(magic, at)
        if found >= 0:
            self._begin()
            return found
        self._tail = data[max(at, len(data) - len(magic) + 1) :]
        return len(data)


def _pieces(data: bytes | Iterator[bytes]) -> Iterator[bytes]:
    if not isinstance(data, bytes):
        yield from data
    elif data:
        yield data


def _saved(inner: Any, data: bytes) -> Iterator[bytes]:
    """What comes out of data before the place where it is damaged."""
    if inner is None:
        return
    try:
        for at in range(len(data)):
            piece = inner.decompress(data[at : at + 1])
            if piece:
                yield piece
    except _ERRORS:
        return
