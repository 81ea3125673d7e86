"""Which edits can make a step right at all: a sieve that must not lose the one that does."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from edit_support import single_file_core
from support.ports.making import core_file

from replay.explaining.causes.answered import Answered, Asking
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import Edited
from replay.explaining.causes.suspects import Suspects
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.editing.purity import impure_functions
from replay.explaining.edits import edits_of
from replay.fuzzing.expand import expand
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.model import Stream
from replay.targets.open import open_target

STEPS, EDITS = 4, 24


def streams() -> list[Stream]:
    made = [expand(plan_of_seed(profile, 7), f"{profile}") for profile in Profile]
    return [Stream(one.start, one.steps[:60], one.origin) for one in made]


def differing(spec: str, core: EditableCore, edit: Edit) -> tuple[Pool, list[Answered]]:
    """A few of the smallest steps at which an edited core answers otherwise than the core."""
    with closing(open_target(spec)) as authority, core.edited(edit) as shadow:
        asking = Asking(authority, shadow, lambda steps: steps)
        asked = [step for one in streams() for step in asking.ask(asking.singles([one]))]
    corrected = CorrectedCore(core, reads_next=False)
    corrected.learn_readers(asked[:20])
    pool = Pool(corrected)
    found = [step for step in asked if step.authority_left and not step.has_ended]
    found = sorted(found, key=lambda step: step.size)[:STEPS]
    pool.add(found)
    return pool, found


@pytest.mark.parametrize("is_ours", [True, False])
def test_the_edit_that_makes_a_step_right_is_a_suspect_and_most_others_are_not(
    is_ours: bool, tmp_path: Path
) -> None:
    spec = "python" if is_ours else str(core_file(tmp_path, ()))
    core = EditableCore.open(spec)
    edits = [edit for edit in edits_of(core) if core.is_quick(edit)]
    met = lost = suspects = others = 0
    for edit in Random(6).sample(edits, EDITS):
        pool, steps = differing(spec, core, edit)
        sieve = Suspects(pool)
        after = pool.with_one_more(Edited(edit, ""), steps)
        right = [step for step, left in zip(steps, after, strict=True) if not left]
        met += bool(right)
        lost += any(not sieve.can_make_right(edit, step) for step in right)
        if right:
            some = Random(5).sample(edits, 60)
            suspects += sum(sieve.can_make_right(one, right[0]) for one in some)
            others += len(some)
    assert met > 3
    assert lost <= 1, "a value that nobody tried may do what others do not"
    assert suspects < others // 2


CORE = """
def pure(state, cfg):
    new = dict(state)
    new["price"] = cfg["price"] + 1
    items = []
    items.append(new)
    return items

def writes(state):
    state.price = 1

def appends(actions, one):
    actions.append(one)

def calls(state, actions):
    appends(actions, state)

def through_a_part(state):
    orders = state.orders
    orders.append(1)

def of_a_loop(state):
    for order in state.orders:
        order.price = 2

def sets_its_own(cfg):
    made = OwnSettings()
    for name in cfg:
        setattr(made, name, cfg[name])
    return made

def yields(state):
    yield state

class OwnSettings:
    pass
"""


def test_functions_that_do_more_than_give_a_value_are_told_from_the_source(tmp_path: Path) -> None:
    core = EditableCore.open(single_file_core(tmp_path, extra=CORE))
    mine = {"pure", "sets_its_own", "writes", "appends", "calls", "through_a_part", "of_a_loop"}
    found = impure_functions(core.map)
    assert found & {*mine, "yields"} == {*mine, "yields"} - {"pure", "sets_its_own"}
