"""Archives changed in every way that leaves something in them that their directory does not show,
and packed anew in every way that leaves nothing."""

from __future__ import annotations

import io
import random
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping

Members = Mapping[str, bytes]
Mutation = Callable[[random.Random, Members, bytes], bytes]


def repacked(members: Members, change: Callable[[zipfile.ZipFile], None] | None = None,
             compress: int = zipfile.ZIP_DEFLATED) -> bytes:  # fmt: skip
    """Members as any archiver writes them; `change` may add to them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compress) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        if change is not None:
            change(archive)
    return file.getvalue()


def _cut_in(whole: bytes, place: int, more: bytes) -> bytes:
    """Bytes put in, with the directory moved so that all else is found."""
    end = whole.rindex(b"PK\x05\x06")
    start = struct.unpack_from("<I", whole, end + 16)[0]
    out = bytearray(whole)
    at = start
    while out[at : at + 4] == b"PK\x01\x02":
        offset = struct.unpack_from("<I", out, at + 42)[0]
        if offset >= place:
            struct.pack_into("<I", out, at + 42, offset + len(more))
        at += 46 + sum(struct.unpack_from("<3H", out, at + 28))
    struct.pack_into("<I", out, end + 16, start + len(more))
    return bytes(out[:place] + more + out[place:])


def _entry(chance: random.Random, whole: bytes) -> zipfile.ZipInfo:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return chance.choice(archive.infolist())


def before(chance: random.Random, members: Members, whole: bytes) -> bytes:
    first = chance.choice((0, _entry(chance, whole).header_offset))
    return _cut_in(whole, first, b"PK\x03\x04" if first == 0 else b"hidden")


def around(chance: random.Random, members: Members, whole: bytes) -> bytes:
    return chance.choice((b"#!/bin/sh\n" + whole, whole + b"hidden", whole + whole))


def before_directory(chance: random.Random, members: Members, whole: bytes) -> bytes:
    start = struct.unpack_from("<I", whole, whole.rindex(b"PK\x05\x06") + 16)[0]
    return _cut_in(whole, start, b"hidden")


def behind_the_end(chance: random.Random, members: Members, whole: bytes) -> bytes:
    """Something after the end of a member's compressed content."""
    entry = _entry(chance, whole)
    at = entry.header_offset
    begin = at + 30 + sum(struct.unpack_from("<2H", whole, at + 26))
    out = bytearray(_cut_in(whole, begin + entry.compress_size, b"hidden"))
    struct.pack_into("<I", out, at + 18, entry.compress_size + 6)
    start = out.rindex(b"PK\x05\x06")
    at = struct.unpack_from("<I", out, start + 16)[0]
    while out[at : at + 4] == b"PK\x01\x02":
        if struct.unpack_from("<I", out, at + 42)[0] == entry.header_offset:
            struct.pack_into("<I", out, at + 20, entry.compress_size + 6)
        at += 46 + sum(struct.unpack_from("<3H", out, at + 28))
    return bytes(out)


def twice(chance: random.Random, members: Members, whole: bytes) -> bytes:
    name = chance.choice(list(members))
    other = chance.choice((name, name.upper(), name.title(), f"{name}.", f"{name} "))
    return repacked(members, lambda archive: archive.writestr(other, b"other"))


def more(chance: random.Random, members: Members, whole: bytes) -> bytes:
    name = chance.choice(
        ("more", "../up", "/etc/x", "a\\b", "./triage.md", "cases/x.zip", "empty/")
    )
    return repacked(
        members, lambda archive: archive.writestr(name, b"" if name[-1] == "/" else b"x")
    )


def link(chance: random.Random, members: Members, whole: bytes) -> bytes:
    entry = zipfile.ZipInfo("cases/link")
    kind = chance.choice((stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR))
    entry.external_attr = (kind | 0o777) << 16
    return repacked(members, lambda archive: archive.writestr(entry, b"/etc/passwd"))


def comment(chance: random.Random, members: Members, whole: bytes) -> bytes:
    def add(archive: zipfile.ZipFile) -> None:
        if chance.random() < 0.5:
            archive.comment = b"hidden"
        else:
            chance.choice(archive.infolist()).comment = b"hidden"

    return repacked(members, add)


