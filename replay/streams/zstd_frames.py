"""zstd, from wherever this Python has it: from 3.14 on it is of the standard library, and before
that the same module is a package of its own.
"""

from __future__ import annotations

import sys
from typing import IO

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZstdDecompressor = zstd.ZstdDecompressor
ZstdError = zstd.ZstdError
_USUAL_LEVEL = zstd.COMPRESSION_LEVEL_DEFAULT


def zstd_packed(content: bytes, level: int = _USUAL_LEVEL, *, checksum: bool = True) -> bytes:
    """One frame that says how long its content is and, with `checksum`, checks it."""
    return _compressor(level, checksum).compress(content, zstd.ZstdCompressor.FLUSH_FRAME)


def length_of(frame: bytes) -> int:
    """How long the content of a frame is by its own words, -1 where it does not say. Raises
    ZstdError where it is no frame."""
    length = zstd.get_frame_info(frame).decompressed_size
    return -1 if length is None else length


def zstd_unpacked(frame: bytes) -> bytes:
    """The content of one frame. Raises ZstdError where it is damaged, cut off, or not alone."""
    inner = ZstdDecompressor()
    content = inner.decompress(frame)
    if not inner.eof:
        raise ZstdError("the frame is cut off")
    if inner.unused_data:
        raise ZstdError("there is something after the frame")
    return content


class ChainedPacker:
    """Packs pieces that are like each other, each with what was in those before it. They are
    unpacked in the same order by a ChainedUnpacker, and only so."""

    def __init__(self, level: int) -> None:
        self._compressor = _compressor(level, checksum=False)

    def packed(self, content: bytes) -> bytes:
        """The next piece: its length in four bytes, and what there is to unpack."""
        stored = self._compressor.compress(content, zstd.ZstdCompressor.FLUSH_BLOCK)
        return len(content).to_bytes(4, "big") + stored


class ChainedUnpacker:
    """Unpacks what a ChainedPacker has packed. No piece may be longer than `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inner = ZstdDecompressor()

    def unpacked(self, stored: bytes) -> bytes:
        """The next piece. Raises ZstdError where it is not what it says, and after an error."""
        length = int.from_bytes(stored[:4], "big")
        if len(stored) < 4 or length > self._limit:
            raise ZstdError("it has no length, or is too long")
        # One byte more would be too many; what is asked for is never more than that.
        content = self._inner.decompress(stored[4:], max_length=length + 1)
        if len(content) != length or self._inner.eof or not self._inner.needs_input:
            raise ZstdError("it has not the length that it says")
        return content


def copy_packed(source: IO[bytes], sink: IO[bytes], length: int, at_a_time: int) -> None:
    """Packs a file of so many bytes into one frame with a checksum. Raises ZstdError where it has
    another length by then, and what the files raise."""
    compressor = _compressor(_USUAL_LEVEL, checksum=True)
    compressor.set_pledged_input_size(length)
    while piece := source.read(at_a_time):
        sink.write(compressor.compress(piece))
    sink.write(compressor.flush(zstd.ZstdCompressor.FLUSH_FRAME))


def _compressor(level: int, checksum: bool) -> zstd.ZstdCompressor:
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: level,
        zstd.CompressionParameter.checksum_flag: int(checksum),
    }
    return zstd.ZstdCompressor(options=options)
