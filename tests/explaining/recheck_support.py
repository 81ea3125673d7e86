"""Shadows with faults, what they differ in, and files of explanations about them."""

from __future__ import annotations

import datetime
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import replay.core
from replay.differential.model import Finding, Signature
from replay.explaining.claims.claim import Claim
from replay.explaining.claims.explanations import parse_explanations
from replay.explaining.claims.occurrences import prepared
from replay.explaining.claims.recheck import Bucket, Explained, Judgement, judge
from replay.explaining.editing.editable import EditableCore
from replay.explaining.evidence.passages import Passage, Witness
from replay.explaining.evidence.supply import planned_streams
from replay.fuzzing.plan import Profile
from replay.streams.model import Stream
from replay.targets.base import Target
from replay.targets.open import open_target
from replay.targets.python.module import open_python_target

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "differential"))

from differential_makers import findings, generated, stream, trading

__all__ = ["World", "explanation", "finds", "patched", "replacing", "stream", "world"]

TODAY = datetime.date(2026, 11, 22)

QUOTE_FEE = ("booking.py", "quote_fee = closed.entry_fee", "quote_fee = fee")
"""The quote fee of A is the exit's: in "book a cycle"."""

PROFIT = ("entries.py", "p = profit / 100.0", "p = profit / 90.0")
"""Exits too far away: in "exit of a filled entry"."""


def patched(directory: Path, *faults: tuple[str, str, str]) -> Path:
    """A copy of our Python core with faults; gives what opens it."""
    package = directory / "botcore"
    shutil.copytree(Path(replay.core.__file__).parent, package,
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    for file, old, new in faults:
        text = (package / file).read_text("utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        (package / file).write_text(text.replace(old, new), "utf-8")
    return package / "__init__.py"


def explanation(
    condition: str, deviation: str = "", *, name: str = "known", expires: str = "2026-12-31"
) -> str:
    """One explanation as the file has it."""
    text = (
        f'[[explanation]]\nname = "{name}"\nreason = "may stay"\nsigned = "Ada"\n'
        f"date = 2026-11-01\nexpires = {expires}\n{condition}\n"
    )
    return text + (f"[explanation.deviation]\n{deviation}\n" if deviation else "")


def replacing(function: str, old: str, new: str) -> str:
    """A deviation that replaces text."""
    return f"in = ['{function}']\nreplace = '{old}'\nwith = '{new}'"


@cache
def editable(core: str) -> EditableCore:
    """Opened once: loading a core takes longer than judging an explanation."""
    return EditableCore.open(core)


@dataclass(frozen=True)
class World:
    """A shadow and all that is found on it."""

    authority: Target
    shadow: Target
    buckets: tuple[Bucket, ...]
    sample: Sequence[Passage]
    """Steps from elsewhere."""

    @property
    def ids(self) -> dict[str, str]:
        """The bucket's ID by the rule of its signature, of those that are told apart by it."""
        return {bucket.occurrences[0].finding.signature.rule: bucket.id for bucket in self.buckets}

    def judge(
        self,
        *texts: str,
        complete: bool = True,
        today: datetime.date = TODAY,
        core: str = "python",
    ) -> Judgement:
        return judge(
            parse_explanations("".join(texts)),
            self.buckets,
            editable(core),
            today,
            complete=complete,
            agreed=lambda: self.sample,
        )

    def only(self, text: str, **options: bool) -> tuple[Claim, Explained]:
        """The one claim of a file, and what became of the first bucket that it met."""
        judged = self.judge(text, **options)  # type: ignore[arg-type]
        (claim,) = judged.claims
        return claim, judged.buckets[(claim.ids or tuple(judged.buckets))[0]]

    def with_count(self, rule: str, count: int) -> World:
        identity = self.ids[rule]
        buckets = (replace(b, count=count) if b.id == identity else b for b in self.buckets)
        return replace(self, buckets=tuple(buckets))

    def with_flaky(self, rule: str) -> World:
        identity = self.ids[rule]
        buckets = (replace(b, flaky=b.id == identity) for b in self.buckets)
        return replace(self, buckets=tuple(buckets))


def finds(authority: str, shadow: str, streams: Sequence[Stream] = ()) -> list[Finding]:
    """All that differs on a few streams."""
    return findings(open_python_target(authority), open_target(shadow), *(streams or _streams()))


def _streams() -> list[Stream]:
    return [trading(), *generated(Profile.LIVE, range(3)), *generated(Profile.EDGE, range(2))]


def world(shadow: Path | str, authority: str = "python", streams: Sequence[Stream] = ()) -> World:
    """Finds what differs on a few streams."""
    ours = open_python_target(authority)
    theirs = open_target(str(shadow))
    found = finds(authority, str(shadow), streams)
    grouped: dict[str, list[int]] = {}
    for place, finding in enumerate(found):
        grouped.setdefault(finding.id, []).append(place)
    buckets = tuple(
        Bucket(identity, tuple(prepared(found[place], ours) for place in places), len(places))
        for identity, places in sorted(grouped.items())
    )
    witness = Witness(ours, theirs, Signature("", "", "", ""))
    sample = witness.ask(planned_streams((Profile.LIVE, Profile.EDGE)))
    return World(ours, theirs, buckets, sample)
