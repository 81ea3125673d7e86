"""A reply has its bytes when somebody asks for them."""

from __future__ import annotations

from typing import Any

from replay.streams.model import Start, Step
from replay.targets.base import Reply, Work, decode_outcomes, encode_outcomes
from replay.targets.python.module import open_python_target, python_reply

START = Start({"market_price": 0.2, "now": 1.0}, {}, 5.0, None)


def test_the_bytes_of_a_python_core_are_those_of_its_outcomes() -> None:
    core = open_python_target("python")
    core.submit(Work(1, START, [Step((0, 0.2, 2.0)), Step((0, None, 3.0))], True))
    reply = core.collect()
    assert reply.blob == encode_outcomes(reply.results)  # type: ignore[arg-type]
    assert decode_outcomes(reply.blob or b"") == reply.results


def test_they_are_made_once_and_only_when_asked_for() -> None:
    made = []

    def make() -> bytes:
        made.append(1)
        return encode_outcomes([[[], [], []]])

    reply = Reply(make)
    assert made == []
    assert (reply.blob, reply.results, reply.blob) == (make(), [[[], [], []]], make())
    assert len(made) == 3  # two of them here


def test_what_has_no_encoding_has_no_bytes() -> None:
    odd: list[Any] = [[[0, object()], [], []]]
    reply = python_reply(odd, None)
    assert reply.blob is None
    assert reply.results == odd
