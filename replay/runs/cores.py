"""The cores that the settings name, and the command that shows a finding again on them."""

from __future__ import annotations

from collections.abc import Callable

from replay.safe_text import quoted
from replay.settings import Settings
from replay.targets.pair import PairSpec


def pair_of(settings: Settings) -> PairSpec:
    """The two cores. Raises TargetError where there is no shadow."""
    return PairSpec(settings.authority, settings.needed_shadow, settings.timeout)


def repro_command(settings: Settings) -> Callable[[str], str]:
    """What makes the command to copy from a finding's ID: with whatever was not the default."""
    options = [f"--{name} {quoted(value)}" for name, value in settings.explicit.items()]

    def command(finding: str) -> str:
        return " ".join(["doge-replay", "repro", finding, *options])

    return command
