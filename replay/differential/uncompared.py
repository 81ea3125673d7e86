"""Steps on which nothing was compared: both cores refused them before either computed anything, or
one of them was never asked, since its record could not be made.

Two cores that refuse agree (compare.py), and that is right as a verdict on a step. As evidence it
is none: a log whose prices are texts is refused line by line by any two cores, however different
they are. All that count evidence (tally, bounds, canary, gate, fixed findings) ask here.

A refusal is computed where a core could read everything and then met a number that it could not go
on with (`arithmetic`, docs/replay-method.md): that both cores come to it is a fact about both. A
core that only says `error` may not have read its input at all, so its word proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from replay.counting import counted
from replay.differential.model import Signature
from replay.streams.model import EVENT_FIELDS, CallCode, Document, Step
from replay.targets.base import TYPED_REFUSALS, Outcome, RefusalKind, is_refusal, is_unmade

MAX_REASONS = 200
"""Reasons that are told apart; a foreign core may give each refusal another text."""

OTHER_REASONS = "other reasons"
_MAX_TEXT, _MAX_SHOWN = 120, 5
_PART = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")
_INDEX = re.compile(r"\[\d+\]")


def is_computed(outcome: Outcome) -> bool:
    """Whether a core computed this: an answer, or that a number cannot be gone on with."""
    return not is_refusal(outcome) or outcome[0] == RefusalKind.ARITHMETIC


def is_uncompared(authority: Outcome, shadow: Outcome) -> bool:
    """Whether two outcomes that agree prove nothing."""
    is_refused = is_refusal(authority) or is_unmade(shadow)
    return is_refused and not (is_computed(authority) and is_computed(shadow))


def is_evidence(authority: Outcome, shadow: Outcome) -> bool:
    """Whether two outcomes that agree are what both cores really answered, so that a cause may be
    refuted by them. Two refusals are that only where both say why, or say the very same."""
    if not is_refusal(authority) and not is_refusal(shadow):
        return True
    both_say = authority[0] in TYPED_REFUSALS and shadow[0] in TYPED_REFUSALS
    return both_say or list(authority) == list(shadow)


def settles(signature: Signature, uncompared: str) -> bool:
    """Whether a case that shows nothing any more tells that this finding is gone. `uncompared` is
    why nothing was compared at its last step, empty where something was.

    Where the finding itself is that one core refuses and the other does not, or that a core gave no
    answer, a refusal by both is what was to be.
    """
    return not uncompared or signature.failure or signature.kind == "refusal"


def why_refused(outcome: Outcome, step: Step, inputs: Mapping[str, Document]) -> str:
    """Why a step was refused, in a few words: `event.price is a text`. `inputs` are the documents
    in force before the step."""
    kind, path = str(outcome[0]), str(outcome[1])
    if kind == RefusalKind.UNREADABLE:
        return f"{_INDEX.sub('[]', path)[:_MAX_TEXT]} {_is_what(path, step, inputs)}"
    if kind == RefusalKind.UNMADE:
        return f"a module has no record for it, so it was not asked: {path}"[:_MAX_TEXT]
    if kind == RefusalKind.UNKNOWN_EVENT:
        return "the event is of no kind"
    if kind == RefusalKind.ARITHMETIC:
        return "one core says that a number is out of range, the other only that it refuses"
    return path[:_MAX_TEXT] or kind


def all_refused_words(reasons: Mapping[str, int]) -> str:
    """That no step was compared, and why. Reasons may hold texts of a core's: not cleaned."""
    return f"every step was refused by both cores: {reasons_words(reasons)}"


def reasons_words(reasons: Mapping[str, int]) -> str:
    """The most frequent reasons with how often each was met; the number only where there are
    several."""
    ranked = _ranked(reasons)
    if len(ranked) == 1:
        return ranked[0][0]
    told = [f"{why} ({times:,})" for why, times in ranked[:_MAX_SHOWN]]
    left = len(ranked) - len(told)
    return ", ".join(told) + (f" and {left:,} more reasons" if left else "")


def reasons_lines(reasons: Mapping[str, int]) -> list[str]:
    """The same, a reason a line, with how often it was met before it."""
    ranked = _ranked(reasons)
    shown, left = ranked[:_MAX_SHOWN], len(ranked) - _MAX_SHOWN
    width = len(f"{ranked[0][1]:,}")
    lines = [f"{times:{width},}  {why}" for why, times in shown]
    return [*lines, f"and {counted(left, 'more reason')}"] if left > 0 else lines


def _ranked(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    """The most frequent first; what was not told apart says least, however much it is."""
    return sorted(reasons.items(), key=lambda one: (one[0] == OTHER_REASONS, -one[1], one[0]))


def _is_what(path: str, step: Step, inputs: Mapping[str, Document]) -> str:
    """What stands at a path of the inputs: `is a text`, `is not there`."""
    value: Any = _document_of(path, step, inputs)
    found = True
    for index, name in _PART.findall(_inside(path)):
        try:
            value = value[int(index)] if index else value[name]
        except (LookupError, TypeError):
            found = False
            break
    word = _word(value) if found else ""
    return f"is {word}" if word else "cannot be read"


def _document_of(path: str, step: Step, inputs: Mapping[str, Document]) -> Any:
    """The document that a path leads into."""
    top = re.split(r"[.\[]", path, maxsplit=1)[0]
    changes = step.changes or {}
    if top == "event":
        call: Any = step.call
        if isinstance(call, Mapping):
            return call
        try:
            return dict(zip(EVENT_FIELDS[CallCode(call[0])], call[1:], strict=True))
        except (LookupError, TypeError, ValueError):
            return None
    if top in ("config", "order_size_usd", "order_sizes"):
        return changes.get(top, inputs.get(top))
    patch = changes.get("patch")
    if isinstance(patch, Mapping) and top in patch:
        return patch
    return changes.get("state", inputs.get("state"))


def _inside(path: str) -> str:
    """A path from within its document: a state's needs no name in front."""
    for name in ("event", "config", "order_sizes", "order_size_usd", "state"):
        if path == name:
            return ""
        if path.startswith(f"{name}."):
            return path[len(name) + 1 :]
    return path


def _word(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, Sequence):
        return "a list"
    return ""
