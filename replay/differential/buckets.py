"""How often each bug was met, and which of its occurrences are told in full.

A finding told in full comes with its case and costs far more than seeing that it is one, so of a
flood only few are: the first ones, and then ever fewer, spread evenly over each doubling. Which
ones depends on nothing but their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from replay.differential.model import Signature, Verdict
from replay.targets.base import FailureKind

FULL_IN_DOUBLING = 16
"""Of the occurrences from a power of two up to the next, so many are told in full (all of them
where there are fewer): the first 31, and some 200 of 100,000."""


def is_full(number: int) -> bool:
    """Whether this occurrence of a bucket, counted from 1, is told in full."""
    return number % _spacing(number) == 0


def next_full(number: int) -> int:
    """The first occurrence after this one that is told in full."""
    # A multiple of the spacing on either side of a power of two, so it makes no odds which it is.
    spacing = _spacing(number)
    return number - number % spacing + spacing


def _spacing(number: int) -> int:
    return 1 << max(0, number.bit_length() - FULL_IN_DOUBLING.bit_length())


@dataclass(slots=True, eq=False)
class Bucket:
    """What was met with one signature. `times` counts all of it, and `due` is the number of the
    next occurrence to be told in full. `untold` are those that nobody has been told of yet,
    `elsewhere` those of `times` that were met before, by others."""

    signature: Signature
    id: str
    times: int = 0
    due: int = 1
    untold: int = 0
    elsewhere: int = 0

    def count(self) -> bool:
        """Counts one occurrence; true where it is to be told in full."""
        self.times += 1
        if self.times < self.due:
            self.untold += 1
            return False
        self.due = next_full(self.times)
        return True

    def count_untold(self) -> None:
        """Counts one that is not told in full, whatever its number."""
        self.times += 1
        self.untold += 1


class Buckets(dict[Signature, Bucket]):
    """All buckets met, by signature; made when first asked for."""

    def __missing__(self, signature: Signature) -> Bucket:
        bucket = self[signature] = Bucket(signature, signature.id)
        return bucket

    def expect(self, met: Mapping[Signature, int]) -> None:
        """Goes on from what was met elsewhere: how often each bug was."""
        for signature, times in met.items():
            due = next_full(times)
            self[signature] = Bucket(signature, signature.id, times, due, elsewhere=times)

    def met(self) -> dict[Signature, int]:
        """How often each bug was met here."""
        counts = {one.signature: one.times - one.elsewhere for one in self.values()}
        return {signature: times for signature, times in counts.items() if times}


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What all steps of one outline come to; `failure` where the shadow gave no usable answer."""

    verdict: Verdict
    failure: FailureKind | None
    bucket: Bucket
