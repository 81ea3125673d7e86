"""Where a stream stands: the state before its next step and the settings in force.

An executable that has to be restarted, or that knows only part 1 of the wire, must be told all of
it. It is known exactly wherever the authority answered; where a step was refused, readers decide
which of its inputs took effect (readers.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from replay.streams.model import CYCLES, Call, CallCode, Document, Start, Step
from replay.targets.base import Outcome, StepResult
from replay.targets.compact import (
    ALL_FIELDS,
    INDEX_OF,
    Plain,
    apply_changes,
    apply_delta,
    blank,
    delta_between,
    state_document,
)
from replay.targets.readers import OURS, Readers


class Standing:
    """The state and settings of one stream, step by step.

    `plain` is None while no readable state was there. Until the first answer the state is
    `untouched`: it is sent as the document `state`, as it came, readable or not. `settings` are
    documents, as they came, too. `due` are the fields that the next answer's delta names in any
    case.
    """

    def __init__(self, start: Start, readers: Readers = OURS) -> None:
        self._readers = readers
        self.state: Document = start.state
        self.untouched = True
        self._plain: Plain | Callable[[], Plain | None] | None = partial(readers.state, start.state)
        self.settings: dict[str, Document] = {
            "config": start.config,
            "order_size_usd": start.order_size_usd,
            "order_sizes": start.order_sizes,
        }
        self.due: frozenset[int] = ALL_FIELDS

    @property
    def readers(self) -> Readers:
        """Those that say what was set where no answer shows it: the authority's."""
        return self._readers

    @property
    def plain(self) -> Plain | None:
        """The state, which is only read or made when somebody asks; mostly nobody does."""
        if callable(self._plain):
            plain = self._plain()
            self._plain = None if plain is None else list(plain)
        return self._plain

    @classmethod
    def at(cls, start: Start, plain: Plain | None, readers: Readers = OURS) -> Standing:
        """Where some steps have been answered: `plain` is the state there, None where there were
        none; `start` has the settings in force."""
        if plain is None:
            return cls(start, readers)
        standing = cls.__new__(cls)
        standing._readers = readers
        standing.state, standing.untouched = start.state, False
        standing._plain = list(plain)
        _, *settings = start._fields
        standing.settings = {name: getattr(start, name) for name in settings}
        standing.due = frozenset()
        return standing

    def copied(self) -> Standing:
        """One of the same content that goes its own way."""
        copy = Standing.__new__(Standing)
        copy.state, copy.untouched, copy.due = self.state, self.untouched, self.due
        copy._plain = None if self.plain is None else list(self.plain)
        copy.settings, copy._readers = dict(self.settings), self._readers
        return copy

    def as_start(self) -> Start:
        """All of it as a start, to open the stream anew."""
        state: Document = self.state
        if not self.untouched and self.plain is not None:
            state = state_document(self.plain)
        settings = self.settings
        return Start(state, settings["config"], settings["order_size_usd"], settings["order_sizes"])

    def go_on(self, step: Step, result: StepResult | None) -> None:
        """Takes in what was answered to a step: by the authority where there is one.

        A failure (or None) counts as a refusal.
        """
        answered = isinstance(result, list | tuple) and len(result) == 3
        if step.changes:
            self.settings = settings_after(
                self.settings, step, answered=answered, readers=self._readers
            )
        if answered:
            assert isinstance(result, list | tuple)
            self._take_delta(result[0])
        elif step.changes:
            self._take_changes(step.changes)

    def go_on_all(
        self,
        steps: Sequence[Step],
        results: Sequence[StepResult],
        end: Callable[[], Plain] | None = None,
    ) -> None:
        """`go_on` for many steps. With `end`, which gives the state after them where none of
        them was refused, hardly anything is done for each step."""
        if end is not None:
            for step in steps:
                if step.changes:
                    self.settings = settings_after(self.settings, step, answered=True)
            if steps:
                self._plain, self.due, self.untouched = end, frozenset(), False
            return
        for step, result in zip(steps, results, strict=True):
            if step.changes or self.due or self.plain is None or not isinstance(result, list):
                self.go_on(step, result)
            elif len(result) == 3:
                delta = result[0]
                plain = self.plain
                for place in range(0, len(delta), 2):
                    index = delta[place]
                    if index == CYCLES:
                        apply_delta(plain, delta[place : place + 2])
                    else:
                        plain[index] = delta[place + 1]

    def _take_changes(self, changes: Mapping[str, Document]) -> None:
        """What was set at a step that was refused."""
        self._plain, touched = apply_changes(self.plain, changes, self._readers.state)
        self.due |= touched
        if touched >= ALL_FIELDS:
            self.state, self.untouched = changes["state"], True
        patch = changes.get("patch")
        if self.untouched and touched and isinstance(patch, Mapping):
            assert isinstance(self.state, Mapping)
            _, named = apply_changes(self.plain, {"patch": patch}, self._readers.state)
            known = {name: patch[name] for name in patch if INDEX_OF.get(name) in named}
            self.state = {**self.state, **known}

    def _take_delta(self, delta: Sequence[Any]) -> None:
        if self.plain is None:
            self._plain = blank()
        assert self.plain is not None
        apply_delta(self.plain, delta)
        self.due = frozenset()
        self.untouched = False


def settings_after(
    settings: Mapping[str, Document], step: Step, *, answered: bool, readers: Readers = OURS
) -> dict[str, Document]:
    """The config, order_size_usd and order_sizes in force after a step with changes, by name.

    What cannot be read leaves in force what was there (docs/replay-method.md). Where a transition
    was answered, all of it could be read; else the readers decide.
    """
    assert step.changes is not None
    after = dict(settings)
    # Other calls do not read all of the settings, so their answers say nothing about them.
    could_be_read = answered and is_transition(step.call)
    for name, is_taken in readers.settings.items():
        if name in step.changes and (could_be_read or is_taken(step.changes[name])):
            after[name] = step.changes[name]
    return after


def is_transition(call: Call) -> bool:
    """Tells a transition from all other calls."""
    return not isinstance(call, tuple) or call[0] < CallCode.APPLY_REGIME


def with_delta_from(outcome: Outcome, before: Plain | None, due: frozenset[int]) -> Outcome:
    """An answer with its delta written anew: against `before`, with exactly `due` named in any
    case. For an answer to a stream that was opened anew, which names all thirty fields."""
    if len(outcome) != 3:
        return outcome
    former = blank() if before is None else before
    after = list(former)
    apply_delta(after, outcome[0])
    return [delta_between(former, after, due), *outcome[1:]]
