"""`doge-replay evidence`: the package for the sign-off, and checking one anywhere later."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from replay.cli.common import CONTEXT, core_options, explanations_option
from replay.cli.console import note, say, say_json, say_marked
from replay.cli.extras import need
from replay.cli.gate_command import (
    existing_database,
    explanations_of,
    journal_option,
    rehearsal_option,
)
from replay.counting import counted
from replay.errors import ExitCode, UsageError
from replay.gate.model import Outcome
from replay.gate.package.evidence import Request, collect_evidence
from replay.gate.package.package import MANIFEST, check_free, write_package
from replay.gate.package.rerun import Texts
from replay.gate.package.ssh_signing import (
    check_signature_free,
    remove_signature,
    sign,
    signer_of,
    write_signature,
)
from replay.gate.package.verification import verify_package
from replay.gate.verdict_text import headline
from replay.reports.finding_text import finding_lines, reports
from replay.runs.cores import pair_of
from replay.safe_text import clean
from replay.settings import Settings

_PACK = "pack"


class _PackByDefault(click.Group):
    """A group whose first word is a file of telemetry, unless it is one of its commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts `pack` in front where no command is named."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [_PACK, *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_PackByDefault,
    subcommand_metavar="TELEMETRY... --out DIR | verify DIR|ZIP",
    context_settings=CONTEXT,
    epilog="""\b
Examples:
  doge-replay evidence logs/state_machine_shadow_20261122T100000Z.jsonl \\
      --journal logs/ --out logs/evidence-20261124 --signed-by 'Ada Lovelace <ada@example.org>'
  doge-replay evidence verify logs/evidence-20261124.zip""",
)
def evidence() -> None:
    """Pack what the sign-off needs (`evidence TELEMETRY... --out DIR`, see `evidence pack -h`), or
    check such a package (`evidence verify`)."""


@evidence.command(
    epilog="""\b
Examples:
  doge-replay evidence pack logs/ --journal logs/ --out logs/evidence-20261124
  doge-replay evidence logs/state_machine_shadow_*.jsonl --out evidence --signed-by 'Ada Lovelace'

Exit codes are those of the gate's verdict: 0 PASS, 1 FAIL, 4 INCONCLUSIVE (the package is written
in any case); 2 bad input, 3 a core or the environment failed (nothing is written)."""
)
@click.argument("telemetry", nargs=-1, required=True, metavar="TELEMETRY...")
@journal_option
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    help="The directory to write, which must not be there yet; DIR.zip beside it has the same.",
)
@click.option("--force", is_flag=True, help="Replace a package that is there (nothing else).")
@click.option("--signed-by", metavar="TEXT", help="Who signs it off.")
@click.option("--signed-at", metavar="TIME", help="When, as RFC 3339; default now.")
@click.option(
    "--sign",
    "key",
    metavar="KEY",
    help="Sign it with this key of ssh, as DIR.sig (ssh-keygen -Y sign).",
)
@rehearsal_option
@explanations_option
@core_options
def pack(
    telemetry: tuple[str, ...],
    journals: tuple[str, ...],
    out: str,
    force: bool,
    signed_by: str | None,
    signed_at: str | None,
    key: str | None,
    rehearsal: bool,
    settings: Settings,
    as_json: bool,
) -> int:
    """Pack the evidence of a shadow run into a directory and a zip archive.

    The telemetry, the shadow widget's course (PNG, SVG, HTML), the count summary, triage notes for
    every divergence and failure with case and reproduction log, the gate's verdict, and the hashes
    of both cores and of every file. The same data give the same bytes.
    """
    folder = Path(out)
    if folder.name in ("", ".."):
        raise UsageError(f"{out} is no name for a new directory")
    need("evidence", "evidence")
    check_free(folder, force=force)
    check_signature_free(folder, force=force)
    request = Request(
        telemetry=telemetry,
        journals=journals,
        cores=pair_of(settings),
        explanations=explanations_of(settings),
        explained_in=settings.explanations if journals else None,
        db=existing_database(settings) if journals else None,
        rehearsal=rehearsal,
        signed=_signed(signed_by, signed_at),
        today=datetime.now(UTC).date(),
    )
    found = collect_evidence(request, Texts(finding_lines, reports))
    signature = None if key is None else sign(found.members[MANIFEST], Path(key))
    remove_signature(folder)
    archive = write_package(folder, found.members, force=force)
    signed = None if signature is None else write_signature(signature, folder)
    mark = found.fingerprint
    if as_json:
        say_json({
            "verdict": str(found.verdict.verdict),
            "exit": int(found.verdict.exit_code),
            "directory": str(folder),
            "archive": str(archive),
            "fingerprint": mark,
            "signature": None if signed is None else str(signed),
            "files": list(found.members),
        })  # fmt: skip
    else:
        say_marked(clean(headline(found.verdict)), found.verdict.verdict is not Outcome.PASS)
        say(f"  {clean(folder / 'index.html')}")
        say(f"  {clean(archive)}")
        if signed is not None:
            say(f"  {clean(signed)}")
        say(f"  fingerprint {mark} (keep it apart from the package: `evidence verify --expect`)")
    return int(found.verdict.exit_code)


