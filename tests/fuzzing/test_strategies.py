"""The fully drawn strategies: small, shrinkable, and of the profile they name."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from replay.core import config_from_dict, event_from_dict, from_dict, order_size_from
from replay.fuzzing.expand import outcomes_of
from replay.fuzzing.plan import Profile
from replay.fuzzing.strategies import calls, configs, events, sizes, states, streams
from replay.streams.model import Stream
from replay.streams.packed import pack, unpack
from replay.targets.base import is_refusal

READABLE = (Profile.LIVE, Profile.EDGE)
quick = settings(
    max_examples=60, deadline=None, database=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.mark.parametrize("profile", READABLE)
def test_documents_of_live_and_edge_can_be_read(profile: Profile) -> None:
    @quick
    @given(st.data())
    def check(data: Any) -> None:
        config = data.draw(configs(profile))
        config_from_dict(config)
        from_dict(data.draw(states(profile, config)))
        order_size_from(data.draw(sizes(profile))[0])
        event_from_dict(data.draw(events(profile)))

    check()


@pytest.mark.parametrize("profile", Profile)
def test_drawn_streams_can_be_run_and_packed(profile: Profile) -> None:
    @quick
    @given(streams(profile))
    def check(stream: Stream) -> None:
        assert len(outcomes_of(stream)) == len(stream.steps)
        unpack(pack([list(stream.start), [[step.changes] for step in stream.steps]]))

    check()


def test_live_streams_drawn_are_never_refused() -> None:
    @quick
    @given(streams(Profile.LIVE))
    def check(stream: Stream) -> None:
        assert not any(is_refusal(outcome) for outcome in outcomes_of(stream))

    check()


@pytest.mark.parametrize("profile", Profile)
def test_calls_without_a_state_are_calls_all_the_same(profile: Profile) -> None:
    @quick
    @given(calls(profile))
    def check(call: Any) -> None:
        assert isinstance(call, dict) or 0 <= call[0] <= 6

    check()


def test_hostile_documents_are_often_unreadable() -> None:
    refused = 0

    @quick
    @given(states(Profile.HOSTILE))
    def count(document: Any) -> None:
        nonlocal refused
        try:
            from_dict(document)
        except ValueError:
            refused += 1

    count()
    assert 5 < refused < 55


def test_a_drawn_stream_shrinks_to_an_event_or_two() -> None:
    """What a test fails on comes out short: here, a booked cycle needs one fill of an exit.

    Nearly always that is all; which examples Hypothesis begins with depends on the modules that
    are loaded, and from some it gets stuck with one step more.
    """

    def books(stream: Stream) -> bool:
        return any(
            action[0] == 3
            for outcome in outcomes_of(stream)
            if not is_refusal(outcome)
            for action in outcome[1]
        )

    found = find(
        streams(Profile.LIVE),
        books,
        settings=settings(
            max_examples=2000, database=None, derandomize=True,
            phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    assert len(found.steps) <= 2
