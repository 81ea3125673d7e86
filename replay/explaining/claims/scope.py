"""Whether an occurrence meets the condition of an explanation.

What is written in the singular (`event`, `rule`, `field`, `kind`) is said of the bucket, in the
words of its signature, as `doge-replay list` shows them; `phase`, `fields`, `kinds` and `where` are
said of each occurrence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from replay.differential.conditions.facts import facts_of, phase_of
from replay.differential.model import Finding
from replay.differential.signature.signature import erased, rule_at_work
from replay.explaining.claims.explanations import Explanation, covers
from replay.explaining.claims.occurrences import Occurrence
from replay.streams.model import Document
from replay.targets.compact import Plain


def meets(entry: Explanation, occurrence: Occurrence, *, flaky: bool = False) -> bool:
    """Whether an occurrence meets all of an explanation's condition. Raises ConditionError where
    `where` cannot be evaluated on it.

    Beside other conditions `buckets` is a claim about what meets them; alone it is the condition.
    A failure is met only where it is named, and a flaky bucket by no deviation unless it is named.
    """
    finding = occurrence.finding
    signature = finding.signature
    by_name = signature.failure or (flaky and not entry.is_note) or not entry.has_condition
    if by_name and finding.id not in entry.buckets:
        return False
    fields = {erased(difference.path) for difference in finding.differences}
    kinds = {str(difference.kind) for difference in finding.differences}
    return (
        _any_of(entry.field, signature.field)
        and _any_of(entry.kind, signature.kind)
        and (not entry.fields or all(covers(entry.fields, field) for field in fields))
        and (not entry.kinds or kinds.issubset(entry.kinds))
        and applies_to(entry, finding, occurrence.before, occurrence.config)
    )


def applies_to(
    entry: Explanation, finding: Finding, before: Plain | None, config: Document
) -> bool:
    """Whether a step is one that an explanation speaks of: all of the condition but for what it
    says of fields, kinds and buckets. Raises ConditionError likewise."""
    call = finding.case.steps[-1].call
    return (
        _any_of(entry.event, finding.signature.event, finding.event)
        and _any_of(entry.rule, finding.signature.rule, rule_at_work(call, before))
        and _any_of(entry.phase, phase_of(before))
        and (entry.where is None or entry.where.holds(_facts(finding, before, config)))
    )


def _any_of(wanted: Sequence[str], *said: str) -> bool:
    return not wanted or any(one in wanted for one in said)


def _facts(finding: Finding, before: Plain | None, config: Document) -> Mapping[str, Any]:
    call = finding.case.steps[-1].call
    return facts_of(call, before, finding.differences, finding.authority, finding.shadow, config)
