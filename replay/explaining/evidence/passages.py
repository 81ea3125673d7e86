"""What an edit of the Python core is held against: steps with both cores' true answers.

A *passage* is a stream that both cores have been asked, each step from the authority's state. Every
step of it has a role: an *occurrence* of the bug that is looked into, a step *elsewhere* on which
the cores agree, or one that is set *aside*, because it says nothing about this bug: a core failed
there, one of two that refuse never said why, what stands for the shadow's answer is partly the
authority's own, or the shadow diverged with another signature and so perhaps for another reason.

An edit is *refuted* by a passage where it does not give exactly the shadow's answer at an
occurrence or elsewhere; but not by what another difference beside this one leaves (`misfits`).
Where the passages come from is no matter here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, partial
from typing import Any, NamedTuple

from replay.differential.compare import compare, equal
from replay.differential.conditions.condition import facts_of
from replay.differential.model import Difference, Signature, Verdict
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.differential.same_footing import steps_for_shadow
from replay.differential.settings_in_force import settings_at
from replay.differential.signature.roots import erased
from replay.differential.signature.signature import divergence_signature
from replay.differential.trail import walk
from replay.differential.uncompared import is_evidence
from replay.differential.verdicts import judge, same_bytes
from replay.streams.model import Document, Step, Stream
from replay.targets.base import (
    Failure,
    FailureKind,
    Outcome,
    RefusalKind,
    Reply,
    StepResult,
    Target,
    Work,
    encode_outcomes,
    is_refusal,
)
from replay.targets.compact import Plain
from replay.targets.cursor import settings_after
from replay.targets.readers import OURS, Readers, readers_of


class Patience(NamedTuple):
    """Passages in all, and in a row, on which a core fails before it is asked no more. One that had
    to be waited for until its deadline counts `late` times."""

    failures: int
    in_a_row: int
    late: int = 1


HURRIED = Patience(20, 3)
"""For those who want a few answers soon."""

UNHURRIED = Patience(2000, 200, late=50)
"""For those who ask thousands of steps, and want to know when a core ends."""

_CHUNK = 64
"""Passages under way at once: the authority's answers to all of them are held meanwhile."""


class Role(StrEnum):
    """What a step says about the bug."""

    OCCURRENCE = "occurrence"
    ELSEWHERE = "elsewhere"
    ASIDE = "aside"


@dataclass(frozen=True, eq=False)
class Passage:
    """A stream with both cores' answers and, for each step, its role and the signature of what
    differs (None where nothing does).

    `blob` is the encoding of the shadow's answers, None where some step has none or is set aside:
    an edit that gives the same bytes fits all of it.
    """

    stream: Stream
    authority: tuple[Outcome, ...]
    shadow: tuple[StepResult, ...]
    roles: tuple[Role, ...]
    signatures: tuple[Signature | None, ...]
    blob: bytes | None
    readers: Readers = OURS
    """The authority's, for what no answer shows."""

    @cached_property
    def befores(self) -> tuple[tuple[Plain | None, int], ...]:
        """For each step the state that its call started from, and the decimals of the prices."""
        stream = self.stream
        return tuple(walk(stream.start, None, stream.steps, self.authority, self.readers.state))

    @cached_property
    def told(self) -> Sequence[Step]:
        """The steps as a shadow gets them (same_footing.py)."""
        return steps_for_shadow(self.stream, self.authority, self.readers)

    @property
    def occurrences(self) -> int:
        """How many of its steps are occurrences."""
        return self.roles.count(Role.OCCURRENCE)

    def differences(self, place: int) -> tuple[Difference, ...]:
        """Where the cores' answers to a step differ."""
        before, decimals = self.befores[place]
        theirs = self.shadow[place]
        if isinstance(theirs, Failure):
            return ()
        return compare(self.authority[place], theirs, before, decimals)


class Refutation(NamedTuple):
    """A step at which an edit gives another answer than the shadow."""

    passage: Passage
    place: int
    answer: StepResult


# --- Asking the cores -------------------------------------------------------------------------


