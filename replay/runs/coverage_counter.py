"""Counts what each segment exercises, beside the comparison and without being felt there.

Nearly every step of a stream is a tick that moves nothing but price and time. Those are counted by
the hundred; only the others (notable.py) are looked at one by one. All is read off the authority's
outcomes, never computed by rules of our own, so it holds for any core.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from replay.differential.lockstep import Settled
from replay.runs.coverage import UNKNOWN_EVENT, Exercised, bit_of
from replay.runs.slot_phase import Slot, rule_of
from replay.runs.values_drawn import note, seen_in_config, seen_in_start
from replay.streams.model import Call, CallCode, Document, Segment, code_of_document
from replay.targets.base import REFUSED
from replay.targets.compact import ACTION_NAMES, INDEX_OF

Drawn = Callable[[Segment], "str | None"]
"""Tells from the first segment of a stream what it was drawn from: streams of one draw share their
settings. None for a stream that says nothing new, such as one of the corpus."""

Different = Sequence[tuple[int, str]]
"""Places of steps on which the shadow did not agree, ascending, with the ID of what was found."""

_PRICE_TICK, _TIMER_TICK = int(CallCode.PRICE_TICK), int(CallCode.TIMER_TICK)
_PRICE_AND_TIME = frozenset(
    INDEX_OF[name] for name in ("market_price", "now", "last_price_update_at")
)
_PLACE, _BOOK = 0, 3
_QUIET, _ACTED = 0, 1
"""What a step came to where it was not refused; else there stands the kind of the refusal."""

_MAX_TEXT = 60


@dataclass(slots=True)
class _Stream:
    """A stream under way. `seen` and `shown` have what was counted since something other than price
    and time last changed, `calls` the calls that were counted at all."""

    draw: str | None
    slot: Slot
    seen: set[Hashable] = field(default_factory=set)
    shown: set[Hashable] = field(default_factory=set)
    calls: set[int] = field(default_factory=set)


class Exercising:
    """Counts what a lockstep runs; its `take` is the lockstep's `on_settled`."""

    def __init__(self, drawn: Drawn = lambda segment: None) -> None:
        self._drawn = drawn
        self._streams: dict[int, _Stream] = {}
        self._counted = Exercised()
        # Counted as it comes and named when it is handed over: code, phase, role of the record
        # named, what it came to, whether it is independent.
        self._steps: Counter[tuple[int, str, str | None, int | str, bool]] = Counter()
        self._actions: Counter[tuple[Any, ...]] = Counter()

    def hand_over(self) -> Exercised:
        """What was counted since the last time."""
        counted, self._counted = self._counted, Exercised()
        for (code, phase, named, what, is_independent), count in self._steps.items():
            place = code, phase, rule_of(code, phase, named)
            counted.met[place] += count
            if what == _ACTED:
                counted.acted[place] += count
            elif what != _QUIET:
                counted.refused[code, str(what)[:_MAX_TEXT]] += count
            if is_independent:
                counted.independent[code] += count
        for action, count in self._actions.items():
            counted.count_action(_told(action), count)
        self._steps.clear()
        self._actions.clear()
        return counted

    def take(self, settled: Settled) -> None:
        """Takes a segment that both cores have answered; those of a stream come in their order.

        One loop, since it is paid for each notable step of a run.
        """
        segment, codes, outcomes, notable, different, uncompared = settled
        if segment.start is not None:
            slot = Slot(segment.start.state)
            drawn = self._drawn(segment)
            self._streams[segment.key] = _Stream(drawn, slot)
            if drawn is not None:
                note(self._counted.values, seen_in_start(segment.start))
            if len(uncompared) < len(segment.steps):
                self._take_config(segment.start.config)
        stream = self._streams[segment.key]
        slot, seen, is_drawn = stream.slot, stream.seen, stream.draw is not None
        steps, counter, actions_counter = segment.steps, self._steps, self._actions
        place = 0
        for index in notable:
            if place < index:
                different = self._take_ticks(stream, codes, place, index, different)
            place = index + 1
            (call, changes, _), code, outcome = steps[index], codes[index], outcomes[index]
            if code < 0:
                code = _code_of(call)
            is_idle = index in uncompared
            if changes is not None or not slot.is_open:
                if not is_idle:
                    seen.clear()
                slot.set_from_outside(changes, code, outcome)
                if changes is not None and "config" in changes and not is_idle:
                    self._take_config(changes["config"])
                    if is_drawn:
                        note(self._counted.values, seen_in_config(changes["config"]))
            if is_idle:
                # Nothing was compared here, so nothing was exercised, and what follows is no newer.
                if len(outcome) == REFUSED:
                    self._counted.refused[code, str(outcome[0])[:_MAX_TEXT]] += 1
                continue
            phase = slot.phase
            named = slot.named(call, code) if code > _TIMER_TICK else None
            what: int | str = _QUIET
            unit: Hashable = code
            changed = False
            if len(outcome) == REFUSED:
                what = outcome[0]
                unit = code, what
            else:
                delta, actions, _ = outcome
                if actions:
                    changed = True
                    for action in actions:
                        actions_counter[_kind_of(action)] += 1
                else:
                    changed = not _PRICE_AND_TIME.issuperset(delta[::2])
                if changed:
                    slot.go_on(delta)
                    # A delta also names what was set from outside, so naming is not changing.
                    if actions or not slot.due:
                        what = _ACTED
                slot.due = False
            # A step that changes something is like none before, nor is any like it that comes.
            is_new = is_drawn and (changed or unit not in seen)
            counter[code, phase, named, what, is_new] += 1
            if is_new and code not in stream.calls:
                self._meet(stream, code)
            if changed:
                seen.clear()
                stream.shown.clear()
            else:
                seen.add(unit)
            if different:
                different = self._take_different(stream, code, unit, different, place)
                if changed:
                    stream.shown.clear()
        if place < len(steps):
            self._take_ticks(stream, codes, place, len(steps), different)
        if segment.last:
            del self._streams[segment.key]

    def _take_ticks(
        self, stream: _Stream, codes: Sequence[int], begin: int, end: int, different: Different
    ) -> Different:
        """Ticks in a row that moved only price and time; gives what differs after them."""
        stream.slot.due = False
        phase, seen = stream.slot.phase, stream.seen
        timers = sum(codes[begin:end])
        for code, count in ((_TIMER_TICK, timers), (_PRICE_TICK, end - begin - timers)):
            if not count:
                continue
            if code not in seen:
                seen.add(code)
                if stream.draw is not None:
                    self._steps[code, phase, None, _QUIET, True] += 1
                    count -= 1
                    if code not in stream.calls:
                        self._meet(stream, code)
            self._steps[code, phase, None, _QUIET, False] += count
        if different:
            for place in range(begin, min(end, different[-1][0] + 1)):
                code = codes[place]
                different = self._take_different(stream, code, code, different, place + 1)
        return different

    def _take_different(
        self, stream: _Stream, code: int, unit: Hashable, different: Different, end: int
    ) -> Different:
        """Counts the divergences of a step, as often as steps like it are counted; gives those
        after it. `end` is the place after the step."""
        here = 0
        for place, identity in different:
            if place >= end:
                break
            here += 1
            if stream.draw is not None and (unit, identity) not in stream.shown:
                stream.shown.add((unit, identity))
                self._counted.differed[code, identity] += 1
                draws = self._counted.differed_draws.setdefault((code, identity), set())
                draws.add(stream.draw)
        return different[here:]

    def _meet(self, stream: _Stream, code: int) -> None:
        """Notes that a stream has met a call."""
        assert stream.draw is not None
        stream.calls.add(code)
        draws = self._counted.draws
        draws[stream.draw] = draws.get(stream.draw, 0) | bit_of(code)

    def _take_config(self, config: Document) -> None:
        try:
            text = msgspec.msgpack.encode(config)
        except (TypeError, ValueError, OverflowError, RecursionError):
            text = repr(config).encode("utf-8", "backslashreplace")
        digest = hashlib.blake2b(text, digest_size=8).digest()
        self._counted.add_configuration(int.from_bytes(digest, "big"))


# --- Names ------------------------------------------------------------------------------------


def _code_of(call: Call) -> int:
    """The code of an event document."""
    return _code_of_names(tuple(call)) if isinstance(call, Mapping) else UNKNOWN_EVENT


@lru_cache(1024)
def _code_of_names(names: tuple[str, ...]) -> int:
    """The code of an event document with these fields: which it has is all that counts."""
    code = code_of_document(dict.fromkeys(names))
    return UNKNOWN_EVENT if code is None else int(code)


def _kind_of(action: Any) -> tuple[Any, ...]:
    """What an action is counted by: its code and what tells its kinds apart; nothing for what is
    no action."""
    try:
        code = action[0]
        if code == _PLACE:
            return _PLACE, str(action[3]), str(action[9])
        if code == _BOOK:
            return _BOOK, "recovery" if action[7] is True else ""
        return code, str(action[3])
    except (TypeError, IndexError, KeyError):
        return ()


def _told(kind: tuple[Any, ...]) -> tuple[str, str]:
    """An action's class and what it is for."""
    if not kind or kind[0] not in range(len(ACTION_NAMES)):
        return "no action", ""
    return ACTION_NAMES[kind[0]], " ".join(kind[1:])[:_MAX_TEXT]
