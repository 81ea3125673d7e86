"""What a report says, in the words that the terminal, Markdown, JUnit and HTML share.

Texts from data are passed on as they are: each of those cleans them for itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from replay.counting import counted
from replay.differential.difference_texts import difference_documents
from replay.differential.uncompared import all_refused_words, reasons_lines, reasons_words
from replay.errors import ExitCode
from replay.explaining.claims.claim import Claim
from replay.findings.lifecycle import ONLY_LIVE, word_when_seen
from replay.reports.texts import plain
from replay.runs.blind_spots import by_reason
from replay.runs.coverage import PHASES, Bound, Exercised, call_name_of
from replay.runs.report import Check, FindingLine, Group, Report
from replay.runs.slot_phase import UNKNOWN_PHASE
from replay.streams.model import RecordedCores, Unread
from replay.targets.base import CoreIdentity

MAX_HANDS = 12
"""Workers that are named; `--json` has them all."""

TITLES: Mapping[Group, str] = {
    Group.REGRESSED: "Regressed",
    Group.NEW: "New",
    Group.KNOWN: "Known",
    Group.FLAKY: "Flaky",
    Group.FAILURE: "Failures of a core",
    Group.EXPLAINED: "Explained",
}

REMARKS: Mapping[Group, str] = {
    Group.REGRESSED: "Fixed before, and here again.",
    Group.NEW: "Seen for the first time.",
    Group.KNOWN: "Seen before, and neither fixed nor explained.",
    Group.FLAKY: "Asked again, the cores did not show it each time: no cause is looked for.",
    Group.FAILURE: "A core gave no usable answer: no divergence, since nothing was compared.",
    Group.EXPLAINED: "Run, compared and counted, but they do not turn a run red.",
}

INDEPENDENT = (
    "Independent: of the steps of one event in a stream between which nothing but price and time "
    "changed, one counts; streams that this run has neither drawn nor read from logs given to it "
    "(the corpus, its mutations, stored cases) do not count. The steps of a draw (one plan of the "
    "generator, or one slot of a log) share most of their settings, so the careful reading is the "
    "last figure: in how many draws the event could diverge at all. A step at which a core failed "
    "counts as diverged."
)
"""What a bound is about."""

MAX_REJECTED, MAX_IDS = 200, 10
SHORT_HASH = 12
MAX_VALUES = 20
"""Values of one finding that a report shows."""


NOT_MINIMISED = "not minimised"
"""Of a case that stands as it was found: it may be long, and most of it beside the point."""

WEAKER = "by a signed note; nothing was run"


def headline(report: Report) -> str:
    """The outcome in a few words."""
    if report.fault is not None:
        return report.fault
    if report.storm is not None:
        return report.storm
    if report.interrupted is not None:
        return "interrupted; what was found until then is stored"
    flaky, failures = len(report.group(Group.FLAKY)), len(report.failures)
    counts = (
        (
            len(report.false_claims),
            "explanation that does not hold",
            "explanations that do not hold",
        ),
        (len(report.unexplained) - flaky, "divergence", "divergences"),
        (flaky, "flaky finding", "flaky findings"),
        (len(report.misses), "expectation missed", "expectations missed"),
        (failures, "way in which a core failed", "ways in which a core failed"),
        (
            len(report.set_aside),
            "unit set aside by a fault of doge-replay (internal)",
            "units set aside by faults of doge-replay (internal)",
        ),
    )
    words = [counted(count, one, many) for count, one, many in counts if count]
    if report.untold:
        words.append(
            f"not all of it is told, by {counted(len(report.untold), 'fault')} of doge-replay"
        )
    if not words:
        words = [_nothing_found(report)]
    if explained := len(report.group(Group.EXPLAINED)):
        words.append(f"{explained:,} explained")
    return ", ".join(words)


NOTHING_NEW = "nothing new was looked for: the time was up before anything was generated"


def _nothing_found(report: Report) -> str:
    code = report.exit_code
    if code is ExitCode.CORE_FAILED:
        return f"a core failed {counted(report.tally.failures.total(), 'time')}"
    if code is not ExitCode.PROVES_NOTHING:
        none = "no unexplained divergence" if report.divergences else "no divergence"
        return f"{none} in what was stored; {NOTHING_NEW}" if report.only_known else none
    if report.tally.compared == 0:
        return f"the run proves nothing: {nothing_compared_words(report)}"
    if any(one.is_doubtful for one in report.unread):
        return f"the run proves nothing: {_doubtful_words(report.unread)}"
    if report.is_undecided:
        unsettled = counted(len(report.unsettled), "finding")
        return f"the run proves nothing: {unsettled} neither shown nor gone"
    missed = report.canary.ok is False
    return "the run proves nothing: " + (
        canary_words(report.canary) if missed else control_words(report.control)
    )


def _doubtful_words(unread: Sequence[Unread]) -> str:
    """How many files were not read that may be logs, and how many not to their end."""
    partial = sum(one.is_partial for one in unread)
    left_out = sum(one.is_doubtful for one in unread) - partial
    words = []
    if partial:
        words.append(f"{counted(partial, 'file')} could not be read as a whole")
    if left_out:
        many = f"{left_out:,} files that may be logs were"
        words.append(f"{'a file that may be a log was' if left_out == 1 else many} not read")
    return ", and ".join(words)


def nothing_compared_words(report: Report) -> str:
    """Why a run compared nothing."""
    reasons = report.tally.uncompared
    return all_refused_words(reasons) if reasons else "nothing was compared"


def uncompared_words(report: Report) -> str:
    """Steps on which nothing was compared, and why; empty where there are none."""
    reasons = report.tally.uncompared
    if not reasons:
        return ""
    steps = counted(reasons.total(), "step")
    return f"{steps} that both cores refused: {reasons_words(reasons)}; no evidence of anything"


def uncompared_lines(report: Report) -> list[str]:
    """The same on lines of their own: how many, then a line for each of the most frequent
    reasons."""
    reasons = report.tally.uncompared
    if not reasons:
        return []
    steps = counted(reasons.total(), "step")
    return [f"{steps} that both cores refused, which is no evidence of anything:",
            *reasons_lines(reasons)]  # fmt: skip


def hands_words(report: Report) -> str:
    """The workers of a cluster that a run was on, with their versions; empty for this machine."""
    by_versions: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for hand in report.hands:
        by_versions.setdefault(tuple(hand.versions.items()), []).append(hand.name)
    return "; ".join(
        f"{', '.join(names[:MAX_HANDS])}{more_words(names)}: "
        f"{', '.join(f'{name} {version}' for name, version in versions)}"
        for versions, names in by_versions.items()
    )


def more_words(names: Sequence[str]) -> str:
    """How many are not named of a long row."""
    return f" and {len(names) - MAX_HANDS:,} more" if len(names) > MAX_HANDS else ""


def canary_words(check: Check) -> str:
    """What the canary showed."""
    if check.ok is None:
        return "not made"
    details = check.details
    missed = ", ".join(details.get("missed", ())) or "none missed"
    return f"{details.get('found')} of {details.get('planted')} planted faults found, {missed}"


def meaning_words(report: Report) -> str:
    """What a green of a night means, on one line: how much was compared, how much of it says
    something new, how often a draw could still diverge, and what the night would have found. Empty
    where no power was measured."""
    if report.power is None:
        return ""
    words = [f"{report.tally.compared:,} transitions compared"]
    bounds = [bound for bound in report.bounds() if bound.draws]
    if bounds:
        least = max(bounds, key=lambda bound: bound.per_draw)
        words.append(f"{max(bound.draws for bound in bounds):,} independent draws")
        words.append(
            f"each event could diverge in at most {percent(least.per_draw)} of them "
            f"({call_name_of(least.call)}; the others in fewer)"
        )
    never = report.power.get("never_run", ())
    blind = f"; run by no stream, so in no bound: {some_of(never)}" if never else ""
    return f"{', '.join(words)}; {report.power['headline']}{blind}"


MOST_NAMED = 12
"""Functions that one line names."""


def some_of(names: Sequence[str]) -> str:
    """Names in a row; of many the first, and how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def control_words(check: Check) -> str:
    """What the control showed."""
    if check.ok is None:
        return "not made"
    if check.ok:
        return "each core agrees with itself"
    details = check.details
    differing = details.get("differs_from_itself", {})
    words = [f"the {role} differs from itself" for role in differing]
    words += [f"the {role} refuses everything" for role in details.get("refuses_everything", ())]
    return "; ".join(words)


