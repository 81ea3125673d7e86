"""Stored divergences and corpus streams as pytest items, so that a core's own suite can hold them.

Loaded only where asked for, with `-p replay.pytest_plugin` or, in the topmost conftest.py,
`pytest_plugins = ["replay.pytest_plugin"]`:

    pytest -p replay.pytest_plugin --doge-db divergences.db --doge-corpus corpus \\
        --doge-shadow ./doge-core-exe

or the same in pytest's own settings, as `doge_db`, `doge_corpus` (lists of paths, from where the
settings file is), `doge_authority`, `doge_shadow` and `doge_status`. Cores that are not named are
those that `doge-replay` would take.

Each stored divergence is an item, by its ID (`divergences.db::d-3f9a2c1b`), and each stream of a
corpus is one. All have the marker `doge`, so `-m doge` runs them alone. An item passes when the
cores agree on the case, fails while they diverge, with the differences, and is an error where a
core cannot run. That is all: no item is skipped or expected to fail, whatever has been said about
the finding, since neither would tell what the cores do now. A suite that is to stay green while
bugs are open names those that it wants to hold: `--doge-status fixed,regressed`. A database or
corpus that gives no items is an error, since nothing would be held.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from replay.differential.model import Finding, Signature
from replay.differential.uncompared import settles
from replay.errors import ReplayError
from replay.findings.lifecycle import Status
from replay.findings.store.store import Store
from replay.reports.finding_text import finding_text
from replay.runs.cores import pair_of
from replay.safe_text import clean
from replay.settings import load_settings
from replay.streams.corpus import Corpus
from replay.testing import (
    Cores,
    CoresDivergeError,
    NothingComparedError,
    raise_for,
    raise_if_nothing_compared,
)

MARKER = "doge"
_GROUP = "doge-replay"
_NAME_LENGTH = 16
"""Digits of a stream's id in the name of its item: enough to tell them apart."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, and the settings of the same meaning."""
    group = parser.getgroup(_GROUP, "stored divergences and corpus streams as tests")
    for name, what in (("db", "a database"), ("corpus", "a corpus directory")):
        text = f"{what} whose content is to be tests; may be given several times"
        group.addoption(
            f"--doge-{name}", action="append", default=[], type=Path, metavar="PATH", help=text
        )
        parser.addini(f"doge_{name}", f"{what}, or several", type="paths", default=[])
    for name, what in (
        ("authority", "the core that is right, as for doge-replay"),
        ("shadow", "the core under test, as for doge-replay"),
        ("status", "only divergences with one of these statuses: fixed,regressed"),
    ):
        group.addoption(f"--doge-{name}", default=None, metavar=name.upper(), help=what)
        parser.addini(f"doge_{name}", what, default="")


class _Chosen:
    """What one pytest session is asked to hold, and the cores that it asks, opened once."""

    def __init__(self, config: pytest.Config) -> None:
        self.databases = _paths(config, "db")
        self.corpora = _paths(config, "corpus")
        self.statuses = _statuses(_text(config, "status"))
        try:
            settings = load_settings(
                authority=_text(config, "authority"), shadow=_text(config, "shadow")
            )
            self.cores = Cores(pair_of(settings)) if self.databases or self.corpora else None
        except ReplayError as error:
            raise pytest.UsageError(f"doge-replay: {error.message}") from error

    def __iter__(self) -> Iterator[Path]:
        return iter((*self.databases, *self.corpora))

    def the_cores(self) -> Cores:
        assert self.cores is not None, "there are items only where a database or corpus is named"
        return self.cores


_CHOSEN = pytest.StashKey[_Chosen]()


def pytest_configure(config: pytest.Config) -> None:
    """Adds what was named to what pytest collects. A missing file ends the session at once."""
    config.addinivalue_line("markers", f"{MARKER}: a stored divergence or a corpus stream")
    chosen = config.stash[_CHOSEN] = _Chosen(config)
    for path in chosen:
        if not path.exists():
            what = "database" if path in chosen.databases else "corpus"
            raise pytest.UsageError(f"doge-replay: there is no {what} {clean(path)}")
    config.args += [str(path) for path in chosen if _is_wanted(config, path)]


def _is_wanted(config: pytest.Config, path: Path) -> bool:
    """Whether a database or corpus is to be added to what pytest collects: not where the call names
    it, or items in it, by itself; and where it only stands in the settings, not where the call
    names anything, since that is then all that is meant."""
    here = config.invocation_params.dir
    given = {Path(os.path.abspath(here / arg.partition("::")[0])) for arg in config.args}
    if path in given or any(path in one.parents for one in given):
        return False
    is_of_the_call = any(
        path == Path(os.path.abspath(here / one))
        for name in ("db", "corpus")
        for one in config.getoption(f"doge_{name}")
    )
    return is_of_the_call or config.args_source is not pytest.Config.ArgsSource.ARGS


def pytest_unconfigure(config: pytest.Config) -> None:
    """Closes the cores, in each worker its own."""
    chosen = config.stash.get(_CHOSEN, None)
    if chosen is not None and chosen.cores is not None:
        chosen.cores.close()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A database that was named, and no other file."""
    if file_path in parent.config.stash[_CHOSEN].databases:
        return DatabaseFile.from_parent(parent, path=file_path)
    return None


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A corpus that was named, and no other directory."""
    if path in parent.config.stash[_CHOSEN].corpora:
        return CorpusDirectory.from_parent(parent, path=path)
    return None


