"""Survivors meet further evidence, and each other.

First all of them meet the same evidence from everywhere: neighbours of the occurrences, the corpus,
generated streams. Those that are left may still behave differently on inputs that nobody has
thought of yet: they are run against each other on ever more neighbours, which costs little, and
the real cores are only asked where two of them differ. Each such input refutes at least one, unless
the cores cannot tell. Survivors that never differ count as the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from replay.errors import FailureStorm
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.evidence.passages import Passage, Role, Witness, replies, same_answer
from replay.explaining.evidence.supply import packed
from replay.explaining.search.contest import Clock, Contest, in_force
from replay.streams.model import Stream
from replay.targets.base import Failure, Work

BATCH = 200
"""Inputs between two looks at the clock."""

APART_BATCHES = 30
QUIET = 4
"""Batches on which survivors are run against each other; and in a row on which none of them
differed, after which they count as the same."""

GATHERED, APART = 0.75, 0.9
"""Up to which share of the budget evidence is gathered, and survivors are told apart."""


class Rivals:
    """Brings evidence to a contest: batch after batch from each of some rows, then from `more`,
    which is endless, whatever survivors differ on.

    `inputs` counts what the edited cores were run on beside the kept occurrences. `is_model` says
    that the core being edited only stands for the authority, so that steps on which it differs
    from it say nothing. `storm` says why the cores are not asked any more, if they are not.
    """

    def __init__(
        self,
        contest: Contest,
        witness: Witness,
        rows: Sequence[Iterator[list[Stream]]],
        more: Iterator[Stream],
        on_progress: Callable[[int, str], None],
        *,
        is_model: bool,
    ) -> None:
        self._contest = contest
        self._witness = witness
        self._rows = rows
        self._more = more
        self._on_progress = on_progress
        self._is_model = is_model
        self._undecided: list[Passage] = []
        self.inputs = 0
        self.storm = ""

    def gather(self, clock: Clock) -> bool:
        """Goes on gathering until no survivor is left, or nothing tells them apart. False where
        time was up before."""
        for row in self._rows:
            while not self._is_over and (batch := next(row, None)) is not None:
                self._ask(batch)
                if clock.beyond(GATHERED):
                    return False
        return self._tell_apart(clock)

    @property
    def _is_over(self) -> bool:
        return not self._contest.alive or bool(self.storm) or self._witness.gave_up

    def _ask(self, streams: Sequence[Stream]) -> list[Passage]:
        """Holds the survivors against the true answers to some streams."""
        try:
            passages = self._telling(self._witness.ask(streams))
        except FailureStorm as storm:
            self.storm = storm.message
            return []
        self.inputs += sum(len(one.stream.steps) for one in passages)
        self._contest.weigh(passages)
        self._on_progress(self.inputs, "inputs")
        return passages

    def _telling(self, passages: list[Passage]) -> list[Passage]:
        """The passages that say something about edits of this core."""
        if not self._is_model:
            return passages
        known = as_the_core_is(self._contest.core, passages)
        return [one for one, is_known in zip(passages, known, strict=True) if is_known]

    def _tell_apart(self, clock: Clock) -> bool:
        """Looks for inputs on which survivors differ, and has the real cores decide. False where
        time was up before."""
        quiet = 0
        for _ in range(APART_BATCHES):
            if self._is_over or len(self._contest.alive) < 2 or quiet >= QUIET:
                return True
            if clock.beyond(APART):
                return False
            batch = list(packed(islice(self._more, BATCH)))
            differing = [batch[place] for place in self._differing(batch)]
            self.inputs += BATCH
            quiet = 0 if differing else quiet + 1
            before = len(self._contest.alive)
            passages = self._ask(differing) if differing else []
            if len(self._contest.alive) == before:
                self._undecided += [one for one in passages if Role.ASIDE in one.roles]
        return True

    def _differing(self, streams: Sequence[Stream]) -> list[int]:
        """The places of the streams that the survivors do not all answer alike."""
        core = self._contest.core
        answered = [(at, one) for at, one in enumerate(unjudged(core, streams)) if one is not None]
        passages = [one for _, one in answered]
        answers = [_answers(core, edit, passages) for edit in self._contest.alive]
        return [
            at
            for (at, _), *given in zip(answered, *answers, strict=True)
            if any(one != given[0] for one in given[1:])
        ]

    def like_the_first(self, edits: Sequence[Edit]) -> list[bool]:
        """For each edit whether it answers like the first one wherever the cores could not tell
        which of them is right."""
        set_aside = [one for one in self._contest.evidence if Role.ASIDE in one.roles]
        passages = list(dict.fromkeys([*set_aside, *self._undecided]))
        answers = [_answers(self._contest.core, edit, passages) for edit in edits]
        return [one == answers[0] for one in answers]


def as_the_core_is(core: EditableCore, passages: Sequence[Passage]) -> list[bool]:
    """For each passage whether the core as it is gives the authority's answers."""
    with in_force(core, None) as target:
        assert target is not None
        answers = [replies(target, one).results for one in passages]
    return [
        all(same_answer(one, at, given, one.authority[at]) for at, given in enumerate(results))
        for one, results in zip(passages, answers, strict=True)
    ]


def unjudged(core: EditableCore, streams: Sequence[Stream]) -> Iterator[Passage | None]:
    """Streams with the answers of the core as it is for a guide; None where it has none."""
    with in_force(core, None) as target:
        assert target is not None
        for stream in streams:
            target.submit(Work(0, stream.start, stream.steps, True))
            results = target.collect().results
            outcomes = tuple(one for one in results if not isinstance(one, Failure))
            if len(outcomes) < len(results):
                yield None
                continue
            nothing = (None,) * len(outcomes)
            roles = (Role.ASIDE,) * len(outcomes)
            yield Passage(stream, outcomes, outcomes, roles, nothing, None)


def _answers(core: EditableCore, edit: Edit, passages: Sequence[Passage]) -> list[bytes | str]:
    """What stands for an edited core's answers to each of some passages: equal where they are."""
    with in_force(core, edit) as target:
        if target is None:
            return [""] * len(passages)
        given = [replies(target, one) for one in passages]
    return [repr(one.results) if one.blob is None else one.blob for one in given]
