"""Python cores as targets: ours, a file of a bot's checkout, or an importable module.

A module needs the names of the bot's own state machine (reducer.md, "Helpers around the reducer").
A bot's module reads states by its own `from_dict`; events, configs and sizes, which the live bot
never reads from documents, are read by our codec and then made into the module's own classes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

import replay.core
from replay.core import UnreadableError
from replay.errors import TargetError, UsageError
from replay.streams.model import (
    CYCLE_FIELDS,
    CYCLES,
    EVENT_NAMES,
    ORDER_FIELDS,
    ORDERS,
    RECOVERIES,
    RECOVERY_FIELDS,
    STATE_FIELDS,
)
from replay.targets.base import (
    REFUSED,
    CoreIdentity,
    Outcome,
    Reply,
    StepResult,
    Work,
    encode_outcomes,
)
from replay.targets.compact import ACTION_FIELDS, ACTION_NAMES
from replay.targets.python.objects import plain_of
from replay.targets.python.private_import import Checkout, locate
from replay.targets.python.session import RAISED, Bindings, PythonSession, told

_EVENTS = tuple(EVENT_NAMES.values())
_RECORDS = ("PairState", "OrderState", "RecoveryOrder", "CycleRecord", "EngineConfig", *_EVENTS)
_NEEDED = (
    *_RECORDS,
    *ACTION_NAMES,
    *("transition", "check_invariants", "apply_order_regime_at_entry", "from_dict"),
)


class PythonTarget:
    """A Python core that runs in this process: work is answered as soon as it is submitted."""

    depth = 1

    def __init__(self, identity: CoreIdentity, bindings: Bindings) -> None:
        self.identity = identity
        self._bindings = bindings
        self._sessions: dict[int, PythonSession] = {}
        self._replies: deque[Reply] = deque()

    def submit(self, work: Work) -> None:
        """Runs the work at once. Raises UsageError for a session that was never started."""
        if work.start is not None:
            self._sessions[work.session] = session = PythonSession(self._bindings)
            session.begin(work.start)
        elif work.session not in self._sessions:
            raise UsageError(f"stream {work.session} was never started", session=work.session)
        session = self._sessions[work.session]
        outcomes = session.run(work.steps, work.guide)
        if work.last:
            del self._sessions[work.session]
        reply = python_reply(outcomes, session.state)
        reply.notable = session.notable
        self._replies.append(reply)

    def collect(self) -> Reply:
        """The reply to the oldest work not yet collected."""
        return self._replies.popleft()

    def state_of(self, session: int) -> Any:
        """The core's own state object of an open session, or None: for generating from."""
        return self._sessions[session].state

    def close(self) -> None:
        """Forgets all sessions."""
        self._sessions.clear()
        self._replies.clear()


def python_reply(outcomes: list[Outcome], state: Any) -> Reply:
    """The reply of a core in this process: outcomes, where they can be encoded their bytes, and
    the state behind them (None where there is none).

    A bot's own module may answer values that have no encoding; then only values are compared.
    """
    results: list[StepResult] = list(outcomes)
    known = state is not None and REFUSED not in map(len, outcomes)
    end = partial(plain_of, state) if known else None
    return Reply(partial(_encoded, outcomes), results, end=end)


def _encoded(outcomes: list[Outcome]) -> bytes | None:
    try:
        return encode_outcomes(outcomes)
    except (TypeError, OverflowError, ValueError):
        return None


def open_python_target(spec: str) -> PythonTarget:
    """Opens `python` (our core), a `.py` file, or an importable module.

    Raises UsageError where there is no such module and TargetError where it cannot be loaded or
    lacks one of the names.
    """
    if spec == "python":
        folder = Path(replay.core.__file__).parent
        identity = CoreIdentity(
            kind="python",
            path="python",
            sha256=_digest(folder, folder.glob("*.py")),
            version=replay.core.CORE_VERSION,
            revision=_revision(folder),
        )
        return PythonTarget(identity, bind(replay.core, ours=True))
    root, name = locate_core(spec)
    checkout = Checkout(root)
    try:
        module = checkout.load(name)
    except RAISED as error:  # a bot's module may raise anything when imported
        raise TargetError(f"cannot load {spec}: {told(error)}", spec=spec) from error
    missing = [needed for needed in _NEEDED if not hasattr(module, needed)]
    if not missing and dataclasses.is_dataclass(module.PairState):
        missing = [f"PairState.{field}" for field in STATE_FIELDS if field not in _names(module)]
    if missing:
        raise TargetError(f"{spec} has no {', '.join(missing)}", spec=spec, missing=missing)
    odd = [name for name in _RECORDS if not dataclasses.is_dataclass(getattr(module, name))]
    if odd:
        raise TargetError(f"{spec} has as {', '.join(odd)} no dataclass", spec=spec, odd=odd)
    sources = [Path(m.__file__) for m in checkout.modules.values() if m.__file__ is not None]
    identity = CoreIdentity(
        kind="module",
        path=spec,
        sha256=_digest(checkout.root, sources),
        version=_version(module),
        revision=_revision(root),
    )
    return PythonTarget(identity, bind(module, ours=False))


