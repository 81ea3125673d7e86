"""A campaign that was cut short, and where the same one goes on.

A run notes the place in the row of units that it came to (campaign.py). With the same seed,
profile, cores and corpus the row is the same, so what is left of it is what comes after that place.
Only what had been learnt of the cores' refusals is learnt anew.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from replay.errors import DamagedError, UsageError
from replay.findings.store.stored import RunKind, StoredRun
from replay.fuzzing.campaign_units import Mix
from replay.runs.lot_supply import Position
from replay.targets.base import CoreIdentity

POSITION = "position"
"""What a run's settings call the place where a later one would go on."""

RESUMES = "resumes"
"""What they call the run that it goes on with."""


@dataclass(frozen=True, slots=True)
class CampaignRest:
    """What is left of a campaign. `transitions` are all that it was to plan for, None where time
    alone was to end it; `corpus` names the corpus, `hashes` the two cores."""

    run: int
    mix: Mix
    seed: int
    transitions: int | None
    begin: Position
    corpus: str
    hashes: tuple[str, str]
    spent: float = 0.0
    """Seconds that it and those before it have taken, where time was to end it."""
    minutes: float | None = None
    """How long a night was to be."""

    @classmethod
    def of(
        cls, run: StoredRun, runs: Sequence[StoredRun], kind: RunKind = RunKind.FUZZ
    ) -> CampaignRest:
        """What is left of one of the stored `runs`. Raises UsageError where it is none of that
        kind, where its place is not known, where it still goes on, and where nothing is left or
        another has gone on with it."""
        later = [one.id for one in runs if one.settings.get(RESUMES) == run.id
                 and POSITION in one.settings]  # fmt: skip
        if later:
            raise UsageError(
                f"run {later[-1]} has gone on with run {run.id}: go on with that one", run=run.id
            )
        where = run.settings.get(POSITION)
        if run.kind != kind or run.seed is None or run.profile is None:
            raise UsageError(f"run {run.id} was no campaign of {kind}, but {run.kind}", run=run.id)
        if run.settings.get("unit") is not None:
            raise UsageError(f"run {run.id} was of one unit: there is nothing after it", run=run.id)
        if where is None:
            raise UsageError(
                f"run {run.id} was ended before it generated anything: give --seed {run.seed} for "
                "all of it",
                run=run.id,
            )
        if not run.finished and _is_at_work(where):
            raise UsageError(f"run {run.id} still goes on", run=run.id)
        transitions = run.settings.get("max_transitions")
        try:
            begin = Position(where["unit"], where["planned"], tuple(where["ahead"]))
            corpus, seed = str(where["corpus"]), int(run.seed)
            spent = float(where.get("spent") or 0.0)
            minutes = run.settings.get("minutes")
            minutes = None if minutes is None else float(minutes)
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedError(f"what run {run.id} says of its place is damaged") from error
        if transitions is not None and begin.planned >= transitions:
            raise UsageError(f"run {run.id} came to its end: nothing of it is left", run=run.id)
        return cls(
            run.id,
            Mix(run.profile),
            seed,
            transitions,
            begin,
            corpus,
            (run.authority.sha256, run.shadow.sha256),
            spent,
            minutes,
        )

    def check(self, cores: tuple[CoreIdentity, CoreIdentity], corpus: str) -> None:
        """Raises UsageError where the row of units, or what it is run on, is not that run's."""
        for role, core, sha256 in zip(("authority", "shadow"), cores, self.hashes, strict=True):
            if core.sha256 != sha256:
                raise UsageError(
                    f"run {self.run} was on another {role} (SHA-256 {sha256[:12]}, here "
                    f"{core.sha256[:12]}): what is left of it would be another campaign",
                    run=self.run,
                )
        if corpus != self.corpus:
            raise UsageError(
                f"the corpus is not that of run {self.run}: its units would be others", run=self.run
            )


def noted_place(position: Position, corpus: str, spent: float | None) -> dict[str, object]:
    """A place as the store keeps it, with who is at work there: a run that goes on is not to be
    done a second time beside itself."""
    at_work = {"host": platform.node(), "pid": os.getpid(), "at": time.time()}
    return {**position._asdict(), "corpus": corpus, "spent": spent, "at_work": at_work}


STILL_SECONDS = 60.0
"""A run notes its place every few seconds; one that has not for so long has ended."""


def _is_at_work(where: Mapping[str, Any]) -> bool:
    """Whether the process that noted a place last is still there, as far as can be told here."""
    said = where.get("at_work")
    if not isinstance(said, Mapping):
        return False
    if time.time() - float(said.get("at", 0.0)) > STILL_SECONDS:
        return False
    if said.get("host") != platform.node():
        return True
    try:
        os.kill(int(said.get("pid", 0)), 0)
    except (OSError, ValueError, OverflowError):
        return False
    return True
