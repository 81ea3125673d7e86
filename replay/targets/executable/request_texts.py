"""Steps as requests of part 1: what is asked for each, and what is needed to read the answer.

The history in a request is kept short, so that a request does not grow with the stream: it carries
the last few records, and the answer's list is compared against those. So that a core which spoils
old records is still caught, the whole history is sent at the first step, whenever it has doubled,
at the end of a stream, and where it was set from outside: the cost stays linear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from replay.streams.model import CYCLES, CallCode, Start, Step
from replay.targets.base import Outcome, StepResult
from replay.targets.compact import INDEX_OF, History, Plain, named_fields
from replay.targets.cursor import Standing, is_transition
from replay.targets.executable.state_text import (
    SENT_RECORDS,
    StateText,
    invariants_request,
    json_text,
    regime_request,
    settings_text,
    transition_request,
)

_SMALLEST_WHOLE = 16
"""Up to so many records the history is not worth shortening twice."""


@dataclass(slots=True)
class Ask:
    """One step as requests. `request` is None for check_invariants alone; `invariants` is None
    where the state to look at is known only when the core has answered.

    `before` is the state that the answer's delta is taken against, `due` what it names in any
    case, `after` the authority's next state where there is one. Of the history the first `cut`
    records were not sent; `cycles` is what the answer should have in its place.
    """

    step: Step
    guide: Outcome | None
    request: bytes | None
    invariants: bytes | None
    before: Plain | None
    due: frozenset[int]
    cut: int = 0
    after: Plain | None = None
    cycles: Sequence[Any] | None = None


class Asker:
    """Makes the requests of one stream, in order."""

    def __init__(self, start: Start) -> None:
        self.standing = Standing(start)
        self.verified: dict[int, tuple[Any, bytes]] = {}
        """By field: what was expected last, and the text that turned out to be just that."""
        self._text: StateText | None = None
        self._settings: bytes | None = None
        self._whole_at = 0
        self._snapshot: Plain | None = None
        self._cycles: list[Any] = []
        self._cycles_of: Any = None

    def ask(self, step: Step, guide: Outcome | None, *, final: bool) -> Ask:
        """The requests for the next step; `final` on the last one of the stream.

        Afterwards `go_on` must be called with what was answered.
        """
        standing = self.standing
        changes = step.changes
        plain = standing.plain
        due = standing.due | named_fields(changes) if changes else standing.due
        whole = CYCLES in due or plain is None or self._whole_history(plain, guide, final=final)
        state = self._state_text(step, whole=whole)
        call: Any = step.call
        if self._snapshot is None and plain is not None:
            self._snapshot = list(plain)
        ask = Ask(step, guide, None, None, self._snapshot, due)
        if plain is not None and not whole:
            ask.cut = max(0, len(plain[CYCLES]) - SENT_RECORDS)
        if is_transition(call):
            ask.request = transition_request(state, call, self._settings_text(step))
        elif call[0] == CallCode.CHECK_INVARIANTS:
            ask.invariants = invariants_request(state)
        else:
            ask.request = regime_request(state, call)
        return ask

    def go_on(self, ask: Ask, result: StepResult | None) -> None:
        """Takes in what was answered, by the authority where there is a guide, and completes the
        ask with the state that follows."""
        standing, step = self.standing, ask.step
        had_state = standing.plain is not None
        standing.go_on(step, result)
        if step.changes and not step.changes.keys().isdisjoint(standing.settings):
            self._settings = None
        answered = isinstance(result, list | tuple) and len(result) == 3
        plain = standing.plain
        if answered or step.changes:
            self._snapshot = None
        if plain is None:
            return
        if not answered:
            if step.changes:
                self._text = None
            return
        assert isinstance(result, list | tuple)
        delta = result[0]
        if self._text is None or not had_state:
            self._text = StateText(plain)
        elif delta:
            self._text.update(plain, delta[::2])
        if ask.guide is None:
            return
        ask.after = self._snapshot = list(plain)
        ask.cycles = self._expected_cycles(ask, delta)
        if ask.request is not None:
            ask.invariants = invariants_request(self._text.text())

    def saved(self) -> Standing:
        """Where the stream stands, to `restore` it later."""
        return self.standing.copied()

    def restore(self, saved: Standing) -> None:
        """Goes back to where the stream stood."""
        self.standing = saved.copied()
        self._text = self._settings = self._snapshot = self._cycles_of = None

    def _expected_cycles(self, ask: Ask, delta: Sequence[Any]) -> Sequence[Any]:
        """What the answer should have as history: the same list again while nothing changes."""
        assert ask.after is not None
        history = ask.after[CYCLES]
        if not isinstance(history, History):
            return ()
        if CYCLES in ask.due:
            self._cycles_of = None
            return history[:]
        key = (len(history), ask.cut)
        if self._cycles_of != key or CYCLES in delta[::2]:
            self._cycles_of, self._cycles = key, history[ask.cut :]
        return self._cycles

    def _whole_history(self, plain: Plain, guide: Outcome | None, *, final: bool) -> bool:
        history = plain[CYCLES]
        if not isinstance(history, History):
            return True
        length = len(history)
        if length <= SENT_RECORDS:
            return False
        if guide is not None and len(guide) == 3:
            delta = guide[0]
            for place in range(0, len(delta), 2):
                if delta[place] == CYCLES and delta[place + 1][0] < length:
                    return True
        if final or length >= self._whole_at:
            self._whole_at = max(2 * length, _SMALLEST_WHOLE)
            return True
        return False

    def _state_text(self, step: Step, *, whole: bool) -> bytes:
        """The state as it is to be sent, with what was set from outside as it came."""
        changes = step.changes or {}
        standing = self.standing
        patch = changes.get("patch")
        named: dict[str, Any] = {}
        if isinstance(patch, Mapping):
            named = {name: value for name, value in patch.items() if name in INDEX_OF}
        elif "patch" in changes and standing.plain is not None:
            # A patch that is no object: a state that is none is refused just so.
            return json_text(patch)
        if "state" in changes:
            document = changes["state"]
            if isinstance(document, Mapping) and named:
                document = {**document, **named}
            return json_text(document)
        if standing.untouched or standing.plain is None:
            document = standing.state
            if standing.plain is not None and isinstance(document, Mapping) and named:
                document = {**document, **named}
            return json_text(document)
        if self._text is None:
            self._text = StateText(standing.plain)
        return self._text.text_with(standing.plain, named, history=whole)

    def _settings_text(self, step: Step) -> bytes:
        settings = self.standing.settings
        changes = step.changes
        if changes and not changes.keys().isdisjoint(settings):
            return settings_text({name: changes.get(name, settings[name]) for name in settings})
        if self._settings is None:
            self._settings = settings_text(settings)
        return self._settings
