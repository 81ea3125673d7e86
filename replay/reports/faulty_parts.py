"""A report of which a part cannot be told: a fault of ours in one of them must not lose the rest.

What is at fault is found by trying: without what is said of causes, then each finding by itself.
Whatever is left out is told (`Report.untold`), and the report is no clean one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from replay.errors import ReplayError, fault_words, unforeseen
from replay.runs.report import FindingLine, Report

T = TypeVar("T")

Keep = Callable[[Exception], ReplayError]
"""What an exception stands for that nobody handles; it may keep more of it elsewhere."""


@dataclass(frozen=True, slots=True)
class FaultyParts:
    """Notes in a report what of it cannot be told. `hear` hears of each such part, once."""

    report: Report
    hear: Callable[[str], None] = lambda words: None
    keep: Keep = unforeseen

    def note(self, part: str, error: Exception) -> None:
        """Notes that a part could not be told, in one line."""
        said = error.message if isinstance(error, ReplayError) else fault_words(error)
        # Not the file in which a fault is kept: there is a new one each time.
        if any(words.startswith(f"{part}: ") and said in words for words in self.report.untold):
            return
        fault = error if isinstance(error, ReplayError) else self.keep(error)
        words = f"{part}: {fault.message}"
        self.report.untold.append(words)
        self.hear(words)

    @contextmanager
    def leaving_out(self, part: str) -> Iterator[None]:
        """Leaves the rest of the block out where it fails. Not where nobody reads any more."""
        try:
            yield
        except OSError:
            raise
        except Exception as error:
            self.note(part, error)

    def told(self, part: str, tell: Callable[[Report], T]) -> T | None:
        """What `tell` makes of the report, or of as much of it as it can tell; None where it can
        tell nothing of it."""
        try:
            return tell(self.report)
        except Exception as error:
            self.note(part, error)
        for less in self._less(part, tell):
            try:
                return tell(less)
            except Exception as error:
                self.note(part, error)
        return None

    def _less(self, part: str, tell: Callable[[Report], object]) -> Iterator[Report]:
        report = self.report
        bare = replace(report, account=None)
        if report.account is not None:
            yield bare
        sound = [line for line in report.findings if self._is_told(part, tell, bare, line)]
        yield replace(report, findings=sound)
        yield replace(bare, findings=sound)

    def _is_told(
        self, part: str, tell: Callable[[Report], object], bare: Report, line: FindingLine
    ) -> bool:
        try:
            tell(replace(bare, findings=[line]))
        except Exception as error:
            self.note(f"{part}, {line.id}", error)
            return False
        return True
