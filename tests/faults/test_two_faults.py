"""Two faults at once do not share a bucket.

What is found with both of them is asked of an executable that has just the one, and of one that has
just the other. What both of these show is nobody's in particular; but no bucket may hold something
that only the one shows and something that only the other does.
"""

from __future__ import annotations

from contextlib import closing
from itertools import combinations

import pytest
from fault_runs import Runs, Witnesses, spread
from planted_faults import SUITE, Builds, Fault

from replay.differential.model import Finding

DIVERGENCES = [fault for fault in SUITE if fault.failure is None]
LOOKED_AT = 400
"""Occurrences of a bucket that are looked at, from all of those that were told in full."""

PAIRS = [
    # The same rule and the same decision or figure, got wrong in two ways.
    ("an entry rests on the very second", "no cool-down between refreshes"),
    ("S2 waits as long as S1", "the nearer exit of two equal ones"),
    ("scaled rounding of exit prices", "an exit keeps its trade's own distance"),
    ("a loss counted at break-even", "no base cooldown after a cycle"),
    ("the youngest of equally far recoveries", "the nearer exit of two equal ones"),
    ("regimes in lower case", "only entries get a regime"),
    # Where one happens, the other often does.
    ("backoff begins one loss late", "a rounding that cuts off: volumes"),
    ("one recovery too many is kept", "the fee of an eviction"),
]


SELDOM_APART = (
    ("scaled rounding of exit prices", "an exit keeps its trade's own distance"),
    ("one recovery too many is kept", "the fee of an eviction"),
)
"""Pairs of which the first hardly ever shows where the second does not: an eviction without a fee,
an exit at a distance at which both are the same."""


def named(part: str) -> Fault:
    (fault,) = (fault for fault in DIVERGENCES if part in fault.name)
    return fault


def owners(findings: list[Finding], witnesses: Witnesses) -> set[tuple[bool, ...]]:
    """Who shows what is in a bucket."""
    return {witnesses.differ(finding.case) for finding in spread(findings, LOOKED_AT)}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: " and ".join(pair))
def test_two_faults_planted_at_once_share_no_bucket(
    pair: tuple[str, str], runs: Runs, builds: Builds
) -> None:
    one, other = map(named, pair)
    ran = runs(one, other)
    with closing(Witnesses(builds(one), builds(other))) as witnesses:
        shown = {line.id: owners(ran.told[line.id], witnesses) for line in ran.divergences}
    mixed = [identity for identity, who in shown.items() if {(True, False), (False, True)} <= who]
    assert not mixed
    everywhere = set().union(*shown.values())
    wanted = {(False, True), (True, True) if pair in SELDOM_APART else (True, False)}
    assert everywhere >= wanted, "one of them was not met by itself"


def test_no_two_faults_have_a_bucket_in_common(runs: Runs) -> None:
    """The same for all pairs of them, by what was found with each alone."""
    ran = {fault: runs(fault) for fault in DIVERGENCES}
    mixed = []
    for one, other in combinations(DIVERGENCES, 2):
        common = {line.id for line in ran[one].divergences} & ran[other].told.keys()
        for identity in common:
            with closing(Witnesses(ran[one].exe, ran[other].exe)) as witnesses:
                who = [owners(ran[fault].told[identity], witnesses) for fault in (one, other)]
            if {(True, False), (False, True)} <= who[0] | who[1]:
                mixed.append((one.name, other.name, identity))
    assert not mixed
