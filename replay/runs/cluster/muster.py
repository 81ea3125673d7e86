"""Which workers there are, and making them ready: each is looked at once, before it gets a task.

A worker has to run the same doge-replay and draw the same plans, gets the luggage, and opens the
cores. What it cannot do is one line that names it; the others go on without it.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from threading import Thread
from typing import Any, cast

from distributed import Client

from replay.errors import EnvironmentFailure, fault_words
from replay.runs.cluster.cluster_address import require_private
from replay.runs.cluster.cluster_worker import Facts, Ready, facts, get_ready, lacks, receive
from replay.runs.cluster.luggage import Luggage
from replay.runs.report import Hand

READY_SECONDS = 180.0
"""How long a worker may take to open the cores: modules may import half of the world."""


class Muster:
    """The workers of a scheduler. `threads` has those that are ready."""

    def __init__(
        self,
        client: Client,
        address: str,
        luggage: Luggage,
        on_note: Callable[[str], None],
        *,
        insecure: bool,
    ) -> None:
        """`on_note` is told of each worker that cannot be used, in one line."""
        self.address = address
        self.threads: dict[str, int] = {}
        self._client = client
        self._luggage = luggage
        self._sha256 = luggage.sha256
        self._cores = luggage.job.identities
        self._on_note = on_note
        self._insecure = insecure
        self._unfit: dict[str, str] = {}
        self._begun: dict[str, str] = {}
        """Those that are being made ready, with their names."""
        self._answers: queue.SimpleQueue[tuple[str, Facts | str]] = queue.SimpleQueue()
        self._hands: dict[str, Hand] = {}

    def hands(self) -> Sequence[Hand]:
        """The workers that were ready at some time, in the order of their names."""
        return [hand for _, hand in sorted(self._hands.items())]

    def forget(self, address: str) -> None:
        """A worker is not what it was: it is to be made ready again."""
        self.threads.pop(address, None)

    def look(self, campaign: str) -> list[str]:
        """Looks who is there, and begins to make ready who is new. Gives those that are gone.
        Raises EnvironmentFailure where workers are there, and none can be used."""
        there = self._client.scheduler_info(n_workers=-1)["workers"]
        gone = [address for address in self.threads if address not in there]
        for address in gone:
            del self.threads[address]
        for known in (self._unfit, self._begun):
            for address in set(known) - set(there):
                del known[address]
        self._take_answers(there)
        for address in sorted(set(there) - set(self.threads) - set(self._unfit) - set(self._begun)):
            name = f"worker {there[address]['name']} ({address})"
            if not self._insecure:
                require_private(address, name)
            self._begun[address] = name
            # Beside the work: a worker may be slow to load the cores, or never answer.
            Thread(target=self._begin, args=(campaign, address), daemon=True).start()
        if self._unfit and not self.threads and not self._begun:
            raise EnvironmentFailure(f"no worker can be used: {min(self._unfit.values())}")
        return gone

    def _take_answers(self, there: Mapping[str, Any]) -> None:
        """Takes up the workers that are ready by now."""
        while True:
            try:
                address, answer = self._answers.get_nowait()
            except queue.Empty:
                return
            name = self._begun.pop(address, None)
            if name is None:
                continue  # it is gone again
            if isinstance(answer, str):
                self._unfit[address] = f"{name}: {answer}"
                self._on_note(self._unfit[address])
            else:
                self.threads[address] = there[address]["nthreads"]
                self._hands[name] = Hand(name, answer.versions)

    def _begin(self, campaign: str, address: str) -> None:
        try:
            answer: Facts | str = self._made_ready(campaign, address)
        except Exception as error:  # of Dask's, or of what it was sent
            answer = f"cannot be made ready: {fault_words(error)}"
        self._answers.put((address, answer))

    def _made_ready(self, campaign: str, address: str) -> Facts | str:
        """What a worker is that can be used, or why it cannot be."""
        its = cast(Facts, self._ask(address, facts))
        if why := self._unlike(its):
            return why
        luggage = self._luggage
        lacking = set(cast(list[str], self._ask(address, lacks, self._sha256, luggage.places)))
        files = [file for file in luggage.files if file.place in lacking]
        if files and (why := str(self._ask(address, receive, self._sha256, files))):
            return why
        future = self._client.submit(
            get_ready, campaign, luggage.without_content(), self._sha256,
            workers=[address], pure=False,
        )  # fmt: skip
        ready: Ready = future.result(timeout=READY_SECONDS)
        return ready.problem or self._other_cores(ready) or its

    def _ask(self, address: str, function: Callable[..., object], *arguments: object) -> object:
        return self._client.run(function, *arguments, workers=[address])[address]

    def _unlike(self, its: Facts) -> str:
        ours = facts()
        if its.drawing != ours.drawing:
            return (
                f"has hypothesis {its.drawing}, and here it is {ours.drawing}: it would draw others"
            )
        if its.digest != ours.digest:
            return "has another doge-replay than this one (its sources differ)"
        return ""

    def _other_cores(self, ready: Ready) -> str:
        assert ready.cores is not None
        for role, ours, its in zip(("authority", "shadow"), self._cores, ready.cores, strict=True):
            if ours.sha256 != its.sha256:
                return (
                    f"has another {role}: {its.path} is {its.sha256[:12]}, not {ours.sha256[:12]}"
                )
        return ""
