"""What each switch of the port is: the truth that a search for causes is held against.

A switch is a line in the table of one half and an `on("name")` in port.py. Both halves are kept
apart, so that a search can be measured on switches that its author had not seen.
"""

from __future__ import annotations

from support.ports.first_half import FIRST_HALF
from support.ports.second_half import SECOND_HALF
from support.ports.switch import Switch

__all__ = ["FIRST_HALF", "SECOND_HALF", "SWITCHES", "Switch"]

SWITCHES = {switch.name: switch for switch in (*FIRST_HALF, *SECOND_HALF)}