def core_words(identity: CoreIdentity) -> str:
    """A core, in full but for a path that is very long."""
    return (
        f"{plain(identity.path, 150)}, version {plain(identity.version, 50)}, "
        f"revision {plain(identity.revision, 50)}, SHA-256 {plain(identity.sha256, 64)}"
    )


def occasion_words(report: Report) -> str:
    """Which run this is, when it began and where, on one line; empty where that is not known."""
    occasion = report.occasion
    if occasion is None:
        return ""
    return (
        f"run {occasion.number}, {occasion.began_text}, {report.seconds:.1f} s of comparing, on "
        f"{plain(occasion.host, 100)}, doge-replay {occasion.version}"
    )


def difference_words(line: FindingLine) -> list[str]:
    """What differs in the smallest case, with both values; the first of very many."""
    shown = difference_documents(line.differences[:MAX_VALUES])
    words = [
        f"{plain(one['path'])}: authority {plain(one['authority'], 200)}, "
        f"shadow {plain(one['shadow'], 200)} ({one['kind']})"
        for one in shown
    ]
    more = len(line.differences) - len(shown)
    return [*words, f"and {more:,} more"] if more else words


def group_counts(report: Report) -> list[tuple[str, int]]:
    """How many buckets each group has, and how many were fixed; only what there is."""
    counts = [(str(group), len(report.group(group))) for group in Group]
    return [(name, count) for name, count in [*counts, ("fixed", len(report.fixed))] if count]


