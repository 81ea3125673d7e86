"""Connections that ask nothing, or take all day for it, while somebody else asks."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest
from starlette.responses import PlainTextResponse

from replay.web import connections
from replay.web.server import MAX_CONNECTIONS, Served, serve_in_thread

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture
def served() -> Iterator[Served]:
    with serve_in_thread(PlainTextResponse("here"), 0) as server:
        yield server


def connected(stack: contextlib.ExitStack, port: int) -> socket.socket:
    sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20.0))
    sock.settimeout(20.0)
    return sock


def test_idle_connections_never_take_the_place_of_one_that_asks(served: Served) -> None:
    with contextlib.ExitStack() as stack:
        idle = [connected(stack, served.port) for _ in range(MAX_CONNECTIONS + 20)]
        for _ in range(3):
            asking = connected(stack, served.port)
            asking.sendall(REQUEST)
            assert asking.recv(100).startswith(b"HTTP/1.1 200")
        # The first ones had to go; the last ones may still ask.
        with contextlib.suppress(ConnectionError):
            assert idle[0].recv(1) == b""
        idle[-1].sendall(REQUEST)
        assert idle[-1].recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHo"])
def test_a_connection_that_does_not_ask_is_closed_after_seconds(
    monkeypatch: pytest.MonkeyPatch, served: Served, begun: bytes
) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    with contextlib.ExitStack() as stack:
        slow = connected(stack, served.port)
        slow.sendall(begun)
        with contextlib.suppress(ConnectionError):
            assert slow.recv(1) == b""


def test_an_answer_that_nobody_reads_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.3)
    size = 30_000_000
    large = PlainTextResponse(b"x" * size)
    with serve_in_thread(large, 0) as server, contextlib.ExitStack() as stack:
        lazy = connected(stack, server.port)
        lazy.sendall(REQUEST)
        time.sleep(2.0)
        got = 0
        with contextlib.suppress(ConnectionError):
            while piece := lazy.recv(1 << 20):
                got += len(piece)
    assert got < size


def test_a_connection_that_was_answered_may_ask_again(
    monkeypatch: pytest.MonkeyPatch, served: Served
) -> None:
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 2.0)
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 2.0)
    with contextlib.ExitStack() as stack:
        kept = connected(stack, served.port)
        for _ in range(2):
            kept.sendall(REQUEST)
            answer = b""
            while not answer.endswith(b"here"):  # head and text may come apart
                piece = kept.recv(1000)
                assert piece
                answer += piece
            assert answer.startswith(b"HTTP/1.1 200")
            time.sleep(2.5)
