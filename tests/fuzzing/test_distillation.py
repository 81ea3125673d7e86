"""A minimised corpus reaches all that the whole one reaches, with as little as need be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from replay.runs.distillation import Weighed, smallest_cover

_streams = st.lists(
    st.tuples(st.integers(1, 50), st.frozensets(st.sampled_from("abcdefgh"))), max_size=12
)


def all_of(streams: list[Weighed]) -> frozenset[str]:
    return frozenset[str]().union(*(one.reaches for one in streams))


@given(_streams)
def test_nothing_is_lost_and_none_is_kept_that_the_others_do_without(
    drawn: list[tuple[int, frozenset[str]]],
) -> None:
    streams = [Weighed(f"{number:02}", *one) for number, one in enumerate(drawn)]
    kept = smallest_cover(streams)
    assert all_of(kept) == all_of(streams)
    assert set(kept) <= set(streams)
    assert smallest_cover(reversed(streams)) == kept
    for one in kept:
        assert not one.reaches <= all_of([other for other in kept if other is not one])


def test_two_short_streams_are_better_than_one_long_one() -> None:
    long = Weighed("long", 1000, frozenset("abc"))
    short = [Weighed("one", 10, frozenset("ab")), Weighed("two", 10, frozenset("c"))]
    assert sorted(smallest_cover([long, *short])) == sorted(short)
