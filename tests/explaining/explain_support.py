"""Shadows with faults in them, findings on them, and short searches for their causes."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import replay.core
from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.minimising.minimiser import minimise
from replay.differential.model import Finding
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.editing.places import Line
from replay.explaining.edits import edits_of
from replay.explaining.search.diagnosis import Diagnosis
from replay.explaining.search.search import EditsOf, Means, Subject, explain
from replay.fuzzing.expand import expand
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.model import Document, Start, Step, Stream, segments_of
from replay.targets.open import open_target
from replay.targets.pair import PairSpec

CORPUS = Path(__file__).resolve().parents[2] / "corpus"
SECONDS = 120.0
"""More than any search here takes, so that no result depends on how busy the machine is."""


def faulty(folder: Path, module: str, *faults: tuple[str, str]) -> str:
    """A copy of our Python core with some texts of one module replaced; what `--shadow` takes."""
    copy = folder / "botcore"
    shutil.copytree(Path(replay.core.__file__).parent, copy,
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    file = copy / module
    text = file.read_text("utf-8")
    for old, new in faults:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {module}"
        text = text.replace(old, new)
    file.write_text(text, "utf-8")
    return str(copy / "__init__.py")


def modules(folder: Path, name: str, *texts: str) -> list[str]:
    """Cores of one module each, all called alike; what `--authority` and `--shadow` take."""
    files = [folder / str(number) / name for number, _ in enumerate(texts)]
    for file, text in zip(files, texts, strict=True):
        file.parent.mkdir()
        file.write_text(text, "utf-8")
    return list(map(str, files))


def findings(
    shadow: str,
    profiles: Sequence[Profile] = (Profile.LIVE, Profile.EDGE),
    authority: str = "python",
) -> dict[str, list[Finding]]:
    """What some generated streams show, by ID; the most frequent first."""
    cores = open_target(authority), open_target(shadow)
    lockstep = Lockstep(*cores)
    found: list[Finding] = []
    for seed in range(4):
        for key, profile in enumerate(profiles):
            stream = expand(plan_of_seed(profile, seed))
            found += run_stream(lockstep, segments_of(stream, 10 * seed + key))
    for core in cores:
        core.close()
    by_id: dict[str, list[Finding]] = {}
    for one in found:
        by_id.setdefault(one.id, []).append(one)
    return dict(sorted(by_id.items(), key=lambda item: -len(item[1])))


def subject(shadow: str, occurrences: Iterable[Finding], authority: str = "python") -> Subject:
    """A finding as the database would have it: minimised, as first met, and a few more."""
    first, *others = list(occurrences)[:5]
    pair = PairSpec(authority, shadow)
    one, other = pair.open(minimising=True)
    smaller = minimise(first, one, other)
    assert smaller is not None
    one.close()
    other.close()
    cases = [smaller.finding.case, first.case, *(finding.case for finding in others)]
    return Subject(first.id, first.signature, cases)


def within_functions(
    core: EditableCore, lines: Collection[Line], texts: Collection[str]
) -> list[Edit]:
    """The edits that take no other copy of the core: where none fits, the others are only slow."""
    return [edit for edit in edits_of(core, lines, texts) if core.is_quick(edit)]


def explained(
    shadow: str,
    of: Subject,
    authority: str = "python",
    seconds: float = SECONDS,
    edits: EditsOf = edits_of,
) -> Diagnosis:
    """What `explain` finds out."""
    cores = PairSpec(authority, shadow)
    return explain(of, Means(cores, (CORPUS,), seconds=seconds, edits_of=edits))


def main_cause(shadow: str, edits: EditsOf = edits_of) -> Diagnosis:
    """Finds what the shadow does most often, and its cause."""
    occurrences = next(iter(findings(shadow).values()))
    return explained(shadow, subject(shadow, occurrences), edits=edits)


def one_step(call: tuple[object, ...], config: Document = None, **state: Any) -> Stream:
    """A case of one step on a small state."""
    start = Start({"market_price": 0.1, "now": 0.0, **state}, config or {}, 2.0)
    return Stream(start, (Step(call),), "test")
