"""A bot's own records: made from values as they come, and changed, whatever kind of class they are.

The live bot never reads events and settings from documents: it has them. So a module gets its own
records with the document's values, unread; a name that the class does not know is left out, and
what is missing is at the class's own default. Only what cannot be made into a record at all is
refused, as Unmade: that is our refusal and not the module's. What code of a record's own class
raises is the module's.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from replay.streams.model import EVENT_FIELDS, EVENT_NAMES, CallCode, Document, code_of_document
from replay.targets.python.raised import RAISED, Unmade, place_of, refusal, told

ANYTHING = "**"
"""Stands among the names of a class that takes any."""


def field_names(its_class: Any) -> tuple[str, ...]:
    """The names that a record class is made with, in order; with ANYTHING last where it takes any.

    Empty where they cannot be known: what is no class, say.
    """
    if dataclasses.is_dataclass(its_class):
        return tuple(field.name for field in dataclasses.fields(its_class) if field.init)
    named = getattr(its_class, "_fields", None)
    if isinstance(its_class, type) and isinstance(named, tuple):
        return named
    try:
        parameters = inspect.signature(its_class).parameters.values()
    except (TypeError, ValueError):
        return ()
    anything = any(one.kind is one.VAR_KEYWORD for one in parameters)
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [one.name for one in parameters if one.kind in kinds]
    return (*names, ANYTHING) if anything else tuple(names)


def maker(its_class: Any, contract: Sequence[str]) -> Callable[[Mapping[str, Any]], Any]:
    """What makes a record of a class from values by name. Raises what the class raises."""
    known = field_names(its_class)
    names = tuple(dict.fromkeys((*known[:-1], *contract) if known[-1:] == (ANYTHING,) else known))

    def make(values: Mapping[str, Any]) -> Any:
        return its_class(**{name: values[name] for name in names if name in values})

    return make


def positional(its_class: Any, names: Sequence[str]) -> Callable[..., Any]:
    """The class itself where its fields stand in the contract's order, else a slower maker."""
    if list(field_names(its_class)[: len(names)]) == list(names):
        make: Callable[..., Any] = its_class
        return make
    by_name = maker(its_class, names)
    return lambda *values: by_name(dict(zip(names, values, strict=True)))


def evolved(record: Any, changes: Mapping[str, Any]) -> Any:
    """A record with some fields changed. Raises what its class raises."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return dataclasses.replace(record, **changes)
    replace = getattr(record, "_replace", None) or getattr(record, "__replace__", None)
    if callable(replace):
        return replace(**changes)
    if isinstance(record, Mapping):
        return type(record)(**{**record, **changes})
    names = field_names(type(record))
    if ANYTHING in names:
        slots = [name for base in type(record).__mro__ for name in vars(base).get("__slots__", ())]
        names = (*names[:-1], *getattr(record, "__dict__", slots))
    return type(record)(**{name: getattr(record, name) for name in names} | dict(changes))


def event_maker(module: ModuleType) -> Callable[[Document], Any]:
    """What makes the module's events from documents, told apart by their fields (protocol.md,
    part 1). It raises Unmade."""
    makers = {
        code: maker(getattr(module, name), EVENT_FIELDS[code]) for code, name in EVENT_NAMES.items()
    }

    def make(document: Document) -> Any:
        if not isinstance(document, Mapping):
            raise Unmade("event is no object")
        code = code_of_document(document)
        if code is None:
            raise Unmade("event of no kind")
        return _made(EVENT_NAMES[CallCode(code)], makers[code], document)

    return make


def config_maker(module: ModuleType, contract: Sequence[str]) -> Callable[[Document], Any]:
    """What makes the module's EngineConfig from a document. It raises Unmade."""
    make_config = maker(module.EngineConfig, contract)

    def make(document: Document) -> Any:
        if not isinstance(document, Mapping):
            raise Unmade("EngineConfig: config is no object")
        return _made("EngineConfig", make_config, document)

    return make


def _made(name: str, make: Callable[[Mapping[str, Any]], Any], document: Mapping[str, Any]) -> Any:
    try:
        return make(document)
    except RAISED as error:
        if place_of(error):  # code of the module's own refuses what it is given, as it would live
            raise refusal(error, reading=True) from error
        raise Unmade(f"{name}: {told(error)}") from error


def own_copy(document: Document) -> Any:
    """A state document that a module may change without changing the stream's."""
    if not isinstance(document, Mapping):
        return document
    return {
        name: [dict(one) if isinstance(one, Mapping) else one for one in value]
        if isinstance(value, list | tuple)
        else value
        for name, value in document.items()
    }
