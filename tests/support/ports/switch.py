"""What is said of a switch of the port, and how a table of switches is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Switch:
    """One difference. `kind` is edit, reading, writing or condition; `where` the function of the
    reducer (in our core's names), or the field or document, that it sits in; `known_from` where
    ports are known to differ so."""

    name: str
    kind: str
    where: str
    says: str
    known_from: str = ""


def table(text: str) -> tuple[Switch, ...]:
    """Switches, a line each; a line further in says where the one before it is known from."""
    switches: list[Switch] = []
    for line in text.strip().splitlines():
        if line.startswith(" "):
            name, kind, where, says, _ = vars(switches.pop()).values()
            switches.append(Switch(name, kind, where, says, line.strip()))
        else:
            switches.append(Switch(*(part.strip() for part in line.split("|"))))
    return tuple(switches)
