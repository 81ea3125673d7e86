"""Prints what generation costs, beside the core it feeds: `python tests/fuzzing/measure_cost.py`.

No test, since a time on a busy machine proves nothing; the figures belong next to each other.
"""

from itertools import islice
from time import perf_counter

from replay.fuzzing.expand import HANDFUL, LocalSession, open_plan
from replay.fuzzing.features import Features
from replay.fuzzing.plan import Profile
from replay.fuzzing.plans import plans

PLANS = 240


def measure(profile: Profile) -> None:
    """One line for a profile."""
    row = plans(profile, 1)
    next(row)  # Hypothesis sets itself up with the first
    row = plans(profile, 2)
    begin = perf_counter()
    taken = list(islice(row, 0, PLANS * 6, 6))
    drawing = (perf_counter() - begin) / (PLANS * 6)
    generating = running = looking = 0.0
    steps = handfuls = 0
    for plan in taken:
        begin = perf_counter()
        start, source = open_plan(plan)
        generating += perf_counter() - begin
        session = LocalSession(start)
        collector = Features(start)
        while True:
            state = session.state
            begin = perf_counter()
            handful = source.steps(state, HANDFUL)
            made = perf_counter()
            if not handful:
                break
            outcomes = session.run(handful)
            ran = perf_counter()
            collector.add(handful, outcomes)
            looking += perf_counter() - ran
            generating += made - begin
            running += ran - made
            steps += len(handful)
            handfuls += 1
    print(
        f"{profile:8} {steps} steps of {len(taken)} plans, {steps / handfuls:.1f} a handful; "
        f"microseconds a step: drawing {drawing * len(taken) / steps * 1e6:.2f}, "
        f"generating {generating / steps * 1e6:.2f}, features {looking / steps * 1e6:.2f}, "
        f"authority with outcomes {running / steps * 1e6:.2f}"
    )


if __name__ == "__main__":
    for each in Profile:
        measure(each)
