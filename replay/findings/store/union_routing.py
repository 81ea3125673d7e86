"""The splits and merges of several databases as those of one: the newest decision wins.

When a decision was made is told by the histories. One that was taken back later, in whichever
database, is no longer in force; of two that contradict each other the later one is, and the other
is told. Nothing of either is lost: what a split has moved stays where it is, and the histories say
who wanted what.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from replay.findings.lifecycle import Status, first_status
from replay.findings.store.natural import Contents, MergeRow, Said, SplitRow

Histories = Mapping[str, Sequence[Said]]


class JointRouting(NamedTuple):
    """Splits in the order in which they were made, merges, and a line for each decision that
    another one has overruled."""

    splits: tuple[SplitRow, ...]
    merges: tuple[MergeRow, ...]
    overruled: tuple[str, ...]


def joint_routing(contents: Sequence[Contents], histories: Histories) -> JointRouting:
    """What is in force once all is known. `histories` are those of all databases together."""
    times = _Times(histories)
    found: dict[SplitRow | MergeRow, str] = {}
    for one in contents:
        for split in one.splits:
            if times.in_force_split(split):
                found[split] = times.split(split)
        for merge in one.merges:
            if times.in_force_merge(merge):
                found[merge] = times.merge(merge)
    splits: list[SplitRow] = []
    merges: list[MergeRow] = []
    overruled: list[str] = []
    taken: set[tuple[str, str]] = set()
    ways: dict[str, set[str]] = {}
    for decision in sorted(found, key=lambda one: (found[one], *one), reverse=True):
        start, end, subject, words = _described(decision)
        if subject in taken or start in _reached(ways, end):
            overruled.append(f"{words} is not in force: a later decision contradicts it")
            continue
        if isinstance(decision, MergeRow) and _hides(decision, times, histories):
            overruled.append(f"{words} is not in force: {end} was fixed and {start} was not")
            continue
        taken.add(subject)
        ways.setdefault(start, set()).add(end)
        if isinstance(decision, SplitRow):
            splits.append(decision)
        else:
            merges.append(decision)
    return JointRouting(
        tuple(sorted(splits, key=lambda split: (found[split], *split))),
        tuple(sorted(merges)),
        tuple(sorted(overruled)),
    )


def _described(decision: SplitRow | MergeRow) -> tuple[str, str, tuple[str, str], str]:
    """Where findings go from and to by a decision, what there can be one decision about, and the
    decision in words."""
    if isinstance(decision, SplitRow):
        of, name, condition, part = decision
        return of, part, (of, name), f"the split of {of} as {name!r} by `{condition}`"
    source, target = decision
    return source, target, (source, ""), f"the merge of {source} into {target}"


def _reached(ways: Mapping[str, set[str]], start: str) -> set[str]:
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        identity = ahead.pop()
        if identity not in reached:
            reached.add(identity)
            ahead += ways.get(identity, ())
    return reached


def _hides(merge: MergeRow, times: _Times, histories: Histories) -> bool:
    """Whether a merge would have been refused, had its maker known all: what is not fixed must not
    vanish in what is. Taking a split back is no such merge: the part is of the same bucket."""
    at = times.merged(merge)
    if not at or at < times.merge(merge):
        return False
    source, target = (_status_at(identity, at, histories) for identity in merge)
    return target is Status.FIXED and source is not Status.FIXED


def _status_at(identity: str, at: str, histories: Histories) -> Status:
    status = first_status(failure=identity.startswith("f-"))
    for said in histories.get(identity, ()):
        if said.status is not None and said.at <= at:
            status = Status(said.status)
    return status


class _Times:
    """When decisions were made and taken back; "" where no history tells."""

    def __init__(self, histories: Histories) -> None:
        self._newest: dict[tuple[str, ...], str] = {}
        for said in (said for entries in histories.values() for said in entries):
            for event in _events(said):
                self._newest[event] = max(said.at, self._newest.get(event, ""))

    def _of(self, *event: str) -> str:
        return self._newest.get(event, "")

    def split(self, split: SplitRow) -> str:
        return self._of("split", split.part, split.condition)

    def in_force_split(self, split: SplitRow) -> bool:
        return self._of("unsplit", split.part) <= self.split(split)

    def merged(self, merge: MergeRow) -> str:
        return self._of("merge", merge.source, merge.target)

    def merge(self, merge: MergeRow) -> str:
        return max(self.merged(merge), self._of("unsplit", merge.source, merge.target))

    def in_force_merge(self, merge: MergeRow) -> bool:
        undone = self._of("unmerge", merge.source), self._of("split", merge.source)
        return max(undone) <= self.merge(merge)


def _events(said: Said) -> Iterable[tuple[str, ...]]:
    """What an entry says of splits and merges, by what is asked for later."""
    evidence = json.loads(said.evidence)
    for name in ("split", "unsplit", "merge", "unmerge"):
        event = evidence.get(name)
        if not isinstance(event, dict):
            continue
        match name:
            case "split":
                part = str(event.get("part"))
                yield name, part, str(event.get("condition"))
                yield name, part
            case "unsplit":
                part = str(event.get("part"))
                yield name, part, str(event.get("of"))
                yield name, part
            case "merge":
                yield name, str(event.get("source")), str(event.get("into"))
            case _:
                yield name, str(event.get("source"))
