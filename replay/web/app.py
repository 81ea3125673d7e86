"""The pages as one ASGI application.

    app = create_app(source, Path("divergences.db"), Path("logs"))
    with serve_in_thread(app, 8080): ...

Pages are made anew for each request, in threads, and nothing that a page needs can make it fail: a
bot that does not answer, a database that is being written, half a telemetry file are told on the
page.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from replay.errors import ReplayError
from replay.gate.course_charts import Chart, charts
from replay.gate.telemetry.course import Course, course_of
from replay.runs.commands import Commands
from replay.safe_text import clean, json_safe
from replay.schemas.published import openapi
from replay.web.bot_source import StatusSource
from replay.web.cause_page import (
    cause_document,
    cause_list_page,
    cause_page,
    causes_document,
)
from replay.web.dashboard import DEFAULT_SPAN, SPANS, Seen, dashboard, last_block
from replay.web.database_view import Findings, NotThere
from replay.web.finding_list import Query, list_page
from replay.web.finding_page import finding_page
from replay.web.last import LastDivergence
from replay.web.problems import problem
from replay.web.security import Guard
from replay.web.shell import assets
from replay.web.telemetry_cache import Telemetry, TelemetryReader

KEPT = "public, max-age=31536000, immutable"
"""Of what is named after its content."""

_log = logging.getLogger(__name__)


def create_app(
    source: StatusSource | None,
    database: Path | None,
    logs: Path | None,
    *,
    hosts: Iterable[str] = (),
    commands: Commands = Commands(),  # noqa: B008
) -> Guard:
    """The status API and the dashboard.

    `source` is the bot, None where there is none; `database` and `logs` (a directory with telemetry
    and journals) need not exist. `hosts` are further names that the server may be called by
    (security.py), `commands` makes those to copy.
    """
    pages = _Pages(source, database, logs, commands)
    app = Starlette(
        routes=[
            Route("/", pages.dashboard),
            Route("/api/openapi.json", pages.openapi),
            Route("/api/status", pages.status),
            Route("/api/causes", pages.causes_data),
            Route("/api/causes/{id}", pages.cause_data),
            Route("/causes", pages.causes),
            Route("/causes/{id}", pages.cause),
            Route("/divergences", pages.divergences),
            Route("/divergences/{id}", pages.divergence),
            Route("/favicon.ico", pages.icon),
            *(Route(asset.path, pages.asset, name=name) for name, asset in assets().items()),
        ],
        exception_handlers={
            HTTPException: _http_problem,
            NotThere: _not_there,
            ReplayError: _unreadable,
            Exception: _broken,
        },
    )
    # Around everything, so that no answer is without its headers, not even that to a fault.
    return Guard(app, hosts)


class _Pages:
    """What the pages stand on, and one method for each."""

    def __init__(
        self,
        source: StatusSource | None,
        database: Path | None,
        logs: Path | None,
        commands: Commands,
    ) -> None:
        self._source = source
        self._findings = Findings(database)
        self._logs = logs
        self._telemetry = TelemetryReader(logs)
        self._last = LastDivergence(self._findings, logs)
        self._commands = commands
        self._course: tuple[Telemetry, Course] = (Telemetry(), Course())
        self._drawn: dict[str, tuple[Course, tuple[Chart, ...]]] = {}
        self._lock = threading.Lock()

    def status(self, request: Request) -> Response:
        """What the runbook's curl asks for."""
        document, trouble = self._status()
        if document is None:
            return _json({"error": trouble or "there is no bot here, only its files"}, 503)
        return _json(document)

    def dashboard(self, request: Request) -> Response:
        """The first page."""
        status, trouble = self._status()
        telemetry = self._telemetry.read()
        block = last_block(telemetry) if status is None else status.get("state_machine_shadow")
        span = request.query_params.get("span", DEFAULT_SPAN)
        span = span if span in SPANS else DEFAULT_SPAN
        course, drawn = self._course_of(telemetry, span)
        seen = Seen(
            status=status,
            trouble=trouble,
            telemetry=telemetry,
            course=course,
            charts=drawn,
            listing=self._findings.listing(),
            pointer=self._last.pointer(block) if isinstance(block, Mapping) else None,
            logs="" if self._logs is None else str(self._logs),
            now=time.time(),
            span=span,
        )
        return HTMLResponse(dashboard(seen))

    def divergences(self, request: Request) -> Response:
        """The list."""
        query = Query.read(request.query_params.multi_items())
        return HTMLResponse(list_page(self._findings, query))

    def divergence(self, request: Request) -> Response:
        """One of them."""
        with self._findings.finding(request.path_params["id"]) as (asked, finding):
            everything = request.query_params.get("all") == "1"
            commands = self._commands.of_finding(finding)
            listing = self._findings.listing()
            return HTMLResponse(
                finding_page(finding, asked, commands, listing, everything=everything)
            )

    def causes(self, request: Request) -> Response:
        """All causes."""
        everything = request.query_params.get("all") == "1"
        return HTMLResponse(cause_list_page(self._findings.listing(), everything=everything))

    def cause(self, request: Request) -> Response:
        """One of them, with the worst finding that shows it."""
        line = self._findings.cause(request.path_params["id"])
        listing = self._findings.listing()
        if not line.lines:
            return HTMLResponse(cause_page(line, None, self._commands, listing))
        with self._findings.finding(line.lines[0].id) as (_, worst):
            return HTMLResponse(cause_page(line, worst, self._commands, listing))

    def openapi(self, request: Request) -> Response:
        """What programs may ask for, and what they are answered."""
        return _json(openapi())

    def causes_data(self, request: Request) -> Response:
        """All causes for scripts."""
        listing = self._findings.listing()
        if listing.problem:
            return _json({"error": clean(listing.problem, 600)}, 503)
        return _json(causes_document(listing))

    def cause_data(self, request: Request) -> Response:
        """One of them."""
        return _json(cause_document(self._findings.cause(request.path_params["id"])))

    def asset(self, request: Request) -> Response:
        """What pages load."""
        asset = next(one for one in assets().values() if one.path == request.url.path)
        return Response(asset.content, media_type=asset.media_type, headers={"cache-control": KEPT})

    def icon(self, request: Request) -> Response:
        """Browsers ask for it by this name where a page does not say its own."""
        asset = assets()["icon.svg"]
        return Response(asset.content, media_type=asset.media_type)

    def _status(self) -> tuple[Mapping[str, Any] | None, str]:
        """The bot's document, or why there is none: "" where there is no bot."""
        if self._source is None:
            return None, ""
        try:
            document = self._source.status()
        except Exception as error:  # whatever a bot raises, the pages go on
            return None, f"the bot's status failed: {type(error).__name__}: {clean(error, 200)}"
        return document, "" if document is not None else "the bot has nothing to tell yet"

    def _course_of(self, telemetry: Telemetry, span: str) -> tuple[Course, tuple[Chart, ...]]:
        """The course and its charts, made once for each new sample: pages are asked for every few
        seconds, in the process of a bot that has better to do."""
        with self._lock:
            if self._course[0] is not telemetry:
                self._course = telemetry, course_of(telemetry.samples)
                self._drawn.clear()
            if span not in self._drawn:
                course = self._course[1].last(SPANS[span])
                self._drawn[span] = course, charts(course)
            return self._drawn[span]


def _json(document: Mapping[str, Any], status: int = 200) -> Response:
    """Strict JSON, whatever a bot has put into it (formats.md: non-finite numbers are texts)."""
    text = json.dumps(json_safe(document), allow_nan=False)
    return Response(f"{text}\n", status, media_type="application/json")


# --- What goes wrong ----------------------------------------------------------------------------


def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    why = "There is no such page." if error.status_code == 404 else error.detail
    return problem(request.scope, error.status_code, why)


def _not_there(request: Request, error: Exception) -> Response:
    return problem(request.scope, 404, clean(error, 600))


def _unreadable(request: Request, error: Exception) -> Response:
    """The database, as a rule: it may be readable again at the next look."""
    assert isinstance(error, ReplayError)
    return problem(request.scope, 503, clean(error.message, 600))


def _broken(request: Request, error: Exception) -> Response:
    _log.error("%s: %s: %s", request.url.path, type(error).__name__, clean(error))
    return problem(request.scope, 500, f"A fault of doge-replay's own: {type(error).__name__}.")
