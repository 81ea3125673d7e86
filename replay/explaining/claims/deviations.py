"""Deviations: small changes of the Python core, as a person writes them into explanations.toml.

    [explanation.deviation]
    name = "rounds by scaling"          # a known one, where ...
    in = ["exit_price"]                 # ... the functions are; without `in`, everywhere

    [explanation.deviation]
    in = ["entries.exit_price"]
    replace = "max(fill_price"          # or source text, compared token by token: white space,
    with = "min(fill_price"             # line ends and comments do not matter
    every = false                       # true: all places in there; false: there is exactly one

`replace` and `with` may also be lists of as many texts each, replaced one by one: the places of an
edit that stands at several. What is named in `in` is a function, a class, or a module.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from replay.errors import UsageError
from replay.explaining.claims.toml_text import toml_text
from replay.explaining.editing.editable import Edit, EditableCore, EditKind
from replay.explaining.editing.rounding_calls import rounding_calls
from replay.explaining.editing.source_map import Scope, Span, Token, one_line, tokens_of
from replay.explaining.editing.source_text import Place
from replay.explaining.search.roundings import ROUNDINGS

KNOWN: Mapping[str, str] = MappingProxyType(
    {
        "rounds by scaling": "rounded_by_scaling",
        "rounds by scaling where it fits": "rounded_by_scaling_where_it_fits",
        "rounds by scaling below a million": "rounded_by_scaling_if_small",
        "rounds by scaling, half up": "rounded_by_scaling_half_up",
        "rounds by scaling, half away from zero": "rounded_by_scaling_half_away",
        "rounds by scaling and multiplying": "rounded_by_scaling_and_multiplying",
        "rounds to steps": "rounded_to_steps",
        "truncates by scaling": "truncated_by_scaling",
        "rounds down by scaling": "floored_by_scaling",
        "rounds up by scaling": "ceiled_by_scaling",
        "truncates": "truncated",
        "rounds down": "floored",
        "rounds up": "ceiled",
        "rounds half up": "rounded_half_up",
        "rounds the decimal text": "rounded_as_text_half_up",
        "rounds the decimal text, half even": "rounded_as_text_half_even",
        "truncates the decimal text": "truncated_as_text",
        "rounds in single precision": "rounded_in_single_precision",
        "rounds whole where no digit is kept": "rounded_whole_without_digits",
        "leaves infinities and NaN": "rounded_if_finite",
        "does not round": "not_rounded",
    }
)
"""The known deviations, and which function each puts in the place of the core's own rounding."""

assert set(KNOWN.values()) == set(ROUNDINGS)

KEYS = ("name", "in", "replace", "with", "every")
"""What the table of a deviation may have."""

_LONGEST = 4000


