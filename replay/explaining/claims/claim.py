"""What a run says of one explanation: whether it holds, and on what that was checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Claim:
    """One explanation of the user's file, as this run has checked it again.

    `why` says what holds, or what does not; `ids` are the findings that it covers, `checked` how
    many occurrences it was checked on. `weaker` is a note that somebody signed: nothing runs.
    """

    name: str
    ok: bool
    why: str
    ids: tuple[str, ...] = ()
    checked: int = 0
    weaker: bool = False

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "name": self.name,
            "ok": self.ok,
            "why": self.why,
            "ids": list(self.ids),
            "checked": self.checked,
            "weaker": self.weaker,
        }
