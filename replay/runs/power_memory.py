"""What power runs came to, kept beside the database from one to the next.

Edits that were not found are hunted again, each time with twice as many transitions; which corpus
stream showed an edit is kept for `corpus minimise`. All of it is about one source of the authority:
another one, told by its SHA-256, begins anew, and what was known of the former stays.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replay.errors import DamagedError, EnvironmentFailure
from replay.runs.power import EditKey, Fate, Power

FORM = 1
MOST_TRANSITIONS = 10_000_000
"""An edit gets no more than that, however often it was not found."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one source: the edits to hunt again, with how many transitions, and the corpus streams
    that showed others."""

    survivors: Mapping[EditKey, int] = field(default_factory=dict)
    shown_by: Mapping[EditKey, str] = field(default_factory=dict)

    def kills(self) -> dict[str, list[str]]:
        """The edits by the corpus stream that was first to show them."""
        kills: dict[str, list[str]] = {}
        for edit, stream in sorted(self.shown_by.items()):
            kills.setdefault(stream, []).append(" ".join(edit))
        return kills

    def after(self, power: Power) -> Memory:
        """With what one more run came to."""
        survivors, shown_by = dict(self.survivors), dict(self.shown_by)
        for one in (*power.again, *power.hunted):
            if one.fate is Fate.FOUND:
                survivors.pop(one.edit, None)
                if one.by:
                    shown_by[one.edit] = one.by
            else:
                tried = max(one.transitions, survivors.get(one.edit, 0))
                survivors[one.edit] = min(2 * tried, MOST_TRANSITIONS)
        return Memory(survivors, shown_by)


def memory_file(database: Path) -> Path:
    """Where it is kept."""
    return database.with_name(f"{database.name}.power.json")


def read_memory(file: Path, sha256: str) -> Memory:
    """What is known about one source. Raises DamagedError where the file is none of ours."""
    document = _read(file).get(sha256, {})
    try:
        return Memory(
            {_key(row): int(row["transitions"]) for row in document.get("survivors", ())},
            {_key(row): str(row["stream"]) for row in document.get("shown_by", ())},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(file, error) from error


def write_memory(file: Path, sha256: str, memory: Memory) -> None:
    """Replaces what is known about one source. Raises EnvironmentFailure, and DamagedError."""
    cores = _read(file)
    cores[sha256] = {
        "survivors": [
            {**key._asdict(), "transitions": n} for key, n in sorted(memory.survivors.items())
        ],
        "shown_by": [
            {**key._asdict(), "stream": stream} for key, stream in sorted(memory.shown_by.items())
        ],
    }
    made = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        made.write_text(json.dumps({"form": FORM, "cores": cores}, indent=1), "utf-8")
        made.replace(file)
    except OSError as error:
        made.unlink(missing_ok=True)
        raise EnvironmentFailure(f"cannot write {file}: {error.strerror}") from error


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise EnvironmentFailure(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(file, error) from error
    cores = document.get("cores") if isinstance(document, dict) else None
    if not isinstance(cores, dict) or document.get("form") != FORM:
        raise _damaged(file, "it has another form")
    return cores


def _key(row: Mapping[str, Any]) -> EditKey:
    return EditKey(*(str(row[name]) for name in EditKey._fields))


def _damaged(file: Path, why: object) -> DamagedError:
    return DamagedError(f"{file} is damaged: {why}; without it nothing is hunted again")
