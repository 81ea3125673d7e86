"""Functions that edited sources can call by name, without importing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from replay.explaining.search.roundings import ROUNDINGS

T = TypeVar("T")


def all_but_first(is_it: Callable[[T], object], items: Iterable[T]) -> Iterator[T]:
    """The items without the first one that is it: what a core does that leaves out only one."""
    is_found = False
    for item in items:
        if is_found or not is_it(item):
            yield item
        else:
            is_found = True


def first_changed(
    is_it: Callable[[T], object], change: Callable[[T], T], items: Iterable[T]
) -> Iterator[T]:
    """The items with only the first one changed that is it."""
    is_found = False
    for item in items:
        if is_found or not is_it(item):
            yield item
        else:
            is_found = True
            yield change(item)


HELPERS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {**ROUNDINGS, "all_but_first": all_but_first, "first_changed": first_changed}
)
"""The functions by the names that edited sources know them by."""
