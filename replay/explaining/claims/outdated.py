"""Explanations that are older than a regression: what somebody signed of a finding that was fixed
since, and came back, was said of something else, so it is set aside until it is signed anew."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from replay.findings.lifecycle import HistoryEntry, Status


def why_set_aside(
    history: Sequence[HistoryEntry], names: Sequence[str], signed: Mapping[str, datetime.date]
) -> str:
    """Why explanations do not count for the finding with this history; empty where they do.

    `names` are those that hold and cover it, `signed` the day on which each was signed.
    """
    back = next((one for one in reversed(history) if one.status is Status.REGRESSED), None)
    if back is None:
        return ""
    day = datetime.datetime.fromisoformat(back.at).date()
    older = [name for name in names if signed[name] < day]
    if not older:
        return ""
    said = ", ".join(f"{name!r} (signed on {signed[name]})" for name in older)
    return f"{said} is set aside: this came back on {day}; look at it again, and sign anew"
