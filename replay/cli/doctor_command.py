"""`doge-replay doctor`: what is installed, what the cores can do, whether all data is sound."""

from __future__ import annotations

import platform
import shutil
import sqlite3
import subprocess
from importlib import metadata
from typing import Any, Literal

import click

from replay import __version__
from replay.cli.common import core_options, corpus_option
from replay.cli.console import say, say_json, say_marked
from replay.cli.extras import EXTRAS, command_for
from replay.counting import counted
from replay.errors import ExitCode, ReplayError
from replay.findings.store.store import Store
from replay.invocation import invoked
from replay.reports.finding_text import core_line
from replay.revision import own_revision
from replay.safe_text import clean
from replay.settings import Settings
from replay.shipped import Shipped, checkout, shipped
from replay.streams.corpus import Corpus
from replay.streams.model import CallCode, Start, Step
from replay.targets.base import Failure, Work
from replay.targets.executable.limits import Limits
from replay.targets.open import open_target

LIBRARIES = ("click", "msgpack", "msgspec", "rich", "simpleeval", "backports.zstd", *EXTRAS)
TRIAL_START = Start({"market_price": 0.2, "now": 1.0}, {}, 2.0, None)
TRIAL_STEP = Step((CallCode.PRICE_TICK, 0.2, 2.0))
"""What each core is asked, to see that it answers."""
CHECKED = ("authority", "shadow", "database", "corpus", "shipped")
WRONG = "!! "
"""Stands before what is not in order."""

TOOLS = ("ghc", "cabal", "git", "jq")


@click.command(
    epilog="""\b
Example:
  doge-replay doctor"""
)
@corpus_option
@core_options
def doctor(
    settings: Settings,
    as_json: bool,
) -> int:
    """Check the installation: libraries and tools, both cores, the corpus, the database.

    Exits 0 where everything is in order, 2 where the database or the corpus is damaged, 3 where a
    core cannot run.
    """
    document, code = examine(settings)
    if as_json:
        say_json({**document, "exit": int(code)})
        return int(code)
    say(
        f"doge-replay {__version__}, revision {document['revision'][:12]}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
    for group in ("libraries", "tools"):
        found = ", ".join(f"{name} {clean(version)}" for name, version in document[group].items())
        say(f"{group:10} {found}")
    wrong = [group for group in CHECKED if document[group]["exit"]]
    for group in CHECKED:
        mark = WRONG if group in wrong else ""
        for line in document[group]["lines"]:
            say_marked(f"{group:10} {mark}{clean(line, 1000)}", group in wrong)
    if wrong:
        say(f"not in order: {', '.join(wrong)}, marked {WRONG.strip()} above")
    else:
        say("all in order")
    return int(code)


def examine(settings: Settings) -> tuple[dict[str, Any], ExitCode]:
    """Looks at everything; gives what was found and the exit code."""
    checks = {
        "authority": _core(settings.authority, "authority", settings.limits),
        "shadow": _core(settings.shadow, "shadow", settings.limits),
        "database": _database(settings),
        "corpus": _corpus(settings),
        "shipped": _shipped(),
    }
    document: dict[str, Any] = {
        "version": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "libraries": {name: _version(name) for name in LIBRARIES},
        "tools": {name: _tool(name) for name in TOOLS},
        "revision": own_revision(),
        **{name: {**found, "exit": int(code)} for name, (found, code) in checks.items()},
    }
    codes = {code for _, code in checks.values()} - {ExitCode.CLEAN}
    if ExitCode.CORE_FAILED in codes:
        return document, ExitCode.CORE_FAILED
    return document, next(iter(codes), ExitCode.CLEAN)


def _version(library: str) -> str:
    """The version of a library; for one that only some commands need, how to get it."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return f"not installed ({command_for(library)})"


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        return "not found"
    flag = "--numeric-version" if name in ("ghc", "cabal") else "--version"
    try:
        done = subprocess.run([path, flag], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "does not answer"
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "does not answer"


def _core(
    spec: str | None, role: Literal["authority", "shadow"], limits: Limits
) -> tuple[dict[str, Any], ExitCode]:
    if spec is None:
        make = invoked("build-core")
        lines = [f"none: give --shadow, set DOGE_CORE_EXE, or run `{make}`"]
        return {"lines": lines, "error": lines[0]}, ExitCode.CORE_FAILED
    try:
        target = open_target(spec, role=role, limits=limits)
    except ReplayError as error:
        return {"lines": [error.message], "error": error.message}, ExitCode.CORE_FAILED
    try:
        identity = target.identity
        target.submit(Work(0, TRIAL_START, (TRIAL_STEP,), True))
        result = target.collect().results[0]
    except ReplayError as error:
        return {"lines": [error.message], "error": error.message}, ExitCode.CORE_FAILED
    finally:
        target.close()
    lines = [core_line(identity)]
    if isinstance(result, Failure):
        error_line = f"does not answer: {result.kind}, {result.detail}"
        lines.append(error_line)
        return {"lines": lines, "error": error_line, **identity.document()}, (ExitCode.CORE_FAILED)
    if identity.methods:
        lines.append(f"knows {', '.join(identity.methods)}")
    return {"lines": lines, **identity.document()}, ExitCode.CLEAN


def _database(settings: Settings) -> tuple[dict[str, Any], ExitCode]:
    path = settings.db
    if not path.exists():
        return {"lines": [f"{path}: not there yet"], "path": str(path)}, ExitCode.CLEAN
    try:
        with Store.open(path, readonly=True) as store:
            soundness = store.check()
    except ReplayError as error:
        return {"lines": [error.message], "error": error.message}, error.exit_code
    state = "sound" if soundness.sound else "NOT SOUND"
    lines = [
        f"{path}: {state}, {counted(soundness.findings, 'finding')}, "
        f"{counted(soundness.runs, 'run')} ({soundness.unfinished_runs:,} never ended), "
        f"{counted(soundness.streams, 'stream')}",
        *soundness.problems,
    ]
    code = ExitCode.CLEAN if soundness.sound else ExitCode.BAD_INPUT
    return {"lines": lines, "path": str(path), "sound": soundness.sound}, code


def _corpus(settings: Settings) -> tuple[dict[str, Any], ExitCode]:
    lines: list[str] = []
    good = damaged = 0
    for directory in settings.corpus:
        if not directory.is_dir():
            lines.append(f"{directory}: not there yet")
            continue
        verification = Corpus(directory).verify()
        faults = [fault for fault in verification.faults if fault.kind == "damaged"]
        good, damaged = good + verification.good, damaged + len(faults)
        streams = counted(verification.good, "good stream")
        lines.append(f"{directory}: {streams}, {len(faults):,} damaged")
    code = ExitCode.BAD_INPUT if damaged else ExitCode.CLEAN
    return {"lines": lines, "good": good, "damaged": damaged}, code


def _shipped() -> tuple[dict[str, Any], ExitCode]:
    """What comes beside the code. That it is not there stops nothing."""
    found = {str(one): str(shipped(one)) for one in Shipped if shipped(one).is_dir()}
    where = checkout() or shipped(Shipped.CORPUS).parent
    line = f"{', '.join(found)} in {where}" if found else "nothing beside the code"
    return {"lines": [line], **found}, ExitCode.CLEAN
