"""explanations.toml as values: what a person says about how the shadow differs, and signed.

docs/explanations.md is the reference of the file. Here it is read and everything about it that can
be told without a core is checked: a bad file is refused with its name, the line (as near as it can
be told) and the reason, before anything is run. Whether what it says is true is decided by running
it (recheck.py).
"""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from replay.differential.conditions.condition import Condition, ConditionError
from replay.differential.model import DifferenceKind
from replay.differential.signature.signature import erased
from replay.errors import InputError, UsageError
from replay.explaining.claims.deviations import Deviation
from replay.streams.model import CALL_NAMES, RECORD_FIELDS, STATE_FIELDS
from replay.targets.base import FailureKind
from replay.targets.compact import ACTION_FIELDS

VERSION = 1
"""Of the form of the file."""

MAX_BYTES = 1_000_000
MAX_NAME, MAX_SIGNED, MAX_REASON, MAX_ENTRIES = 100, 200, 4_000, 1_000

_ID = re.compile(r"[df]-[0-9a-f]{8}")
_PHASES = ("S0", "S1a", "S1b", "S2")
_EVENTS = (*CALL_NAMES.values(), "any event", "unknown event")
_DIFFERENCE_KINDS = tuple(map(str, DifferenceKind))
_SIGNATURE_KINDS = (*_DIFFERENCE_KINDS, "value", "decision", *map(str, FailureKind))


@dataclass(frozen=True, slots=True)
class Explanation:
    """One `[[explanation]]`: what the shadow does, where, and who says so.

    The condition is all of `buckets` to `where`; what is empty (or None) asks for nothing. Each of
    `event`, `rule`, `field` and `kind` names what the signature may say, `phase` the phases before
    the step; `fields` and `kinds` are all that the differences may be in and be. `at_most` bounds
    the occurrences in one run. Without a `deviation` it is a note, the weaker kind. `line` is where
    it begins in the file, 0 where that cannot be told.
    """

    name: str
    reason: str
    signed: str
    date: datetime.date
    expires: datetime.date | None = None
    buckets: tuple[str, ...] = ()
    event: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    field: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    phase: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    where: Condition | None = None
    at_most: int | None = None
    deviation: Deviation | None = None
    line: int = 0

    @property
    def is_note(self) -> bool:
        """Nothing but a person's word: nothing in it can be run."""
        return self.deviation is None

    @property
    def has_condition(self) -> bool:
        """Whether it says where it applies in other words than by naming buckets."""
        return self.where is not None or any(
            (self.event, self.rule, self.field, self.kind, self.phase, self.fields, self.kinds)
        )

    def has_expired(self, today: datetime.date) -> bool:
        """Its last day is `expires` itself."""
        return self.expires is not None and today > self.expires


@dataclass(frozen=True, slots=True)
class Explanations:
    """All of a file, in its order. `file` is "" where there is none."""

    file: str = ""
    entries: tuple[Explanation, ...] = ()


NO_EXPLANATIONS = Explanations()


