"""Who may ask for what: the guard in front of every page.

The pages are for whoever sits at this machine, and a browser there also runs what other sites send
it. So a request must name this server as its host (a foreign name that was made to lead to
127.0.0.1 does not), a script or picture of another site is refused, and what is answered can load,
embed and send nothing elsewhere. Nothing can be written here, so only GET and HEAD are known.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from replay.web.problems import problem

METHODS = ("GET", "HEAD")
LOOPBACK = ("127.0.0.1", "localhost", "::1")

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Stand in every answer."""

NO_STORE = "no-store"
"""What an answer says of keeping it, unless its page says something else."""

MAX_TARGET = 4_000
"""Bytes that path and query may have together."""


class Guard:
    """An ASGI application that lets through to another one only what may be asked.

    `hosts` are names or addresses, with or without a port, by which the server may be called
    besides those of the loopback interface and the address that a connection came to.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = tuple(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or hands it on."""
        if scope["type"] != "http":
            return  # there is nothing else here; a web socket is closed by the server

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("cache-control", NO_STORE)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        allowed = self._allowed(scope)
        named = [value.lower() for value in headers.getlist("host")]
        if len(named) != 1 or named[0] not in allowed:
            return _refused(
                403,
                "This server does not answer to that name. Ask for it as "
                "http://127.0.0.1 with its port, or start it with --allow-host.",
            )
        origins = [value.lower() for value in headers.getlist("origin")]
        if not {origin.partition("://")[2] for origin in origins} <= allowed:
            return _refused(403, "This server answers no page of another origin.")
        if _is_embedded(headers):
            return _refused(403, "This server answers no page of another site.")
        if scope["method"] not in METHODS:
            refusal = problem(scope, 405, "There is GET and HEAD, and nothing else.")
            refusal.headers["allow"] = ", ".join(METHODS)
            return refusal
        if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET:
            return problem(scope, 414, f"It may have {MAX_TARGET:,} bytes.")
        return None

    def _allowed(self, scope: Scope) -> frozenset[str]:
        """All that a Host may be. The address that the connection came to is one: no name of
        somebody else's can be it."""
        address, port = scope["server"]
        return frozenset(
            form for host in (*LOOPBACK, address, *self._hosts) for form in _forms(host, port)
        )


def _forms(host: str, port: int) -> tuple[str, ...]:
    """How a host is written in a request; a browser leaves out port 80."""
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    if ":" in host.rpartition("]")[2]:
        return (host,)
    return (f"{host}:{port}", host) if port == 80 else (f"{host}:{port}",)


def _is_embedded(headers: Headers) -> bool:
    """Whether a browser asks on behalf of another site's page, and not because a person followed a
    link there. Programs say nothing of the kind."""
    foreign = headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    return foreign and (
        headers.get("sec-fetch-mode") != "navigate" or headers.get("sec-fetch-dest") != "document"
    )


def _refused(status: int, why: str) -> PlainTextResponse:
    return PlainTextResponse(f"{why}\n", status)
