"""What run, fuzz and nightly have in common: a stored run from its beginning to its report."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from replay.differential.model import Finding
from replay.errors import ExitCode, FailureStorm, ReplayError, Terminated, unforeseen
from replay.explaining.claims.explained_steps import ENOUGH, ExplainedSteps, Statements
from replay.explaining.claims.explanations import NO_EXPLANATIONS, Explanations, read_explanations
from replay.explaining.claims.run_recheck import Seen, recheck_run
from replay.explaining.claims.stated_claims import runnable
from replay.findings.store.store import RunKind, RunTotals, Store
from replay.runs.canary import check_canary, check_control
from replay.runs.cause_cases import CauseCases, causes_to_ask
from replay.runs.collector import Collector
from replay.runs.commands import commands_of
from replay.runs.conclusion import Conclusion
from replay.runs.cores import pair_of
from replay.runs.occasion import occasion_of
from replay.runs.orphans import ending_orphans
from replay.runs.report import NOT_MADE, Report
from replay.settings import Settings
from replay.targets.base import Target
from replay.targets.known_helpers import lacking_words
from replay.targets.pair import PairSpec, fresh_pair


class Running:
    """A run under way: its cores, its store, and the report that it fills in."""

    def __init__(
        self,
        settings: Settings,
        cores: PairSpec,
        targets: tuple[Target, Target],
        store: Store,
        collector: Collector,
        report: Report,
        explanations: Explanations = NO_EXPLANATIONS,
    ) -> None:
        self.settings = settings
        self.cores = cores
        self.authority, self.shadow = targets
        self.store = store
        self.collector = collector
        self.report = report
        self.explanations = explanations
        self.asks_all = False
        self.today = datetime.now(UTC).date()
        self.statements = self._statements()

    def _statements(self) -> Statements:
        """The explanations that are statements. What was ever fixed has to be seen when it comes
        back, whatever was said of it before."""
        said = () if self.report.strict else runnable(self.explanations, self.today)
        fixed = (one.id for one in (self.store.findings() if said else ()) if one.was_fixed)
        return Statements(said, frozenset(fixed))

    def reasons(self) -> ExplainedSteps | None:
        """Who is asked, in this process, why the shadow differs; None where nothing is said."""
        return self.statements.for_cores(self.cores, (self.authority, self.shadow), ENOUGH)

    def open_minimisers(self) -> tuple[Target, Target]:
        """A pair of cores for minimising."""
        return self.cores.open(minimising=True)

    def ask_causes(self, wanted: Container[str] | None = None) -> None:
        """Asks the cases of known causes again (cause_cases.py), or of those that are wanted."""
        if self.report.storm is not None:
            return
        causes = causes_to_ask(self.store) if wanted is None else self.store.causes()
        who = f"doge-replay {self.report.kind}, run {self.collector.run_id}"
        asking = CauseCases(self.store, self.collector, self.report, self.open_minimisers, who)
        asking.ask(
            [cause for cause in causes if wanted is None or cause.id in wanted],
            self.authority,
            self.shadow,
        )

    def check(self) -> None:
        """Makes the canary and the control, unless cores fail so often that it is no use."""
        if self.report.storm is not None:
            return
        cores, report = self.cores, self.report
        try:
            report.canary = check_canary(cores.open_authority, cores.open_shadow)
            report.control = check_control(cores.open_authority, cores.open_shadow)
        except FailureStorm as storm:
            report.storm = storm.message

    def conclude(self, kind: RunKind) -> None:
        """Says what the run means for each finding: flaky, regressed, explained, fixed.

        Only where all that is stored was run again (`asks_all`) can an explanation fail because
        nothing is left that it explains.
        """
        report, routing = self.report, self.collector.routing
        if report.storm is not None:
            return
        who = f"doge-replay {kind}, run {self.collector.run_id}"
        conclusion = Conclusion(
            self.store, self.collector.run_id, report, self.open_minimisers, routing, who
        )
        conclusion.ask()
        recheck = recheck_run(
            self.explanations,
            Seen(
                self.collector.samples,
                {line.id: line.occurrences for line in report.findings},
                report.weighed,
            ),
            self.store,
            self.cores,
            self.settings.corpus,
            today=self.today,
            everything=self.asks_all,
            routing=routing,
        )
        report.claims = list(recheck.claims)
        signed = {entry.name: entry.date for entry in self.explanations.entries}
        conclusion.conclude(recheck.buckets, signed)


@contextmanager
def running(
    kind: RunKind,
    settings: Settings,
    details: Mapping[str, object],
    announce: Callable[[Finding, str], None],
    *,
    seed: int | None = None,
    profile: str | None = None,
) -> Iterator[Running]:
    """Opens the cores and the store, and ends the run in the store whatever happens.

    On Ctrl-C and every other signal that would end the process the report so far is kept and the
    run ends as interrupted; so does one that a core, the environment or a fault of ours ends, and
    the report says why: there is always a report. Only input that cannot be used is raised again,
    when the store has the run. A file of explanations that is not good is told of before anything
    is run. `announce` hears of each finding when it has been stored, and in one word how it
    stands.
    """
    explanations = NO_EXPLANATIONS
    if settings.explanations is not None:
        explanations = read_explanations(settings.explanations)
    cores = pair_of(settings)
    with ending_orphans(), fresh_pair(cores.open) as targets, Store.open(settings.db) as store:
        report = Report(
            str(kind), targets[0].identity, targets[1].identity, seed=seed, profile=profile
        )
        report.strict = settings.strict
        report.lacking = lacking_words(*targets)
        report.commands = commands = commands_of(settings)
        run = store.begin_run(
            kind, report.authority, report.shadow, details, seed=seed, profile=profile
        )
        report.occasion = occasion_of(run, settings)
        collector = Collector(
            store, run, lambda one: commands("repro", one), announce, store.routing()
        )
        error: ReplayError | None = None
        under_way = Running(settings, cores, targets, store, collector, report, explanations)
        try:
            yield under_way
            report.findings = collector.lines()
            under_way.conclude(kind)
        except KeyboardInterrupt:
            report.interrupted = ExitCode.INTERRUPTED
        except Terminated as signalled:
            report.interrupted = signalled.exit_code
        except ReplayError as raised:
            if raised.exit_code is ExitCode.BAD_INPUT:
                error = raised
            report.fault, report.interrupted = raised.message, raised.exit_code
        except OSError as raised:
            report.fault, report.interrupted = str(raised), ExitCode.CORE_FAILED
        except Exception as raised:
            fault = unforeseen(raised)
            report.fault, report.interrupted = fault.message, fault.exit_code
        report.findings = report.findings or collector.lines()
        try:
            store.record_failures(run, collector.failure_counts(report.tally.incidents))
            store.end_run(run, _totals(report))
        except ReplayError as raised:
            raise error or raised from None
        if error is not None:
            raise error


def _totals(report: Report) -> RunTotals:
    checks = [None if check is NOT_MADE else check.document()
              for check in (report.canary, report.control)]  # fmt: skip
    return RunTotals(
        streams=report.tally.streams,
        transitions=report.tally.transitions,
        seconds=report.seconds,
        rejected=report.rejected_count,
        exit=int(report.exit_code),
        canary=checks[0],
        control=checks[1],
    )
