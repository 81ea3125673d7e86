"""The part of the store by which people and runs decide: history, triage, splits and merges.

Everything decided is in the history with who, when and why, and durable when the method returns.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from replay.errors import UsageError
from replay.findings.account import CauseAccount
from replay.findings.lifecycle import HistoryEntry, Status, after_triage, check_change
from replay.findings.severity import Severity
from replay.findings.store.accounts import insert_account, insert_cause_history
from replay.findings.store.database import Connection
from replay.findings.store.reader import Reader
from replay.findings.store.routes import Routes, Split
from replay.findings.store.rows import MAX_NOTE, MAX_OWNER, Rows, bounded, now


class Deciding(Reader):
    """Decisions on findings, on top of reading them. The store (store.py) is one of these."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._rows = Rows(connection)
        self._routes = Routes(connection, self._rows)

    @abstractmethod
    def _writing(self) -> AbstractContextManager[None]:
        """A transaction."""

    # Causes

    def record_account(self, account: CauseAccount) -> int:
        """Keeps what a search for causes came to; durable when it returns. Raises UsageError where
        it names a finding that is not there."""
        with self._writing():
            return insert_account(self._connection, self._rows, account)

    def add_cause_history(
        self,
        cause_id: str,
        status: Status,
        *,
        who: str,
        why: str,
        evidence: Mapping[str, Any],
        run: int,
    ) -> None:
        """Says what a run made of a cause. Raises UsageError where that status may not follow or
        lacks its evidence (lifecycle.py)."""
        entry = HistoryEntry(now(), who, status, why, evidence, run)
        with self._writing():
            self._rows.require_run(run)
            former = self.cause(cause_id).status
            check_change(former, status, evidence, run, failure=False)
            insert_cause_history(self._rows, cause_id, entry)

    def triage_cause(
        self,
        cause_id: str,
        *,
        who: str,
        severity: Severity | None = None,
        owner: str | None = None,
        note: str | None = None,
    ) -> None:
        """Notes what a person says of a cause, as `triage` of a finding. Raises UsageError
        likewise."""
        owner, note = _bounded(severity, owner, note)
        with self._writing():
            status = after_triage(self.cause(cause_id).status)
            why = _said(severity, owner, note)
            entry = HistoryEntry(now(), who, status, why, {}, None, severity, owner, note)
            insert_cause_history(self._rows, cause_id, entry)

    # Triage

    def add_history(
        self,
        finding_id: str,
        status: Status | None,
        *,
        who: str,
        why: str,
        evidence: Mapping[str, Any] | None = None,
        run: int | None = None,
    ) -> None:
        """Adds to the history of a finding; `status` is what it becomes, None for a remark.

        Raises UsageError where that status may not follow or lacks its evidence (lifecycle.py).
        """
        entry = HistoryEntry(now(), who, status, why, evidence or {}, run)
        with self._writing():
            self._rows.require_finding(finding_id)
            if run is not None:
                self._rows.require_run(run)
            if status is not None:
                failure = finding_id.startswith("f-")
                former = self._rows.status(finding_id)
                check_change(former, status, entry.evidence, run, failure=failure)
            self._rows.add_history(finding_id, entry)

    def triage(
        self,
        finding_id: str,
        *,
        who: str,
        severity: Severity | None = None,
        owner: str | None = None,
        note: str | None = None,
    ) -> None:
        """Notes what a person says of a finding; what is None stays as it was, an empty owner or
        note takes it away. It becomes triaged, unless its status says more (lifecycle.py).

        Raises UsageError where there is nothing to note, or a text is too long.
        """
        owner, note = _bounded(severity, owner, note)
        with self._writing():
            self._rows.require_finding(finding_id)
            status = after_triage(self._rows.status(finding_id))
            why = _said(severity, owner, note)
            entry = HistoryEntry(now(), who, status, why, {}, None, severity, owner, note)
            self._rows.add_history(finding_id, entry)

    # Splits and merges

    def split(self, finding_id: str, split: Split, *, run: int, who: str, why: str = "") -> str:
        """Makes a part of a finding one of its own, and gives its id; later runs go by it.

        `run` is the one that tried it (splits.py). Raises UsageError where it cannot be.
        """
        with self._writing():
            self._rows.require_run(run)
            self._rows.require_finding(finding_id)
            return self._routes.split(finding_id, split, run, who, why)

    def check_unsplit(self, part_id: str) -> str:
        """What a part was split off from. Raises UsageError where `unsplit` would."""
        self._rows.require_finding(part_id)
        return self._routes.check_unsplit(part_id)

    def unsplit(self, part_id: str, *, who: str, why: str = "") -> str:
        """Takes a split back: the part is merged into what it was split off from, whose id is
        given. Raises UsageError where it is no part."""
        with self._writing():
            self._rows.require_finding(part_id)
            return self._routes.unsplit(part_id, who, why)

    def check_merge(self, sources: Iterable[str], target: str) -> None:
        """Raises UsageError where `merge` would, and changes nothing."""
        self._routes.check_merge(sources, target)

    def merge(self, sources: Iterable[str], target: str, *, who: str, why: str = "") -> None:
        """Merges findings into another: all of them or, with UsageError, none."""
        with self._writing():
            self._routes.merge(sources, target, who, why)

    def check_unmerge(self, source: str) -> str:
        """What a finding was merged into. Raises UsageError where `unmerge` would."""
        self._rows.require_finding(source)
        return self._routes.check_unmerge(source)

    def unmerge(self, source: str, *, who: str, why: str = "") -> str:
        """Takes a merge back and gives the id of what it was merged into. What was found meanwhile
        stays there. Raises UsageError where it was not merged."""
        with self._writing():
            self._rows.require_finding(source)
            return self._routes.unmerge(source, who, why)


def _bounded(
    severity: Severity | None, owner: str | None, note: str | None
) -> tuple[str | None, str | None]:
    """Owner and note as the database can hold them. Raises UsageError where there is nothing to
    note, or a text is too long."""
    if severity is None and owner is None and note is None:
        raise UsageError("there is nothing to note: give a severity, an owner or a note")
    return (
        None if owner is None else bounded("the owner", owner, MAX_OWNER),
        None if note is None else bounded("the note", note, MAX_NOTE),
    )


def _said(severity: Severity | None, owner: str | None, note: str | None) -> str:
    """What a person set, in words; a note stands for itself."""
    parts = []
    if severity is not None:
        parts.append(f"severity {severity}")
    if owner is not None:
        parts.append(f"owner {owner}" if owner else "no owner")
    if note is not None:
        parts.append("a note" if note else "no note")
    return ", ".join(parts)
