"""What run, fuzz and nightly have in common: a stored run from its beginning to its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from replay.cli.common import pair_of, repro_command
from replay.cli.console import clean, note, say_json
from replay.cli.settings import Settings
from replay.cli.summary import headline, say_report
from replay.differential.model import Finding
from replay.errors import ExitCode, FailureStorm, ReplayError, Terminated
from replay.findings.collector import Collector
from replay.findings.report import NOT_MADE, Report
from replay.findings.store import RunKind, RunTotals, Store
from replay.fuzzing.canary import check_canary, check_control
from replay.targets.base import Target
from replay.targets.pair import PairSpec


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
    ) -> None:
        self.settings = settings
        self.cores = cores
        self.authority, self.shadow = targets
        self.store = store
        self.collector = collector
        self.report = report

    def open_minimisers(self) -> tuple[Target, Target]:
        """A pair of cores for minimising."""
        return self.cores.open(minimising=True)

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


@contextmanager
def running(
    kind: RunKind,
    settings: Settings,
    details: Mapping[str, object],
    *,
    seed: int | None = None,
    profile: str | None = None,
) -> Iterator[Running]:
    """Opens the cores and the store, and ends the run in the store whatever happens.

    On Ctrl-C and SIGTERM the report so far is kept and the run ends as interrupted; any other error
    that ends it is raised again when the store has it.
    """
    cores = pair_of(settings)
    targets = cores.open()
    try:
        with Store.open(settings.db) as store:
            report = Report(
                str(kind), targets[0].identity, targets[1].identity, seed=seed, profile=profile
            )
            run = store.begin_run(
                kind, report.authority, report.shadow, details, seed=seed, profile=profile
            )
            collector = Collector(store, run, repro_command(settings), _announce)
            error: ReplayError | None = None
            try:
                yield Running(settings, cores, targets, store, collector, report)
            except KeyboardInterrupt:
                report.interrupted = ExitCode.INTERRUPTED
            except Terminated as signalled:
                report.interrupted = signalled.exit_code
            except ReplayError as raised:
                error, report.interrupted = raised, raised.exit_code
            report.findings = collector.lines()
            try:
                store.record_failures(run, collector.failure_counts(report.tally.incidents))
                store.end_run(run, _totals(report))
            except ReplayError as raised:
                raise error or raised from None
            if error is not None:
                raise error
    finally:
        for target in targets:
            target.close()


def _announce(finding: Finding, new: bool) -> None:
    """Says on standard error that a bucket was met, when it has been stored."""
    what = "failure" if finding.signature.failure else "divergence"
    note(f"{'new' if new else 'known'} {what} {finding.id}: {clean(finding.event)}, "
         f"{clean(finding.signature.rule)}, {clean(finding.signature.field)}")  # fmt: skip


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


def finish(report: Report, as_json: bool) -> int:
    """Prints the report and gives the exit code."""
    if as_json:
        say_json(report.document())
    else:
        say_report(report)
    if report.storm is not None or report.interrupted is not None:
        note(f"doge-replay: {clean(headline(report), 1000)}")
    return int(report.exit_code)
