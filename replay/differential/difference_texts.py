"""Values and differences as texts, safe to print: for all that shows what two answers differ in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from replay.differential.model import Absent, Difference
from replay.safe_text import clean, json_safe

MAX_VALUE = 1500

ABSENT_TEXT = "(absent)"


def value_text(value: Any) -> str:
    """A value as JSON on one line, safe to print."""
    if isinstance(value, Absent):
        return ABSENT_TEXT
    text = json.dumps(json_safe(value), ensure_ascii=False, default=str)
    return clean(text, MAX_VALUE)


def difference_documents(differences: Iterable[Difference]) -> list[dict[str, str]]:
    """Differences as `--json` has them."""
    return [
        {
            "path": difference.path,
            "kind": str(difference.kind),
            "authority": value_text(difference.authority),
            "shadow": value_text(difference.shadow),
        }
        for difference in differences
    ]
