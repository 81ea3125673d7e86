"""A Python core whose source can be changed, an edit at a time, and run with the edit in force.

Nearly every edit is within one function: then only that function is compiled, and its code is
exchanged on a private copy of the core while a case runs, so that all modules see it at once and
thousands of edits can be tried in seconds. What is computed when modules are loaded (constants,
defaults of records, class bodies, decorated functions) needs another copy of the whole core.

An edit stays in force only while a target answers, whatever happens meanwhile; what it makes the
core do is bounded (bounded.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from time import process_time
from types import CodeType
from typing import NamedTuple, TypeVar

from replay.errors import TargetError, UsageError
from replay.explaining.editing.adopted import adopted_packages
from replay.explaining.editing.bounded import OutOfTime
from replay.explaining.editing.edited_target import (
    LEAST_SEC,
    EditedTarget,
    garbage_of,
    timeout_of,
)
from replay.explaining.editing.forces import Force, Forces
from replay.explaining.editing.newest import Newest
from replay.explaining.editing.observed_sorts import common
from replay.explaining.editing.own_documents import own_start
from replay.explaining.editing.place_probe import PROBE, PlaceProbe
from replay.explaining.editing.private_core import PrivateCore, SourceModule, short_names
from replay.explaining.editing.source_map import SourceMap
from replay.explaining.editing.source_text import (
    Place,
)
from replay.explaining.editing.vocabulary import HELPERS
from replay.streams.model import Stream
from replay.targets.base import (
    CoreIdentity,
    Failure,
    FailureKind,
    Outcome,
    StepResult,
    Target,
)
from replay.targets.python.bindings import Bindings
from replay.targets.python.module import locate_core, open_python_target
from replay.targets.python.raised import RAISED, told
from replay.targets.python.session import PythonSession

V = TypeVar("V")

UNEDITED_SEC = 10.0
"""How much processor time the core as it is may take for a case."""

TIMES_LONGER = 20
"""A changed core has this many times as long as the unchanged one for a case, and for being
loaded, but at least LEAST_SEC."""

_KEPT_CODES, _KEPT_COPIES, _KEPT_CASES = 16384, 8, 256


class EditKind(StrEnum):
    """What sort of mistake an edit is."""

    COMPARISON = "comparison"
    CONSTANT = "constant"
    OPERATOR = "operator"
    OPERAND = "operand"
    BRANCH = "branch"
    CALL = "call"
    ASSIGNMENT = "assignment"
    FIELD = "field"
    ROUNDING = "rounding"
    ORDER = "order"
    DEVIATION = "deviation"
    FORMULA = "formula"


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a core's source: usually one place; more where the same change stands at
    mirrored places.

    `function` is "entries.exit_price" style (module and qualified name), "" where it is in none or
    in several. `says` completes "behaves as if ...": `reducer.py line 42 read "net <= 0" instead
    of "net < 0"`.
    """

    kind: EditKind
    function: str
    places: tuple[Place, ...]
    says: str


def _in_common(sorts: Mapping[str, Mapping[str, set[str]]]) -> dict[str, dict[str, str]]:
    return {
        owner: {name: sort for name, its in known.items() if (sort := common(its))}
        for owner, known in sorts.items()
    }


