"""Features: read off outcomes, without looking at quiet ticks."""

from replay.fuzzing.expand import outcomes_of
from replay.fuzzing.features import Features, features, phase_of
from replay.fuzzing.scenarios import scenarios
from replay.fuzzing.script import Script, exit_order
from replay.streams.model import Step
from replay.targets.base import Failure, FailureKind


def _of(play: Script) -> frozenset[str]:
    stream = play.stream()
    return features(stream.start, stream.steps, outcomes_of(stream))


def test_quiet_ticks_have_no_features() -> None:
    play = Script("quiet")
    play.timer()
    before = _of(play)
    for price in (0.2001, 0.1999, 0.2):
        play.tick(price)
        play.timer()
    assert _of(play) == before


def test_a_fill_names_its_actions_its_phases_and_what_changed() -> None:
    play = Script("fill")
    play.timer()
    play.fill(2)
    found = _of(play)
    assert "FillEvent place exit entry_fill_exit" in found
    assert "FillEvent in S0: place exit entry_fill_exit" in found
    assert "phase S0 > S1a" in found
    assert "FillEvent in S0 changed orders" in found


def test_a_patch_is_not_taken_for_the_events_own_doing() -> None:
    play = Script("patch")
    play.timer()
    play.timer(1.0, patch={"orders": [], "cycle_a": 5})
    found = _of(play)
    assert {"patched orders", "patched cycle_a", "from outside: patch"} <= found
    assert not any(one.startswith(("TimerTick in S0 changed", "phase")) for one in found)


def test_refusals_are_named_by_kind_and_path_without_indices() -> None:
    play = Script("refused")
    play.timer(1.0, patch={"orders": [{"local_id": None}]})
    play.call({})
    found = _of(play)
    assert "refused unreadable orders[].local_id TimerTick" in found
    assert "refused unknown_event" in found


def test_evictions_are_counted() -> None:
    found = _of(Script("none"))
    assert not any(one.startswith("evicted") for one in found)
    for stream in scenarios():
        if "evictions" in stream.origin:
            reached = features(stream.start, stream.steps, outcomes_of(stream))
            assert {
                "evicted 1",
                "evicted 2",
                "evicted with txid",
                "evicted some with txid",
            } <= reached


def test_a_failure_has_no_features_and_what_follows_still_has() -> None:
    play = Script("failed", {"orders": [exit_order(1, "buy", 0.19)]})
    play.timer()
    play.timer()
    play.fill(1)
    stream = play.stream()
    outcomes = outcomes_of(stream)
    collector = Features(stream.start)
    collector.add(stream.steps, [outcomes[0], Failure(FailureKind.TIMEOUT, ""), outcomes[2]])
    assert "FillEvent book" in collector.found


def test_features_come_out_the_same_in_one_piece_or_in_many() -> None:
    for stream in scenarios():
        outcomes = outcomes_of(stream)
        collector = Features(stream.start)
        for step, outcome in zip(stream.steps, outcomes, strict=True):
            collector.add([step], [outcome])
        assert collector.found == features(stream.start, stream.steps, outcomes)


def test_the_phase_of_what_are_no_orders_is_unknown() -> None:
    assert phase_of(None) == "?"
    assert phase_of([]) == "S0"
    assert features(Script("empty").stream().start, [], []) == frozenset()
    assert Step((6,)).changes is None
