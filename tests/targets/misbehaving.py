"""Makes misbehaving executables and runs streams through them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fake_core import BAD_PRICE

from replay.streams.model import Start, Step
from replay.targets.base import Failure, Outcome, StepResult, Target, Work, is_refusal
from replay.targets.executable.handshake import open_executable
from replay.targets.executable.limits import Limits
from replay.targets.executable.watched import our_watcher
from replay.targets.python.module import open_python_target

HERE = Path(__file__).parent
BAD_STEP = 10
TIMEOUT, PATIENCE = 5.0, 90.0
"""Seconds for an answer: where none ever comes, and where one does, however busy the machine."""

NEVER_ANSWER = frozenset({"hang", "ignore_term", "late", "nothing", "half_hang", "length_more"})
"""The modes in which a limit has to run out."""

ORDER = {
    "role": "entry", "price": 0.2, "volume": 25.0, "cycle": 1, "txid": "T", "placed_at": 0.0,
    "entry_price": 0.0, "entry_fee": 0.0, "entry_filled_at": 0.0, "regime_at_entry": None,
}  # fmt: skip
STATE: dict[str, Any] = {
    "market_price": 0.2,
    "now": 1000.0,
    "orders": [
        {"local_id": 1, "side": "sell", "trade_id": "A", **ORDER},
        {"local_id": 2, "side": "buy", "trade_id": "B", **ORDER},
    ],
    "next_order_id": 3,
}
START = Start(STATE, {"entry_pct": 0.2, "refresh_pct": 0.5}, 5.0, None)


def ticks(count: int, bad: int | None = BAD_STEP) -> list[Step]:
    """Price ticks, the one at `bad` at BAD_PRICE."""
    return [
        Step((0, BAD_PRICE if index == bad else 0.2 + 0.0001 * index, 1001.0 + index))
        for index in range(count)
    ]


def make_fake(folder: Path, mode: str, when: str = "price", *, part2: bool) -> str:
    """An executable that misbehaves; its processes leave their ids in `folder`."""
    path = folder / f"core-{mode}-{when}"
    path.write_text(
        f"#!{sys.executable}\n"
        f"import sys\n"
        f"sys.path[:0] = {[str(HERE), str(HERE.parent.parent)]!r}\n"
        f"from fake_core import main\n"
        f"main({mode!r}, {when!r}, {str(folder)!r}, {part2!r})\n"
    )
    path.chmod(0o755)
    return str(path)


@dataclass
class Ran:
    """What came of a stream: results and incidents by index of the step in the stream."""

    guide: list[Outcome]
    results: list[StepResult] = field(default_factory=list)
    incidents: list[tuple[int, Failure]] = field(default_factory=list)

    def failures(self) -> dict[int, Failure]:
        return {i: r for i, r in enumerate(self.results) if isinstance(r, Failure)}

    def others_are_true(self, *but: int) -> bool:
        """Whether every other step has the authority's answer."""
        return len(self.results) == len(self.guide) and all(
            index in but or plain(result) == plain(outcome)
            for index, (result, outcome) in enumerate(zip(self.results, self.guide, strict=True))
        )


def plain(value: Any) -> Any:
    """An outcome with lists for tuples; of a refusal only that it is one."""
    if isinstance(value, list | tuple):
        if len(value) == 2 and isinstance(value[0], str):
            return "refusal"
        return [plain(part) for part in value]
    return value


def authority(start: Start, steps: Sequence[Step]) -> list[Outcome]:
    core = open_python_target("python")
    core.submit(Work(0, start, steps, True))
    results = core.collect().results
    outcomes = [result for result in results if not isinstance(result, Failure)]
    assert len(outcomes) == len(results)
    return outcomes


def run(
    target: Target,
    steps: Sequence[Step],
    start: Start = START,
    *,
    size: int = 8,
    guided: bool = True,
) -> Ran:
    """Runs one stream as works of `size` steps, as many ahead as the target likes."""
    ran = Ran(authority(start, steps))
    begins = list(range(0, len(steps), size))
    sent = 0
    for done, begin in enumerate(begins):
        while sent < len(begins) and sent <= done + target.depth - 1:
            at = begins[sent]
            guide = ran.guide[at : at + size] if guided else None
            last = sent == len(begins) - 1
            opening = start if sent == 0 else None
            target.submit(Work(5, opening, steps[at : at + size], last, guide))
            sent += 1
        reply = target.collect()
        ran.results += reply.results
        ran.incidents += [(begin + index, failure) for index, failure in reply.incidents]
    return ran


def limits_for(mode: str, *, storm_total: int = Limits().storm_total) -> Limits:
    """Limits that only what is planted can reach."""
    timeout = TIMEOUT if mode in NEVER_ANSWER else PATIENCE
    return Limits(
        timeout=timeout, stderr_bytes=2 << 20, answer_bytes=4 << 20, storm_total=storm_total
    )


def run_fake(
    folder: Path,
    mode: str,
    when: str = "price",
    *,
    part2: bool,
    guided: bool = True,
    steps: Sequence[Step] | None = None,
    limits: Limits | None = None,
    size: int = 8,
) -> Ran:
    """Runs ticks through a misbehaving executable and sees that nothing is left of it."""
    our_watcher()  # There is one as long as we are there.
    before = len(os.listdir("/proc/self/fd"))
    limits = limits or limits_for(mode)
    target = open_executable(make_fake(folder, mode, when, part2=part2), limits=limits)
    try:
        return run(target, steps or ticks(20), guided=guided, size=size)
    finally:
        target.close()
        target.close()
        assert_nothing_left(folder)
        assert len(os.listdir("/proc/self/fd")) == before


def assert_nothing_left(folder: Path) -> None:
    """No process that the executable started is alive."""
    until = time.monotonic() + PATIENCE
    while alive := [p.name for p in folder.glob("pid-*") if _lives(int(p.name[4:]))]:
        assert time.monotonic() < until, f"still alive: {alive}"
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return False
    # A zombie of ours was not reaped; one of a grandchild is for whoever adopted it.
    return state != "Z" or parent == os.getpid()


def refused(ran: Ran) -> list[int]:
    return [i for i, r in enumerate(ran.results) if not isinstance(r, Failure) and is_refusal(r)]
