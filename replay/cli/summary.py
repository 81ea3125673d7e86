"""A run's report in the terminal: what was compared, what was found, what to do next."""

from __future__ import annotations

from replay.cli.console import clean, say, say_table
from replay.errors import ExitCode
from replay.findings.report import Check, FindingLine, Report
from replay.targets.base import CoreIdentity

MAX_REJECTED_SHOWN = 20


def core_line(identity: CoreIdentity) -> str:
    """A core on one line."""
    revision = identity.revision[:12] + ("-dirty" if identity.revision.endswith("-dirty") else "")
    return (
        f"{clean(identity.path)} (version {clean(identity.version)}, revision {clean(revision)}, "
        f"SHA-256 {identity.sha256[:12]})"
    )


def counted(number: int, thing: str) -> str:
    """`1 stream`, `2 streams`."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def headline(report: Report) -> str:
    """The outcome in a few words."""
    if report.storm is not None:
        return report.storm
    if report.interrupted is not None:
        return "interrupted; what was found until then is stored"
    divergences, failures = len(report.divergences), len(report.failures)
    words = []
    if divergences:
        words.append(f"{divergences} divergence{'s' * (divergences > 1)}")
    if report.misses:
        words.append(f"{len(report.misses)} expectations missed")
    if failures:
        words.append(f"{failures} way{'s' * (failures > 1)} in which a core failed")
    if words:
        return ", ".join(words)
    if report.exit_code is ExitCode.PROVES_NOTHING:
        return "the run proves nothing: " + (
            "nothing was compared" if report.tally.transitions == 0 else _check_lines(report)[0]
        )
    return "no divergence"


def say_report(report: Report) -> None:
    """Prints a report."""
    tally = report.tally
    say(f"{report.kind}: {clean(headline(report))}")
    say(f"  authority  {core_line(report.authority)}")
    say(f"  shadow     {core_line(report.shadow)}")
    if report.seed is not None:
        say(f"  seed       {report.seed}, profile {clean(report.profile)}")
    say(
        f"  compared   {tally.transitions:,} transitions in {counted(tally.streams, 'stream')}, "
        f"{report.seconds:.1f} s ({report.rate:,.0f}/s)"
    )
    calls = ", ".join(f"{clean(name)} {count:,}" for name, count in report.calls().items())
    if calls:
        say(f"  steps      {calls}")
    verdicts = ", ".join(
        f"{verdict} {count:,}" for verdict, count in tally.verdicts.items() if count
    )
    if verdicts:
        say(f"  verdicts   {verdicts}")
    for line in _check_lines(report):
        say(f"  {line}")
    if report.features:
        say(f"  reached    {len(report.features):,} features")
    if report.new_streams:
        say(f"  corpus     {report.new_streams} new streams")
    if report.resolved:
        say(f"  agree now  {', '.join(report.resolved)}")
    _say_rejected(report)
    _say_findings("divergences", report.divergences)
    _say_findings("failures", report.failures)
    for miss in report.misses:
        say(f"expected: {clean(miss)}")


def _check_lines(report: Report) -> list[str]:
    lines = []
    if report.canary.ok is not None:
        details = report.canary.details
        missed = ", ".join(details.get("missed", ())) or "none missed"
        lines.append(
            f"canary     {details.get('found')} of {details.get('planted')} planted faults found, "
            f"{missed}"
        )
    if report.control.ok is not None:
        lines.append(f"control    {_control(report.control)}")
    return lines


def _control(check: Check) -> str:
    if check.ok:
        return "each core agrees with itself"
    differing = check.details.get("differs_from_itself", {})
    return "; ".join(f"the {role} differs from itself" for role in differing)


def _say_rejected(report: Report) -> None:
    if not report.rejected_count:
        return
    say(f"  set aside  {report.rejected_count:,} lines")
    for one in report.rejected[:MAX_REJECTED_SHOWN]:
        where = f"{one.file}:{one.line}" if one.line else one.file
        say(f"    {clean(where)}: {clean(one.reason)}")
    if report.rejected_count > MAX_REJECTED_SHOWN:
        say(f"    ... and {report.rejected_count - MAX_REJECTED_SHOWN:,} more (--json has them)")


def _say_findings(title: str, lines: list[FindingLine]) -> None:
    if not lines:
        return
    say()
    say(f"{title}:")
    say_table(
        ("id", "", "event", "rule", "field", "kind", "times", "steps"),
        (
            (
                line.id,
                "new" if line.new else "known",
                line.event,
                line.rule,
                line.field,
                line.kind,
                f"{line.occurrences:,}",
                line.steps,
            )
            for line in lines
        ),
    )
    say()
    for line in lines:
        say(f"  {line.command}")
