"""Runs one lot: makes its units, compares them, and puts together what came of it.

A lot begins with a lockstep of its own and ends when both cores have answered everything, so that
nothing of one gets into another.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from replay.differential.lockstep import Lockstep
from replay.differential.model import Finding, Signature
from replay.differential.tally import Tally
from replay.errors import DamagedError, FailureStorm, ReplayError, fault_words
from replay.explaining.claims.explained_steps import ExplainedSteps
from replay.fuzzing.campaign_units import Unit
from replay.fuzzing.generate import run_source
from replay.fuzzing.step_source import StepSource
from replay.runs.coverage_counter import Exercising
from replay.runs.report import SetAside
from replay.runs.work import Compared, Job, Lot, Reached
from replay.streams.model import Start, Stream
from replay.targets.base import Target

CASES_SENT = 5
"""The first occurrences of a bucket that a lot sends with their cases, where it is new."""

SAMPLED_IN_LOT = 40
"""Later ones, of all buckets together. Of a flood lockstep tells few in full anyway."""

MAX_SAMPLED = 1000
"""The same for all lots of a campaign, as far as they know of each other."""

Begin = Callable[[int], None]
"""Is told of each unit that begins."""


class LotRun:
    """A lot under way, on a pair of cores that nobody else uses meanwhile."""

    def __init__(
        self,
        job: Job,
        lot: Lot,
        read: Callable[[str], Stream],
        reopen: Callable[[], tuple[Target, Target]],
        begin: Begin,
        reasons: ExplainedSteps | None = None,
    ) -> None:
        """`reopen` gives cores that have seen nothing in the place of those in use, `begin` is
        told of each unit; `reasons` are asked of each step that differs."""
        self._reasons = reasons
        self._job = job
        self._lot = lot
        self._read = read
        self._reopen = reopen
        self._begin = begin
        self._deadline = None if lot.seconds is None else time.monotonic() + lot.seconds
        self._features = set(job.known_features)
        self._told: Counter[str] = Counter()
        self._draws: dict[int, str | None] = {}
        self._origins: dict[int, str] = {}
        # What is shown of a stream is known a few units later, so its draw is kept until then.
        self._exercising = Exercising(lambda segment: self._draws.pop(segment.key, None))
        self._compared = Compared(lot.number)

    def run(self, targets: tuple[Target, Target]) -> Compared:
        """Runs all units. Raises what ends the campaign, but for a storm of failures, which is told
        in what came of the lot."""
        self._start_on(targets)
        try:
            for number, plan in zip(self._lot.units, self._lot.plans, strict=True):
                if self._deadline is not None and time.monotonic() >= self._deadline:
                    break
                unit = self._job.row.unit(number, plan, self._read)
                self._guarded(lambda unit=unit: self._run_unit(unit), unit)  # type: ignore[misc]
            self._guarded(lambda: self._handle(self._lockstep.finish()), None)
        except FailureStorm as storm:
            self._compared.storm = storm.message
        self._take_counts(self._lockstep)
        self._compared.exercised = self._exercising.hand_over()
        if self._reasons is not None:
            self._compared.weighed = self._reasons.hand_over()
        return self._compared

    def _start_on(self, targets: tuple[Target, Target]) -> None:
        self._lockstep = self._in_lockstep(targets)

    def _in_lockstep(self, targets: tuple[Target, Target]) -> Lockstep:
        lockstep = Lockstep(*targets, self._job.routing, self._reasons)
        lockstep.expect(self._met_so_far())
        lockstep.on_settled = self._exercising.take
        return lockstep

    def _met_so_far(self) -> Counter[Signature]:
        return Counter(self._lot.met) + Counter(self._compared.met)

    def _guarded(self, do: Callable[[], None], unit: Unit | None) -> None:
        """Sets aside what a fault of ours spoils, with what was under way beside it, and goes on
        with cores that have seen nothing."""
        try:
            do()
        except (ReplayError, OSError):
            raise
        except Exception as error:
            under_way = self._lockstep.under_way
            self._take_counts(self._lockstep)
            self._set_aside(under_way, unit, fault_words(error))
            self._start_on(self._reopen())

    def _set_aside(self, under_way: frozenset[int], unit: Unit | None, why: str) -> None:
        if unit is not None:
            self._compared.set_aside.append(SetAside(unit.number, unit.origin, why))
            why = f"under way when unit {unit.number} failed: {why}"
        for number in sorted(under_way):
            if unit is None or number != unit.number:
                self._compared.set_aside.append(SetAside(number, self._origins[number], why))

    def _run_unit(self, unit: Unit) -> None:
        self._origins[unit.number] = unit.origin
        if unit.number in self._lot.given_up:
            why = self._lot.given_up[unit.number]
            self._compared.set_aside.append(SetAside(unit.number, unit.origin, why))
            return
        self._begin(unit.number)
        try:
            start, source = unit.open()
        except DamagedError:
            return  # a corpus stream that the replay of the corpus has already reported
        self._draws[unit.number] = unit.draw
        if unit.number in self._lot.suspects:
            self._run_suspect(unit, start, source)
            return
        _, found, reached = run_source(self._lockstep, unit.number, start, source, unit.origin)
        self._handle(found)
        new = reached - self._features
        if new:
            self._features |= new
            self._compared.reached.append(Reached(unit.number, new))

    def _run_suspect(self, unit: Unit, start: Start, source: StepSource) -> None:
        """A unit at which a process died: with one for each core the step is found at which one
        ends or hangs. Where none does, it was not the core."""
        targets = self._job.cores.open()
        try:
            lockstep = self._in_lockstep(targets)
            found = run_source(lockstep, unit.number, start, source, unit.origin).found
            self._handle(found + lockstep.finish())
            failed = lockstep.tally.failures.total()
            self._take_counts(lockstep)
        finally:
            for target in targets:
                target.close()
        if not failed:
            how = self._lot.suspects[unit.number]
            why = f"a worker {how} here; with the cores in processes of their own none failed"
            self._compared.set_aside.append(SetAside(unit.number, unit.origin, why))

    def _handle(self, found: list[Finding]) -> None:
        """Keeps the first occurrences of each new bucket, and some of the others; the rest is
        counted."""
        compared, lot = self._compared, self._lot
        for finding in found:
            self._told[finding.id] += 1
            if finding.signature not in lot.met and self._told[finding.id] <= CASES_SENT:
                compared.found.append(finding)
            elif compared.sampled < SAMPLED_IN_LOT and lot.sampled < MAX_SAMPLED:
                compared.sampled += 1
                compared.found.append(finding)
            else:
                former = compared.repeated.get(finding.id)
                compared.repeated[finding.id] = finding.place.after(former)

    def _take_counts(self, lockstep: Lockstep) -> None:
        """Takes over what a lockstep has counted, once for each lockstep."""
        self._compared.tally.add(lockstep.tally)
        lockstep.tally = Tally()
        repeated, met = self._compared.repeated, self._compared.met
        for identity, repeat in lockstep.repeats.items():
            repeated[identity] = repeat.after(repeated.get(identity))
        lockstep.repeats.clear()
        for signature, times in lockstep.met().items():
            met[signature] = met.get(signature, 0) + times
