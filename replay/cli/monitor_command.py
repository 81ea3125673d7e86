"""`doge-replay monitor`: samples a bot's status every minute into telemetry."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import click

from replay.cli.common import Duration
from replay.cli.console import note
from replay.counting import counted
from replay.errors import Terminated, UsageError
from replay.gate.telemetry.monitor import Monitor, Taken, stamp
from replay.gate.telemetry.sample_file import Run, SampleFile, open_samples
from replay.gate.telemetry.status_request import Address
from replay.safe_text import clean

HOURS = 48.0
LONGEST_TIMEOUT = 10.0


@click.command(
    epilog="""\b
Examples:
  doge-replay monitor http://127.0.0.1:8080 --out logs/
  doge-replay monitor http://127.0.0.1:8080 --hours 50 --out logs/

Started again with the same words it goes on with the same file. Exit codes: 0 all samples were
due, 2 usage, 3 samples are lost or cannot be written, 128 + n on signal n."""
)
@click.argument("url", metavar="URL")
@click.option(
    "--out",
    metavar="DIR|FILE",
    default="logs",
    show_default=True,
    help="A directory, in which the newest file of the same run is continued or a new one is "
    "begun; or a file that ends in .jsonl.",
)
@click.option(
    "--every",
    type=Duration(min=0.05, max=3600.0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Seconds between two samples.",
)
@click.option("--samples", type=click.IntRange(min=1), help="How many samples; default 48 hours.")
@click.option(
    "--hours", type=Duration(min=0.0, max=1e5), help="For how long; not together with --samples."
)
@click.option(
    "--timeout",
    type=Duration(min=0.05, max=600.0),
    metavar="SECONDS",
    help="How long to wait for an answer; default 10, or the step where that is shorter.",
)
def monitor(
    url: str,
    out: str,
    every: float,
    samples: int | None,
    hours: float | None,
    timeout: float | None,
) -> int:
    """Sample the status of the bot at URL every minute for 48 hours, as the runbook's loop does.

    The telemetry has one compact line for each minute: the same fields as the runbook's, each
    written at once and safe on the disk. A bot that is away, hangs or answers nonsense is a sample
    without counters and with the reason; minutes that were missed are marked.
    """
    if samples is not None and hours is not None:
        raise click.UsageError("--samples and --hours do not go together")
    count = samples or math.ceil((HOURS if hours is None else hours) * 3600.0 / every)
    if count < 1:
        raise UsageError("--hours is shorter than a single sample")
    address = Address.parse(url)
    run = Run(address.text, every, count)
    file = open_samples(Path(out), run, time.time())
    watch = _Watch(run, file, is_terminal=sys.stderr.isatty())
    went_on = file.former.last is not None
    note(f"monitor: {'going on with' if went_on else 'writing'} {clean(file.path)}")
    try:
        wait = timeout or min(LONGEST_TIMEOUT, every)
        for taken in Monitor(run, file, address, wait).samples():
            watch.tell(taken)
        watch.end()
        is_kept = file.flush()
        watch.tell_file()
        if not is_kept or file.lost:
            note(f"monitor: {_losses(file)}")
            return 3
        due = f"{counted(run.samples, 'sample')} {'was' if run.samples == 1 else 'were'} due"
        note(f"monitor: done, {due}; {watch.answered:,} taken by this process with counters")
        return 0
    except (Terminated, KeyboardInterrupt) as error:
        watch.end()
        file.flush()
        watch.tell_file()
        lost = f"; {_losses(file)}" if file.held_back or file.lost else ""
        note(f"monitor: interrupted; the same command goes on with {clean(file.path)}{lost}")
        return int(getattr(error, "exit_code", 130))
    finally:
        file.close()


def _losses(file: SampleFile) -> str:
    """What is not on the disk, and why."""
    told = []
    if file.held_back:
        told.append(
            f"{counted(file.held_back, 'sample')} could not be written: {clean(file.trouble)}"
        )
    if file.lost:
        told.append(
            f"{counted(file.lost, 'line')} lost: {clean(file.moved or 'the disk was full')}"
        )
    return "; ".join(told)


class _Watch:
    """Tells on standard error what an operator wants to see: on a terminal every sample on one line
    that is kept up to date, elsewhere only what changes."""

    def __init__(self, run: Run, file: SampleFile, *, is_terminal: bool) -> None:
        self.answered = 0
        self._file = file
        self._moved = ""
        self._run = run
        self._is_terminal = is_terminal
        self._shown = False
        self._reason: str | None = ""
        self._trouble = ""
        self._counts = (0, 0)

    def tell(self, taken: Taken) -> None:
        """Shows one sample."""
        status, when = taken.status, stamp(taken.at)
        self.tell_file()
        if taken.missed:
            self._say(f"{when} {counted(taken.missed, 'sample')} missed")
        if taken.trouble != self._trouble:
            self._say(f"{when} cannot write: {clean(taken.trouble)}; trying again" if taken.trouble
                      else f"{when} everything is written again")  # fmt: skip
        if status.reason != self._reason:
            self._say(f"{when} no counters: {clean(status.reason)}" if status.reason
                      else f"{when} the bot answers")  # fmt: skip
        self._reason, self._trouble = status.reason, taken.trouble
        block = status.block
        if block is None:
            self._line(f"{when} no counters: {clean(status.reason, 60)}", taken)
            return
        self.answered += 1
        counts = (_number(block, "total_divergences"), _number(block, "shadow_failures"))
        if counts != self._counts:
            self._say(
                f"{when} {counted(counts[0], 'divergence')}, {counted(counts[1], 'shadow failure')}"
            )
        self._counts = counts
        checks = _number(block, "transition_checks") + _number(block, "invariant_checks")
        told = (
            f"{counted(checks, 'check')}, {counted(counts[0], 'divergence')}, "
            f"{counted(counts[1], 'failure')}"
        )
        self._line(f"{when} {told}", taken)

    def tell_file(self) -> None:
        """Tells once what has become of the file."""
        if self._file.moved != self._moved:
            self._moved = self._file.moved
            self._say(f"{clean(self._moved)}; going on with {clean(self._file.path)}")

    def end(self) -> None:
        """Takes the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False

    def _say(self, text: str) -> None:
        self.end()
        note(f"monitor: {text}")

    def _line(self, text: str, taken: Taken) -> None:
        if not self._is_terminal:
            return
        held = f", {taken.held_back} held back" if taken.held_back else ""
        sys.stderr.write(f"\r\x1b[K[{taken.number + 1:,}/{self._run.samples:,}] {text}{held}")
        sys.stderr.flush()
        self._shown = True


def _number(block: dict[str, object], name: str) -> int:
    value = block.get(name)
    return value if isinstance(value, int) else 0
