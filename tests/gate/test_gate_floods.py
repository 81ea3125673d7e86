"""Floods of one fault, and calls that were dropped while the process was started again, all with a
journal."""

from __future__ import annotations

import datetime
import json
import time
from pathlib import Path
from typing import Any

import pytest
from shadowed import (
    ENTRIES,
    EXAMPLES,
    EXITS,
    FAULTY,
    faulty_shadow,
    hash_of,
    marked_journal,
    write_live,
)
from telemetry_makers import TWO_DAYS, Bot, compact, cores_of, write

from replay.explaining.claims.explanations import NO_EXPLANATIONS, parse_explanations
from replay.findings.severity import Severity
from replay.gate.criteria.matching import Matching, match
from replay.gate.journals import Bucket, Differing, Mark, Replayed, replay_journals
from replay.gate.model import Outcome
from replay.gate.telemetry.clock import Allowance
from replay.gate.telemetry.samples import read_telemetry
from replay.gate.telemetry.timeline import timeline_of
from replay.gate.verdict import GateVerdict, judge
from replay.targets.pair import PairSpec

TODAY = datetime.date(2026, 11, 22)
WRONG = """
from dataclasses import replace

from replay import core
from replay.core import *


def transition(state, event, config, order_size_usd, order_sizes=None):
    after, actions = core.transition(state, event, config, order_size_usd, order_sizes)
    if isinstance(event, core.PriceTick):
        after = replace(after, market_price=after.market_price * 1.5)
    return after, actions
"""


def flooded(folder: Path, many: int) -> tuple[Path, Path]:
    """Two days in which every price tick differs: telemetry and journal."""
    first = json.loads((EXAMPLES / "journal.jsonl").read_text().split("\n")[0])
    bot = Bot()
    lines: list[dict[str, Any]] = []
    each = many // TWO_DAYS + 1
    for _ in range(TWO_DAYS):
        now = min(each, many - len(lines))
        for number in range(now):
            at = bot.now + 1.0 + number * 50.0 / each
            call = {
                "v": 1, "seq": len(lines) + 1, "ts": at, "slot": 0, "method": "transition",
                "event": {"type": "PriceTick", "payload": {"price": 0.053, "timestamp": at}},
                "shadow": {"agreed": False, "error": None},
            }  # fmt: skip
            lines.append({**first, **call} if not lines else call)
        bot.block["transition_checks"] += now
        if now:
            bot.diverge("PriceTick", times=now)
            bot.block["last_divergence_ts"] = lines[-1]["ts"]
        bot.run(1)
    return write_live(folder, lines, bot)


def test_a_flood_is_one_bucket_and_every_line_is_tied(tmp_path: Path) -> None:
    telemetry, journal = flooded(tmp_path, 12_000)
    shadow = write(tmp_path / "wrong.py", WRONG)
    pair = PairSpec("python", str(shadow))
    replayed = replay_journals([journal], pair, NO_EXPLANATIONS, None, today=TODAY)
    verdict = judge(read_telemetry([telemetry]), replayed)
    assert verdict.verdict is Outcome.FAIL
    matching = verdict.matching
    assert (matching.counted, matching.marked, matching.replayed) == (12_000,) * 3
    assert (len(matching.tied), matching.problem_count) == (12_000, 0)
    (bucket,) = replayed.buckets.values()
    assert bucket.occurrences == 12_000
    assert len(json.dumps(verdict.document())) < 200_000


def matched(many: int, allowed: Allowance) -> tuple[Matching, float]:
    """Matches so many divergences, as many again that fit nothing; gives the CPU time of it."""
    bot = Bot()
    marks: list[Mark] = []
    differing: list[Differing] = []
    each = many // TWO_DAYS + 1
    for _ in range(TWO_DAYS):
        for kind, event in (("transition", "PriceTick"), ("invariant", "check_invariants")):
            ats = [bot.now + 1.0 + number * 50.0 / each for number in range(each)]
            for at in ats:
                line = len(marks) + 1
                marks.append(Mark("j", line, at, False, ""))
                differing.append(Differing("j", line, event, kind, "d-00000000"))
        bot.block["transition_checks"] += each
        bot.diverge("PriceTick", times=each)
        bot.block["last_divergence_ts"] = ats[-1]
        bot.run(1)
    bucket = Bucket("d-00000000", "PriceTick", "r", "new", Severity.TEXTS, True, "", False, "",
                    True, False, False, many)  # fmt: skip
    replayed = Replayed(marks=marks, differing=differing, buckets={bucket.id: bucket})
    folder = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/tmp")
    file = write(folder / f"doge-replay-test-{id(bot)}.jsonl", compact(bot.documents))
    try:
        timeline = timeline_of(read_telemetry([file]).samples, allowed)
    finally:
        file.unlink()
    began = time.process_time()
    return match(timeline, replayed, 0), time.process_time() - began


