"""What a corrected core answers to the steps of a run the short way is what its documents give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.ports.making import core_file, executable

from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.single_steps import SingleStep
from replay.errors import ReplayError
from replay.explaining.causes.answered import Answered
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.patterns import Pattern
from replay.explaining.causes.statement import Edited, Reading, Statement, Writing
from replay.explaining.causes.takings import Taking
from replay.explaining.causes.value_sorts import Sort
from replay.explaining.claims.deviations import Deviation
from replay.explaining.claims.explained_steps import answered
from replay.explaining.claims.quick_answers import QuickAnswers
from replay.explaining.editing.editable import EditableCore
from replay.fuzzing.expand import expand
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.model import Start, Step, Stream, segments_of
from replay.targets.open import open_target

CORES = Path(__file__).parents[1] / "support" / "authorities"
SWITCHES = (
    "fractions-are-cut",
    "infinite-config-is-refused",
    "null-is-missing",
    "nan-written-as-null",
    "break-even-is-a-loss",
)
READINGS = (
    Reading(Pattern(kind="i"), Sort.FRACTION, Taking.CUT),
    Reading(Pattern("config"), Sort.INFINITY, Taking.REFUSED),
    Reading(Pattern("state"), Sort.NAN, Taking.REFUSED),
    Reading(Pattern(), Sort.NULL, Taking.DEFAULT),
)
WRITINGS = (
    Writing(Pattern(), Sort.NAN, Taking.NULL),
    Writing(Pattern(kind="d"), Sort.LONG_DOUBLE, Taking.FIFTEEN),
)
PATCHED = Stream(
    Start({"market_price": 0.1, "now": 0.0}, {}, 2.0),
    (
        Step((1, 5.0)),
        Step((1, 6.0), {"patch": {"cycle_a": 2.5, "detected_trend": None}}),
        Step((1, 7.0), {"config": {"entry_pct": float("inf")}}),
        Step((1, 8.0), {"patch": {"cycle_b": 3}}),
        Step((1, 9.0), {"config": {"entry_pct": None}}),
        Step((1, 10.0)),
    ),
    "test",
)


@dataclass
class Collected:
    """Takes every step that differs for explained, and keeps it."""

    not_for: frozenset[str] = frozenset()
    steps: list[SingleStep] = field(default_factory=list)

    def explains(self, step: SingleStep) -> bool:
        # The run goes on with that state.
        before = None if step.before is None else list(step.before)
        self.steps.append(step._replace(before=before))
        return True


def differing(authority: str, shadow: str) -> tuple[list[Answered], bool]:
    """The steps of some streams at which two cores differ, and whether the shadow is handed the
    authority's next state."""
    targets = open_target(authority), open_target(shadow)
    collected = Collected()
    lockstep = Lockstep(*targets, reasons=collected)
    try:
        for key, stream in enumerate(streams()):
            run_stream(lockstep, segments_of(stream, key))
    finally:
        for target in targets:
            target.close()
    identity = targets[1].identity
    reads_next = identity.kind == "executable" and "replay" not in identity.methods
    return [answered(one) for one in collected.steps], reads_next


def streams() -> Iterator[Stream]:
    yield PATCHED
    for profile in Profile:
        stream = expand(plan_of_seed(profile, 2), "generated")
        yield Stream(stream.start, stream.steps[:150], stream.origin)


def choices(core: EditableCore) -> Sequence[Sequence[Statement]]:
    """Statements together, each alone, and none."""
    edits: list[Statement] = []
    # Not every core has it in its own source.
    with suppress(ReplayError):
        loss = Deviation("", ("count_loss",), ("net < 0",), ("net <= 0",)).edit(core)
        edits.append(Edited(loss, "loss"))
    every: list[Statement] = [*READINGS, *WRITINGS, *edits]
    return [(), every, *([one] for one in every), [*edits, *WRITINGS]]


@pytest.mark.parametrize("authority", ["python", "reads_loosely.py", "slots_and_lists.py"])
@pytest.mark.parametrize("is_executable", [True, False])
def test_the_short_way_comes_to_the_same(
    tmp_path: Path, authority: str, is_executable: bool
) -> None:
    spec = authority if authority == "python" else str(CORES / authority)
    make = executable if is_executable else core_file
    steps, reads_next = differing(spec, str(make(tmp_path, SWITCHES)))
    core = EditableCore.open(spec)
    corrected = CorrectedCore(core, reads_next=reads_next)
    quick = QuickAnswers(corrected, READINGS, reads_next=reads_next)
    ways: Counter[str] = Counter()
    for step in steps:
        for statements in choices(core):
            short = quick.answer(statements, step)
            if short is None:
                ways["long"] += 1
                continue
            ways["short"] += 1
            (long,) = corrected.answers(statements, [step])
            told = [step.left(one, refusals_agree=True) for one in (short, long)]
            # An executable is not handed all of a long history: the long way takes that in later.
            ours, theirs = ({o for o in some if "completed_cycles" not in o} for some in told)
            # Nor has a core to read again what it holds: some cannot, and only the long way asks.
            assert ours == theirs or "refusal" in ours ^ theirs, (step.origin, statements)
            assert ours or not theirs, (step.origin, statements)
    assert ways["short"] > ways["long"] > 0
