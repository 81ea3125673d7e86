"""`explain`: finds the cause of a divergence by itself.

The kept occurrences are asked again. Then the known deviations and every single edit of the Python
core on the lines that the occurrences run through are tried; those that give exactly the shadow's
answers go on to steps elsewhere and to generated neighbours of the occurrences, on which the real
cores say what is true. As long as several are left, inputs are looked for on which they differ.
What nothing refutes is a cause, *verified* in the sense that it gave exactly the shadow's answer at
every occurrence, kept or generated, and the cores' common one everywhere else that was looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from replay.differential.model import DifferenceKind, Signature
from replay.differential.routing_table import NO_ROUTING, Routing
from replay.differential.signature.rules import place_in_contract
from replay.differential.steadiness import Asked, ask_again
from replay.errors import FailureStorm, TargetError, UsageError
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.editing.places import Line, Rules, edits_at_work
from replay.explaining.edits import edits_of
from replay.explaining.evidence.kept import NOTHING_KEPT, Kept, alone, ask_kept, varies
from replay.explaining.evidence.neighbours import mixed_changes, single_changes
from replay.explaining.evidence.passages import Passage, Witness
from replay.explaining.evidence.supply import (
    PACK,
    batches,
    corpus_streams,
    in_turn,
    packed,
    planned_streams,
)
from replay.explaining.evidence.ties import tie_changes
from replay.explaining.search.contest import Clock, Contest
from replay.explaining.search.diagnosis import Cause, Diagnosis, Near, Result, Support
from replay.explaining.search.partly import halves, nearest, parts_of, telling
from replay.explaining.search.proposal import proposal
from replay.explaining.search.ranking import rank
from replay.explaining.search.rivals import BATCH, Rivals, as_the_core_is
from replay.explaining.search.values_at_work import values_at_work
from replay.fuzzing.plan import Profile
from replay.streams.model import Stream, call_name
from replay.targets.base import Target
from replay.targets.pair import MINIMISING_TIMEOUT, PairSpec
from replay.targets.python.unheard import unheard

EditsOf = Callable[[EditableCore, Collection[Line], Collection[str]], Iterable[Edit]]

PACKS = BATCH // PACK
MIXED = 4 * BATCH
"""Mixed neighbours that every survivor meets."""

TIES, TIES_OF_ROUNDING = 200, 2000
"""Inputs on or next to a tie of some rounding; many where the last digit of a rounded value is what
differs."""

CASES = 8
"""Kept cases that neighbours are made of."""

STEADY, EDITS, SLOW_EDITS, NEAREST = 0.15, 0.5, 0.65, 0.85
"""Up to which share of the budget cases are asked again and again, edits are tried, and what comes
nearest is looked for."""

_WHERE = {False: "within functions", True: "of what is computed when the core is loaded"}
MAX_TEXT = 200
"""Characters of a text of the shadow's that an edit may have."""

