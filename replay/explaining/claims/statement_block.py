"""Statements as an `[[explanation]]`, ready to be pasted: what a search writes, for a person to
sign.

What only a person can say is left open: the reason, and who signs it. As long as that is not filled
in, the file is refused.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from replay.errors import ReplayError
from replay.explaining.causes.statement import Edited, Placed, Statement
from replay.explaining.claims.deviations import deviation_for
from replay.explaining.claims.explanations import MAX_NAME, parse_explanations
from replay.explaining.claims.stated import TABLES, Stated, stated_toml, table_of
from replay.explaining.claims.toml_text import toml_text
from replay.explaining.editing.editable import EditableCore


def stated_of(statement: Statement, core: EditableCore) -> Stated | None:
    """A statement as data; None for an edit that no text says, and for what only says where."""
    if isinstance(statement, Placed):
        return None
    return deviation_for(statement.edit, core) if isinstance(statement, Edited) else statement


def statement_block(
    name: str,
    statements: Sequence[Statement],
    core: EditableCore,
    *,
    notes: Sequence[str] = (),
    today: datetime.date | None = None,
) -> str:
    """The block for statements that hold together; "" where one of them cannot be written. `notes`
    stand above it, for who signs. The date is today's (UTC)."""
    stated = [one for statement in statements if (one := stated_of(statement, core)) is not None]
    if len(stated) < len(statements):
        return ""
    tables = [stated_toml(one) for table in TABLES for one in stated if table_of(one) is table]
    lines = [
        *(f"# {note}" for note in notes),
        *unsigned_head(short_name(name), today),
    ]
    block = "\n\n".join(["\n".join(lines), *tables])
    return block if _is_read(block) else ""


def unsigned_head(name: str, today: datetime.date | None = None) -> list[str]:
    """The first lines of an explanation that nobody has signed."""
    return [
        "[[explanation]]",
        f"name = {toml_text(name)}",
        'reason = ""           # why the shadow may differ like this, or until when it will',
        'signed = ""           # who says so',
        f"date = {today or datetime.datetime.now(datetime.UTC).date()}   # the day it is signed",
        "# expires = 2026-12-31",
    ]


def short_name(name: str) -> str:
    """A name that the file takes: one line, not too long."""
    name = "".join(character if character.isprintable() else "?" for character in name)
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 3]}..."


def _is_read(block: str) -> bool:
    """Whether the block is read, once it is signed: there are texts that TOML cannot hold."""
    try:
        parse_explanations(block.replace('""  ', '"x" '))
    except ReplayError:
        return False
    return True
