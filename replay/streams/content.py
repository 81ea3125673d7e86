"""What a file holds, told by its beginning: its name may say anything.

Only the beginning is looked at, decompressed, so a directory of large files takes no longer than
one of small ones. What cannot be told is said to be doubtful: it may be a log, and nobody may take
it for looked at.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, NamedTuple

from replay.errors import InputError
from replay.streams.file_names import log_name
from replay.streams.lines import text_pieces
from replay.streams.opening import Damage, Piece, is_readable_once, open_once
from replay.streams.stream_file import MAGIC

HEAD = 128 * 1024
"""So many bytes of text are looked at."""


class Kind(StrEnum):
    """What there may be in a file."""

    JOURNAL = "journal"
    REQUESTS = "requests"
    CASES = "parity cases"
    STREAM = "corpus stream"
    TELEMETRY = "telemetry"
    STATES = "states"
    ROWS = "events without states"


class Content(NamedTuple):
    """What a file's beginning shows. `words` says it for a person; `kinds` are those of its first
    lines, none where it is something else. `is_doubtful` where it may be a log all the same.
    `begins` is the time of its first line in epoch seconds, where it has one."""

    words: str
    kinds: frozenset[Kind] = frozenset()
    is_doubtful: bool = False
    begins: float | None = None
    is_json: bool = False


SQLITE, CSV, REPR, TEXT = "a SQLite database", "CSV", "Python's repr", "text"
EMBEDDED = "text with objects of a log in it"

_MAGICS = (
    (b"SQLite format 3\0", SQLITE, False),
    (b"\x89PNG", "a picture", False),
    (b"\xff\xd8\xff", "a picture", False),
    (b"GIF8", "a picture", False),
    (b"%PDF", "a PDF document", False),
    (b"\x7fELF", "a program", False),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", True),
    (b"Rar!", "a rar archive", True),
    (b"\x04\x22\x4d\x18", "compressed with lz4, which is not read", True),
    (b"\x89LZO", "compressed with lzop, which is not read", True),
    (b"LZIP", "compressed with lzip, which is not read", True),
    (b"\x1f\x9d", "compressed with compress, which is not read", True),
    (b"\x00\x00\x00\x00\xff\xff\xff\xff", "unreadable", True),
    (b"age-encryption.org/", "encrypted", True),
    (b"-----BEGIN PGP", "encrypted", True),
)
_JSON = re.compile(rb"^[^\w\n]{0,16}(?:\{\s{0,80}[\"}]|\{\s*$|\[\s{0,80}[\[{])", re.MULTILINE)
_REPR = re.compile(rb"^[^\w\n]{0,16}\{\s{0,80}'|^[A-Z]\w{0,80}\(\w+=", re.MULTILINE)
_ZIP = b"PK"
_ZIP_NAMES = 64 * 1024
"""So much of a zip archive's end is looked at, where the names of its members are."""
_LOGS_IN_ZIP = re.compile(rb"(?i)\.(jsonl|ndjson|log)|events_|state_machine_shadow")
_TAR_AT = 257

_KINDS = (
    (Kind.TELEMETRY, re.compile(rb'"state_machine_shadow"\s*:')),
    (Kind.JOURNAL, re.compile(rb'"v"\s*:\s*\d+\s*[,}](?=[^\n]*"seq"\s*:)|"seq"\s*:[^\n]*"v"\s*:')),
    (Kind.REQUESTS, re.compile(rb'"method"\s*:\s*"')),
    (Kind.CASES, re.compile(rb'"initial_state"\s*:')),
    (Kind.STATES, re.compile(rb'"cycle_a"\s*:|\\"cycle_a\\"\s*:|""cycle_a""\s*:')),
    (Kind.ROWS, re.compile(rb'"(?:event|event_type|type|order_local_id|txid)"\s*:')),
)
_TS = re.compile(rb'"ts"\s*:\s*(?:"([^"]{10,40})"|(\d{9,10}(?:\.\d+)?))')


