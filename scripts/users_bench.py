"""How fast pairs of users' cores go: a loose Python authority with an executable of part 1.

The limit is the executable itself: one process of it that reads ready-made requests from a file and
writes into nothing. Its requests are those of a bot, a transition and check_invariants for each
step, with the whole state and its history; and, beside that, the very ones that doge-replay writes
for the same steps, which carry less history. Against the first the ratios are wanted, with one
process of the executable and with two, as `run` has them; against the second, what is left to the
limit is told. All is measured in turn, several times, and the ratios are taken within a round.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from lockstep_rate import rate_of

from replay.streams.model import Segment
from replay.targets.base import CoreIdentity, Failure, Target, Work
from replay.targets.executable.file_traits import Traits
from replay.targets.executable.limits import Limits
from replay.targets.executable.request_texts import Asker
from replay.targets.executable.single import SingleTarget
from replay.targets.executable.supervisor import Supervisor
from replay.targets.open import open_target

ROOT = Path(__file__).resolve().parents[1]
AUTHORITY = ROOT / "tests" / "support" / "authorities" / "reads_loosely.py"
WANTED = {1: 1.0, 2: 1.6}
"""Times the limit, by processes of the executable."""

FullRequests = Callable[[list[Segment], int], Iterable[tuple[object, object]]]


def measure_users(segments: list[Segment], full: FullRequests, exe: str, rounds: int) -> None:
    """Measures and prints all of it. `full` makes a bot's requests of every n-th step."""
    with tempfile.TemporaryDirectory() as directory:
        theirs, ours = Path(directory, "theirs"), Path(directory, "ours")
        pairs = full(segments, 20)
        steps_of_theirs = write(theirs, (b"".join(map(line, pair)) for pair in pairs))
        steps_of_ours = write(ours, our_requests(segments))
        measures: dict[str, Callable[[], float]] = {
            "a bot's requests from a file": lambda: fed(exe, theirs, steps_of_theirs),
            "our requests from a file": lambda: fed(exe, ours, steps_of_ours),
            "authority and one process": lambda: compared(segments, exe, 1),
            "authority and two processes": lambda: compared(segments, exe, 2),
            "authority alone": lambda: answered(segments),
        }
        rates: dict[str, list[float]] = {name: [] for name in measures}
        for number in range(rounds):
            print(f"bench: round {number + 1} of {rounds}", file=sys.stderr)
            for name, measure in measures.items():
                rates[name].append(measure())
    for name, values in rates.items():
        print(f"{name:29} {statistics.median(values):>10,.0f} transitions/s")
    limit, same, one, two, _ = rates.values()
    for processes, values in ((1, one), (2, two)):
        wanted = WANTED[processes]
        print(
            f"{processes} of the executable: {ratio(values, limit):.2f} times the limit "
            f"(at least {wanted} wanted); {ratio(values, same) / processes:.0%} of what "
            f"{processes} could do with the same requests"
        )


def ratio(values: list[float], base: list[float]) -> float:
    """Within a round, so that what slows the whole machine down slows both."""
    return statistics.median(one / other for one, other in zip(values, base, strict=True))


def line(request: object) -> bytes:
    """A request as a bot writes it."""
    return json.dumps(request).encode() + b"\n"


def write(file: Path, steps: Iterable[bytes]) -> int:
    """Writes the requests of all steps; gives how many steps there are."""
    count = 0
    with file.open("wb") as out:
        for requests in steps:
            out.write(requests)
            count += 1
    return count


def our_requests(segments: list[Segment]) -> Iterator[bytes]:
    """What doge-replay sends for each step."""
    askers: dict[int, Asker] = {}
    with closing(open_authority()) as authority:
        for segment in segments:
            if segment.start is not None:
                askers[segment.key] = Asker(segment.start)
            asker = askers[segment.key]
            authority.submit(Work(segment.key, segment.start, segment.steps, segment.last))
            for step, outcome in zip(segment.steps, authority.collect().results, strict=True):
                if isinstance(outcome, Failure):
                    sys.exit(f"bench: the authority fails: {outcome}")
                final = segment.last and step is segment.steps[-1]
                ask = asker.ask(step, outcome, final=final)
                asker.go_on(ask, outcome)
                yield (ask.request or b"") + (ask.invariants or b"")


def open_authority() -> Target:
    """In a process of its own, as `run` has it."""
    return open_target(str(AUTHORITY), role="authority")


def fed(exe: str, requests: Path, steps: int) -> float:
    """Transitions for each second of one process that reads all requests from a file."""
    with requests.open("rb") as file:
        began = time.perf_counter()
        subprocess.run([exe, "--server"], stdin=file, stdout=subprocess.DEVNULL, check=True)
        return steps / (time.perf_counter() - began)


def compared(segments: list[Segment], exe: str, processes: int) -> float:
    """Transitions for each second of both cores and the comparison."""
    supervisor = Supervisor(os.path.abspath(exe), Limits())
    identity = CoreIdentity("executable", exe, "", "", "")
    traits = Traits(exe, "", sandboxed=False)
    with (
        closing(open_authority()) as authority,
        closing(SingleTarget(identity, supervisor, traits=traits, lanes=processes)) as shadow,
    ):
        return rate_of(authority, shadow, segments)


def answered(segments: list[Segment]) -> float:
    """Transitions for each second of the authority, with nothing compared."""
    with closing(open_authority()) as authority:
        began = time.perf_counter()
        for segment in segments:
            authority.submit(Work(segment.key, segment.start, segment.steps, segment.last))
            authority.collect()
        return sum(len(one.steps) for one in segments) / (time.perf_counter() - began)
