"""`doge-replay corpus`: taking logs in, listing, verifying, minimising."""

from __future__ import annotations

from pathlib import Path

import click

from replay.cli.common import core_options_used, corpus_option
from replay.cli.console import Progress, say, say_json, say_table
from replay.cli.run_report import say_unread
from replay.counting import counted
from replay.errors import ExitCode, InputError, UsageError
from replay.safe_text import clean
from replay.settings import Settings
from replay.streams.content import why_not_taken
from replay.streams.corpus import BOUND, Corpus, Entry, FileCount
from replay.streams.left_out import unread_document
from replay.streams.model import Rejected

MAX_REJECTED_SHOWN = 20


@click.group()
def corpus() -> None:
    """Import, list, verify and minimise the streams that are kept.

    \b
    Example:
      doge-replay corpus import logs/
    """


@corpus.command(
    "import",
    epilog="""\b
Example:
  doge-replay corpus import logs/events_20261122.jsonl.gz""",
)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@corpus_option
@core_options_used("trust", "json")
def import_command(
    inputs: tuple[str, ...],
    settings: Settings,
    as_json: bool,
) -> int:
    """Take journals, requests, parity cases and states into the corpus. Twice adds nothing.

    Each file is told by its content, and what was not taken of one is told on one line, with why.
    `-` is standard input.
    """
    directory = settings.corpus[-1]
    rejected: list[Rejected] = []
    progress = Progress("corpus import", quiet=as_json)
    count = Corpus(directory).import_inputs(
        inputs, on_rejected=rejected.append, on_steps=lambda steps: progress.update(steps, "steps")
    )
    progress.end()
    if as_json:
        say_json(
            {
                "corpus": str(directory),
                "added": count.added,
                "known": count.known,
                "steps": count.steps,
                "rejected": [one._asdict() for one in rejected],
                "files": [_file_document(one) for one in count.files],
                **unread_document(count.unread),
            }
        )
    else:
        say(f"{clean(directory)}: {counted(count.added, 'stream')} added, {count.known:,} known, "
            f"{counted(count.steps, 'step')}")  # fmt: skip
        if count.steps > BOUND:
            say(f"  (a long stream of a file is kept in parts of about {BOUND:,} steps, each "
                "counted as a stream of its own; `run` of the file counts it once)")  # fmt: skip
        first = {one.file: one for one in reversed(rejected)}
        aside = [one for one in count.files if one.rejected]
        for one in aside[:MAX_REJECTED_SHOWN]:
            say(f"  {clean(_aside_words(one, first[one.file]), 600)}")
        if len(aside) > MAX_REJECTED_SHOWN:
            more = counted(len(aside) - MAX_REJECTED_SHOWN, "more file")
            say(f"  ... and of {more} (--json has them)")
        say_unread(count.unread)
    nothing = count.added + count.known == 0 or any(one.is_doubtful for one in count.unread)
    return int(ExitCode.BAD_INPUT if nothing else ExitCode.CLEAN)


def _aside_words(count: FileCount, first: Rejected) -> str:
    """What of a file was not taken, and why, on one line."""
    if not count.steps:
        why = why_not_taken(Path(count.file))
        if why:
            return f"not taken {count.file}: {why} ({counted(count.rejected, 'line')})"
    where = f"{first.file}:{first.line}"
    if count.rejected == 1:
        return f"set aside {where}: {first.reason}"
    lines = counted(count.rejected, "line")
    return f"set aside {count.file}: {lines}, the first {where}: {first.reason}"


def _file_document(count: FileCount) -> dict[str, object]:
    why = "" if count.steps else why_not_taken(Path(count.file))
    return {**count._asdict(), "why": why}


@corpus.command(
    "list",
    epilog="""\b
Example:
  doge-replay corpus list --json""",
)
@corpus_option
@core_options_used("trust", "json")
def list_streams(
    settings: Settings,
    as_json: bool,
) -> int:
    """List the streams of the corpus."""
    entries = [(d, entry) for d in existing(settings.corpus) for entry in Corpus(d).entries()]
    if as_json:
        say_json([_entry_document(directory, entry) for directory, entry in entries])
        return 0
    say_table(
        ("stream", "steps", "events", "bytes", "origin"),
        (
            (entry.id[:12], entry.steps, _calls(entry), entry.size, entry.origin)
            for _, entry in entries
            if isinstance(entry, Entry)
        ),
    )
    for _, entry in entries:
        if isinstance(entry, Rejected):
            say(f"damaged: {clean(entry.file)}: {clean(entry.reason)}")
    return 0


