"""The `[[explanation]]` that a cause would be in explanations.toml, ready to be pasted.

What only a person can say is left open: the reason, and who signs it. As long as that is not filled
in, the file is refused.
"""

from __future__ import annotations

import datetime

from replay.differential.model import Signature
from replay.explaining.claims.deviations import Deviation, deviation_of, known_deviations
from replay.explaining.editing.editable import Edit, EditableCore, EditKind

MAX_NAME = 80


def proposal(
    core: EditableCore,
    edit: Edit,
    identity: str,
    signature: Signature,
    where: str = "",
    *,
    today: datetime.date | None = None,
) -> str:
    """The block for an edit that explains a finding, "" where it cannot be written as a deviation.

    The condition is the signature, and `where` if it holds nowhere else; of a part that was split
    off by hand, which a signature alone does not tell apart, the ID. The date is today's (UTC).
    """
    deviation = _known(core, edit) or deviation_of(edit, core)
    if deviation is None:
        return ""
    lines = [
        "[[explanation]]",
        f"name = {toml_text(_name(identity, signature))}",
        'reason = ""           # why the shadow may differ like this, or until when it will',
        'signed = ""           # who says so',
        f"date = {today or datetime.datetime.now(datetime.UTC).date()}   # the day it is signed",
        "# expires = 2026-12-31",
    ]
    if signature.part:
        lines.append(f"buckets = [{toml_text(identity)}]")
    else:
        for key in ("event", "rule", "field", "kind"):
            value = getattr(signature, key)
            if value:
                lines.append(f"{key} = {toml_text(value)}")
    if where:
        lines.append(f"where = {toml_text(where)}")
    return "\n".join([*lines, "", deviation.toml()])


def _known(core: EditableCore, edit: Edit) -> Deviation | None:
    """The deviation that has a name and makes just this change."""
    if edit.kind is not EditKind.DEVIATION:
        return None
    known = known_deviations(core)
    return next((one for one in known if one.edit(core).places == edit.places), None)


def _name(identity: str, signature: Signature) -> str:
    name = f"{identity}: {signature.rule or signature.event}, {signature.field}"
    name = "".join(character if character.isprintable() else "?" for character in name)
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 3]}..."


def toml_text(text: str) -> str:
    """A text as a basic string of TOML, everything in it that is not printable written out."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
