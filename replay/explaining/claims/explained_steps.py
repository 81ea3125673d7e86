"""The authority corrected by all explanations that are statements, held against single steps.

A step is explained where the Python core gives the shadow's whole answer with all of them in force,
each as it applies. Where it does not, one of them may not be so any more: without that one the
answer may be right, and then it speaks against it. What neither gives is not explained, whatever
else is known of the shadow.

Of each explanation it is found out at how many steps it was needed: one that is not needed anywhere
has had its day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from replay.differential.single_steps import SingleStep
from replay.errors import ReplayError
from replay.explaining.causes.answered import Answered
from replay.explaining.causes.corrected import CorrectedCore, may_agree
from replay.explaining.causes.statement import Edited, Reading, Statement
from replay.explaining.causes.takings import ENDS
from replay.explaining.claims.quick_answers import QuickAnswers
from replay.explaining.claims.stated import Stated, in_force
from replay.explaining.claims.unsent_history import with_unsent
from replay.explaining.claims.weighed import Weighed
from replay.explaining.editing.editable import EditableCore
from replay.streams.model import CYCLES, STATE_FIELDS, call_name
from replay.targets.base import (
    CoreIdentity,
    Failure,
    RefusalKind,
    StepResult,
    Target,
    is_refusal,
)
from replay.targets.pair import PairSpec

ENOUGH = 50
"""Steps at which an explanation was needed, after which a run looks for no more of them."""

_HISTORY = f"state.{STATE_FIELDS[CYCLES]}"

LOOKED_THROUGH = 200
"""Steps that stay unexplained of which it is found out whether one explanation is in the way."""


class Said(NamedTuple):
    """One explanation as far as it can be run."""

    name: str
    statements: tuple[Stated, ...]


@dataclass(frozen=True, slots=True)
class Statements:
    """All explanations that are statements, as processes hand them on. `not_for` are buckets that
    are to be looked at again, whatever is said of them."""

    said: tuple[Said, ...] = ()
    not_for: frozenset[str] = frozenset()

    def for_cores(
        self, cores: PairSpec, targets: tuple[Target, Target], enough: int | None = None
    ) -> ExplainedSteps | None:
        """Who is asked about the steps of these cores, which are open; None where nothing is
        said."""
        if not self.said:
            return None
        authority, shadow = (target.identity for target in targets)
        return ExplainedSteps(
            source_of(cores.authority, authority),
            shadow,
            self.said,
            is_model=_is_model(authority),
            not_for=self.not_for,
            enough=enough,
        )


NO_STATEMENTS = Statements()


def _is_model(authority: CoreIdentity) -> bool:
    """Whether our own core stands for an authority that is not written in Python."""
    return authority.kind not in ("python", "module")


def source_of(spec: str, authority: CoreIdentity) -> EditableCore:
    """What edits are made in: the authority, where it is written in Python, else our core, which
    then has to answer as the authority does."""
    return EditableCore.open("python" if _is_model(authority) else spec)


class ExplainedSteps:
    """Asks the corrected authority about single steps (differential/single_steps.py).

    `inapplicable` says of explanations that cannot be put in force why not. What was found out is
    in `weighed`: which explanations a step needs is looked for until each was needed at `enough`
    steps, or always. `is_model` says that the core only stands for the authority.
    """

    def __init__(
        self,
        core: EditableCore,
        shadow: CoreIdentity,
        said: Sequence[Said],
        *,
        is_model: bool,
        not_for: frozenset[str] = frozenset(),
        enough: int | None = None,
    ) -> None:
        self.not_for = not_for
        self._enough = enough
        self.weighed = Weighed()
        self.inapplicable: dict[str, str] = {}
        self._reads_next = shadow.kind == "executable" and "replay" not in shadow.methods
        self._corrected = CorrectedCore(core, reads_next=self._reads_next)
        self._is_model = is_model
        self._in_force: dict[str, tuple[Statement, ...]] = {}
        for one in said:
            self._put_in_force(one, core)
        self._quick = self._quickly()
        self._needed_at: Counter[str] = Counter()
        self._aside: list[str] = []
        self._spoke_against: Counter[str] = Counter()
        self._looked_through = 0

    def _quickly(self) -> QuickAnswers:
        rules = (one for some in self._in_force.values() for one in some)
        readings = (one for one in rules if isinstance(one, Reading))
        return QuickAnswers(self._corrected, readings, reads_next=self._reads_next)

    def _put_in_force(self, said: Said, core: EditableCore) -> None:
        before = [one for statements in self._in_force.values() for one in statements]
        try:
            statements = tuple(in_force(one, core) for one in said.statements)
            edits = (one.edit for one in (*before, *statements) if isinstance(one, Edited))
            self._corrected.force(frozenset(edits))
        except ReplayError as error:
            self.inapplicable[said.name] = error.message
        else:
            self._in_force[said.name] = statements

    def hand_over(self) -> Weighed:
        """What was found out since this was last asked."""
        weighed, self.weighed = self.weighed, Weighed()
        return weighed

    # --- Steps at which the cores differ --------------------------------------------------------

    def explains(self, step: SingleStep) -> bool:
        """Whether the corrected authority gives the shadow's whole answer."""
        return bool(self.by_which(step))

    def by_which(self, step: SingleStep, beside: Sequence[Statement] = ()) -> tuple[str, ...]:
        """The explanations by which a step is explained, as far as it was found out which of them
        are needed; none where it is not explained. `beside` are statements that are in force
        there, too."""
        asked = answered(step)
        if not self._in_force or (self._is_model and not self._is_authority(asked)):
            return ()
        names = self._that_give(asked, beside)
        return () if names is None else self._needed(names, asked, beside)

    def _that_give(self, step: Answered, beside: Sequence[Statement]) -> list[str] | None:
        """Explanations that give the shadow's answer: all, or all but what is not so here."""
        names = list(self._in_force)
        # What has spoken against one often enough need not be counted any more.
        settled = [name for name in self._aside if self._spoke_against[name] >= ENOUGH]
        for aside in settled:
            without = [name for name in names if name != aside]
            if self._gives(without, step, beside):
                return without
        if self._gives(names, step, beside):
            return names
        for aside in [name for name in self._aside if name not in settled]:
            if self._is_right_without(aside, names, step, beside):
                return [name for name in names if name != aside]
        if self._looked_through >= LOOKED_THROUGH:
            return None
        self._looked_through += 1
        for name in names:
            if name not in self._aside and self._is_right_without(name, names, step, beside):
                self._aside.append(name)
                return [other for other in names if other != name]
        return None

    def _is_right_without(
        self, name: str, names: Sequence[str], step: Answered, beside: Sequence[Statement]
    ) -> bool:
        if not self._gives([other for other in names if other != name], step, beside):
            return False
        self._speaks_against(name, step)
        return True

    def _speaks_against(self, name: str, step: Answered) -> None:
        self._spoke_against[name] += 1
        self.weighed.speaks_against(name, call_name(step.stream.steps[0].call), step.origin)

    def _needed(
        self, names: list[str], step: Answered, beside: Sequence[Statement]
    ) -> tuple[str, ...]:
        """Those of the names that are needed, as far as that is not known of them already: without
        them the answer is another. Of two that say the same the first is."""
        enough = self._enough
        # What gives no answer leaves nothing for the others to do.
        ended = [name for name in names if self._ends(name, step)]
        pending = [
            name
            for name in ended or names
            if (enough is None or self._needed_at[name] < enough) and self._may_matter(name, step)
        ]
        known = [name for name in names if name not in pending]
        # Mostly none of those that are still to be seen is needed, which is soon told.
        if not pending or self._gives_quickly(known, step, beside):
            return tuple(known)
        # What all of them give the short way is told the short way of some of them as well.
        is_quick = self._gives_quickly(names, step, beside)
        if not is_quick and self._gives(known, step, beside):
            return tuple(known)
        gives = self._gives_quickly if is_quick else self._gives

        def do(some: Collection[str]) -> bool:
            chosen = [name for name in names if name in known or name in some]
            return gives(chosen, step, beside)

        found = _least(pending, do)
        self._needed_at.update(found)
        self.weighed.needed.update(found)
        return tuple(found)

    def _ends(self, name: str, step: Answered) -> bool:
        """Whether an explanation says that there is no answer to a step."""
        return any(
            isinstance(one, Reading) and one.taking in ENDS and self._meets(one, step)
            for one in self._in_force[name]
        )

    def _meets(self, rule: Reading, step: Answered) -> bool:
        met = self._quick.met(step)
        return step.meets(rule) if met is None else met.speaks_here(rule)

    def _may_matter(self, name: str, step: Answered) -> bool:
        """Whether an explanation may change anything of a step, as far as that is seen at once."""
        met = self._quick.met(step)
        return any(
            not isinstance(one, Reading)
            or (self._corrected.speaks_of(one, step) if met is None else met.speaks(one))
            for one in self._in_force[name]
        )

    # --- Steps on which they agree --------------------------------------------------------------

    def hold_against(self, step: SingleStep) -> None:
        """Notes which explanations make something else of a step on which the cores agree."""
        asked = answered(step)
        if self._is_model and not self._is_authority(asked):
            return
        right: list[str] = []
        if self._gives(list(self._in_force), asked):
            return
        for name in self._in_force:
            if self._gives([*right, name], asked):
                right.append(name)
            else:
                self._speaks_against(name, asked)

    # --- Asking ---------------------------------------------------------------------------------

    def _gives(
        self, names: Sequence[str], step: Answered, beside: Sequence[Statement] = ()
    ) -> bool:
        """Whether the core gives the shadow's answer with these in force."""
        if self._gives_quickly(names, step, beside):
            return True
        statements = [*beside, *self._statements(names)]
        (answer,) = self._corrected.answers(statements, [step])
        left = step.left(answer, refusals_agree=_is_of_values(step, answer))
        if left and self._reads_next and all(path.startswith(_HISTORY) for path in left):
            left = step.left(with_unsent(answer, step), refusals_agree=True)
        return not left

    def _gives_quickly(
        self, names: Sequence[str], step: Answered, beside: Sequence[Statement] = ()
    ) -> bool:
        """Whether it does by what was read of the step before; False as well where that cannot be
        told."""
        quick = None if beside else self._quick.answer(self._statements(names), step)
        return quick is not None and not step.left(quick, refusals_agree=_is_of_values(step, quick))

    def _statements(self, names: Sequence[str]) -> list[Statement]:
        return [one for name in names for one in self._in_force[name]]

    def _is_authority(self, step: Answered) -> bool:
        (answer,) = self._corrected.answers((), [step])
        return not replace(step, shadow=step.authority).left(answer, refusals_agree=True)


def _least(names: Sequence[str], do: Callable[[Collection[str]], bool]) -> list[str]:
    """Those of some names that are needed, where all do and none does not: the last one of the
    shortest beginning that does, then what it needs beside it."""
    found: list[str] = []
    while not found or not do(found):
        least, most = 0, len(names)
        while least < most:
            middle = (least + most) // 2
            if do([*names[:middle], *found]):
                most = middle
            else:
                least = middle + 1
        if not least:
            break
        found.append(names[least - 1])
        names = names[: least - 1]
    found = found[::-1]
    return [name for name in found if len(found) == 1 or not do({*found} - {name})] or found


def _is_of_values(step: Answered, answer: StepResult) -> bool:
    """Whether a refusal may be taken for the shadow's: not where an edit makes the core raise just
    anything."""
    if may_agree(step, answer):
        return True
    return not isinstance(answer, Failure) and (
        is_refusal(answer) and answer[0] == RefusalKind.ARITHMETIC
    )


def answered(step: SingleStep) -> Answered:
    """A step of a run as it is asked about here."""
    return Answered(
        step.stream,
        step.authority,
        step.shadow,
        step.before,
        step.decimals,
        due=step.due,
        told=step.told,
    )
