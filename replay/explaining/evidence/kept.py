"""The occurrences of a stored finding, each asked again now: what is to be explained.

What the database has are cases; what the cores answer to them today is asked. A case that no
longer diverges, that now shows another bug, or on which a core fails is set aside and counted. A
case that comes out differently from time to time makes the whole finding flaky: a core that answers
at random has no bug with a cause, and an edit that fits what it happened to say would be one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from replay.differential.model import Verdict
from replay.differential.read_back import is_read_back
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.differential.steadiness import Asked, ask_again, ask_together
from replay.differential.verdicts import judge
from replay.errors import UsageError
from replay.explaining.evidence.passages import Passage, Role, Witness
from replay.findings.store.store import Store
from replay.findings.store.stored import StoredCase, StoredFinding
from replay.streams.model import Stream
from replay.targets.base import Failure, Target
from replay.targets.cursor import Standing

MAX_CASES = 24
"""Kept cases of one finding that are looked at."""

TIMES = 6
PAIRS = 2
TIMES_UNSTEADY = 20
"""How often each case is asked, and on how many fresh pairs of cores all of them together; those
that do not come out alike there so often alone, and one that does not do so alone, either, more
often, so that its rate can be told."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What has become of the kept occurrences. `passages` are those that still diverge in the same
    way, each as its last step alone, the shortest first.

    `gone` agree now, `elsewhere` diverge in another bucket, on `failed` a core failed. `flaky` is
    how a case came out that did not come out alike. `asked` is false where the shadow was not at
    hand and the answers are those that were stored.
    """

    passages: tuple[Passage, ...] = ()
    gone: int = 0
    elsewhere: int = 0
    failed: int = 0
    flaky: Asked | None = None
    asked: bool = True
    cut_short: str = ""
    """What to tell where a case was asked again less often than it should be."""

    live: int = 0
    """Cases that only show it with the steps before their last one: the authority held something
    there that no document can hand to a core, so an edit cannot be asked that step."""


NOTHING_KEPT = Kept(asked=False)


def cases_of(finding: StoredFinding, store: Store) -> list[Stream]:
    """The cases of a finding that the database has, each once: the minimised one first, then as it
    was first met, then those of the places where it was seen."""
    shown, first = finding.shown, finding.first_seen
    streams = {shown.sha256: shown.stream}
    streams.setdefault(first.sha256, first.stream)
    for place in finding.places:
        if place.stream is not None and place.stream not in streams and len(streams) < MAX_CASES:
            streams[place.stream] = replace(store.stream(place.stream), origin=place.origin)
    return [stream for stream in streams.values() if stream.steps]


def ask_kept(
    cases: list[Stream],
    witness: Witness,
    open_pair: Callable[[], tuple[Target, Target]],
    *,
    seconds: float,
    routing: Routing = NO_ROUTING,
) -> Kept:
    """Asks all cases, and whether they come out alike each time (in about so many seconds of
    wall-clock time). Raises FailureStorm as the cores do."""
    passages: list[Passage] = []
    gone = elsewhere = live = 0
    answered = witness.ask(cases)
    failed = len(cases) - len(answered)
    for passage in answered:
        if passage.roles[-1] is Role.OCCURRENCE:
            if begins_alone(passage, len(passage.roles) - 1):
                passages.append(alone(passage, len(passage.roles) - 1))
            else:
                live += 1
        elif passage.roles[-1] is Role.ELSEWHERE:
            gone += 1
        elif passage.signatures[-1] is None:
            failed += 1
        else:
            elsewhere += 1
    passages.sort(key=lambda one: len(repr(one.stream.start)))
    if cases and failed == len(cases):
        return Kept(failed=failed)
    asked: list[Asked] = []
    flaky = _unsteady(cases, witness, open_pair, seconds, routing, asked)
    short = [one for one in asked if one.cut_short]
    told = f"{len(short)} of {len(asked)} kept cases: {short[0].cut_short}" if short else ""
    return Kept(tuple(passages), gone, elsewhere, failed, flaky, cut_short=told, live=live)


def _unsteady(
    cases: list[Stream],
    witness: Witness,
    open_pair: Callable[[], tuple[Target, Target]],
    seconds: float,
    routing: Routing,
    all_asked: list[Asked],
) -> Asked | None:
    """How the first case came out that does not come out alike, None where all do. Adds to all that
    were asked how they came out."""

    def ask(case: Stream, times: int, seconds: float) -> Asked:
        return ask_again(
            case, witness.signature, open_pair, times=times, seconds=seconds, routing=routing
        )

    shown = 0
    together = ask_together(
        [(case, witness.signature) for case in cases],
        open_pair,
        seconds=seconds / 2,
        times=TIMES,
        pairs=PAIRS,
        routing=routing,
    )
    for case, asked in zip(cases, together, strict=True):
        if not asked.is_steady:
            asked = ask(case, TIMES, seconds / 2 / len(cases))
        all_asked.append(asked)
        shown += asked.shown
        if varies(asked):
            return ask(case, TIMES_UNSTEADY, seconds)
    if shown == 0 and cases:
        # It was seen, but is not any more: now and then, or not at all.
        asked = ask(cases[0], TIMES_UNSTEADY, seconds)
        return asked if varies(asked) else None
    return None


def varies(asked: Asked) -> bool:
    """Whether a case did not come out alike each time that the cores answered."""
    return bool(asked.unsteady) or asked.shown not in (0, asked.times - asked.failed)


def begins_alone(passage: Passage, place: int) -> bool:
    """Whether the authority's readers make of the state before a step what it held there, so that
    the step can be asked by itself."""
    return place == 0 or is_read_back(passage.befores[place][0], passage.readers)


def alone(passage: Passage, place: int) -> Passage:
    """One step of a passage by itself, from where the authority stood before it: cores are pure, so
    what an edit makes of that step is all that there is to it."""
    stream = passage.stream
    if len(stream.steps) == 1:
        return passage
    standing = Standing(stream.start, passage.readers)
    standing.go_on_all(stream.steps[:place], passage.authority[:place])
    return Passage(
        Stream(standing.as_start(), (stream.steps[place],), stream.origin),
        (passage.authority[place],),
        (passage.shadow[place],),
        (passage.roles[place],),
        (passage.signatures[place],),
        None,
        passage.readers,
    )


def stored_answers(finding: StoredFinding) -> Kept:
    """The minimised and the unshrunk case with the answers that were stored with them, for where
    the shadow cannot be asked."""
    if not finding.id.startswith("d-"):
        raise UsageError(f"{finding.id} is a failure of a core: there is no answer to it")
    passages = [one for case in _stored(finding) if (one := _as_stored(finding, case)) is not None]
    passages.sort(key=lambda one: len(repr(one.stream.start)))
    return Kept(tuple(passages), asked=False)


def _stored(finding: StoredFinding) -> Iterator[StoredCase]:
    yield finding.shown
    if finding.first_seen.sha256 != finding.shown.sha256:
        yield finding.first_seen


def _as_stored(finding: StoredFinding, case: StoredCase) -> Passage | None:
    """A stored case as a passage. None for a case of several steps: what the authority answered to
    the others is not stored."""
    ours, theirs = case.authority, case.shadow
    if len(case.stream.steps) != 1 or isinstance(ours, Failure) or isinstance(theirs, Failure):
        return None
    passage = Passage(
        case.stream, (ours,), (theirs,), (Role.OCCURRENCE,), (finding.signature,), None
    )
    verdict, _, _ = judge(ours, theirs, *passage.befores[0])
    return passage if verdict is Verdict.DIVERGE else None
