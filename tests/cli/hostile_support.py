"""Texts that want to be more than text, what can carry them, and how to tell that they are not."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from cli_support import Ran, checked
from markdown_it import MarkdownIt

from replay.cli.main import run_cli

URL = "https://evil.example/x"
EVIL = (
    f"\x1b]8;;{URL}\x1b\\click\x1b]8;;\x1b\\\x1b[31m\x1b[2J\x1b]0;t\x07\x9b31m\x85\x9d0;t\x9c\x08"
    f"[red]x[/red][link={URL}]y[/link][/nonsense]"
    "<script>alert(1)</script><img src=x onerror=alert(1)><!--'''\"\"\"]]>&amp;&#60;b>"
    f"[a](javascript:alert(1)) ![b]({URL}) <{URL}> {URL} www.evil.example a@evil.example"
    "`` ``` ~~~ | a | $(touch ../escaped) {x} {{y}} %s %n \r\n\n# head\n- b\n---\n    code\n"
    "\u202e\u2066\u200b\u200d\u200f\u2028\u2029\ufeff\U000e0041\ue000\uffff é💥"
    " ../../escaped /etc/passwd C:\\CON NUL.txt \x00\x7f\\"
)
"""All in one. NUL included, so it is for files; `given` is for command lines."""

NAME = "\x1b[31m\x9b1m<b onclick=x>&amp;[red][link=a](b)`|*_\u202e\u200b\r\n# ?#%41é💥'\"$(id) CON"
"""A name that a file can have."""

LINE = "<b>x</b>[red](y)`|*_~$&amp;!{x}<script>alert(1)</script>é💥"
"""Where only one printable line is taken."""

LONG = EVIL + "l" * 100_000
HUGE = EVIL + "h" * 1_000_000


def given(text: str) -> str:
    """A text as an argument of a command can be: without NUL, and with a byte that is no UTF-8."""
    return text.replace("\0", "") + "\udcff"


def is_harmless(text: str) -> bool:
    """Whether a text is lines of what can be seen: no controls, escapes or marks of direction."""
    return not any(
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        for character in text.replace("\n", "")
    )


def looked_at(ran: Ran) -> Ran:
    """The outcome of a call, after a look at what it printed."""
    for text in (ran.out, ran.err):
        assert is_harmless(text), ascii(text)
        if not text.startswith(("{", "[")):
            assert max(map(len, text.split("\n"))) < 6000
    return ran


def here(where: Path, *arguments: object) -> Ran:
    """Runs the command line within this process, which is quick; output that is no UTF-8 raises."""
    out, err = io.BytesIO(), io.BytesIO()
    before = Path.cwd()
    os.chdir(where)
    try:
        with (
            contextlib.redirect_stdout(io.TextIOWrapper(out, "utf-8", write_through=True)),
            contextlib.redirect_stderr(io.TextIOWrapper(err, "utf-8", write_through=True)),
        ):
            code = run_cli([str(argument) for argument in arguments])
            sys.stdout.flush()
            ran = checked(code, out.getvalue(), err.getvalue())
    finally:
        os.chdir(before)
    return looked_at(ran)


def refused(ran: Ran) -> str:
    """The one line of a call that asked for what there is not."""
    assert ran.code == 2, ran
    return ran.line


# --- What others make of it ---------------------------------------------------------------------


OURS = re.compile(r"<details><summary>[A-Za-z0-9, ]+</summary>\n|</details>\n")
"""HTML in a report that is the report's own."""


def markup_in(markdown: str) -> list[str]:
    """What a Markdown text has besides text, code, headings, lists, emphasis and tables."""
    found = []
    for block in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        for token in (block, *(block.children or ())):
            if OURS.fullmatch(token.content):
                continue
            if token.type.startswith(("html", "link", "image", "s_")) or token.attrs.keys() - {
                "style",  # of a table's column
                "start",  # of a list
            }:
                found.append(f"{token.type} {token.content!a} {token.attrs}")
    return found


class Page(HTMLParser):
    """What is in a page: tags with the names of their attributes, addresses, scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.values: list[str] = []
        self.inside: list[str] = []
        self.scripts = ""
        self.comments: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.values += [value or "" for _, value in attrs]
        self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self.inside and self.inside.pop() != tag:
            pass

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        if self.inside and self.inside[-1] in ("script", "style"):
            self.scripts += data
        else:
            self.text += data


def addresses(page: Page) -> list[str]:
    """Values of attributes that lead out of the page, or run."""
    return [
        value
        for value in page.values
        if ":" in value and value.split(":")[0].strip().lower() in ("javascript", "http", "https")
    ]


# --- Cores --------------------------------------------------------------------------------------

BOT = f"""
from replay import core
from replay.core import *

CORE_VERSION = {EVIL + chr(0xD800)!a}
EVIL = {EVIL!a}


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError(EVIL)


def transition(state, event, config, order_size_usd, order_sizes=None):
    price = getattr(event, "price", None)
    if price == 0.31:
        raise RuntimeError(EVIL)
    if price == 0.32:
        raise type(EVIL.replace("\\0", ""), (Exception,), {{}})(EVIL)
    if price == 0.33:
        raise Unspeakable
    if price == 0.34:
        raise SystemExit(EVIL)
    return core.transition(state, event, config, order_size_usd, order_sizes)


def check_invariants(state):
    return [*core.check_invariants(state), EVIL]
"""

EXECUTABLE = f"""#!{sys.executable} -IS
import json, os, sys

EVIL = {EVIL!a}


def answer(request):
    os.write(2, EVIL.encode())
    if request["method"] == "capabilities":
        return {{"version": EVIL, "revision": EVIL, "methods": ["transition", EVIL]}}
    if request["method"] == "check_invariants":
        return {{"violations": [EVIL, EVIL + "l" * 100_000]}}
    price = request["event"].get("price")
    if price == 0.32:
        sys.exit(3)
    if price == 0.33:
        sys.stdout.write(EVIL)
    if price != 0.34:
        return {{"error": EVIL}}
    action = {{"local_id": 1, "txid": EVIL, "reason": EVIL, EVIL: EVIL}}
    state = {{**request["state"], "mode_source": EVIL, EVIL: EVIL}}
    return {{"state": state, "actions": [action]}}


for line in sys.stdin.buffer:
    print(json.dumps(answer(json.loads(line))), flush=True)
"""
"""A program that answers almost nothing, so that the checks of a run soon give up on it."""


def strict(text: str) -> Any:
    """Strict JSON."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)
