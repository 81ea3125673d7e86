"""What `explain` finds out about a divergence, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from replay.errors import ExitCode
from replay.explaining.editing.editable import Edit
from replay.explaining.search.values_at_work import ValueAtWork


class Result(StrEnum):
    """What came of it."""

    VERIFIED = "verified"
    """At least one edit gives exactly the shadow's answers, and contradicts nothing."""
    NONE_FITS = "none fits"
    UNVERIFIED = "unverified"
    """Edits give the stored answers, but the shadow could not be asked anything."""
    UNDECIDED = "undecided"
    """Edits give the shadow's answers, but the time was up before they were held against much."""
    FLAKY = "flaky"
    GONE = "gone"
    """No occurrence diverges in this way any more."""
    LIVE = "live record"
    """Each occurrence begins with what the authority held and no document can hand to a core."""
    FAILURE = "failure"
    """The finding is that a core failed: there is no answer to imitate."""
    CORE_FAILED = "core failed"
    """A core failed on every occurrence that it was asked."""
    NO_SOURCE = "no source"
    """No Python core that answers as the authority does."""


_EXITS: Mapping[Result, ExitCode] = {
    Result.VERIFIED: ExitCode.CLEAN,
    Result.NONE_FITS: ExitCode.DIVERGENCE,
    Result.UNVERIFIED: ExitCode.CORE_FAILED,
    Result.UNDECIDED: ExitCode.PROVES_NOTHING,
    Result.FLAKY: ExitCode.PROVES_NOTHING,
    Result.GONE: ExitCode.PROVES_NOTHING,
    Result.LIVE: ExitCode.PROVES_NOTHING,
    Result.FAILURE: ExitCode.DIVERGENCE,
    Result.CORE_FAILED: ExitCode.CORE_FAILED,
    Result.NO_SOURCE: ExitCode.DIVERGENCE,
}


class Support(NamedTuple):
    """How well what fits is supported: occurrences that were kept and that were generated, steps
    elsewhere on which it agrees as the shadow does, edits that were tried, those of them that
    gave the first occurrence and were refuted by something else, and the inputs it took."""

    kept: int = 0
    generated: int = 0
    elsewhere: int = 0
    edits: int = 0
    refuted: int = 0
    inputs: int = 0


NO_SUPPORT = Support()


@dataclass(frozen=True, slots=True)
class Cause:
    """An edit that fits everything. `rule` is its place in the contract, `also` how many other
    differences of the shadow it explains; `same` says that it behaved like the first on all
    inputs. `block` is what to paste into explanations.toml, "" where it cannot be written so."""

    edit: Edit
    rule: str
    also: int = 0
    same: bool = True
    block: str = ""


@dataclass(frozen=True, slots=True)
class Near:
    """An edit that explains a part: `reproduced` of `occurrences`, and what is left of the first
    that it misses, on one line; `broken` steps elsewhere that it changes. `condition` holds for
    all occurrences and for none of those steps, where a simple one was found; then `block` is what
    it would be in explanations.toml."""

    edit: Edit
    rule: str
    reproduced: int
    occurrences: int
    broken: int
    left: str
    condition: str = ""
    block: str = ""


@dataclass(frozen=True, slots=True)
class Halves:
    """Two edits that explain every occurrence between them, each leaving the other's alone.
    `condition` holds for the first one's and for none of the second's, "" where none was found."""

    first: Near
    second: Near
    condition: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All of it. `aside` counts the kept occurrences that were set aside, by why; `notes` are what
    a reader must know about how it was done; `complete` is false where the time ran out."""

    id: str
    result: Result
    why: str = ""
    kept: int = 0
    aside: Mapping[str, int] | None = None
    causes: tuple[Cause, ...] = ()
    support: Support = NO_SUPPORT
    nearest: tuple[Near, ...] = ()
    halves: Halves | None = None
    values: tuple[ValueAtWork, ...] = ()
    notes: tuple[str, ...] = ()
    complete: bool = True
    seconds: float = 0.0

    @property
    def exit_code(self) -> ExitCode:
        """What the command exits with."""
        return _EXITS[self.result]

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "id": self.id,
            "result": str(self.result),
            "why": self.why,
            "kept": self.kept,
            "set_aside": dict(self.aside or {}),
            "causes": [
                {
                    **edit_document(cause.edit),
                    "rule": cause.rule,
                    "also": cause.also,
                    "same_as_first": cause.same,
                    "explanation": cause.block,
                }
                for cause in self.causes
            ],
            "support": self.support._asdict(),
            "nearest": [near_document(one) for one in self.nearest],
            "halves": None
            if self.halves is None
            else {
                "first": near_document(self.halves.first),
                "second": near_document(self.halves.second),
                "condition": self.halves.condition,
            },
            "values": [one.document() for one in self.values],
            "notes": list(self.notes),
            "complete": self.complete,
            "seconds": round(self.seconds, 3),
            "exit": int(self.exit_code),
        }


def edit_document(edit: Edit) -> dict[str, Any]:
    """An edit as `--json` has it."""
    return {
        "kind": str(edit.kind),
        "function": edit.function,
        "says": edit.says,
        "places": [
            {
                "module": place.module,
                "line": place.line,
                "column": place.column,
                "end_line": place.end_line,
                "end_column": place.end_column,
                "new": place.new,
            }
            for place in edit.places
        ],
    }


def near_document(near: Near) -> dict[str, Any]:
    """An edit that nearly fits, as `--json` has it."""
    return {
        **edit_document(near.edit),
        "rule": near.rule,
        "reproduced": near.reproduced,
        "occurrences": near.occurrences,
        "broken_elsewhere": near.broken,
        "left": near.left,
        "condition": near.condition,
        "explanation": near.block,
    }
