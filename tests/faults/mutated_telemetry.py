"""Telemetry that shows one divergence, damaged in every way: what is left of it never passes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from telemetry_makers import Bot, compact

HOURS = 50
DIVERGES_AFTER = 10 * 60

Mutation = Callable[[random.Random, bytes], bytes]


def telemetry() -> bytes:
    """Fifty hours; after ten a divergence is counted, and nobody can say of what."""
    bot = Bot().run(DIVERGES_AFTER).diverge().run(HOURS * 60 - DIVERGES_AFTER)
    return compact(bot.documents).encode()


def flips(chosen: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(chosen.choice((1, 3, 200))):
        changed[chosen.randrange(len(changed))] ^= 1 << chosen.randrange(8)
    return bytes(changed)


def cut_off(chosen: random.Random, content: bytes) -> bytes:
    return content[: chosen.randrange(len(content))]


def cut_out(chosen: random.Random, content: bytes) -> bytes:
    begin = chosen.randrange(len(content))
    return content[:begin] + content[begin + chosen.choice((1, 50, 5_000, 500_000)) :]


def twice(chosen: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    begin = chosen.randrange(len(lines))
    piece = lines[begin : begin + chosen.choice((1, 100))]
    at = chosen.randrange(len(lines))
    return b"".join([*lines[:at], *piece, *lines[at:]])


def shuffled(chosen: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    for _ in range(chosen.choice((1, 20))):
        one, other = chosen.randrange(len(lines)), chosen.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def without_lines(chosen: random.Random, content: bytes) -> bytes:
    share = chosen.choice((0.001, 0.1, 0.9))
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if chosen.random() > share)


def put_in(chosen: random.Random, content: bytes) -> bytes:
    at = chosen.randrange(len(content))
    what = chosen.choice(
        (b"\0" * 100, b"[" * 5_000, b'{"a":' * 2_000, b"\xff\xfe", b'"', b"\n}{\n")
    )
    return content[:at] + what + content[at:]


def without_counts(chosen: random.Random, content: bytes) -> bytes:
    """Counts of divergences that are not there, as one would falsify them, in some samples."""
    lines = content.splitlines(keepends=True)
    for place in chosen.sample(range(len(lines)), len(lines) // 2):
        lines[place] = lines[place].replace(b'_divergences":1', b'_divergences":0')
    return b"".join(lines)


MUTATIONS: tuple[Mutation, ...] = (
    *(flips, cut_off, cut_out, twice, shuffled, without_lines, put_in, without_counts),
)


def try_telemetry(
    folder: Path, run: Callable[..., tuple[int, str]], count: int, seed: int
) -> tuple[Counter[str], list[str]]:
    """Counts of the verdicts, and a line for each that was not held. `run` calls the program."""
    chosen = random.Random(seed)
    whole, path = telemetry(), folder / "state_machine_shadow_20261122T090000Z.jsonl"
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    names: dict[Any, str] = {0: "PASS", 1: "FAIL", 2: "refused", 4: "INCONCLUSIVE"}
    for number in range(count):
        mutation = MUTATIONS[number % len(MUTATIONS)]
        path.write_bytes(mutation(chosen, whole))
        code, text = run("gate", str(path))
        counts["files"] += 1
        counts[names.get(code, "wrong exit codes")] += 1
        if code not in (1, 2, 4) or "Traceback" in text or "internal fault" in text:
            wrong.append(f"telemetry {number}, {mutation.__name__}: exit {code}: {text[:300]}")
    return counts, wrong