def existing(directories: tuple[Path, ...]) -> list[Path]:
    """The corpora that are there: an own one is made by the first stream that joins it."""
    return [directory for directory in directories if directory.is_dir()] or [directories[-1]]


def _calls(entry: Entry) -> str:
    return ", ".join(f"{clean(name)} {count}" for name, count in entry.calls.items())


def _entry_document(directory: Path, entry: Entry | Rejected) -> dict[str, object]:
    if isinstance(entry, Rejected):
        return {"file": entry.file, "damaged": entry.reason}
    return {
        "stream": entry.id,
        "corpus": str(directory),
        "steps": entry.steps,
        "calls": dict(entry.calls),
        "bytes": entry.size,
        "origin": entry.origin,
    }


@corpus.command(
    "verify",
    epilog="""\b
Example:
  doge-replay corpus verify --corpus corpus""",
)
@corpus_option
@core_options_used("trust", "json")
def verify(
    settings: Settings,
    as_json: bool,
) -> int:
    """Read every file of the corpus and report all that is not a good stream.

    Exits 2 where a stream is damaged.
    """
    checked = [(directory, Corpus(directory).verify()) for directory in existing(settings.corpus)]
    sound = all(verification.is_sound for _, verification in checked)
    if as_json:
        say_json(
            [
                {
                    "corpus": str(directory),
                    "good": verification.good,
                    "sound": verification.is_sound,
                    "faults": [
                        {"kind": fault.kind, "file": fault.file, "reason": fault.reason}
                        for fault in verification.faults
                    ],
                }
                for directory, verification in checked
            ]
        )
    else:
        for directory, verification in checked:
            say(f"{clean(directory)}: {counted(verification.good, 'good stream')}, "
                f"{counted(len(verification.faults), 'fault')}")  # fmt: skip
            for fault in verification.faults:
                say(f"  {fault.kind}: {clean(fault.file)}: {clean(fault.reason)}")
    return int(ExitCode.CLEAN if sound else ExitCode.BAD_INPUT)


@corpus.command(
    "minimise",
    epilog="""\b
Example:
  doge-replay corpus minimise --output corpus-small""",
)
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The new corpus: a directory that is not there yet, or empty.",
)
@corpus_option
@core_options_used("authority", "db", "trust", "sandbox", "json")
def minimise_corpus(output: Path, settings: Settings, as_json: bool) -> int:
    """Write the few streams that reach what the whole corpus reaches into a new one.

    What a stream reaches are its features on the authority and, where `power` was run with it,
    the edits that the stream was the first to show. The corpus itself stays as it is. Exits 2
    where there is no stream.
    """
    # Only here: what edits a core takes a while to load, and no other of these commands needs it.
    from replay.runs.distillation import smallest_cover, weighed
    from replay.runs.power_memory import memory_file, read_memory
    from replay.targets.open import open_target

    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output} is there already and not empty; minimising writes a new corpus")
    where = {stream: Corpus(d) for d in existing(settings.corpus) for stream in Corpus(d).streams()}
    if not where:
        raise InputError("there is no stream in the corpus")
    authority = open_target(settings.authority, role="authority", limits=settings.limits)
    try:
        memory = read_memory(memory_file(settings.db), authority.identity.sha256)
        streams = ((name, kept.read(name)) for name, kept in sorted(where.items()))
        all_streams = weighed(streams, authority, memory.kills())
    finally:
        authority.close()
    kept = smallest_cover(all_streams)
    small = Corpus(output)
    for one in sorted(kept):
        small.add(where[one.stream].read(one.stream))
    before, after = (sum(one.steps for one in some) for some in (all_streams, kept))
    if as_json:
        say_json(
            {
                "output": str(output),
                "streams": len(kept),
                "of_streams": len(all_streams),
                "steps": after,
                "of_steps": before,
            }
        )
    else:
        say(
            f"{clean(output)}: {len(kept):,} of {counted(len(all_streams), 'stream')}, "
            f"{after:,} of {counted(before, 'step')}: what all of them reach"
        )
    return 0
