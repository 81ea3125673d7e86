"""Which helpers around the reducer a core can be asked for, and what is asked where it cannot.

A helper is compared where both cores have it. A Python core has those of its functions that are
there; an executable those that it names among its methods (docs/replay-method.md, "capabilities"),
of which one of part 1 knows nothing. A step that calls another is asked as a look at the invariants
in its place: the stream goes on, and whoever counts is told that nothing was compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from replay.errors import UsageError
from replay.streams.model import HELPER_NAMES, CallCode, Step
from replay.targets.base import Target

HELPERS = frozenset(HELPER_NAMES)
_FIRST = int(min(HELPERS))
_LOOK = (int(CallCode.CHECK_INVARIANTS),)


def helpers_of(target: Target) -> frozenset[CallCode]:
    """The helpers that a core can be asked for."""
    known = getattr(target, "helpers", None)
    if isinstance(known, frozenset):
        return known
    methods = target.identity.methods
    return frozenset(code for code, name in HELPER_NAMES.items() if name in methods)


def lacking_words(authority: Target, shadow: Target) -> dict[CallCode, str]:
    """Why helpers cannot be compared on this pair: `the shadow has no remove_order`."""
    has = helpers_of(authority), helpers_of(shadow)
    words: dict[CallCode, str] = {}
    for code, name in HELPER_NAMES.items():
        who = [side for side, known in zip(("authority", "shadow"), has, strict=True)
               if code not in known]  # fmt: skip
        if who:
            words[code] = (
                f"the {' and the '.join(who)} {'have' if len(who) > 1 else 'has'} no {name}"
            )
    return words


def askable(
    steps: Sequence[Step], lacking: Mapping[CallCode, str]
) -> tuple[Sequence[Step], dict[int, str]]:
    """The steps as both cores can be asked them, and why nothing is compared, by the places of
    those that are asked otherwise."""
    places = {
        place: lacking[CallCode(step.call[0])]
        for place, step in enumerate(steps)
        if type(step.call) is tuple and step.call[0] >= _FIRST and step.call[0] in lacking
    }
    if not places:
        return steps, places
    return [
        step._replace(call=_LOOK) if place in places else step for place, step in enumerate(steps)
    ], places


def check_known(target: Target, steps: Sequence[Step]) -> None:
    """Raises UsageError where a step calls a helper that the core does not know."""
    for step in steps:
        if type(step.call) is tuple and step.call[0] >= _FIRST:
            code = CallCode(step.call[0])
            if code not in helpers_of(target):
                path = target.identity.path
                raise UsageError(
                    f"{path} has no {HELPER_NAMES[code]}, which a step calls", path=path
                )
