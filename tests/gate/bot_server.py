"""A tiny bot that tells its status over HTTP, and misbehaves on purpose where a test wants it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from telemetry_makers import Bot

Answer = Callable[[socket.socket], None]


def status(block: Any = None, **more: Any) -> dict[str, Any]:
    """A status as the runbook's jq reads it."""
    return {"mode": "paper", "pair": "XDG/USD", "top_phase": "S1a",
            "state_machine_shadow": block, **more}  # fmt: skip


def http(body: bytes, code: int = 200, *headers: str, length: int | None = None) -> bytes:
    """A whole answer."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {code} X", "Content-Type: application/json", f"Content-Length: {size}",
             *headers, "", ""]  # fmt: skip
    return "\r\n".join(lines).encode() + body


class Server:
    """Answers each connection with what `answers` has next, then with the counters of a bot that
    goes on counting. `asked` are the first lines of the requests."""

    def __init__(self, port: int = 0) -> None:
        self.bot = Bot(adapter=True)
        self.answers: list[Answer | bytes] = []
        self.asked: list[str] = []
        self.served = threading.Semaphore(0)
        self._listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
        self._over = threading.Event()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Goes away, as a bot that is killed."""
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            sock.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            threading.Thread(target=self._answer, args=(sock,), daemon=True).start()

    def _answer(self, sock: socket.socket) -> None:
        try:
            request = sock.recv(65536)
            self.asked.append(request.split(b"\r\n")[0].decode("latin-1"))
            answer = self.answers.pop(0) if self.answers else self._counters()
            if callable(answer):
                answer(sock)
            else:
                sock.sendall(answer)
            sock.close()
        except OSError:
            pass
        finally:
            self.served.release()

    def _counters(self) -> bytes:
        self.bot.tick()
        return http(json.dumps(status({**self.bot.block, "adapter": {"started": 1.0}})).encode())

    def hold(self, sock: socket.socket) -> None:
        """Says nothing until it goes away."""
        self._over.wait(120.0)

    def drip(self, sock: socket.socket) -> None:
        """Sends a byte now and then, for ever."""
        sock.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self._over.wait(0.05):
            sock.sendall(b"a")
