"""The search for all causes: from the kept occurrences to what is, and is not, accounted for.

Greedy and deterministic: conditions first, since they hide most, then edits where every value is an
ordinary one, then readings and edits everywhere, each on top of the causes that are in force. Then
new steps are generated, and whatever the corrected authority does not answer as the shadow does is
explained next, until nothing is left or the budget is spent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from replay.counting import counted
from replay.errors import ExitCode, Terminated
from replay.explaining.causes.accounting import tell_causes, tell_evidence
from replay.explaining.causes.agenda import Agenda
from replay.explaining.causes.answered import Answered, Asking, smallest
from replay.explaining.causes.challenge import Challenge
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.edit_search import EditSearch, EditsOf
from replay.explaining.causes.formula_search import FormulaSearch
from replay.explaining.causes.found import Account, Lead
from replay.explaining.causes.insertion_search import InsertionSearch
from replay.explaining.causes.known_before import accept_known
from replay.explaining.causes.known_ends import KnownEnds
from replay.explaining.causes.necessity import Necessity
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.reading_search import ReadingSearch, is_plain
from replay.explaining.causes.refusal_search import RefusalSearch, is_refused_alone
from replay.explaining.causes.second_look import SecondLook
from replay.explaining.causes.statement import Rule
from replay.explaining.editing.editable import Edit, EditableCore
from replay.explaining.edits import edits_of
from replay.explaining.search.contest import Clock, StepClock
from replay.findings.account import StoredCause
from replay.fuzzing.expand import expand
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.model import Stream
from replay.targets.base import Target, is_refusal

PLANNED = 60
"""Steps of one generated stream."""

IN_ALL = 24
"""Steps of one bucket that are looked at in one way, however often it changes what is left."""

EDITS_IN_ALL = 3
"""The same for edits, all of which meet each step."""

PATIENCE = 4
"""Steps of which no reading came before edits have their turn: what differs in every fill must not
wait until the last odd value is understood."""

PARTS_IN_ALL = 3
"""The same for edits that make a part of a step right."""

REFUSALS_SHARE = 0.12
"""The share of what is spent that may go into following refusals through the core."""

FORMULAS_IN_ALL = 3
"""The same for places and formulas, which take longest."""

TARGETS = 8
"""Steps that all edits meet in one go."""

OF_A_BUCKET = 4
"""Unexplained steps of one bucket that are looked at in a round."""

OBSERVED = 150
"""Kept and generated steps by which it is seen of what sort the core's values are."""

GENERATED = 5000
"""Steps that nobody has seen, by which the causes are tried in the end."""

SEARCHED_FIRST, SEARCHED_LAST = 0.6, 0.95
"""The shares of the budget after which no more causes are looked for, and no more steps are
generated, but what was found is put to the test: first with time left to find what stands in the
place of what is refuted, then for good."""

