"""Which occurrences of a bucket are told in full."""

from __future__ import annotations

from replay.differential.buckets import Buckets, is_full, next_full
from replay.differential.model import Signature


def test_the_first_31_are_told_in_full_then_16_of_each_doubling() -> None:
    full = [number for number in range(1, 2**12) if is_full(number)]
    assert full[:31] == list(range(1, 32))
    for power in range(5, 12):
        between = [number for number in full if 2**power <= number < 2 ** (power + 1)]
        assert between == list(range(2**power, 2 ** (power + 1), 2 ** (power - 4)))


def test_a_hundred_thousand_occurrences_are_some_two_hundred_told_in_full() -> None:
    assert sum(map(is_full, range(1, 100_001))) == 216


def test_the_next_one_told_in_full_is_the_first_behind() -> None:
    expected = next_of = None
    for number in range(5_000, -1, -1):
        assert expected is None or next_full(number) == expected
        next_of = number if is_full(number) else next_of
        expected = next_of


def test_a_bucket_counts_all_and_knows_which_to_tell() -> None:
    bucket = Buckets()[Signature("PriceTick", "refresh", "state.now", "value")]
    told = [number for number in range(1, 1_001) if bucket.count()]
    assert told == [number for number in range(1, 1_001) if is_full(number)]
    assert (bucket.times, bucket.untold) == (1_000, 1_000 - len(told))
