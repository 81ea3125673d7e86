"""What a cause has to stand before it is called verified: steps made to show that it is not so."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from cause_support import CORE, ENTRY, answers_of, edited, one_step
from support.ports.making import executable

from replay.explaining.causes.answered import Asking
from replay.explaining.causes.challenge import Challenge
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.found import Found
from replay.explaining.causes.known_ends import KnownEnds
from replay.explaining.causes.necessity import Necessity
from replay.explaining.causes.odd_numbers import first_of_each
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Reading, Statement
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.value_sorts import Sort
from replay.explaining.evidence.ties import tie_changes
from replay.explaining.search.contest import Clock
from replay.streams.model import Stream
from replay.targets.open import open_target

FILL = (2, 1, "T", "buy", 0.1, 20.0, 0.0, 5.0)
EXIT_FILL = (2, 1, "T", "sell", 0.1, 20.0, 0.0, 5.0)
EXIT = {**ENTRY, "side": "sell", "role": "exit", "entry_price": 0.1, "entry_fee": 0.0}

TURNED = edited(
    **{
        "in": ["exit_price"],
        "replace": "max(fill_price * (1 + p), market * (1 + e))",
        "with": "max(market * (1 + e), fill_price * (1 + p))",
    }
)
BREAK_EVEN = edited(**{"in": ["count_loss"], "replace": "net < 0", "with": "net <= 0"})
NAN_DISTANCE = one_step(FILL, {"entry_pct": math.nan}, orders=[ENTRY])


@pytest.mark.parametrize(
    ("switch", "cause", "needs", "others", "stands"),
    [
        # The port's limit is NaN where either part is; turned round, where the first one is.
        ("exit-limit-spreads-nan", TURNED, NAN_DISTANCE, (), False),
        ("break-even-is-a-loss", BREAK_EVEN, one_step(EXIT_FILL, orders=[EXIT]), (), True),
        # A reading that comes to the same where another number is odd: beside ordinary ones not.
        (
            "exit-limit-spreads-nan",
            Reading(Pattern("config", "", "profit_pct", "d"), Sort.DOUBLE, Taking.NAN),
            one_step(
                FILL,
                {"entry_pct": math.nan, "profit_pct": 1.0},
                orders=[ENTRY],
                profit_pct_runtime=0.0,
            ),
            (),
            False,
        ),
        # Only a NaN in the config is looked at here; the port refuses every other one as well.
        (
            "nan-is-refused",
            Reading(Pattern("config", kind="d"), Sort.NAN, Taking.REFUSED),
            NAN_DISTANCE,
            (one_step((1, 5.0)),),
            True,
        ),
        # An infinity in the config is refused; one of the state is read.
        (
            "infinite-config-is-refused",
            Reading(Pattern(), Sort.INFINITY, Taking.REFUSED),
            one_step((1, 5.0), {"entry_pct": math.inf}),
            (one_step((0, 0.1, 5.0), orders=[ENTRY]),),
            False,
        ),
    ],
)
def test_a_cause_stands_only_where_steps_made_against_it_do_not_show_that_it_is_not_so(
    switch: str,
    cause: Statement,
    needs: Stream,
    others: tuple[Stream, ...],
    stands: bool,
    tmp_path: Path,
) -> None:
    pool = Pool(CorrectedCore(CORE, reads_next=True))
    cores = open_target("python"), open_target(str(executable(tmp_path, (switch,))))
    asking, clock = Asking(*cores), Clock(400.0)
    pool.add(asking.ask([needs, *others]))
    pool.accept(cause)
    assert not pool.unexplained
    challenge = Challenge(pool, asking, Necessity(pool, clock), clock, KnownEnds(pool))
    assert challenge.meet_next(1.0) is not stands
    assert challenge.has_met(cause)
    assert not challenge.meet_next(1.0), "once is enough"
    # Where both cores agree no other cause can be what is at work.
    assert any(not step.authority_left for step in pool.unexplained) is not stands
    for core in cores:
        core.close()


def test_that_everything_is_rounded_in_another_way_does_not_stand_where_only_exits_are(
    tmp_path: Path,
) -> None:
    everywhere = edited(**{"name": "rounds by scaling", "in": ["numbers.rnd"]})
    cores = (
        open_target("python"),
        open_target(str(executable(tmp_path, ("exit-price-by-scaling",)))),
    )
    asking, clock = Asking(*cores), Clock(400.0)
    ties = asking.ask(islice(tie_changes([one_step(FILL, orders=[ENTRY])], 5), 300))
    needs = [step for step in ties if step.authority_left]
    pool = Pool(CorrectedCore(CORE, reads_next=True))
    pool.add([*needs, *asking.ask([one_step((0, 0.2, 5.0), orders=[ENTRY])])])
    pool.accept(everywhere)
    assert needs
    assert not pool.unexplained
    assert Challenge(pool, asking, Necessity(pool, clock), clock, KnownEnds(pool)).meet_next(1.0)
    assert not any(step.authority_left for step in pool.unexplained)
    for core in cores:
        core.close()


def test_what_was_not_put_to_the_test_is_not_verified(tmp_path: Path) -> None:
    steps = tuple(answers_of(tmp_path, ("break-even-is-a-loss",), *[NAN_DISTANCE] * 2))
    kept = tuple(replace(step, finding="d-1") for step in steps)
    assert Found("c-1", BREAK_EVEN, kept, 0).is_verified
    assert not Found("c-1", BREAK_EVEN, kept, 0, was_challenged=False).is_verified


def test_what_a_few_steps_need_that_nobody_has_met_is_not_verified(tmp_path: Path) -> None:
    steps = tuple(answers_of(tmp_path, ("break-even-is-a-loss",), *[NAN_DISTANCE] * 8))
    assert Found("c-1", BREAK_EVEN, steps, 0).is_verified
    assert not Found("c-1", BREAK_EVEN, steps[1:], 0).is_verified


def test_an_odd_number_is_put_elsewhere_with_an_ordinary_one_in_its_place(tmp_path: Path) -> None:
    (step,) = answers_of(tmp_path, (), NAN_DISTANCE)
    configs = [repr(stream.start.config) for _, stream in first_of_each(step)]
    assert "{'entry_pct': 1.0, 'profit_pct': nan}" in configs