class Witness:
    """Asks both cores, and says what their answers mean for the finding with this signature.

    `asked` counts steps. Once its patience is spent, nothing is asked any more.
    """

    def __init__(
        self,
        authority: Target,
        shadow: Target,
        signature: Signature,
        routing: Routing = NO_ROUTING,
        patience: Patience = HURRIED,
    ) -> None:
        self.authority = authority
        self.shadow = shadow
        self.signature = signature
        self.asked = 0
        self._failures = self._in_a_row = 0
        self._patience = patience
        self._routing = routing
        self._session = 0

    @property
    def gave_up(self) -> bool:
        """Whether the cores failed so often that they are not asked any more."""
        patience = self._patience
        return self._failures >= patience.failures or self._in_a_row >= patience.in_a_row

    def ask(self, streams: Iterable[Stream]) -> list[Passage]:
        """The streams as passages, in their order; without those that the authority failed on, and
        those that were not asked any more. Raises FailureStorm as the cores do."""
        passages: list[Passage] = []
        waiting = list(streams)
        while waiting and not self.gave_up:
            chunk, waiting = waiting[:_CHUNK], waiting[_CHUNK:]
            answered: list[tuple[Stream, tuple[Outcome, ...], Reply]] = []
            for stream, reply in self._run(self.authority, [(one, None) for one in chunk]):
                outcomes = _outcomes(reply)
                self._count(reply.results if outcomes is None else ())
                if outcomes is not None:
                    answered.append((stream, outcomes, reply))
            guided = [(stream, (outcomes, reply)) for stream, outcomes, reply in answered]
            for (stream, outcomes, reply), (_, theirs) in zip(
                answered, self._run(self.shadow, guided), strict=False
            ):
                passages.append(self._passage(stream, outcomes, reply, theirs))
                self.asked += len(stream.steps)
        return passages

    def _count(self, failed: Iterable[StepResult]) -> None:
        """Counts a passage with the steps of it that a core failed on."""
        kinds = [one.kind for one in failed if isinstance(one, Failure)]
        weight = self._patience.late if FailureKind.TIMEOUT in kinds else bool(kinds)
        self._failures += weight
        self._in_a_row = self._in_a_row + weight if kinds else 0

    def _run(
        self,
        target: Target,
        works: Sequence[tuple[Stream, tuple[tuple[Outcome, ...], Reply] | None]],
    ) -> Iterator[tuple[Stream, Reply]]:
        """Runs streams on a core that is kept busy, each with its guide where it has one, until it
        has failed too often."""
        collected = asked = 0
        for stream, guided in works:
            if self.gave_up:
                break
            self._session += 1
            guide, reply = (None, None) if guided is None else guided
            blob, end = (None, None) if reply is None else (reply.blob, reply.end)
            steps: Sequence[Step] = stream.steps
            if guide is not None:
                steps = steps_for_shadow(stream, guide, readers_of(self.authority))
            work = Work(self._session, stream.start, steps, True, guide, blob, end)
            target.submit(work)
            asked += 1
            while asked - collected >= max(1, target.depth):
                yield works[collected][0], target.collect()
                collected += 1
        while collected < asked:
            yield works[collected][0], target.collect()
            collected += 1

    def _passage(
        self, stream: Stream, outcomes: tuple[Outcome, ...], ours: Reply, theirs: Reply
    ) -> Passage:
        count, readers = len(stream.steps), readers_of(self.authority)
        if theirs.blob is not None and theirs.blob == ours.blob and not theirs.incidents:
            self._count(())
            roles, nothing = (Role.ELSEWHERE,) * count, (None,) * count
            return Passage(stream, outcomes, outcomes, roles, nothing, theirs.blob, readers)
        results = tuple(theirs.results)
        failures = [*results, *(incident for _, incident in theirs.incidents)]
        failed = any(isinstance(one, Failure) for one in failures)
        self._count(failures)
        unsure = {*(place for place, _ in theirs.incidents), *theirs.copied}
        told = [
            (Role.ASIDE, None) if place in unsure else one
            for place, one in enumerate(self._told(stream, outcomes, results))
        ]
        roles = tuple(role for role, _ in told)
        blob = None if failed or Role.ASIDE in roles else _encoded(results)
        return Passage(
            stream,
            outcomes,
            results,
            roles,
            tuple(signature for _, signature in told),
            blob,
            readers,
        )

    def _told(
        self, stream: Stream, outcomes: Sequence[Outcome], results: Sequence[StepResult]
    ) -> Iterator[tuple[Role, Signature | None]]:
        """The role of each step, and the signature of what differs there."""
        read = readers_of(self.authority).state
        walked = walk(stream.start, None, stream.steps, outcomes, read)
        for place, (before, decimals) in enumerate(walked):
            ours, theirs = outcomes[place], results[place]
            if same_bytes(ours, theirs):
                yield Role.ELSEWHERE, None
                continue
            verdict, differences, answer = judge(ours, theirs, before, decimals)
            if verdict in (Verdict.AGREE, Verdict.BOTH_REFUSE):
                assert not isinstance(theirs, Failure)
                yield (Role.ELSEWHERE if is_evidence(ours, theirs) else Role.ASIDE), None
            elif isinstance(answer, Failure):
                yield Role.ASIDE, None
            else:
                call = stream.steps[place].call
                settings = settings_at(stream.start, stream.steps, place)
                signature = divergence_signature(call, before, ours, answer, differences, settings)
                about = call, before, differences, ours, answer
                facts = partial(_facts, about, partial(config_at, stream, outcomes, place))
                signature = self._routing.route(signature, facts)
                is_it = signature == self.signature
                yield (Role.OCCURRENCE if is_it else Role.ASIDE), signature


def _facts(about: tuple[Any, ...], config: Callable[[], Document]) -> Mapping[str, Any]:
    call, before, differences, authority, shadow = about
    return facts_of(call, before, differences, authority, shadow, config())


