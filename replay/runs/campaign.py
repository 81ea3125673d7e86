"""A campaign: tasks that are handed out, and the one process that stores what comes of them.

The coordinator alone writes to the database and decides when it is over: the deadline, the planned
transitions, a storm of failures, a signal. The row of units is cut into lots (work.py). Whoever
does them, and in which order they come back, they are taken in by their numbers; and what is learnt
from them takes effect at numbered borders. So the same seed gives the same, however many workers
there are, and whatever becomes of them.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from replay.differential.minimising.minimiser import MAX_SECONDS
from replay.differential.model import Signature
from replay.differential.tally import Tally
from replay.errors import ENDING_SIGNALS, FailureStorm, ReplayError
from replay.fuzzing.campaign_units import Mix, Row
from replay.runs.campaign_rest import POSITION, CampaignRest, noted_place
from replay.runs.collector import Collector
from replay.runs.crew import Crew, LocalCrew
from replay.runs.held_signals import signals_held_back
from replay.runs.lot_supply import BEGINNING, LotSupply, Position
from replay.runs.report import Report
from replay.runs.run import Running
from replay.runs.work import (
    Candidate,
    Compared,
    Drawn,
    Ended,
    Job,
    Outcome,
    Reached,
    Remaking,
    Shrinking,
    Shrunk,
    Task,
)
from replay.streams.corpus import Corpus
from replay.targets.executable.file_traits import all_known
from replay.targets.executable.limits import Limits

GRACE_SECONDS = 30.0
"""How long after the deadline a worker may still be minimising before it is ended."""

TICK_SECONDS = 0.25

NOTE_SECONDS = 5.0
"""How often a campaign writes down where it is, for a run that is killed."""

MAX_MINIMISED = 100
"""Buckets that a campaign minimises; a core that is wrong everywhere must not take all night."""

MIN_SECONDS = 2.0

FIRST_SECONDS = 2.0
"""Seconds of the first lot where the time was up before it was begun: cores take a while to start,
and a run that compares nothing says nothing."""

UNHURRIED_SECONDS = 120.0
"""For minimising where no deadline is set: it is then bounded by its attempts, so that it comes to
the same on a slow machine."""

MAX_DEATHS = 20
"""Workers of one campaign that may die of its units. More of them die of something that goes on."""

OpenCrew = Callable[[Job], Crew]
"""Gets workers for a job."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a campaign may generate: streams of a mix and a seed, until a deadline (time.monotonic)
    or the streams planned for so many transitions; or `only` one of its units. The first `streams`
    that reach something new are given back. `crew` gets the workers; `resumed` is an earlier run
    that this one goes on with. `since` is when that of which it is a part began
    (time.monotonic), by which a later run knows how much of its time is left."""

    mix: Mix
    seed: int
    crew: OpenCrew
    deadline: float | None
    transitions: int | None
    only: int | None = None
    streams: int = 0
    resumed: CampaignRest | None = None
    since: float | None = None

    @property
    def begin(self) -> Position:
        """Where in the row of units it begins."""
        return BEGINNING if self.resumed is None else self.resumed.begin


def local(jobs: int) -> OpenCrew:
    """That many workers of this machine."""
    return lambda job: LocalCrew(job, jobs)


def hunt(
    under_way: Running,
    budget: Budget,
    on_progress: Callable[[Tally], None],
    known_features: frozenset[str] = frozenset(),
) -> list[Candidate]:
    """Runs a campaign as a part of a run, with its cores and its corpus; gives the streams that
    reached what is not known."""
    corpus = tuple(path for path in under_way.settings.corpus if path.is_dir())
    streams = sorted({stream for path in corpus for stream in Corpus(path).streams()})
    job = Job(
        cores=under_way.cores,
        identities=(under_way.authority.identity, under_way.shadow.identity),
        row=Row(budget.mix, budget.seed, tuple(streams)),
        corpus=corpus,
        known_features=known_features,
        routing=under_way.collector.routing,
        statements=under_way.statements,
        known=all_known(),
    )
    if budget.resumed is not None:
        budget.resumed.check(job.identities, job.row.corpus_digest)
    return run_campaign(job, budget, under_way.collector, under_way.report, on_progress)


def run_campaign(
    job: Job,
    budget: Budget,
    collector: Collector,
    report: Report,
    on_progress: Callable[[Tally], None] = lambda tally: None,
) -> list[Candidate]:
    """Runs `job` until its budget is spent. Gives the first streams that reached something new, in
    the order of their units.

    All is counted in the report as it happens, so that nothing of it is lost where the run is
    interrupted. Raises what a worker raised, but for a storm of failures, which ends the campaign
    and is told in the report. Whatever happens, no worker is left behind.
    """
    began = time.monotonic()
    crew = budget.crew(job)
    campaign = _Campaign(job, budget, collector, report, crew)
    try:
        campaign.run(on_progress)
    finally:
        report.hands = crew.hands()
        crew.close()
        campaign.take_rest()
        campaign.note_position()
        report.seconds += time.monotonic() - began
    return sorted(campaign.candidates, key=lambda candidate: candidate.unit)


@dataclass(slots=True)
class _Campaign:
    """`waiting` are lots that have come back before their turn, `follow_ups` tasks that lots gave
    rise to."""

    job: Job
    budget: Budget
    collector: Collector
    report: Report
    crew: Crew
    candidates: list[Candidate] = field(default_factory=list)
    supply: LotSupply = field(init=False)
    follow_ups: list[Shrinking | Remaking] = field(default_factory=list)
    under_way: dict[int, Task] = field(default_factory=dict)
    waiting: dict[int, Compared] = field(default_factory=dict)
    met: Counter[Signature] = field(default_factory=Counter)
    reached: set[str] = field(default_factory=set)
    minimised: int = 0
    offered: int = 0
    sampled: int = 0
    deaths: int = 0
    given: int = 0
    noted: float = -math.inf

    def __post_init__(self) -> None:
        budget = self.budget
        self.supply = LotSupply(self.job.row, budget.transitions, budget.only, budget.begin)
        self.reached |= self.job.known_features

    def run(self, on_progress: Callable[[Tally], None]) -> None:
        """Hands out tasks and takes in what comes of them until nothing is left to do."""
        while self.report.storm is None:
            if time.monotonic() - self.noted >= NOTE_SECONDS:
                self._note(())
            self._hand_out()
            if self._is_done() or self._is_over():
                return
            for number, outcome in self.crew.take(TICK_SECONDS):
                self._take(self.under_way.pop(number), outcome)
            on_progress(self.report.tally)

    def take_rest(self) -> None:
        """Takes in the lots that came back before one that never did: what was found is kept."""
        if self.report.storm is not None:
            self.waiting.clear()
        with signals_held_back(ENDING_SIGNALS):
            for _, lot in sorted(self.waiting.items()):
                self._count(lot)

    def note_position(self) -> None:
        """Has the store know where a later run would go on."""
        self._note(sorted(self.waiting))
        self.report.can_go_on = self.budget.only is None and not self.supply.is_spent

    def _note(self, ahead: Sequence[int]) -> None:
        """Writes down where the row is; of what is `ahead` of that, all is stored, too. With it the
        store writes what was counted: a run that is killed was further than its note, never less
        far."""
        since = self.budget.since
        where = noted_place(
            self.supply.position(ahead),
            self.job.row.corpus_digest,
            None if since is None else time.monotonic() - since,
        )
        self.collector.store.note(self.collector.run_id, {POSITION: where})
        self.noted = time.monotonic()

    # Handing out

    def _hand_out(self) -> None:
        while self.crew.free and (task := self._next()) is not None:
            self.given += 1
            self.under_way[self.given] = task
            self.crew.give(self.given, task)

    def _next(self) -> Task | None:
        """What is to be done next: what lots gave rise to comes first."""
        if self.follow_ups:
            return self.follow_ups.pop(0)
        left = self._seconds_to_give()
        if left is not None and left <= 0:
            return None
        return self.supply.next(window=WINDOW * self.crew.size, seconds=left)

    def _seconds_to_give(self) -> float | None:
        """The seconds left for lots: some in any case where nothing was begun yet of a campaign
        that is to begin."""
        left = self._seconds_left()
        if left is None or self.budget.resumed is not None or self.supply.has_begun:
            return left
        return max(left, FIRST_SECONDS)

    def _seconds_left(self) -> float | None:
        deadline = self.budget.deadline
        return None if deadline is None else deadline - time.monotonic()

    def _is_done(self) -> bool:
        """Whether there is nothing left to do; that nobody is there to do it is another thing."""
        left = self._seconds_to_give()
        is_time = left is None or left > 0
        return not self.under_way and not self.follow_ups and (self.supply.is_spent or not is_time)

    def _is_over(self) -> bool:
        left = self._seconds_left()
        return left is not None and left < -GRACE_SECONDS

    # Taking in

    def _take(self, task: Task, outcome: Outcome) -> None:
        match outcome:
            case Drawn(batch, plans):
                self.supply.take_plans(batch, plans)
            case Compared():
                self.waiting[outcome.number] = outcome
                while self.report.storm is None and self.supply.taken in self.waiting:
                    # Whole or not at all: what a later run would do again is counted once.
                    with signals_held_back(ENDING_SIGNALS):
                        self._count(self.waiting.pop(self.supply.taken))
                        self.supply.go_on(self.met, self.sampled)
            case Shrunk(minimised):
                if minimised is not None:
                    self.collector.take_minimised(minimised)
            case Candidate():
                self.candidates.append(outcome)
            case Ended(error):
                self._end(error)

    def _end(self, error: ReplayError) -> None:
        if not isinstance(error, FailureStorm):
            raise error
        self.report.storm = error.message

    def _count(self, lot: Compared) -> None:
        """Stores and counts what came of a lot."""
        for finding in lot.found:
            if self.collector.take(finding) and self.minimised < MAX_MINIMISED:
                self.minimised += 1
                self.follow_ups.append(Shrinking(finding, self._patience()))
        self.collector.count_all(lot.repeated)
        report = self.report
        report.tally.add(lot.tally)
        report.exercised.add(lot.exercised)
        report.weighed.add(lot.weighed)
        report.set_aside += lot.set_aside
        for reached in lot.reached:
            self._look_at(reached)
        report.features = report.features.union(*(one.features for one in lot.reached))
        self.met.update(lot.met)
        self.sampled += lot.sampled
        self.deaths += lot.deaths
        report.storm = report.storm or lot.storm or self._storm()

    def _storm(self) -> str | None:
        """Why there is no use in going on, where single lots went well enough."""
        if self.deaths > MAX_DEATHS:
            return f"{self.deaths} workers died of the cores"
        failures = self.report.tally.breakdowns
        if failures > Limits().storm_total and failures > self.report.tally.transitions // 2:
            return f"the cores failed {failures} times in this run"
        return None

    def _look_at(self, reached: Reached) -> None:
        """Has a stream made again that reached something new, while there are few."""
        new = reached.features - self.reached
        self.reached |= new
        if new and self.offered < self.budget.streams:
            self.offered += 1
            plan = self.supply.plan(reached.unit)
            self.follow_ups.append(Remaking(reached.unit, plan, frozenset(new)))

    def _patience(self) -> float:
        """Seconds for minimising one bucket: what is found at the last moment is still shrunk."""
        left = self._seconds_left()
        return UNHURRIED_SECONDS if left is None else min(MAX_SECONDS, max(MIN_SECONDS, left / 4))


WINDOW = 4
"""Lots that may be under way or wait for their turn, for each worker: one that is slow does not
hold up the others at once, and what waits has its bounds."""