def extra(chance: random.Random, members: Members, whole: bytes) -> bytes:
    kind = chance.choice((0x7075, 0xCAFE, 0x5455))
    entry = zipfile.ZipInfo("manifest.json")
    entry.extra = struct.pack("<2H", kind, 40) + b"h" * 40
    rest = {name: content for name, content in members.items() if name != entry.filename}
    return repacked(rest, lambda archive: archive.writestr(entry, members[entry.filename]))


def other_name_in_front(chance: random.Random, members: Members, whole: bytes) -> bytes:
    at = _entry(chance, whole).header_offset + 30
    return whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :]


def nameless(chance: random.Random, members: Members, whole: bytes) -> bytes:
    """A member whose name counts as an extra field (one that is read where it is short)."""
    entry, out = _entry(chance, whole), bytearray(whole)
    at = struct.unpack_from("<I", whole, whole.rindex(b"PK\x05\x06") + 16)[0]
    while struct.unpack_from("<I", out, at + 42)[0] != entry.header_offset:
        at += 46 + sum(struct.unpack_from("<3H", out, at + 28))
    for lengths in (entry.header_offset + 26, at + 28):
        name, extra = struct.unpack_from("<2H", out, lengths)
        struct.pack_into("<2H", out, lengths, 0, name + extra)
    return bytes(out)


def flipped(chance: random.Random, members: Members, whole: bytes) -> bytes:
    """A bit of what is compressed, but for the last byte, whose last bits may mean nothing."""
    entry = _entry(chance, whole)
    begin = (
        entry.header_offset + 30 + sum(struct.unpack_from("<2H", whole, entry.header_offset + 26))
    )
    at = begin + chance.randrange(entry.compress_size - 1)
    return whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(8))]) + whole[at + 1 :]


def changed(chance: random.Random, members: Members, whole: bytes) -> bytes:
    name = chance.choice(list(members))
    if chance.random() < 0.5:
        return repacked({one: text for one, text in members.items() if one != name})
    return repacked({**members, name: members[name] + b" "})


def lying(chance: random.Random, members: Members, whole: bytes) -> bytes:
    """A member that says it is smaller than it is, everywhere."""
    name = chance.choice(list(members))
    out, size = repacked(members), len(members[name])
    return out.replace(struct.pack("<2I", zlib.crc32(members[name]), 0)[:4] + b"", b"\0\0\0\0") if (
        size == 0
    ) else out.replace(struct.pack("<I", size), struct.pack("<I", size - 1))  # fmt: skip


TAMPERED: tuple[Mutation, ...] = (
    *(before, around, before_directory, behind_the_end, twice, more, link, comment, extra),
    *(other_name_in_front, nameless, flipped, changed, lying),
)


def as_zip_does(chance: random.Random, members: Members, whole: bytes) -> bytes:
    """With directories, times and owners, in another order, compressed or not."""
    shuffled = dict(chance.sample(list(members.items()), len(members)))
    folders = sorted({name.rpartition("/")[0] + "/" for name in members if "/" in name})
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in folders:
            entry = zipfile.ZipInfo(name, (2026, 11, 28, 1, 2, chance.randrange(0, 60, 2)))
            entry.external_attr = (stat.S_IFDIR | 0o755) << 16 | 0x10
            archive.writestr(entry, b"")
        for name, content in shuffled.items():
            entry = zipfile.ZipInfo(name, (2026, 11, 28, 1, 2, 4))
            entry.compress_type = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            entry.external_attr = chance.choice((0, (stat.S_IFREG | 0o600) << 16))
            entry.extra = struct.pack("<2HBI", 0x5455, 5, 1, chance.randrange(1 << 31))
            archive.writestr(entry, content, compresslevel=chance.choice((1, 6, 9)))
    return file.getvalue()


def as_a_stream(chance: random.Random, members: Members, whole: bytes) -> bytes:
    """As it is written to a pipe: sizes after the content."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.written = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.written += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return pipe.written


HARMLESS: tuple[Mutation, ...] = (as_zip_does, as_a_stream)
