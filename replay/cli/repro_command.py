"""`doge-replay repro`: one case through both cores, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any, assert_never

import click

from replay.cli.bisection import Other, bisect_code, build, cannot_test
from replay.cli.case_output import say_answers, say_case
from replay.cli.common import core_options
from replay.cli.console import columns, note, say, say_json
from replay.cli.subject import Shown, Subject, subject_of
from replay.differential.difference_texts import difference_documents
from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Finding, Verdict
from replay.differential.probing import NO_STEPS
from replay.differential.signature.rules import place_in_contract
from replay.differential.uncompared import all_refused_words, settles
from replay.errors import ExitCode, FailureStorm, UsageError
from replay.findings.bundle import history_document
from replay.findings.kinship import can_tell, has_authority
from replay.findings.lifecycle import ONLY_LIVE, Status, once_agreed, once_seen
from replay.findings.store.encoding import pack_result
from replay.findings.store.stored import CorePair
from replay.reports.finding_text import core_line, history_lines, signature_lines, verdict_text
from replay.runs.commands import Commands, commands_of
from replay.runs.cores import pair_of
from replay.runs.replay import case_misses
from replay.safe_text import clean
from replay.settings import Settings
from replay.streams.model import segments_of
from replay.targets.base import CoreIdentity, Outcome, Target
from replay.targets.compact import Plain


def _telling_git(command: Callable[..., int]) -> Callable[..., int]:
    """Where the exit code is for `git bisect run`, whatever goes wrong is "cannot be tested"; also
    settings that cannot be read at that revision, and a fault of our own, since git takes the code
    of a traceback for a bad revision."""

    @wraps(command)
    def wrapped(**options: Any) -> int:
        if not options["bisect"] and options["build_command"] is None:
            return command(**options)
        try:
            return command(**options)
        except Exception as error:
            return int(cannot_test(error))

    return wrapped


@click.command(
    epilog="""\b