def read_explanations(path: Path) -> Explanations:
    """Reads a file. Raises UsageError where it is not there, InputError where it is not good."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path}: has more than {MAX_BYTES:,} bytes", file=str(path))
        text = content.decode("utf-8")
    except FileNotFoundError:
        raise UsageError(f"there is no file of explanations {path}", file=str(path)) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 ({error.reason})", file=str(path)) from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", file=str(path)) from error
    return parse_explanations(text, str(path))


def parse_explanations(text: str, file: str = "explanations.toml") -> Explanations:
    """Takes the text of a file apart. Raises InputError with file, line and reason."""
    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise InputError(f"{file}: is nested too deep", file=file) from error
    except ValueError as error:  # of tomllib, or of a number with thousands of digits
        told = re.search(r"at line (\d+)", str(error))
        at_end = str(error).endswith("(at end of document)")
        line = int(told[1]) if told else len(text.rstrip().split("\n")) if at_end else 0
        place = f"{file}:{line}" if line else file
        raise InputError(f"{place}: {error}", file=file, line=line) from error
    top = _Table(file, "", 0, document, {})
    top.only({"version", "explanation"})
    version = document.get("version", VERSION)
    if type(version) is not int or version != VERSION:
        raise top.error("version", f"version must be {VERSION}, not {_shown(version)}")
    listed = document.get("explanation", [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise top.error("explanation", "explanations are written as [[explanation]]")
    if len(listed) > MAX_ENTRIES:
        raise top.error("explanation", f"there are {len(listed):,}; at most {MAX_ENTRIES:,}")
    entries: list[Explanation] = []
    named: dict[str, int] = {}
    for table in _tables(file, text, listed):
        entry = _explanation(table)
        if entry.name in named:
            raise table.error("name", f"the name is that of number {named[entry.name]} already")
        named[entry.name] = len(named) + 1
        entries.append(entry)
    return Explanations(file, tuple(entries))


_KEYS = frozenset(
    {
        *("name", "reason", "signed", "date", "expires", "at_most", "deviation"),
        *("buckets", "event", "rule", "field", "kind", "phase", "fields", "kinds", "where"),
    }
)
_DEVIATION_KEYS = ("name", "in", "replace", "with", "every")


def _explanation(table: _Table) -> Explanation:
    table.only(_KEYS)
    date, expires = table.date("date"), table.date("expires")
    if date is None:
        raise table.error("", "date is missing: the day it was signed, like 2026-11-22")
    if expires is not None and expires < date:
        raise table.error("expires", f"expires on {expires}, before its date, {date}")
    entry = Explanation(
        name=table.text("name", MAX_NAME),
        reason=table.text("reason", MAX_REASON, lines=True),
        signed=table.text("signed", MAX_SIGNED),
        date=date,
        expires=expires,
        buckets=table.texts("buckets"),
        event=table.texts("event", _EVENTS),
        rule=table.texts("rule"),
        field=tuple(map(erased, table.texts("field"))),
        kind=table.texts("kind", _SIGNATURE_KINDS),
        phase=table.texts("phase", _PHASES),
        fields=tuple(map(erased, table.texts("fields"))),
        kinds=table.texts("kinds", _DIFFERENCE_KINDS),
        where=table.condition("where"),
        at_most=table.count("at_most"),
        deviation=table.deviation("deviation"),
        line=table.line,
    )
    _check(entry, table)
    return entry


def _check(entry: Explanation, table: _Table) -> None:
    """What only several keys together tell."""
    for bucket in entry.buckets:
        if not _ID.fullmatch(bucket):
            raise table.error("buckets", f"{_shown(bucket)} is no ID: they are like d-3f9a2c1b")
    for field in entry.fields:
        if not any(_covers(field, path) for path in _PATHS):
            hint = _near(field, _PATHS)
            raise table.error("fields", f"there is no field {_shown(field)}{hint}")
    if entry.deviation is None:
        if not entry.buckets:
            raise table.error("", "a note (it has no deviation) must name its buckets")
        return
    if not (entry.has_condition or entry.buckets):
        raise table.error(
            "", "says nowhere where it applies: give buckets, event, rule, field, fields, kind, "
            "kinds, phase or where"
        )  # fmt: skip
    failures = [bucket for bucket in entry.buckets if bucket.startswith("f-")]
    if failures:
        raise table.error(
            "buckets", f"{failures[0]} is a failure of a core, which no deviation explains; a note "
            "can stand for it"
        )  # fmt: skip


def covers(patterns: Collection[str], path: str) -> bool:
    """Whether a path, indices and trade erased, is one of those named; `state.orders[].*` stands
    for all fields of orders."""
    return any(_covers(pattern, path) for pattern in patterns)


def _covers(pattern: str, path: str) -> bool:
    return path == pattern or (pattern.endswith(".*") and path.startswith(pattern[:-1]))


_PATHS: tuple[str, ...] = tuple(
    sorted(
        {
            *("refusal", "actions[]", "actions", "violations[]", "violations"),
            *(erased(f"state.{name}") for name in STATE_FIELDS),
            *(f"state.{STATE_FIELDS[index]}[]" for index in RECORD_FIELDS),
            *(
                f"state.{STATE_FIELDS[index]}[].{name}"
                for index, names in RECORD_FIELDS.items()
                for name in names
            ),
            *(f"actions[].{name}" for names in ACTION_FIELDS for name in names),
        }
    )
)


# --- Reading tables ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of the file, with what it takes to say where in it something is wrong.

    `title` is how messages call it, `lines` where its keys stand; both are as near as can be told.
    """

    file: str
    title: str
    line: int
    values: Mapping[str, Any]
    lines: Mapping[str, int]

    def error(self, key: str, reason: str) -> InputError:
        """What is wrong with a key ("" for the table itself), to be raised."""
        line = self.lines.get(key, self.line)
        place = f"{self.file}:{line}" if line else self.file
        title = f"{self.title}: " if self.title else ""
        return InputError(f"{place}: {title}{reason}", file=self.file, line=line)

    def only(self, known: Collection[str]) -> None:
        """Refuses keys that are not known: a misspelt condition must not widen the others."""
        for key in self.values:
            if key not in known:
                raise self.error(key, f"there is no key {_shown(key)}{_near(key, known)}")

    def text(self, key: str, limit: int, *, lines: bool = False) -> str:
        """A text that must be there, on one line unless `lines`."""
        value = self.values.get(key)
        if value is None:
            raise self.error("", f"{key} is missing")
        if not isinstance(value, str):
            raise self.error(key, f"{key} must be a text, not {_shown(value)}")
        value = value.strip()
        if not value:
            raise self.error(key, f"{key} is empty")
        if len(value) > limit:
            raise self.error(key, f"{key} has {len(value):,} characters, more than {limit:,}")
        if not lines and not value.isprintable():
            raise self.error(key, f"{key} must be one line without control characters")
        return value

    def texts(self, key: str, known: Collection[str] = ()) -> tuple[str, ...]:
        """A text or a list of them, each one of `known` where that says which there are."""
        value = self.values.get(key)
        if value is None:
            return ()
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise self.error(key, f"{key} must be a text or a list of texts")
        if not listed or not all(listed):
            raise self.error(key, f"{key} is empty")
        for one in listed:
            if known and one not in known:
                raise self.error(key, f"there is no {key} {_shown(one)}{_near(one, known)}")
        return tuple(dict.fromkeys(listed))

    def date(self, key: str) -> datetime.date | None:
        """A date of TOML's own, without a time."""
        value = self.values.get(key)
        if value is not None and type(value) is not datetime.date:
            raise self.error(
                key, f"{key} must be a date like 2026-11-22, without quotes, not {_shown(value)}"
            )
        return value

    def count(self, key: str) -> int | None:
        """A whole number above 0."""
        value = self.values.get(key)
        if value is not None and (type(value) is not int or value < 1):
            raise self.error(key, f"{key} must be a whole number above 0, not {_shown(value)}")
        return value

    def condition(self, key: str) -> Condition | None:
        """A predicate (condition.py)."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, f"{key} must be a text with a condition in it")
        try:
            return Condition.parse(value)
        except ConditionError as error:
            raise self.error(key, f"{key}: {error.message}") from error

    def deviation(self, key: str) -> Deviation | None:
        """A change of the Python core (deviations.py)."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not isinstance(value, dict):
            raise self.error(key, f"{key} is written as a table: [explanation.{key}]")
        for name in value:
            if name not in _DEVIATION_KEYS:
                hint = _near(name, _DEVIATION_KEYS)
                raise self.error(f"{key}.{name}", f"{key} has no key {_shown(name)}{hint}")
        try:
            return Deviation.read(value)
        except UsageError as error:
            raise self.error(key, f"{key}: {error.message}") from error


