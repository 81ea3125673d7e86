"""Documents as MessagePack: the one way in which the corpus, the store and the wire write values.

MessagePack has no integer beyond 64 bits but JSON has; such a one is extension type 1 with its
decimal digits (docs/replay-method.md, "Values").
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import msgpack

BIG_INTEGER = 1
"""The extension type of an integer outside 64 bits."""

MAX_DIGITS = 4000
"""A longer integer is refused when read: Python itself stops at 4300 digits."""


def _pack_beyond(value: object) -> object:
    if isinstance(value, int):
        return msgpack.ExtType(BIG_INTEGER, str(value).encode())
    raise TypeError(f"{type(value).__name__} is no JSON value")


def unpack_extension(code: int, data: bytes) -> int:
    """An extension type as the value that it stands for. Raises ValueError for a foreign one."""
    if code != BIG_INTEGER or len(data) > MAX_DIGITS:
        raise ValueError(f"extension type {code} with {len(data)} bytes is no integer")
    return int(data)


def pack(value: Any) -> bytes:
    """Packs a JSON value (tuples count as arrays). Raises TypeError for anything else, and
    UnicodeEncodeError for a text with lone surrogates."""
    packed: bytes = msgpack.packb(value, use_bin_type=True, default=_pack_beyond)
    return packed


def unpack(data: bytes) -> Any:
    """The value that `pack` packed; arrays come back as lists.

    Raises ValueError where `data` is not exactly one value.
    """
    try:
        return msgpack.unpackb(
            data, raw=False, strict_map_key=True, ext_hook=unpack_extension, use_list=True
        )
    except (msgpack.UnpackException, msgpack.ExtraData, RecursionError) as error:
        raise ValueError(f"not one MessagePack value: {type(error).__name__}") from error


def unpack_all(data: bytes) -> list[Any]:
    """The values that stand back to back in `data`. Raises ValueError where it is cut off."""
    unpacker = msgpack.Unpacker(
        raw=False,
        strict_map_key=True,
        ext_hook=unpack_extension,
        use_list=True,
        max_buffer_size=len(data) + 1,
    )
    unpacker.feed(data)
    try:
        values = list(unpacker)
    except (msgpack.UnpackException, RecursionError) as error:
        raise ValueError(f"not MessagePack values: {type(error).__name__}") from error
    if unpacker.tell() != len(data):
        raise ValueError(f"{len(data) - unpacker.tell()} bytes are left over after the last value")
    return values


def pack_canonical(value: Any) -> bytes:
    """Packs a JSON value so that equal documents give equal bytes: the keys of its maps are sorted.

    1 and 1.0 are different documents, and so are 0.0 and -0.0. Raises what `pack` raises.
    """
    return pack(_sorted(value))


_SCALARS = frozenset({type(None), bool, int, float, str})
_key = operator.itemgetter(0)


def _sorted(value: Any) -> Any:
    # Nearly all there is are dicts, lists and scalars of exactly these types, and asking for those
    # is many times as quick as asking what a value is an instance of.
    if isinstance(value, dict | Mapping):
        return {
            key: inner if type(inner) in _SCALARS else _sorted(inner)
            for key, inner in sorted(value.items(), key=_key)
        }
    if isinstance(value, list | tuple):
        return [inner if type(inner) in _SCALARS else _sorted(inner) for inner in value]
    return value
