"""What a search for causes came to, as the store keeps it: causes, and what they do not explain.

An account is of one search. The newest says what is known; older ones stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class StoredCause:
    """One cause. `says` is the statement in words, `canonical` what its ID is made from; `rule` its
    place in the contract, "" for none. `needed_at` counts the steps that need it, `doubtful` those
    that it changes and that are not accounted for; `findings` are the buckets that it has part
    in."""

    id: str
    kind: str
    says: str
    canonical: str
    rule: str
    is_verified: bool
    needed_at: int
    doubtful: int
    findings: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "says": self.says,
            "statement": self.canonical,
            "rule": self.rule,
            "verified": self.is_verified,
            "needed_at": self.needed_at,
            "doubtful": self.doubtful,
            "findings": list(self.findings),
        }


@dataclass(frozen=True, slots=True)
class CauseAccount:
    """All causes of one search, the worst first. `kept_right` of `kept` occurrences and
    `generated_right` of `generated` steps came out as the shadow has them; `left` counts the steps
    that are not accounted for, by bucket ("generated" for those of none). `at` is when it was
    stored (RFC 3339, UTC), "" before that."""

    causes: tuple[StoredCause, ...]
    left: Mapping[str, int] = field(default_factory=dict)
    kept: int = 0
    kept_right: int = 0
    generated: int = 0
    generated_right: int = 0
    is_complete: bool = True
    at: str = ""

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "causes": [cause.document() for cause in self.causes],
            "left": dict(self.left),
            "kept": self.kept,
            "kept_right": self.kept_right,
            "generated": self.generated,
            "generated_right": self.generated_right,
            "complete": self.is_complete,
        }

    def causes_of(self, finding: str) -> tuple[StoredCause, ...]:
        """The causes that have part in a bucket."""
        return tuple(cause for cause in self.causes if finding in cause.findings)

    def is_accounted_for(self, finding: str) -> bool:
        """Whether all that was asked of a bucket is explained by verified causes."""
        causes = self.causes_of(finding)
        return bool(causes) and finding not in self.left and all(one.is_verified for one in causes)
