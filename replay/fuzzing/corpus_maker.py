"""Makes the corpus that ships with the project: `python -m replay.fuzzing.corpus_maker DIRECTORY`.

All directed scenarios, and of many short generated streams and mutants those few that reach the
most beside them. Nothing depends on the machine, the time or the version of Hypothesis, so the
files are the same each time; a test makes them again and compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from replay.fuzzing.expand import expand, outcomes_of
from replay.fuzzing.features import features
from replay.fuzzing.mutate import mutate
from replay.fuzzing.plan import Profile
from replay.fuzzing.scenarios import scenarios
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.corpus import Corpus
from replay.streams.model import Stream
from replay.streams.packed import pack

SEEDS = 60
"""Candidates of each profile."""

STEPS = {Profile.LIVE: 300, Profile.EDGE: 100, Profile.HOSTILE: 80}

MOST_STREAMS = 58

LEAST_GAIN = 3.0
"""A stream that gains less than this is not worth a file."""

REFUSAL_WEIGHT = 0.2
"""What a refused path counts for: there are as many as fields, all refused by one rule."""

BYTES_FOR_A_FEATURE = 8000
"""How much a new feature may cost: hostile streams reach many, but carry whole documents."""


class _Candidate(NamedTuple):
    stream: Stream
    features: frozenset[str]
    size: int


def shipped_streams() -> list[Stream]:
    """The streams of the shipped corpus, in the order they were chosen."""
    chosen = list(scenarios())
    reached: set[str] = set()
    for stream in chosen:
        reached |= _features(stream)
    candidates = [
        _Candidate(stream, _features(stream), len(pack([list(stream.start), list(stream.steps)])))
        for stream in _candidates(chosen)
    ]
    while len(chosen) < MOST_STREAMS and candidates:
        # The first of the best: candidates keep their order, so ties are settled.
        best = max(candidates, key=lambda one: _worth(one.features - reached) / (30000 + one.size))
        candidates.remove(best)
        gain = _worth(best.features - reached)
        if gain < LEAST_GAIN:
            break
        if best.size <= gain * BYTES_FOR_A_FEATURE:
            chosen.append(best.stream)
            reached |= best.features
    return chosen


def _candidates(directed: list[Stream]) -> Iterator[Stream]:
    for profile in Profile:
        for seed in range(SEEDS):
            plan = plan_of_seed(profile, seed)
            plan = replace(plan, steps=STEPS[profile], history=min(plan.history, 3))
            yield expand(plan, f"generated: {profile} plan of seed {seed}, {plan.steps} steps")
    for seed, stream in enumerate(directed * 2):
        yield mutate(stream, directed[(seed * 7 + 3) % len(directed)], seed)


def _features(stream: Stream) -> frozenset[str]:
    return features(stream.start, stream.steps, outcomes_of(stream))


def _worth(found: frozenset[str]) -> float:
    refused = sum(1 for one in found if one.startswith("refused "))
    return len(found) - refused + REFUSAL_WEIGHT * refused


def write(directory: str) -> list[str]:
    """Adds the shipped streams to the corpus in `directory`; gives their IDs."""
    corpus = Corpus(directory)
    return [corpus.add(stream)[0] for stream in shipped_streams()]


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python -m replay.fuzzing.corpus_maker DIRECTORY")
    sys.stdout.write(f"{len(write(sys.argv[1]))} streams in {sys.argv[1]}\n")