Examples:
  doge-replay repro d-3f9a2c1b
  doge-replay repro case.json --shadow ./doge-core-exe
  doge-replay repro d-3f9a2c1b.zip --authority ../bot/state_machine.py
  git bisect run doge-replay repro d-3f9a2c1b --build 'make core' --shadow ./core"""
)
@click.argument("what", metavar="ID|FILE")
@click.option("--all", "everything", is_flag=True, help="Show what is alike in both answers, too.")
@click.option(
    "--build",
    "build_command",
    metavar="CMD",
    help="First run a shell command that builds a core, its output on standard error. Exit codes "
    "are then those of --bisect.",
)
@click.option(
    "--bisect",
    is_flag=True,
    help="Exit codes for `git bisect run`: 0 the cores agree, 1 they show the finding that is "
    "sought, 125 where that cannot be told.",
)
@click.option(
    "--other",
    type=click.Choice([str(other) for other in Other]),
    help="For --bisect: what a revision is that diverges, but as another finding. `skip` (the "
    "default), since that may hide the one sought; `bad`: any divergence will do; `good`: only the "
    "one sought is bad.",
)
@_telling_git
@core_options
def repro(
    what: str,
    everything: bool,
    build_command: str | None,
    bisect: bool,
    other: str | None,
    settings: Settings,
    as_json: bool,
) -> int:
    """Run one stored case, or one from a file, on both cores and show where they differ.

    FILE is a parity case, a bundle that `export` made, or any other input with one stream. Exits 1
    while the case diverges, 0 when it no longer does, 3 where a core could not run, 4 where both
    refuse it so that nothing was compared.
    """
    subject = subject_of(settings, what)
    for_git = bisect or build_command is not None
    if other is not None and not for_git:
        raise UsageError("--other says what a revision is: it needs --bisect or --build")
    if build_command is not None:
        build(build_command)
    targets = pair_of(settings).open()
    try:
        outcome = _run(subject, *targets)
        code = outcome.bisect_code(Other(other or Other.SKIP)) if for_git else outcome.exit_code
        if as_json:
            say_json(outcome.document(code))
        else:
            outcome.say(commands_of(settings), everything=everything)
        return int(code)
    except FailureStorm as storm:
        if not (for_git and subject.seeks_failure):
            raise
        note(f"doge-replay: {clean(storm.message, 1000)}")
        return int(ExitCode.DIVERGENCE)
    finally:
        for target in targets:
            target.close()


def _run(subject: Subject, authority: Target, shadow: Target) -> _Outcome:
    misses: list[str] = []
    lockstep = Lockstep(authority, shadow, subject.routing)
    expected = subject.expected
    if expected is not None and expected.expected:

        def check(key: int, plain: Plain | None, last: Outcome) -> None:
            misses.extend(case_misses(expected, plain, last))

        lockstep.on_end = check
    shown, finding = subject.choose(run_stream(lockstep, segments_of(subject.case, 1)))
    uncompared = "" if shown is not Shown.AGREES else _uncompared(subject, lockstep)
    cores = authority.identity, shadow.identity
    return _Outcome(subject, shown, finding, misses, uncompared, *cores)


def _uncompared(subject: Subject, lockstep: Lockstep) -> str:
    """Why it says nothing that a case shows nothing; empty where it does."""
    tally = lockstep.tally
    if not subject.case.steps:
        return NO_STEPS
    if subject.sought is not None:
        signature, last = subject.sought.signature, lockstep.last_uncompared
        here = CorePair(lockstep.authority.identity, lockstep.shadow.identity)
        known = not subject.pairs or has_authority(subject.pairs, here)
        if not last or (known and settles(signature, last)):
            return ""
        return f"both cores refuse its last step: {last}"
    return "" if tally.compared else all_refused_words(tally.uncompared)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What running the case showed. `misses`: in what the authority did not end as expected;
    `uncompared`: why it proves nothing that the case shows nothing."""

    subject: Subject
    shown: Shown
    finding: Finding | None
    misses: list[str]
    uncompared: str
    authority: CoreIdentity
    shadow: CoreIdentity

    @property
    def failed(self) -> bool:
        """Whether what is shown is a core that failed."""
        return self.finding is not None and self.finding.verdict is not Verdict.DIVERGE

    @property
    def exit_code(self) -> ExitCode:
        """1 while it diverges, 3 where a core failed, 4 where nothing was compared, else 0."""
        if self.failed:
            return ExitCode.CORE_FAILED
        if self.finding is not None or self.misses:
            return ExitCode.DIVERGENCE
        return ExitCode.PROVES_NOTHING if self.uncompared else ExitCode.CLEAN

    def bisect_code(self, other: Other) -> ExitCode:
        """What it tells `git bisect run`."""
        return bisect_code(
            self.shown,
            other,
            sought_failure=self.subject.seeks_failure,
            failed=self.failed,
            misses=bool(self.misses),
            uncompared=bool(self.uncompared),
        )

    @property
    def words(self) -> str:
        """The result on one line."""
        finding = self.finding
        if self.uncompared and not self.misses:
            return f"were not compared: {clean(self.uncompared)}"
        if finding is None and self.same_cores and self.subject.is_only_live:
            return f"agree: {ONLY_LIVE}"
        if finding is None:
            return "agree" if not self.misses else "agree, but not with what is expected"
        if self.shown is Shown.ANOTHER and not self.failed:
            return f"diverge, but as {finding.id}"
        return verdict_text(finding)

    def say(self, commands: Commands, *, everything: bool) -> None:
        """Prints everything, and the command that shows it again."""
        finding, width = self.finding, columns()
        for line in self._other_cores():
            say(line)
        who = "the" if self.failed else "the cores"
        say(f"{clean(self.subject.name)}: {who} {self.words}")
        for line in self._cores():
            say(line)
        if finding is not None:
            for line in signature_lines(finding, width):
                say(line)
        say()
        say_case(self.subject.case if finding is None else finding.case)
        say()
        if finding is not None:
            say_answers(
                finding.case,
                finding.authority,
                finding.shadow,
                finding.differences,
                everything=everything,
            )
            say()
        for miss in self.misses:
            say(f"expected: {clean(miss)}")
        for line in history_lines(self.subject.history, width):
            say(line)
        if self.subject.history:
            say()
        if self.becomes is not None:
            say(f"it would be {self.becomes}, once this says so, too:")
            say(commands("recheck", self.subject.argument))
            say()
        say(commands("repro", self.subject.argument))

    @property
    def same_cores(self) -> bool:
        """Whether a stored finding was seen on these very builds; true of anything else."""
        here = (self.authority.sha256, self.shadow.sha256)
        pairs = self.subject.pairs
        return not pairs or any((one.sha256, two.sha256) == here for one, two in pairs)

    @property
    def becomes(self) -> Status | None:
        """What a stored finding would become by what was shown, None where it stays as it is."""
        former = self.subject.status
        here = CorePair(self.authority, self.shadow)
        if former is None or self.uncompared or not can_tell(self.subject.pairs, here):
            return None
        match self.shown:
            case Shown.SOUGHT:
                return once_seen(former)
            case Shown.AGREES if self.same_cores and self.subject.is_only_live:
                return None
            case Shown.AGREES:
                failure = self.subject.seeks_failure
                return once_agreed(former, on_its_build=self.same_cores, failure=failure)
            case Shown.ANOTHER:
                return None
        assert_never(self.shown)

    def _other_cores(self) -> Iterator[str]:
        """Says that these are not the cores of the finding, and which those are."""
        if self.same_cores:
            return
        last = self.subject.pairs[-1]
        for role, core, there in (
            ("authority", self.authority, last.authority),
            ("shadow", self.shadow, last.shadow),
        ):
            if there.sha256 != core.sha256:
                yield (
                    f"not the {role} that {clean(self.subject.name)} was last seen on, which was "
                    f"{core_line(there)}"
                )

    def _cores(self) -> Iterator[str]:
        """Which cores were run; for a bundle, whether it was made on the same ones."""
        bundle = self.subject.bundle
        authority, shadow = (bundle.authority, bundle.shadow) if bundle else (None, None)
        for role, core, there in (
            ("authority", self.authority, authority),
            ("shadow", self.shadow, shadow),
        ):
            yield f"{role:10} {core_line(core)}"
            if there is not None and there.sha256 != core.sha256:
                yield f"{'':10} not the one in the bundle, {core_line(there)}"
        if bundle is not None and self.finding is not None:
            same = self._answers_as(bundle.finding)
            yield f"bundle     both answers are {'as' if same else 'not as'} in the bundle"

    def _answers_as(self, former: Finding) -> bool:
        """Whether both cores answer as they did, to the last bit."""
        now = self.finding
        return now is not None and all(
            pack_result(one) == pack_result(other)
            for one, other in ((now.authority, former.authority), (now.shadow, former.shadow))
        )

    def document(self, code: ExitCode) -> dict[str, Any]:
        """As `--json` has it; `code` is the exit code."""
        finding, bundle = self.finding, self.subject.bundle
        document = {
            "name": self.subject.name,
            "result": self.words,
            "id": None if finding is None else finding.id,
            "event": None if finding is None else finding.event,
            "contract": None if finding is None else place_in_contract(finding.signature),
            "steps": len(self.subject.case.steps),
            "differences": difference_documents(() if finding is None else finding.differences),
            "misses": self.misses,
            "uncompared": self.uncompared,
            "same_cores": self.same_cores,
            "status": None if self.subject.status is None else str(self.subject.status),
            "would_be": None if self.becomes is None else str(self.becomes),
            "history": [history_document(entry) for entry in self.subject.history],
            "authority": self.authority.document(),
            "shadow": self.shadow.document(),
            "exit": int(code),
        }
        if bundle is not None:
            document["bundle"] = {
                "id": bundle.finding.id,
                "made_by": bundle.made_by,
                "authority": bundle.authority.document(),
                "shadow": bundle.shadow.document(),
                "same_authority": bundle.authority.sha256 == self.authority.sha256,
                "same_shadow": bundle.shadow.sha256 == self.shadow.sha256,
                "same_answers": None if finding is None else self._answers_as(bundle.finding),
            }
        return document
