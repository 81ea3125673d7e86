"""The connections of the web server: none that asks nothing takes the place of one that asks.

uvicorn counts every open connection against its limit and waits for the first request of each for
as long as it likes. Here a connection has seconds for its request, and where there are too many the
one that has been idle for longest is closed. What is left of the limit is for those that are being
answered.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 5.0
"""How long a whole request may take from when its connection is open or was answered last, unless
it is kept alive (server.KEEP_ALIVE)."""

ANSWER_SECONDS = 60.0
"""How long an answer may take, until its last byte is read by whoever asked."""


class Connection(H11Protocol):
    """One connection, with deadlines; see uvicorn's class."""

    _deadline: asyncio.TimerHandle | None = None
    _idle_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Makes room for it, where there are too many."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._within(REQUEST_SECONDS)
        limit = self.limit_concurrency
        if limit is not None and len(self.connections) >= limit:
            idle: Any = [one for one in self.connections if one is not self and _is_idle(one)]
            if idle:
                min(idle, key=lambda one: one._idle_since).drop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets it."""
        self._within(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A piece of a request does not move its deadline; the whole one does."""
        was_idle = _is_idle(self)
        if was_idle and self._deadline is None:
            self._within(REQUEST_SECONDS)
        super().data_received(data)
        if was_idle and not _is_idle(self):
            self._within(ANSWER_SECONDS)

    def on_response_complete(self) -> None:
        """It is idle again, and kept alive for a while."""
        self._within(None)
        self._idle_since = self.loop.time()
        super().on_response_complete()
        if not _is_idle(self) or self.transport.get_write_buffer_size():
            self._within(ANSWER_SECONDS)

    def drop(self) -> None:
        """Closes it at once."""
        self._within(None)
        self.connections.discard(self)
        if self.transport is not None:
            self.transport.abort()

    def _late(self) -> None:
        self._deadline = None
        if self.cycle is None or not self.cycle.response_complete or self._holds_something():
            self.drop()

    def _holds_something(self) -> bool:
        """Whether a piece of a request or of an answer is still here."""
        return bool(self.transport.get_write_buffer_size() or self.conn.trailing_data[0])

    def _within(self, seconds: float | None) -> None:
        """Sets the deadline anew, or takes it away."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._late)


def _is_idle(connection: Any) -> bool:
    """Whether nothing is being answered on a connection."""
    return connection.cycle is None or bool(connection.cycle.response_complete)
