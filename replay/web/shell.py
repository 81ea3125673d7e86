"""The frame of every page, and what all of them load: one style, one script, one picture.

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
from replay.reports.html_pieces import Markup, element, void
from replay.reports.html_style import STYLE
from replay.reports.texts import plain

PAGES = (("/", "Shadow"), ("/divergences", "Divergences"))


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
        "style.css": ("text/css", STYLE.encode() + _file("style.css")),
        "refresh.js": ("text/javascript", _file("refresh.js")),
        "icon.svg": ("image/svg+xml", _file("icon.svg")),
    }
    return {
        name: Asset(f"/static/{hashlib.sha256(content).hexdigest()[:16]}.{name}", kind, content)
        for name, (kind, content) in made.items()
    }


def _file(name: str) -> bytes:
    return files(__package__).joinpath("static", name).read_bytes()


def page(title: str, *content: Markup, here: str = "", refresh: int = 0) -> str:
    """A whole page. `here` is which of PAGES it is; parts that are marked for it are renewed every
    `refresh` seconds, where scripts are allowed."""
    links = [
        element("a", name, href=path, aria_current="page" if path == here else None)
        for path, name in PAGES
    ]
    head = element(
        "head",
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", name="color-scheme", content="light dark"),
        element("title", plain(f"{title} - doge-replay", 200)),
        void("link", rel="icon", href=assets()["icon.svg"].path, type="image/svg+xml"),
        void("link", rel="stylesheet", href=assets()["style.css"].path),
        element("script", src=assets()["refresh.js"].path, defer=True),
    )
    body = element(
        "body",
        element("a", "to the content", href="#content", class_="skip"),
        element(
            "header",
            element("a", "doge-replay", href="/", class_="brand"),
            element("nav", *links, aria_label="pages"),
            class_="top",
        ),
        element("main", *content, id="content"),
        element(
            "footer",
            f"doge-replay {__version__}. Nothing can be changed from here. ",
            element("span", class_="live", id="live", role="status"),
        ),
        data_refresh=refresh or None,
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def tag(said: object, tone: str = "") -> Markup:
    """A word on colour; the word says it too."""
    return element("span", plain(said, 120), class_=f"tag {tone}".rstrip())


def section(title: str, *content: Markup, id: str, live: bool = False) -> Markup:
    """A part of a page with its heading; with `live` it is renewed by itself."""
    return element(
        "section", element("h2", title), *content, id=id, class_="live-part" if live else None
    )


def nothing(id: str) -> Markup:
    """A part that is not there now, and may be at the next look."""
    return element("section", id=id, class_="live-part", hidden=True)


def remark(*said: object) -> Markup:
    """A sentence beside the point."""
    return element("p", *said, class_="remark")
