"""What an executable may take; apart from what starts it, for those who only name a limit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What an executable may take.

    `timeout` seconds for each answer, from when its request is the oldest unanswered one;
    `answer_bytes` for one answer; `stderr_bytes` on standard error between two answers;
    `storm_in_a_row` failures without one usable answer between them are a FailureStorm, unless a
    new process still answers what is harmless; so are `storm_total` failures in all that outnumber
    the steps answered, or that are time-outs; a process is started anew after `lifetime_steps`, or
    where it has grown to `lifetime_bytes`. `sandboxed` ones can neither write files nor reach the
    network.
    """

    timeout: float = 5.0
    answer_bytes: int = 64 << 20
    stderr_bytes: int = 8 << 20
    storm_in_a_row: int = 8
    storm_total: int = 200
    lifetime_steps: int = 1_000_000
    lifetime_bytes: int = 1 << 30
    sandboxed: bool = False


DEFAULT_LIMITS = Limits()
