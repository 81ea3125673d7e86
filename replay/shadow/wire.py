"""What goes between the bot's process and the shadow process: MessagePack values, back to back.

To the shadow process: its Settings, then lists of calls (CallMessage) and requests to `FLUSH`. Back
from it: Progress, a few times a second, and at once after a flush.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import msgpack

CALLS, FLUSH = 1, 2
MAX_MESSAGE = 1 << 30
"""Bytes; a history of a million cycles is well below."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the shadow process is to do. `journal` is empty where nothing is recorded; `max_bytes`,
    `full_every` and `compress` are the recorder's."""

    shadow: bool
    executable: str
    timeout: float
    persistent: bool
    journal: str
    max_bytes: int = 32 << 20
    full_every: int = 256
    compress: bool = True
    authority: tuple[str, str] = ("", "unknown")
    """The path and the version of the bot's module."""
    cores: dict[str, Any] = field(default_factory=dict)
    """What a process before has seen of both cores."""


class CallMessage(NamedTuple):
    """One call as the shadow process gets it.

    `whole` is the plain state that the call was made with, where the process does not have it;
    else `patch` is the delta to it from the slot's last one. `settings` are those of config and
    sizes that are not what they were, as documents. `outcome` is the authority's, its delta
    against the state before and without anything that is only due.
    """

    slot: int
    seq: int
    ts: float
    call: Any
    whole: list[Any] | None
    patch: list[Any]
    settings: dict[str, Any] | None
    outcome: list[Any]


@dataclass(slots=True)
class Progress:
    """What a shadow process has done since it started.

    `settled` calls are done with, `compared` and `failed` those of them that the executable was
    asked about; `incidents` are failures at calls whose answer was then found all the same.
    `last_divergence` is (ts, kind, event). `flushed` is the number of the last flush that is done.
    """

    settled: int = 0
    compared: int = 0
    failed: int = 0
    incidents: int = 0
    transition_checks: int = 0
    invariant_checks: int = 0
    transition_divergences: int = 0
    invariant_divergences: int = 0
    last_divergence: tuple[float, str, str] | None = None
    last_error: str = ""
    available: bool = False
    lines: int = 0
    bytes: int = 0
    errors: int = 0
    lost: int = 0
    recorder_error: str = ""
    file: str | None = None
    flushed: int = 0
    cores: dict[str, Any] = field(default_factory=dict)
    """What is known of both cores (cores_seen.py)."""


def pack(value: Any) -> bytes:
    """Encodes a value. Raises TypeError, ValueError or OverflowError where it has no encoding."""
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def pack_calls(messages: Sequence[bytes]) -> bytes:
    """One message of many calls, each of them packed already."""
    packer = msgpack.Packer(autoreset=False)
    packer.pack_array_header(2)
    packer.pack(CALLS)
    packer.pack_array_header(len(messages))
    return b"".join((packer.bytes(), *messages))


def unpacker() -> Any:
    """Takes the other side's bytes apart."""
    return msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=MAX_MESSAGE)


def pack_settings(settings: Settings) -> bytes:
    """The first message to a shadow process."""
    return pack(asdict(settings))


def pack_progress(progress: Progress) -> bytes:
    """A message from a shadow process."""
    return pack(asdict(progress))


def progress_of(document: dict[str, Any]) -> Progress:
    """What `pack_progress` packed. Raises TypeError where it is something else."""
    last = document.pop("last_divergence")
    return Progress(**document, last_divergence=None if last is None else tuple(last))