def config_at(stream: Stream, outcomes: Sequence[Outcome], place: int) -> Document:
    """The config in force at a step of a stream that has been answered."""
    settings: dict[str, Document] = dict(stream.start._asdict())
    for step, outcome in zip(stream.steps[:place], outcomes[:place], strict=True):
        if step.changes is not None:
            settings = settings_after(settings, step, answered=not is_refusal(outcome))
    return (stream.steps[place].changes or {}).get("config", settings["config"])


def _outcomes(reply: Reply) -> tuple[Outcome, ...] | None:
    """All outcomes of a reply, None where the core failed at a step."""
    outcomes = tuple(one for one in reply.results if not isinstance(one, Failure))
    return outcomes if len(outcomes) == len(reply.results) else None


def _encoded(results: Sequence[StepResult]) -> bytes | None:
    try:
        return encode_outcomes(results)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


# --- Holding an edit against it ---------------------------------------------------------------


def replies(core: Target, passage: Passage) -> Reply:
    """An edited core's answers to a passage, each step from the authority's state."""
    stream = passage.stream
    try:
        core.submit(Work(0, stream.start, passage.told, True, passage.authority))
        return core.collect()
    except Exception as error:  # an edit may make anything of a state: then it has no answer
        detail = f"{type(error).__name__} behind the edited core"
        return Reply(None, [Failure(FailureKind.GARBAGE, detail)] * len(stream.steps))


def first_misfit(
    core: Target, passages: Iterable[Passage], known: Collection[str] | None = None
) -> Refutation | None:
    """The first step of some passages at which an edited core is refuted, None where it fits all of
    them; `known` as for `misfits`."""
    for passage in passages:
        for refutation in misfits(core, passage, known):
            return refutation
    return None


def misfits(
    core: Target, passage: Passage, known: Collection[str] | None = None
) -> Iterator[Refutation]:
    """Every step of a passage at which an edited core is refuted, in order.

    `known` are the fields (paths without indices) in which the kept occurrences differ. Where it is
    given, an occurrence that differs in other fields, too, does not speak against an edit that
    leaves exactly that difference: it is for another cause.
    """
    reply = replies(core, passage)
    if passage.blob is not None and reply.blob == passage.blob:
        return
    for place, answer in enumerate(reply.results):
        if passage.roles[place] is Role.ASIDE or answers_alike(passage, place, answer):
            continue
        if known is None or not leaves_another(passage, place, answer, known):
            yield Refutation(passage, place, answer)


def leaves_another(
    passage: Passage, place: int, answer: StepResult, known: Collection[str]
) -> bool:
    """Whether an answer to an occurrence is the shadow's in all fields that are `known`, and the
    authority's wherever it is not the shadow's."""
    theirs = passage.shadow[place]
    if passage.roles[place] is not Role.OCCURRENCE or isinstance(theirs, Failure):
        return False
    if isinstance(answer, Failure) or is_refusal(answer) or is_refusal(theirs):
        return False
    before, decimals = passage.befores[place]
    try:
        left = compare(answer, theirs, before, decimals)
    except Exception:  # an edit may make anything of an answer
        return False
    there = passage.differences(place)
    return len(left) < len(there) and all(
        erased(one.path) not in known and one in there for one in left
    )


def fields_of(passages: Iterable[Passage]) -> frozenset[str]:
    """The fields in which the occurrences among the steps of some passages differ."""
    return frozenset(
        erased(difference.path)
        for passage in passages
        for place, role in enumerate(passage.roles)
        if role is Role.OCCURRENCE
        for difference in passage.differences(place)
    )


def answers_alike(passage: Passage, place: int, answer: StepResult) -> bool:
    """Whether an answer to a step is exactly the shadow's.

    By the contract two refusals agree unless both say why. An edit that makes the core raise just
    anything must not pass for that: it has to refuse as one of the cores does.
    """
    if same_answer(passage, place, answer, passage.shadow[place]):
        return True
    ours = passage.authority[place]
    is_elsewhere = passage.roles[place] is Role.ELSEWHERE
    return is_elsewhere and is_refusal(ours) and same_answer(passage, place, answer, ours)


def same_answer(passage: Passage, place: int, answer: StepResult, wanted: StepResult) -> bool:
    """Whether two answers to a step are equal by the contract; refusals word for word."""
    if isinstance(answer, Failure) or isinstance(wanted, Failure):
        return False
    if same_bytes(answer, wanted):
        return True
    if is_refusal(answer) or is_refusal(wanted):
        # Where in a module a number could not be gone on with differs from core to core.
        return answer[0] == wanted[0] == RefusalKind.ARITHMETIC or equal(answer, wanted)
    before, decimals = passage.befores[place]
    try:
        return not compare(answer, wanted, before, decimals) and not compare(
            wanted, answer, before, decimals
        )
    except Exception:  # an edit may make anything of an answer: then it is not the one
        return False
