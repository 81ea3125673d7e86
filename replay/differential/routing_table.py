"""Where a finding goes once somebody has split or merged buckets by hand.

A signature says which bucket a finding belongs to, and sometimes a person knows better: two bugs
share one (it is *split*: what meets a condition becomes a part of its own), or one bug has made two
(one is *merged* into the other). Such decisions are kept with the findings (store.py) and take
effect here, on each signature that lockstep makes, so that they hold in all later runs. Plain
values, which can be sent to a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from replay.differential.conditions.condition import Condition, ConditionError
from replay.differential.model import Signature

Facts: TypeAlias = Callable[[], Mapping[str, Any]]
"""Makes the facts of an occurrence (facts.py) when they are asked for."""

IN_PART = " / "
"""Between the name of a part and that of a part of it."""


@dataclass(frozen=True, slots=True)
class Routing:
    """The splits and merges in force, by the ID of the signature that they are about.

    `splits` has the parts of a bucket, by name, in the order in which they are tried; `merges` the
    signature that takes the place of another.
    """

    splits: Mapping[str, tuple[tuple[str, Condition], ...]] = field(default_factory=dict)
    merges: Mapping[str, Signature] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is anything to route at all."""
        return bool(self.splits or self.merges)

    def route(self, signature: Signature, facts: Facts) -> Signature:
        """The signature that an occurrence ends up with; `facts` is only called where a split asks.

        A part may be split again, and what is merged may be split and merged again. An occurrence
        that a condition cannot be evaluated on is not in that part: it stays where it would be
        without it.
        """
        known: Mapping[str, Any] | None = None
        passed = {signature}
        while True:
            identity = signature.id
            following = self.merges.get(identity, signature)
            parts = self.splits.get(identity)
            if parts:
                known = facts() if known is None else known
                name = next((name for name, part in parts if _holds(part, known)), None)
                following = following if name is None else part_of(signature, name)
            # The store lets nobody make a circle; a damaged one must not hang a run.
            if following in passed:
                return signature
            passed.add(following)
            signature = following


def _holds(condition: Condition, facts: Mapping[str, Any]) -> bool:
    try:
        return condition.holds(facts)
    except ConditionError:
        return False


def part_of(signature: Signature, name: str) -> Signature:
    """The signature of a part of a bucket; a part of a part has both names."""
    return replace(signature, part=f"{signature.part}{IN_PART}{name}" if signature.part else name)


NO_ROUTING = Routing()
"""Nothing was split or merged: every signature stays as it is."""
