"""What a refusal's text says once everything of the occasion is taken out: its *template*.

A core of somebody else's refuses in its own words: with values, places, lines and columns, numbers
of requests, a call stack. One reason must give one text whatever the occasion, and two reasons two,
so all that looks like data becomes `#` and words stay. It is part of a signature, and thus of an
ID: what is here may only be changed for texts that nobody has met yet.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Final

from replay.core import EngineConfig
from replay.streams.model import CALL_NAMES, CHANGE_KEYS, EVENT_FIELDS, RECORD_FIELDS, STATE_FIELDS
from replay.targets.compact import ACTION_NAMES

MAX_LENGTH: Final = 120
_HOLE: Final = "#"

_STACK: Final = re.compile(
    r"\s*(?:\\n|\s)*(?:CallStack \(from|Traceback \(most recent|stack backtrace:|stack traceback:|"
    r"goroutine \d|\bat [\w.$<>]+\([\w.]+:\d+\))"
)
"""Where a trace of calls begins, as languages print it: what follows depends on the build."""

_QUOTED: Final = re.compile(
    r'"(?:[^"\\]|\\.)*(?:"|$)|`[^`]*(?:`|$)|(?<!\w)\'(?:[^\'\\]|\\.)*\'(?!\w)|'
    "‘[^’]*(?:’|$)|“[^”]*(?:”|$)|«[^»]*(?:»|$)"
)
_BRACKETED: Final = re.compile(r"[{\[<][^{}\[\]<>]*[}\]>]")
_OPEN_TO_THE_END: Final = re.compile(r"[{\[<].*$")
_PATH: Final = re.compile(r"\$?[\w#'-]*(?:[./\\:]+[\w#'-]+)*[./\\]+[\w#'-]*(?:[./\\:]+[\w#'-]+)*")
_WITH_DATA: Final = re.compile(r"[^\s,;:()=]*[\d_#@][^\s,;:()=]*|[^\x20-\x7e]+")
_VALUES: Final = frozenset(
    {*("nan", "inf", "infinity", "null", "none", "nil", "nothing", "true", "false", "undefined")}
)
_NAMES: Final = frozenset(
    name.lower()
    for names in (
        STATE_FIELDS,
        *RECORD_FIELDS.values(),
        *EVENT_FIELDS.values(),
        CALL_NAMES.values(),
        CHANGE_KEYS,
        ACTION_NAMES,
        (field.name for field in fields(EngineConfig)),
        ("pairstate", "orderstate", "recoveryorder", "cyclerecord", "engineconfig"),
    )
    for name in names
) - {"state", "config", "orders", "volume", "price", "reason", "now", "fee", "cycle", "side"}
"""Names that the contract gives: which field or event it was is of the occasion, unless the word is
an ordinary one that a sentence needs."""

_WORD: Final = re.compile(r"[+-]?[A-Za-z][A-Za-z'-]*")
_HOLES: Final = re.compile(rf"{_HOLE}(?:[\s,;:=]*{_HOLE})+")


def template(text: str) -> str:
    """A refusal's text without what depends on the occasion; never empty, printable, bounded."""
    text = _STACK.split(text, maxsplit=1)[0]
    former = ""
    while former != text:  # each round takes something away
        former, text = text, _erased(text)
    return text or "without a text"


def _erased(text: str) -> str:
    text = _QUOTED.sub(_HOLE, text)
    text = _OPEN_TO_THE_END.sub(_HOLE, _without_brackets(text))
    text = _PATH.sub(_path, text)
    text = _WITH_DATA.sub(_HOLE, text)
    text = _WORD.sub(_word, text)
    text = _HOLES.sub(_HOLE, " ".join(text.split())).strip(" ,;:=.-")
    return text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH].rsplit(" ", 1)[0]


def _without_brackets(text: str) -> str:
    former = ""
    while former != text:
        former, text = text, _BRACKETED.sub(_HOLE, text)
    return text


def _path(match: re.Match[str]) -> str:
    """A path or a number becomes a hole; a full stop at the end of a word, and a name with a dot in
    it that has nothing of the data (Data.Map), stay."""
    found = match[0]
    bare = found.rstrip(".")
    if re.fullmatch(r"[A-Za-z'-]+", bare) or re.fullmatch(r"[A-Z][A-Za-z]*(?:\.[A-Za-z]+)+", bare):
        return found
    return found if not re.search(r"\w", found) else _HOLE


def _word(match: re.Match[str]) -> str:
    word = match[0].lstrip("+-").lower()
    return _HOLE if word in _VALUES or word in _NAMES else match[0]
