"""What the last search for causes has said, as the gate tells it: causes group what counts against
a shadow. No criterion looks at them, so they make no verdict softer.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from replay.findings.account import CauseAccount, StoredCause
from replay.reports.cause_texts import account_words


class KnownCause(NamedTuple):
    """A cause as it stood when the journals were replayed; `findings` are its buckets."""

    id: str
    kind: str
    says: str
    rule: str
    is_verified: bool
    needed_at: int
    doubtful: int
    findings: tuple[str, ...]
    status: str
    owner: str
    note: str

    @classmethod
    def of(cls, cause: StoredCause) -> KnownCause:
        """From the store."""
        return cls(
            cause.id,
            cause.kind,
            cause.says,
            cause.rule,
            cause.is_verified,
            cause.needed_at,
            cause.doubtful,
            cause.findings,
            str(cause.status),
            cause.owner,
            cause.note,
        )

    @property
    def words(self) -> str:
        """It in one sentence."""
        doubt = "" if self.is_verified else "not verified: "
        return f"{doubt}the shadow answers as if {self.says}"


class KnownCauses(NamedTuple):
    """All causes of the newest account, the worst first; `accounted` says in words what they come
    to, `at` when that was."""

    causes: tuple[KnownCause, ...] = ()
    accounted: str = ""
    at: str = ""

    def document(self) -> dict[str, Any]:
        """As causes.json has it."""
        causes = [{**one._asdict(), "findings": list(one.findings)} for one in self.causes]
        return {"at": self.at, "accounted": self.accounted, "causes": causes}


NO_CAUSES = KnownCauses()


def causes_of(account: CauseAccount | None) -> KnownCauses:
    """What an account says; nothing where there is none."""
    if account is None:
        return NO_CAUSES
    return KnownCauses(
        tuple(map(KnownCause.of, account.causes)), account_words(account), account.at
    )
