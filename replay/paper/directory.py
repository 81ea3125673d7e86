"""The log directory: one bot at a time writes to it."""

from __future__ import annotations

import fcntl
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from replay.errors import EnvironmentFailure

LOCK = ".paper.lock"
OURS = ("snapshot_slot*.json", "state_machine_shadow_paper_*.jsonl", "events_*.jsonl*")


def put_away(directory: Path) -> Path | None:
    """Moves what an earlier bot left in a directory to a hidden one in it, `.before_1` and so on;
    None where there is nothing. What others have written there stays, such as an operator's own
    telemetry. Raises EnvironmentFailure where it cannot be moved."""
    found = sorted(path for pattern in OURS for path in directory.glob(pattern))
    if not found:
        return None
    try:
        for number in itertools.count(1):
            away = directory / f".before_{number}"
            if not away.exists():
                break
        away.mkdir()
        for path in found:
            path.replace(away / path.name)
    except OSError as error:
        raise EnvironmentFailure(
            f"{directory}: cannot put away what is there ({error.strerror})",
            directory=str(directory),
        ) from error
    return away


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Makes the directory and keeps it for this process until the end of the block, however the
    process ends. Raises EnvironmentFailure where it cannot be made, or another bot has it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise EnvironmentFailure(
            f"{directory}: cannot write there ({error.strerror})", directory=str(directory)
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EnvironmentFailure(
                f"{directory}: another paper bot is writing there; choose another with --logs",
                directory=str(directory),
            ) from error
        yield
    finally:
        os.close(lock)
