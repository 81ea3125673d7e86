"""Expansion: a plan becomes a start and a source of steps, and with a core a whole stream."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random

from replay.fuzzing.choices import Seeded
from replay.fuzzing.configs import make_config, make_sizes, setting, volume_of
from replay.fuzzing.edge import EdgeSource
from replay.fuzzing.hostile import HostileSource, damage_start
from replay.fuzzing.live import LiveSource
from replay.fuzzing.plan import SETTINGS, Plan, Profile
from replay.fuzzing.setting_pools import Setting
from replay.fuzzing.states import EPOCH, make_state
from replay.fuzzing.step_source import StateView, StepSource
from replay.streams.model import Start, Step, Stream
from replay.targets.base import Outcome, Work
from replay.targets.python.module import PythonTarget, open_python_target

HANDFUL = 16
"""How many steps `expand` asks for at a time."""


def open_plan(plan: Plan) -> tuple[Start, StepSource]:
    """The start of the plan's stream and the source of its steps."""
    random = Random(plan.seed)
    choices = Seeded(random)
    config = make_config(choices, plan.profile, _varied(choices, plan), plan.grid)
    size, sizes = make_sizes(choices, plan.profile, plan.price, config)
    now = EPOCH + choices.integer(0, 10_000_000) + choices.pick((0.0, 0.0, 0.25, 0.123))
    least = setting(config, "min_volume")
    state = make_state(
        choices,
        plan.profile,
        config,
        market=round(plan.price, 12),
        now=now,
        phase=plan.phase,
        mode=plan.mode,
        recoveries=plan.recoveries,
        history=plan.history,
        volume=volume_of(config, least * 1.0731 + 0.5) if 0.0 <= least < 1e12 else 13.0,
    )
    start = Start(state, config, size, sizes)
    source: StepSource
    if plan.profile is Profile.LIVE:
        source = LiveSource(plan, config, (size, sizes), now)
    elif plan.profile is Profile.EDGE:
        source = EdgeSource(plan, config, (size, sizes), now)
    else:
        source = HostileSource(plan, config, (size, sizes), now)
        if choices.chance(20):
            start = damage_start(choices, start)
    return start, source


def _varied(choices: Seeded, plan: Plan) -> dict[str, Setting]:
    """The plan's settings, some of them exchanged for others of their pools.

    Hypothesis goes back to what it has drawn before, and a plan is the same for several seeds. Left
    to that alone, some figures of a pool would not be seen for a hundred plans.
    """
    pools = SETTINGS[plan.profile]
    return {
        name: choices.pick(pools.get(name, (value,))) if choices.chance(30) else value
        for name, value in plan.settings
    }


def expand(plan: Plan, origin: str = "") -> Stream:
    """The plan's whole stream, with our own core as the authority.

    For tests and for the corpus. A campaign runs the source in lockstep instead: it has an
    authority at hand, and pays for the core only once.
    """
    return run_plan(plan, origin)[0]


def run_plan(plan: Plan, origin: str = "") -> tuple[Stream, list[Outcome]]:
    """The plan's whole stream and what our own core answered to each of its steps."""
    start, source = open_plan(plan)
    session = LocalSession(start)
    steps: list[Step] = []
    while handful := source.steps(session.state, HANDFUL):
        session.run(handful)
        steps.extend(handful)
    return Stream(start, tuple(steps), origin), session.outcomes


@cache
def _own_core() -> PythonTarget:
    return open_python_target("python")


class LocalSession:
    """One stream on our own core in this process, and all its outcomes."""

    def __init__(self, start: Start) -> None:
        self._target = _own_core()
        self._key = id(self)
        self.outcomes: list[Outcome] = []
        self._submit(start, ())

    @property
    def state(self) -> StateView | None:
        """The core's state; None where none could be read so far."""
        return self._target.state_of(self._key)  # type: ignore[no-any-return]

    def run(self, steps: Sequence[Step]) -> list[Outcome]:
        """Answers some steps."""
        answers = self._submit(None, steps)
        self.outcomes.extend(answers)
        return answers

    def _submit(self, start: Start | None, steps: Sequence[Step]) -> list[Outcome]:
        self._target.submit(Work(self._key, start, steps, last=False))
        return self._target.collect().results  # type: ignore[return-value]


def outcomes_of(stream: Stream) -> list[Outcome]:
    """What our own core answers to a stream."""
    return LocalSession(stream.start).run(stream.steps)
