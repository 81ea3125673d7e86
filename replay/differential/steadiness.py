"""Whether a case comes out the same each time: a core that answers now this, now that, has no bug
with a cause that could be looked for.

Each time the case runs on a pair of cores that have seen nothing else. A core that remembers is led
to its bug by the case itself, so it comes out the same each time; one that answers at random does
not.
"""

from __future__ import annotations

from dataclasses import dataclass

from replay.differential.compare import equal
from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Signature, Verdict
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.differential.uncompared import settles
from replay.errors import FailureStorm
from replay.processor_time import processor_seconds
from replay.streams.model import Segment, Stream, segments_of
from replay.targets.base import Failure, StepResult
from replay.targets.compact import Plain
from replay.targets.pair import OpenPair, fresh_pair
from replay.targets.readers import readers_of, remembered

TIMES = 20
LEAST = 4
"""How often a case is asked; and how often whatever that costs."""

SECONDS = 5.0
"""Of processor time, ours and the cores', after which it is not asked again: a busy machine asks as
often as an idle one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How a case came out, asked `times` times on fresh cores of the `wanted` times.

    `shown` is how often its last step gave the finding in question, `agreed` how often the cores
    answered everything alike, and `failed` how often one of them gave no usable answer; what is
    left showed something else. `unsteady` names the roles whose answer to the last step was not
    the same each time.
    """

    times: int
    shown: int
    agreed: int
    failed: int
    unsteady: tuple[str, ...]
    wanted: int = 0

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
    asked = shown = agreed = failed = 0
    read: dict[str, Plain] = {}
    answers: dict[str, list[StepResult]] = {"authority": [], "shadow": []}
    began = processor_seconds()
    least = min(times, LEAST)
    while asked < times and (asked < least or processor_seconds() - began < seconds):
        asked += 1
        once = _ask(case, signature, open_pair, routing, read)
        if once is None:
            failed += 1
            continue
        shown += once.shown
        agreed += once.agreed
        for role, answer in (("authority", once.authority), ("shadow", once.shadow)):
            if answer is not None and not any(_same(answer, one) for one in answers[role]):
                answers[role].append(answer)
    unsteady = tuple(role for role, seen in answers.items() if len(seen) > 1)
    return Asked(asked, shown, agreed, failed, unsteady, times)


@dataclass(frozen=True, slots=True)
class _Once:
    shown: bool
    agreed: bool
    authority: StepResult | None
    shadow: StepResult | None


def _ask(
    case: Stream,
    signature: Signature,
    open_pair: OpenPair,
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

    with fresh_pair(open_pair) as (authority, shadow):
        readers = remembered(readers_of(authority), read)
        lockstep = Lockstep(authority, shadow, routing, readers=readers)
        lockstep.on_answered = answered  # type: ignore[assignment]
        try:
            found = run_stream(lockstep, segments_of(case, 0))
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
    return _Once(bool(wanted), agreed, last[0] if last else None, theirs)


def _same(one: StepResult, other: StepResult) -> bool:
    if isinstance(one, Failure) or isinstance(other, Failure):
        # The words of a failure may name times and process numbers.
        return isinstance(one, Failure) and isinstance(other, Failure) and one.kind is other.kind
    return equal(one, other)
