"""Authorities of any looseness: what they get, what they may hold, and that they agree with
themselves."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Verdict
from replay.fuzzing.expand import expand
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.model import Document, Start, Step, Stream, segments_of
from replay.targets.base import (
    Outcome,
    RefusalKind,
    Target,
    Work,
    encode_outcomes,
    is_refusal,
)
from replay.targets.open import open_target as open_any_target

AUTHORITIES = Path(__file__).parents[1] / "support" / "authorities"
DRESSED = ("named_tuples", "slots_and_lists", "enums_and_decimals", "own_numbers")
LOOSE = ("reads_loosely", "raises_its_own")
NOW = 1000.0
ORDER: dict[str, Document] = {
    "local_id": 1, "side": "buy", "role": "entry", "price": 0.2, "volume": 25.0,
    "trade_id": "B", "cycle": 1,
}  # fmt: skip
STATE: dict[str, Document] = {"market_price": 0.2, "now": NOW, "orders": [ORDER]}
START = Start(STATE, {}, 5.0, None)
TICK = Step((0, 0.2, NOW + 1.0))

open_target = partial(open_any_target, isolated=False)
"""What a core computes is the same in a process of its own (test_isolated_cores.py)."""


@cache
def loose(name: str, copy: int = 0) -> Target:
    """One of two instances of a stand-in; opened once, since opening asks git for a revision."""
    return open_target(str(AUTHORITIES / f"{name}.py"))


def answers(target: Target, start: Start, *steps: Step) -> list[Outcome]:
    target.submit(Work(1, start, list(steps), last=True))
    return target.collect().results  # type: ignore[return-value]


def verdicts(authority: Target, shadow: Target, stream: Stream) -> set[Verdict]:
    lockstep = Lockstep(authority, shadow)
    run_stream(lockstep, segments_of(stream, 0))
    return set(+lockstep.tally.verdicts)


def spy(directory: Path, extra: str) -> Target:
    """A module that tells what it was given: as the text of what it raises."""
    path = directory / "spy.py"
    path.write_text(f"from replay.core import *\nimport dataclasses\n\n{extra}\n", "utf-8")
    return open_target(str(path))


TELLING = """
class Given(Exception): pass

def transition(state, event, config, size, sizes=None):
    raise Given(repr((event, config.sticky_mode_enabled, config.max_consecutive_refreshes,
                      config.price_decimals, size, sizes)))

def apply_order_regime_at_entry(state, local_id, regime):
    raise Given(repr((local_id, regime)))
