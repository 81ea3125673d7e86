"""The settings in force at a step, as both cores read them (docs/replay-method.md, "Reading the
inputs of a step")."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from replay.core import (
    CoreError,
    EngineConfig,
    config_from_dict,
    order_size_from,
    order_sizes_from,
)
from replay.streams.model import Document, Start, Step


class Settings:
    """Config and sizes in force. They are read when somebody asks, by our own core's readers; what
    cannot be read leaves in force what was there."""

    __slots__ = ("_depth", "_documents", "_former", "_read")

    def __init__(self, documents: Mapping[str, Document], former: Settings | None = None) -> None:
        """`documents` may have `config`, `order_size_usd` and `order_sizes` as they were set;
        those that it has not are the former ones."""
        self._documents = documents
        self._former = former
        self._depth: int = 0 if former is None else former._depth + 1
        self._read: dict[str, Any] = {}
        if self._depth > MAX_DEPTH:
            self._forget_former()

    @classmethod
    def of(cls, start: Start) -> Settings:
        """Those that a stream begins with."""
        return cls(start._asdict())

    def after(self, changes: Mapping[str, Document]) -> Settings:
        """Those in force after something was set from outside."""
        return Settings(changes, self) if changes.keys() & _NAMES else self

    @property
    def config(self) -> EngineConfig | None:
        """The config with the defaults of what it leaves out; None where none could be read."""
        config: EngineConfig | None = self._value("config", config_from_dict)
        return config

    @property
    def size(self) -> float | None:
        """The common size in USD; None where none could be read."""
        size: float | None = self._value("order_size_usd", order_size_from)
        return size

    @property
    def sizes(self) -> Mapping[str, float]:
        """The sizes of the trades that have their own."""
        return self._value("order_sizes", order_sizes_from) or {}

    def _forget_former(self) -> None:
        """Reads all there is, so that a stream with ever new settings does not hold on to them."""
        _ = self.config, self.size, self.sizes
        self._former, self._depth = None, 0

    def _value(self, name: str, read: Callable[[Document], Any]) -> Any:
        if name not in self._read:
            self._read[name] = self._worked_out(name, read)
        return self._read[name]

    def _worked_out(self, name: str, read: Callable[[Document], Any]) -> Any:
        here: Settings | None = self
        while here is not None:
            if name in here._read:
                return here._read[name]
            if name in here._documents:
                try:
                    return read(here._documents[name])
                except CoreError:
                    pass
            here = here._former
        return None


MAX_DEPTH = 8
"""How many settings that were set before are kept, for where the newer ones cannot be read."""

_NAMES = frozenset({"config", "order_size_usd", "order_sizes"})


def settings_at(start: Start, steps: Sequence[Step], place: int) -> Settings:
    """The settings in force at the call of a step of a stream."""
    settings = Settings.of(start)
    for step in steps[: place + 1]:
        if step.changes is not None:
            settings = settings.after(step.changes)
    return settings