@dataclass(frozen=True, slots=True)
class Deviation:
    """A deviation as it is written: either `name` or `replaced` is there.

    `functions` is what stands under `in`. `replaced` and `by` belong together, text by text.
    """

    name: str = ""
    functions: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    every: bool = False

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Deviation:
        """Reads the table `[explanation.deviation]`. Raises UsageError that says what is wrong."""
        for key in values:
            if key not in KEYS:
                raise UsageError(f"a deviation has no key {key!r}, only {', '.join(KEYS)}")
        functions = _texts(values, "in")
        if "name" in values:
            return cls(_known(values), functions)
        replaced, by = _texts(values, "replace"), _texts(values, "with")
        if not replaced:
            raise UsageError("a deviation needs either a name or the text to replace")
        if "with" not in values:
            raise UsageError("a deviation that replaces text needs what to replace it with")
        if len(replaced) != len(by):
            raise UsageError(f"replace has {len(replaced)} texts, but with has {len(by)}")
        if not all(map(tokens_of, replaced)):
            raise UsageError("replace has an empty text")
        every = values.get("every", False)
        if not isinstance(every, bool):
            raise UsageError("every must be true or false")
        return cls("", functions, replaced, by, every)

    def toml(self, header: str = "[explanation.deviation]") -> str:
        """The table as text, with its header and without a line end."""
        lines = [header]
        if self.name:
            lines.append(f"name = {toml_text(self.name)}")
        if self.functions:
            lines.append(f"in = {_listed(self.functions)}")
        if self.replaced:
            lines.append(f"replace = {_one_or_many(self.replaced)}")
            lines.append(f"with = {_one_or_many(self.by)}")
        if self.every:
            lines.append("every = true")
        return "\n".join(lines)

    def edit(self, core: EditableCore) -> Edit:
        """The change of that core. Raises UsageError where what it names is not there, or not as
        often as it must be."""
        scopes = self._scopes(core)
        if self.name:
            places = tuple(rounding_places(core, KNOWN[self.name], scopes))
            if not places:
                raise UsageError(f"nothing is rounded in {_named(self.functions)}")
        else:
            found = [self._found(core, scopes, *pair) for pair in self._pairs()]
            places = tuple(dict.fromkeys(place for places in found for place in places))
        names = {scope.name for scope in scopes if scope.is_function}
        function = names.pop() if len(names) == 1 and self.functions else ""
        says = self._says(core, places) if self.name else core.map.says_all(places)
        return Edit(EditKind.DEVIATION, function, places, says)

    def _says(self, core: EditableCore, places: Sequence[Place]) -> str:
        if not self.functions:
            return f"the core {self.name} everywhere"
        module = places[0].module
        where = f"{core.map.files[module]} {core.map.lines_of(places, module)}"
        return f"{' and '.join(self.functions)} ({where}) {self.name}"

    def _pairs(self) -> Iterator[tuple[str, str]]:
        return zip(self.replaced, self.by, strict=True)

    def _scopes(self, core: EditableCore) -> list[Scope]:
        if not self.functions:
            return [module.scopes[0] for module in core.map.modules.values()]
        scopes = []
        for name in self.functions:
            called = core.map.scopes_called(name)
            if not called:
                raise UsageError(f"the core {core.spec} has no function {name}", function=name)
            if len(called) > 1:
                raise UsageError(
                    f"the core {core.spec} has {len(called)} functions {name}: "
                    f"{', '.join(scope.name for scope in called)}",
                    function=name,
                )
            scopes += called
        return scopes

    def _found(
        self, core: EditableCore, scopes: Sequence[Scope], replaced: str, by: str
    ) -> list[Place]:
        wanted = [token.text for token in tokens_of(replaced)]
        places = []
        for scope in scopes:
            module = core.map.modules[scope.module]
            tokens = module.tokens_in(scope.span)
            for first in _found_at(tokens, wanted):
                span = tokens[first].start, tokens[first + len(wanted) - 1].end
                places.append(module.place(span, by))
        where = _named(self.functions)
        if not places:
            raise UsageError(f"{one_line(replaced)!r} does not stand in {where}")
        if len(places) > 1 and not self.every:
            raise UsageError(f"{one_line(replaced)!r} stands {len(places)} times in {where}")
        return places


# --- Known deviations -------------------------------------------------------------------------


def rounding_places(core: EditableCore, helper: str, scopes: Iterable[Scope]) -> Iterator[Place]:
    """Every call of a rounding function in some scopes, made one of the helper."""
    for scope in scopes:
        module = core.map.modules[scope.module]
        for call in rounding_calls(core.map, module):
            span = module.span(call.func)
            if scope.span[0] <= span[0] < scope.span[1]:
                yield module.place(span, helper)


def known_deviations(core: EditableCore) -> Iterator[Deviation]:
    """Each known deviation in each function that rounds, then each of them everywhere; none in a
    core that rounds nothing itself."""
    functions = []
    rounds = False
    for module in core.map.modules.values():
        for call in rounding_calls(core.map, module):
            rounds = True
            scope = module.scope_at(module.span(call.func)[0])
            if scope.is_function and scope.name not in functions:
                functions.append(scope.name)
    for function in functions:
        for name in KNOWN:
            yield Deviation(name, (function,))
    if rounds:
        yield from map(Deviation, KNOWN)


# --- An edit as a deviation -------------------------------------------------------------------


def deviation_for(edit: Edit, core: EditableCore) -> Deviation | None:
    """An edit as it is written: the known one that makes just this change, else its text; None
    where neither can be."""
    if edit.kind is EditKind.DEVIATION:
        for known in known_deviations(core):
            if known.edit(core).places == edit.places:
                return known
    return deviation_of(edit, core)


def deviation_of(edit: Edit, core: EditableCore) -> Deviation | None:
    """An edit as it is written in explanations.toml: texts that stand just once in its functions.

    None where there are no such texts.
    """
    scopes: dict[str, Scope] = {}
    for place in edit.places:
        module = core.map.modules[place.module]
        scope = _nameable(core, module.scope_at(module.span_of_place(place)[0]))
        scopes[scope.name] = scope
    passages: list[_Passage] = []
    for place in sorted(edit.places, key=lambda place: (place.module, *place.start)):
        span = _unique(core, place, list(scopes.values()))
        if span is None:
            return None
        last = passages[-1] if passages else None
        if last is not None and last.module == place.module and span[0] < last.span[1]:
            joined = last.span[0], max(span[1], last.span[1])
            passages[-1] = _Passage(place.module, joined, (*last.places, place))
        else:
            passages.append(_Passage(place.module, span, (place,)))
    replaced, by = zip(*(passage.texts(core) for passage in passages), strict=True)
    return Deviation("", tuple(scopes), replaced, by)


