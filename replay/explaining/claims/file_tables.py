"""Tables of a TOML file that a person writes: each value checked, each refusal with its line.

Where in the file something stands is as near as can be told: TOML's reader keeps no lines.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from replay.differential.conditions.condition import Condition, ConditionError
from replay.errors import InputError, UsageError
from replay.explaining.causes.statement import CauseKind
from replay.explaining.claims.deviations import KEYS, Deviation
from replay.explaining.claims.stated import TABLES, Stated, near, stated_in


@dataclass(frozen=True, slots=True)
class Table:
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
                raise self.error(key, f"there is no key {shown(key)}{near(key, known)}")

    def text(self, key: str, limit: int, *, lines: bool = False) -> str:
        """A text that must be there, on one line unless `lines`."""
        value = self.values.get(key)
        if value is None:
            raise self.error("", f"{key} is missing")
        if not isinstance(value, str):
            raise self.error(key, f"{key} must be a text, not {shown(value)}")
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
                raise self.error(key, f"there is no {key} {shown(one)}{near(one, known)}")
        return tuple(dict.fromkeys(listed))

    def date(self, key: str) -> datetime.date | None:
        """A date of TOML's own, without a time."""
        value = self.values.get(key)
        if value is not None and type(value) is not datetime.date:
            raise self.error(
                key, f"{key} must be a date like 2026-11-22, without quotes, not {shown(value)}"
            )
        return value

    def count(self, key: str) -> int | None:
        """A whole number above 0."""
        value = self.values.get(key)
        if value is not None and (type(value) is not int or value < 1):
            raise self.error(key, f"{key} must be a whole number above 0, not {shown(value)}")
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

    def statements(self) -> tuple[Stated, ...]:
        """All tables that are statements (stated.py), in the order in which they take effect."""
        return tuple(one for table in TABLES for one in self._stated(table))

    def _stated(self, table: CauseKind) -> Iterator[Stated]:
        value = self.values.get(table, [])
        listed = [value] if isinstance(value, dict) else value
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise self.error(table, f"{table} is written as tables: [[explanation.{table}]]")
        for number, one in enumerate(listed, 1):
            key = numbered(table, number)
            try:
                yield stated_in(table, one)
            except UsageError as error:
                # Where the reason begins with a key, that is what is wrong.
                named = f"{key}.{error.message.split(' ', 1)[0]}"
                raise self.error(
                    named if named in self.lines else key, f"{table}: {error.message}"
                ) from error

    def deviation(self, key: str) -> Deviation | None:
        """A change of the Python core (deviations.py)."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not isinstance(value, dict):
            raise self.error(key, f"{key} is written as a table: [explanation.{key}]")
        for name in value:
            if name not in KEYS:
                hint = near(name, KEYS)
                raise self.error(f"{key}.{name}", f"{key} has no key {shown(name)}{hint}")
        try:
            return Deviation.read(value)
        except UsageError as error:
            raise self.error(key, f"{key}: {error.message}") from error


_SECTION = re.compile(r"\[\[?\s*explanation\s*\.\s*(\w+)\s*\]")


def numbered(section: str, number: int) -> str:
    """How the lines of a table within an explanation are known, the first one by its name."""
    return section if number == 1 else f"{section} {number}"


def tables_of(file: str, text: str, listed: list[dict[str, Any]]) -> list[Table]:
    """The tables with their titles and lines. Where as many headers stand in the text as tables
    were read, their lines are taken for right; a header within a text would make one more."""
    found: list[tuple[int, dict[str, int]]] = []
    section = ""
    seen: Counter[str] = Counter()
    for number, written in enumerate(text.split("\n"), 1):
        stripped = written.strip()
        if re.match(r"\[\[\s*explanation\s*\]\]", stripped):
            found.append((number, {}))
            section = ""
            seen.clear()
        elif (table := _SECTION.match(stripped)) and found:
            seen[table[1]] += 1
            section = numbered(table[1], seen[table[1]])
            found[-1][1].setdefault(section, number)
        elif found and (key := re.match(r"([A-Za-z0-9_-]+)\s*[=.]", stripped)):
            found[-1][1].setdefault(f"{section}.{key[1]}" if section else key[1], number)
    known = found if len(found) == len(listed) else [(0, {})] * len(listed)
    tables = []
    for number, (values, (line, lines)) in enumerate(zip(listed, known, strict=True), 1):
        name = values.get("name")
        title = f"[[explanation]] number {number}"
        title += f" {shown(name)}" if isinstance(name, str) else ""
        tables.append(Table(file, title, line, values, lines))
    return tables


def shown(value: object) -> str:
    """A value in a message: quoted, on one line, not endless."""
    text = f'"{value}"' if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
