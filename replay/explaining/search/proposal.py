"""The `[[explanation]]` that a cause would be in explanations.toml, ready to be pasted.

What only a person can say is left open: the reason, and who signs it. As long as that is not filled
in, the file is refused.
"""

from __future__ import annotations

import datetime

from replay.differential.model import Signature
from replay.explaining.claims.deviations import deviation_for
from replay.explaining.claims.statement_block import short_name, unsigned_head
from replay.explaining.claims.toml_text import toml_text
from replay.explaining.editing.editable import Edit, EditableCore


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
    deviation = deviation_for(edit, core)
    if deviation is None:
        return ""
    lines = unsigned_head(_name(identity, signature), today)
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


def _name(identity: str, signature: Signature) -> str:
    return short_name(f"{identity}: {signature.rule or signature.event}, {signature.field}")
