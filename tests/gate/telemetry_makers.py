"""Telemetry for the tests: a bot that counts, sampled by the runbook's loop, and its troubles."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import replay.core
from replay.targets.python.source_files import source_files

BEGIN = 1_795_338_000  # 2026-11-22T09:00:00Z
TWO_DAYS = 2_880
TIMEOUT = "timeout: no answer within 5.0 s"
UNSTARTABLE = "unstartable: [Errno 2] No such file or directory: '/opt/doge/doge-core-exe'"


def stamp(at: float) -> str:
    """As `date -u +%Y-%m-%dT%H:%M:%SZ` writes it."""
    return datetime.datetime.fromtimestamp(int(at), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


OUR_CORE = source_files(Path(replay.core.__file__)).sha256()
"""What our Python core is known by, which answers the bot where nothing else is said."""


def cores_of(shadow: str = "5" * 64, authority: str = OUR_CORE) -> dict[str, Any]:
    """What the adapter tells of both cores, which have these hashes."""
    return {
        side: {"path": f"/opt/{side}", "sha256": digest, "on_disk": digest, "version": "1.0",
               "changes": 0}
        for side, digest in (("authority", authority), ("shadow", shadow))
    }  # fmt: skip


class Bot:
    """A bot and the loop that samples it. `documents` are the samples so far."""

    def __init__(self, begin: float = BEGIN, *, adapter: bool = False, a_minute: int = 24) -> None:
        self.now = begin
        self.adapter = adapter
        self.a_minute = a_minute
        self.documents: list[Any] = []
        self.step = 60.0
        self.extra: dict[str, Any] = {}
        self.cores: dict[str, Any] | None = cores_of()
        self._number = 0
        self._process(begin)

    def _process(self, at: float) -> None:
        self.started = at
        self.block: dict[str, Any] = {
            "enabled": True,
            "executable_available": True,
            "transition_checks": 0,
            "invariant_checks": 0,
            "transition_divergences": 0,
            "invariant_divergences": 0,
            "total_divergences": 0,
            "shadow_failures": 0,
            "last_divergence_ts": None,
            "last_divergence_kind": "",
            "last_divergence_event": "",
            "last_shadow_error": "",
        }

    def tick(self, minutes: int = 1) -> Bot:
        """Time goes by, without samples."""
        for _ in range(minutes):
            self.now += self.step
            self._number += 1
            self.block["transition_checks"] += self.a_minute + self._number * 7 % 5
            self.block["invariant_checks"] += 2
        return self

    def run(self, minutes: int) -> Bot:
        """So many minutes with a sample each."""
        for _ in range(minutes):
            self.tick()
            self.sample()
        return self

    def sample(self, **changes: Any) -> Bot:
        """One sample, now."""
        block = {**self.block, **changes}
        if self.cores is not None:
            block["adapter"] = {"cores": self.cores}
        if self.adapter:
            offered = block["transition_checks"] + block["invariant_checks"]
            block["adapter"] = {
                "started": self.started,
                "backend": "python",
                "offered": offered,
                "compared": offered,
                "dropped": 0,
                "failed": 0,
                "queue_max": 3,
                "queue_limit": 4096,
                "latency": {
                    "bare": {"p50": 40e-6, "p99": 180e-6},
                    "whole": {"p50": 43e-6, "p99": 190e-6},
                },
                "cores": self.cores,
                **self.extra,
            }
        self.documents.append(
            {"ts": stamp(self.now), "mode": "live", "top_phase": "S1a",
             "state_machine_shadow": block}
        )  # fmt: skip
        return self

    def null(self) -> Bot:
        """A minute in which the bot answered without its block."""
        self.now += self.step
        self.documents.append(
            {"ts": stamp(self.now), "mode": "init", "top_phase": None, "state_machine_shadow": None}
        )
        return self

    def diverge(self, event: str = "FillEvent", kind: str = "transition", times: int = 1) -> Bot:
        """Divergences within the minute to come."""
        self.block[f"{kind}_divergences"] += times
        self.block["total_divergences"] += times
        self.block["last_divergence_ts"] = self.now + 30.5
        self.block["last_divergence_kind"] = kind
        self.block["last_divergence_event"] = event
        return self

    def fail(self, times: int = 1, error: str = TIMEOUT) -> Bot:
        """Failures within the minute to come."""
        self.block["shadow_failures"] += times
        self.block["last_shadow_error"] = error
        return self

    def restart(self, down: float = 20.0) -> Bot:
        """Another process, after so many seconds."""
        self.now += down
        self._process(self.now)
        return self


def compact(documents: Iterable[Any]) -> str:
    """One a line, as `jq -c`."""
    return "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in documents)


def pretty(documents: Iterable[Any]) -> str:
    """Over many lines, as jq writes by itself."""
    return "".join(json.dumps(one, indent=2) + "\n" for one in documents)


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path