LATEST = 1.2
"""The share of the budget up to which causes are put to the test that were found last."""

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
    seen: Mapping[str, int] = field(default_factory=dict)
    """How often each bucket was met: what is met most is looked at first."""
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
        self._formulas = FormulaSearch(self._pool, self._clock)
        self._insertions = InsertionSearch(self._pool, self._clock)
        self._refusals = RefusalSearch(self._pool, self._clock)
        self._challenge = Challenge(
            self._pool, self._asking, self._necessity, self._clock, self._ends
        )
        self._afterwards: list[Answered] = []
        self._strange = 0
        self._refusing = 0.0
        self._looked_through = 0
        self._agenda = Agenda(self._pool, self.seen)
        self._second_look = SecondLook(
            self._pool, self._readings, self._edits, self._necessity, self._clock
        )
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
            self._put_to_the_test(LATEST)
        except (KeyboardInterrupt, Terminated) as error:
            account.notes.append("interrupted: what was found until then is kept")
            account.interrupted = True
            account.signalled = getattr(error, "exit_code", ExitCode.INTERRUPTED)
            # Whoever waits wants to see it now.
            self._clock.end()
        return self._conclude(account)

    def _answered(self) -> int:
        return self._corrected.answered

    # --- Evidence -------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._kept: list[Answered] = []
        for finding, streams in self.occurrences.items():
            self._kept += self._asking.ask(self._asking.lasts(streams), finding)
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
        for share in (SEARCHED_FIRST, SEARCHED_LAST):
            self._until = share
            self._look()
            self._put_to_the_test(SEARCHED_LAST)

    def _put_to_the_test(self, share: float) -> None:
        second = self._second_look
        while self._challenge.meet_next(share) or second.refuted(share) or second.sharpened(share):
            pass

    def _look(self) -> None:
        """Looks for causes until nothing is left, or no way to look finds more."""
        while not self._clock.beyond(self._until):
            while self._taken_in_turn() or self._taken_thoroughly():
                self.on_progress(counted(len(self._pool.causes), "cause"))
                if self._clock.beyond(self._until):
                    return
            if len(self._pool.causes) != self._looked_through:
                self._necessity.drop_unneeded()
                self._necessity.narrow()
                self._looked_through = len(self._pool.causes)
            if self._challenge.meet_next(SEARCHED_LAST):
                continue
            if len(self._afterwards) < self.generate and not self._asking.storm:
                self._generate(2 + self._plans // 2)
            # A statement about values says more than an edit of what reads them.
            elif not self._of_edits(of_readers=True):
                return

    def _taken_in_turn(self) -> bool:
        """Each quick way to look has its turn, whatever the others find: a value that is refused
        in a hundred ways must not take the time of what is computed otherwise."""
        ways: Sequence[Callable[[], bool]] = (
            lambda: self._second_look.sharpened(self._until),
            lambda: self._of_readings(ends=True, patience=PATIENCE),
            self._of_limits,
            lambda: self._of_edits(of_readers=False, only_plain=True),
            lambda: self._of_readings(ends=False, only_odd=True, patience=PATIENCE),
            self._of_refusals,
            lambda: self._of_edits(of_readers=False),
        )
        found = [self._after_refuting(way) for way in ways]
        return any(found)

    def _after_refuting(self, way: Callable[[], bool]) -> bool:
        """One way to look, once no cause is in force that the steps asked so far refute."""
        while self._second_look.refuted(self._until):
            pass
        return way()

    def _taken_thoroughly(self) -> bool:
        """What is left once no quick way finds anything; the first that does is enough."""
        return (
            self._of_parts()
            or self._of_formulas()
            or self._edits.accept_guarded(self._until) is not None
            or self._of_readings(ends=True)
            or self._of_readings(ends=False, only_odd=True)
            or self._of_readings(ends=False)
            or self._second_look.revised()
        )

    def _of_readings(
        self, *, ends: bool, only_odd: bool = False, patience: int | None = None
    ) -> bool:
        """Looks for one more condition, reading or writing; with `ends` at the steps that one side
        gave no answer to, which are quickly done, else at all others. After `patience` steps of
        which nothing came it is the turn of what else there is."""
        kind = f"reading {ends} {only_odd}"
        targets = [
            step
            for step in self._agenda.targets(kind, OF_A_BUCKET if ends else 2, IN_ALL)
            if (step.has_ended or is_refusal(step.authority)) is ends
        ]
        for step in targets[:patience]:
            if self._clock.beyond(self._until):
                return False
            self._agenda.note(kind, [step])
            if self._took(self._readings.find(step, only_odd=only_odd)):
                return True
        return False

    def _took(self, found: Rule | None) -> bool:
        """Whether a statement about values was found that is none of the causes yet; then it is."""
        if found is None or found in self._pool.causes:
            return False
        self._pool.accept(found)
        self._necessity.drop_superseded(found)
        return True

    def _of_limits(self) -> bool:
        """Looks for a limit that a setting is kept to, and for what a value is taken for, which is
        soon done."""
        targets = [one for one in self._agenda.targets("limit", 2, IN_ALL) if not one.has_ended]
        return self._looked_at(
            "limit",
            targets,
            lambda step: (
                self._took(self._readings.kept_to_a_limit(step))
                or self._took(self._readings.taken_instead(step))
            ),
        )

    def _of_edits(self, *, of_readers: bool, only_plain: bool = False) -> bool:
        """Looks for edits, those of functions that read documents or all others; with `only_plain`
        at the steps in which no value is out of the ordinary, of which no reading can say much."""
        kind = f"edit {of_readers}"
        answered = self._answered_targets(kind, EDITS_IN_ALL)
        targets = [one for one in answered if is_plain(one) or not only_plain][:TARGETS]
        if not targets or self._clock.beyond(self._until):
            return False
        self._agenda.note(kind, targets)
        # Those whose turn is next meet the edits along with these: that takes hardly longer.
        ahead = [one for one in answered if one not in targets][: TARGETS if only_plain else 0]
        found = self._edits.find_all(
            targets, self.edits_of, self._until, of_readers=of_readers, ahead=ahead
        )
        if not found and self._clock.beyond(self._until):
            self._agenda.take_back(kind, targets)
        return bool(found)

    def _of_refusals(self) -> bool:
        """Looks for conditions in the core at which the shadow refuses, at one step of each
        bucket; with a share of what is spent, since a port may refuse in a hundred places what its
        readers do not take."""
        if self._refusing > REFUSALS_SHARE * self._clock.used:
            return False
        before = self._clock.used
        targets = self._agenda.targets("refusal", 1, FORMULAS_IN_ALL)
        refused = [one for one in targets if is_refused_alone(one)]

        def look(target: Answered) -> bool:
            near = self._edits.neighbours(target)
            return self._accepted(target, self._refusals.edits(target, near, self._until))

        found = self._looked_at("refusal", refused, look)
        self._refusing += self._clock.used - before
        return found

    def _of_parts(self) -> bool:
        """Looks for one of several edits that a step needs at once, at one step of each bucket."""

        def look(target: Answered) -> bool:
            return self._edits.accept_part(target, self._until) is not None

        return self._looked_at("part", self._answered_targets("part", PARTS_IN_ALL), look)

    def _of_formulas(self) -> bool:
        """Looks for edits that are in no catalogue, at one step of each bucket: at places where
        another value gives the shadow's answer."""

        def look(target: Answered) -> bool:
            if self._edits.accept_one_of(target, self._formulas.moves(target)):
                return True
            if self._edits.accept_one_of(target, self._insertions.edits(target, self._until)):
                return True
            alike = [*self._edits.neighbours(target), *self._pool.unexplained]
            return self._accepted(target, self._formulas.edits(target, alike, self._until))

        return self._looked_at("formula", self._answered_targets("formula", FORMULAS_IN_ALL), look)

    def _answered_targets(self, kind: str, in_all: int) -> list[Answered]:
        """One step of each bucket that the shadow answered: the one that tells most, of those the
        smallest."""
        told = sorted(smallest(self._pool.unexplained), key=lambda step: -step.telling)
        return [one for one in self._agenda.targets(kind, 1, in_all, told) if not one.has_ended]

    def _looked_at(
        self, kind: str, targets: Sequence[Answered], look: Callable[[Answered], bool]
    ) -> bool:
        """Looks at the first targets, one by one, until something is found or time is up."""
        for target in targets[:OF_A_BUCKET]:
            if self._clock.beyond(self._until):
                return False
            self._agenda.note(kind, [target])
            if look(target):
                return True
            if self._clock.beyond(self._until):
                self._agenda.take_back(kind, [target])
        return False

    def _accepted(self, target: Answered, tries: Iterable[Sequence[Edit]]) -> bool:
        """Whether one of the edits of some tries was accepted, the first tries first."""
        return any(found and self._edits.accept_one_of(target, found) for found in tries)

    def _generate(self, plans: int) -> None:
        """Asks steps that nobody has seen, against the corrected authority, a plan at a time:
        states may be large, and cores slow."""
        for _ in range(plans):
            if self._clock.beyond(self._until):
                return
            steps = list(self._generated(self._plans, self._plans + 1))
            self._plans += 1
            self._pool.add(steps)
            self._afterwards += steps
            self.on_progress(counted(len(self._pool.causes), "cause"))

    # --- What came of it ------------------------------------------------------------------------

    def _conclude(self, account: Account) -> Account:
        self._necessity.drop_unneeded()
        self._necessity.narrow()
        self._necessity.drop_doubled()
        account.leads = [Lead(*dropped) for dropped in self._necessity.drop_doubted()]
        tell_causes(account, self._pool, self._necessity, self._challenge, self._edits, self._clock)
        tell_evidence(account, self._pool, self._kept, self._afterwards, self.occurrences)
        account.seconds = self._clock.spent
        if self.is_model:
            account.notes.append(
                "the authority is an executable: our own Python core stands for its source; "
                f"{self._strange:,} steps that it answers otherwise are set aside"
            )
        if not self._asking.storm:
            account.ungenerated = max(0, self.generate - len(self._afterwards))
        if self._clock.beyond(SEARCHED_LAST) and account.to_do:
            account.notes.append(f"time was up ({self._clock.ran_out}): {'; '.join(account.to_do)}")
        if self._asking.storm:
            # What could not be asked any more could not be verified: what is known stays.
            account.interrupted = True
            account.notes.append(f"asking was given up: {self._asking.storm}")
        return account
