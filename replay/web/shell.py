"""What every page is made with: the templates, and what pages load: one style, one script, one
picture.

What a page loads is named after its content, so a browser may keep it for good and still never
shows a new page with an old style. Pages themselves are never kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from replay import __version__
from replay.differential.difference_texts import value_text
from replay.reports.html_templates import Templates, style
from replay.reports.texts import plain
from replay.web.words import is_time, moment, words

PAGES = (("/", "Shadow"), ("/causes", "Causes"), ("/divergences", "Divergences"))

MAX_BLOCK = 20_000
MAX_LINE = 2_000
"""Characters of a text of several lines, and of one of them."""


def _evidence(value: Mapping[str, object]) -> str:
    return value_text(dict(value))


def _lines(text: str) -> list[str]:
    """A text of several lines: none of them can be anything but text."""
    return [plain(line, MAX_LINE) for line in text[:MAX_BLOCK].split("\n")]


_TEMPLATES = Templates(
    "replay.web", words=words, moment=moment, is_time=is_time, value=_evidence, lines=_lines
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages load, under a name that has its hash."""

    path: str
    media_type: str
    content: bytes


@cache
def assets() -> Mapping[str, Asset]:
    """All of them, by the names that the pages know them by."""
    made = {
        "style.css": ("text/css", style().encode() + _file("style.css")),
        "refresh.js": ("text/javascript", _file("refresh.js")),
        "icon.svg": ("image/svg+xml", _file("icon.svg")),
    }
    return {
        name: Asset(f"/static/{hashlib.sha256(content).hexdigest()[:16]}.{name}", kind, content)
        for name, (kind, content) in made.items()
    }


def _file(name: str) -> bytes:
    return files(__package__).joinpath("static", name).read_bytes()


def page(template: str, title: str, *, here: str = "", refresh: int = 0, **values: object) -> str:
    """A whole page. `here` is which of PAGES it is; parts that are marked for it are renewed every
    `refresh` seconds, where scripts are allowed."""
    return _TEMPLATES.render(
        template,
        page_title=title,
        here=here,
        refresh=refresh,
        pages=PAGES,
        version=__version__,
        assets=assets(),
        **values,
    )