_READING = ("reading a state", "unreadable state")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be explained: a finding's signature, the cases that are kept of it, and what was
    stored of them, for where the shadow cannot be asked."""

    id: str
    signature: Signature
    cases: Sequence[Stream]
    stored: Kept = NOTHING_KEPT


@dataclass(frozen=True, slots=True)
class Means:
    """What there is to explain it with. `edits_of` gives all edits on some lines of a core, with
    texts that they may have; `seconds` is the budget (contest.Clock)."""

    cores: PairSpec
    corpora: Sequence[Path] = ()
    routing: Routing = NO_ROUTING
    seconds: float = 20.0
    edits_of: EditsOf = edits_of
    on_progress: Callable[[int, str], None] = lambda done, what: None


@unheard()
def explain(subject: Subject, means: Means) -> Diagnosis:
    """Finds the cause of a finding. Raises UsageError and TargetError where the authority cannot be
    opened, and FailureStorm where it fails again and again."""
    clock = Clock(means.seconds)
    if subject.signature.failure:
        why = "a core failed, which is no answer that an edit could give"
        return Diagnosis(subject.id, Result.FAILURE, why)
    with ExitStack() as stack:
        inquiry = _Inquiry(subject, means, clock, stack)
        return replace(inquiry.run(), notes=tuple(inquiry.notes), seconds=clock.spent)


class _Inquiry:
    """One finding under way."""

    def __init__(self, subject: Subject, means: Means, clock: Clock, stack: ExitStack) -> None:
        self._subject = subject
        self._means = means
        self._clock = clock
        self.notes: list[str] = []
        self._authority = stack.enter_context(closing(means.cores.open_authority()))
        self._is_model = self._authority.identity.kind not in ("python", "module")
        self._witness = self._find_witness(stack)

    def _find_witness(self, stack: ExitStack) -> Witness | None:
        """Who can be asked, None where the shadow is not at hand."""
        try:
            authority, shadow = self._open_pair()
        except (UsageError, TargetError) as error:
            self._offline(error.message)
            return None
        stack.enter_context(closing(authority))
        stack.enter_context(closing(shadow))
        return Witness(authority, shadow, self._subject.signature, self._means.routing)

    def _open_pair(self) -> tuple[Target, Target]:
        """With little time for each answer, and an end to it where a core fails and fails."""
        cores = self._means.cores
        return replace(cores, timeout=min(cores.timeout, MINIMISING_TIMEOUT)).open()

    def _offline(self, why: str) -> None:
        self.notes.append(f"the shadow cannot be asked ({why}): only its stored answers are known")

    def run(self) -> Diagnosis:
        """From the kept cases to what came of them."""
        kept = self._kept()
        # However long that took: edits are tried for as long as was meant.
        self._clock.keep(1.0 - STEADY)
        if kept.cut_short:
            self.notes.append(kept.cut_short)
        aside = {"gone": kept.gone, "in another bucket": kept.elsewhere, "failed": kept.failed}
        if kept.live:
            aside["not without the steps before"] = kept.live
        known = Diagnosis(self._subject.id, Result.GONE, kept=len(kept.passages), aside=aside)
        if kept.flaky is not None:
            return replace(known, result=Result.FLAKY, why=_rate(kept.flaky))
        if not kept.passages:
            result, why = _why_nothing(kept)
            return replace(known, result=result, why=why)
        core = self._core(kept.passages)
        if core is None:
            why = "there is no Python source to edit: our own core answers otherwise"
            return replace(known, result=Result.NO_SOURCE, why=why)
        return self._search(core, kept, known)

    def _kept(self) -> Kept:
        subject = self._subject
        if self._witness is None:
            return subject.stored
        try:
            return ask_kept(
                list(subject.cases),
                self._witness,
                self._open_pair,
                seconds=STEADY * self._clock.seconds,
                routing=self._means.routing,
            )
        except FailureStorm as storm:
            self._offline(storm.message)
            self._witness = None
            return subject.stored

    def _core(self, passages: Sequence[Passage]) -> EditableCore | None:
        """The Python core to edit: the authority's own source, else ours where it gives the
        authority's answers."""
        if not self._is_model:
            return EditableCore.open(self._means.cores.authority)
        core = EditableCore.open("python")
        if not all(as_the_core_is(core, passages)):
            return None
        self.notes.append("the authority is an executable: our own Python core, which gives its "
                          "answers to every occurrence, stands for its source")  # fmt: skip
        return core

    # --- The search -----------------------------------------------------------------------------

    def _search(self, core: EditableCore, kept: Kept, known: Diagnosis) -> Diagnosis:
        """Tries edits within functions first; those of what is computed when the core is loaded
        (defaults, tables), each of which takes a while, only where nothing else fits."""
        passages = kept.passages
        cases = [one.stream for one in passages]
        texts = _texts(passages)
        core.observe(cases)
        edits, others = edits_at_work(
            core, cases, lambda core, lines: self._means.edits_of(core, lines, texts)
        )
        slow = [edit for edit in edits if not core.is_quick(edit)]
        quick = [edit for edit in edits if core.is_quick(edit)]
        contest = Contest(core, list(passages))
        rivals = self._rivals(contest, passages)
        for row, share in ((quick, EDITS), (slow, SLOW_EDITS)):
            before = contest.tried
            if not contest.enter(self._counted(row), self._clock, share):
                tried = contest.tried - before
                where = _WHERE[row is slow]
                self._out_of_time(f"{tried:,} of {len(row):,} edits {where} had been tried")
                known = replace(known, complete=False)
            if rivals is not None and not rivals.gather(self._clock):
                self._out_of_time(f"rivals had met {rivals.inputs:,} inputs")
                known = replace(known, complete=False)
            if contest.alive:
                break
        if rivals is not None and rivals.storm:
            self.notes.append(f"asking was given up: {rivals.storm}")
            self._witness = None
        if contest.alive and slow and contest.tried <= len(quick):
            count = f"{len(slow):,} edits {_WHERE[True]}"
            self.notes.append(f"since something fits, {count} were not tried")
        known = replace(known, support=_support(contest, len(passages), rivals))
        if contest.alive:
            return self._found(contest, rivals, passages, known)
        if self._witness is not None and (flaky := self._came_out_otherwise(contest)) is not None:
            return replace(known, result=Result.FLAKY, why=_rate(flaky))
        # For what explains a part it is enough that some of the cases run through it.
        return self._nothing(contest, [*quick, *filter(core.is_quick, others)], passages, known)

    def _out_of_time(self, what: str) -> None:
        self.notes.append(f"time was up ({self._clock.ran_out}) when {what}")

    def _counted(self, edits: Sequence[Edit]) -> Iterator[Edit]:
        for place, edit in enumerate(edits):
            self._means.on_progress(place, "edits")
            yield edit

    def _rivals(self, contest: Contest, passages: Sequence[Passage]) -> Rivals | None:
        """Where evidence comes from: single changes of the shortest case, the corpus, mixed
        changes of several cases, generated streams. None where nobody can be asked."""
        if self._witness is None:
            return None
        cases = [one.stream for one in passages[:CASES]]
        signature = self._subject.signature
        reading = signature.rule in _READING
        profiles = [Profile.LIVE, Profile.EDGE, *([Profile.HOSTILE] * reading)]
        seed = int(signature.id[2:], 16)
        mixed = mixed_changes(cases, seed, unreadable=reading)
        ties = tie_changes(cases, seed)
        rounds = signature.kind == DifferenceKind.LAST_DIGIT
        event = call_name(cases[0].steps[-1].call)
        rows = [
            batches(packed(single_changes(cases[0])), PACKS),
            batches(corpus_streams(self._means.corpora, event), 4),
            batches(packed(islice(mixed, MIXED)), PACKS),
            batches(packed(islice(ties, TIES_OF_ROUNDING if rounds else TIES)), PACKS),
            batches(planned_streams(profiles), 1),
        ]
        more = in_turn(mixed, ties)
        progress = self._means.on_progress
        return Rivals(contest, self._witness, rows, more, progress, is_model=self._is_model)

    def _came_out_otherwise(self, contest: Contest) -> Asked | None:
        """How a generated input came out that speaks against the last survivors, where it does not
        come out alike each time: then it says something about the shadow, not about them."""
        for refutation in list(contest.refuted.values())[-3:]:
            passage = alone(refutation.passage, refutation.place)
            signature = passage.signatures[0] or self._subject.signature
            asked = ask_again(
                passage.stream, signature, self._open_pair, times=6, seconds=0.5,
                routing=self._means.routing,
            )  # fmt: skip
            if varies(asked):
                return asked
        return None

    # --- What came of it ------------------------------------------------------------------------

    def _found(
        self, contest: Contest, rivals: Rivals | None, passages: Sequence[Passage], known: Diagnosis
    ) -> Diagnosis:
        """Something fits: ranked, with what there is to see at it."""
        core, subject = contest.core, self._subject
        rules = Rules.of(core)
        place = place_in_contract(subject.signature)
        heading = place.partition('"')[2].partition('"')[0]
        also = {edit: contest.also(edit) for edit in contest.alive}
        ranked = sorted(
            contest.alive,
            key=lambda edit: rank(core, edit, also=also[edit], rules=rules, heading=heading),
        )
        same = [True] * len(ranked) if rivals is None else rivals.like_the_first(ranked)
        causes = tuple(
            Cause(
                edit,
                rules.place(edit) or place,
                also[edit],
                alike,
                "" if number else proposal(core, edit, subject.id, subject.signature),
            )
            for number, (edit, alike) in enumerate(zip(ranked, same, strict=True))
        )
        if beside := contest.beside(ranked[0]):
            of_them = known.support.generated - beside
            known = replace(known, support=known.support._replace(generated=of_them))
            self.notes.append(
                f"at {beside:,} more generated occurrences the shadow differs in something else, "
                "too; that is left to another cause"
            )
        result, why = Result.VERIFIED, ""
        if rivals is None:
            result, why = Result.UNVERIFIED, "the shadow cannot be asked"
        elif not (known.support.elsewhere and known.support.inputs >= BATCH):
            result, why = Result.UNDECIDED, "time was up before it could be held against much"
        values = values_at_work(core, passages[0], ranked[:1])
        return replace(known, result=result, why=why, causes=causes, values=values)

    def _with_block(self, core: EditableCore, near: Near) -> Near:
        """With what it would be in explanations.toml, where it fits under a condition."""
        if not near.condition:
            return near
        subject = self._subject
        block = proposal(core, near.edit, subject.id, subject.signature, near.condition)
        return replace(near, block=block)

    def _nothing(
        self,
        contest: Contest,
        edits: Sequence[Edit],
        passages: Sequence[Passage],
        known: Diagnosis,
    ) -> Diagnosis:
        """Nothing fits: what comes nearest, whether there may be two bugs, the values at work."""
        core = contest.core
        rules = Rules.of(core)
        occurrences, elsewhere = telling(contest, passages, self._witness)
        parts = parts_of(core, edits, occurrences, elsewhere, self._clock, NEAREST)
        two = halves(core, edits, parts, occurrences, elsewhere, self._clock)
        tried = "" if known.complete else " of those that there was time for"
        return replace(
            known,
            result=Result.NONE_FITS,
            why=f"no single edit{tried} gives the shadow's answers everywhere",
            nearest=tuple(map(partial(self._with_block, core), nearest(parts, occurrences, rules))),
            halves=two,
            values=values_at_work(core, passages[0]),
        )