class _Passage(NamedTuple):
    """Some text that stands nowhere else, and the places in it."""

    module: str
    span: Span
    places: tuple[Place, ...]

    def texts(self, core: EditableCore) -> tuple[str, str]:
        """What it reads, and what it reads with the places replaced."""
        module = core.map.modules[self.module]
        start, end = self.span
        parts, at = [], start
        for place in self.places:
            first, last = module.span_of_place(place)
            parts += [module.text[at:first], place.new]
            at = last
        new = "".join([*parts, module.text[at:end]])
        return one_line(module.text[start:end]), _bare(new)


def _nameable(core: EditableCore, scope: Scope) -> Scope:
    """The scope itself, or the nearest around it that its name means alone."""
    name = scope.name
    while len(called := core.map.scopes_called(name)) > 1:
        name = name.rpartition(".")[0]
    return called[0]


def _unique(core: EditableCore, place: Place, scopes: Sequence[Scope]) -> Span | None:
    """As little text around a place as stands nowhere else in the scopes."""
    module = core.map.modules[place.module]
    start, end = module.span_of_place(place)
    home = next(scope for scope in scopes if _has(scope, place.module, start))
    tokens = module.tokens_in(home.span)
    first = next((i for i, token in enumerate(tokens) if token.end > start), len(tokens) - 1)
    last = next((i for i in range(len(tokens) - 1, -1, -1) if tokens[i].start < end), first)
    last = max(first, last)
    known = [core.map.modules[scope.module].tokens_in(scope.span) for scope in scopes]
    for low, high in _wider(first, last, len(tokens)):
        wanted = [token.text for token in tokens[low : high + 1]]
        if sum(1 for others in known for _ in _found_at(others, wanted)) == 1:
            return min(tokens[low].start, start), max(tokens[high].end, end)
    return None


def _has(scope: Scope, module: str, offset: int) -> bool:
    return scope.module == module and scope.span[0] <= offset < scope.span[1]


def _wider(first: int, last: int, count: int) -> Iterator[tuple[int, int]]:
    """Ever wider ranges of tokens around one, growing by one token at either side."""
    for more in range(count):
        for left in range(more, -1, -1):
            low, high = first - left, last + more - left
            if low >= 0 and high < count:
                yield low, high


def _found_at(tokens: Sequence[Token], wanted: Sequence[str]) -> Iterator[int]:
    """Where some tokens stand among others; places do not overlap."""
    head, length = wanted[0], len(wanted)
    at = 0
    while at + length <= len(tokens):
        if tokens[at].text == head and all(
            tokens[at + i].text == text for i, text in enumerate(wanted)
        ):
            yield at
            at += length
        else:
            at += 1


def _bare(text: str) -> str:
    """On one line where line ends mean nothing; else as it is."""
    opened = 0
    end = 0
    for token in tokens_of(text):
        if "\n" in text[end : token.start] and opened <= 0:
            return text
        opened += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
        end = token.end
    return one_line(text)


# --- Reading and writing ----------------------------------------------------------------------


def _known(values: Mapping[str, Any]) -> str:
    name = values["name"]
    if not isinstance(name, str) or name not in KNOWN:
        raise UsageError(f"no deviation is known as {name!r}; these are: {', '.join(KNOWN)}")
    for key in ("replace", "with", "every"):
        if key in values:
            raise UsageError(f"a deviation with a name has no {key}")
    return name


def _texts(values: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = values.get(key, [])
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UsageError(f"{key} must be a text or a list of texts")
    if any(len(text) > _LONGEST for text in texts):
        raise UsageError(f"{key} has a text of more than {_LONGEST} characters")
    return tuple(texts)


def _named(functions: Sequence[str]) -> str:
    return " or ".join(functions) if functions else "the core"


def _listed(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(toml_text, texts))}]"


def _one_or_many(texts: Sequence[str]) -> str:
    return toml_text(texts[0]) if len(texts) == 1 else _listed(texts)


__all__ = ["KEYS", "KNOWN", "Deviation", "deviation_for", "deviation_of", "known_deviations"]