@pytest.mark.parametrize("speed", [1.0, 3_000.0])
def test_matching_a_hundred_thousand_takes_time_in_proportion(speed: float) -> None:
    """Windows of half a day, as in a fast rehearsal, must not be walked through for each sample."""
    allowed = Allowance.at(speed)
    few, short = matched(5_000, allowed)
    many, long = matched(100_000, allowed)
    assert len(many.tied) >= 100_000
    assert len(few.tied) >= 5_000
    # Twenty times as many; walking through them again for each would be four hundred times.
    assert long < 100 * max(short, 0.01)


# --- Dropped calls, and a restart -------------------------------------------------------------


def two_processes(lines: list[dict[str, Any]], *, drop: tuple[int, ...]) -> Bot:
    """Telemetry of a bot that is started again, more than five minutes after its first divergence
    (line 28); the lines of `drop` were not compared."""
    begin = lines[0]["ts"] - 20 * 3600.0
    bot = Bot(begin // 60 * 60, adapter=True)
    bot.cores = cores_of(shadow=hash_of(str(FAULTY)))
    dropped, began_again = 0, False
    left = list(enumerate(lines, 1))
    for _ in range(TWO_DAYS):
        if not began_again and bot.now > lines[27]["ts"] + 420.0:
            bot.restart(20.0)
            began_again, dropped = True, 0
        while left and left[0][1]["ts"] <= bot.now + 60.0:
            number, line = left.pop(0)
            if number in drop:
                line["shadow"] = None
                dropped += 1
            elif not line["shadow"]["agreed"]:
                bot.diverge(line["event"]["type"])
                bot.block["last_divergence_ts"] = line["ts"]
        bot.tick()
        checks = bot.block["transition_checks"] + bot.block["invariant_checks"]
        bot.extra = {"offered": checks + dropped, "compared": checks, "dropped": dropped}
        bot.sample()
    return bot


def judged(tmp_path: Path, drop: tuple[int, ...], *, lose: bool = False) -> GateVerdict:
    lines = marked_journal(faulty_shadow())
    bot = two_processes(lines, drop=drop)
    for number in drop if lose else ():
        lines[number - 1]["shadow"] = {"agreed": True, "error": None}
    telemetry, journal = write_live(tmp_path, lines, bot)
    pair = PairSpec("python", str(FAULTY))
    replayed = replay_journals(
        [journal], pair, parse_explanations(ENTRIES + EXITS), None, today=TODAY
    )
    return judge(read_telemetry([telemetry]), replayed)


def test_dropped_calls_and_a_restart_pass_where_the_journal_makes_up_for_them(
    tmp_path: Path,
) -> None:
    """Line 116 differs and was dropped, so no counter counted it; the replay finds it."""
    verdict = judged(tmp_path, (30, 31, 116))
    assert verdict.verdict is Outcome.PASS, verdict.needed
    assert verdict.timeline.restarts == 1
    matching = verdict.matching
    assert (matching.counted, matching.marked, matching.replayed) == (5, 5, 6)
    assert "1 lines differ now that were not compared live" in matching.notes


def test_a_line_that_is_marked_as_agreeing_was_not_dropped(tmp_path: Path) -> None:
    verdict = judged(tmp_path, (30, 31, 116), lose=True)
    assert verdict.verdict is Outcome.INCONCLUSIVE
    assert any(":116 (FillEvent) differs now" in one for one in verdict.matching.problems)


@pytest.mark.parametrize("caught_up", [True, False])
def test_in_a_rehearsal_too_what_was_not_counted_at_the_end_is_told(
    tmp_path: Path, caught_up: bool
) -> None:
    """Where the last sample says that nothing was under way; else it may only have been late."""
    bot = Bot(adapter=True).run(600)
    if not caught_up:
        block = bot.documents[-1]["state_machine_shadow"]
        block["adapter"]["offered"] += 5
    file = write(tmp_path / "t.jsonl", compact(bot.documents))
    timeline = timeline_of(read_telemetry([file]).samples, Allowance.at(3_000.0))
    mark = Mark("j", 1, bot.now - 600.0, False, "")
    differing = Differing("j", 1, "PriceTick", "transition", "d-00000000")
    matching = match(timeline, Replayed(marks=[mark], differing=[differing]), 0)
    assert bool(matching.problem_count) is caught_up
    assert bool(matching.notes) is not caught_up