"""


# --- What a module gets -----------------------------------------------------------------------


def test_events_settings_and_sizes_come_as_they_are(tmp_path: Path) -> None:
    event: dict[str, Document] = {
        "order_local_id": "7", "txid": None, "side": "Sell", "price": [], "volume": True,
        "fee": {}, "timestamp": "NaN", "venue": "kraken",
    }  # fmt: skip
    config = {"sticky_mode_enabled": 1, "max_consecutive_refreshes": 2.5, "unknown": 0}
    start = Start(STATE, config, "2", {"a": 1, "A": None})
    (told,) = answers(spy(tmp_path, TELLING), start, Step(event))
    assert told[0] == RefusalKind.ERROR
    assert told[1] == (
        "Given: (FillEvent(order_local_id='7', txid=None, side='Sell', price=[], volume=True, "
        "fee={}, timestamp='NaN'), 1, 2.5, 6, '2', {'a': 1, 'A': None})"
    )


def test_the_id_of_an_order_comes_as_it_is(tmp_path: Path) -> None:
    given = [answers(spy(tmp_path, TELLING), START, Step((5, one, None)))[0][1]
             for one in ("1", 1.5, None, 2**70)]  # fmt: skip
    assert given == [f"Given: ({one!r}, None)" for one in ("1", 1.5, None, 2**70)]


@pytest.mark.parametrize(
    ("start", "step", "about"),
    [
        (START, Step({"price": 1.0}), "event of no kind"),
        (START, Step([1, 2]), "event is no object"),  # type: ignore[arg-type]
        (Start(STATE, [], 5.0, None), TICK, "EngineConfig: config is no object"),
    ],
)
def test_what_can_be_made_into_no_record_is_our_own_refusal(
    start: Start, step: Step, about: str
) -> None:
    (outcome,) = answers(loose("reads_loosely"), start, step)
    assert outcome == [RefusalKind.UNMADE, about]


def test_a_record_class_that_refuses_what_it_is_given_is_named(tmp_path: Path) -> None:
    extra = (
        "@dataclasses.dataclass(frozen=True)\n"
        "class TimerTick:\n"
        "    timestamp: float\n"
        "    source: str\n"
    )
    module = spy(tmp_path, extra)
    (outcome,) = answers(module, START, Step({"timestamp": 5.0}))
    assert outcome[0] == RefusalKind.UNMADE
    assert outcome[1].startswith("TimerTick: TypeError: ")
    (taken,) = answers(module, START, Step({"timestamp": 5.0, "source": "clock"}))
    assert taken[0] != RefusalKind.UNMADE


def test_what_code_of_a_record_class_refuses_is_refused_by_the_module_itself(
    tmp_path: Path,
) -> None:
    extra = (
        "@dataclasses.dataclass(frozen=True)\n"
        "class TimerTick:\n"
        "    timestamp: float\n"
        "    def __post_init__(self):\n"
        "        if self.timestamp < 0:\n"
        "            raise ValueError('before the epoch')\n"
    )
    (outcome,) = answers(spy(tmp_path, extra), START, Step({"timestamp": -5.0}))
    assert outcome == [RefusalKind.ERROR, "ValueError: before the epoch"]


def test_a_reader_that_raises_a_value_error_has_met_no_arithmetic() -> None:
    start = Start({**STATE, "now": "no number"}, {}, 5.0, None)
    (outcome,) = answers(loose("reads_loosely"), start, TICK)
    assert outcome == [
        RefusalKind.ERROR,
        "ValueError: could not convert string to float: 'no number'",
    ]


def test_a_module_that_changes_what_it_reads_changes_nothing_of_the_streams() -> None:
    start = Start({**STATE, "orders": [dict(ORDER)]}, {}, 5.0, None)
    for _ in range(2):
        (outcome,) = answers(loose("raises_its_own"), start, TICK)
        assert not is_refusal(outcome), outcome
    assert start.state == STATE


# --- What a module may hold -------------------------------------------------------------------


@pytest.mark.parametrize("name", DRESSED)
def test_records_and_values_of_another_make_are_the_same_answers(name: str) -> None:
    ours = open_target("python")
    for profile in (Profile.LIVE, Profile.EDGE):
        stream = drawn(profile, 3)
        for pair in ((loose(name), ours), (ours, loose(name))):
            assert verdicts(*pair, stream) <= {Verdict.AGREE, Verdict.BOTH_REFUSE}


@pytest.mark.parametrize("name", DRESSED)
def test_what_is_answered_is_plain(name: str) -> None:
    stream = drawn(Profile.LIVE, 5)
    wanted = answers(open_target("python"), stream.start, *stream.steps)
    given = answers(loose(name), stream.start, *stream.steps)
    assert encode_outcomes(given) == encode_outcomes(wanted)
    assert types_in(given) <= {list, tuple, float, int, str, bool, type(None)}


def drawn(profile: Profile, seed: int) -> Stream:
    """The first steps of a generated stream."""
    stream = expand(plan_of_seed(profile, seed))
    return replace(stream, steps=stream.steps[:60])


def types_in(value: Any) -> set[type]:
    if isinstance(value, list | tuple):
        return {type(value)}.union(*map(types_in, value))
    return {type(value)}


@pytest.mark.parametrize("name", [*DRESSED, *LOOSE])
def test_a_loose_authority_never_differs_from_itself(name: str) -> None:
    for profile, seed in product(Profile, range(2)):
        seen = verdicts(loose(name), loose(name, 1), drawn(profile, seed))
        assert seen <= {Verdict.AGREE, Verdict.BOTH_REFUSE}, (profile, seed)


ODD: list[Any] = [{"A": 1.0}, [1], "text", "\ud800", 2**70, 1e300, None, True, "Infinity", [[]]]


@pytest.mark.parametrize("name", LOOSE)
@pytest.mark.parametrize("shadow", [*LOOSE, "python"])
def test_any_value_may_stand_anywhere_in_a_state(name: str, shadow: str) -> None:
    other = open_target("python") if shadow == "python" else loose(shadow, 1)
    for odd in ODD:
        states = [{**STATE, "orders": [{**ORDER, field: odd}]} for field in ORDER]
        states += [{**STATE, field: odd} for field in ("s2_entered_at", "now", "mode_source")]
        steps = (
            TICK,
            Step((1, NOW + 2.0), {"patch": {"last_refresh_direction_a": odd}}),
            Step((2, 1, "", "buy", 0.2, 25.0, 0.0, NOW + 3.0)),
            Step((5, odd, odd)),
            Step((6,)),
        )
        for state in states:
            stream = Stream(Start(state, {}, odd, {"A": odd}), steps)
            seen = verdicts(loose(name), other, stream)
            if name == shadow:
                assert seen <= {Verdict.AGREE, Verdict.BOTH_REFUSE}
