"""Whether what was said of a port is so: each statement, run on steps that the search never saw.

Which switches are at work at a step is known: those without which the port answers it otherwise.
So steps at which at most one is at work tell whether the statements about that one hold. They are
generated from seeds that no search uses, made beside the smallest steps of each cause, and the
switches' own requests with what is beside these.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from support.ports.making import module_with
from support.ports.second_half_requests import REQUESTS
from support.ports.switches import SWITCHES, Switch

from replay.explaining.causes.answered import Answered, Asking
from replay.explaining.causes.corrected import CorrectedCore
from replay.explaining.causes.found import Found
from replay.explaining.causes.pool import Pool
from replay.explaining.causes.statement import CauseKind, Edited, Placed
from replay.explaining.editing.editable import EditableCore
from replay.explaining.evidence.neighbours import mixed_changes, single_changes
from replay.explaining.evidence.ties import tie_changes
from replay.fuzzing.expand import expand
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.model import CallCode, Start, Step, Stream, event_document
from replay.targets.base import Target, is_refusal

LOOKED_AT = 30
"""Steps of a cause that are asked which switch they are of."""

PLANS, PLANNED = 4, 60
"""Generated streams of each profile, and steps of each."""

FIRST_SEED = 91_000_000
"""Far from what a search takes."""

BESIDE = 120
"""Steps of each kind made beside one step."""


@dataclass(frozen=True)
class Truth:
    """What each switch of a set does."""

    switches: frozenset[str]

    def of(self, step: Answered) -> frozenset[str]:
        """The switches without which the shadow answers a step otherwise."""
        request = _request(step)
        answer = _answer(self.switches, request)
        return frozenset(
            one for one in self.switches if _answer(self.switches - {one}, request) != answer
        )

    def main(self, cause: Found) -> tuple[str, bool]:
        """The switch that a cause is of, "" for none, and whether it holds another as well."""
        counts: Counter[str] = Counter()
        alone: set[str] = set()
        for step in cause.explains[:LOOKED_AT]:
            found = self.of(step)
            counts.update(found)
            alone |= found if len(found) == 1 else set()
        if not counts:
            return "", False
        main = counts.most_common(1)[0][0]
        return main, bool(alone - {main})


@dataclass
class Checked:
    """What the fresh steps say. `against` has for each verified cause a step that it is wrong at;
    `own` and `own_right` count for each switch the steps at which it alone is at work, and those of
    them that the verified causes account for."""

    steps: int = 0
    against: dict[str, str] = field(default_factory=dict)
    own: Counter[str] = field(default_factory=Counter)
    own_right: Counter[str] = field(default_factory=Counter)

    def is_whole(self, switch: str) -> bool:
        """Whether the verified causes account for everything that a switch does alone."""
        return self.own[switch] > 0 and self.own[switch] == self.own_right[switch]


def checked(
    causes: Sequence[Found], truth: Truth, spec: str, authority: Target, shadow: Target
) -> Checked:
    """Runs the verified causes on fresh steps, all in force, each with and without it.

    A cause is wrong at a step where it changes the answer, the step comes out wrong, and not nearer
    to the shadow's answer than without it: then nothing but this cause can be what is wrong there,
    as no second switch is at work.
    """
    asked = Asking(authority, shadow).ask(_fresh(causes, truth, authority, shadow))
    identity = shadow.identity
    reads_next = identity.kind == "executable" and "replay" not in identity.methods
    pool = Pool(CorrectedCore(EditableCore.open(spec), reads_next=reads_next))
    verified = sorted((one for one in causes if one.is_verified), key=lambda one: one.order)
    pool.use(one.statement for one in verified if not isinstance(one.statement, Placed))
    at_work = {step: truth.of(step) for step in asked}
    # What differs with no switch at work is the port's own; what a check says of a state that the
    # authority cannot read has no state to be held against.
    usable = [
        step
        for step in asked
        if len(at_work[step]) == bool(step.authority_left) and not _is_unread_check(step)
    ]
    pool.add(usable)
    result = Checked(len(usable))
    for step in usable:
        for switch in at_work[step]:
            result.own[switch] += 1
            result.own_right[switch] += not pool.left[step]
    for cause in verified:
        others = [one for one in pool.causes if one is not cause.statement]
        for step in pool.unexplained:
            if pool.matters(cause.statement, step) and _is_wrong(pool, others, step):
                result.against[cause.id] = _shown(step, pool.left[step])
                break
    return result


def _is_unread_check(step: Answered) -> bool:
    call = step.stream.steps[0].call
    is_check = isinstance(call, tuple) and call[0] == CallCode.CHECK_INVARIANTS
    return is_check and is_refusal(step.authority)


def _is_wrong(pool: Pool, others: Sequence[Any], step: Answered) -> bool:
    before, after = pool.left_with(others, [step])[0], pool.left[step]
    changes = repr(pool.answer_with(others, step)) != repr(pool.answer(step))
    return changes and not after < before


def _shown(step: Answered, left: frozenset[str]) -> str:
    return f"{sorted(left)[:3]} at {json.dumps(_request(step))}"[:1500]


def _fresh(
    causes: Sequence[Found], truth: Truth, authority: Target, shadow: Target
) -> Iterator[Stream]:
    asking = Asking(authority, shadow)
    for seed in range(FIRST_SEED, FIRST_SEED + PLANS):
        for profile in Profile:
            stream = expand(plan_of_seed(profile, seed), f"fresh {profile} {seed}")
            short = Stream(stream.start, stream.steps[:PLANNED], stream.origin)
            yield from asking.singles([short])
    bases = [step.stream for cause in causes for step in cause.explains[:2]]
    bases += [_stream(REQUESTS[name]) for name in sorted(truth.switches & REQUESTS.keys())]
    for number, base in enumerate(bases):
        yield base
        yield from islice(single_changes(base), BESIDE)
        yield from islice(mixed_changes([base], 91 + number, unreadable=True), BESIDE)
        yield from islice(tie_changes([base], 91 + number), BESIDE)


def _stream(request: Mapping[str, Any]) -> Stream:
    if request["method"] == "check_invariants":
        return Stream(
            Start(request["state"], {}, 1.0, None),
            (Step((int(CallCode.CHECK_INVARIANTS),)),),
            "own",
        )
    names = ("state", "config", "order_size_usd", "order_sizes")
    start = Start(*(request[name] for name in names))
    return Stream(start, (Step(request["event"]),), "own")


def _request(step: Answered) -> Mapping[str, Any]:
    start, call = step.stream.start, step.stream.steps[0].call
    if isinstance(call, tuple) and call[0] == CallCode.CHECK_INVARIANTS:
        return {"method": "check_invariants", "state": start.state}
    if isinstance(call, tuple) and call[0] == CallCode.APPLY_REGIME:
        params = {"state": start.state, "local_id": call[1], "regime_at_entry": call[2]}
        return {"method": "apply_order_regime_at_entry", "params": params}
    return {"method": "transition", "event": dict(event_document(call)), **start._asdict()}


def _answer(switches: frozenset[str], request: Mapping[str, Any]) -> str:
    port = module_with(switches)
    try:
        answer = port.answer(json.loads(json.dumps(request)))
        if request["method"] == "transition":
            answer["violations"] = port.check_invariants(port.from_dict(answer["state"]))
        return json.dumps(answer)
    except SystemExit:
        return "ended"
    except Exception:  # what a port refuses with
        return "refused"


def is_of_its_kind(switch: Switch, cause: Found) -> bool:
    """Whether a cause is of a switch's kind and, where it is an edit, in its function."""
    if isinstance(cause.statement, Edited):
        edit = cause.statement.edit
        return switch.kind == CauseKind.EDIT and (
            switch.where in edit.function or switch.where in edit.says
        )
    return switch.kind == str(cause.kind)


def named(causes: Sequence[Found], truth: Truth, found: Checked) -> Mapping[str, bool]:
    """The switches that are named: a cause that most of whose steps need the switch is verified, of
    its kind, in its function, and stands at all fresh steps. With each whether the verified causes
    account for all that it does alone, too."""
    by_switch: dict[str, list[Found]] = defaultdict(list)
    for cause in causes:
        by_switch[truth.main(cause)[0]].append(cause)
    return {
        switch: found.is_whole(switch)
        for switch, some in by_switch.items()
        if switch
        and any(
            one.is_verified
            and one.id not in found.against
            and is_of_its_kind(SWITCHES[switch], one)
            for one in some
        )
    }
