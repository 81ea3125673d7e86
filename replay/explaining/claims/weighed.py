"""What steps say of explanations, as it is counted and told; apart from what weighs them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Weighed:
    """What steps say of explanations, by name: at how many each was needed, and how many speak
    against it, with the first of these in words."""

    needed: Counter[str] = field(default_factory=Counter)
    against: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, other: Weighed) -> None:
        """Takes in what other steps said."""
        self.needed.update(other.needed)
        self.against.update(other.against)
        self.first = {**other.first, **self.first}

    def speaks_against(self, name: str, call: str, origin: str) -> None:
        """Counts a step that speaks against an explanation, a call of that name."""
        self.against[name] += 1
        self.first.setdefault(name, f"{call} of {origin}")