def _tables(file: str, text: str, listed: list[dict[str, Any]]) -> list[_Table]:
    """The tables with their titles and lines. Where as many headers stand in the text as tables
    were read, their lines are taken for right; a header within a text would make one more."""
    found: list[tuple[int, dict[str, int]]] = []
    section = ""
    for number, written in enumerate(text.split("\n"), 1):
        stripped = written.strip()
        if re.match(r"\[\[\s*explanation\s*\]\]", stripped):
            found.append((number, {}))
            section = ""
        elif re.match(r"\[\s*explanation\s*\.\s*\w+\s*\]", stripped) and found:
            section = stripped.strip("[] \t").rpartition(".")[2].strip()
            found[-1][1].setdefault(section, number)
        elif found and (key := re.match(r"([A-Za-z0-9_-]+)\s*[=.]", stripped)):
            found[-1][1].setdefault(f"{section}.{key[1]}" if section else key[1], number)
    known = found if len(found) == len(listed) else [(0, {})] * len(listed)
    tables = []
    for number, (values, (line, lines)) in enumerate(zip(listed, known, strict=True), 1):
        name = values.get("name")
        title = f"[[explanation]] number {number}"
        title += f" {_shown(name)}" if isinstance(name, str) else ""
        tables.append(_Table(file, title, line, values, lines))
    return tables


def _shown(value: object) -> str:
    """A value in a message: quoted, on one line, not endless."""
    text = f'"{value}"' if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _near(name: str, known: Collection[str]) -> str:
    """What may have been meant, or all that there is."""
    near = get_close_matches(name, sorted(known), n=2, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f" (there are {', '.join(sorted(known))})" if len(known) <= 20 else ""
