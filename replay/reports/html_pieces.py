"""The pieces that a page is built of: elements, whose texts are escaped: there is no other way.

Only what `element` makes is Markup; everything else that is put into one, whatever it says, is
cleaned, cut and escaped.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from replay.reports.texts import plain

MAX_VALUE = 1500
"""How much of any text is shown."""


class Markup(str):
    """A text that is markup already."""

    __slots__ = ()


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """An element. `class_` and the like stand for names that Python keeps for itself; attributes
    that are None or False are left out, those that are True have no value."""
    said = "".join(_attribute(name, value) for name, value in attributes.items())
    return Markup(f"<{tag}{said}>{join(children)}</{tag}>")


def void(tag: str, **attributes: object) -> Markup:
    """An element that has no end."""
    return Markup(
        f"<{tag}{''.join(_attribute(name, value) for name, value in attributes.items())}>"
    )


def join(children: Iterable[object]) -> Markup:
    """Markup as it is, everything else as text."""
    return Markup(
        "".join(
            child if isinstance(child, Markup) else html.escape(plain(child, MAX_VALUE))
            for child in children
        )
    )


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    said = value if isinstance(value, Markup) else html.escape(plain(value, 300))
    return f' {name}="{said}"'


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], *, texts: int = 1, label: str = ""
) -> Markup:
    """A table whose first `texts` columns are texts and whose others are numbers."""

    def cells(tag: str, row: Sequence[object]) -> Markup:
        return element(
            "tr",
            *(
                element(
                    "th" if tag == "th" or place == 0 else "td",
                    value,
                    scope="col" if tag == "th" else "row" if place == 0 else None,
                    class_="number" if place >= texts else None,
                )
                for place, value in enumerate(row)
            ),
        )

    body = join(cells("td", row) for row in rows)
    return element(
        "table",
        element("thead", cells("th", head)),
        element("tbody", body),
        aria_label=label or None,
    )


def code(value: object, limit: int = 200) -> Markup:
    """A text as code, cut."""
    return element("code", plain(value, limit))
