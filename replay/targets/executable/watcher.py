"""The process that ends what an executable started, when neither it nor we can do so any more.

An executable dies with us (its parent-death signal), but what it forked lives on when we are
killed with SIGKILL, and so does a daemon in a session of its own. This process outlives us by a
moment. On its standard input it is told of each child that begins (`+MARK SESSION`) and ends
(`-MARK`); the end of its input means that we are gone. What it kills are processes of the child's
session, and those that have the child's mark in their environment, however often they forked since.

Run as a file, without any import but these, so that it is there at once and stays small.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

GATHERED = 0.5
"""Seconds in which ends are gathered before the look for what they left: it reads all of /proc."""

_PASSES = 100
_PAUSE = 0.01
_READ = 1 << 16


def main(variable: str) -> None:
    """Watches until the input ends. `variable` is the one that has a child's mark."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    running: dict[bytes, int] = {}
    ended: set[bytes] = set()
    poll = select.poll()
    poll.register(0, select.POLLIN)
    rest = b""
    while True:
        if not poll.poll(1000 * GATHERED if ended else None):
            end(variable, ended, set())
            ended.clear()
            continue
        chunk = os.read(0, _READ)
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            mark, _, session = line[1:].partition(b" ")
            if line.startswith(b"+"):
                running[mark] = int(session)
            else:
                running.pop(mark, None)
                ended.add(mark)
    end(variable, ended | set(running), set(running.values()))


def end(variable: str, marks: set[bytes], sessions: set[int]) -> None:
    """Kills all processes that have one of the marks or belong to one of the sessions; again, until
    there are none, since one may fork meanwhile."""
    if not marks:
        return
    name = os.fsencode(variable) + b"="
    for _ in range(_PASSES):
        found = [pid for pid in _others() if _is_meant(pid, name, marks, sessions)]
        if not found:
            return
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        time.sleep(_PAUSE)


def _others() -> list[int]:
    own = os.getpid()
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != own]


def _is_meant(pid: int, name: bytes, marks: set[bytes], sessions: set[int]) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            state, _, _, session = stat.read().rpartition(b")")[2].split()[:4]
        if state in (b"Z", b"X"):
            return False
        if int(session) in sessions:
            return True
        with open(f"/proc/{pid}/environ", "rb") as environ:
            entries = environ.read().split(b"\0")
    except (OSError, ValueError):
        return False
    return any(entry[len(name) :] in marks for entry in entries if entry.startswith(name))


if __name__ == "__main__":
    main(sys.argv[1])
