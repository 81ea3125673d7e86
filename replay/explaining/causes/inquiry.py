"""The search for all causes: from the kept occurrences to what is, and is not, accounted for.

Greedy and deterministic: conditions first, since they hide most, then edits where every value is an
ordinary one, then readings and edits everywhere, each on top of the causes that are in force. Then
new steps are generated, and whatever the corrected authority does not answer as the shadow does is
explained next, until nothing is left or the budget is spent.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from replay.counting import counted
from replay.explaining.causes.answered import Answered, Asking, smallest
from replay.explaining.causes.challenge import Challenge
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.edit_search import EditSearch, EditsOf
from replay.explaining.causes.found import Account, Found, Lead
from replay.explaining.causes.known_before import accept_known
from replay.explaining.causes.known_ends import KnownEnds
from replay.explaining.causes.necessity import Necessity
from replay.explaining.causes.place_search import PlaceSearch
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.reading_search import ReadingSearch, is_plain
from replay.explaining.causes.statement import Edited, Reading, Statement, cause_id
from replay.explaining.editing.editable import EditableCore
from replay.explaining.edits import edits_of
from replay.explaining.search.contest import Clock, StepClock
from replay.findings.account import GENERATED_STEPS, StoredCause
from replay.fuzzing.expand import expand
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.model import Stream
from replay.targets.base import Target, is_refusal

PLANNED = 60
"""Steps of one generated stream."""

IN_ALL = 24
"""Steps of one bucket that are looked at in one way, however often it changes what is left."""

EDITS_IN_ALL = 6
"""The same for edits, all of which meet each step."""

PATIENCE = 4
"""Steps of which no reading came before edits have their turn: what differs in every fill must not
wait until the last odd value is understood."""

TARGETS = 8
"""Steps that all edits meet in one go."""

OF_A_BUCKET = 4
"""Unexplained steps of one bucket that are looked at in a round."""

OBSERVED = 150
"""Kept and generated steps by which it is seen of what sort the core's values are."""

GENERATED = 5000
"""Steps that nobody has seen, by which the causes are tried in the end."""

LATEST = 1.2
"""The share of the budget up to which causes are put to the test that were found last."""

_WHICH_RECORD = re.compile(r"\[.*?\]")


KNOWN_BEFORE = 0.3
"""The share of the budget in which what was known before is put to the test."""

SEARCHED = 0.85
"""The share of the budget that is left once the evidence is gathered, whatever that cost."""


