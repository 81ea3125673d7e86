"""Python cores as targets: ours, a file of a bot's checkout, or an importable module.

A module needs the names of the bot's own state machine (reducer.md, "Helpers around the reducer");
what kind of classes its records are is its own business, as long as they have its fields.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import replay.core
from replay.errors import TargetError, UsageError
from replay.revision import Code, revision_of_code
from replay.streams.model import (
    CYCLE_FIELDS,
    EVENT_FIELDS,
    EVENT_NAMES,
    ORDER_FIELDS,
    RECOVERY_FIELDS,
    STATE_FIELDS,
    Document,
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
from replay.targets.compact import ACTION_NAMES, Plain
from replay.targets.python.bindings import CONFIG_FIELDS, Bindings, bind
from replay.targets.python.objects import plain_of
from replay.targets.python.own_records import ANYTHING, field_names
from replay.targets.python.private_import import Checkout, locate
from replay.targets.python.raised import RAISED, told
from replay.targets.python.session import PythonSession
from replay.targets.python.source_files import source_files
from replay.targets.readers import OURS, Readers

_RECORDS: Mapping[str, Sequence[str]] = {
    "PairState": STATE_FIELDS,
    "OrderState": ORDER_FIELDS,
    "RecoveryOrder": RECOVERY_FIELDS,
    "CycleRecord": CYCLE_FIELDS,
    "EngineConfig": CONFIG_FIELDS,
    **{name: EVENT_FIELDS[code] for code, name in EVENT_NAMES.items()},
}
_FUNCTIONS = ("transition", "check_invariants", "apply_order_regime_at_entry", "from_dict")
_NEEDED = (
    *_RECORDS,
    *ACTION_NAMES,
    *_FUNCTIONS,
)


class PythonTarget:
    """A Python core that runs in this process: work is answered as soon as it is submitted."""

    depth = 1

    def __init__(
        self, identity: CoreIdentity, bindings: Bindings, defined_in: frozenset[str] = frozenset()
    ) -> None:
        self.identity = identity
        self.defined_in = defined_in
        """The modules that define its functions, which need not be the one that offers them."""
        self.readers = _readers_of(bindings)
        self.helpers = frozenset(bindings.helpers)
        self.watched: Callable[[], AbstractContextManager[None]] = nullcontext
        """What is put around everything that the core is asked."""
        self._bindings = bindings
        self._sessions: dict[int, PythonSession] = {}
        self._replies: deque[Reply] = deque()

    @property
    def is_ours(self) -> bool:
        """Whether this is our own core or a copy of it, whose states hold what they should."""
        return self._bindings.is_ours

    def submit(self, work: Work) -> None:
        """Runs the work at once. Raises UsageError for a session that was never started."""
        with self.watched():
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
    the state after them (None where there is none).

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


def open_python_target(spec: str, *, with_revision: bool = True) -> PythonTarget:
    """Opens `python` (our core), a `.py` file, or an importable module. Without its revision, its
    identity has an empty one.

    Raises UsageError where there is no such module and TargetError where it cannot be loaded or
    lacks one of the names.
    """
    if spec == "python":
        sha256 = source_files(Path(replay.core.__file__)).sha256()
        identity = CoreIdentity(
            kind="python",
            path="python",
            sha256=sha256,
            version=replay.core.CORE_VERSION,
            revision=core_revision(spec, sha256) if with_revision else "",
        )
        return PythonTarget(identity, bind(replay.core, ours=True))
    root, name = locate_core(spec)
    checkout = Checkout(root)
    try:
        module = checkout.load(name)
    except RAISED as error:  # a bot's module may raise anything when imported
        raise TargetError(f"cannot load {spec}: {told(error)}", spec=spec) from error
    missing = [needed for needed in _NEEDED if not hasattr(module, needed)]
    if not missing:
        missing = _missing_fields(module)
    if missing:
        raise TargetError(f"{spec} has no {', '.join(missing)}", spec=spec, missing=missing)
    odd = [name for name, fields in _RECORDS.items() if not _is_record(module, name, fields)]
    if odd:
        raise TargetError(f"{spec} has as {', '.join(odd)} no record", spec=spec, odd=odd)
    sha256 = _sha256_of(module, spec)
    identity = CoreIdentity(
        kind="module",
        path=spec,
        sha256=sha256,
        version=_version(module),
        revision=core_revision(spec, sha256) if with_revision else "",
    )
    offered = (getattr(module, function) for function in _FUNCTIONS)
    defined_in = frozenset(str(getattr(function, "__module__", "")) for function in offered)
    return PythonTarget(identity, bind(module, ours=False), defined_in)


def core_revision(spec: str, sha256: str) -> str:
    """The revision of a Python core of which the files have that SHA-256. Raises UsageError where
    there is no such core."""
    folder = Path(replay.core.__file__).parent if spec == "python" else locate_core(spec)[0]
    return revision_of_code(Code(spec, sha256), folder)


def locate_core(spec: str) -> tuple[Path, str]:
    """Where the modules of a Python core are loaded from: (root directory, dotted name).

    Raises UsageError where there is no such core.
    """
    if spec == "python":
        package = Path(replay.core.__file__).parent
        return package.parent, package.name
    found = locate(spec, [Path.cwd(), *(Path(entry) for entry in sys.path if entry)])
    if found is None or (spec.endswith(".py") and not Path(spec).is_file()):
        is_file = spec.endswith(".py")
        why = "there is no such file" if is_file else "no file and no module of that name is there"
        raise UsageError(f"no such Python core: {spec} ({why})", spec=spec)
    return found


def _sha256_of(module: ModuleType, spec: str) -> str:
    file = module.__file__
    if file is None:
        raise TargetError(f"{spec} has no file", spec=spec)
    try:
        return source_files(Path(file)).sha256()
    except OSError as error:
        raise TargetError(f"cannot read the files of {spec}: {error}", spec=spec) from error


def _version(module: ModuleType) -> str:
    try:
        return str(getattr(module, "CORE_VERSION", getattr(module, "__version__", "unknown")))
    except RAISED:  # whatever it is, its text may be the module's own code
        return "unknown"


def _readers_of(bindings: Bindings) -> Readers:
    """What the core itself makes of documents."""
    if bindings.is_ours:
        return OURS

    def state(document: Document) -> Plain | None:
        try:
            return plain_of(bindings.read_state(document))
        except RAISED:  # a bot's module may raise anything
            return None

    def taken(read: Callable[[Document], Any]) -> Callable[[Document], bool]:
        def is_taken(document: Document) -> bool:
            try:
                read(document)
            except RAISED:
                return False
            return True

        return is_taken

    settings = {
        "config": taken(bindings.read_config),
        "order_size_usd": taken(bindings.read_size),
        "order_sizes": taken(bindings.read_sizes),
    }
    return Readers(state, settings)


def _missing_fields(module: ModuleType) -> list[str]:
    """The fields of a state that the module's own certainly lacks."""
    known = field_names(module.PairState)
    if not known or ANYTHING in known:
        return []
    return [f"PairState.{field}" for field in STATE_FIELDS if field not in known]


def _is_record(module: ModuleType, name: str, fields: Sequence[str]) -> bool:
    """Whether a module has as this record a class that is made with some of its fields."""
    known = field_names(getattr(module, name))
    return ANYTHING in known or not set(fields).isdisjoint(known)


__all__ = ["PythonTarget", "core_revision", "locate_core", "open_python_target", "python_reply"]
