"""`doge-replay explain`: the cause of a stored divergence, found by trying edits."""

from __future__ import annotations

from collections.abc import Iterator

import click

from replay.cli.case_output import say_case
from replay.cli.cause_inquiry import Together, causes_together
from replay.cli.common import Duration, core_options, corpus_option, reading
from replay.cli.console import MAX_COMMAND, Progress, say, say_json
from replay.counting import counted
from replay.differential.model import Finding, said_in
from replay.errors import ExitCode, UsageError
from replay.explaining.evidence.kept import cases_of, stored_answers
from replay.explaining.search.diagnosis import Diagnosis, Near, Result
from replay.explaining.search.search import Means, Subject, explain
from replay.findings.store.identities import names_cause
from replay.reports.cause_texts import known_lines
from replay.runs.commands import Commands, commands_of
from replay.safe_text import clean, quoted
from replay.settings import Settings
from replay.targets.pair import PairSpec

SECONDS, SECONDS_TOGETHER = 20.0, 20.0
"""Processor time for single edits, where no other is asked for, and at most for several causes."""

MAX_SHOWN = 8
"""Explanations that are named; `--json` has all of them."""

WIDTH = 400
"""Characters of an edit in words: a long expression is worth reading."""

_HEADS = {
    Result.VERIFIED: "the shadow behaves as if",
    Result.UNVERIFIED: "not verified, but the stored answers are what there would be if",
    Result.UNDECIDED: "not verified, since time was up, but what was asked fits if",
}


@click.command(
    name="explain",
    epilog="""\b
Examples:
  doge-replay explain d-3f9a2c1b
  doge-replay explain d-3f9a2c1b --seconds 60 --json""",
)
@click.argument("id", metavar="ID")
@click.option(
    "--seconds",
    type=Duration(min=0, min_open=True),
    default=SECONDS,
    show_default=True,
    help="How much processor time to look for it, ours and the cores'; twenty times as long "
    "passes at most. Where no single edit fits, up to 20 s more.",
)
@corpus_option
@core_options
def explain_command(id: str, seconds: float, settings: Settings, as_json: bool) -> int:
    """Find the cause of a stored divergence: the small change of the Python core that makes it
    answer exactly as the shadow does.

    Tries the known deviations and every single edit on the lines that the occurrences run through.
    What is named gave the shadow's answer at every occurrence, kept or generated beside those, and
    contradicted nothing elsewhere; rivals were told apart by inputs made for that. The
    [[explanation]] printed with it can go into explanations.toml. What `causes` has found for it
    stands first.

    Where no single edit fits, or a core refused, several causes are looked for that are at work
    together, as `causes` does for all findings at once.

    Exits 0 where such an edit was found, or verified causes that together give the shadow's answer
    at each kept occurrence that was asked; 1 where neither was, 3 where a core could not be asked,
    4 where nothing can be told: the finding is flaky, or nothing diverges any more.
    """
    if names_cause(id):
        raise UsageError(
            f"{clean(id)} is a cause and explained already: `show` names the findings that it has "
            "part in, and `explain` takes one of those"
        )
    progress = Progress("explain", quiet=as_json)
    with reading(settings) as store:
        finding = store.finding(id)
        is_failure = finding.signature.failure
        occurrences = cases_of(finding, store)
        subject = Subject(
            finding.id,
            finding.signature,
            () if is_failure else occurrences,
            *(() if is_failure else (stored_answers(finding),)),
        )
        routing = store.routing()
        refused = finding.finding if said_in(finding.finding) else None
        account = store.account()
    # Before the search, which may take its time and end without a word of these.
    known = known_lines(account, finding.id)
    for line in () if as_json or not known else (*known, ""):
        say(line)
    means = Means(
        PairSpec(
            settings.authority,
            settings.shadow or "",
            settings.timeout,
            isolated=False,
            sandboxed=settings.sandbox,
        ),
        settings.corpus,
        routing,
        seconds,
        on_progress=progress.update,
    )
    try:
        diagnosis = explain(subject, means)
    finally:
        progress.end()
    together = None
    if diagnosis.result in (Result.NONE_FITS, Result.FAILURE) and settings.shadow:
        more = Progress("explain", quiet=as_json)
        for_it = min(seconds, SECONDS_TOGETHER)
        together = causes_together(settings, finding.id, occurrences, for_it, more)
    if as_json:
        said = {} if refused is None else {"said": said_in(refused)}
        causes = () if account is None else account.causes_of(finding.id)
        say_json(
            {
                **diagnosis.document(),
                "known": [one.document() for one in causes],
                "together": None if together is None else together.document(),
                "exit": _exit_code(diagnosis, together),
                **said,
            }
        )
    else:
        commands = commands_of(settings)
        for line in diagnosis_lines(diagnosis, commands):
            say(line)
        if refused is not None:
            _say_refusal(refused)
        for line in () if together is None else _together(together, commands):
            say(line)
    return _exit_code(diagnosis, together)