def _texts(passages: Sequence[Passage]) -> list[str]:
    """The texts that the shadow answers where the authority has another one, or none."""
    found: dict[str, None] = {}
    for passage in passages:
        for difference in passage.differences(0):
            shadow = difference.shadow
            for value in shadow.values() if isinstance(shadow, Mapping) else (shadow,):
                if isinstance(value, str) and len(value) <= MAX_TEXT:
                    found[value] = None
    return list(found)


def _support(contest: Contest, kept: int, rivals: Rivals | None) -> Support:
    return Support(
        kept=kept,
        generated=contest.occurrences - kept,
        elsewhere=contest.elsewhere,
        edits=contest.tried,
        refuted=len(contest.refuted),
        inputs=0 if rivals is None else rivals.inputs,
    )


def _rate(asked: Asked) -> str:
    whose = " and the ".join(asked.unsteady)
    told = f"; the {whose} answers differently from run to run" if whose else ""
    return f"{asked.shown} of {asked.times} runs of the same case show it{told}"


def _why_nothing(kept: Kept) -> tuple[Result, str]:
    """Why there is no occurrence to explain."""
    if not kept.asked:
        return Result.CORE_FAILED, "no stored case can be looked into without the shadow"
    if kept.failed and not (kept.gone or kept.elsewhere):
        return Result.CORE_FAILED, "a core failed on every kept occurrence"
    if kept.live:
        return Result.LIVE, (
            "it shows only with the steps before it: the authority held something that its own "
            "reader makes something else of, so no edited core can be asked the step by itself"
        )
    return Result.GONE, "no kept occurrence diverges in this way any more"
