"""The arguments of a call by their places in the contract, however a bot passed them.

A module's own function may name its parameters as it likes, take some of them as `*args` or
`**kwargs` (a decorator does), and have defaults for others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import Parameter, Signature
from typing import Any

TRANSITION, CHECK, REGIME = range(3)

NAMES: Mapping[int, tuple[str, ...]] = {
    TRANSITION: ("state", "event", "config", "order_size_usd", "order_sizes"),
    CHECK: ("state",),
    REGIME: ("state", "local_id", "regime"),
}
"""What the contract calls the parameters of each kind of call."""


def in_order(
    kind: int, known: Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[Any]:
    """The arguments of a call, as many as the contract has; None for one that was not given.

    Raises TypeError where the call does not fit the signature.
    """
    bound = known.bind(*args, **kwargs)
    bound.apply_defaults()
    given: list[Any] = []
    by_name: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        match known.parameters[name].kind:
            case Parameter.VAR_POSITIONAL:
                given += value
            case Parameter.VAR_KEYWORD:
                by_name |= value
            case Parameter.KEYWORD_ONLY if name in NAMES[kind]:
                by_name[name] = value
            case _:
                given.append(value)
    missing = NAMES[kind][len(given) :]
    return [*given, *map(by_name.get, missing)][: len(NAMES[kind])]
