"""`doge-replay export`: a stored finding as something to hand over."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import assert_never

import click

from replay.cli.common import core_options, reading
from replay.cli.console import mention, say_json
from replay.differential.probing import NO_STEPS
from replay.errors import EnvironmentFailure, ProvesNothing, UsageError
from replay.findings.bundle import bundle_bytes
from replay.findings.export import Form, file_name, lost_in_parity, parity_case
from replay.findings.pytest_file import pytest_file
from replay.findings.store.store import StoredFinding
from replay.reports.finding_text import reports
from replay.runs.commands import Commands, commands_of
from replay.safe_text import clean
from replay.settings import Settings


@click.command(
    epilog="""\b
Examples:
  doge-replay export d-3f9a2c1b > tests/parity/d-3f9a2c1b.json
  doge-replay export d-3f9a2c1b --as pytest --output tests/
  doge-replay export d-3f9a2c1b --as bundle      # writes d-3f9a2c1b.zip"""
)
@click.argument("id", metavar="ID")
@click.option(
    "--as",
    "form",
    type=click.Choice([str(form) for form in Form]),
    default=str(Form.PARITY),
    help="A parity case (the default), a test file that stands alone, or everything in one file "
    "for `repro` on another machine.",
)
@click.option(
    "--output",
    "-o",
    metavar="PATH",
    help="A file that is not there yet, or a directory, where the file is then named after the ID. "
    "Default: standard output; for a bundle the current directory. `-` is standard output.",
)
@click.option(
    "--anyway",
    is_flag=True,
    help="Write a parity case also where the faulty shadow would pass it: `repro` and "
    "assert_cores_agree still compare both cores on it.",
)
@core_options
def export(
    id: str,
    form: str,
    output: str | None,
    anyway: bool,
    settings: Settings,
    as_json: bool,
) -> int:
    """Write one stored case as a parity case, a pytest file or a bundle.

    A parity case (JSON) has what the authority ended in as `expected`, which holds the phase,
    orders, cycles, cooldowns and invariants; where the cores differ in something else it would
    pass on both, and is refused. A pytest file fails while
    the cores diverge. A bundle has the case, both answers, the hashes of both cores, the history
    and a report. No file is ever overwritten.
    """
    chosen = Form(form)
    if as_json and chosen is Form.BUNDLE and output == "-":
        raise UsageError("a bundle is no JSON: with --json it goes to a file")
    with reading(settings) as store:
        finding = store.finding(id)
        content = _content(finding, chosen, commands_of(settings), anyway)
        path = _path(finding, chosen, output)
    if path is not None:
        _write(path, content)
        mention(f"written: {clean(path)}")
    if as_json and (path is not None or chosen is Form.PYTEST):
        _say_document(finding, chosen, path, content)
    elif path is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
    return 0


def _content(finding: StoredFinding, form: Form, commands: Commands, anyway: bool) -> bytes:
    """The file. Raises UsageError for a parity case that would lose the bug, ProvesNothing for a
    case without steps."""
    if not finding.case.steps:
        raise ProvesNothing(f"there is nothing to hand over of {finding.id}: {NO_STEPS}")
    match form:
        case Form.PARITY:
            lost = lost_in_parity(finding)
            if lost and not anyway:
                bundle = commands("export", finding.id, "--as", "bundle")
                test = commands("export", finding.id, "--as", "pytest")
                raise UsageError(
                    f"a parity case of {finding.id} proves nothing: {lost}, so the faulty shadow "
                    f"would pass it as well; take `{test}` for a suite, or `{bundle}` for `repro`",
                    id=finding.id,
                )
            document = parity_case(finding)
            text = json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)
            return text.encode() + b"\n"
        case Form.PYTEST:
            return pytest_file(finding, file_name(finding, form)).encode()
        case Form.BUNDLE:
            return bundle_bytes(finding, reports(finding))
    assert_never(form)


def _path(finding: StoredFinding, form: Form, output: str | None) -> Path | None:
    """The file to write, None for standard output. What is not named is named after the ID."""
    if output == "-" or (output is None and form is not Form.BUNDLE):
        return None
    if output is None:
        return Path(file_name(finding, form))
    if output.endswith("/") or Path(output).is_dir():
        return Path(output) / file_name(finding, form)
    return Path(output)


def _write(path: Path, content: bytes) -> None:
    """Writes a file that is not there yet; half of one never stays behind."""
    if not path.parent.is_dir():
        raise UsageError(f"cannot write {path}: there is no directory {path.parent}")
    try:
        file = path.open("xb")
    except OSError as error:
        raise EnvironmentFailure(f"cannot write {path}: {error.strerror}") from error
    try:
        with file:
            file.write(content)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise EnvironmentFailure(f"cannot write {path}: {error.strerror}") from error
        raise


def _say_document(finding: StoredFinding, form: Form, path: Path | None, content: bytes) -> None:
    """What was written, as `--json` has it; a text that went nowhere stands in it."""
    say_json(
        {
            "id": finding.id,
            "as": str(form),
            "name": file_name(finding, form),
            "path": None if path is None else str(path),
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "content": None if path is not None else content.decode(),
        }
    )