def status_words(line: FindingLine, group: Group) -> str:
    """Where a bucket stands."""
    first = "new, " if line.new else ""
    if group is Group.FLAKY:
        return first + (f"flaky, {line.rate}" if line.rate else "flaky")
    if line.explained_by:
        return first + explained_words(line)
    word = word_when_seen(line.status, new=line.new)
    word += f", {ONLY_LIVE}" if line.only_live else ""
    return f"{word}, explanation set aside" if line.set_aside else word


def aside_words(lines: Sequence[FindingLine]) -> list[str]:
    """The findings whose explanations are set aside, and why."""
    aside = [line for line in lines if line.set_aside]
    return [f"{line.id}: {plain(line.set_aside, 600)}" for line in aside[:MAX_REJECTED]]


def explained_words(line: FindingLine) -> str:
    """By what a bucket is explained."""
    return f"explained: {line.explained_by}" + (f" ({WEAKER})" if line.weaker else "")


def severity_words(line: FindingLine) -> str:
    """How bad a bucket is: `orders, hot path`."""
    return ", ".join(word for word in (line.severity, "hot path" if line.hot else "") if word)


def steps_words(line: FindingLine) -> str:
    """How long the smallest case is, and whether it could not be made small."""
    steps = f"{line.steps:,}"
    return steps if line.minimised else f"{steps}, {NOT_MINIMISED}"


def rejected_words(report: Report) -> list[str]:
    """The first lines that were set aside, and why."""
    return [
        f"{plain(one.file)}:{one.line}: {plain(one.reason)}"
        for one in report.rejected[:MAX_REJECTED]
    ]


def set_aside_words(report: Report) -> list[str]:
    """The units in which doge-replay itself failed, each with the command that runs it again."""
    drawn = ("--seed", str(report.seed), "--profile", str(report.profile), "--unit")
    return [
        f"unit {one.number} ({one.origin}): internal fault, {one.why}; run it again: "
        + report.commands("fuzz", *drawn, str(one.number))
        for one in report.set_aside[:MAX_REJECTED]
    ]


def unread_words(unread: Sequence[Unread]) -> list[str]:
    """What of the input was not read, or not as a whole, and why."""
    return [f"{plain(one.file)}: {plain(one.reason)}{_doubt(one)}" for one in unread[:MAX_REJECTED]]


