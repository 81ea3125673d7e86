"""Runs one generated stream in lockstep while it is being made.

The source is asked for a handful of steps at a time and is shown the state that the authority has
anyway (step_source.py); the shadow gets them in segments like those of any other stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from replay.differential.lockstep import Lockstep
from replay.differential.model import Finding
from replay.fuzzing.detour import PATIENCE, Detour
from replay.fuzzing.features import Features
from replay.fuzzing.foreign_state import ForeignState
from replay.fuzzing.helper_steps import HelperSteps
from replay.fuzzing.step_source import CompactState, StepSource
from replay.streams.model import Segment, Start, Step, Stream
from replay.targets.base import Failure, Reply, StepResult, Work, is_refusal
from replay.targets.cursor import is_transition
from replay.targets.known_helpers import HELPERS, askable
from replay.targets.python.module import PythonTarget, python_reply

HANDFUL = 16
"""Steps decided on one look at the state."""

SEGMENT = 256

SHORT = 64
"""Steps of a segment in which settings have come: what they may be refused for is to show soon, but
to look at once would cost all pairs a tenth of their speed."""

SETTINGS = frozenset({"config", "order_size_usd", "order_sizes"})


class Generated(NamedTuple):
    """A stream as it was run, what was found on it so far, and what the authority did."""

    stream: Stream
    found: list[Finding]
    features: frozenset[str]


def run_source(
    lockstep: Lockstep, key: int, start: Start, source: StepSource, origin: str
) -> Generated:
    """Makes and runs a stream to its end, or to where the authority fails.

    What the shadow has not answered yet is found by a later call of the lockstep's.
    """
    run = _Run(lockstep, key, start, origin)
    while handful := source.steps(run.state, HANDFUL):
        if not run.take(handful):
            break
        if run.went_round and isinstance(source, Steered):
            source.go_on_under(run.settings)
    else:
        helpers = HelperSteps(HELPERS.difference(lockstep.lacking), origin, run.settings)
        while (handful := helpers.steps(run.state, HANDFUL)) and run.take(handful):
            pass
    run.end()
    return Generated(Stream(start, tuple(run.steps), origin), run.found, run.features.found)


@runtime_checkable
class Steered(Protocol):
    """A source that can go on under other settings than those that it has set."""

    def go_on_under(self, config: Mapping[str, Any]) -> None:
        """These are the settings in force, and to come back to."""
        ...


class _Run:
    def __init__(self, lockstep: Lockstep, key: int, start: Start, origin: str) -> None:
        self._lockstep = lockstep
        self._authority = lockstep.authority
        self._key = key
        self._start: Start | None = start
        self._origin = origin
        self._compact = CompactState()
        self._segment: list[Step] = []
        self._results: list[StepResult] = []
        self._notable: list[int] | None = []
        self._failed = False
        self._detour = Detour(start)
        self._is_looked_at = True
        """Whether the shadow's answer to the next handful is waited for."""
        self._is_set_anew = False
        """Whether settings have come since it was last looked at."""
        self.went_round = False
        """Whether the last handful was followed by a way round what the shadow refuses."""
        self.steps: list[Step] = []
        self.found: list[Finding] = []
        self.features = Features(start)
        self._ask(start, ())

    @property
    def state(self) -> Any:
        """What the source may look at: the state of our own core as it is, that of any other
        authority as ForeignState shows it; None where there is none."""
        if not isinstance(self._authority, PythonTarget):
            return ForeignState(self._compact) if self._compact.known else None
        state = self._end_state
        return state if state is None or self._authority.is_ours else ForeignState(state)

    @property
    def _end_state(self) -> Any:
        """The authority's own state object, where it has one."""
        authority = self._authority
        return authority.state_of(self._key) if isinstance(authority, PythonTarget) else None

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings in force."""
        return self._detour.config

    def take(self, steps: Sequence[Step]) -> bool:
        """Runs some steps on the authority, and a way round where the shadow refuses all; false
        where the authority failed."""
        self.went_round = False
        steps, _ = askable(steps, self._lockstep.lacking)
        steps = self._detour.sent(steps)
        self._is_set_anew |= any(map(self._may_be_refused, steps))
        if not self._run(steps):
            return False
        soon = self._detour.is_taken or len(self._segment) >= SHORT
        looked_at = self._is_looked_at or (self._is_set_anew and soon)
        if looked_at:
            self._is_set_anew = False
            self._is_looked_at = not self._is_told
            self._pass_on(last=False, wait=True)
            return True if self._is_looked_at else self._look()
        if len(self._segment) >= SEGMENT:
            self._pass_on(last=False)
            # What is compared now was sent a while ago; it tells that the next is to be looked at.
            self._is_looked_at = self._lockstep.refused_alone(self._key) >= PATIENCE
        return True

    @property
    def _is_told(self) -> bool:
        """Whether a transition of this segment was asked under the settings that are in force."""
        for step in reversed(self._segment):
            if is_transition(step.call):
                return True
            if step.changes is not None:
                return False
        return False

    def _may_be_refused(self, step: Step) -> bool:
        """Whether what a step sets may be what the shadow refuses from then on."""
        if step.changes is None or self._detour.is_given_up:
            return False
        return self._detour.is_taken or not SETTINGS.isdisjoint(step.changes)

    def _look(self) -> bool:
        """Looks how the shadow answered what it was waited for; false where the authority failed
        on the way round."""
        refused = self._lockstep.refused_alone(self._key)
        detour = self._detour
        if not refused:
            detour.answered()
        elif refused >= PATIENCE and (step := detour.way_round()) is not None:
            self.went_round = True
            self._is_looked_at = True
            return self._run([step])
        self._is_looked_at = refused > 0 and not detour.is_given_up
        return True

    def _run(self, steps: Sequence[Step]) -> bool:
        reply = self._ask(None, steps)
        results = reply.results
        if reply.notable is None or self._notable is None:
            self._notable = None
        else:
            self._notable += [len(self._segment) + place for place in reply.notable]
        self.steps += steps
        self._segment += steps
        self._results += results
        self.features.add(steps, results)
        if any(isinstance(result, Failure) for result in results):
            self._failed = True
            return False
        if not isinstance(self._authority, PythonTarget):
            for result in results:
                if not isinstance(result, Failure) and not is_refusal(result):
                    self._compact.apply(result[0])
        return True

    def end(self) -> None:
        """Passes on what is left."""
        self._pass_on(last=True)
        if not self._failed:
            self._ask(None, (), last=True)

    def _ask(self, start: Start | None, steps: Sequence[Step], *, last: bool = False) -> Reply:
        self._authority.submit(Work(self._key, start, steps, last))
        return self._authority.collect()

    def _pass_on(self, *, last: bool, wait: bool = False) -> None:
        segment = Segment(self._key, self._start, self._segment, last, self._origin)
        results: Any = self._results
        reply = Reply(None, results) if self._failed else python_reply(results, self._end_state)
        reply.notable = self._notable
        self.found += self._lockstep.pass_on(segment, reply)
        self.found += self._lockstep.settle(0 if wait else None)
        self._start, self._segment, self._results, self._notable = None, [], [], []
