"""Whether a case comes out the same each time: a core that answers now this, now that, has no bug
with a cause that could be looked for.

Many cases are asked together first, again and again on a few fresh pairs of cores, in another order
each time. What comes out the same each time, whatever was asked before it, needs no cores of its
own. Any other case is asked alone: each time on a pair of cores that have seen nothing else. A core
that remembers is led to its bug by the case itself, so it comes out the same each time; one that
answers at random does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random

from replay.differential.compare import equal
from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Signature, Verdict
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.differential.uncompared import settles
from replay.errors import FailureStorm
from replay.processor_time import processor_seconds
from replay.streams.model import Segment, Stream, segments_of
from replay.targets.base import Failure, StepResult, Target
from replay.targets.compact import Plain
from replay.targets.pair import OpenPair, fresh_pair
from replay.targets.readers import readers_of, remembered

TIMES = 20
LEAST = 4
"""How often a case is asked; and how often whatever that costs."""

PAIRS = 4
"""Fresh pairs of cores on which cases are asked together: as many as a case is asked alone
whatever that costs, since a core may answer by what it drew when it started."""

SECONDS = 5.0
"""Of processor time, ours and the cores', after which it is not asked again: a busy machine asks as
often as an idle one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How a case came out, asked `times` times on fresh cores of the `wanted` times.

    `shown` is how often its last step gave the finding in question, `agreed` how often the cores
    answered everything alike, and `failed` how often one of them gave no usable answer; what is
    left showed something else. `unsteady` names the roles whose answer to the last step was not
    the same each time. `shows` is the ID of another divergence, where the last step was that each
    time.
    """

    times: int
    shown: int
    agreed: int
    failed: int
    unsteady: tuple[str, ...]
    wanted: int = 0
    shows: str = ""

    @property
    def cut_short(self) -> str:
        """What to tell where it was asked less often than was wanted; else empty."""
        if self.times >= self.wanted:
            return ""
        return f"asked {self.times} of {self.wanted} times: its processor time was spent"

    @property
    def answered(self) -> int:
        """How often both cores gave a usable answer."""
        return self.times - self.failed

    @property
    def is_steady(self) -> bool:
        """Whether it showed the finding each time, and with the same answers."""
        return self.shown == self.times > 0 and not self.unsteady

    @property
    def always_agreed(self) -> bool:
        """Whether it was asked, and the cores answered alike each time."""
        return self.times > 0 and self.agreed == self.times


def ask_again(
    case: Stream,
    signature: Signature,
    open_pair: OpenPair,
    *,
    times: int = TIMES,
    seconds: float = SECONDS,
    routing: Routing = NO_ROUTING,
) -> Asked:
    """Runs a case again and again, on a fresh pair of cores each time, for at most `seconds` of
    processor time, but LEAST times at least."""
    record = _Record(case, signature)
    read: dict[str, Plain] = {}
    began = processor_seconds()
    least = min(times, LEAST)
    while record.times < times and (record.times < least or processor_seconds() - began < seconds):
        with fresh_pair(open_pair) as pair:
            record.take(_ask(case, signature, pair, 0, routing, read))
    return record.asked(times)


def ask_together(
    cases: Sequence[tuple[Stream, Signature]],
    open_pair: OpenPair,
    *,
    seconds: float,
    times: int = TIMES,
    pairs: int = PAIRS,
    routing: Routing = NO_ROUTING,
) -> list[Asked]:
    """Runs many cases, each `times` times, on so many fresh pairs of cores, in another order each
    time; where that takes more than `seconds` of processor time, each once on each of these at
    least.

    A case that did not show its finding, or not with the same answers, is not asked again: nothing
    is told of it but that. A pair that failed is not asked for another case.
    """
    records = [_Record(*one) for one in cases]
    read: dict[str, Plain] = {}
    chance = Random(0)
    began = processor_seconds()
    for number in range(1, pairs + 1):
        turns = 0
        with ExitStack() as held:
            pair: tuple[Target, Target] | None = None
            session = 0
            while turns < times // pairs:
                steady = [one for one in records if one.is_steady]
                chance.shuffle(steady)
                for one in steady:
                    if pair is None:
                        pair, session = held.enter_context(fresh_pair(open_pair)), 0
                    once = _ask(one.case, one.signature, pair, session, routing, read)
                    one.take(once)
                    session += 1
                    if once is None or once.failed:
                        held.close()
                        pair = None
                turns += 1
                if processor_seconds() - began >= seconds * number / pairs:
                    break
    return [one.asked(times) for one in records]


@dataclass(slots=True)
class _Record:
    """How a case came out so far."""

    case: Stream
    signature: Signature
    times: int = 0
    shown: int = 0
    agreed: int = 0
    failed: int = 0
    others: set[str] = field(default_factory=set)
    answers: dict[str, list[StepResult]] = field(
        default_factory=lambda: {"authority": [], "shadow": []}
    )

    def take(self, once: _Once | None) -> None:
        """Takes one run in."""
        self.times += 1
        if once is None:
            self.failed += 1
            return
        self.shown += once.shown
        self.agreed += once.agreed
        self.others.add(once.other)
        for role, answer in (("authority", once.authority), ("shadow", once.shadow)):
            if answer is not None and not any(_same(answer, one) for one in self.answers[role]):
                self.answers[role].append(answer)

    @property
    def is_steady(self) -> bool:
        """Whether it came out alike so far, and showed the finding."""
        return self.shown == self.times and not self.unsteady

    @property
    def unsteady(self) -> tuple[str, ...]:
        """The cores that did not give the same answer each time."""
        return tuple(role for role, seen in self.answers.items() if len(seen) > 1)

    def asked(self, wanted: int) -> Asked:
        """All of it, of so many times that were wanted."""
        shows = next(iter(self.others)) if len(self.others) == 1 and not self.unsteady else ""
        return Asked(self.times, self.shown, self.agreed, self.failed, self.unsteady, wanted, shows)


@dataclass(frozen=True, slots=True)
class _Once:
    shown: bool
    agreed: bool
    authority: StepResult | None
    shadow: StepResult | None
    failed: bool
    """Whether a core failed meanwhile, whatever it was asked about."""
    other: str
    """The ID of what the last step showed, where that is another divergence."""


def _ask(
    case: Stream,
    signature: Signature,
    pair: tuple[Target, Target],
    session: int,
    routing: Routing,
    read: dict[str, Plain],
) -> _Once | None:
    """One run of a case; None where a core failed in a way that was not asked about.

    What the authority's readers make of its states, which only tells what a difference is about, is
    asked once for all runs and kept in `read`; both cores' answers are asked for in each.
    """
    last: list[StepResult] = []

    def answered(segment: Segment, outcomes: list[StepResult]) -> None:
        last[:] = outcomes[-1:]

    authority, shadow = pair
    readers = remembered(readers_of(authority), read)
    lockstep = Lockstep(authority, shadow, routing, readers=readers)
    lockstep.on_answered = answered  # type: ignore[assignment]
    try:
        found = run_stream(lockstep, segments_of(case, session))
    except FailureStorm:
        return None
    wanted = [finding for finding in found if finding.signature == signature]
    if not wanted and any(finding.verdict is not Verdict.DIVERGE for finding in found):
        return None
    theirs = last[0] if last else None
    at_last = [one for one in found if len(one.case.steps) == len(case.steps)]
    if at_last:
        theirs = at_last[0].shadow
    # What both refuse, unread, agrees in nothing that the finding is about.
    agreed = not found and settles(signature, lockstep.last_uncompared)
    failed = lockstep.tally.breakdowns > 0
    others = (one.id for one in at_last if one.verdict is Verdict.DIVERGE)
    other = "" if wanted else next(others, "")
    return _Once(bool(wanted), agreed, last[0] if last else None, theirs, failed, other)


def _same(one: StepResult, other: StepResult) -> bool:
    if isinstance(one, Failure) or isinstance(other, Failure):
        # The words of a failure may name times and process numbers.
        return isinstance(one, Failure) and isinstance(other, Failure) and one.kind is other.kind
    return equal(one, other)
