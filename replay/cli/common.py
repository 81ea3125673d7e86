"""What all commands share: their options, and opening what they work on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from replay.cli.console import Loudness, mention
from replay.safe_text import clean
from replay.settings import Settings, load_settings

if TYPE_CHECKING:
    from replay.findings.store.store import Store

F = TypeVar("F", bound=Callable[..., Any])

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Duration(click.FloatRange):
    """A finite number of seconds or minutes."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; NaN and infinity, which click takes, are refused."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no length of time.", param, ctx)
        return number


CORE_OPTIONS = frozenset({"authority", "shadow", "db", "trust", "sandbox", "json"})


def core_options(command: Callable[..., int]) -> Callable[..., int]:
    """--authority, --shadow, --db, --trust, --sandbox and --json, which every command takes.

    The command itself gets `settings`, put together from these (and --corpus, --explanations and
    --strict) and from all other places, and `as_json`.
    """
    return core_options_used(*CORE_OPTIONS)(command)


def core_options_used(*used: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """The same for a command that has a use for some of them only: the others are taken, so that a
    script may give them to all commands, and not offered."""
    return partial(_with_core_options, frozenset(used))


def _with_core_options(used: frozenset[str], command: Callable[..., int]) -> Callable[..., int]:
    @wraps(command)
    def with_settings(
        *,
        authority: str | None,
        shadow: str | None,
        db: str | None,
        trust: bool,
        sandbox: bool,
        corpus: tuple[str, ...] = (),
        explanations: str | None = None,
        strict: bool = False,
        **others: Any,
    ) -> int:
        settings = load_settings(
            authority=authority,
            shadow=shadow,
            db=db,
            corpus=corpus,
            explanations=explanations,
            strict=strict,
            trust=trust,
            sandbox=sandbox,
        )
        for line in settings_words(settings):
            mention(line, at=Loudness.VERBOSE)
        return command(settings=settings, **others)

    wrapped: Callable[..., int] = with_settings
    for option in reversed(
        (
            click.option(
                "--authority",
                hidden="authority" not in used,
                metavar="CORE",
                help="The core that is right: `python` (ours, the default), a .py file, a module, "
                "or an executable.",
            ),
            click.option(
                "--shadow",
                hidden="shadow" not in used,
                metavar="CORE",
                help="The core under test; default DOGE_CORE_EXE, then build/doge-core-exe.",
            ),
            click.option(
                "--db",
                hidden="db" not in used,
                metavar="FILE",
                help="The database; default DOGE_REPLAY_DB, then divergences.db.",
            ),
            click.option(
                "--trust",
                hidden="trust" not in used,
                is_flag=True,
                help="Run what is named by files here that belong to another user.",
            ),
            click.option(
                "--sandbox",
                hidden="sandbox" not in used,
                is_flag=True,
                help="Run executables without network or a file to write to (bubblewrap).",
            ),
            click.option(
                "--json",
                "as_json",
                is_flag=True,
                hidden="json" not in used,
                help="Pure JSON on standard output.",
            ),
        )
    ):
        wrapped = option(wrapped)
    return wrapped


def settings_words(settings: Settings) -> Iterator[str]:
    """What a command works on, and what said so, a setting a line."""
    taken = {
        "authority": settings.authority,
        "shadow": settings.shadow,
        "db": str(settings.db),
        "explanations": None if settings.explanations is None else str(settings.explanations),
    }
    for name, value in taken.items():
        if name in settings.explicit:
            source = f"--{name}"
        elif name in settings.usual and settings.usual[name] != value:
            source = "a variable"
        else:
            source = "the default" if settings.file is None else f"the default, or {settings.file}"
        yield f"{name:13} {clean(value or 'none', 1000)} ({clean(source)})"
    corpora = ", ".join(map(str, settings.corpus))
    yield f"{'corpus':13} {clean(corpora, 1000)}"
    yield f"{'timeout':13} {settings.timeout:g} s"


def corpus_option(command: F) -> F:
    """--corpus, which may be given several times."""
    return click.option(
        "--corpus",
        metavar="DIR",
        multiple=True,
        help="A corpus directory; may be given several times, new streams go to the last.",
    )(command)


def explanations_option(command: F) -> F:
    """--explanations, for what is checked along with a run."""
    return click.option(
        "--explanations",
        metavar="FILE",
        help="What is known of how the shadow differs; default explanations.toml where there is "
        "one (docs/explanations.md).",
    )(command)


def strict_option(command: F) -> F:
    """--strict, for what can turn red."""
    return click.option(
        "--strict", is_flag=True, help="Report as if no divergence were explained."
    )(command)


@contextmanager
def reading(settings: Settings) -> Iterator[Store]:
    """The database, for reading only. Raises InputError where there is none."""
    # Only here: help is to be there at once.
    from replay.findings.store.store import Store

    with Store.open(settings.db, readonly=True) as store:
        yield store
