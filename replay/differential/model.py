"""What lockstep produces: verdicts, differences, signatures and cases.

All are immutable values; how they come about is in lockstep.py, compare.py and signature.py.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from replay.streams.model import Stream, call_name
from replay.targets.base import Failure, FailureKind, Outcome


class Verdict(StrEnum):
    """What one step showed. Never a bool: a core that failed neither agrees nor diverges."""

    AGREE = "agree"
    BOTH_REFUSE = "both refuse"
    DIVERGE = "diverge"
    SHADOW_FAILED = "shadow failed"
    AUTHORITY_FAILED = "authority failed"


class DifferenceKind(StrEnum):
    """In what way two values differ."""

    LAST_DIGIT = "last digit"
    SIGN = "sign"
    MAGNITUDE = "magnitude"
    MISSING = "missing"
    EXTRA = "extra"
    ORDER = "order"
    TEXT = "text"
    TYPE = "type"
    FLAG = "flag"
    REFUSAL = "refusal"


class Difference(NamedTuple):
    """One place where the shadow's answer is not the authority's.

    `path` is like `state.orders[0].price`, `actions[1].reason`, `violations[0]`; a value that is
    not there is ABSENT.
    """

    path: str
    kind: DifferenceKind
    authority: Any
    shadow: Any


_WHICH_RECORD = re.compile(r"\[.*?\]")


def whatever_record(path: str) -> str:
    """The path of a difference without what says which of several records it is in."""
    return _WHICH_RECORD.sub("", path)


class Absent:
    """Stands for a value that one side does not have; None is a value."""

    def __repr__(self) -> str:
        return "(absent)"


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Signature:
    """What makes two divergences (or failures) the same bug.

    `event` is the event's class name or the method; `rule` what the authority did ("exit fill",
    "orphan s1_timeout"); `field` the most upstream field that differs, indices and ids erased;
    `kind` a DifferenceKind value, or a FailureKind value for a failure. No values. `part` is empty
    but for what somebody split off by hand (routing_table.py): it is the name of that part.
    """

    event: str
    rule: str
    field: str
    kind: str
    failure: bool = False
    part: str = ""

    @property
    def id(self) -> str:
        """Short and the same on every machine: `d-3f9a2c1b`; `f-...` for a core that failed."""
        text = "\x1f".join((self.event, self.rule, self.field, self.kind))
        if self.part:
            text += f"\x1f{self.part}"
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return f"{'f' if self.failure else 'd'}-{digest}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A step on which the shadow did not answer as the authority did, with all it takes to see it
    again.

    `case` is a stream whose last step is the one in question. `line` is where that step stood in
    `case.origin`, 0 if it came from no file. `is_apart` where the case begins with a state that the
    authority held otherwise than its reader has it, so that the case may not show it (leads.py).
    `lead` is the longer way of the stream to that step, where there is one and it is kept.
    """

    signature: Signature
    verdict: Verdict
    case: Stream
    differences: tuple[Difference, ...]
    authority: Outcome | Failure
    shadow: Outcome | Failure
    line: int = 0
    is_apart: bool = False
    lead: Stream | None = None

    @property
    def id(self) -> str:
        """The signature's."""
        return self.signature.id

    @property
    def event(self) -> str:
        """The event's class name, or the method, of the step in question."""
        return call_name(self.case.steps[-1].call)

    @property
    def place(self) -> Repeat:
        """Where it was met, as one further occurrence."""
        return Repeat(1, self.case.origin, self.line, len(self.case.steps) - 1)


def said_in(finding: Finding) -> str:
    """What the core that refuses says in a finding, as it said it; empty where none does."""
    if isinstance(finding.shadow, Failure):
        return finding.shadow.detail if finding.signature.kind == FailureKind.REFUSED else ""
    refusals = (one for one in finding.differences if one.kind is DifferenceKind.REFUSAL)
    sides = (side for one in refusals for side in (("authority", one[2]), ("shadow", one[3])))
    return ", ".join(f"{who} refuses: {text}" for who, text in sides if isinstance(text, str))


class Repeat(NamedTuple):
    """Further occurrences of a finding: how many, and where the last of them was (the file or
    stream, its line, the step's place in the segment)."""

    times: int
    origin: str
    line: int
    step: int

    def after(self, former: Repeat | None) -> Repeat:
        """This one, with what was counted before."""
        return self if former is None else self._replace(times=self.times + former.times)
