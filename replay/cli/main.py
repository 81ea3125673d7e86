"""`doge-replay`: the group of commands, and the one place that turns errors into exit codes."""

from __future__ import annotations

import contextlib
import errno
import functools
import importlib
import io
import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from replay import __version__
from replay.cli.command_table import COMMANDS
from replay.cli.common import CONTEXT
from replay.cli.console import Colours, Loudness, choose_colours, choose_loudness, note
from replay.cli.fault_file import keep_fault, tell_of_threads
from replay.errors import ENDING_SIGNALS, ExitCode, ReplayError, Terminated
from replay.garbage import collect_rarely
from replay.invocation import invoked
from replay.safe_text import clean
from replay.user_folders import cache_folder


class _ReaderGone(Exception):
    """Whoever read our output has gone. Of a BrokenPipeError click would make an exit code 1, which
    says that something diverges."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        return _command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in the help, for which none of them is loaded."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].summary) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What a shell may go on with, for which none of them is loaded either."""
        names = [
            CompletionItem(name, help=COMMANDS[name].summary)
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command that was named."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGone from error


@functools.cache
def _command(name: str) -> click.Command:
    module = importlib.import_module(f"replay.cli.{name.replace('-', '_')}_command")
    command = getattr(module, COMMANDS[name].function)
    assert isinstance(command, click.Command)
    return refusing_empty(command)


MAY_BE_EMPTY = frozenset({"owner", "note"})
"""Options by which a text is taken away again."""


def refusing_empty(command: click.Command) -> click.Command:
    """The command, whose options and arguments refuse an empty text: that comes of a variable that
    is not set, and the default, or the current directory, is not what was meant."""

    def callback(context: click.Context, param: click.Parameter, value: Any) -> Any:
        assert param.name is not None
        given = context.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
        texts = value if isinstance(value, tuple) else (value,)
        if given and any(isinstance(text, str) and not text.strip() for text in texts):
            raise _empty(context, param)
        return value if former.get(param) is None else former[param](context, param, value)

    if isinstance(command, click.Group):
        for inner in command.commands.values():
            refusing_empty(inner)
    former: dict[click.Parameter, Any] = {}
    for param in command.params:
        if param.name in MAY_BE_EMPTY:
            continue
        former[param] = param.callback
        param.callback = callback
        if isinstance(param.type, click.Path):
            param.type = _GivenPath(param.type)
    return command


def _empty(context: click.Context | None, param: click.Parameter | None) -> click.BadParameter:
    return click.BadParameter("it is empty; is a variable not set?", context, param)


class _GivenPath(click.Path):
    """A path that somebody has given: the empty text is none."""

    def __init__(self, like: click.Path) -> None:
        vars(self).update(vars(like))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. Raises BadParameter for an empty text."""
        if isinstance(value, str) and not value.strip():
            raise _empty(ctx, param)
        return super().convert(value, param, ctx)


@click.group(cls=_Commands, context_settings=CONTEXT)
@click.version_option(__version__, "-V", "--version", prog_name="doge-replay")
@click.option(
    "--color",
    type=click.Choice([str(one) for one in Colours]),
    default=str(Colours.AUTO),
    show_default=True,
    help="Colours: where there is a terminal (auto; NO_COLOR and FORCE_COLOR are heeded), always, "
    "or never.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress and no remarks; errors are told.")
@click.option("-v", "--verbose", is_flag=True, help="Say where each setting came from.")
def cli(color: str, quiet: bool, verbose: bool) -> None:
    """Replays recorded and generated event streams through two cores of a trading bot and finds
    where they differ.

    \b
    Example:
      doge-replay run logs/events_20261122.jsonl.gz --shadow ./doge-core-exe
      doge-replay repro d-3f9a2c1b

    Exit codes: 0 clean, 1 divergence, 2 usage or bad input, 3 a core, the environment or
    doge-replay itself failed, 4 the run proves nothing, 128 + n on signal n
    (130 on Ctrl-C, 143 on SIGTERM).
    """
    choose_colours(Colours(color))
    if quiet and verbose:
        raise click.UsageError("--quiet and --verbose exclude each other.")
    choose_loudness(Loudness.QUIET if quiet else Loudness.VERBOSE if verbose else Loudness.USUAL)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated(number)


def open_closed_streams() -> None:
    """Opens nothing in the place of a standard stream that is closed (`>&-`), so that no file of
    ours comes to stand there and what is printed goes nowhere."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115


def main() -> None:
    """The entry point: runs the command line and exits with its code."""
    open_closed_streams()
    tell_of_threads()
    for number in ENDING_SIGNALS:
        # What our caller ignores, as nohup does a hang-up and a shell's background a Ctrl-C, is to
        # be ignored.
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _terminated)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a locale that is not UTF-8 lacks characters
            stream.reconfigure(errors="backslashreplace")
    collect_rarely()
    # Hypothesis keeps tables of its own; not in the directory of whoever runs a command.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(cache_folder() / "hypothesis"))
    sys.exit(run_cli(sys.argv[1:]))


STORING = frozenset({"run", "fuzz", "nightly"})
"""The commands that store what they find as they find it; others end with nothing or all of it."""


def run_cli(arguments: list[str]) -> int:
    """Runs a command line and gives its exit code; one line on standard error where it fails."""
    try:
        result = cli.main(arguments, prog_name="doge-replay", standalone_mode=False)
        sys.stdout.flush()
        if not isinstance(result, int):
            raise TypeError(f"the command came to no exit code, but to {result!r}")
        return result
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return int(ExitCode.BAD_INPUT)
    except click.ClickException as error:
        note(f"doge-replay: {clean(error.format_message())}{_hint(error)}")
        return int(ExitCode.BAD_INPUT)
    except (Terminated, KeyboardInterrupt, click.Abort) as error:
        kept = "" if STORING.isdisjoint(arguments) else "; what was found until then is stored"
        note(f"doge-replay: interrupted{kept}")
        return int(getattr(error, "exit_code", ExitCode.INTERRUPTED))
    except ReplayError as error:
        note(f"doge-replay: {clean(error.message, 1000)}")
        return int(error.exit_code)
    except (_ReaderGone, BrokenPipeError):
        # Whoever read our output has gone; say nothing more, and nothing at shutdown either.
        _print_no_more()
        return int(ExitCode.CORE_FAILED)
    except OSError as error:
        note(f"doge-replay: {clean(error)}")
        if error.errno == errno.ENOSPC:
            _print_no_more()
        # Nothing has such a name, so it is the one that was given.
        too_long = error.errno == errno.ENAMETOOLONG
        return int(ExitCode.BAD_INPUT if too_long else ExitCode.CORE_FAILED)
    except BaseException as error:
        # Also what only looks like an end, such as a SystemExit of somebody else's.
        note(f"doge-replay: {clean(keep_fault(error).message, 1000)}")
        return int(ExitCode.CORE_FAILED)


def _print_no_more() -> None:
    """What could not be written is not tried again when the process ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _hint(error: click.ClickException) -> str:
    """Where to read more, for an error in how a command was called."""
    context = getattr(error, "ctx", None)
    if context is None:
        return ""
    return f" (try `{invoked(*context.command_path.split()[1:], '-h')}`)"
