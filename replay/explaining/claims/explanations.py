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
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from replay.differential.conditions.condition import Condition
from replay.differential.model import DifferenceKind
from replay.differential.signature.signature import erased
from replay.errors import InputError, UsageError
from replay.explaining.claims.deviations import Deviation
from replay.explaining.claims.file_tables import Table, shown, tables_of
from replay.explaining.claims.stated import TABLES, Stated, near
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
    the occurrences in one run. `statements` (stated.py) say themselves where they apply, so they
    stand without a condition. With neither these nor a `deviation` it is a note, the weaker kind.
    `line` is where it begins in the file, 0 where that cannot be told.
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
    statements: tuple[Stated, ...] = ()
    line: int = 0

    @property
    def is_note(self) -> bool:
        """Nothing but a person's word: nothing in it can be run."""
        return self.deviation is None and not self.statements

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
    top = Table(file, "", 0, document, {})
    top.only({"version", "explanation"})
    version = document.get("version", VERSION)
    if type(version) is not int or version != VERSION:
        raise top.error("version", f"version must be {VERSION}, not {shown(version)}")
    listed = document.get("explanation", [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise top.error("explanation", "explanations are written as [[explanation]]")
    if len(listed) > MAX_ENTRIES:
        raise top.error("explanation", f"there are {len(listed):,}; at most {MAX_ENTRIES:,}")
    entries: list[Explanation] = []
    named: dict[str, int] = {}
    for table in tables_of(file, text, listed):
        entry = _explanation(table)
        if entry.name in named:
            raise table.error("name", f"the name is that of number {named[entry.name]} already")
        named[entry.name] = len(named) + 1
        entries.append(entry)
    return Explanations(file, tuple(entries))


_CONDITION = (
    *("buckets", "event", "rule", "field", "kind", "phase", "fields", "kinds", "where", "at_most"),
    "deviation",
)
"""What a statement that says itself where it applies cannot stand beside."""

_KEYS = frozenset({"name", "reason", "signed", "date", "expires", *_CONDITION, *TABLES})


def _explanation(table: Table) -> Explanation:
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
        statements=table.statements(),
        line=table.line,
    )
    _check(entry, table)
    return entry


def _check(entry: Explanation, table: Table) -> None:
    """What only several keys together tell."""
    for bucket in entry.buckets:
        if not _ID.fullmatch(bucket):
            raise table.error("buckets", f"{shown(bucket)} is no ID: they are like d-3f9a2c1b")
    for field in entry.fields:
        if not any(_covers(field, path) for path in _PATHS):
            hint = near(field, _PATHS)
            raise table.error("fields", f"there is no field {shown(field)}{hint}")
    if entry.statements:
        beside = next((key for key in _CONDITION if key in table.values), None)
        if beside is not None:
            raise table.error(
                beside, f"{beside} cannot stand beside statements, which say where they apply"
            )
        return
    if entry.deviation is None:
        if not entry.buckets:
            raise table.error("", "a note (nothing in it can be run) must name its buckets")
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