@dataclass
class Inquiry:
    """One search under way. `occurrences` are streams whose last step is the one in question, by
    bucket."""

    core: EditableCore
    authority: Target
    shadow: Target
    occurrences: Mapping[str, Sequence[Stream]]
    seconds: float
    on_progress: Callable[[str], None] = lambda what: None
    generate: int = GENERATED
    """How many steps to generate that nobody has seen, once nothing else is left."""
    steps: int | None = None
    """How many steps the corrected core may answer in all: then what is found does not depend on
    the machine, as long as twenty times `seconds` suffice."""
    is_model: bool = False
    """Whether the core only stands for the authority: what it answers otherwise is set aside."""
    former: Sequence[StoredCause] = ()
    """The causes of the last search: those that were verified are tried first."""
    edits_of: EditsOf = field(
        default=lambda core, texts: [
            edit for edit in edits_of(core, texts=texts) if core.is_quick(edit)
        ]
    )

    def run(self) -> Account:
        """All of it; what was found when the budget is spent, or somebody interrupts."""
        self._clock = Clock(self.seconds)
        identity = self.shadow.identity
        reads_next = identity.kind == "executable" and "replay" not in identity.methods
        self._corrected = CorrectedCore(self.core, reads_next=reads_next)
        if self.steps is not None:
            self._clock = StepClock(self.seconds, steps=self.steps, answered=self._answered)
        self._pool = Pool(self._corrected)
        self._asking = Asking(self.authority, self.shadow, self._as_the_authority)
        self._ends = KnownEnds(self._pool)
        self._readings = ReadingSearch(self._pool, self._asking, self._clock, self._ends)
        self._necessity = Necessity(self._pool, self._clock)
        self._edits = EditSearch(self._corrected, self._pool, self._asking, self._clock, self._ends)
        self._challenge = Challenge(
            self._pool, self._asking, self._necessity, self._clock, self._ends
        )
        self._afterwards: list[Answered] = []
        self._strange = 0
        self._looked_through = 0
        self._looked_at_again: set[Statement] = set()
        self._tried: set[tuple[str, Answered, object]] = set()
        self._looked: Counter[tuple[str, object]] = Counter()
        account = Account()
        try:
            self._begin()
            # However long that took: causes are looked for as long as was meant.
            self._clock.keep(SEARCHED)
            accept_known(self._pool, self.former, lambda: self.edits_of(self.core, ()))
            while self.former and self._challenge.meet_next(KNOWN_BEFORE):
                pass
            self._search()
            # What was found last, too: what nothing could have refuted is not verified.
            while self._challenge.meet_next(LATEST) or self._refuted(LATEST):
                pass
        except KeyboardInterrupt:
            account.notes.append("interrupted: what was found until then is kept")
            account.interrupted = True
        return self._conclude(account)

    def _answered(self) -> int:
        return self._corrected.answered

    # --- Evidence -------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._kept: list[Answered] = []
        for finding, streams in self.occurrences.items():
            lasts = [list(self._asking.singles([stream]))[-1:] for stream in streams]
            self._kept += self._asking.ask([one for last in lasts for one in last], finding)
        # A few steps of all sorts, so that what both agree on is known from the beginning.
        guards = list(self._generated(0, 2))
        self._corrected.learn_readers([*self._kept[:40], *guards[:40]])
        self.core.observe(step.stream for step in (*self._kept[:OBSERVED], *guards[:OBSERVED]))
        self._pool.add([*self._kept, *guards])
        self._plans = 2

    def _generated(self, first: int, last: int) -> Iterator[Answered]:
        """Steps of generated streams, of plans with these seeds."""
        for seed in range(first, last):
            for profile in Profile:
                plan = plan_of_seed(profile, 7_000_000 + seed)
                stream = expand(plan, f"generated {profile} {seed}")
                short = Stream(stream.start, stream.steps[:PLANNED], stream.origin)
                yield from self._asking.ask(self._ends.past(self._asking.singles([short])))

    def _as_the_authority(self, steps: list[Answered]) -> list[Answered]:
        """The steps at which the core gives the authority's answer; all where it is its source."""
        if not self.is_model:
            return steps
        answers = self._corrected.answers((), steps)
        kept = [
            step
            for step, answer in zip(steps, answers, strict=True)
            if not replace(step, shadow=step.authority).left(answer, refusals_agree=True)
        ]
        self._strange += len(steps) - len(kept)
        return kept

    # --- The search -----------------------------------------------------------------------------

    def _search(self) -> None:
        while not self._clock.beyond(0.95):
            while (
                self._refuted()
                or self._of_readings(ends=True, patience=PATIENCE)
                or self._of_edits(of_readers=False, only_plain=True)
                or self._of_readings(ends=False, only_odd=True, patience=PATIENCE)
                or self._of_edits(of_readers=False)
                or self._of_readings(ends=True)
                or self._of_readings(ends=False, only_odd=True)
                or self._of_readings(ends=False)
                or self._revised()
            ):
                self.on_progress(counted(len(self._pool.causes), "cause"))
                if self._clock.beyond(0.95):
                    return
            if len(self._pool.causes) != self._looked_through:
                self._necessity.drop_unneeded()
                self._necessity.narrow()
                self._looked_through = len(self._pool.causes)
            if self._challenge.meet_next(0.95):
                continue
            if len(self._afterwards) < self.generate and not self._asking.storm:
                self._generate(2 + self._plans // 2)
            # A statement about values says more than an edit of what reads them.
            elif not self._of_edits(of_readers=True):
                return

    def _refuted(self, share: float = 0.95) -> bool:
        """Takes out a cause that makes a step wrong at which the cores agree: no other cause can be
        what is at work there."""
        pool = self._pool
        for step in pool.unexplained:
            if step.authority_left or self._clock.beyond(share):
                continue
            rests = [
                (len(pool.wrong(rest, pool.steps)), place, rest)
                for place, cause in enumerate(pool.causes)
                if pool.matters(cause, step)
                and not pool.wrong(rest := [one for one in pool.causes if one is not cause], [step])
            ]
            if rests:
                _, place, rest = min(rests)
                cause = pool.causes[place]
                needs = self._necessity.needed_by(cause)[1] if isinstance(cause, Edited) else []
                pool.refute(cause, step)
                pool.use(rest)
                # What holds nearly everywhere may hold behind a condition.
                if isinstance(cause, Edited):
                    self._accept_guarded(cause, needs)
                return True
        return False

    def _of_readings(
        self, *, ends: bool, only_odd: bool = False, patience: int | None = None
    ) -> bool:
        """Looks for one more condition, reading or writing; with `ends` at the steps that one side
        gave no answer to, which are quickly done, else at all others. After `patience` steps of
        which nothing came it is the turn of what else there is."""
        kind = f"reading {ends} {only_odd}"
        targets = [
            step
            for step in self._targets(kind, OF_A_BUCKET if ends else 2)
            if (step.has_ended or is_refusal(step.authority)) is ends
        ]
        for step in targets[:patience]:
            if self._clock.beyond(0.95):
                return False
            self._note(kind, [step])
            found = self._readings.find(step, only_odd=only_odd)
            if found is not None and found not in self._pool.causes:
                self._pool.accept(found)
                self._necessity.drop_superseded(found)
                return True
        return False

    def _of_edits(self, *, of_readers: bool, only_plain: bool = False) -> bool:
        """Looks for edits, those of functions that read documents or all others; with `only_plain`
        at the steps in which no value is out of the ordinary, of which no reading can say much."""
        kind = f"edit {of_readers}"
        told = sorted(smallest(self._pool.unexplained), key=lambda step: -step.telling)
        answered = [one for one in self._targets(kind, 1, EDITS_IN_ALL, told) if not one.has_ended]
        targets = [one for one in answered if is_plain(one) or not only_plain][:TARGETS]
        if not targets:
            return False
        self._note(kind, targets)
        return bool(self._edits.find_all(targets, self.edits_of, 0.9, of_readers=of_readers))

    def _revised(self) -> bool:
        """Looks again at readings that leave steps open which they speak of: with what has been
        asked since, another one may say more."""
        pool = self._pool
        for cause in list(pool.causes):
            left = [step for step in pool.unexplained if self._speaks_of(cause, step)]
            if not left or cause in self._looked_at_again:
                continue
            self._looked_at_again.add(cause)
            former, known, count = list(pool.causes), list(pool.steps), len(pool.unexplained)
            pool.use(one for one in former if one is not cause)
            found = self._readings.find(smallest(left)[0])
            if found is not None and found not in former:
                pool.accept(found)
                if sum(bool(pool.left[step]) for step in known) < count:
                    return True
            pool.use(former)
        return self._edits_revised()

    def _edits_revised(self) -> bool:
        """Looks again at edits that leave steps as wrong as they were: they may hold behind a
        condition."""
        pool = self._pool
        for cause in [one for one in pool.causes if isinstance(one, Edited)]:
            if cause in self._looked_at_again:
                continue
            self._looked_at_again.add(cause)
            others, needs = self._necessity.needed_by(cause)
            if not self._necessity.contradicted(cause, others):
                continue
            former, count = list(pool.causes), len(pool.unexplained)
            pool.use(others)
            if self._accept_guarded(cause, needs) and len(pool.unexplained) < count:
                return True
            pool.use(former)
        return False

    def _accept_guarded(self, edit: Edited, needs: Sequence[Answered]) -> bool:
        """Puts an edit in force behind a condition, where there is one that does."""
        guarded = self._edits.behind_a_condition(edit, needs)
        if guarded is not None:
            self._pool.accept(guarded)
            self._edits.join(guarded)
        return guarded is not None

    @staticmethod
    def _speaks_of(cause: Statement, step: Answered) -> bool:
        return isinstance(cause, Reading) and step.meets(cause)

    def _note(self, kind: str, steps: Iterable[Answered]) -> None:
        for step in steps:
            self._tried.add((kind, step, self._pool.version(step)))
            self._looked[kind, self._row(step)] += 1

    def _row(self, step: Answered) -> object:
        """What a step is looked at along with: its bucket, or what differs, whatever the record."""
        left = self._pool.left[step]
        return step.finding or frozenset(_WHICH_RECORD.sub("", path) for path in left)

    def _targets(
        self, kind: str, most: int, in_all: int = IN_ALL, steps: Iterable[Answered] | None = None
    ) -> list[Answered]:
        """Unexplained steps that were not looked at in this way with what is in force for them: of
        each bucket the first few, the smallest where no order is given, one bucket after the other,
        the one with most steps first."""
        rows: dict[object, list[Answered]] = defaultdict(list)
        counts: Counter[object] = Counter()
        for step in smallest(self._pool.unexplained) if steps is None else steps:
            row = rows[self._row(step)]
            counts[self._row(step)] += 1
            if (
                len(row) < most
                and step.authority_left
                and self._looked[kind, self._row(step)] < in_all
                and (kind, step, self._pool.version(step)) not in self._tried
            ):
                row.append(step)
        ordered = [rows[row] for row, _ in counts.most_common()]
        return [step for turn in range(most) for row in ordered for step in row[turn : turn + 1]]

    def _generate(self, plans: int) -> None:
        """Asks steps that nobody has seen, against the corrected authority."""
        steps = list(self._generated(self._plans, self._plans + plans))
        self._plans += plans
        self._pool.add(steps)
        self._afterwards += steps

    # --- What came of it ------------------------------------------------------------------------

    def _conclude(self, account: Account) -> Account:
        pool = self._pool
        self._necessity.drop_unneeded()
        self._necessity.narrow()
        self._necessity.drop_doubled()
        account.leads = [Lead(*dropped) for dropped in self._necessity.drop_doubted()]
        wrong = pool.unexplained
        for order, cause in enumerate(pool.causes):
            others, needs = self._necessity.needed_by(cause)
            doubtful = self._necessity.contradicted(cause, others)
            explains = tuple(smallest(needs))
            account.causes.append(
                Found(
                    cause_id(cause),
                    cause,
                    explains,
                    doubtful,
                    order,
                    self._challenge.has_met(cause),
                )
            )
        placed: set[Answered] = set()
        for place in PlaceSearch(pool, self._edits, self._clock).find(smallest(wrong)):
            steps = tuple(smallest(place.steps))
            account.causes.append(
                Found(cause_id(place.statement), place.statement, steps, len(steps))
            )
            placed.update(steps)
        account.causes.sort(key=lambda one: -len(one.explains))
        for step in wrong:
            if step in placed:
                continue
            account.left.setdefault(step.finding or GENERATED_STEPS, []).append(step)
        account.kept = len(self._kept)
        account.kept_right = sum(not pool.left[step] for step in self._kept)
        account.afterwards = len(self._afterwards)
        account.afterwards_right = sum(not pool.left[step] for step in self._afterwards)
        account.afterwards_ended = sum(
            step.has_ended and not is_refusal(step.authority) for step in self._afterwards
        )
        account.asked = len(pool.steps)
        account.seconds = self._clock.spent
        if self.is_model:
            account.notes.append(
                "the authority is an executable: our own Python core stands for its source; "
                f"{self._strange:,} steps that it answers otherwise are set aside"
            )
        if not self._asking.storm:
            account.ungenerated = max(0, self.generate - len(self._afterwards))
        if self._clock.beyond(0.95) and account.to_do:
            account.notes.append(f"time was up ({self._clock.ran_out}): {'; '.join(account.to_do)}")
        if self._asking.storm:
            # What could not be asked any more could not be verified: what is known stays.
            account.interrupted = True
            account.notes.append(f"asking was given up: {self._asking.storm}")
        return account
