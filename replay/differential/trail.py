"""What each step of a stream started from, told from the authority's outcomes alone.

No core is asked to answer anything: a delta names all that a step changed, and what was set from
outside is read by the authority's own reader (targets/readers.py) where no outcome shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from replay.differential.settings_in_force import Settings
from replay.streams.model import STATE_FIELDS, Document, Start, Step
from replay.targets.base import Failure, StepResult, is_refusal
from replay.targets.compact import (
    Plain,
    ReadState,
    apply_changes,
    apply_delta,
    blank,
    read_state,
)

DEFAULT_DECIMALS = 6

TICKING = frozenset(map(STATE_FIELDS.index, ("market_price", "now", "last_price_update_at")))
"""What nearly every tick sets, and nothing else."""


class Trail:
    """The way of a stream, step by step, as the authority's answers tell it.

    `decimals` are those of the prices, `settings` all that is in force. `version` changes whenever
    more than the values of ticking fields may have changed.
    """

    __slots__ = ("_changes", "_plain", "_read", "decimals", "settings", "version")

    def __init__(
        self, plain: Plain | None, settings: Settings, decimals: int, read: ReadState
    ) -> None:
        self._read = read
        self._plain = None if plain is None else list(plain)
        self._changes: Mapping[str, Document] | None = None
        self.settings = settings
        self.decimals = decimals
        self.version = object()

    @property
    def plain(self) -> Plain | None:
        """The state here, None where none could be read. It is the trail's own and goes on with it:
        who wants to keep it makes a copy."""
        if self._changes is not None:
            self._plain, _ = apply_changes(self._plain, self._changes, self._read)
            self._changes = None
        return self._plain

    @classmethod
    def of(cls, start: Start, plain: Plain | None = None, read: ReadState = read_state) -> Trail:
        """At the start of a stream; `plain` is the state there, where it is known, and `read` the
        authority's reader."""
        plain = read(start.state) if plain is None else plain
        return cls(plain, Settings.of(start), _decimals(start.config), read)

    def set(self, changes: Mapping[str, Document]) -> None:
        """Takes in what was set from outside before a step. It is only read when somebody asks
        for the state: where the authority answers the step, that shows all of it."""
        if "state" in changes or "patch" in changes:
            self._plain, self._changes = self.plain, changes
            self.version = object()
        self.settings = self.settings.after(changes)
        if "config" in changes:
            self.decimals = _decimals(changes["config"], self.decimals)

    def follow(self, outcome: StepResult) -> None:
        """Goes on from what the authority answered to the step."""
        if isinstance(outcome, Failure) or is_refusal(outcome):
            return
        delta = outcome[0]
        plain = self._plain
        if plain is None:
            plain = self._plain = blank()
        self._changes = None
        for place in range(0, len(delta), 2):
            index, value = delta[place], delta[place + 1]
            if index not in TICKING or type(value) is not type(plain[index]):
                self.version = object()
                apply_delta(plain, delta)
                return
            plain[index] = value


def walk(
    start: Start,
    plain: Plain | None,
    steps: Sequence[Step],
    outcomes: Sequence[StepResult],
    read: ReadState = read_state,
) -> Iterator[tuple[Plain | None, int]]:
    """The state that each step's call started from (after what was set from outside; None where
    no state could be read), and the decimals of the prices.

    `plain` is the state at the start where it is known; else it is read from `start`.
    """
    trail = Trail.of(start, plain, read)
    for step, outcome in zip(steps, outcomes, strict=True):
        if step.changes is not None:
            trail.set(step.changes)
        yield None if trail.plain is None else list(trail.plain), trail.decimals
        trail.follow(outcome)


def _decimals(config: Document, former: int = DEFAULT_DECIMALS) -> int:
    """The decimals of a config; the former ones where it can certainly not be read."""
    if not isinstance(config, Mapping):
        return former
    decimals = config.get("price_decimals", DEFAULT_DECIMALS)
    return decimals if type(decimals) is int else former
