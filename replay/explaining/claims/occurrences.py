"""Findings made ready to be asked of an edited core, and what its answer lacks to be the shadow's.

A shadow's answer was given from the authority's state, and its invariants were checked on the
authority's next state (docs/replay-method.md, "guide"). So a case of many steps comes down to the
last of them, on the state that the authority had before it, and an edited core is asked that with
the authority's answer as its guide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from replay.differential.compare import compare, equal, refusal_text
from replay.differential.conditions.facts import config_at
from replay.differential.model import Finding
from replay.differential.signature.signature import root_of
from replay.differential.single_steps import SingleStep, SingleSteps
from replay.explaining.evidence.kept import alone, begins_alone
from replay.explaining.evidence.passages import (
    Passage,
    Refutation,
    Role,
    answers_alike,
    misfits,
    replies,
)
from replay.streams.model import Document
from replay.targets.base import (
    Failure,
    FailureKind,
    Outcome,
    RefusalKind,
    StepResult,
    Target,
    Work,
    is_refusal,
)
from replay.targets.compact import Plain
from replay.targets.cursor import Standing
from replay.targets.readers import readers_of

MAX_SHORT = 80
"""Characters of a value in a message."""

TRIES = 3
"""How often an edited core that takes too long is asked: its time is short, and what else this
process has to do (freeing memory) may have used it up."""

NO_ANSWER = "there is no answer with the deviation"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A finding with what it takes to ask another core the same.

    `passage` is its last step alone; None where the authority does not give the answer that it gave
    when the finding was made, or held something before that step that no document can hand to it.
    `single` is the same for who puts several statements in force at once. `before` is the state
    that the call started from, None where none could be read, and `config` the document in force.
    """

    finding: Finding
    passage: Passage | None
    before: Plain | None
    config: Document
    single: SingleStep | None = None


def prepared(finding: Finding, authority: Target) -> Occurrence:
    """Makes an occurrence of a finding. Raises FailureStorm where the authority fails so often
    that nothing can be asked."""
    case = finding.case
    authority.submit(Work(0, case.start, case.steps, last=True))
    results = authority.collect().results
    last = len(case.steps) - 1
    config = config_at(case.start.config, case.steps, results, last)
    outcomes = tuple(one for one in results if not isinstance(one, Failure))
    if len(outcomes) < len(results):
        return Occurrence(finding, None, None, config)
    roles = (*(Role.ASIDE,) * last, Role.OCCURRENCE)
    signatures = (*(None,) * last, finding.signature)
    shadow = (*outcomes[:last], finding.shadow)
    readers = readers_of(authority)
    whole = Passage(case, outcomes, shadow, roles, signatures, None, readers)
    if not begins_alone(whole, last):
        return Occurrence(finding, None, whole.befores[last][0], config)
    passage = alone(whole, last)
    before, decimals = passage.befores[0]
    if not _alike(outcomes[-1], finding.authority, before, decimals):
        return Occurrence(finding, None, before, config)
    singly = SingleSteps(Standing(case.start, readers), case.steps, outcomes, case.origin)
    single = singly.at(last, as_said(finding.shadow), before, decimals)
    return Occurrence(finding, passage, before, config, single)


def as_said(shadow: StepResult) -> StepResult:
    """What the shadow said, where that was taken for a failure: a refusal."""
    if isinstance(shadow, Failure) and shadow.kind is FailureKind.REFUSED:
        return [str(RefusalKind.ERROR), shadow.detail]
    return shadow


def _alike(answer: Outcome, former: StepResult, before: Plain | None, decimals: int) -> bool:
    if isinstance(former, Failure):
        return False
    if is_refusal(answer) or is_refusal(former):
        return equal(answer, former)
    return not compare(former, answer, before, decimals)


# --- What an edited core answers --------------------------------------------------------------


def mismatch(core: Target, occurrence: Occurrence) -> str:
    """In what an edited core's answer to an occurrence is not the shadow's, on one line; "" where
    it is exactly that."""
    passage = occurrence.passage
    if passage is None:
        return "the authority does not give its own answer to it any more"
    answer, shadow = _answer(core, passage), passage.shadow[0]
    if isinstance(answer, Failure):
        return f"{NO_ANSWER}: {answer.kind}, {short(answer.detail)}"
    if isinstance(shadow, Failure):
        return f"there is no answer from the shadow: {shadow.kind}, {short(shadow.detail)}"
    if answers_alike(passage, 0, answer):
        return ""
    return told(passage, 0, answer, shadow, "from the shadow")


def is_authority(core: Target, occurrence: Occurrence) -> bool:
    """Whether a core gives the authority's own answer to an occurrence."""
    passage = occurrence.passage
    if passage is None:
        return False
    answer = _answer(core, passage)
    return not isinstance(answer, Failure) and _alike(
        passage.authority[0], answer, *passage.befores[0]
    )


def _answer(core: Target, passage: Passage) -> StepResult:
    for _ in range(TRIES - 1):
        answer = replies(core, passage).results[0]
        if not is_timeout(answer):
            return answer
    return replies(core, passage).results[0]


def is_timeout(answer: StepResult) -> bool:
    """Whether an edited core took too long."""
    return isinstance(answer, Failure) and answer.kind is FailureKind.TIMEOUT


def refutations(core: Target, passage: Passage) -> Iterator[Refutation]:
    """The steps of a passage that an edited core does not answer as the shadow did."""
    for _ in range(TRIES - 1):
        found = list(misfits(core, passage))
        if not any(is_timeout(one.answer) for one in found):
            return iter(found)
    return misfits(core, passage)


def told(passage: Passage, place: int, answer: StepResult, other: StepResult, whose: str) -> str:
    """How an edited core's answer to a step differs from another, on one line."""
    if isinstance(answer, Failure) or isinstance(other, Failure):
        return "there is no answer"
    if is_refusal(answer) and is_refusal(other):
        ours, theirs = short(refusal_text(answer)), short(refusal_text(other))
        return f"refuses with {ours} with the deviation, with {theirs} {whose}"
    before, decimals = passage.befores[place]
    try:
        differences = compare(answer, other, before, decimals)
    except Exception:  # an edit may make anything of an answer
        differences = ()
    if not differences:
        return f"the answer with the deviation is no answer like the one {whose}"
    path, _, ours, theirs = root_of(differences)
    return f"{path} is {short(ours)} with the deviation, {short(theirs)} {whose}"


def short(value: object) -> str:
    """A value on one line, not endless; a text without quotes where it can be."""
    text = value if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= MAX_SHORT else f"{text[: MAX_SHORT - 3]}..."
