"""How fast is it? Ratios against the Python core alone, measured in one run on one journal.

The Python core alone is the limit: its transition and its invariants on the journal's events, with
what the bot set in between, in one process. All else is measured against that, in turn and
several times, and the median of each is printed: absolute figures differ from machine to machine,
and from minute to minute; the ratios hardly do.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flood import measure_floods
from lockstep_rate import rate_of
from users_bench import measure_users

from replay import core
from replay.core.reducer import Sizes
from replay.findings.store.store import RunKind, Store
from replay.fuzzing.campaign_units import Mix, Row
from replay.garbage import collect_rarely
from replay.runs.campaign import Budget, local, run_campaign
from replay.runs.collector import Collector
from replay.runs.report import Report
from replay.runs.work import Job
from replay.settings import load_settings
from replay.streams.inputs import open_input
from replay.streams.model import Call, CallCode, Rejected, Segment, Start, event_document
from replay.targets.base import Failure, Target, Work
from replay.targets.compact import Plain, state_document
from replay.targets.executable.handshake import open_executable
from replay.targets.pair import PairSpec
from replay.targets.python.module import open_python_target

PROXY = '''#!{python}
"""Lets through part 1 of the wire only: refuses what an older executable does not know."""
import subprocess, sys
child = subprocess.Popen([{exe!r}, *sys.argv[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
import threading
def back():
    while data := child.stdout.read1(1 << 16):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
threading.Thread(target=back, daemon=True).start()
for line in sys.stdin.buffer:
    if b'"capabilities"' in line or b'"replay"' in line:
        sys.stdout.buffer.write(b'{{"error": "unknown method"}}\\n')
        sys.stdout.buffer.flush()
        continue
    child.stdin.write(line)
    child.stdin.flush()
child.stdin.close()
child.wait()
'''


def load(journal: str) -> list[Segment]:
    items = list(open_input(journal))
    rejected = [item for item in items if isinstance(item, Rejected)]
    if rejected:
        sys.exit(f"bench: {len(rejected)} lines cannot be used, such as {rejected[0]}")
    return [item for item in items if isinstance(item, Segment)]


def core_alone(segments: list[Segment]) -> float:
    """Transitions for each second of our Python core, with nothing around it."""
    states: dict[int, tuple[core.PairState, core.EngineConfig, float, Sizes]] = {}
    began = time.perf_counter()
    count = 0
    for segment in segments:
        if segment.start is not None:
            start = segment.start
            states[segment.key] = (
                core.from_dict(start.state),
                core.config_from_dict(start.config),
                core.order_size_from(start.order_size_usd),
                core.order_sizes_from(start.order_sizes),
            )
        state, config, size, sizes = states[segment.key]
        for step in segment.steps:
            changes = step.changes
            if changes is not None:
                if "state" in changes:
                    state = core.from_dict(changes["state"])
                if "patch" in changes:
                    state = core.patch_state(state, changes["patch"])
                if "config" in changes:
                    config = core.config_from_dict(changes["config"])
                if "order_size_usd" in changes:
                    size = core.order_size_from(changes["order_size_usd"])
                if "order_sizes" in changes:
                    sizes = core.order_sizes_from(changes["order_sizes"])
            state, _ = core.transition(state, event_of(step.call), config, size, sizes)
            core.check_invariants(state)
        states[segment.key] = (state, config, size, sizes)
        count += len(segment.steps)
    return count / (time.perf_counter() - began)


def event_of(call: Call) -> core.Event:
    if isinstance(call, tuple):
        if call[0] == CallCode.PRICE_TICK:
            return core.PriceTick(call[1], call[2])
        if call[0] == CallCode.TIMER_TICK:
            return core.TimerTick(call[1])
    return core.event_from_dict(event_document(call))


def both(segments: list[Segment], shadow: Target) -> float:
    """Transitions for each second of both cores and the comparison, in one worker."""
    return rate_of(open_python_target("python"), shadow, segments)


def one_by_one(segments: list[Segment], exe: str, every: int) -> float:
    """Transitions for each second when each full request is sent and its answer waited for, on
    every n-th step with all of its history."""
    requests = list(full_requests(segments, every))
    child = subprocess.Popen([exe, "--server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    began = time.perf_counter()
    for pair in requests:
        for request in pair:
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
            json.loads(child.stdout.readline())
    seconds = time.perf_counter() - began
    child.stdin.close()
    child.wait()
    return len(requests) / seconds


def full_requests(segments: list[Segment], every: int) -> Iterator[tuple[Any, Any]]:
    from replay.targets.compact import apply_changes, apply_delta, read_state

    plains: dict[int, tuple[Plain | None, Start]] = {}
    authority = open_python_target("python")
    number = 0
    for segment in segments:
        if segment.start is not None:
            plains[segment.key] = (read_state(segment.start.state), segment.start)
        plain, start = plains[segment.key]
        authority.submit(Work(segment.key, segment.start, segment.steps, segment.last))
        for step, outcome in zip(segment.steps, authority.collect().results, strict=True):
            plain, _ = apply_changes(plain, step.changes)
            if plain is None or isinstance(outcome, Failure):
                sys.exit(f"bench: no full request can be made of {step}, which was not answered")
            before = list(plain)
            plain = list(plain)
            apply_delta(plain, outcome[0])
            number += 1
            if number % every == 0:
                yield (
                    {
                        "method": "transition",
                        "state": state_document(before),
                        "event": event_document(step.call),
                        "config": start.config,
                        "order_size_usd": start.order_size_usd,
                        "order_sizes": start.order_sizes,
                    },
                    {"method": "check_invariants", "state": state_document(plain)},
                )
        plains[segment.key] = (plain, start)


def fuzzing(cores: PairSpec, seconds: float) -> float:
    """Transitions for each second of fuzzing, profile live, two jobs, generation included."""
    with tempfile.TemporaryDirectory() as directory, Store.open(Path(directory, "b.db")) as store:
        authority, shadow = cores.open()
        run = store.begin_run(RunKind.FUZZ, authority.identity, shadow.identity, {})
        authority.close()
        shadow.close()
        collector = Collector(store, run, str)
        began = time.monotonic()
        counted: list[tuple[float, int]] = []
        # From the first counts on: starting two processes is not what is measured here.
        run_campaign(
            Job(cores, (authority.identity, shadow.identity), Row(Mix.LIVE, 1)),
            Budget(Mix.LIVE, 1, local(2), began + seconds, None),
            collector,
            Report("fuzz", authority.identity, shadow.identity),
            lambda tally: counted.append((time.monotonic(), tally.transitions)),
        )
        counted = [one for one in counted if one[1] > 0]
        (first, done), (last, total) = counted[0], counted[-1]
        return (total - done) / (last - first)


def peak_memory(journal: str, lines: int) -> tuple[int, float]:
    """Lines replayed from a journal that long, and the peak memory of that in megabytes: the
    given one over and over, each time as another process's."""
    opener = gzip.open if journal.endswith(".gz") else open
    with opener(journal, "rt", encoding="utf-8") as file:
        content = file.read()
    once = content.count("\n")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "long.jsonl")
        written = 0
        with path.open("w", encoding="utf-8") as file:
            while written < lines:
                file.write(content)
                written += once
        program = Path(sys.executable).with_name("doge-replay")
        done = subprocess.run(
            [program, "run", str(path), "--db", str(Path(directory, "m.db")), "--json"],
            stdout=subprocess.PIPE,
            check=True,
        )
        report = json.loads(done.stdout)
        if report["transitions"] != written or report["rejected_count"]:
            sys.exit(f"bench: {report['transitions']} of {written} lines replayed")
    return written, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("journal", nargs="?", help="not needed with --flood")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of fuzzing in each round")
    parser.add_argument("--memory", action="store_true", help="also a journal of a million lines")
    parser.add_argument("--flood", action="store_true", help="what floods of a bug cost, only")
    parser.add_argument("--users", action="store_true", help="a pair of cores of users, only")
    arguments = parser.parse_args()
    collect_rarely()  # as the program itself does
    exe = load_settings().needed_shadow
    if arguments.flood:
        measure_floods(exe, arguments.rounds)
        return
    if arguments.journal is None:
        parser.error("a journal to measure with is needed")
    segments = load(arguments.journal)
    if arguments.users:
        measure_users(segments, full_requests, exe, arguments.rounds)
        return
    cores = PairSpec("python", exe)
    with tempfile.TemporaryDirectory() as directory:
        proxy = Path(directory, "part-1-only")
        proxy.write_text(PROXY.format(python=sys.executable, exe=os.path.abspath(exe)))
        proxy.chmod(0o755)

        def part_two() -> float:
            return with_target(lambda: open_executable(exe), lambda t: both(segments, t))

        def part_one() -> float:
            return with_target(lambda: open_executable(str(proxy)), lambda t: both(segments, t))

        measures: dict[str, Callable[[], float]] = {
            "Python core alone": lambda: core_alone(segments),
            "both cores, comparison": part_two,
            "fuzzing live, two jobs": lambda: fuzzing(cores, arguments.seconds),
            "part 1 through a proxy": part_one,
            "part 1, one by one": lambda: one_by_one(segments, str(proxy), 40),
        }
        rates: dict[str, list[float]] = {name: [] for name in measures}
        for number in range(arguments.rounds):
            print(f"bench: round {number + 1} of {arguments.rounds}", file=sys.stderr)
            for name, measure in measures.items():
                rates[name].append(measure())
        report(rates)
    if arguments.memory:
        written, peak = peak_memory(arguments.journal, 1_000_000)
        print(f"peak memory for a journal of {written:,} lines: {peak:.0f} MB (below 300 wanted)")


def with_target(opener: Callable[[], Target], measure: Callable[[Target], float]) -> float:
    target = opener()
    try:
        return measure(target)
    finally:
        target.close()


def report(rates: dict[str, list[float]]) -> None:
    alone, naive = rates["Python core alone"], rates["part 1, one by one"]
    for name, values in rates.items():
        print(f"{name:24} {statistics.median(values):>10,.0f} transitions/s")
    wanted = (
        ("both cores, comparison", alone, 0.6),
        ("fuzzing live, two jobs", alone, 0.8),
        ("part 1 through a proxy", naive, 8.0),
    )
    for name, base, least in wanted:
        # Within a round, so that what slows the whole machine down slows both.
        ratios = [one / other for one, other in zip(rates[name], base, strict=True)]
        against = "the Python core alone" if base is alone else "one by one"
        ratio = statistics.median(ratios)
        print(f"{name:24} {ratio:>10.2f} times {against} (at least {least} wanted)")


if __name__ == "__main__":
    main()