class DatabaseFile(pytest.File):
    """A database: an item for each stored divergence with one of the statuses asked for."""

    def collect(self) -> Iterable[pytest.Item]:
        """Raises CollectError where there are none."""
        wanted = self.config.stash[_CHOSEN].statuses
        with _readable(), Store.open(self.path, readonly=True) as store:
            stored = store.findings()
            chosen = [one for one in stored if wanted is None or one.status in wanted]
            items = [
                StoredItem.from_parent(
                    self, name=clean(one.id), finding=one.id, about=finding_text(one.finding)
                )
                for one in chosen
            ]
        if not items:
            which = "" if wanted is None else f" that is {' or '.join(wanted)}"
            has = f" (it has {len(stored)} others)" if stored else ""
            raise self.CollectError(
                f"the database {clean(self.path)} has no divergence{which}{has}: nothing is tested"
            )
        return items


class CorpusDirectory(pytest.Directory):
    """A corpus: an item for each stream."""

    def collect(self) -> Iterable[pytest.Item]:
        """Raises CollectError where there are none."""
        with _readable():
            streams = Corpus(self.path).streams()
        if not streams:
            raise self.CollectError(f"the corpus {clean(self.path)} is empty: nothing is tested")
        return [
            StreamItem.from_parent(self, name=stream[:_NAME_LENGTH], stream=stream)
            for stream in streams
        ]


class CaseItem(pytest.Item):
    """A case that both cores are asked. It is asked in the set-up already, so that a core that
    cannot run is an error of the item, as it is in every test; whether they agree is the test."""

    def __init__(self, **values: object) -> None:
        super().__init__(**values)  # type: ignore[arg-type]
        self._found: list[Finding] = []
        self.add_marker(MARKER)

    def setup(self) -> None:
        """Asks both cores. Raises ReplayError where one cannot run, or the case cannot be read."""
        cores = self.config.stash[_CHOSEN].the_cores()
        self._found = self.ask(cores)
        with suppress(CoresDivergeError):  # that is for the test itself to say
            raise_for(self._found, cores)
            self.check_compared(cores)

    def runtest(self) -> None:
        """Raises CoresDivergeError where the cores diverge."""
        raise_for(self._found, self.config.stash[_CHOSEN].the_cores())

    def ask(self, cores: Cores) -> list[Finding]:
        """What the case shows on the cores."""
        raise NotImplementedError

    def check_compared(self, cores: Cores) -> None:
        """Raises NothingComparedError where the cores agree in nothing but refusing."""
        raise_if_nothing_compared(cores)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What is known of the divergence, without our own source text around it."""
        if isinstance(excinfo.value, CoresDivergeError | ReplayError):
            return f"{self.about()}\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def about(self) -> str:
        """What the case is, on one line."""
        raise NotImplementedError

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where pytest says that the item is."""
        return self.path, None, self.name


class StoredItem(CaseItem):
    """A stored divergence, or a stored failure of a core."""

    def __init__(self, *, finding: str, about: str, **values: object) -> None:
        super().__init__(**values)
        self._finding = finding
        self._about = about
        self._signature: Signature | None = None

    def ask(self, cores: Cores) -> list[Finding]:
        """Runs the stored case."""
        with Store.open(self.path, readonly=True) as store:
            stored = store.finding(self._finding)
            self._signature, case = stored.signature, stored.case
        return cores.findings(case)

    def check_compared(self, cores: Cores) -> None:
        """Asks about the last step, which the finding is about."""
        assert self._signature is not None
        if not settles(self._signature, cores.uncompared):
            why = f"both cores refuse the last step: {clean(cores.uncompared)}"
            raise NothingComparedError(f"nothing was compared, {why}")
        if not cores.asked.transitions:
            raise_if_nothing_compared(cores)

    def about(self) -> str:
        """What it was stored as."""
        return f"{self.name}: {self._about}"


class StreamItem(CaseItem):
    """A stream of a corpus."""

    def __init__(self, *, stream: str, **values: object) -> None:
        super().__init__(**values)
        self._stream = stream

    def ask(self, cores: Cores) -> list[Finding]:
        """Runs the stream from its file, piece by piece."""
        return cores.findings_in(Corpus(self.path).segments(self._stream))

    def about(self) -> str:
        """The whole id."""
        return f"stream {self._stream}"


# --- What was asked for -----------------------------------------------------------------------


def _text(config: pytest.Config, name: str) -> str | None:
    """An option, or else the setting; None where neither says anything."""
    return config.getoption(f"doge_{name}") or config.getini(f"doge_{name}") or None


def _paths(config: pytest.Config, name: str) -> tuple[Path, ...]:
    """Paths as pytest has them: absolute, but with links as they are."""
    given = config.getoption(f"doge_{name}") or config.getini(f"doge_{name}")
    here = config.invocation_params.dir
    return tuple(dict.fromkeys(Path(os.path.abspath(here / path)) for path in given))


def _statuses(text: str | None) -> tuple[Status, ...] | None:
    """Statuses from `fixed,regressed`; a hyphen stands for a space. None where all are meant."""
    if text is None:
        return None
    return tuple(_status(name.strip().lower().replace(" ", "-")) for name in text.split(","))


def _status(name: str) -> Status:
    try:
        return Status(name.replace("-", " "))
    except ValueError:
        known = ", ".join(str(status).replace(" ", "-") for status in Status)
        raise pytest.UsageError(
            f"doge-replay: there is no status {name!a} (there are {known})"
        ) from None


@contextmanager
def _readable() -> Iterator[None]:
    """What cannot be read is an error of the collection, on one line."""
    try:
        yield
    except ReplayError as error:
        raise pytest.Collector.CollectError(f"doge-replay: {clean(error.message)}") from error
