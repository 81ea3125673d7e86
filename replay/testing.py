"""For test suites of cores: both cores opened, and one case after the other asked of them.

    from replay.testing import assert_cores_agree, open_cores

    def test_fees():
        assert_cores_agree(case, shadow="./doge-core-exe")      # opens both, asks, closes them

    with open_cores(authority="./state_machine.py") as cores:   # opened once for many cases
        for case in cases:
            assert_cores_agree(case, cores)

A case is a parity case as it stands in a JSON file (docs/contract/formats.md), or a Stream. What is
not given is taken from where `doge-replay` takes it: DOGE_REPLAY_AUTHORITY and DOGE_CORE_EXE, then
`[tool.doge-replay]` in the nearest pyproject.toml from the current directory upwards, then our
Python core and the executable that was built. Needs no pytest; files that `doge-replay export --as
pytest` writes use nothing but the names in `__all__`, which stay as they are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from replay.differential.difference_texts import value_text
from replay.differential.lockstep import Lockstep
from replay.differential.model import Finding, Verdict
from replay.differential.signature.signature import root_of
from replay.differential.tally import Tally
from replay.differential.uncompared import all_refused_words
from replay.errors import InputError, ProvesNothing, ReplayError
from replay.reports.finding_text import core_line, finding_lines, verdict_text
from replay.runs.cores import pair_of
from replay.safe_text import clean
from replay.settings import load_settings
from replay.streams.events import UnusableError
from replay.streams.model import Rejected, Segment, Stream, segments_of
from replay.streams.parity_cases import is_case, read_case
from replay.targets.base import Target
from replay.targets.pair import PairSpec

__all__ = [
    "CoreFailedError",
    "Cores",
    "CoresDivergeError",
    "NothingComparedError",
    "assert_cores_agree",
    "open_cores",
]

MAX_SHOWN = 5
"""Findings of one long stream that are shown in full."""


class CoresDivergeError(AssertionError):
    """The cores gave different answers; the message says where. `findings` has all that there is
    to know, the first finding first."""

    def __init__(self, message: str, findings: tuple[Finding, ...]) -> None:
        super().__init__(message)
        self.findings = findings


class CoreFailedError(ReplayError):
    """A core gave no usable answer, so it is not known whether the cores agree. `findings` has
    how it failed at which step."""

    def __init__(self, message: str, text: str, findings: tuple[Finding, ...]) -> None:
        super().__init__(message)
        self.findings = findings
        self._text = text

    def __str__(self) -> str:
        return self._text


class NothingComparedError(ProvesNothing):
    """Both cores refused a case unread, so that they agree says nothing about either."""

    def __str__(self) -> str:
        return self.message


class Cores:
    """Two cores, opened when they are first asked. A context manager; not shared between threads
    or processes."""

    def __init__(self, spec: PairSpec) -> None:
        self._spec = spec
        self._opened: tuple[Target, Target] | None = None
        self._keys = itertools.count()
        self.asked = Tally()
        """How the steps of the last case came out."""
        self.uncompared = ""
        """Why nothing was compared at its last step; empty where something was."""

    def open(self) -> tuple[Target, Target]:
        """The authority and the shadow. Raises UsageError or TargetError where one cannot be
        opened."""
        if self._opened is None:
            self._opened = self._spec.open()
        return self._opened

    def findings(self, case: Stream) -> list[Finding]:
        """All that a case shows: divergences and failures, in the order of its steps.

        Raises what `open` raises, and FailureStorm where a core fails again and again.
        """
        return self.findings_in(segments_of(case, next(self._keys)))

    def findings_in(self, segments: Iterable[Segment | Rejected]) -> list[Finding]:
        """The same for a stream that comes in segments. Raises InputError where one of them is a
        line or file that cannot be used."""
        lockstep = Lockstep(*self.open())
        found: list[Finding] = []
        try:
            for segment in segments:
                if isinstance(segment, Rejected):
                    where = f"{segment.file}:{segment.line}" if segment.line else segment.file
                    raise InputError(f"{where}: {segment.reason}", file=segment.file)
                found += lockstep.feed(segment)
            found += lockstep.finish()
            self.asked, self.uncompared = lockstep.tally, lockstep.last_uncompared
            return found
        except BaseException:
            # Work may be under way in them; the next case gets cores that know of none.
            self.close()
            raise

    def close(self) -> None:
        """Ends both cores; the next case opens them again."""
        opened, self._opened = self._opened, None
        for target in opened or ():
            target.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def open_cores(authority: str | None = None, shadow: str | None = None) -> Iterator[Cores]:
    """Both cores, opened at once and closed at the end.

    `authority` and `shadow` are what the options of `doge-replay` of these names take. Raises
    UsageError or TargetError where one cannot be opened.
    """
    __tracebackhide__ = True
    with Cores(pair_of(load_settings(authority=authority, shadow=shadow))) as cores:
        cores.open()
        yield cores


def assert_cores_agree(
    case: Mapping[str, Any] | Stream,
    cores: Cores | None = None,
    *,
    authority: str | None = None,
    shadow: str | None = None,
    refusal: bool = False,
) -> None:
    """Runs a case on both cores and raises CoresDivergeError, an AssertionError, where they differ.

    With `cores` those are asked, else a pair that is opened for this case from `authority` and
    `shadow`. Two refusals agree as they do everywhere (docs/green.md), but where both refuse every
    step unread nothing was compared: that raises NothingComparedError, unless `refusal` says that
    the case is about being refused. What a parity case has as `expected` is not looked at: the
    question is whether the cores agree. Raises CoreFailedError where a core gave no usable answer,
    InputError where `case` is none, and what `open_cores` raises.
    """
    __tracebackhide__ = True
    stream = _stream_of(case)
    if cores is not None:
        raise_for(cores.findings(stream), cores)
        if not refusal:
            raise_if_nothing_compared(cores)
        return
    with open_cores(authority, shadow) as opened:
        assert_cores_agree(stream, opened, refusal=refusal)


def raise_for(findings: Iterable[Finding], cores: Cores) -> None:
    """Raises CoresDivergeError where a finding is a divergence, else CoreFailedError where there
    is one at all."""
    __tracebackhide__ = True
    found = tuple(findings)
    diverging = tuple(finding for finding in found if finding.verdict is Verdict.DIVERGE)
    if diverging:
        root = root_of(diverging[0].differences)
        diverge = (
            f"the cores diverge at {clean(root.path)}: authority {value_text(root.authority)}, "
            f"shadow {value_text(root.shadow)}"
        )
        raise CoresDivergeError(_text(diverge, diverging, cores), diverging)
    if found:
        failed = f"a core failed: {verdict_text(found[0])}"
        raise CoreFailedError(failed, _text(failed, found, cores), found)


def raise_if_nothing_compared(cores: Cores) -> None:
    """Raises NothingComparedError where no step of the last case was compared."""
    __tracebackhide__ = True
    if cores.asked.compared:
        return
    reasons = cores.asked.uncompared
    why = all_refused_words(reasons) if reasons else "the case has no steps"
    raise NothingComparedError(f"nothing was compared: {clean(why)}")


def _text(headline: str, found: tuple[Finding, ...], cores: Cores) -> str:
    authority, shadow = cores.open()
    lines = [
        headline,
        f"authority  {core_line(authority.identity)}",
        f"shadow     {core_line(shadow.identity)}",
    ]
    for finding in found[:MAX_SHOWN]:
        lines += ["", f"{finding.id} at step {len(finding.case.steps)}", *finding_lines(finding)]
    if len(found) > MAX_SHOWN:
        lines += ["", f"and {len(found) - MAX_SHOWN} more"]
    return "\n".join(lines)


def _stream_of(case: Mapping[str, Any] | Stream) -> Stream:
    if isinstance(case, Stream):
        return case
    if not isinstance(case, Mapping) or not is_case(case):
        raise InputError("the case is no parity case: it has no initial_state and events")
    try:
        return read_case(case, "test").stream
    except UnusableError as error:
        raise InputError(f"the case {clean(error)}") from error
