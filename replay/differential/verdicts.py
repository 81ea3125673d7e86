"""The verdict on one step: what two outcomes of it show, each looked at by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgpack

from replay.differential.compare import compare
from replay.differential.model import Difference, Verdict
from replay.targets.base import (
    Failure,
    FailureKind,
    Outcome,
    StepResult,
    is_refusal,
    is_unmade,
)
from replay.targets.compact import Plain


class Judgement(NamedTuple):
    """What a step showed. `shadow` is what the shadow's result counts as."""

    verdict: Verdict
    differences: tuple[Difference, ...]
    shadow: StepResult


def judge(
    authority: Outcome, shadow: StepResult, before: Plain | None, price_decimals: int
) -> Judgement:
    """The verdict on a step that the authority gave an outcome to, with the differences. A shadow
    that answers `error` to what the authority takes has failed (protocol.md, part 1), unless the
    refusal is ours."""
    is_ours = is_unmade(authority) or is_unmade(shadow)
    if not is_ours and _is_refused(shadow) and not is_refusal(authority):
        assert not isinstance(shadow, Failure)
        shadow = Failure(FailureKind.REFUSED, " ".join(str(part) for part in shadow if part))
    if isinstance(shadow, Failure):
        return Judgement(Verdict.SHADOW_FAILED, (), shadow)
    differences = compare(authority, shadow, before, price_decimals)
    if differences:
        return Judgement(Verdict.DIVERGE, differences, shadow)
    verdict = Verdict.BOTH_REFUSE if is_ours or is_refusal(authority) else Verdict.AGREE
    return Judgement(verdict, (), shadow)


def _is_refused(result: StepResult) -> bool:
    return not isinstance(result, Failure) and is_refusal(result)


def same_bytes(
    one: StepResult, other: StepResult, pack: Callable[[Any], bytes] = msgpack.packb
) -> bool:
    """Whether two results have the same encoding, which makes them equal by any rule. `pack` may
    be a packer that is at hand: making one costs more than using it."""
    try:
        return pack(one) == pack(other)
    except (TypeError, ValueError, OverflowError):
        return False