def _exit_code(diagnosis: Diagnosis, together: Together | None) -> int:
    if together is not None and together.account.signalled is not None:
        return together.account.signalled
    is_explained = together is not None and together.is_all
    return int(ExitCode.CLEAN if is_explained else diagnosis.exit_code)


def _together(together: Together, commands: Commands) -> Iterator[str]:
    """The causes that are at work together, as a person reads them."""
    yield ""
    account, causes = together.account, together.account.causes
    if not causes:
        yield "nor were several causes found that are at work together"
        return
    what = "1 cause gives" if len(causes) == 1 else f"{len(causes)} causes together give"
    rest = "" if account.kept_right == account.kept else "; elsewhere more differs"
    kept = counted(account.kept, "kept occurrence")
    yield f"{what} the shadow's answer at {account.kept_right:,} of {kept}{rest}:"
    for one in causes:
        yield f"  {one.id}  {one.kind}: {one.head} {clean(one.statement.says, WIDTH)}"
    yield "the causes of all findings at once, to be signed as explanations:"
    yield f"  {clean(commands('causes', '--write', 'explanations.toml'), MAX_COMMAND)}"


def _say_refusal(finding: Finding) -> None:
    """What is known of a refusal: what the core says, and the smallest input it says it to."""
    say()
    say(f"it says    {clean(said_in(finding), WIDTH)}")
    say("to this, the smallest input known:")
    say_case(finding.case)


def diagnosis_lines(diagnosis: Diagnosis, commands: Commands) -> Iterator[str]:
    """A diagnosis as a person reads it, safe to print."""
    match diagnosis.result:
        case Result.VERIFIED | Result.UNVERIFIED | Result.UNDECIDED:
            yield from _causes(diagnosis)
        case Result.NONE_FITS:
            yield f"{diagnosis.id}: {diagnosis.why}"
            yield from _support(diagnosis)
            yield from _nearest(diagnosis, commands)
        case Result.FLAKY:
            yield f"{diagnosis.id}: flaky, so there is no cause to look for: {diagnosis.why}"
        case Result.GONE | Result.LIVE | Result.FAILURE | Result.CORE_FAILED | Result.NO_SOURCE:
            yield f"{diagnosis.id}: {clean(diagnosis.why)}"
    yield from _aside(diagnosis)
    for note in diagnosis.notes:
        yield f"note: {clean(note, WIDTH)}"
    yield from _values(diagnosis)
    blocks = [one.block for one in diagnosis.causes] + [one.block for one in diagnosis.nearest]
    if blocks and blocks[0]:
        yield ""
        yield "for explanations.toml, once reason and signed are filled in:"
        yield ""
        # Whatever is not printable in it is written out.
        yield from blocks[0].splitlines()
    if diagnosis.exit_code in (ExitCode.CLEAN, ExitCode.DIVERGENCE):
        yield ""
        yield "next"
        if blocks and blocks[0]:
            yield "  once that is in explanations.toml, whether it holds:"
            yield f"    {clean(commands('explanations'), MAX_COMMAND)}"
        yield "  once the shadow is mended:"
        yield f"    {clean(commands('recheck', diagnosis.id), MAX_COMMAND)}"


