"""What the bounds of a run say nothing about: calls, values and defaults that it never compared.

A bound holds for what was drawn and compared. What was not is in none of them, however many
transitions there were, so a report names it, with the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from replay.runs.coverage import Exercised
from replay.runs.values_drawn import alone
from replay.streams.model import CALL_NAMES, CallCode


class BlindSpot(NamedTuple):
    """Something in no bound: `kind` is "call", "value" or "default"."""

    kind: str
    name: str
    why: str


ONE_VALUE = "had one value all along"
NEVER_LEFT = "was never left to its default"
NOT_CALLED = "not called by any step"
NOT_NEW = "called only by steps that were chosen before"

NEVER_ASKED = (
    BlindSpot("default", "order_sizes of transition", "each call names it"),
    BlindSpot("default", "optional fields of records that a bot makes itself",
              "records are read from documents"),
)  # fmt: skip
"""What no stream can ask, whatever is drawn."""


def blind_spots(
    exercised: Exercised, bounded: Collection[int], lacking: Mapping[CallCode, str]
) -> list[BlindSpot]:
    """What is in no bound: `bounded` are the calls that have one, `lacking` says of helpers why
    they could not be compared."""
    met = set(exercised.calls())
    calls = [
        BlindSpot("call", name, _why(code, lacking) or (NOT_NEW if code in met else NOT_CALLED))
        for code, name in CALL_NAMES.items()
        if code not in bounded
    ]
    one_value, never_default = alone(exercised.values)
    return [
        *calls,
        *(BlindSpot("value", name, ONE_VALUE) for name in one_value),
        *(BlindSpot("default", name, NEVER_LEFT) for name in never_default),
        *NEVER_ASKED,
    ]


def by_reason(spots: Sequence[BlindSpot]) -> list[tuple[str, str, list[str]]]:
    """The kind, the reason, and the names that have these in common."""
    groups: dict[tuple[str, str], list[str]] = {}
    for kind, name, why in spots:
        groups.setdefault((kind, why), []).append(name)
    return [(kind, why, names) for (kind, why), names in groups.items()]


def _why(code: CallCode, lacking: Mapping[CallCode, str]) -> str:
    who, _, name = lacking.get(code, "").rpartition(" no ")
    return f"{who} no such function" if name else ""
