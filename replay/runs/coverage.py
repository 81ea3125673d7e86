"""What a run exercised, so that a report says how much a green one means.

Counts that add up exactly over workers, and from them how often each kind of event could still
diverge without this run having seen it. Counting itself is in coverage_counter.py, the words for
all this in reports/wording.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from replay.runs.rate import upper_bound
from replay.runs.slot_phase import UNKNOWN_PHASE
from replay.runs.values_drawn import Values
from replay.runs.values_drawn import add as add_values
from replay.streams.model import CALL_NAMES, CallCode

UNKNOWN_EVENT = len(CALL_NAMES)
"""Stands for a call code where an event fits no kind."""

PHASES = ("S0", "S1a", "S1b", "S2", UNKNOWN_PHASE)

MAX_CONFIGURATIONS = 100_000
MAX_ACTIONS = 500
"""Kinds of action that are told apart; a core may give its actions any reason."""

OTHERS = ("", "others")

Met = tuple[int, str, str]
"""A call's code, the phase before it, and the rule at work (signature.py, `rule_at_work`)."""


class Bound(NamedTuple):
    """How often an event could still diverge, in two readings (wording.py says them).

    `differed` of `steps` independent steps diverged, and `differed_draws` of the `draws` that the
    event was met in had such a step; a divergence that is explained is none. `per_step` and
    `per_draw` are the 95 % upper bounds, from 0 to 1.
    """

    call: int
    steps: int
    differed: int
    per_step: float
    draws: int
    differed_draws: int
    per_draw: float

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "event": call_name_of(self.call),
            "independent": self.steps,
            "diverged": self.differed,
            "at_most": self.per_step,
            "draws": self.draws,
            "diverged_draws": self.differed_draws,
            "at_most_of_draws": self.per_draw,
        }


@dataclass(slots=True)
class Exercised:
    """What was exercised so far.

    `met` counts steps by where they met the reducer, `acted` those of them that did more than take
    note of price and time (only actions tell where something was set from outside), `actions` what
    the authority emitted, by class and reason, and `refused` what it refused, by call and kind.
    `configurations` are digests of the configs in force. `independent` counts independent steps by
    call (wording.py, INDEPENDENT), `differed` those on which the shadow did not agree, by call and
    ID of the finding; `draws` has the calls met in each draw as bits, `differed_draws` the draws of
    each of `differed`. `values` has some of the values that inputs took in what was drawn.
    """

    met: Counter[Met] = field(default_factory=Counter)
    acted: Counter[Met] = field(default_factory=Counter)
    actions: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: Counter[tuple[int, str]] = field(default_factory=Counter)
    configurations: set[int] = field(default_factory=set)
    independent: Counter[int] = field(default_factory=Counter)
    differed: Counter[tuple[int, str]] = field(default_factory=Counter)
    draws: dict[str, int] = field(default_factory=dict)
    differed_draws: dict[tuple[int, str], set[str]] = field(default_factory=dict)
    values: Values = field(default_factory=dict)

    def add(self, other: Exercised) -> None:
        """Adds what was exercised elsewhere."""
        self.met.update(other.met)
        self.acted.update(other.acted)
        self.refused.update(other.refused)
        self.independent.update(other.independent)
        self.differed.update(other.differed)
        for action, count in other.actions.items():
            self.count_action(action, count)
        for digest in other.configurations:
            self.add_configuration(digest)
        for draw, calls in other.draws.items():
            self.draws[draw] = self.draws.get(draw, 0) | calls
        for place, draws in other.differed_draws.items():
            self.differed_draws.setdefault(place, set()).update(draws)
        add_values(self.values, other.values)

    def count_action(self, action: tuple[str, str], times: int = 1) -> None:
        """Counts an action; once there are too many kinds of them, new ones only together."""
        if action not in self.actions and len(self.actions) >= MAX_ACTIONS:
            action = OTHERS
        self.actions[action] += times

    def add_configuration(self, digest: int) -> None:
        """Notes a config in force; only that many are told apart."""
        if len(self.configurations) < MAX_CONFIGURATIONS:
            self.configurations.add(digest)

    # What follows from the counts

    @property
    def steps(self) -> int:
        """Steps counted here."""
        return self.met.total()

    def calls(self) -> list[int]:
        """The codes of the calls that were met, ascending, what fits no kind last."""
        return sorted({code for code, _, _ in self.met})

    def phases(self) -> dict[int, Counter[str]]:
        """Steps by call and by phase before."""
        table: dict[int, Counter[str]] = {code: Counter() for code in self.calls()}
        for (code, phase, _), count in self.met.items():
            table[code][phase] += count
        return table

    def rules(self) -> list[tuple[int, str, int, int]]:
        """For each call and rule at work: steps that met it, and those of them that acted."""
        met: Counter[tuple[int, str]] = Counter()
        acted: Counter[tuple[int, str]] = Counter()
        for (code, _, rule), count in self.met.items():
            met[code, rule] += count
        for (code, _, rule), count in self.acted.items():
            acted[code, rule] += count
        return [(code, rule, met[code, rule], acted[code, rule]) for code, rule in sorted(met)]

    def bounds(self, explained: Collection[str] = ()) -> list[Bound]:
        """The bounds of each call that was met independently; findings in `explained` do not count
        as divergences."""
        return [self._bound(code, explained) for code in self.calls() if self.independent[code]]

    def _bound(self, code: int, explained: Collection[str]) -> Bound:
        def ours(places: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
            return [place for place in places if place[0] == code and place[1] not in explained]

        steps = self.independent[code]
        # Where one step shows several findings it is counted for each; there cannot be more hits
        # than steps.
        differed = min(steps, sum(self.differed[place] for place in ours(self.differed)))
        draws = sum(1 for calls in self.draws.values() if calls & bit_of(code))
        hit = set().union(*(self.differed_draws[one] for one in ours(self.differed_draws)))
        return Bound(
            code,
            steps,
            differed,
            upper_bound(differed, steps),
            draws,
            len(hit),
            upper_bound(len(hit), draws),
        )

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "steps": self.steps,
            "phases": {
                call_name_of(code): {phase: row[phase] for phase in PHASES if row[phase]}
                for code, row in self.phases().items()
            },
            "rules": [
                {"event": call_name_of(code), "rule": rule, "met": met, "acted": acted}
                for code, rule, met, acted in self.rules()
            ],
            "actions": [
                {"type": kind, "reason": reason, "count": count}
                for (kind, reason), count in sorted(self.actions.items())
            ],
            "refused": [
                {"event": call_name_of(code), "kind": kind, "count": count}
                for (code, kind), count in sorted(self.refused.items())
            ],
            "configurations": len(self.configurations),
            "draws": len(self.draws),
        }


def bit_of(code: int) -> int:
    """A call's bit in `Exercised.draws`."""
    return 1 << code


def call_name_of(code: int) -> str:
    """The event's class name, or the method."""
    return "unknown event" if code == UNKNOWN_EVENT else CALL_NAMES[CallCode(code)]
