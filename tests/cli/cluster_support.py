"""Starts schedulers and workers of Dask, as a person would, and ends them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cli_support import Ran, checked, environment
from support.waiting import wait_for

from replay.findings.bundle import bundle_bytes
from replay.findings.export import parity_case
from replay.findings.pytest_file import pytest_file
from replay.findings.store.store import Store
from replay.reports.finding_text import reports

LIMIT = 200.0
"""Seconds that something may take that normally takes one: the machine may be busy."""


@dataclass
class Machines:
    """A scheduler and its workers, each a process in a session of its own, and with it whatever it
    starts."""

    where: Path
    env: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    host: str = "127.0.0.1"
    prefix: Sequence[str] = ()
    scheduler: Any = None
    workers: list[Any] = field(default_factory=list)
    address: str = ""

    def start_scheduler(self, *options: str) -> str:
        """Starts the scheduler; gives its address."""
        file = self.where / "scheduler.json"
        self.scheduler = self._start(
            [*self.prefix, *_dask("scheduler")],
            ["--host", self.host, "--port", "0", "--no-dashboard", "--scheduler-file", str(file)],
            options,
        )
        wait_until(lambda: file.exists() and file.read_text().endswith("}"), "a scheduler")
        self.address = json.loads(file.read_text())["address"]
        return self.address

    def start_worker(self, *options: str, prefix: Sequence[str] = (), host: str = "") -> Any:
        """Starts a worker of one thread; gives its process."""
        number = len(self.workers)
        folder = self.where / f"worker-{number}"
        folder.mkdir()
        worker = self._start(
            [*prefix, *_dask("worker")],
            [self.address, "--host", host or self.host, "--nthreads", "1", "--no-dashboard",
             "--name", f"w{number}", "--local-directory", str(folder)],
            options,
        )  # fmt: skip
        self.workers.append(worker)
        return worker

    def end(self) -> None:
        """Ends all of it."""
        for process in (*self.workers, self.scheduler):
            if process is not None:
                end_group(process)

    def _start(
        self, command: Sequence[str], arguments: Sequence[str], options: Sequence[str]
    ) -> Any:
        return subprocess.Popen(
            [*command, *arguments, *self.options, *options],
            cwd=self.where,
            env=environment(**self.env),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


class Watched:
    """A run whose standard error is read as it comes."""

    def __init__(self, process: Any) -> None:
        self.process = process
        self.err = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while data := os.read(self.process.stderr.fileno(), 4096):
            self.err += data

    def wait_for(self, text: str) -> None:
        """Waits until it says something."""
        wait_until(lambda: text.encode() in self.err or self.process.poll() is not None, text)
        assert text.encode() in self.err, self.err

    def ended(self) -> Ran:
        out = self.process.stdout.read()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return checked(self.process.returncode, out, self.err)


def _dask(what: str) -> list[str]:
    return [sys.executable, "-m", f"distributed.cli.dask_{what}"]


def end_group(process: Any) -> None:
    """Kills a process with all that is in its session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


wait_until = partial(wait_for, seconds=LIMIT)
"""Waits for something of a cluster."""


def exports(database: Path) -> dict[str, bytes]:
    """Every finding of a database in all forms of `export`, with all cases that were kept of it."""
    found: dict[str, bytes] = {}
    with Store.open(database, readonly=True) as store:
        for finding in store.findings():
            about = f"{finding.occurrences} {finding.places} {store.kept_streams(finding.id)}"
            found |= {
                f"{finding.id} bundle": bundle_bytes(finding, reports(finding)),
                f"{finding.id} pytest": pytest_file(finding, "test.py").encode(),
                f"{finding.id} parity": repr(parity_case(finding)).encode(),
                f"{finding.id} kept": about.encode(),
            }
    return found
