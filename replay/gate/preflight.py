"""Before a shadow run: sections 1 and 2 of the runbook, looked at instead of believed.

Each check says in one line what is so, and whether that stands in the way. Nothing is changed but
for a file that is made in the journal's directory and removed again.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from replay.counting import counted
from replay.differential.lockstep import Lockstep
from replay.differential.model import Verdict
from replay.errors import ExitCode, ReplayError
from replay.executable_path import resolved_executable
from replay.reports.finding_text import finding_text
from replay.runs.canary import ordinary_units, run_unit
from replay.runs.commands import Commands
from replay.shadow.options import Backend, ShadowOptions
from replay.targets.base import CoreIdentity
from replay.targets.pair import PairSpec

SEED = 20260115
STEPS = 200
"""Steps of ordinary trading that both cores are asked at least."""

MAX_STREAMS = 50
MOST_NAMED = 3
"""Ways in which the cores differ that are named."""

HOURS = 48
BYTES_A_CALL = 1500
"""What a line of a journal takes at most, as a rule, before it is compressed."""

CONNECT_SECONDS = 2.0


class Area(StrEnum):
    """What is looked at, in this order."""

    ENVIRONMENT = "environment"
    AUTHORITY = "authority"
    SHADOW = "shadow"
    STEPS = "steps"
    SLOTS = "slots"
    JOURNAL = "journal"
    PORT = "port"
    CLOCK = "clock"


class Checked(NamedTuple):
    """One line about an area. `code` is CLEAN where nothing stands in the way; `next` is a command
    that leads on, empty where there is none."""

    area: Area
    says: str
    code: ExitCode = ExitCode.CLEAN
    next: str = ""


class Preflight(NamedTuple):
    """All checks; `cores` are the authority and the shadow where both could be opened."""

    checks: tuple[Checked, ...]
    cores: tuple[CoreIdentity, CoreIdentity] | None
    at: str

    @property
    def exit_code(self) -> ExitCode:
        """3 where something cannot run, 1 where the cores differ, 4 where nothing was compared."""
        codes = {check.code for check in self.checks}
        for code in (ExitCode.CORE_FAILED, ExitCode.DIVERGENCE, ExitCode.PROVES_NOTHING):
            if code in codes:
                return code
        return ExitCode.CLEAN

    @property
    def line(self) -> str:
        """What can be pasted into the notes of a change."""
        bad = [check.area for check in self.checks if check.code is not ExitCode.CLEAN]
        troubles = list(dict.fromkeys(bad))
        verdict = f"NOT READY ({', '.join(troubles)})" if troubles else "ready"
        told = [f"preflight {self.at}: {verdict}"]
        if self.cores is not None:
            for role, core in zip(("authority", "shadow"), self.cores, strict=True):
                told.append(f"{role} {core.path} {core.version} SHA-256 {core.sha256}")
        told += [check.says for check in self.checks if check.area in (Area.STEPS, Area.JOURNAL)]
        return "; ".join(told)


def examine(
    cores: PairSpec, environ: Mapping[str, str], calls_an_hour: float, commands: Commands
) -> Preflight:
    """Looks at a bot's core, an executable and an environment. `calls_an_hour` is what the bot
    makes in all its slots; `commands` are for whoever goes on."""
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    options = ShadowOptions.from_environment(environ)
    checks = [*_environment(options, environ, cores)]
    identities = _opened(cores, checks)
    if identities is not None:
        checks.append(_steps(cores, commands))
    checks += [_slots(), _journal(options, calls_an_hour), _port(environ), _clock(identities)]
    return Preflight(tuple(checks), identities, at)


# --- The environment --------------------------------------------------------------------------


def _environment(
    options: ShadowOptions, environ: Mapping[str, str], cores: PairSpec
) -> list[Checked]:
    area, bad = Area.ENVIRONMENT, ExitCode.CORE_FAILED
    found = [Checked(area, warning, bad) for warning in options.warnings]
    if options.backend is not Backend.PYTHON and not options.shadow:
        says = f"DOGE_CORE_BACKEND={options.backend}: the executable would answer the bot"
        found.append(Checked(area, says, bad))
    elif options.shadow:
        found.append(Checked(area, "Python would answer, and the executable in its shadow"))
    else:
        says = "DOGE_CORE_SHADOW is not 1: nothing would be compared"
        found.append(Checked(area, says, bad))
    if not environ.get("DOGE_CORE_EXE", "").strip():
        says = f"DOGE_CORE_EXE is not set: {options.executable} would be asked"
        found.append(Checked(area, says, bad))
    elif not _same_file(options.executable, cores.shadow):
        says = f"DOGE_CORE_EXE is {options.executable}, but {cores.shadow} is looked at here"
        found.append(Checked(area, says, bad))
    return found


def _same_file(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(resolved_executable(other))


# --- The cores --------------------------------------------------------------------------------


def _opened(cores: PairSpec, checks: list[Checked]) -> tuple[CoreIdentity, CoreIdentity] | None:
    """Opens each core by itself, so that one that cannot run hides nothing of the other."""
    found: list[CoreIdentity] = []
    for area, opener in (
        (Area.AUTHORITY, cores.open_authority),
        (Area.SHADOW, cores.open_shadow),
    ):
        try:
            target = opener()
        except ReplayError as error:
            checks.append(Checked(area, error.message, ExitCode.CORE_FAILED))
            continue
        identity = target.identity
        target.close()
        found.append(identity)
        methods = f", knows {', '.join(identity.methods)}" if identity.methods else ""
        says = f"{identity.path}, version {identity.version}, SHA-256 {identity.sha256}{methods}"
        checks.append(Checked(area, says))
    return (found[0], found[1]) if len(found) == 2 else None


def _steps(cores: PairSpec, commands: Commands) -> Checked:
    """Some ordinary trading, step by step."""
    authority, shadow = cores.open()
    try:
        lockstep = Lockstep(authority, shadow)
        findings = []
        for unit in ordinary_units(SEED, MAX_STREAMS):
            findings += run_unit(lockstep, unit)
            findings += lockstep.finish()
            if lockstep.tally.transitions >= STEPS:
                break
    except ReplayError as error:
        return Checked(Area.STEPS, error.message, ExitCode.CORE_FAILED)
    finally:
        authority.close()
        shadow.close()
    tally = lockstep.tally
    told = f"{tally.compared:,} of {tally.transitions:,} steps of ordinary trading compared"
    failed = tally.verdicts[Verdict.SHADOW_FAILED] + tally.verdicts[Verdict.AUTHORITY_FAILED]
    if failed:
        return Checked(Area.STEPS, f"{told}, {failed:,} without an answer", ExitCode.CORE_FAILED)
    if differing := tally.verdicts[Verdict.DIVERGE]:
        named = sorted({finding_text(one) for one in findings})
        more = f" and {counted(len(named) - MOST_NAMED, 'other')}" if named[MOST_NAMED:] else ""
        seen = f"{differing:,} differ ({'; '.join(named[:MOST_NAMED])}{more}); none was stored"
        finds_them = commands("fuzz", "--profile", "live")
        return Checked(Area.STEPS, f"{told}, {seen}", ExitCode.DIVERGENCE, finds_them)
    if not tally.compared:
        return Checked(Area.STEPS, f"{told}: that proves nothing", ExitCode.PROVES_NOTHING)
    return Checked(Area.STEPS, f"{told}, all agree")


# --- The machine ------------------------------------------------------------------------------


def _slots() -> Checked:
    return Checked(
        Area.SLOTS,
        "told apart by their states unless the bot names them (`with adapter.slot(number):`)",
    )


def _journal(options: ShadowOptions, calls_an_hour: float) -> Checked:
    if options.journal is None:
        says = "DOGE_CORE_JOURNAL is not set: what diverges live could not be reproduced"
        return Checked(Area.JOURNAL, says, ExitCode.CORE_FAILED)
    directory = options.journal
    there = next(one for one in (directory, *directory.absolute().parents) if one.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=there) as file:
            file.write(b"\n")
            file.flush()
        free = shutil.disk_usage(there).free
    except OSError as error:
        says = f"{directory} cannot be written to: {error.strerror or error}"
        return Checked(Area.JOURNAL, says, ExitCode.CORE_FAILED)
    needed = int(calls_an_hour * HOURS * BYTES_A_CALL)
    says = f"{directory}: {_size(free)} free, {HOURS} h take {_size(needed)} at most"
    return Checked(Area.JOURNAL, says, ExitCode.CLEAN if free > needed else ExitCode.CORE_FAILED)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{count / 1e6:.0f} MB"


def _port(environ: Mapping[str, str]) -> Checked:
    port = environ.get("PORT", "").strip() or "8080"
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        return Checked(Area.PORT, f"PORT is {port!r}, which is none", ExitCode.CORE_FAILED)
    try:
        with socket.create_connection(("127.0.0.1", int(port)), CONNECT_SECONDS):
            return Checked(Area.PORT, f"something listens on 127.0.0.1:{port}")
    except OSError:
        return Checked(Area.PORT, f"127.0.0.1:{port} is free: the bot does not run yet")


def _clock(cores: Sequence[CoreIdentity] | None) -> Checked:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    newest = max((_changed(Path(core.path)) for core in cores or ()), default=0.0)
    if newest > time.time():
        says = f"{now} is before the time at which a core was written: the clock is wrong"
        return Checked(Area.CLOCK, says, ExitCode.CORE_FAILED)
    return Checked(Area.CLOCK, now)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
