"""The minimiser: makes a case as small as it gets while it shows the same bug.

Every attempt goes through one choke point (`_Search.shows`), which counts, watches the clock and
keeps the best case so far. A case counts as the same bug when running it gives a finding with the
signature it started from; other signatures met on the way are not followed. Recorded and
generated streams are treated alike.

Both cores are pure, so most cases come down to their last event on the state just before it: that
is tried first. Only where it does not show the bug (a core that remembers, or one whose live record
is not what its written form is read as) are steps removed one by one; and where the whole case does
not show it, another difference may stand before it (unmasking.py), or what came before in its
stream is needed: twice as many steps, and so on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.minimising.shrinkers import (
    CaseDocument,
    Path,
    at,
    case_document,
    case_stream,
    containers,
    earlier,
    found_at,
    replaced,
    scalars,
    simpler_values,
    without,
)
from replay.differential.minimising.unmasking import without_these
from replay.differential.model import Finding, Signature
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.differential.trail import walk
from replay.errors import FailureStorm
from replay.streams.model import CallCode, Start, Step, Stream, segments_of
from replay.targets.base import Failure, FailureKind, Target, Work, is_refusal
from replay.targets.compact import state_document
from replay.targets.cursor import settings_after
from replay.targets.pair import OpenPair, fresh_pair
from replay.targets.readers import readers_of

MAX_ATTEMPTS = 2000
MAX_SECONDS = 10.0
MAX_ROUNDS = 4
MAX_HANGS = 4
"""Attempts that show a hang, each of which costs a whole deadline and a new process. The first is
the last step alone, which is nearly all that can be gained; how small its state is matters less
than what the other findings of a run wait for."""


@dataclass(frozen=True, slots=True)
class Minimised:
    """The smallest case found, as a finding of its own, and what it took (wall-clock seconds)."""

    finding: Finding
    attempts: int
    seconds: float


def probe(
    authority: Target,
    shadow: Target,
    stream: Stream,
    session: int,
    *,
    routing: Routing = NO_ROUTING,
) -> list[Finding]:
    """Runs a whole stream through both cores and gives everything found."""
    return run_stream(Lockstep(authority, shadow, routing), segments_of(stream, session))


def minimise(
    finding: Finding,
    authority: Target,
    shadow: Target,
    *,
    max_attempts: int = MAX_ATTEMPTS,
    max_seconds: float = MAX_SECONDS,
    routing: Routing = NO_ROUTING,
) -> Minimised | None:
    """Shrinks a finding's case. None where running the case again does not show the bug at all.

    The targets are used for nothing else meanwhile. Raises FailureStorm where a core fails so
    often that nothing can be tried.
    """
    search = _Search(finding.signature, authority, shadow, max_attempts, max_seconds, routing)
    case = finding.case
    if not (
        search.jump(case) or search.shows(case) or search.unmask(finding) or search.go_back(finding)
    ):
        return None
    assert search.best is not None
    if len(search.best.case.steps) > 1:
        search.drop_steps()
        search.jump(search.best.case)
    search.simplify()
    if len(search.best.case.steps) > 1:
        # On a simpler state fewer steps may do.
        search.drop_steps()
    return Minimised(search.best, search.attempts, time.monotonic() - search.began)


def shows_afresh(
    finding: Finding,
    open_pair: OpenPair,
    *,
    routing: Routing = NO_ROUTING,
) -> bool:
    """Whether a case shows its bug on cores that have seen nothing else.

    A core that remembers may have been led astray by the attempts before; what it shows only
    then is no case to hand to anybody.
    """
    with fresh_pair(open_pair) as (authority, shadow):
        try:
            found = probe(authority, shadow, finding.case, 0, routing=routing)
        except FailureStorm:
            return False
    return any(one.signature == finding.signature for one in found)


def _last_step(case: Stream, start: Start) -> Stream:
    """Just the last call of a case, from a start."""
    last = case.steps[-1]
    return Stream(start, (Step(last.call, None, last.line),), case.origin)


class _Search:
    """The best case so far and the budget that is left."""

    def __init__(
        self,
        signature: Signature,
        authority: Target,
        shadow: Target,
        max_attempts: int,
        max_seconds: float,
        routing: Routing,
    ) -> None:
        self._signature = signature
        self._authority = authority
        self._shadow = shadow
        self._max_attempts = max_attempts
        self._max_seconds = max_seconds
        self._routing = routing
        self.began = time.monotonic()
        self.attempts = 0
        self._hangs = 0
        self.best: Finding | None = None
        self.found: Sequence[Finding] = ()
        """What the last attempt showed, with whatever signature."""

    @property
    def exhausted(self) -> bool:
        """Whether the budget is spent."""
        spent = time.monotonic() - self.began
        return (
            self.attempts >= self._max_attempts
            or spent >= self._max_seconds
            or self._hangs >= MAX_HANGS
        )

    def shows(self, candidate: Stream) -> bool:
        """Tries a case; the one choke point. What shows the bug becomes the best so far."""
        self.attempts += 1
        cores = self._authority, self._shadow
        self.found = probe(*cores, candidate, self.attempts, routing=self._routing)
        self._hangs += any(one.signature.kind == FailureKind.TIMEOUT for one in self.found)
        for found in self.found:
            if found.signature == self._signature:
                self.best = found
                return True
        return False

    def jump(self, case: Stream) -> bool:
        """Tries just the last step on the authority's state before it."""
        start = self._start_of_last(case)
        return start is not None and self.shows(_last_step(case, start))

    def unmask(self, finding: Finding) -> bool:
        """Takes away what else differs in a case, and hides the bug, step by step."""
        start = self._start_of_last(finding.case)
        known = {one.path for one in finding.differences}
        for _ in range(MAX_ROUNDS):
            if start is None or self.exhausted:
                return False
            if self.shows(_last_step(finding.case, start)):
                return True
            hiding = {one.path for found in self.found for one in found.differences} - known
            state = without_these(start.state, sorted(hiding))
            start = None if state is None else start._replace(state=state)
        return False

    def go_back(self, finding: Finding) -> bool:
        """Tries ever earlier starts of the stream that a case was cut from, in the end all of it
        that is kept; the first that shows the bug is the shortest of these."""
        lead = finding.lead
        if lead is None:
            return False
        size = 2 * len(finding.case.steps)
        while size < len(lead.steps) and not self.exhausted:
            start = self._start_after(lead.start, lead.steps[:-size])
            if start is not None and self.shows(Stream(start, lead.steps[-size:], lead.origin)):
                return True
            size *= 2
        return not self.exhausted and self.shows(lead)

    def _start_of_last(self, case: Stream) -> Start | None:
        """All that the last step's call started from, with what was set just before it as it was
        sent. None where the authority had no state to go on from."""
        *earlier_steps, last = case.steps
        start = case.start
        if earlier_steps:
            after = self._start_after(start, earlier_steps)
            if after is None:
                return None
            start = after
        inputs: dict[str, Any] = start._asdict()
        changes = last.changes or {}
        inputs |= {key: changes[key] for key in Start._fields[1:] if key in changes}
        state = changes.get("state", inputs["state"])
        patch = changes.get("patch", {})
        if isinstance(state, dict) and isinstance(patch, dict):
            state = {**state, **patch}
        return None if state is None else Start(**{**inputs, "state": state})

    def _start_after(self, start: Start, steps: Sequence[Step]) -> Start | None:
        """The authority's state (None where it has none) and what is in force after some steps.
        None where the authority fails."""
        self._authority.submit(Work(-self.attempts - 1, start, steps, last=True))
        outcomes = self._authority.collect().results
        if any(isinstance(outcome, Failure) for outcome in outcomes):
            return None
        readers = readers_of(self._authority)
        nothing_more = Step((int(CallCode.CHECK_INVARIANTS),))
        *_, (state, _) = walk(
            start, None, [*steps, nothing_more], [*outcomes, [[], [], []]], readers.state
        )
        settings: dict[str, Any] = {name: getattr(start, name) for name in Start._fields[1:]}
        for step, outcome in zip(steps, outcomes, strict=True):
            if step.changes is not None:
                answered = isinstance(outcome, list) and not is_refusal(outcome)
                settings = settings_after(settings, step, answered=answered, readers=readers)
        return Start(None if state is None else state_document(state), **settings)

    def drop_steps(self) -> None:
        """Removes steps in halves, quarters and so on, from the front."""
        assert self.best is not None
        size = max(1, len(self.best.case.steps) // 2)
        while size >= 1 and not self.exhausted:
            place = 0
            while place < len(self.best.case.steps) - 1 and not self.exhausted:
                steps = self.best.case.steps
                kept = (*steps[:place], *steps[min(place + size, len(steps) - 1) :])
                if not self.shows(Stream(self.best.case.start, kept, self.best.case.origin)):
                    place += size
            size //= 2

    def simplify(self) -> None:
        """Takes away and shortens what it can, until a whole round changes nothing."""
        for _ in range(MAX_ROUNDS):
            before = self._document
            self._move_times()
            self._take_away()
            self._shorten()
            if self.exhausted or self._document == before:
                return

    @property
    def _document(self) -> CaseDocument:
        assert self.best is not None
        return case_document(self.best.case)

    def _try(self, document: CaseDocument) -> bool:
        assert self.best is not None
        return not self.exhausted and self.shows(case_stream(document, self.best.case))

    def _move_times(self) -> None:
        moved = earlier(self._document)
        if moved is not None:
            self._try(moved)

    def _take_away(self) -> None:
        """Fields, settings and records: all of an object or list at once, then ever fewer."""
        if self._document["order_sizes"] is not None:
            self._try({**self._document, "order_sizes": None})
        tried: set[Path] = set()
        while not self.exhausted:
            path = next((p for p in containers(self._document) if p not in tried), None)
            if path is None:
                return
            tried.add(path)
            self._thin_out(path)

    def _thin_out(self, path: Path) -> None:
        size = len(at(self._document, path))
        while size >= 1 and not self.exhausted:
            place = 0
            while not self.exhausted:
                # What shows the bug may begin elsewhere than what was tried: later, or without what
                # hid it.
                container = found_at(self._document, path)
                if not isinstance(container, dict | list):
                    return
                keys: list[str | int] = list(
                    container if isinstance(container, dict) else range(len(container))
                )
                if place >= len(keys):
                    break
                if not self._try(without(self._document, path, keys[place : place + size])):
                    place += size
            size //= 2

    def _shorten(self) -> None:
        """Numbers and texts, one by one, each to the simplest that still shows the bug."""
        for path in list(scalars(self._document)):
            if self.exhausted:
                return
            for candidate in simpler_values(found_at(self._document, path)):
                if self._try(replaced(self._document, path, candidate)):
                    break
