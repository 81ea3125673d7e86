"""The share of a night in which its power is measured: `doge-replay power` in a process of its own.

The authority's edited source runs in the process that measures, and may do anything there: hang,
end it, take all memory. A night loses no more by that than the figure.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from replay.errors import ExitCode
from replay.fuzzing.mix import Mix
from replay.settings import Settings
from replay.targets.core_kind import CoreKind, kind_of

LEAST_SECONDS = 10.0
"""A shorter share would be over before the first edit was drawn."""

TRANSITIONS = 20_000
"""Generated for each edit: a night draws many edits rather than hunting one for long."""

_PATIENCE = 600.0
"""Seconds beyond the share for what is begun; then something hangs."""


@dataclass(frozen=True, slots=True)
class PowerShare:
    """How power is measured in a night: for so many seconds, without end where there are none, and
    how many edits at most, with so many generated transitions for each."""

    seconds: float | None
    edits: int
    transitions: int = TRANSITIONS


def power_apart(settings: Settings, mix: Mix, seed: int, share: PowerShare) -> Mapping[str, Any]:
    """What `power --json` says, or a `headline` alone that says why nothing was measured."""
    if kind_of(settings.authority) not in (CoreKind.OURS, CoreKind.MODULE):
        return _not_measured("the authority has no Python source to edit")
    command = [
        *(sys.executable, "-P", "-m", "replay", "power", "--json", "--authority"),
        *(settings.authority, "--db", str(settings.db), "--profile", str(mix.value)),
        *("--seed", str(seed), "--edits", str(share.edits)),
        *("--max-transitions", str(share.transitions)),
        *(part for directory in settings.corpus for part in ("--corpus", str(directory))),
    ]
    patience = None
    if share.seconds is not None:
        command += ["--seconds", str(share.seconds)]
        patience = share.seconds + _PATIENCE
    try:
        ran = subprocess.run(command, capture_output=True, timeout=patience, check=False)
        if ran.returncode in (ExitCode.CLEAN, ExitCode.PROVES_NOTHING) and ran.stdout:
            document = json.loads(ran.stdout)
            if isinstance(document, dict) and "headline" in document:
                return document
    except subprocess.TimeoutExpired:
        return _not_measured("it did not come to an end")
    except (OSError, ValueError) as error:
        return _not_measured(str(error))
    lines = ran.stderr.decode("utf-8", "replace").strip().splitlines()
    return _not_measured(lines[-1] if lines else f"exit {ran.returncode}")


def _not_measured(why: str) -> Mapping[str, Any]:
    return {"headline": f"not measured: {why}"}
