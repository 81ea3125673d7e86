"""A bundle: one finding in one file, for a machine that has neither the database nor the cores.

A zip archive with these members and no others, in this order; the same finding always gives the
same bytes, since times and attributes are fixed:

- `manifest.json`: `{"format": "doge-replay bundle", "version": 1, "id", "made_by", "members"}`,
  the last with `{"sha256", "bytes"}` of each of the others;
- `finding.json`: the signature, the verdict, where the finding stands, both cores that gave the
  answers, all pairs of cores that it was seen on, where it was seen, and its history;
- `case.bin`, `authority.bin`, `shadow.bin`, `differences.bin`: exactly what was run and answered
  (encoding.py);
- `case.json`: the same case in the form of the bot's own suite (formats.md, "Parity case");
- `report.md`, `report.txt`: for people.

What comes from elsewhere is trusted in nothing. Nothing is unpacked to the disk, only the members
above are looked at, each is bounded before it is read, and every checksum is compared before
anything in it is believed. A checksum tells damage, not malice: who makes a bundle can put any case
into it, which is then run like any other input.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

from replay import __version__
from replay.differential.model import Difference, Finding, Signature, Verdict
from replay.errors import DamagedError, InputError
from replay.findings.archive import zip_bytes
from replay.findings.export import parity_case, require_sound_id
from replay.findings.lifecycle import HistoryEntry, Status
from replay.findings.severity import Severity
from replay.findings.store import encoding
from replay.findings.store.store import StoredFinding
from replay.streams.strict_json import JsonError, parse
from replay.streams.validity import check_stream
from replay.targets.base import CoreIdentity

FORMAT: Final = "doge-replay bundle"
VERSION: Final = 1

MAX_MEMBER: Final = 64 << 20
"""Bytes of one member, and of what is compressed in it; a real case has a few thousand."""

MAX_FILE: Final = 128 << 20
"""Bytes of a whole bundle, on the disk and unpacked."""

_MANIFEST = "manifest.json"
_FINDING, _CASE = "finding.json", "case.bin"
_AUTHORITY, _SHADOW, _DIFFERENCES = "authority.bin", "shadow.bin", "differences.bin"
_PARITY, _MARKDOWN, _TEXT = "case.json", "report.md", "report.txt"
_MEMBERS = (_FINDING, _CASE, _AUTHORITY, _SHADOW, _DIFFERENCES, _PARITY, _MARKDOWN, _TEXT)
_PACKED = (_CASE, _AUTHORITY, _SHADOW, _DIFFERENCES)
_MAGIC = b"PK\x03\x04"
CHUNK = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNREADABLE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, RuntimeError),
    *(ValueError, TypeError, LookupError, OverflowError, EOFError, OSError, MemoryError),
)
"""What reading an archive that somebody tampered with can raise."""


@dataclass(frozen=True, slots=True)
class Reports:
    """A finding as people read it: in Markdown and as plain text."""

    markdown: str
    text: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle holds. `authority` and `shadow` are the cores that gave the answers in
    `finding`; `made_by` is the version of doge-replay that wrote it."""

    finding: Finding
    authority: CoreIdentity
    shadow: CoreIdentity
    history: tuple[HistoryEntry, ...]
    made_by: str


# --- Writing ----------------------------------------------------------------------------------


def bundle_bytes(stored: StoredFinding, reports: Reports) -> bytes:
    """A stored finding as a bundle.

    Raises InputError where a part is larger than a bundle can hold, and DamagedError where the
    database has the finding under an id that is not its signature's.
    """
    require_sound_id(stored)
    shown = stored.shown
    members: dict[str, bytes] = {
        _FINDING: _json_bytes(_finding_document(stored)),
        _CASE: encoding.pack_stream(shown.stream).blob,
        _AUTHORITY: encoding.pack_result(shown.authority),
        _SHADOW: encoding.pack_result(shown.shadow),
        _DIFFERENCES: encoding.pack_differences(shown.differences),
        _PARITY: _json_bytes(parity_case(stored)),
        _MARKDOWN: reports.markdown.encode("utf-8", "backslashreplace"),
        _TEXT: reports.text.encode("utf-8", "backslashreplace"),
    }
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "id": stored.id,
        "made_by": __version__,
        "members": {name: _checksum(content) for name, content in members.items()},
    }
    members = {_MANIFEST: _json_bytes(manifest), **members}
    sizes = {name: _unpacked_size(name, content) for name, content in members.items()}
    largest = max(sizes, key=sizes.__getitem__)
    if sizes[largest] > MAX_MEMBER or sum(map(len, members.values())) > MAX_FILE:
        raise InputError(
            f"{stored.id} is too large for a bundle: its {largest} has {sizes[largest]:,} bytes",
            id=stored.id,
        )
    return zip_bytes(members)


