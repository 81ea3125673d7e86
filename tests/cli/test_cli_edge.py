"""The outermost edge: closed streams, empty values, and faults of our own are never a traceback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from cli_support import PROGRAM, assert_gone, doge, environment, living, script, start
from stream_makers import journal, write

from replay.cli.command_table import COMMANDS
from replay.cli.main import MAY_BE_EMPTY, cli

FAULTY = """
import replay.cli.main as main
import replay.findings.store.store as store


def planted(*arguments, **more):
    raise {error}


store.Store.open = planted
main.main()
"""


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edge")
    write(folder / "j.jsonl", journal(20))
    assert doge(folder, "run", "j.jsonl").code == 0
    return folder


@pytest.mark.parametrize("error", ["KeyError('planted')", "RecursionError", "SystemExit(0)",
                                   "ValueError('a\\x1b[31mb')"])  # fmt: skip
def test_a_fault_of_ours_is_one_line_exit_3_and_a_file(tmp_path: Path, error: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAULTY.format(error=error), "list"],
        cwd=tmp_path,
        env=environment(XDG_STATE_HOME=str(tmp_path / "state")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "internal fault of doge-replay" in done.stderr
    assert "\x1b" not in done.stderr
    (kept,) = (tmp_path / "state" / "doge-replay").iterdir()
    assert str(kept) in done.stderr
    assert "Traceback" in kept.read_text()


def test_no_memory_is_no_fault_of_ours(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAULTY.format(error="MemoryError"), "list"],
        cwd=tmp_path,
        env=environment(XDG_STATE_HOME=str(tmp_path / "state")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "doge-replay: there is no memory left\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
@pytest.mark.parametrize("command", ["run j.jsonl", "list --json", "--version"])
def test_a_stream_that_is_closed_changes_no_exit_code(
    where: Path, command: str, closed: str
) -> None:
    program = " ".join(PROGRAM)
    done = subprocess.run(
        f"{program} {command} {closed}",
        shell=True,
        cwd=where,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("command", ["run j.jsonl", "list", "--version"])
def test_an_output_that_is_full_is_3(where: Path, command: str) -> None:
    program = " ".join(PROGRAM)
    done = subprocess.run(f"{program} {command} >/dev/full", shell=True, cwd=where,
                          env=environment(), capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 3
    assert b"Traceback" not in done.stderr
    assert done.stderr.strip()


def _parameters() -> list[tuple[str, str]]:
    """Every option and argument that takes a text, by command."""
    context = click.Context(cli)
    found = []
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        inner = command.commands if isinstance(command, click.Group) else {"": command}
        for sub, one in inner.items():
            for param in one.params:
                if isinstance(param.type, click.types.StringParamType | click.Path):
                    option = param.opts[0] if isinstance(param, click.Option) else ""
                    if param.name not in MAY_BE_EMPTY:
                        found.append((f"{name} {sub}".strip(), option))
    return found


@pytest.mark.parametrize(("command", "option"), _parameters())
def test_an_empty_value_is_refused_by_every_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, option: str
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [*command.split(), *([option] if option else []), ""]
    with pytest.raises(click.UsageError) as refused:
        cli.main(arguments, prog_name="doge-replay", standalone_mode=False)
    if "Missing" not in refused.value.format_message():
        assert "empty" in refused.value.format_message()
    assert list(tmp_path.iterdir()) == []


def test_an_executable_has_one_meaning(where: Path, tmp_path: Path, core_exe: str) -> None:
    """By its name on PATH, and relative, for every command."""
    shutil.copy(core_exe, tmp_path / "a-core-exe")
    shutil.copy(where / "j.jsonl", tmp_path / "j.jsonl")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    for named in ("a-core-exe", "./a-core-exe"):
        env = {"DOGE_CORE_EXE": named, "PATH": path}
        for arguments in (("run", "j.jsonl", "--json"), ("doctor", "--json")):
            ran = doge(tmp_path, *arguments, env=env)
            assert ran.code == 0, ran.err
            assert str(tmp_path / "a-core-exe") in ran.out
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for command in (("run", "../j.jsonl"), ("fuzz", "--max-transitions", "300", "--jobs", "1")):
        ran = doge(elsewhere, *command, "--shadow", "a-core-exe", env={"PATH": path})
        assert ran.code == 0, ran.err


def test_a_daemon_that_a_core_starts_dies_with_the_run(
    where: Path, tmp_path: Path, core_exe: str
) -> None:
    """In a session of its own, which no kill of the core's group reaches."""
    mark = f"98765.{os.getpid()}"
    shadow = tmp_path / "starts-daemons"
    shadow.write_text(
        f'#!/bin/sh\nsetsid sleep {mark} >/dev/null 2>&1 </dev/null &\nexec {core_exe} "$@"\n'
    )
    shadow.chmod(0o755)
    for arguments in (("run", where / "j.jsonl"), ("fuzz", "--max-transitions", 300, "--jobs", 2)):
        assert doge(tmp_path, *arguments, "--shadow", shadow).code == 0
        assert living([mark]) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_hanging_core_forked_and_its_daemon_die_when_the_run_is_killed(
    tmp_path: Path, core_exe: str, jobs: int
) -> None:
    """With SIGKILL, so that the run itself can end nothing."""
    mark = f"98766.{os.getpid()}{jobs}"
    shadow = script(
        tmp_path / "hangs",
        f"sleep {mark} </dev/null >/dev/null 2>&1 &",
        f"setsid sleep {mark}1 </dev/null >/dev/null 2>&1 &",
        f"setsid sh -c 'setsid sleep {mark}2 & exit' </dev/null >/dev/null 2>&1 &",
        "read line",
        f"sleep {mark}3",
    )
    process = start(tmp_path, "fuzz", "--seconds", 300, "--jobs", jobs, "--shadow", shadow)
    until = time.monotonic() + 120.0
    while len(living([f"{mark}{end}" for end in range(1, 4)])) < 3:
        assert time.monotonic() < until, "the core was never started"
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert_gone(process.pid, mark)


