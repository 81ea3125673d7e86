"""Where settings come from: the command line, the environment, `[tool.doge-replay]`, defaults.

In that order; the first that says something wins. The only place that reads the environment. A
variable of ours that is set and empty says nothing, and whoever wrote it meant something: a script
whose own variable was not set would run other cores than it names. So that is a usage error.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import replay
from replay.errors import TargetError, UsageError
from replay.executable_path import resolved_executable
from replay.fuzzing.mix import Mix
from replay.invocation import invoked
from replay.targets.core_kind import CoreKind, kind_of
from replay.targets.executable.limits import Limits
from replay.trust import Code, refuse_foreign
from replay.user_folders import built_core

TABLE = "doge-replay"
KNOWN = frozenset(
    {
        *("authority", "shadow", "db", "corpus", "timeout", "jobs", "profile", "report_dir"),
        *("logs", "explanations", "cluster"),
    }
)
AUTHORITY, SHADOW, DATABASE, TIMEOUT = VARIABLES = (
    "DOGE_REPLAY_AUTHORITY",
    "DOGE_CORE_EXE",
    "DOGE_REPLAY_DB",
    "DOGE_CORE_TIMEOUT_SEC",
)
"""The variables that are read here. The others are the adapter's (shadow/options.py), which must
start in a live bot whatever they say."""

EXPLANATIONS = "explanations.toml"
"""The usual name of the file of explanations."""

DEFAULT_TIMEOUT = 5.0
LARGEST = 86_400
"""No number in the settings can sensibly be as large: a day in seconds."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What all commands share.

    `corpus` are directories that are all read; the last one is written to. `explicit` has the
    options that were given, by name (the corpora are in `corpus_given`), and `usual` what a command
    takes for them that is given none, in a shell without our variables. `explanations` is the file
    of them, None where there is none; with `strict` nothing counts as explained; with `sandbox`
    executables are held in one. `cluster` is where campaigns run that are not told otherwise, None
    for this machine, and `workers_given` the options that said so, as a shell takes them. `trust`
    is whether something is run that only --trust allows. `file` is the pyproject.toml that has our
    table, None where none has.
    """

    authority: str
    shadow: str | None
    db: Path
    corpus: tuple[Path, ...]
    timeout: float
    jobs: int
    profile: Mix
    report_dir: Path
    logs: tuple[Path, ...]
    explicit: Mapping[str, str]
    explanations: Path | None = None
    strict: bool = False
    sandbox: bool = False
    usual: Mapping[str, str | None] = field(default_factory=dict)
    corpus_given: tuple[str, ...] = ()
    cluster: str | None = None
    workers_given: tuple[str, ...] = ()
    trust: bool = False
    file: Path | None = None

    @property
    def to_repeat(self) -> Mapping[str, str]:
        """The options that a command to copy must repeat: what was given, and what is not the
        usual since a variable of this shell says so."""
        taken = {"authority": self.authority, "shadow": self.shadow, "db": str(self.db)}
        taken["explanations"] = self.explicit.get("explanations")
        return {
            name: self.explicit.get(name, value)
            for name, value in taken.items()
            if value is not None
            and (name in self.explicit or (name in self.usual and self.usual[name] != value))
        }

    @property
    def limits(self) -> Limits:
        """What an executable may take."""
        return Limits(timeout=self.timeout, sandboxed=self.sandbox)

    @property
    def needed_shadow(self) -> str:
        """The shadow. Raises TargetError where none is given and none has been built."""
        # Looked for once more: `repro --build` may have made it by now.
        shadow = self.shadow or _built(Path.cwd())
        if shadow is None:
            raise TargetError(
                "there is no shadow to run: give --shadow, set DOGE_CORE_EXE, "
                f"or build ours with `{invoked('build-core')}`"
            )
        return shadow


def load_settings(
    *,
    authority: str | None = None,
    shadow: str | None = None,
    db: str | None = None,
    corpus: tuple[str, ...] = (),
    explanations: str | None = None,
    strict: bool = False,
    trust: bool = False,
    sandbox: bool = False,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Settings:
    """Puts the settings together. Raises UsageError for values that make no sense, and, without
    `trust`, for code of another user that nobody named."""
    env = os.environ if environment is None else environment
    _refuse_empty(env)
    here = Path.cwd() if directory is None else directory
    file, table = _table(here)
    base = file.parent if file is not None else here
    paths = [here / name for name in corpus] or [
        base / name for name in _names(table, "corpus", ["corpus"], file)
    ]
    jobs = _number(table, "jobs", os.cpu_count() or 1, file)
    if jobs != int(jobs):
        raise UsageError(f"{file}: jobs must be a whole number", file=str(file))
    timeout = _timeout(env.get(TIMEOUT), table, file)
    explicit = {
        option: value
        for option, value in (
            ("authority", authority),
            ("shadow", shadow),
            ("db", db),
            ("explanations", explanations),
        )
        if value is not None
    }
    usual_db = _text(table, "db", file, base) or "divergences.db"
    usual = {
        "authority": _text(table, "authority", file, base) or "python",
        "shadow": _text(table, "shadow", file, base) or _built(here),
        "db": str(Path(usual_db)),
    }
    settings = Settings(
        authority=authority or env.get(AUTHORITY) or usual["authority"] or "python",
        shadow=shadow or _from_variable(env.get(SHADOW)) or usual["shadow"],
        db=Path(db or env.get(DATABASE) or usual_db),
        corpus=tuple(paths),
        timeout=timeout,
        jobs=int(jobs),
        profile=_profile(table, file),
        report_dir=Path(_text(table, "report_dir", file, base) or "reports"),
        logs=tuple(base / name for name in _names(table, "logs", [], file)),
        explicit=explicit,
        explanations=_explanations(explanations, table, file, here),
        strict=strict,
        sandbox=sandbox,
        usual=usual,
        corpus_given=corpus,
        cluster=_word(table, "cluster", file),
        file=file,
    )
    if sandbox:
        _refuse_modules(settings)
    codes = list(_cores_of_the_place(settings, table, file))
    if settings.explanations is not None and explanations is None:
        codes.append(Code(settings.explanations, "may have deviations, which are code"))
    if file is not None and settings.cluster is not None:
        codes.append(Code(file, "names a cluster, whose answers are trusted"))
    try:
        refuse_foreign(codes, env, own=[_checkout(), built_core().parent])
    except UsageError:
        if not trust:
            raise
        return replace(settings, trust=True)
    return settings


def _refuse_modules(settings: Settings) -> None:
    """Raises UsageError for a core that no sandbox could hold: some commands load it themselves."""
    for core in (settings.authority, settings.shadow):
        if core is not None and kind_of(core) is CoreKind.MODULE:
            raise UsageError(
                f"--sandbox holds executables, and {core} is a Python module", core=core
            )


def _cores_of_the_place(
    settings: Settings, table: Mapping[str, Any], file: Path | None
) -> Iterator[Code]:
    """The cores that are taken because of where we stand, not because somebody named them."""
    taken = {"authority": settings.authority, "shadow": settings.shadow}
    for name, core in taken.items():
        is_named = name in settings.explicit or core != settings.usual[name]
        if is_named or core is None or core == "python":
            continue
        if file is not None and name in table:
            yield Code(file, f"names a core as {name}")
        elif name == "shadow":
            yield Code(Path(core), "would be run as shadow")


def _checkout() -> Path:
    """Where this package is: who runs it trusts what lies there."""
    return Path(replay.__file__).resolve().parents[1]


def _refuse_empty(environment: Mapping[str, str]) -> None:
    """Raises UsageError where one of our variables is set and empty."""
    for name in VARIABLES:
        if name in environment and not environment[name].strip():
            raise UsageError(f"{name} is set and empty: give it a value, or unset it")


def _from_variable(name: str | None) -> str | None:
    """What DOGE_CORE_EXE means, to whoever reads it: an executable. Only here it may also name a
    Python core."""
    if not name or name == "python" or name.endswith(".py"):
        return name
    return resolved_executable(name)


def _explanations(
    given: str | None, table: Mapping[str, Any], file: Path | None, here: Path
) -> Path | None:
    """The file of explanations: one that is named, whether it is there or not, else one of the
    usual name beside our pyproject.toml or in the current directory."""
    base = here if file is None else file.parent
    named = given or _text(table, "explanations", file, base)
    if named is not None:
        return here / named if given else base / named
    usual = (folder / EXPLANATIONS for folder in (base, here))
    return next((path for path in usual if path.is_file()), None)


def _table(here: Path) -> tuple[Path | None, Mapping[str, Any]]:
    """The nearest pyproject.toml, from here upwards, that has our table."""
    for folder in (here, *here.parents):
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            tools = tomllib.loads(file.read_text("utf-8")).get("tool")
        except (OSError, ValueError) as error:
            raise UsageError(f"{file}: {error}", file=str(file)) from error
        except RecursionError as error:
            raise UsageError(f"{file}: its tables are nested too deep", file=str(file)) from error
        table = tools.get(TABLE) if isinstance(tools, dict) else None
        if table is not None and not isinstance(table, dict):
            raise UsageError(f"{file}: tool.{TABLE} must be a table", file=str(file))
        if table is not None:
            unknown = sorted(set(table) - KNOWN)
            if unknown:
                known = ", ".join(sorted(KNOWN))
                raise UsageError(
                    f"{file}: [tool.{TABLE}] has no setting {unknown[0]!r} (it knows {known})",
                    file=str(file),
                )
            return file, table
    return None, {}


def _text(table: Mapping[str, Any], name: str, file: Path | None, base: Path) -> str | None:
    """A text setting; one that is a path is meant from where the file is."""
    value = table.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value or "\0" in value:
        raise UsageError(f"{file}: {name} must be a text", file=str(file))
    from_file = base / value
    return str(from_file) if "/" in value or value.endswith(".db") else value


def _word(table: Mapping[str, Any], name: str, file: Path | None) -> str | None:
    """A text setting that is no path."""
    value = table.get(name)
    if value is not None and (not isinstance(value, str) or not value or "\0" in value):
        raise UsageError(f"{file}: {name} must be a text", file=str(file))
    return value


def _profile(table: Mapping[str, Any], file: Path | None) -> Mix:
    value = table.get("profile", Mix.ALL)
    try:
        return Mix(value)
    except ValueError:
        known = ", ".join(Mix)
        raise UsageError(f"{file}: there is no profile {value!r} (there are {known})") from None


def _names(table: Mapping[str, Any], name: str, default: list[str], file: Path | None) -> list[str]:
    value = table.get(name, default)
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(
        isinstance(one, str) and "\0" not in one for one in value
    ):
        raise UsageError(f"{file}: {name} must be a list of texts", file=str(file))
    return value


def _number(table: Mapping[str, Any], name: str, default: float, file: Path | None) -> float:
    value = table.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < LARGEST:
        raise UsageError(f"{file}: {name} must be a number from 0 to {LARGEST}", file=str(file))
    return value


def _timeout(text: str | None, table: Mapping[str, Any], file: Path | None) -> float:
    if text is None:
        return float(_number(table, "timeout", DEFAULT_TIMEOUT, file))
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 < value < LARGEST:
        raise UsageError(f"{TIMEOUT} must be seconds above 0, not {text!r}")
    return value


def _built(here: Path) -> str | None:
    """The executable that was built: here, where this package was checked out, or by `build-core`
    of one that was installed."""
    for folder in (here, _checkout()):
        built = folder / "build" / "doge-core-exe"
        if built.is_file():
            return str(built)
    return str(built_core()) if built_core().is_file() else None
