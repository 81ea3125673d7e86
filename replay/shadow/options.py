"""What the shadow path is told to do: by the caller, or by the environment as the runbook has it.

A live bot must start whatever its environment says, so nothing here raises: a value that makes no
sense is replaced by its default and named in `warnings`, for the adapter to log.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from replay.executable_path import resolved_executable

DEFAULT_EXECUTABLE = "doge-core-exe"
DEFAULT_TIMEOUT = 5.0
DEFAULT_QUEUE_LIMIT = 10_000
LONGEST_TIMEOUT = 86_400.0

_ON = frozenset(("1", "true", "yes", "on"))
_OFF = frozenset(("0", "false", "no", "off"))


class Backend(StrEnum):
    """Who is asked to answer the bot. HASKELL does so only while there is no shadow; AUTO, which
    bots of today know, leaves it to PYTHON."""

    PYTHON = "python"
    HASKELL = "haskell"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class ShadowOptions:
    """How a state machine is wrapped.

    `shadow` compares each call with the executable, off the caller's thread. `executable` is a path
    or a name found on PATH; `timeout` is in seconds for each answer; `persistent` keeps one process
    for many requests. `journal` is the directory that calls are recorded in while they are compared
    (None: not at all), and with `record` also while they are not. `queue_limit` is how many calls
    may wait to be compared; more are dropped and counted, or with `wait` hold up the bot. `clock`
    gives the epoch seconds of the journal's `ts` and of `last_divergence_ts`, and runs `speed`
    times as fast as real time. `warnings` says what of the environment made no sense.
    """

    backend: Backend = Backend.PYTHON
    shadow: bool = False
    executable: str = DEFAULT_EXECUTABLE
    timeout: float = DEFAULT_TIMEOUT
    persistent: bool = True
    journal: Path | None = None
    record: bool = False
    wait: bool = False
    queue_limit: int = DEFAULT_QUEUE_LIMIT
    clock: Callable[[], float] = time.time
    speed: float = 1.0
    warnings: tuple[str, ...] = field(default=())

    @property
    def is_recording(self) -> bool:
        """Whether calls are recorded."""
        return self.journal is not None and (self.shadow or self.record)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> ShadowOptions:
        """The options that DOGE_CORE_BACKEND, DOGE_CORE_SHADOW, DOGE_CORE_EXE,
        DOGE_CORE_TIMEOUT_SEC, DOGE_CORE_PERSISTENT, DOGE_CORE_JOURNAL, DOGE_CORE_RECORD and
        DOGE_CORE_WAIT give. DOGE_CORE_SHADOW=0 switches recording off, too."""
        warnings: list[str] = []
        shadow = _switch(environ, "DOGE_CORE_SHADOW", False, warnings)
        is_unsaid = not environ.get("DOGE_CORE_SHADOW", "").strip()
        journal = environ.get("DOGE_CORE_JOURNAL", "").strip()
        return cls(
            backend=_backend(environ, warnings),
            shadow=shadow,
            executable=resolved_executable(
                environ.get("DOGE_CORE_EXE", "").strip() or DEFAULT_EXECUTABLE
            ),
            timeout=_seconds(environ, "DOGE_CORE_TIMEOUT_SEC", DEFAULT_TIMEOUT, warnings),
            persistent=_switch(environ, "DOGE_CORE_PERSISTENT", True, warnings),
            journal=Path(journal).expanduser() if journal else None,
            record=_switch(environ, "DOGE_CORE_RECORD", False, warnings) and (shadow or is_unsaid),
            wait=_switch(environ, "DOGE_CORE_WAIT", False, warnings),
            warnings=tuple(warnings),
        )


def _backend(environ: Mapping[str, str], warnings: list[str]) -> Backend:
    text = environ.get("DOGE_CORE_BACKEND", "").strip().lower()
    if not text:
        return Backend.PYTHON
    try:
        return Backend(text)
    except ValueError:
        warnings.append(f"DOGE_CORE_BACKEND is {text!r}, which is none of {_names()}; python it is")
        return Backend.PYTHON


def _names() -> str:
    return ", ".join(Backend)


def _switch(environ: Mapping[str, str], name: str, default: bool, warnings: list[str]) -> bool:
    text = environ.get(name, "").strip().lower()
    if not text:
        return default
    if text not in _ON and text not in _OFF:
        warnings.append(f"{name} is {text!r}, which is neither 1 nor 0; taken as {int(default)}")
        return default
    return text in _ON


def _seconds(environ: Mapping[str, str], name: str, default: float, warnings: list[str]) -> float:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 < value <= LONGEST_TIMEOUT:
        warnings.append(f"{name} is {text!r}, which is no time in seconds; taken as {default:g}")
        return default
    return value