def _causes(diagnosis: Diagnosis) -> Iterator[str]:
    first, *others = diagnosis.causes
    yield f"{diagnosis.id}: {_HEADS[diagnosis.result]}"
    yield f"  {clean(first.edit.says, WIDTH)}"
    yield ""
    where = f"  ({first.edit.function})" if first.edit.function else ""
    yield f"rule       {clean(first.rule)}{clean(where)}"
    yield from _support(diagnosis)
    if first.also:
        also = counted(first.also, "difference")
        yield f"           it also explains {also} met in other buckets"
    same = [one for one in others if one.same]
    apart = [one for one in others if not one.same]
    if same:
        count = diagnosis.support.inputs
        yield f"the same behaviour, as far as {counted(count, 'input')} could tell:"
        yield from _named(clean(one.edit.says, WIDTH) for one in same)
    if apart:
        yield "fit as well, but behave differently where the shadow shows another bug or fails:"
        yield from _named(clean(one.edit.says, WIDTH) for one in apart)


def _named(texts: Iterator[str]) -> Iterator[str]:
    rows = list(texts)
    yield from (f"  {text}" for text in rows[:MAX_SHOWN])
    if len(rows) > MAX_SHOWN:
        yield f"  and {len(rows) - MAX_SHOWN} more"


def _support(diagnosis: Diagnosis) -> Iterator[str]:
    support = diagnosis.support
    if diagnosis.causes:
        total = support.kept + support.generated
        yield (
            f"support    gave the shadow's answer at {total:,} of {counted(total, 'occurrence')} "
            f"({support.kept:,} kept, {support.generated:,} generated)"
        )
        elsewhere = counted(support.elsewhere, "step")
        yield f"           and the cores' common answer at {elsewhere} elsewhere"
    yield (
        f"tried      {counted(support.edits, 'edit')}; {support.refuted:,} fitted the first "
        f"occurrence and were refuted; {counted(support.inputs, 'input')}; "
        f"{diagnosis.seconds:.1f} s"
    )


def _aside(diagnosis: Diagnosis) -> Iterator[str]:
    counts = {why: count for why, count in (diagnosis.aside or {}).items() if count}
    if counts:
        told = ", ".join(f"{count} {why}" for why, count in counts.items())
        yield f"set aside  of the kept occurrences: {told}"


def _nearest(diagnosis: Diagnosis, commands: Commands) -> Iterator[str]:
    if diagnosis.nearest:
        yield ""
        yield "nearest:"
        for near in diagnosis.nearest:
            yield from _near(near)
    halves = diagnosis.halves
    if halves is not None:
        yield ""
        yield "this bucket seems to hold two bugs, since two edits explain all of it between them:"
        yield from _near(halves.first)
        yield from _near(halves.second)
        if halves.condition:
            where = ("--where", quoted(halves.condition), "--name", "NAME")
            yield f"  {clean(commands('split', diagnosis.id, *where), MAX_COMMAND)}"


def _near(near: Near) -> Iterator[str]:
    yield f"  {clean(near.edit.says, WIDTH)}"
    told = f"gives {near.reproduced:,} of {counted(near.occurrences, 'occurrence')}"
    if near.broken:
        told += f", changes {counted(near.broken, 'step')} elsewhere on which the cores agree"
    yield f"    {told}; {clean(near.rule) or 'no rule of the contract'}"
    if near.left:
        yield f"    left: {clean(near.left)}"
    if near.condition:
        yield f"    as far as was seen it would fit where {clean(near.condition)}"


def _values(diagnosis: Diagnosis) -> Iterator[str]:
    if not diagnosis.values:
        return
    yield ""
    yield "values at work:"
    for value in diagnosis.values:
        if value.where:
            yield f"  {clean(value.where)}: {clean(value.expression)}"
        for text in value.says:
            yield f"    {clean(text)}"
