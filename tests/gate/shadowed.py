"""A journal with what a live shadow said of each line, and the telemetry of the same two days."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from telemetry_makers import TWO_DAYS, Bot, cores_of, pretty, write

from replay import core
from replay.targets.open import open_target

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FAULTY = EXAMPLES / "forgets_fees.py"
ENTRIES = """
version = 1

[[explanation]]
name = "fees of entries are forgotten"
reason = "forgets_fees.py leaves total_fees as it was when an order is filled."
signed = "Ada Lovelace <ada@example.org>"
date = 2026-11-22
event = "FillEvent"
rule = "entry fill"
fields = ["state.total_fees"]
where = "shadow == state.total_fees"

[explanation.deviation]
in = ["_entry_filled"]
replace = "total_fees=state.total_fees + event.fee"
with = "total_fees=state.total_fees"
"""
EXITS = """
[[explanation]]
name = "fees of exits are forgotten"
reason = "The same fault where a cycle is booked."
signed = "Ada Lovelace <ada@example.org>"
date = 2026-11-22
event = "FillEvent"
rule = "book a cycle"
fields = ["state.total_fees"]

[explanation.deviation]
in = ["_book"]
replace = "total_fees=state.total_fees + fee"
with = "total_fees=state.total_fees"
"""
NOTE = """
[[explanation]]
name = "fees of exits are forgotten, too"
reason = "The same fault where a cycle is booked."
signed = "Ada Lovelace <ada@example.org>"
date = 2026-11-22
buckets = ["d-6e01b049"]
"""


def marked_journal(shadow: Any) -> list[dict[str, Any]]:
    """The example's journal, each line compared with a shadow as a live bot would do it."""
    lines = [json.loads(line) for line in (EXAMPLES / "journal.jsonl").read_text().splitlines()]
    state: Any = None
    config: Any = None
    size: Any = None
    sizes: Any = None
    for line in lines:
        if "state" in line:
            state = core.from_dict(line["state"])
            config = core.config_from_dict(line["config"])
            size = core.order_size_from(line["order_size_usd"])
            sizes = core.order_sizes_from(line["order_sizes"])
        state = core.patch_state(state, line.get("patch", {}))
        event = core.event_from_dict(line["event"]["payload"])
        ours, actions = core.transition(state, event, config, size, sizes)
        theirs, other = shadow.transition(state, event, config, size, sizes)
        line["shadow"] = {"agreed": (ours, actions) == (theirs, other), "error": None}
        state = ours
    return lines


def two_days(
    lines: list[dict[str, Any]],
    *,
    before: float = 20.0,
    minutes: int = TWO_DAYS,
    shadow: str = str(FAULTY),
) -> Bot:
    """Two days of telemetry around a journal, from so many hours before it, whose counters count
    what is marked in it, of a bot beside that shadow."""
    begin = lines[0]["ts"] - before * 3600.0
    bot = Bot(begin // 60 * 60)
    bot.cores = cores_of(shadow=hash_of(shadow))
    for _ in range(minutes):
        minute = [line for line in lines if bot.now < line["ts"] <= bot.now + 60.0]
        for line in minute:
            if not line["shadow"]["agreed"]:
                bot.diverge(line["event"]["type"])
                bot.block["last_divergence_ts"] = line["ts"]
        bot.run(1)
    return bot


def hash_of(shadow: str) -> str:
    """The SHA-256 that a shadow is known by."""
    target = open_target(shadow, timeout=60.0)
    target.close()
    return target.identity.sha256


def faulty_shadow() -> Any:
    """examples/forgets_fees.py as a module."""
    names: dict[str, Any] = {"__name__": "forgets_fees"}
    exec(compile(FAULTY.read_text(), str(FAULTY), "exec"), names)
    return type("Module", (), {"transition": staticmethod(names["transition"])})


def write_live(folder: Path, lines: list[dict[str, Any]], bot: Bot) -> tuple[Path, Path]:
    """The telemetry and the journal as files."""
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    telemetry = write(folder / "state_machine_shadow_20260126T000000Z.jsonl", pretty(bot.documents))
    return telemetry, write(folder / "events_20260126T000000Z.jsonl", text)
