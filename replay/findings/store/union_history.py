"""The histories of several databases as one: every entry once, in the order of their times.

Whoever wrote an entry may not have known those of the other databases. A status that may not follow
on what was there by then (lifecycle.py) does not take effect: the entry stays, with its status in
its evidence. And what was fixed in one database and was seen in another, by a run that began later,
has regressed: that is written as a run would have written it. Both are marked as made by a join,
and a later join reads the entries as they were.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from replay.findings.lifecycle import Status, allowed, first_status
from replay.findings.store.natural import JOINED, Contents, MergeRow, Run, RunKey, Said
from replay.findings.store.rows import as_json

Runs = Mapping[RunKey, Run]

_REGRESSED = "it was fixed and was seen again by a run of another database"


def all_said(contents: Sequence[Contents]) -> dict[str, tuple[Said, ...]]:
    """The entries of all databases by finding, each once, in the order of their times; those of
    one database stay in its order."""
    identities = sorted({identity for one in contents for identity in one.histories})
    return {
        identity: _in_order([one.histories.get(identity, ()) for one in contents])
        for identity in identities
    }


def _in_order(histories: Iterable[Sequence[Said]]) -> tuple[Said, ...]:
    # Clocks may go back, so an entry stands no earlier than what was said before it.
    standing: dict[tuple[Said, int], tuple[str, int]] = {}
    for entries in histories:
        at, known = "", list[Said]()
        for number, said in enumerate(entries):
            at = max(at, said.at)
            key = said, known.count(said)
            known.append(said)
            standing[key] = max(standing.get(key, ("", 0)), (at, number))
    return tuple(
        said for said, _ in sorted(standing, key=lambda key: (standing[key], _comparable(key[0])))
    )


def _comparable(said: Said) -> str:
    return as_json(said)


def joined_histories(
    said: Mapping[str, Sequence[Said]],
    identities: Iterable[str],
    runs: Runs,
    merges: Iterable[MergeRow],
) -> dict[str, tuple[Said, ...]]:
    """The histories as they are written, for all findings that have one."""
    members = _members(merges)
    histories = {}
    for identity in sorted(identities):
        seen = sorted(
            key
            for member in {identity, *members.get(identity, ())}
            for key, run in runs.items()
            if run.tallies.get(member, 0) > 0
            and (member == identity or not _fixed_after(said.get(member, ()), key.started))
        )
        entries = tuple(_settled(identity, said.get(identity, ()), dict.fromkeys(seen)))
        if entries:
            histories[identity] = entries
    return histories


def _members(merges: Iterable[MergeRow]) -> dict[str, set[str]]:
    """All that was merged into a finding, directly or by way of others."""
    target_of = dict(merges)
    members: dict[str, set[str]] = {}
    for source in target_of:
        at: str | None = target_of[source]
        while at is not None:
            members.setdefault(at, set()).add(source)
            at = target_of.get(at)
    return members


def _fixed_after(entries: Iterable[Said], at: str) -> bool:
    return any(said.status == Status.FIXED and said.at >= at for said in entries)


def _settled(identity: str, entries: Sequence[Said], seen: Iterable[RunKey]) -> Iterator[Said]:
    status = first_status(failure=identity.startswith("f-"))
    # A run that knew of the fix has said itself what it makes of it.
    told = {said.run for said in entries if said.status in (Status.REGRESSED, Status.FLAKY)}
    ahead = [run for run in seen if run not in told]
    fixed_at = ""
    for said in (*entries, None):
        while ahead and (said is None or ahead[0].started < said.at):
            run = ahead.pop(0)
            if status is Status.FIXED and run.started >= fixed_at:
                status = Status.REGRESSED
                yield _regressed(run)
        if said is None:
            return
        if said.status is None:
            yield said
        elif allowed(status, Status(said.status)):
            status = Status(said.status)
            fixed_at = said.at if status is Status.FIXED else fixed_at
            yield said
        else:
            yield _without_effect(said)


def _regressed(run: RunKey) -> Said:
    evidence = as_json({JOINED: {"seen": True}})
    return Said(
        run.started, "db merge", Status.REGRESSED, _REGRESSED, evidence, run, None, None, None
    )


def _without_effect(said: Said) -> Said:
    evidence = {**json.loads(said.evidence), JOINED: {"status": said.status}}
    return said._replace(status=None, evidence=as_json(evidence))