class EditableCore:
    """A private copy of a Python core (ours, or a bot's checkout) whose source can be changed.

    `sources` has its source texts by the name of the module (its file's name without `.py`, of a
    package the package's name), `files` the names of their files for people.
    """

    def __init__(
        self, spec: str, identity: CoreIdentity, root: Path, name: str, adopted: frozenset[str]
    ) -> None:
        """Use `open`."""
        self.spec = spec
        self.identity = identity
        self._kept: dict[str, SourceModule] = {}
        began = process_time()
        self.probe = PlaceProbe()
        """What looks at a place of the source, where an edit has it called."""
        helpers = {**HELPERS, PROBE: self.probe}
        self._core = PrivateCore(
            root, name, self._kept, helpers, ours=spec == "python", adopted=adopted
        )
        self._loading_sec = _allowed(process_time() - began)
        self._keys = short_names(self._kept)
        self._modules = {self._keys[dotted]: module for dotted, module in self._kept.items()}
        self.sources: Mapping[str, str] = {key: m.text for key, m in self._modules.items()}
        self.files: Mapping[str, str] = {key: Path(m.path).name for key, m in self._modules.items()}
        self._paths = {module.path: key for key, module in self._modules.items()}
        self._named: dict[tuple[str, str], str] = {}
        """The functions by file and qualified name."""
        self.loading_lines = self._by_key(self._core.loading.lines)
        """The (module, line) pairs that ran when the core was loaded: in force in every case."""
        self.map = SourceMap(self.sources, self.files)
        """The sources, parsed."""
        self.seen: Mapping[str, Mapping[str, str]] = {}
        """Of what sort each name of a function is, as far as it was observed; "return" beside
        them is what the function gives."""
        self.seen_records: Mapping[str, Mapping[str, str]] = {}
        """The same for the fields of records."""
        self._ready = Forces(self._core, self._modules, self.map)
        self._quick: Newest[Edit, Force] = Newest(_KEPT_CODES)
        self._slow: Newest[Edit, Force] = Newest(_KEPT_COPIES)
        self._guides: Newest[int, _Guide] = Newest(_KEPT_CASES)

    @classmethod
    def open(cls, spec: str) -> EditableCore:
        """Opens a core by the name that open_python_target takes.

        Raises UsageError where there is none of that name, TargetError where it cannot be loaded.
        """
        target = open_python_target(spec)
        root, name = locate_core(spec)
        adopted = adopted_packages(target.defined_in, root)
        try:
            return cls(spec, target.identity, root, name, adopted)
        except RAISED as error:  # a bot's module may raise anything when imported
            raise TargetError(f"cannot load {spec}: {told(error)}", spec=spec) from error

    @contextmanager
    def edited(self, edit: Edit | None) -> Iterator[Target]:
        """A target that runs the core with the edit in force (None: the core as it is).

        Work in which it takes too long is answered with Failure(TIMEOUT) at each step, work in
        which it makes what is no state with Failure(GARBAGE). Raises
        TargetError where the edited source does not compile or cannot be loaded.
        """
        target = EditedTarget(self.identity, self._force(edit), is_edited=edit is not None)
        try:
            yield target
        finally:
            target.close()

    def answer(self, edit: Edit | None, case: Stream) -> StepResult:
        """The outcome of the last step of a case, as a shadow would give it: each step starts from
        where the core as it is has come to.

        Failure(TIMEOUT) where the edit makes it loop, Failure(UNSTARTABLE) where the edited source
        does not compile or cannot be loaded, Failure(GARBAGE) where it makes something that is no
        state. Raises UsageError for a case without steps.
        """
        if not case.steps:
            raise UsageError("a case without steps has no answer")
        _, guide, seconds = self._guide(case)
        if isinstance(guide, Failure):
            return guide
        if edit is None:
            return guide[-1]

        def run(bindings: Bindings) -> Outcome:
            session = PythonSession(bindings)
            session.begin(own_start(case.start))
            return session.run(case.steps, guide)[-1]

        try:
            force = self._force(edit)
        except TargetError as error:
            return Failure(FailureKind.UNSTARTABLE, error.message)
        try:
            return force.run(run, seconds)
        except OutOfTime:
            return timeout_of(seconds)
        except RAISED as error:
            return garbage_of(error)

    def executed(self, cases: Iterable[Stream]) -> frozenset[tuple[str, int]]:
        """The (module, line) pairs that cases run through in the core as it is; those that run
        when it is loaded are in `loading_lines`."""
        with self._core.watched() as watched:
            for case in cases:
                self._run_as_it_is(self._core.bindings, case)
        return self._by_key(watched.lines)

    def observe(self, cases: Iterable[Stream]) -> None:
        """Learns from cases of what sort values are that no annotation tells of."""
        with self._core.observed() as observed:
            for case in cases:
                self._run_as_it_is(self._core.bindings, case)
        names: dict[str, dict[str, set[str]]] = {}
        for code, sorts in observed.names.items():
            known = names.setdefault(self.function_of(code), {})
            for name, its in sorts.items():
                known.setdefault(name, set()).update(its)
        self.seen = _in_common(names)
        self.seen_records = _in_common(observed.records)

    def is_quick(self, edit: Edit) -> bool:
        """Whether an edit is within functions whose code can be exchanged; any other takes another
        copy of the whole core, which costs a hundred times as much."""
        return self._ready.is_quick(edit.places)

    def force(self, edit: Edit | None) -> Force:
        """What puts an edit in force, for who runs the core's functions himself. Raises TargetError
        where the edited source does not compile or cannot be loaded."""
        return self._force(edit)

    def functions_of(self, edit: Edit) -> frozenset[str]:
        """The functions (or classes, or modules) that the places of an edit are in."""
        return frozenset(
            self.map.modules[place.module]
            .scope_at(self.map.modules[place.module].span_of_place(place)[0])
            .name
            for place in edit.places
        )

    def function_of(self, code: CodeType) -> str:
        """The function that a code belongs to, as `functions_of` names it; "" where it is none of
        this core's."""
        known = self._named.get((code.co_filename, code.co_qualname))
        if known is None:
            key = self._paths.get(code.co_filename)
            parts = [part for part in code.co_qualname.split(".") if part[0] != "<"]
            known = "" if key is None else ".".join((key, *parts))
            self._named[code.co_filename, code.co_qualname] = known
        return known

    def reading_functions(self, cases: Iterable[Stream]) -> frozenset[str]:
        """The functions that read the documents of cases, as far as these show it."""
        with self._core.watched() as watched:
            for case in cases:
                PythonSession(self._core.bindings).begin(own_start(case.start))
        return self._functions_at(self._by_key(watched.lines))

    def checking_functions(self, cases: Iterable[Stream]) -> frozenset[str]:
        """The functions that look at the states of cases for violations, as far as these show
        it."""
        bindings = self._core.bindings
        states = []
        for case in cases:
            session = PythonSession(bindings)
            session.begin(own_start(case.start))
            states.append(session.state)
        with self._core.watched() as watched:
            for state in states:
                if state is not None:
                    with suppress(*RAISED):
                        bindings.check_invariants(state)
        return self._functions_at(self._by_key(watched.lines))

    def functions_run(self, cases: Iterable[Stream]) -> frozenset[str]:
        """The functions, and classes, that cases run through, or that run when the core is
        loaded."""
        scopes = (scope for module in self.map.modules.values() for scope in module.scopes)
        classes = frozenset(scope.name for scope in scopes if not scope.is_function)
        return classes | self._functions_at(self.executed(cases) | self._within(self.loading_lines))

    def _within(self, lines: Iterable[tuple[str, int]]) -> frozenset[tuple[str, int]]:
        """The lines but for those at which a function begins: loading a module runs these."""
        heads = {
            (key, line)
            for key, module in self.map.modules.items()
            for scope in module.scopes
            if isinstance(scope.node, ast.FunctionDef | ast.AsyncFunctionDef)
            for line in range(scope.node.lineno, scope.node.body[0].lineno)
        }
        return frozenset(lines) - heads

    def _functions_at(self, lines: Iterable[tuple[str, int]]) -> frozenset[str]:
        names: set[str] = set()
        for key, line in lines:
            around = [
                scope
                for scope in self.map.modules[key].scopes
                if scope.is_function
                and getattr(scope.node, "lineno", 0)
                <= line
                <= (getattr(scope.node, "end_lineno", 0) or 0)
            ]
            names.update(scope.name for scope in around)
        return frozenset(names)

    def _by_key(self, lines: Iterable[tuple[str, int]]) -> frozenset[tuple[str, int]]:
        keys = self._keys
        return frozenset((keys[module], line) for module, line in lines if module in keys)

    @staticmethod
    def _run_as_it_is(bindings: Bindings, case: Stream) -> list[Outcome]:
        session = PythonSession(bindings)
        session.begin(own_start(case.start))
        return session.run(case.steps, None)

    def _guide(self, case: Stream) -> _Guide:
        """What the core as it is answers to a case, and how long a changed one may take."""
        guide = self._guides.get(id(case))
        if guide is None:
            outcomes: list[Outcome] | Failure
            began = process_time()
            try:
                run = partial(self._run_as_it_is, case=case)
                outcomes = self._force(None).run(run, UNEDITED_SEC)
            except OutOfTime:
                outcomes = timeout_of(UNEDITED_SEC)
            seconds = _allowed(process_time() - began)
            # The case is kept along with it: while it lives, nothing else has its id.
            guide = self._guides.put(id(case), _Guide(case, outcomes, seconds))
        return guide

    # --- Edits in force -----------------------------------------------------------------------

    def _force(self, edit: Edit | None) -> Force:
        """Raises TargetError where the edit does not compile or cannot be loaded."""
        if edit is None:
            return Force(self._core.bindings, ())
        known = self._quick if self.is_quick(edit) else self._slow
        force = known.get(edit)
        if force is None:
            try:
                force = known.put(edit, self._ready.make(edit.places, self._loading_sec))
            except (*RAISED, OutOfTime) as error:
                raise TargetError(f"the edited core cannot be loaded: {told(error)}") from error
        return force


class _Guide(NamedTuple):
    case: Stream
    outcomes: list[Outcome] | Failure
    seconds: float


def _allowed(seconds: float) -> float:
    """How long a changed core may take for what takes the unchanged one so long."""
    return max(LEAST_SEC, TIMES_LONGER * seconds)


__all__ = ["Edit", "EditKind", "EditableCore", "Place"]
