"""The family of ports: right without switches, and each switch is a difference."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import pytest
from support.ports.making import core_file, executable, source_with
from support.ports.switches import SWITCHES

from replay.differential.lockstep import Lockstep, run_stream
from replay.fuzzing.expand import expand
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.model import Stream, segments_of
from replay.targets.open import open_target


def _streams(profiles: Iterable[Profile]) -> list[Stream]:
    return [
        expand(plan_of_seed(profile, seed), f"{profile} {seed}")
        for seed in range(3)
        for profile in profiles
    ]


@pytest.mark.parametrize(
    ("make", "profiles"),
    # A module gets events and settings as they come: what is no number is its own business there.
    [(core_file, (Profile.LIVE,)), (executable, tuple(Profile))],
)
def test_without_switches_the_port_gives_the_cores_answers(
    make: Callable[[Path, Collection[str]], Path], profiles: tuple[Profile, ...], tmp_path: Path
) -> None:
    cores = open_target("python"), open_target(str(make(tmp_path, ())))
    lockstep = Lockstep(*cores)
    found = []
    for key, stream in enumerate(_streams(profiles)):
        found += run_stream(lockstep, segments_of(stream, key))
    for core in cores:
        core.close()
    assert [(one.id, one.differences, one.shadow) for one in found] == []
    assert lockstep.tally.transitions > 500


def test_every_switch_is_in_the_port_and_every_one_of_the_port_is_described() -> None:
    assert set(re.findall(r'on\("([a-z0-9-]+)"\)', source_with(()))) - {"name"} == set(SWITCHES)
