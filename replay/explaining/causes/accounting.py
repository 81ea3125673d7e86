"""What a search came to, told from the causes in force and the steps that were asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from replay.explaining.causes.answered import Answered, smallest
from replay.explaining.causes.challenge import Challenge
from replay.explaining.causes.edit_search import EditSearch
from replay.explaining.causes.found import Account, Found
from replay.explaining.causes.necessity import Necessity
from replay.explaining.causes.place_search import PlaceSearch
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import cause_id
from replay.explaining.search.contest import Clock
from replay.findings.account import GENERATED_STEPS
from replay.targets.base import is_refusal


def tell_causes(
    account: Account,
    pool: Pool,
    necessity: Necessity,
    challenge: Challenge,
    edits: EditSearch,
    clock: Clock,
) -> None:
    """Puts the causes in force into an account, the places of what they leave, and what is left
    then, by bucket, with what came nearest."""
    for order, cause in enumerate(pool.causes):
        others, needs = necessity.needed_by(cause)
        doubtful = necessity.contradicted(cause, others)
        explains = tuple(smallest(needs))
        account.causes.append(
            Found(cause_id(cause), cause, explains, doubtful, order, challenge.has_met(cause))
        )
    wrong = pool.unexplained
    placed: set[Answered] = set()
    for place in PlaceSearch(pool, edits, clock).find(smallest(wrong)):
        steps = tuple(smallest(place.steps))
        account.causes.append(Found(cause_id(place.statement), place.statement, steps, len(steps)))
        placed.update(steps)
    account.causes.sort(key=lambda one: -len(one.explains))
    for step in wrong:
        if step not in placed:
            account.left.setdefault(step.finding or GENERATED_STEPS, []).append(step)
    for step, near in edits.nearest.items():
        known = account.nearest.get(step.finding)
        if step.finding in account.left and (known is None or near.needed > known.needed):
            account.nearest[step.finding] = near


def tell_evidence(
    account: Account,
    pool: Pool,
    kept: Sequence[Answered],
    afterwards: Sequence[Answered],
    buckets: Collection[str],
) -> None:
    """Puts into an account at how many of the steps that were kept, and of those generated
    afterwards, the corrected core gives the shadow's answer; and the buckets that were not asked,
    or did not show."""
    account.asked = len(pool.steps)
    account.kept = len(kept)
    account.kept_right = sum(not pool.left[step] for step in kept)
    account.afterwards = len(afterwards)
    account.afterwards_right = sum(not pool.left[step] for step in afterwards)
    account.afterwards_ended = sum(
        step.has_ended and not is_refusal(step.authority) for step in afterwards
    )
    asked = {step.finding for step in kept}
    agreed = asked - {step.finding for step in kept if step.authority_left}
    account.unasked = [one for one in buckets if one not in asked]
    account.unshown = [one for one in buckets if one in agreed]


__all__ = ["tell_causes", "tell_evidence"]
