"""How pages are made: Jinja2 templates with autoescape, which a designer edits without Python.

A folder's templates stand in its `templates/`; base.html, pieces.html and style.css in that of this
folder serve all of them. Whatever a template puts into a page is made plain, cut and escaped,
unless a template made it: no text of the data can be markup.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from replay.counting import counted
from replay.reports.texts import plain

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.environment import TemplateModule

MAX_VALUE = 1500
"""How much of any text is shown where a template does not say `cut`."""


class Templates:
    """The templates of one package. `filters` are more of what they can do with a value."""

    def __init__(self, package: str, **filters: Callable[..., object]) -> None:
        self._package = package
        self._filters = filters

    def render(self, name: str, **values: object) -> str:
        """A page."""
        return self._environment.get_template(name).render(**values)

    def macros(self, name: str) -> TemplateModule:
        """The macros of a template, to make pieces of a page one by one."""
        return self._environment.get_template(name).module

    @cached_property
    def _environment(self) -> Environment:
        # Comes with an extra: the bare installation makes no pages (pyproject.toml).
        from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup

        packages = dict.fromkeys((self._package, "replay.reports"))
        environment = Environment(
            loader=ChoiceLoader([PackageLoader(package) for package in packages]),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.filters.update(cut=_cut, figure=_figure, counted=counted, **self._filters)
        environment.globals.update(style=Markup(style()), style_source=_style_source())
        return environment


@cache
def style() -> str:
    """How all pages look: light and dark, on a desk, on a phone and on paper."""
    return files(__package__).joinpath("templates", "style.css").read_text("utf-8")


class _Cut(str):
    """A text that is plain and as long as it may be."""

    __slots__ = ()


def _shown(value: Any) -> Any:
    """What a template puts into a page: markup as it is, all else as a plain text."""
    is_ready = isinstance(value, _Cut) or hasattr(value, "__html__")
    return value if is_ready else plain(value, MAX_VALUE)


def _cut(value: object, limit: int) -> str:
    return _Cut(plain(value, limit))


def _figure(value: int) -> str:
    return f"{value:,}"


def _style_source() -> str:
    """What a Content-Security-Policy names the style by, so that no other one can apply."""
    digest = hashlib.sha256(style().encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