def _json_bytes(document: Any) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False).encode() + b"\n"


def _finding_document(stored: StoredFinding) -> dict[str, Any]:
    shown, signature = stored.shown, stored.signature
    return {
        "id": stored.id,
        "signature": {
            "event": signature.event,
            "rule": signature.rule,
            "field": signature.field,
            "kind": str(signature.kind),
            "failure": signature.failure,
            "part": signature.part,
        },
        "verdict": str(shown.verdict),
        "status": str(stored.status),
        "severity": str(stored.severity),
        "hot": stored.hot,
        "owner": stored.owner,
        "note": stored.note,
        "stream": shown.sha256,
        "origin": shown.stream.origin,
        "line": shown.line,
        "minimised": stored.minimised,
        "occurrences": stored.occurrences,
        "cores": _pair_document(*shown.cores),
        "seen_on": [_pair_document(*pair) for pair in stored.cores],
        "places": [
            {"run": place.run, "origin": place.origin, "line": place.line, "times": place.times}
            for place in stored.places
        ],
        "history": [history_document(entry) for entry in stored.history],
    }


def history_document(entry: HistoryEntry) -> dict[str, Any]:
    """A line of a history as JSON has it; what JSON has not stands as its text."""
    document: dict[str, Any] = json.loads(json.dumps(entry._asdict(), default=str))
    return document


def _pair_document(authority: CoreIdentity, shadow: CoreIdentity) -> dict[str, Any]:
    return {"authority": authority.document(), "shadow": shadow.document()}


def _unpacked_size(name: str, content: bytes) -> int:
    return encoding.unpacked_size(content) if name in _PACKED else len(content)


# --- Reading ----------------------------------------------------------------------------------


def is_bundle(path: Path) -> bool:
    """Whether a file is meant as a bundle: by its first bytes, or by its name."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC or path.suffix.lower() == ".zip"
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", file=str(path)) from error


def read_bundle(path: Path) -> Bundle:
    """The bundle in a file.

    Raises InputError where it is none, or was made by a newer doge-replay, or is larger than any
    bundle can be, and DamagedError where it is damaged.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise InputError(f"{path} is larger than any bundle", file=str(path))
        with zipfile.ZipFile(path) as archive:
            manifest, members = _contents(path, archive)
        return _bundle(manifest, members)
    except InputError:
        raise
    except JsonError as error:
        _damaged(path, f"{_FINDING} {error.reason}", error)
    except KeyError as error:
        _damaged(path, f"{_FINDING} has no {error}", error)
    except _UNREADABLE as error:
        _damaged(path, str(error) or type(error).__name__, error)


class _Manifest(NamedTuple):
    made_by: str
    members: Mapping[str, Any]


def _contents(path: Path, archive: zipfile.ZipFile) -> tuple[_Manifest, dict[str, bytes]]:
    """The manifest and all other members, each as its checksum says."""
    entries = archive.infolist()
    names = Counter(entry.filename for entry in entries)
    if _MANIFEST not in names:
        raise _Foreign(path, f"it has no {_MANIFEST}")
    _check_sizes(path, entries)
    name, times = names.most_common(1)[0]
    if times > 1:
        _damaged(path, f"it has {name[:80]!a} {times} times")
    manifest = _manifest(path, _read(path, archive, _MANIFEST))
    unknown = sorted(names.keys() - {_MANIFEST, *_MEMBERS})
    if unknown:
        _damaged(path, f"it has something that belongs to no bundle: {unknown[0][:80]!a}")
    missing = [name for name in _MEMBERS if name not in names or name not in manifest.members]
    if missing:
        _damaged(path, f"it has no {missing[0]}")
    members = {name: _read(path, archive, name) for name in _MEMBERS}
    for name, content in members.items():
        if manifest.members[name] != _checksum(content):
            _damaged(path, f"{name} is not what the manifest says")
        if _unpacked_size(name, content) > MAX_MEMBER:
            _damaged(path, f"{name} is larger than any bundle has it")
    return manifest, members


