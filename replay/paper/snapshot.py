"""Snapshots: each slot in a file of its own, from which a bot goes on as if it had never ended.

A file is replaced as a whole (a second one is written, flushed to the disk and renamed), so at any
moment there is either the one before or the one after. The slots of one bot may stand at
different ticks in them; each goes on from its own.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from replay.errors import InputError
from replay.paper.exchange import Account, Filled, Resting
from replay.paper.market import TICK_SECONDS
from replay.paper.paper_slot import Request, Slot
from replay.streams.kept_files import sync_directory
from replay.streams.strict_json import JsonError, parse

VERSION = 1


def path_of(directory: Path, number: int) -> Path:
    """Where a slot's snapshot lies."""
    return directory / f"snapshot_slot{number}.json"


def save(directory: Path, slot: Slot, core: Any, run: Mapping[str, Any], at: float) -> None:
    """Writes a slot's snapshot; `run` says what it belongs to, `at` is the time of its tick.
    Raises OSError where the disk does not take it; the one before is still there then."""
    document = {
        "v": VERSION,
        "slot": slot.number,
        "tick": slot.tick,
        "at": at,
        "run": dict(run),
        "base_price": slot.base_price,
        "size": slot.size,
        "sizes": dict(slot.sizes) if slot.sizes is not None else None,
        "wait": slot.wait,
        "counts": dict(slot.counts),
        "account": dataclasses.asdict(slot.account),
        "requests": [dataclasses.asdict(request) for request in slot.requests],
        "unheard": [dataclasses.asdict(fill) for fill in slot.unheard],
        "state": core.to_dict(slot.state),
    }
    path = path_of(directory, slot.number)
    beside = path.with_name(f".{path.name}.writing")
    try:
        with beside.open("wb") as file:
            file.write(json.dumps(document).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        # On a full disk half of it is of no use, and takes room.
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    sync_directory(directory)


@dataclasses.dataclass(frozen=True, slots=True)
class Saved:
    """A snapshot as it was read: the slot, what run it belongs to, and the time of its tick."""

    slot: Slot
    run: Mapping[str, Any]
    at: float

    @property
    def origin(self) -> float:
        """The time of tick 0, by the clock that the slot had."""
        return self.at - self.slot.tick * TICK_SECONDS


def load(directory: Path, number: int, core: Any) -> Saved | None:
    """A slot's snapshot, None where there is none. Raises InputError for a file that is no snapshot
    of this slot, or that cannot be read."""
    path = path_of(directory, number)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", file=str(path)) from error
    try:
        document = parse(data)
        if document["v"] != VERSION or document["slot"] != number:
            raise ValueError(f"version {document['v']!r}, slot {document['slot']!r}")
        return _saved(document, core)
    except JsonError as error:
        raise _unusable(path, error.reason) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unusable(path, f"{type(error).__name__}: {error}") from error


def _saved(document: Mapping[str, Any], core: Any) -> Saved:
    account = dict(document["account"])
    account["orders"] = tuple(Resting(**order) for order in account["orders"])
    slot = Slot(
        number=document["slot"],
        tick=document["tick"],
        state=core.from_dict(document["state"]),
        account=Account(**account),
        base_price=document["base_price"],
        size=document["size"],
        sizes=document["sizes"],
        requests=tuple(Request(**request) for request in document["requests"]),
        unheard=tuple(Filled(**fill) for fill in document["unheard"]),
        wait=document["wait"],
        counts=dict(document["counts"]),
    )
    return Saved(slot, dict(document["run"]), float(document["at"]))


def _unusable(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: is no snapshot to go on from ({reason}); --fresh puts it away and begins anew",
        file=str(path),
        reason=reason,
    )
