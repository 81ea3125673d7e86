"""Answers that are no pages: why, and where to go on; as page, JSON or text, as is asked."""

from __future__ import annotations

import json

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import Scope

from replay.web.shell import page

TITLES = {
    404: "Not found",
    405: "Nothing can be changed here",
    414: "That address is too long",
    500: "Something went wrong",
    503: "Not now",
}


def problem(scope: Scope, status: int, why: str) -> Response:
    """The answer to a request that has no better one."""
    title = TITLES.get(status, "This cannot be answered")
    if scope["path"].startswith("/api/"):
        text = json.dumps({"error": why})
        return Response(f"{text}\n", status, media_type="application/json")
    if "text/html" not in Headers(scope=scope).get("accept", ""):
        return PlainTextResponse(f"{title}: {why}\n", status)
    return HTMLResponse(page("problem.html", title, status=status, why=why), status)