def test_an_error_stream_that_is_full_changes_no_exit_code(where: Path) -> None:
    program = " ".join(PROGRAM)
    done = subprocess.run(f"{program} list --db none.db 2>/dev/full", shell=True, cwd=where,
                          env=environment(), capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 2


SWALLOWING = """
import gc
import os
import signal
import threading
import time
import replay.cli.main as main
import replay.findings.store.store as store

# Whoever runs the tests in the background of a shell hands down an ignored Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Odd:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        time.sleep(0.2)


def planted(*arguments, **more):
    Odd()
    time.sleep(60)


store.Store.open = planted
main.main()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130), ("SIGHUP", 129)])
def test_a_signal_that_comes_while_an_object_is_thrown_away_is_not_lost(
    tmp_path: Path, name: str, code: int
) -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWING.format(name=name), "list"],
                          cwd=tmp_path, env=environment(), capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == code
    assert "interrupted" in done.stderr
    assert "Traceback" not in done.stderr


ENDING = (
    *("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGALRM"),
    *("SIGVTALRM", "SIGIO", "SIGPWR"),
)
WAITING = """
import os, signal, sys, time
import replay.cli.main as main
import replay.findings.store.store as store

signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.argv.pop() == "ignored":
    signal.signal(signal.{name}, signal.SIG_IGN)


def planted(*arguments, **more):
    os.kill(os.getpid(), signal.{name})
    time.sleep(0.2)
    raise SystemExit("it went on")


store.Store.open = planted
main.main()
"""


@pytest.mark.parametrize("name", ENDING)
@pytest.mark.parametrize("how", ["heard", "ignored"])
def test_every_signal_that_ends_a_process_ends_ours_in_order_unless_it_is_ignored(
    tmp_path: Path, name: str, how: str
) -> None:
    done = subprocess.run([sys.executable, "-c", WAITING.format(name=name), "list", how],
                          cwd=tmp_path, capture_output=True, text=True,
                          env=environment(XDG_STATE_HOME=str(tmp_path)),
                          stdin=subprocess.DEVNULL, timeout=60, check=False)  # fmt: skip
    if how == "heard":
        assert done.returncode == 128 + getattr(signal, name)
        assert done.stderr == "doge-replay: interrupted\n"  # `list` finds and stores nothing
    else:
        assert done.returncode == 3
        assert "it went on" in done.stderr
