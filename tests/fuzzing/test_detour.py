"""A refusal that lasts for as long as a setting does must not hide all else of a campaign."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from replay.differential.lockstep import Lockstep
from replay.differential.model import Verdict
from replay.fuzzing.campaign_units import units
from replay.fuzzing.detour import Detour
from replay.fuzzing.generate import run_source
from replay.fuzzing.mix import Mix
from replay.streams.model import Start, Step, Stream
from replay.targets.pair import PairSpec

TRANSITIONS = 4000

REFUSALS = {
    "an infinity in the settings": "infinite(config)",
    "all but one value of a setting": "config.price_decimals != 6",
    "a number in the state that only grows": "state.next_order_id > 40",
}

CORE = """
from dataclasses import fields
from math import inf
import replay.core as core
from replay.core import *

def infinite(config):
    return any(getattr(config, one.name) in (inf, -inf) for one in fields(config))

def transition(state, event, config, order_size_usd, order_sizes=None):
    if {when}:
        raise ValueError("refused")
    return core.transition(state, event, config, order_size_usd, order_sizes)
"""


def campaign(shadow: Path, transitions: int) -> tuple[Lockstep, list[Stream]]:
    """So many transitions of the edge profile, and the streams that they were."""
    authority, other = PairSpec("python", str(shadow), isolated=False).open()
    with closing(authority), closing(other):
        lockstep = Lockstep(authority, other)
        streams = []
        for unit in units(Mix.EDGE, 1, (), read):
            start, source = unit.open()
            streams.append(run_source(lockstep, unit.number, start, source, unit.origin).stream)
            if lockstep.tally.transitions >= transitions:
                break
        lockstep.finish()
    return lockstep, streams


def read(name: str) -> Stream:
    raise AssertionError(name)


@pytest.mark.parametrize("name", REFUSALS)
def test_what_the_shadow_refuses_takes_at_most_a_tenth_of_a_campaign(
    tmp_path: Path, name: str
) -> None:
    shadow = tmp_path / "refuses.py"
    shadow.write_text(CORE.replace("{when}", REFUSALS[name]))
    lockstep, streams = campaign(shadow, TRANSITIONS)
    tally = lockstep.tally
    alike = tally.verdicts[Verdict.AGREE] + tally.verdicts[Verdict.BOTH_REFUSE]
    assert 0 < tally.transitions - alike <= tally.transitions / 10
    assert len(streams) >= 8


def test_it_goes_the_smallest_way_and_gives_up_in_the_end() -> None:
    odd = {"entry_pct": float("inf"), "profit_pct": -1.0, "refresh_pct": 7.5}
    start = Start({}, odd, 3.5, None)
    detour = Detour(start)

    def way() -> dict[str, object]:
        step = detour.way_round()
        assert step is not None
        assert step.changes is not None
        return {**step.changes, **detour.config}

    assert (way()["entry_pct"], detour.config["profit_pct"]) == (0.2, -1.0)
    assert (way()["profit_pct"], detour.config["refresh_pct"]) == (1.0, 7.5)
    known = way()
    assert (known["refresh_pct"], known["order_size_usd"]) == (1.0, 5.0)
    assert "state" in way()
    assert detour.way_round() is None
    assert detour.is_given_up

    detour.answered()
    [step] = detour.sent([Step((1, 5.0), {"config": start.config, "order_sizes": {"A": 1.0}})])
    assert step.changes == {"config": known["config"], "order_sizes": {"A": 1.0}}
    assert not detour.is_given_up
