"""What a child says on standard error counts from its last answer that came, received or not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from replay.targets.base import FailureKind
from replay.targets.executable.child import Child, Pump
from replay.targets.executable.frames import ChildFault, LineFraming

LIMIT, CHATTER, REQUESTS = 1 << 20, 300_000, 20

TALKS = f"""
import os, sys
for line in sys.stdin.buffer:
    if line == b"flood\\n":
        os.write(2, b"x" * {2 * LIMIT})
    else:
        os.write(2, b"x" * {CHATTER})
        os.write(1, line)
"""


@dataclass(frozen=True)
class Talking:
    """A child, what serves it, and what it has answered."""

    pump: Pump
    framing: LineFraming
    child: Child


@pytest.fixture
def talking() -> Iterator[Talking]:
    framing = LineFraming(LIMIT)
    with closing(Pump()) as pump:
        child = Child(
            [sys.executable, "-c", TALKS],
            pump,
            framing,
            timeout=600.0,
            stderr_limit=LIMIT,
            hold_limit=LIMIT,
        )
        yield Talking(pump, framing, child)
        child.kill()


def test_answers_that_nobody_has_taken_yet_end_the_count(talking: Talking) -> None:
    lines = [b"%d" % number for number in range(REQUESTS)]
    talking.child.send(b"".join(line + b"\n" for line in lines), REQUESTS)
    while len(talking.framing.ready) < REQUESTS:
        talking.pump.wait(600.0)
    assert [talking.child.receive().line for _ in lines] == lines
    talking.child.send(b"once more\n")
    assert talking.child.receive().line == b"once more"


def test_more_than_the_limit_after_the_last_answer_is_a_flood(talking: Talking) -> None:
    talking.child.send(b"first\nflood\n", 2)
    assert talking.child.receive().line == b"first"
    with pytest.raises(ChildFault) as caught:
        talking.child.receive()
    assert caught.value.kind is FailureKind.STDERR_FLOOD
