"""What each step of a stream started from, told from the authority's outcomes alone.

No core is asked: a delta names all that a step changed, and what was set from outside is read by
our own core's readers where the outcome does not show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from replay.streams.model import Document, Start, Step
from replay.targets.base import Failure, StepResult, is_refusal
from replay.targets.compact import Plain, apply_changes, apply_delta, blank, read_state

DEFAULT_DECIMALS = 6


def walk(
    start: Start,
    plain: Plain | None,
    steps: Sequence[Step],
    outcomes: Sequence[StepResult],
) -> Iterator[tuple[Plain | None, int]]:
    """The state that each step's call started from (after what was set from outside; None where
    no state could be read), and the decimals of the prices.

    `plain` is the state at the start where it is known; else it is read from `start`.
    """
    plain = read_state(start.state) if plain is None else plain
    decimals = _decimals(start.config)
    for step, outcome in zip(steps, outcomes, strict=True):
        if step.changes is not None:
            plain, _ = apply_changes(plain, step.changes)
            if "config" in step.changes:
                decimals = _decimals(step.changes["config"], decimals)
        yield plain, decimals
        if not isinstance(outcome, Failure) and not is_refusal(outcome):
            plain = blank() if plain is None else list(plain)
            apply_delta(plain, outcome[0])


def _decimals(config: Document, former: int = DEFAULT_DECIMALS) -> int:
    """The decimals of a config; the former ones where it can certainly not be read."""
    if not isinstance(config, Mapping):
        return former
    decimals = config.get("price_decimals", DEFAULT_DECIMALS)
    return decimals if type(decimals) is int else former
