"""How a bot goes on from what an earlier one left: whose snapshots they are, and the time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from replay.errors import UsageError
from replay.paper.candles import MINUTE
from replay.paper.market import TICK_SECONDS
from replay.paper.snapshot import Saved, load, path_of


def saved_slots(core: Any, logs: Path, run: Mapping[str, Any]) -> list[Saved | None]:
    """The snapshots of all slots of a run (`slots` says how many), None where there is none.

    Raises UsageError where one belongs to another run, InputError where one cannot be read.
    """
    found = [load(logs, number, core) for number in range(run["slots"])]
    for number, saved in enumerate(found):
        for what, value in run.items():
            if saved is not None and saved.run.get(what) != value:
                raise UsageError(
                    f"{path_of(logs, number)}: is of another run ({what} {saved.run.get(what)}, "
                    f"not {value}); --fresh puts it away and begins anew, --logs chooses another "
                    "directory"
                )
    return found


def origin_of(
    begins: float | None, now: float, saved: Sequence[Saved], next_tick: int, sign: float | None
) -> float:
    """The time of tick 0, where `next_tick` is the first tick to run.

    `begins` is when the run began; None where the bot's time is ours, `now`. A bot that was killed
    goes on from snapshots that are a little older than its last `sign` of life. Time must not go
    back, or it would look like two bots: it goes on more than a minute after that sign.
    """
    past = next_tick * TICK_SECONDS
    if begins is None:
        origin = now // 1 - past
    else:
        origin = max((one.origin for one in saved), default=begins)
    if saved and sign is not None and sign > origin + past:
        origin += math.ceil((sign - origin - past) / MINUTE + 1.0) * MINUTE
    return origin
