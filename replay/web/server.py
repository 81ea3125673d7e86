"""The web server, in a thread of its own beside a bot or a command."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import threading
import time
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from replay.errors import EnvironmentFailure
from replay.web.connections import Connection

LOOPBACK = "127.0.0.1"
MAX_CONNECTIONS = 100
"""Beyond them idle ones are closed, and where none is idle a request is told 503 at once, so that
no flood takes the bot's descriptors."""

KEEP_ALIVE = 15
"""Seconds for which a connection stays open with nothing asked: the pages ask every few."""

_STARTING = 30.0
_BACKLOG = 64


class Served:
    """A server under way. A context manager that stops it."""

    def __init__(self, server: uvicorn.Server, sock: socket.socket, host: str) -> None:
        self.host = host
        self.port: int = sock.getsockname()[1]
        self._server = server
        self._socket = sock
        # A daemon: a bot that ends without stopping it must not hang on it.
        self._thread = threading.Thread(target=self._run, name="doge-replay web", daemon=True)

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        address = ipaddress.ip_address(self._socket.getsockname()[0])
        if address.is_unspecified:
            address = ipaddress.ip_address("::1" if address.version == 6 else LOOPBACK)
        return f"http://{f'[{address}]' if address.version == 6 else address}:{self.port}/"

    def stop(self, timeout: float = 5.0) -> None:
        """Ends it: answers what is being asked, and closes the port. May be called twice."""
        self._server.should_exit = True
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(timeout)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        self._server.run([self._socket])

    def _start(self) -> None:
        self._thread.start()
        until = time.monotonic() + _STARTING
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                self.stop()
                raise EnvironmentFailure(f"the web server on port {self.port} did not start")
            time.sleep(0.005)


def serve_in_thread(app: ASGIApp, port: int, host: str = LOOPBACK) -> Served:
    """Serves an application until it is stopped; gives the handle when it answers.

    Port 0 takes any free one. Raises EnvironmentFailure where the port is in use or not ours.
    """
    sock = _listen(host, port)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",  # what fails is told by the pages; a stranger's noise is not
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=2,
        )
    )
    served = Served(server, sock, host)
    served._start()
    return served


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError, OverflowError) as error:
        raise EnvironmentFailure(f"there is no address {host} to serve on ({error})") from error
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise EnvironmentFailure(_why_not(host, port, error), host=host, port=port) from error
    sock.set_inheritable(False)
    return sock


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use by another process; choose one with --port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} on {host} is not for everybody; choose one above 1023 with --port"
    return f"cannot serve on {host}, port {port}: {os.strerror(error.errno or 0)}"
