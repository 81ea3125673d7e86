"""What the name of a log says: what it is compressed with, and where it stands among its rotations.

`events.jsonl.2.gz`, `events.jsonl-20261122.gz`, `events.jsonl.2026-11-22`, `events-20261122.jsonl`,
`events.jsonl.old` and `EVENTS.JSONL` are what logrotate, Python's handlers and hands make of
`events.jsonl`. Each has the same family, and a rank that puts the oldest first.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

from replay.streams.compression import COMPRESSED_ENDINGS

LOG_ENDINGS = (".jsonl", ".ndjson", ".json", ".log")
"""How the names of logs end, in any case, before what rotation and compression put after it."""

TELEMETRY = "state_machine_shadow_"
JOURNAL = "events_"
SNAPSHOT = "snapshot_slot"
"""How the names of a bot's files begin, usually (formats.md)."""

_NUMBER = re.compile(r"\.(\d{1,6})$")
_DATE = re.compile(
    r"[-._](\d{4})-?(\d\d)-?(\d\d)(?:[-_t.]?(\d{2})[-:_]?(\d{2})?[-:_]?(\d{2})?z?)?(?:[-.](\d{1,4}))?$"
)
_EPOCH = re.compile(r"[-.](\d{10})$")
_COPY = re.compile(r"(?:\.(?:old|bak|orig|save|prev|backup)|~)$", re.IGNORECASE)


class Rotation(IntEnum):
    """How a name was rotated. Of one family, the first is the oldest."""

    COPY = 0
    NUMBER = 1
    DATE = 2
    CURRENT = 3


class LogName(NamedTuple):
    """A name taken apart. `family` is what it would be without rotation and compression; `rank`
    sorts those of one family and one rotation by their age, the oldest first."""

    family: str
    rotation: Rotation
    rank: tuple[int, ...]

    @property
    def is_log(self) -> bool:
        """Whether the name ends as those of logs do."""
        return self.family.endswith(LOG_ENDINGS)


def log_name(name: str) -> LogName:
    """Takes the name of a file apart."""
    lower = name.lower()
    rotation = Rotation.CURRENT
    rank: tuple[int, ...] = ()
    while True:
        ending = next((one for one in COMPRESSED_ENDINGS if lower.endswith(one)), "")
        if ending:
            lower = lower.removesuffix(ending)
        elif found := _COPY.search(lower):
            lower = lower[: found.start()]
            rotation, rank = (Rotation.COPY, (0,)) if not rank else (rotation, rank)
        elif (found := _NUMBER.search(lower)) or (found := _EPOCH.search(lower)):
            number = int(found.group(1))
            is_epoch = len(found.group(1)) == 10
            lower = lower[: found.start()]
            if not rank:
                rotation = Rotation.DATE if is_epoch else Rotation.NUMBER
                rank = (number,) if is_epoch else (-number,)
        elif (found := _DATE.search(lower)) and _is_date(found):
            lower = lower[: found.start()]
            if not rank:
                rotation, rank = Rotation.DATE, _digits(found)
        else:
            break
    if not rank:
        # With logrotate's `extension` the date stands before the ending.
        for ending in LOG_ENDINGS:
            if lower.endswith(ending):
                found = _DATE.search(lower.removesuffix(ending))
                if found and _is_date(found):
                    return LogName(lower[: found.start()] + ending, Rotation.DATE, _digits(found))
    return LogName(lower, rotation, rank)


def _is_date(found: re.Match[str]) -> bool:
    return 1 <= int(found.group(2)) <= 12 and 1 <= int(found.group(3)) <= 31


def _digits(found: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(part or 0) for part in found.groups())
