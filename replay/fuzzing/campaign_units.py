"""Units: the streams of a campaign in their order, the same for the same seed, profile and corpus.

Workers share the row by its numbers, each taking every n-th, so what is run does not depend on how
many there are or how fast they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from replay.fuzzing.expand import open_plan
from replay.fuzzing.mix import Mix
from replay.fuzzing.mutate import mutate
from replay.fuzzing.plan import Profile
from replay.fuzzing.step_source import StateView, StepSource
from replay.streams.model import Start, Step, Stream

__all__ = ["Mix", "RecordedSource", "Unit", "units"]


@dataclass(frozen=True, slots=True)
class Unit:
    """One stream to run: `number` in the row, how many steps it is planned to have, and what
    makes its start and the source of its steps. `draw` names what Hypothesis drew for it and for
    a few others; None for what was made of a corpus stream."""

    number: int
    planned: int
    origin: str
    open: Callable[[], tuple[Start, StepSource]]
    draw: str | None = None


class RecordedSource:
    """The steps of a stream that is there already."""

    def __init__(self, stream: Stream) -> None:
        self._steps = stream.steps
        self._place = 0

    def steps(self, state: StateView | None, n: int) -> list[Step]:
        """The next `n` steps, whatever the state."""
        taken = self._steps[self._place : self._place + n]
        self._place += len(taken)
        return list(taken)


def units(
    mix: Mix, seed: int, corpus: Sequence[str], read: Callable[[str], Stream]
) -> Iterator[Unit]:
    """The endless row of units. `corpus` has the IDs of streams to mutate, `read` gives one.

    Mix.ALL takes the three profiles in turn and, where there is a corpus, a mutated stream as
    every fourth.
    """
    # Here, so that whatever does not fuzz works without Hypothesis.
    from replay.fuzzing.plans import VARIANTS, plans

    profiles = list(Profile) if mix is Mix.ALL else [Profile(mix.value)]
    rows = {profile: plans(profile, seed) for profile in profiles}
    mutating = mix is Mix.ALL and bool(corpus)
    turns = len(profiles) + mutating
    number = 0
    while True:
        turn = number % turns
        if turn < len(profiles):
            profile = profiles[turn]
            plan = next(rows[profile])
            origin = f"fuzz {profile} seed {seed} #{number}"
            draw = f"{profile} {number // turns // VARIANTS}"
            yield Unit(number, plan.steps, origin, lambda plan=plan: open_plan(plan), draw)  # type: ignore[misc]
        else:
            yield _mutated(number, seed, corpus, read)
        number += 1


def _mutated(number: int, seed: int, corpus: Sequence[str], read: Callable[[str], Stream]) -> Unit:
    digest = hashlib.blake2b(f"mutation {seed} {number}".encode(), digest_size=24).digest()
    first, second, its_seed = (int.from_bytes(digest[i : i + 8], "big") for i in (0, 8, 16))
    base, other = corpus[first % len(corpus)], corpus[second % len(corpus)]
    origin = f"fuzz mutation of {base[:12]} seed {seed} #{number}"

    def open_mutated() -> tuple[Start, StepSource]:
        stream = mutate(read(base), read(other), its_seed)
        return stream.start, RecordedSource(stream)

    return Unit(number, MUTATED_STEPS, origin, open_mutated)


MUTATED_STEPS = 300
"""What a mutated stream counts for in a budget of transitions: about what one has."""