def _signed(by: str | None, at: str | None) -> tuple[str, str] | None:
    """Who and when. Raises UsageError for a time that is none."""
    if by is None:
        if at is not None:
            raise UsageError("--signed-at says when, and nobody says who: give --signed-by")
        return None
    if not by.strip():
        raise UsageError("--signed-by is empty")
    if at is None:
        return by, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        aware = datetime.fromisoformat(at.upper()).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise UsageError(f"--signed-at {at!a} is no time like 2026-11-24T12:00:00Z")
    return by, at


@evidence.command(
    epilog="""\b
Examples:
  doge-replay evidence verify logs/evidence-20261124.zip --expect 3f9a2c1b...
  doge-replay evidence verify logs/evidence-20261124.zip --allowed-signers signers

Exit codes: 0 sound, 1 something is wrong, 2 no evidence package."""
)
@click.argument("package", metavar="DIR|ZIP")
@click.option("--expect", metavar="SHA256", help="The fingerprint that was kept elsewhere.")
@click.option(
    "--allowed-signers",
    metavar="FILE",
    help="Who may have signed it, as ssh-keygen(1) has it: the package must be signed by one.",
)
@click.option("--json", "as_json", is_flag=True, help="Pure JSON on standard output.")
def verify(package: str, expect: str | None, allowed_signers: str | None, as_json: bool) -> int:
    """Check an evidence package, on any machine: no core, journal or database is needed.

    Every file's hash, nothing missing and nothing more, the manifest itself; what was counted and
    the verdict are made anew from the telemetry in the package.
    """
    result = verify_package(Path(package), expect or "")
    if allowed_signers is not None:
        result.signer, problem = signer_of(Path(package), Path(allowed_signers))
        result.problems += [problem] if problem else []
    if as_json:
        say_json(result.document())
    else:
        state = "sound" if result.is_sound else "NOT sound"
        rehearsal = f" (a rehearsal {result.rehearsal})" if result.rehearsal else ""
        say_marked(
            clean(f"evidence: {state}, {counted(result.files, 'file')}, "
                  f"verdict {result.verdict or '?'}"
                  f"{rehearsal}"),
            not result.is_sound,
        )  # fmt: skip
        for problem in result.problems[:200]:
            say(f"  {clean(problem, 600)}")
        if len(result.problems) > 200:
            say(f"  and {len(result.problems) - 200:,} more")
        for one in result.notes:
            note(clean(one, 600))
        if result.rejudged and result.is_sound:
            say("  counted and judged again from its telemetry: the same")
        if result.signed:
            say(f"  signed off by {clean(result.signed)}")
        if result.signer:
            say(f"  signed with the key of {clean(result.signer)}")
        say(f"  fingerprint {clean(result.fingerprint or '?')}")
    return int(ExitCode.CLEAN if result.is_sound else ExitCode.DIVERGENCE)
