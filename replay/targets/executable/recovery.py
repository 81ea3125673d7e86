"""Finding out which step an executable failed at, when many were asked at once.

Whatever went wrong in a batch, its steps are asked again one at a time, each on a process that is
known to be in step. What fails twice, the second time as the first request of a fresh process,
is that step's failure; what fails once is an incident beside the step's true answer.
"""

from __future__ import annotations

from collections.abc import Callable

from replay.targets.base import Failure, StepResult
from replay.targets.executable.frames import ChildFault
from replay.targets.executable.supervisor import Supervisor


class AskAgain:
    """Asks the steps of one batch again. `incidents` are (step index, failure)."""

    def __init__(
        self,
        supervisor: Supervisor,
        ask: Callable[[int], StepResult],
        is_fresh: Callable[[], bool],
        restart: Callable[[ChildFault], None],
    ) -> None:
        """`ask` asks the step at an index alone and raises ChildFault; `is_fresh` tells whether
        the process has not been asked for any step yet; `restart` kills it."""
        self.incidents: list[tuple[int, Failure]] = []
        self._supervisor = supervisor
        self._ask = ask
        self._is_fresh = is_fresh
        self._restart = restart

    def step(self, index: int) -> StepResult:
        """The true answer to the step, or its failure. Raises FailureStorm."""
        first: ChildFault | None = None
        while True:
            fresh = self._is_fresh()
            try:
                result = self._ask(index)
            except ChildFault as fault:
                self._restart(fault)
                if fresh or first is not None:
                    self._supervisor.failed(fault.failure)
                    return fault.failure
                first = fault
                continue
            self._supervisor.answered()
            if first is not None:
                self.noticed(index, first.failure)
            return result

    def noticed(self, index: int, failure: Failure) -> None:
        """Records a failure at a step whose true answer is known; the same one only once.

        Raises FailureStorm."""
        if (index, failure) not in self.incidents:
            self.incidents.append((index, failure))
            self._supervisor.failed(failure)

    def explain(self, index: int | None, failure: Failure, results: list[StepResult]) -> None:
        """Records what was noticed in the batch at a step (None: at one of them), unless that step
        has failed when asked alone, or any other in the same way. Raises FailureStorm."""
        if not results:
            self._supervisor.failed(failure)
            return
        failed = [result for result in results if isinstance(result, Failure)]
        kinds = {result.kind for result in failed}
        kinds.update(incident.kind for _, incident in self.incidents)
        if failure.kind in kinds or (index is None and failed):
            return
        index = min(index or 0, len(results) - 1)
        if not isinstance(results[index], Failure):
            self.noticed(index, failure)
