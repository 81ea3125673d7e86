"""Where the evidence beside the kept occurrences comes from: neighbours, the corpus, plans.

All of it comes in the same order for the same finding and corpus, so that only the time there is
decides how much of it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from replay.errors import InputError
from replay.fuzzing.expand import expand
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.corpus import Corpus, Entry
from replay.streams.model import Step, Stream

CORPUS_STEPS = 5000
"""Steps of the corpus, half of them from streams that have most of the events in question."""

MAX_OF_ONE = 500
PACK = 50
"""Cases in one stream."""

PLANNED_STEPS = 200
PLANS = 3
"""Generated streams of each profile."""


def corpus_streams(corpora: Sequence[Path], event: str) -> Iterator[Stream]:
    """Streams of the corpus: those with most steps of this event (or method) first, then the
    others by their ids. Damaged streams, and directories that are not there, are passed over."""
    entries: list[tuple[Corpus, Entry]] = []
    for directory in corpora:
        corpus = Corpus(directory)
        try:
            entries += [(corpus, one) for one in corpus.entries() if isinstance(one, Entry)]
        except InputError:
            continue
    by_event = sorted(entries, key=lambda one: (-one[1].calls.get(event, 0), one[1].id))
    taken: set[str] = set()
    for row, bound in ((by_event, CORPUS_STEPS // 2), (entries, CORPUS_STEPS)):
        steps = sum(min(entry.steps, MAX_OF_ONE) for _, entry in entries if entry.id in taken)
        for corpus, entry in row:
            if entry.id in taken or steps >= bound:
                continue
            taken.add(entry.id)
            try:
                stream = corpus.read(entry.id)
            except InputError:
                continue
            steps += min(entry.steps, MAX_OF_ONE)
            yield Stream(stream.start, stream.steps[:MAX_OF_ONE], stream.origin)


def planned_streams(profiles: Sequence[Profile]) -> Iterator[Stream]:
    """Generated streams, the profiles in turn."""
    for seed in range(PLANS):
        for profile in profiles:
            plan = plan_of_seed(profile, seed)
            plan = replace(plan, steps=min(plan.steps, PLANNED_STEPS))
            yield expand(plan, f"generated {profile} {seed}")


def packed(streams: Iterator[Stream], size: int = PACK) -> Iterator[Stream]:
    """Cases of one step as streams of many, at each of which everything is set from outside: the
    answers are the same, and cost a tenth. A case of several steps stays as it is."""
    pack: list[Step] = []
    first: Stream | None = None
    for stream in streams:
        if len(stream.steps) != 1:
            yield stream
            continue
        step = stream.steps[0]
        if first is None:
            first, pack = stream, [step]
        else:
            pack.append(step._replace(changes={**stream.start._asdict(), **(step.changes or {})}))
        if len(pack) >= size:
            yield Stream(first.start, tuple(pack), first.origin)
            first = None
    if first is not None:
        yield Stream(first.start, tuple(pack), first.origin)


def batches(streams: Iterator[Stream], size: int) -> Iterator[list[Stream]]:
    """The streams, so many at a time."""
    while batch := list(islice(streams, size)):
        yield batch


def in_turn(*rows: Iterator[Stream]) -> Iterator[Stream]:
    """One of each row, again and again."""
    return chain.from_iterable(zip(*rows, strict=False))