def _read(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    """A member, piece by piece: one that lies about its size is unpacked no further."""
    pieces, room = [], archive.getinfo(name).file_size
    with archive.open(name) as member:
        while piece := member.read(CHUNK):
            pieces.append(piece)
            room -= len(piece)
            if room < 0:
                _damaged(path, f"{name} is larger than it says")
    return b"".join(pieces)


def _check_sizes(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Before anything is unpacked: what the archive says of itself. No more than that is read."""
    if any(entry.flag_bits & 1 for entry in entries):
        _damaged(path, "it is encrypted")
    if any(entry.compress_type not in _METHODS for entry in entries):
        _damaged(path, "it is compressed in a way that no bundle is")
    sizes = [entry.file_size for entry in entries]
    if max(sizes) > MAX_MEMBER or sum(sizes) > MAX_FILE:
        _damaged(path, f"it would be {sum(sizes):,} bytes unpacked, more than any bundle has")


def _manifest(path: Path, content: bytes) -> _Manifest:
    """What the manifest says. Raises InputError where it is another program's or a newer one's."""
    try:
        document = parse(content)
    except JsonError as error:
        _damaged(path, f"its manifest {error.reason}", error)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _Foreign(path, "its manifest is another program's")
    version = document.get("version")
    if type(version) is not int or version < 1:
        _damaged(path, "its manifest names no version")
    if version > VERSION:
        raise InputError(
            f"{path} was made by a newer doge-replay: its format is {version}, this one knows "
            f"formats up to {VERSION}",
            file=str(path),
        )
    made_by, members = document.get("made_by"), document.get("members")
    if not isinstance(made_by, str) or not isinstance(members, dict):
        _damaged(path, "its manifest does not say what it should")
    return _Manifest(made_by, members)


def _checksum(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


class _Foreign(InputError):
    """The archive is somebody else's."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is no bundle of doge-replay: {reason}", file=str(path))


def _damaged(path: Path, reason: str, cause: BaseException | None = None) -> NoReturn:
    raise DamagedError(f"{path} is damaged: {reason}", file=str(path)) from cause


def _bundle(manifest: _Manifest, members: Mapping[str, bytes]) -> Bundle:
    """The values in the members. Raises ValueError, TypeError or LookupError where they are not
    what they should be."""
    document = parse(members[_FINDING])
    signature = _signature(document["signature"])
    if signature.id != document["id"]:
        raise ValueError(f"its signature is not that of {str(document['id'])[:40]!a}")
    origin, line = _text(document["origin"]), _whole(document["line"])
    case = encoding.unpack_stream(members[_CASE], _text(document["stream"]), origin, line)
    if not case.steps:
        raise ValueError("its case has no steps")
    finding = Finding(
        signature,
        Verdict(document["verdict"]),
        check_stream(case),
        tuple(map(_difference, encoding.unpack_differences(members[_DIFFERENCES]))),
        encoding.unpack_result(members[_AUTHORITY]),
        encoding.unpack_result(members[_SHADOW]),
        line,
    )
    return Bundle(
        finding,
        _core(document["cores"]["authority"]),
        _core(document["cores"]["shadow"]),
        tuple(map(_history_entry, document["history"])),
        manifest.made_by,
    )


def _signature(document: Mapping[str, Any]) -> Signature:
    failure = document["failure"]
    if not isinstance(failure, bool):
        raise TypeError("its signature does not say whether it is a failure")
    names = ("event", "rule", "field", "kind", "part")
    return Signature(**{name: _text(document[name]) for name in names}, failure=failure)


def _difference(difference: Difference) -> Difference:
    _text(difference.path)
    return difference


def _core(document: Mapping[str, Any]) -> CoreIdentity:
    names = ("kind", "path", "sha256", "version", "revision")
    return CoreIdentity(
        **{name: _text(document[name]) for name in names},
        methods=tuple(map(_text, document["methods"])),
    )


def _history_entry(document: Mapping[str, Any]) -> HistoryEntry:
    status, severity, run = document["status"], document["severity"], document["run"]
    if not isinstance(document["evidence"], dict):
        raise TypeError("its history has an entry without evidence")
    return HistoryEntry(
        at=_text(document["at"]),
        who=_text(document["who"]),
        status=None if status is None else Status(status),
        why=_text(document["why"]),
        evidence=document["evidence"],
        run=None if run is None else _whole(run),
        severity=None if severity is None else Severity(severity),
        owner=_text_or_none(document["owner"]),
        note=_text_or_none(document["note"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!a:.40} stands where a text should")
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!a:.40} stands where a whole number should")
    return value
