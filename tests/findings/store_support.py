"""Findings and child processes for the tests of the store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import replay
from replay.differential.model import (
    ABSENT,
    Difference,
    DifferenceKind,
    Finding,
    Signature,
    Verdict,
)
from replay.streams.model import Start, Step, Stream
from replay.targets.base import CoreIdentity, Failure, FailureKind

PYTHON = CoreIdentity("python", "python", "aa" * 32, "0.1.0", "rev1", ())
HASKELL = CoreIdentity("executable", "/x/doge-core-exe", "bb" * 32, "0.1.0", "rev1", ("replay",))
NEWER = CoreIdentity("executable", "/x/doge-core-exe", "cc" * 32, "0.2.0", "rev2", ("replay",))


def stream(steps: int = 3, price: float = 0.25, origin: str = "fuzz live #1") -> Stream:
    start = Start({"market_price": price, "orders": []}, {"entry_pct": 0.2}, 2.0, {"A": 2.0})
    ticks = tuple(Step((0, price, float(n)), None) for n in range(steps))
    return Stream(start, ticks, origin)


def finding(
    rule: object = "exit fill", *, case: Stream | None = None, line: int = 0, failed: bool = False
) -> Finding:
    """A divergence, or a failure of the shadow; `rule` makes it another one."""
    kind = "timeout" if failed else "last digit"
    return Finding(
        Signature("FillEvent", str(rule), "state.orders.price", kind, failed),
        Verdict.SHADOW_FAILED if failed else Verdict.DIVERGE,
        case if case is not None else stream(),
        (
            Difference("state.orders[0].price", DifferenceKind.LAST_DIGIT, 0.1, 0.1000001),
            Difference("actions[1]", DifferenceKind.MISSING, [1, 2, "TX"], ABSENT),
        ),
        [[0, 0.25], [[0, 1]], []],
        Failure(FailureKind.TIMEOUT, "no line in 5 s") if failed else [[0, 0.26], [], ["broken"]],
        line,
    )


def child(code: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """Starts a Python process that runs `code` with this module's names at hand."""
    preamble = (
        "from store_support import *; from replay.findings.store.store import *; import sys\n"
    )
    paths = [Path(replay.__file__).parent.parent, Path(__file__).parent]
    process: subprocess.Popen[str] = subprocess.Popen(
        [sys.executable, "-c", preamble + code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        **options,  # type: ignore[call-overload]
    )
    return process


def finish(process: subprocess.Popen[str]) -> str:
    """What a child wrote; it must have ended well."""
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return output


def as_nobody(work: Callable[[], str]) -> str:
    """Runs `work` in a child without root's rights, which no permission binds, and gives what it
    returned or the name of the exception it raised."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            text = work()
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return text


def everything(directory: Path) -> dict[str, bytes]:
    """All files of a directory with their content, to see that nothing was touched."""
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}