def _doubt(one: Unread) -> str:
    if one.is_partial:
        return " (LINES ARE MISSING)"
    return " (MAY BE A LOG)" if one.is_doubtful else ""


def recorded_words(report: Report) -> list[str]:
    """With which other cores the journals were recorded. Nothing where these were the same: what
    is replayed on other cores says nothing of those that ran."""
    own = report.own_cores
    return [
        f"with {' and '.join(others)} ({counted(lines, 'full line')})"
        for cores, lines in sorted(report.recorded_cores.items())
        if (
            others := [
                f"another {side} ({ran[:SHORT_HASH]}, here {here[:SHORT_HASH]})"
                for side, ran, here in zip(RecordedCores._fields, cores, own, strict=True)
                if ran not in ("", here)
            ]
        )
    ]


def claim_words(claim: Claim) -> str:
    """What of an explanation was checked, but for its name and why it holds or not."""
    ids = ", ".join(plain(one, 40) for one in claim.ids[:MAX_IDS])
    more = f" and {len(claim.ids) - MAX_IDS:,} more" if len(claim.ids) > MAX_IDS else ""
    covers = f"covers {ids}{more}" if ids else "covers nothing"
    checked = f"checked on {counted(claim.checked, 'occurrence')}"
    return f"{covers}; {WEAKER if claim.weaker else checked}"


def phase_name(phase: str) -> str:
    """A phase, or that it is not known."""
    return "unknown" if phase == UNKNOWN_PHASE else phase


def phases_words(exercised: Exercised) -> list[tuple[str, int]]:
    """How many steps each phase before was met in."""
    rows = exercised.phases().values()
    counts = {phase: sum(row[phase] for row in rows) for phase in PHASES}
    return [(phase_name(phase), count) for phase, count in counts.items() if count]


def percent(share: float) -> str:
    """A share as a percentage of two digits, rounded up: it is an upper bound."""
    hundredths = share * 100.0
    if hundredths >= 99.5:
        return "100 %"
    if hundredths <= 0.0:
        return "0 %"
    digits = max(0, 1 - math.floor(math.log10(hundredths)))
    scale = 10.0**digits
    # What is short of its last digit by no more than rounding is that digit.
    rounded = math.ceil(hundredths * scale - 1e-9) / scale
    digits = max(0, 1 - math.floor(math.log10(rounded)))
    return f"{rounded:.{digits}f} %"


def nothing_drawn(report: Report) -> str:
    """Why there are no bounds."""
    if not report.exercised.steps:
        if report.tally.compared:
            return "No bounds: stored cases were run again, and nothing was drawn by this run."
        return "No bounds: nothing was compared."
    return "No bounds: all that was run had been chosen before, and nothing was drawn by this run."


def blind_lines(report: Report) -> list[str]:
    """What is in no bound, a line for each reason."""
    return [
        f"{kind}s: {some_of(names)} ({why})" for kind, why, names in by_reason(report.blind_spots())
    ]


def bound_words(bound: Bound, event: str) -> str:
    """A bound in a sentence."""
    return (
        f"{event}: {bound.differed:,} of {bound.steps:,} independent steps diverged, so at most "
        f"{percent(bound.per_step)} do, or in at most {percent(bound.per_draw)} of all draws "
        f"({bound.differed_draws:,} of {bound.draws:,} did)"
    )


def asked_less_words(asked: Mapping[str, str]) -> str:
    """Of which findings it was asked less often than usual whether they are steady: how often, and
    which were not asked at all."""
    unasked = [one for one, times in asked.items() if times.startswith("0 ")]
    counts = sorted({times for times in asked.values() if not times.startswith("0 ")},
                    key=lambda times: int(times.split()[0]))  # fmt: skip
    said = []
    if counts:
        least, most = counts[0], counts[-1]
        often = most if least == most else f"{least.split()[0]} to {most}"
        said.append(f"{counted(len(asked) - len(unasked), 'finding')} {often} times")
    if unasked:
        said.append(f"not at all whether steady: {', '.join(unasked)}")
    return f"{'; '.join(said)} (for want of processor time)"