def content_of(path: Path) -> Content:
    """What is in a file. Never raises: what cannot be read is doubtful."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return Content(f"cannot be looked at ({error.strerror})", is_doubtful=True)
    if not stat.S_ISREG(mode):
        what = "a pipe" if stat.S_ISFIFO(mode) else "a device" if _is_device(mode) else "a socket"
        return Content(f"{what}, which is read only where it is named", is_doubtful="pipe" in what)
    try:
        with open_once(path) as file:
            raw = file.read(1024)
            if raw.startswith(MAGIC):
                return Content("a corpus stream", frozenset({Kind.STREAM}))
            known = _zip(file) if raw.startswith(_ZIP) else _binary(raw)
            if known is not None:
                return known
            file.seek(0)
            head, damage = _head(text_pieces(file, path))
    except InputError as error:
        return Content(f"cannot be opened ({error.message})", is_doubtful=True)
    except OSError as error:
        return Content(f"cannot be read ({error.strerror})", is_doubtful=True)
    return _content_of_text(path, head, damage)


def _is_device(mode: int) -> bool:
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def _head(pieces: Iterable[Piece]) -> tuple[bytes, str]:
    """The beginning of a text, and the first damage in it."""
    head, damage = b"", ""
    for piece in pieces:
        if isinstance(piece, Damage):
            damage = damage or piece.reason
        else:
            head += piece
        if len(head) >= HEAD:
            break
    return head[:HEAD], damage


def _zip(file: IO[bytes]) -> Content | None:
    """A zip archive; those that doge-replay makes hold copies, and others may hold logs."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _ZIP_NAMES))
    end = file.read(_ZIP_NAMES)
    if b"PK\x05\x06" not in end:
        return None
    if b"manifest.json" in end and (b"verdict.json" in end or b"finding.json" in end):
        return Content("an archive that doge-replay made, which holds copies")
    return Content("a zip archive, which is not read", is_doubtful=bool(_LOGS_IN_ZIP.search(end)))


def _binary(raw: bytes) -> Content | None:
    for magic, words, is_doubtful in _MAGICS:
        if raw.startswith(magic):
            return Content(words, is_doubtful=is_doubtful)
    if raw[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return Content("a tar archive", is_doubtful=True)
    return None


def _content_of_text(path: Path, head: bytes, damage: str) -> Content:
    if head.startswith(MAGIC):
        return Content("a corpus stream", frozenset({Kind.STREAM}))
    if not head.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        if head or damage:
            why = damage or ("has only NUL bytes" if b"\0" in head else "has only blank lines")
            return Content(why, is_doubtful=bool(damage) or b"\0" in head)
        return Content("is empty")
    known = _binary(head)
    if known is not None:
        return known
    is_json = bool(_JSON.search(head))
    if is_json:
        kinds = _kinds_in(head)
        words = " and ".join(kinds) if kinds else "JSON of another kind"
        return Content(
            words, frozenset(kinds), bool(damage) and not kinds, _begins(head), is_json=True
        )
    if b"\0" in head or damage:
        is_log = log_name(path.name).is_log
        return Content(damage or "no text", is_doubtful=bool(damage) or is_log)
    if b'""cycle_a""' in head:
        return Content("states", frozenset({Kind.STATES}))
    if _REPR.search(head):
        return Content(REPR)
    if re.search(rb'"state_machine_shadow"|"v":\s*1\b|"method":\s*"(?:trans|check|apply)', head):
        return Content(EMBEDDED, is_doubtful=True)
    return Content(CSV if _is_csv(head) else TEXT)


def _is_csv(head: bytes) -> bool:
    rows = head.split(b"\n")[:3]
    return rows[0].count(b",") >= 2 and all(row.count(b",") >= 2 for row in rows if row.strip())


def _kinds_in(head: bytes) -> list[Kind]:
    """The kinds whose marks are there. What a journal, a request or a case holds is no state of its
    own, nor an event."""
    found = [kind for kind, mark in _KINDS if mark.search(head)]
    whole = {Kind.JOURNAL, Kind.REQUESTS, Kind.CASES, Kind.TELEMETRY}
    if whole.intersection(found):
        found = [kind for kind in found if kind in whole]
    elif Kind.STATES in found:
        found = [Kind.STATES]
    return found


def _begins(head: bytes) -> float | None:
    found = _TS.search(head)
    if found is None:
        return None
    if found.group(2):
        return float(found.group(2))
    try:
        return datetime.fromisoformat(json.loads(b'"' + found.group(1) + b'"')).timestamp()
    except ValueError:
        return None


def why_not_taken(path: Path) -> str:
    """Why a file has nothing to replay, and what to do with it; empty where its lines have to say.

    A pipe cannot be looked at a second time.
    """
    if is_readable_once(path):
        return ""
    return advice_on(content_of(path))


def advice_on(content: Content) -> str:
    """What to do with a file that has this, so that it can be replayed; empty where it can."""
    return _NOT_TAKEN.get(next(iter(content.kinds), None), _TEXT_NOT_TAKEN.get(content.words, ""))


_NOT_TAKEN: dict[Kind | None, str] = {
    Kind.TELEMETRY: "is telemetry: it has counters only, not what a call was given; "
    "`doge-replay gate` judges it",
    Kind.ROWS: "has events or fills without states: a replay needs the state, config and sizes "
    "that each met (docs/contract/formats.md, Journal)",
}
_TEXT_NOT_TAKEN = {
    SQLITE: "is a SQLite database: export its states, one a line, with `sqlite3 -json`",
    CSV: "is CSV without states in its cells: a replay needs state, config and sizes of each call",
    EMBEDDED: "has objects of a log behind other text: log json.dumps(request), one a line, and "
    "nothing before it",
    REPR: "holds Python's own notation, not JSON: log json.dumps(request) instead of repr",
    TEXT: "is text without JSON: log json.dumps(request), one a line, and nothing before it",
}
