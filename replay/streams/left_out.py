"""What of the input was not read: files that were left out, and those that are not read as a whole.

A line that is there and cannot be used is counted as one line. What is told here may be any number
of lines, so nothing that agrees beside it may be taken for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from replay.streams.model import Lost, Rejected, Unread

MAX_LISTED = 10_000
"""Files that `--json` lists; all are counted."""


def with_lost(unread: tuple[Unread, ...], rejected: Rejected) -> tuple[Unread, ...]:
    """What was not read, with the file of a Lost at its head: each file once, since they are read
    one after the other. Any other Rejected changes nothing."""
    if not isinstance(rejected, Lost) or (unread and unread[0].file == rejected.file):
        return unread
    where = f"line {rejected.line}: " if rejected.line else ""
    return (Unread(rejected.file, where + rejected.reason, True, True), *unread)


def unread_document(unread: Sequence[Unread]) -> dict[str, Any]:
    """What of given directories was not read, as `--json` has it."""
    return {
        "unread": [
            {"file": one.file, "reason": one.reason, "doubtful": one.is_doubtful}
            for one in unread[:MAX_LISTED]
        ],
        "unread_count": len(unread),
    }
