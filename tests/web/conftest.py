"""A browser for the whole session, and sites to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from web_support import Bot, Browser, Site, real_database

from replay.web.app import create_app
from replay.web.server import Served, serve_in_thread


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser.open(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database that a run with a faulty shadow has left, and its journal. Not to be
    written to."""
    return real_database(tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="session")
def stopping() -> Iterator[ThreadPoolExecutor]:
    """Stops servers while the next test is under way: each takes a moment."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def serve(stopping: ThreadPoolExecutor) -> Iterator[Callable[..., Site]]:
    """Serves what it is given until the test is over."""
    under_way: list[Served] = []

    def start(
        bot: Bot | None = None,
        database: Path | None = None,
        logs: Path | None = None,
        **options: Any,
    ) -> Site:
        served = serve_in_thread(create_app(bot, database, logs, **options), 0)
        under_way.append(served)
        return Site(served.port)

    yield start
    for served in under_way:
        stopping.submit(served.stop)
