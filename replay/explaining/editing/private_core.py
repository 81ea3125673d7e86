"""Private copies of a Python core, made from source texts that can be changed.

A copy shares nothing with the core that the process uses: its modules are loaded by a Checkout of
their own. Its code is compiled once and kept, so that another copy with one module changed costs
no more than running the modules again.
"""

from __future__ import annotations
import __future__

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, fields, replace
from importlib.util import decode_source
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

from replay.core import UnknownEventError, UnreadableError
from replay.explaining.editing.adopted import OUR_CORE
from replay.explaining.editing.codes import tracing
from replay.explaining.editing.observed_sorts import Observed, observing
from replay.targets.python.bindings import Bindings, bind
from replay.targets.python.private_import import Checkout, PrivateLoader

_FUTURES = 0
for _name in __future__.all_feature_names:
    _FUTURES |= getattr(__future__, _name).compiler_flag


class SourceModule(NamedTuple):
    """One module of a core: its dotted name, file, text and code."""

    name: str
    path: str
    text: str
    code: CodeType

    @property
    def flags(self) -> int:
        """The compiler flags that its `from __future__` imports set."""
        return self.code.co_flags & _FUTURES

    def compiled(self, text: str) -> CodeType:
        """Another text in its place. Raises SyntaxError or ValueError where it does not compile."""
        code: CodeType = compile(text, self.path, "exec", self.flags, dont_inherit=True)
        return code


class _KeptLoader(PrivateLoader):
    """Loads a module from code that is at hand; a module that is new is read and kept."""

    def __init__(
        self, name: str, path: str, private: dict[str, Any], kept: dict[str, SourceModule],
        changed: Mapping[str, CodeType],
    ) -> None:  # fmt: skip
        super().__init__(name, path, private)
        self._kept = kept
        self._changed = changed

    def get_code(self, fullname: str) -> CodeType:
        """The code to run for a module."""
        if fullname in self._changed:
            return self._changed[fullname]
        if fullname not in self._kept:
            text = decode_source(Path(self.path).read_bytes())
            code = compile(text, self.path, "exec", dont_inherit=True)
            self._kept[fullname] = SourceModule(fullname, self.path, text, code)
        return self._kept[fullname].code


class _KeptCheckout(Checkout):
    def __init__(
        self,
        root: Path,
        adopted: Collection[str],
        kept: dict[str, SourceModule],
        changed: Mapping[str, CodeType],
    ) -> None:
        super().__init__(root, adopted)
        self._kept = kept
        self._changed = changed

    def loader(self, name: str, path: str) -> PrivateLoader:
        """Takes the code from what is kept."""
        return _KeptLoader(name, path, self.builtins, self._kept, self._changed)


@dataclass(slots=True)
class Watched:
    """What ran in a private copy: lines as (dotted module, line), and the code of functions."""

    lines: set[tuple[str, int]] = field(default_factory=set)
    codes: set[CodeType] = field(default_factory=set)


class PrivateCore:
    """One loaded copy of a core."""

    def __init__(
        self,
        root: Path,
        name: str,
        kept: dict[str, SourceModule],
        helpers: Mapping[str, Any],
        *,
        ours: bool,
        adopted: Collection[str] = (),
        changed: Mapping[str, CodeType] | None = None,
        shared: Mapping[str, ModuleType] | None = None,
    ) -> None:
        """Loads it; `kept` gets its sources. `helpers` are names that these may use without
        importing them, `adopted` packages elsewhere that belong to it. `changed` has other code
        for some modules, `shared` are modules of another copy to use.

        Raises whatever loading it raises.
        """
        self._how = (root, name, kept, helpers, ours, adopted)
        self._checkout = _KeptCheckout(root, adopted, kept, changed or {})
        self._checkout.builtins.update(helpers)
        self._checkout.modules.update(shared or {})
        self._functions: dict[tuple[str, str], FunctionType | None] = {}
        self.loading = Watched()
        if changed is None:
            with self.watched() as self.loading:
                module = self._checkout.load(name)
        else:
            module = self._checkout.load(name)
        bindings = bind(module, ours=ours)
        our_core = module if ours else self._checkout.modules.get(OUR_CORE)
        self.bindings = bindings if our_core is None else _with_our_errors(bindings, our_core)

    def copy(self, changed: Mapping[str, CodeType], anew: Collection[str]) -> PrivateCore:
        """Another copy, of which the modules `anew` are loaded again, some of them with other
        code; all else is shared with this one."""
        root, name, kept, helpers, ours, adopted = self._how
        shared = {key: module for key, module in self.modules.items() if key not in anew}
        return PrivateCore(
            root, name, kept, helpers, ours=ours, adopted=adopted, changed=changed, shared=shared
        )

    @property
    def modules(self) -> Mapping[str, ModuleType]:
        """Its modules by dotted name."""
        return self._checkout.modules

    @contextmanager
    def watched(self) -> Iterator[Watched]:
        """Notes what runs in this copy meanwhile."""
        seen = Watched()
        private = self._checkout.builtins

        def trace(frame: FrameType, event: str, _argument: Any) -> Any:
            if event == "call":
                # What dataclasses make of a record has the lines of no file.
                if frame.f_builtins is not private or frame.f_code.co_filename[0] == "<":
                    return None
                seen.codes.add(frame.f_code)
            elif event == "line":
                seen.lines.add((frame.f_globals["__name__"], frame.f_lineno))
            return trace

        with tracing(trace):
            yield seen

    def observed(self) -> AbstractContextManager[Observed]:
        """Notes of what sort the values are that this copy holds meanwhile."""
        return observing(self._checkout.builtins)

    def function(self, module: str, qualname: str, line: int) -> FunctionType | None:
        """The function that a plain `def` at that line of a module made, where its code can be
        exchanged: None where it was decorated, replaced, or already run while loading."""
        key = (module, qualname)
        if key not in self._functions:
            self._functions[key] = self._find(module, qualname, line)
        return self._functions[key]

    def _find(self, module: str, qualname: str, line: int) -> FunctionType | None:
        found: Any = self.modules[module]
        for part in qualname.split("."):
            found = vars(found).get(part) if hasattr(found, "__dict__") else None
        if not isinstance(found, FunctionType) or found.__closure__:
            return None
        code = found.__code__
        is_it = code.co_firstlineno == line and found.__globals__ is vars(self.modules[module])
        return found if is_it and code not in self.loading.codes else None


def short_names(dotted: Iterable[str]) -> dict[str, str]:
    """For each dotted name of a module its last part, or all of it where two would be the same."""
    counts = Counter(name.rpartition(".")[2] for name in dotted)
    return {
        name: name if counts[name.rpartition(".")[2]] > 1 else name.rpartition(".")[2]
        for name in dotted
    }


def _with_our_errors(bindings: Bindings, module: ModuleType) -> Bindings:
    """A copy of our core, alone or as part of a bot's, has error classes of its own; sessions know
    the ones of replay.core."""
    unreadable, unknown = module.UnreadableError, module.UnknownEventError

    def with_our_errors(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            except unreadable as error:
                raise UnreadableError(error.path, error.reason) from None
            except unknown as error:
                raise UnknownEventError(*error.args) from None

        return call

    names = [field.name for field in fields(Bindings)]
    changed: dict[str, Any] = {
        name: with_our_errors(getattr(bindings, name))
        for name in names
        if name.startswith("read_") or name in ("transition", "check_invariants", "apply_regime")
    }
    changed["helpers"] = {code: with_our_errors(one) for code, one in bindings.helpers.items()}
    return replace(bindings, **changed)
