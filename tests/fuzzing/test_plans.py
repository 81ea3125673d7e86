"""Plans: Hypothesis used outside of a test, with nothing left to the machine."""

import os
import subprocess
import sys
from itertools import islice

import pytest

from replay.fuzzing.plan import Plan, Profile
from replay.fuzzing.plan_batches import HEAD, VARIANTS, Batch
from replay.fuzzing.plans import draw, plans
from replay.fuzzing.seeded_plans import plan_of_seed

PRINT_PLANS = (
    "import sys\n"
    "from itertools import islice\n"
    "from replay.fuzzing.plan import Profile\n"
    "from replay.fuzzing.plans import plans\n"
    "print(list(islice(plans(Profile.EDGE, 11), 40)))\n"
)


@pytest.mark.parametrize("profile", Profile)
def test_the_same_seed_gives_the_same_plans(profile: Profile) -> None:
    assert list(islice(plans(profile, 7), 60)) == list(islice(plans(profile, 7), 60))


def test_another_seed_and_another_profile_give_other_plans() -> None:
    first = {plan.seed for plan in islice(plans(Profile.LIVE, 1), 60)}
    assert not first & {plan.seed for plan in islice(plans(Profile.LIVE, 2), 60)}
    assert not first & {plan.seed for plan in islice(plans(Profile.EDGE, 1), 60)}


def test_no_two_plans_of_a_row_have_the_same_seed() -> None:
    row = list(islice(plans(Profile.LIVE, 3), 2000))
    assert len({plan.seed for plan in row}) == 2000


def test_a_plan_comes_in_several_variants_and_then_another_one_follows() -> None:
    row = list(islice(plans(Profile.LIVE, 3), 40 * VARIANTS))
    shapes = [_without_seed(plan) for plan in row]
    for begin in range(0, len(shapes), VARIANTS):
        assert len(set(shapes[begin : begin + VARIANTS])) == 1
    assert len(set(shapes)) > 30


def test_the_environment_and_loaded_modules_do_not_change_the_plans(tmp_path: object) -> None:
    """CI=true makes Hypothesis load a profile of its own, and it draws constants that it finds in
    loaded modules: neither may reach a plan."""
    here = repr(list(islice(plans(Profile.EDGE, 11), 40)))
    for extra in ({}, {"CI": "true"}):
        ran = subprocess.run(
            [sys.executable, "-c", PRINT_PLANS],
            env={**os.environ, **extra, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            cwd=str(tmp_path),
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.strip() == here


def test_drawing_leaves_no_example_database_behind(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    list(islice(plans(Profile.LIVE, 99), 10))
    assert not os.path.exists(".hypothesis/examples")


def test_a_seeded_plan_needs_no_hypothesis_and_is_fixed_for_good() -> None:
    plan = plan_of_seed(Profile.LIVE, 5)
    assert plan == plan_of_seed(Profile.LIVE, 5)
    assert plan.profile is Profile.LIVE
    assert plan.seed == 5
    assert len({_without_seed(plan_of_seed(Profile.LIVE, seed)) for seed in range(50)}) == 50


def _without_seed(plan: Plan) -> tuple[object, ...]:
    return tuple(getattr(plan, name) for name in plan.__slots__ if name != "seed")


@pytest.mark.parametrize("profile", Profile)
def test_the_head_of_a_batch_is_how_all_of_it_begins(profile: Profile) -> None:
    """So that what a campaign runs does not depend on which of them was drawn."""
    whole = draw(Batch(profile, 0), 7)
    assert draw(Batch(profile, 0, is_head=True), 7) == whole[:HEAD]
