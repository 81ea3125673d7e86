"""What the pages show of a running bot: one document, asked for whenever somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class StatusSource(Protocol):
    """A bot, as far as the web knows it."""

    def status(self) -> Mapping[str, Any] | None:
        """What `/api/status` answers, made now; None while there is nothing to tell.

        `mode`, `pair`, `top_phase` and `state_machine_shadow` are as the runbook reads them (the
        last is null while the bot starts), `slots` and `clock` may follow. Called from a thread of
        the web server's, at any moment and several times at once, so it must be quick and safe to
        call beside the bot. Whatever it raises becomes a 503.
        """
