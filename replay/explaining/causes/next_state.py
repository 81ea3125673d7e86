"""The authority's next state as a document, which a shadow of part 1 is handed to check."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from operator import is_

from replay.explaining.causes.answered import Answered, BySort, leaves_met, sorted_out
from replay.explaining.causes.leaves import ABSENT, Documents, Leaf, leaves_of
from replay.explaining.causes.statement import Reading
from replay.streams.model import CYCLES, CallCode, Start, Step, Stream
from replay.targets.compact import INDEX_OF, History, apply_delta, blank, state_document


@dataclass(frozen=True)
class NextState:
    """The authority's next state as a document, with its leaves."""

    document: Documents
    leaves: tuple[Leaf, ...]

    @cached_property
    def by_sort(self) -> BySort:
        """Its leaves by the sorts that they are of, and by fields."""
        return sorted_out(self.leaves)


def next_state(step: Answered) -> NextState:
    """What the authority answered to a step, which must be no refusal; made once."""
    following: NextState | None = step.cache.get("next")
    if following is None:
        plain = blank()
        apply_delta(plain, step.authority[0])
        document = state_document(plain)
        leaves = state_leaves(document)
        following = NextState(document, leaves)
        step.cache["next"] = following
    return following


def may_have_come_in(rule: Reading, step: Answered) -> bool:
    """Whether the authority's next state may hold what a reading is about. Where the state before
    is an answer of its own without such a value, one has to have come in since."""
    if step.due or step.before is None or step.meets(rule):
        return True
    return bool(leaves_met(rule, _come_in(step)))


def _come_in(step: Answered) -> tuple[Leaf, ...]:
    """The values of the fields that the authority's answer changed; of the history the new ones."""
    known: tuple[Leaf, ...] | None = step.cache.get("come in")
    if known is None:
        before, after = step.before, blank()
        assert before is not None
        apply_delta(after, step.authority[0])
        former, history = before[CYCLES][:], after[CYCLES][:]
        is_longer = len(history) >= len(former) and all(map(is_, former, history))
        after[CYCLES] = History(history[len(former) :] if is_longer else history)
        document = {
            name: value
            for name, value in state_document(after).items()
            if (index := INDEX_OF[name]) == CYCLES or repr(before[index]) != repr(after[index])
        }
        leaves = state_leaves(document)
        known = step.cache["come in"] = tuple(one for one in leaves if one.value is not ABSENT)
    return known


def state_leaves(document: Documents) -> tuple[Leaf, ...]:
    """The values of a state as a document, in which fields may be missing."""
    step = Step((int(CallCode.CHECK_INVARIANTS),))
    return leaves_of(Stream(Start(document, {}, 0.0), (step,)))


__all__ = ["NextState", "may_have_come_in", "next_state", "state_leaves"]
