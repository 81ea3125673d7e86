"""Units: the streams of a campaign in their order, the same for the same seed, profile and corpus.

Workers share the row by its numbers, and any of them can make any unit alone, given the batches of
plans that it needs: what is run does not depend on how many there are or how fast they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count

from replay.fuzzing.expand import open_plan
from replay.fuzzing.mix import Mix
from replay.fuzzing.mutate import mutate
from replay.fuzzing.plan import Plan, Profile
from replay.fuzzing.plan_batches import VARIANTS, Batch, batch_of, plan_of
from replay.fuzzing.step_source import StateView, StepSource
from replay.streams.model import Start, Step, Stream

__all__ = ["Mix", "RecordedSource", "Row", "Unit", "units"]


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


Drawn = Callable[[Batch], Sequence[Plan]]
"""Gives a batch of plans."""

Read = Callable[[str], Stream]
"""Gives a stream of the corpus."""


@dataclass(frozen=True, slots=True)
class Row:
    """The endless row of units. `corpus` has the IDs of streams to mutate.

    Mix.ALL takes the three profiles in turn and, where there is a corpus, a mutated stream as
    every fourth.
    """

    mix: Mix
    seed: int
    corpus: Sequence[str] = ()

    @property
    def corpus_digest(self) -> str:
        """Names the corpus: with another one the row would be another."""
        return hashlib.sha256("\n".join(self.corpus).encode()).hexdigest()

    def batch(self, number: int) -> Batch | None:
        """The batch of plans that a unit needs; None for one that is made of the corpus."""
        profile, index = self._place(number)
        return None if profile is None else batch_of(profile, index)

    def plan(self, number: int, drawn: Drawn) -> Plan | None:
        """The plan of a unit; None for one that is made of the corpus."""
        batch = self.batch(number)
        return None if batch is None else plan_of(drawn(batch), self.seed, self._place(number)[1])

    def unit(self, number: int, plan: Plan | None, read: Read) -> Unit:
        """One unit, by its plan."""
        if plan is None:
            return _mutated(number, self.seed, self.corpus, read)
        _, index = self._place(number)
        origin = f"fuzz {plan.profile} seed {self.seed} #{number}"
        name = f"{plan.profile} {index // VARIANTS}"
        return Unit(number, planned_steps(plan), origin, lambda: open_plan(plan), name)

    def _place(self, number: int) -> tuple[Profile | None, int]:
        """Whose plan a unit is, and which of that row; no profile for a mutated stream."""
        profiles = _PROFILES[self.mix]
        turns = len(profiles) + (self.mix is Mix.ALL and bool(self.corpus))
        index, turn = divmod(number, turns)
        return (profiles[turn] if turn < len(profiles) else None), index


_PROFILES = {mix: [*Profile] if mix is Mix.ALL else [Profile(mix.value)] for mix in Mix}
"""Whose plans a mix takes, in turn."""


def units(mix: Mix, seed: int, corpus: Sequence[str], read: Read) -> Iterator[Unit]:
    """The endless row of units, drawn as it goes."""
    # Here, so that whatever does not fuzz works without Hypothesis.
    from replay.fuzzing.plans import draw

    row = Row(mix, seed, corpus)

    @cache
    def drawn(batch: Batch) -> Sequence[Plan]:
        return draw(batch, seed)

    for number in count():
        yield row.unit(number, row.plan(number, drawn), read)


def planned_steps(plan: Plan | None) -> int:
    """What a unit counts for in a budget of transitions."""
    return MUTATED_STEPS if plan is None else plan.steps


def _mutated(number: int, seed: int, corpus: Sequence[str], read: Read) -> Unit:
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