def locate_core(spec: str) -> tuple[Path, str]:
    """Where the modules of a Python core are loaded from: (root directory, dotted name).

    Raises UsageError where there is no such core.
    """
    if spec == "python":
        package = Path(replay.core.__file__).parent
        return package.parent, package.name
    found = locate(spec, [Path.cwd(), *(Path(entry) for entry in sys.path if entry)])
    if found is None or (spec.endswith(".py") and not Path(spec).is_file()):
        raise UsageError(f"no such Python core: {spec}", spec=spec)
    return found


def _version(module: ModuleType) -> str:
    try:
        return str(getattr(module, "CORE_VERSION", getattr(module, "__version__", "unknown")))
    except RAISED:  # whatever it is, its text may be the module's own code
        return "unknown"


def _names(module: ModuleType) -> set[str]:
    return {field.name for field in dataclasses.fields(module.PairState)}


def bind(module: ModuleType, *, ours: bool) -> Bindings:
    """A module as functions. `ours` where it is our core or a copy of it, whose own codec is used
    as it is; for a bot's module, its classes are made from what our codec read."""
    codec = module if ours else replay.core
    event_classes = {name: getattr(module, name) for name in _EVENTS}

    def read_event(document: Any) -> Any:
        event = codec.event_from_dict(document)
        return event if ours else _remade(event, event_classes[type(event).__name__])

    def read_config(document: Any) -> Any:
        config = codec.config_from_dict(document)
        return config if ours else _remade(config, module.EngineConfig)

    return Bindings(
        transition=module.transition,
        check_invariants=module.check_invariants,
        apply_regime=module.apply_order_regime_at_entry,
        read_state=module.from_dict,
        read_event=read_event,
        read_config=read_config,
        read_size=codec.order_size_from,
        read_sizes=codec.order_sizes_from,
        read_local_id=_local_id,
        price_tick=_positional(module.PriceTick, ("price", "timestamp")),
        timer_tick=_positional(module.TimerTick, ("timestamp",)),
        record_makers={
            ORDERS: _maker(module.OrderState, ORDER_FIELDS),
            RECOVERIES: _maker(module.RecoveryOrder, RECOVERY_FIELDS),
            CYCLES: _maker(module.CycleRecord, CYCLE_FIELDS),
        },
        action_values={
            name: (code, attrgetter(*fields))
            for code, (name, fields) in enumerate(zip(ACTION_NAMES, ACTION_FIELDS, strict=True))
        },
    )


def _local_id(value: Any) -> int:
    """The id in a call of apply_order_regime_at_entry, by the rules for an int in a state."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise UnreadableError("local_id", "expected an int")
    return value


def _remade(record: Any, its_class: Callable[..., Any]) -> Any:
    """A record of ours as the module's own class, which may lack newer fields."""
    known = {field.name for field in dataclasses.fields(its_class)}  # type: ignore[arg-type]
    values = {
        field.name: getattr(record, field.name)
        for field in dataclasses.fields(record)
        if field.name in known
    }
    return its_class(**values)


def _positional(its_class: Any, names: Sequence[str]) -> Callable[..., Any]:
    """The class itself where its fields stand in the contract's order, else a slower maker."""
    if [field.name for field in dataclasses.fields(its_class)][: len(names)] == list(names):
        maker: Callable[..., Any] = its_class
        return maker
    return lambda *values: its_class(**dict(zip(names, values, strict=True)))


def _maker(its_class: Any, names: Sequence[str]) -> Callable[[Iterable[Any]], Any]:
    make = _positional(its_class, names)
    return lambda values: make(*values)


def _digest(root: Path, sources: Iterable[Path]) -> str:
    """SHA-256 over the names and contents of source files, in the order of their names."""
    digest = hashlib.sha256()
    for source in sorted(set(sources)):
        content = source.read_bytes()
        digest.update(f"{source.relative_to(root)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _revision(folder: Path) -> str:
    """The git revision that a folder is at, with `-dirty` where files differ; or `unknown`."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        revision = git("rev-parse", "HEAD")
        if not revision:
            return "unknown"
        return f"{revision}-dirty" if git("status", "--porcelain", "--", ".") else revision
    except OSError:
        return "unknown"


__all__ = ["PythonTarget", "bind", "locate_core", "open_python_target", "python_reply"]
