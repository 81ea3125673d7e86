"""Whether every byte of a zip archive belongs to what its directory lists.

A zip archive can hold more than it shows: data before, between and after its members, after the
end of what is compressed, in comments and extra fields, a name in front of a member that is not the
one in the directory. Two programs may then see two different archives. Here all of that has a name;
an archive that somebody packed anew with any ordinary program has none of it.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO

CHUNK = 1 << 16
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL_SIZE, _END_SIZE = 46, 22
_DESCRIBED = 0x08
_EXTRAS = {0x0001: 28, 0x000A: 36, 0x5455: 13, 0x5855: 12, 0x7875: 24, 0x7855: 8}
"""Extra fields that archivers write (sizes beyond 32 bits, times, owners), and how long each is at
most. One that gives a member another name is none of them."""


def layout_flaws(archive: zipfile.ZipFile, file: IO[bytes]) -> list[str]:
    """What is in the file beside its members, each named; `file` is the archive's own, opened for
    reading. May raise what reading damaged archives raises."""
    entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    flaws = ["it has a comment"] if archive.comment else []
    flaws += [f"{one.filename} {flaw}" for one in entries if (flaw := _directory_flaw(one))]
    flaws += _alike(entries)
    place = 0
    for entry in entries:
        if entry.header_offset != place:
            kind = "more than once" if entry.header_offset < place else "with something before it"
            flaws.append(f"{entry.filename} is stored {kind}")
        place, flaw = _member(file, entry)
        if flaw:
            flaws.append(f"{entry.filename} {flaw}")
    if archive.start_dir != place:
        flaws.append("there is something between its members and its directory")
    size = sum(_CENTRAL_SIZE + len(_raw(one)) + len(one.extra) + len(one.comment)
               for one in entries)  # fmt: skip
    file.seek(0, 2)
    if not archive.comment and archive.start_dir + size + _END_SIZE != file.tell():
        flaws.append("there is something around its directory")
    return flaws


def _alike(entries: Sequence[zipfile.ZipInfo]) -> Iterator[str]:
    """Names that some systems take for one."""
    names = Counter(entry.filename.casefold().rstrip(". ") for entry in entries)
    for entry in entries:
        if names[entry.filename.casefold().rstrip(". ")] > 1:
            yield f"{entry.filename} is there under more than one name"


def _directory_flaw(entry: zipfile.ZipInfo) -> str:
    if entry.comment:
        return "has a comment"
    if _has_odd_extra(entry.extra):
        return "has an extra field that no archiver writes"
    if entry.orig_filename != entry.filename:
        return "has another name after its name"
    if entry.is_dir() and (entry.file_size or entry.compress_size > 2):
        return "is a directory with content"
    return ""


def _has_odd_extra(extra: bytes) -> bool:
    while extra:
        if len(extra) < 4:
            return True
        kind, size = struct.unpack_from("<2H", extra)
        if size > _EXTRAS.get(kind, -1) or len(extra) < 4 + size:
            return True
        extra = extra[4 + size :]
    return False


def _raw(entry: zipfile.ZipInfo) -> bytes:
    return entry.orig_filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437")


def _member(file: IO[bytes], entry: zipfile.ZipInfo) -> tuple[int, str]:
    """Where a member ends, and what is wrong with it."""
    file.seek(entry.header_offset)
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size:
        return entry.header_offset, "has no header"
    magic, _, flags, method, _, _, crc, packed, size, names, extras = _LOCAL.unpack(header)
    name, extra = file.read(names), file.read(extras)
    end = entry.header_offset + _LOCAL.size + names + extras + entry.compress_size
    if magic != b"PK\x03\x04" or name != _raw(entry) or method != entry.compress_type:
        return end, "is not what the directory says in front of it"
    if _has_odd_extra(extra):
        return end, "has an extra field that no archiver writes"
    said = (crc, packed, size)
    known = (entry.CRC, entry.compress_size, entry.file_size)
    if flags != entry.flag_bits or not _says_the_same(said, known, described=flags & _DESCRIBED):
        return end, "is not what the directory says in front of it"
    flaw = _packed_flaw(file, entry)
    if flags & _DESCRIBED:
        file.seek(end)
        descriptor = file.read(16)
        wanted = struct.pack("<3I", *known)
        signed = descriptor[:4] == b"PK\x07\x08"
        if (descriptor[4:] if signed else descriptor[:12]) != wanted:
            flaw = flaw or "is not what it says after it"
        end += 16 if signed else 12
    return end, flaw


def _says_the_same(
    said: tuple[int, int, int], known: tuple[int, int, int], *, described: int
) -> bool:
    """Whether a header fits; one that is described after the data says nothing."""
    return all(
        one == other or (described and one == 0) or one == 0xFFFFFFFF
        for one, other in zip(said, known, strict=True)
    )


def _packed_flaw(file: IO[bytes], entry: zipfile.ZipInfo) -> str:
    """What is stored beside the content in what is compressed; the file stands at its beginning.
    No more than the size that is told is ever unpacked."""
    if entry.compress_type == zipfile.ZIP_STORED:
        return "" if entry.compress_size == entry.file_size else "has another size than it says"
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        return ""
    inflating, left, room = zlib.decompressobj(-15), entry.compress_size, entry.file_size
    while left and not inflating.eof:
        piece = file.read(min(CHUNK, left))
        if not piece:
            break
        left -= len(piece)
        while piece and not inflating.eof:
            room -= len(inflating.decompress(piece, CHUNK))
            if room < 0:
                return "has another size than it says"
            piece = inflating.unconsumed_tail
    if not inflating.eof or room:
        return "has another size than it says"
    return "has something after its end" if left or inflating.unused_data else ""
