"""What a search for causes comes to: the causes, and what they do not account for."""

from __future__ import annotations

from dataclasses import dataclass, field

from replay.counting import counted
from replay.explaining.causes.answered import Answered
from replay.explaining.causes.statement import CauseKind, Statement

LEAST = 2
"""Steps that have to need a cause which a stored bucket has part in."""

LEAST_GENERATED = 8
"""The same where only steps that the search made need it: a few of them may be chance."""


@dataclass(frozen=True)
class Found:
    """A cause with what speaks for it. `explains` are the steps that need it, the smallest first;
    `doubtful` counts steps that it changes and that are not accounted for. `order` is its place
    among those in force: of two readings of the same value the first takes effect first.
    `was_challenged` says whether steps were made and asked that could have refuted it."""

    id: str
    statement: Statement
    explains: tuple[Answered, ...]
    doubtful: int
    order: int = 0
    was_challenged: bool = True

    @property
    def kind(self) -> CauseKind:
        """What sort of statement it is."""
        return self.statement.kind

    @property
    def is_verified(self) -> bool:
        """Whether nothing that was asked speaks against it, and enough for it."""
        return not self.doubt

    @property
    def head(self) -> str:
        """What stands before the statement, with why it is not verified, if it is not."""
        return f"not verified ({self.doubt}): as if" if self.doubt else "the shadow answers as if"

    @property
    def doubt(self) -> str:
        """Why it is not verified, in words; "" where it is."""
        if self.kind is CauseKind.PLACE:
            return "a place, no formula"
        if self.doubtful:
            return f"against it: {counted(self.doubtful, 'step')}"
        if not self.was_challenged:
            return "not put to the test: time was up"
        if len(self.explains) < (LEAST if self.findings else LEAST_GENERATED):
            return f"for it: only {counted(len(self.explains), 'step')}"
        return ""

    @property
    def findings(self) -> tuple[str, ...]:
        """The buckets with occurrences that need it."""
        return tuple(dict.fromkeys(step.finding for step in self.explains if step.finding))


@dataclass(frozen=True)
class Lead:
    """A statement with fewer steps for it than against it: `needed` and `against`."""

    statement: Statement
    needed: int
    against: int


@dataclass
class Account:
    """What the search came to. `leads` are statements that are no causes, since more speaks against
    them than for them; `signalled` is the exit code that a signal asked for, `ungenerated` how many
    steps were still to be generated. `kept` and `kept_right` count the occurrences that were kept,
    `afterwards` and `afterwards_right` the steps generated, `afterwards_ended` those of them that
    only the shadow gave no answer to; `left` are the steps that are not accounted for, by bucket,
    `nearest` the best statement that is none of the causes, by bucket, with how many steps speak
    for it and against it. `unasked` are the buckets of which no kept occurrence could be asked by
    itself, `unshown` those of which each agreed when it was."""

    causes: list[Found] = field(default_factory=list)
    left: dict[str, list[Answered]] = field(default_factory=dict)
    kept: int = 0
    kept_right: int = 0
    afterwards: int = 0
    afterwards_right: int = 0
    afterwards_ended: int = 0
    asked: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    signalled: int | None = None
    ungenerated: int = 0
    leads: list[Lead] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    nearest: dict[str, Lead] = field(default_factory=dict)
    unasked: list[str] = field(default_factory=list)
    unshown: list[str] = field(default_factory=list)

    @property
    def to_do(self) -> list[str]:
        """What is left to do, in words: then a longer search might find more."""
        told = []
        if self.left:
            told.append("not everything is accounted for")
        in_force = [cause for cause in self.causes if cause.kind is not CauseKind.PLACE]
        if untested := sum(not cause.was_challenged for cause in in_force):
            told.append(
                f"{counted(untested, 'cause')} {'was' if untested == 1 else 'were'} not put to the "
                "test"
            )
        if self.ungenerated:
            told.append(
                f"{counted(self.ungenerated, 'step')} of those to be generated in the end "
                f"{'was' if self.ungenerated == 1 else 'were'} not"
            )
        return told

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return not self.interrupted and not self.to_do
