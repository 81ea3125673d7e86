"""With `--sandbox` an executable can neither write a file nor reach the network."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from misbehaving import run, ticks
from support.waiting import wait_for

from replay.cli.main import run_cli
from replay.errors import TargetError, UsageError
from replay.settings import load_settings
from replay.targets.executable.handshake import open_executable
from replay.targets.executable.limits import Limits

BESIDE = {"its directory": None, "tmp": Path("/tmp")}

SANDBOXED = Limits(timeout=20.0, sandboxed=True)

needs_bubblewrap = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="bubblewrap is not installed (apt-get install bubblewrap)"
)


def trying(folder: Path, core: str, attempt: str) -> Path:
    """An executable that tries something, and then is a core. All that it needs lies beside it or
    outside /tmp, also where this checkout is in there."""
    path = folder / "tries"
    core = shutil.copy(core, str(folder / "core"))
    path.write_text(
        f"#!{os.path.realpath(sys.executable)}\n"
        "import os, socket, sys\n"
        "try:\n"
        f"    {attempt}\n"
        "except OSError as error:\n"
        "    print('prevented', file=sys.stderr)\n"
        f"os.execv({core!r}, [{core!r}, *sys.argv[1:]])\n"
    )
    path.chmod(0o755)
    return path


def sleeping(mark: str) -> bool:
    """Whether a process that has the mark as its argument is alive."""
    wanted = f"sleep\0{mark}\0".encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_bytes() == wanted:
                return True
    return False


@needs_bubblewrap
def test_a_core_in_a_sandbox_answers_as_it_does_without(core_exe: str) -> None:
    target = open_executable(core_exe, limits=SANDBOXED)
    try:
        ran = run(target, ticks(40, None))
    finally:
        target.close()
    assert ran.failures() == {}
    assert ran.others_are_true()


@needs_bubblewrap
@pytest.mark.parametrize("where", BESIDE)
def test_it_writes_no_file(tmp_path: Path, core_exe: str, where: str) -> None:
    target_file = (BESIDE[where] or tmp_path) / f"written-by-{os.getpid()}-{tmp_path.name}"
    path = trying(tmp_path, core_exe, f"open({str(target_file)!r}, 'w').write('x')")
    open_executable(str(path), limits=SANDBOXED).close()
    assert not target_file.exists()
    open_executable(str(path)).close()
    assert target_file.exists(), "without a sandbox it does"
    target_file.unlink()


@needs_bubblewrap
def test_it_reaches_no_network(tmp_path: Path, core_exe: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = server.getsockname()
        path = trying(tmp_path, core_exe, f"socket.create_connection({address!r}, 5).close()")
        open_executable(str(path), limits=SANDBOXED).close()
        with pytest.raises(BlockingIOError):
            server.accept()
        open_executable(str(path)).close()
        server.setblocking(True)
        server.accept()[0].close()


@needs_bubblewrap
def test_what_it_started_dies_with_it(tmp_path: Path, core_exe: str) -> None:
    mark = f"98768.{os.getpid()}"
    started = (
        f"subprocess.Popen(['setsid', 'sleep', {mark!r}], stdout=2, stderr=subprocess.DEVNULL)"
    )
    path = trying(tmp_path, core_exe, f"import subprocess; {started}")
    target = open_executable(str(path), limits=SANDBOXED)
    try:
        # It was told to start, which takes as long as it takes.
        wait_for(lambda: sleeping(mark), "started", 60.0)
    finally:
        target.close()
    wait_for(lambda: not sleeping(mark), "dead", 60.0)


def test_modules_cannot_be_held_and_without_bubblewrap_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, core_exe: str
) -> None:
    with pytest.raises(UsageError, match=r"--sandbox holds executables, and their\.py is a Python"):
        load_settings(authority="their.py", sandbox=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TargetError, match="--sandbox needs bubblewrap"):
        open_executable(core_exe, limits=SANDBOXED)
    monkeypatch.chdir(tmp_path)
    assert run_cli(["doctor", "--sandbox", "--shadow", core_exe]) == 3
