"""Documents as MessagePack: the one way in which the corpus, the store and the wire write values.

MessagePack has no integer beyond 64 bits but JSON has; such a one is extension type 1 with its
decimal digits (docs/replay-method.md, "Values").
"""

from __future__ import annotations

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


def _unpack_extension(code: int, data: bytes) -> int:
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
            data, raw=False, strict_map_key=True, ext_hook=_unpack_extension, use_list=True
        )
    except (msgpack.UnpackException, msgpack.ExtraData, RecursionError) as error:
        raise ValueError(f"not one MessagePack value: {type(error).__name__}") from error
