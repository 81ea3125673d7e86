"""Counters, the marks in a real journal, and its replay: where they agree, and where not."""

from __future__ import annotations

import datetime
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from shadowed import (
    ENTRIES,
    EXITS,
    FAULTY,
    NOTE,
    faulty_shadow,
    marked_journal,
    two_days,
    write_live,
)
from telemetry_makers import Bot

from replay import core
from replay.explaining.claims.explanations import parse_explanations
from replay.gate.journals import Replayed, replay_journals
from replay.gate.model import Outcome
from replay.gate.package.record import record_document, record_of
from replay.gate.telemetry.samples import read_telemetry
from replay.gate.verdict import GateVerdict, judge
from replay.targets.pair import PairSpec

TODAY = datetime.date(2026, 11, 22)
BOTH = ENTRIES + EXITS


@pytest.fixture(scope="session")
def live() -> tuple[str, str]:
    """Lines and samples of two days with the faulty shadow, as JSON."""
    lines = marked_journal(faulty_shadow())
    return json.dumps(lines), json.dumps(two_days(lines).documents)


Gate = Callable[..., GateVerdict]
Replay = Callable[..., Replayed]


@pytest.fixture(scope="session")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """Replays a journal; the same one on the same cores only once in a session, since the verdict
    is made of what came of it without changing that."""
    folder = tmp_path_factory.mktemp("journals")
    done: dict[tuple[str, str, str], Replayed] = {}

    def run(lines: list[Any], explanations: str = BOTH, shadow: str = str(FAULTY)) -> Replayed:
        key = (json.dumps(lines), explanations, shadow)
        if key not in done:
            where = folder / str(len(done))
            where.mkdir()
            _, journal = write_live(where, lines, Bot())
            pair = PairSpec("python", shadow)
            done[key] = replay_journals(
                [journal], pair, parse_explanations(explanations), None, today=TODAY
            )
        return done[key]

    return run


@pytest.fixture
def gate(live: tuple[str, str], replay: Replay, tmp_path: Path) -> Gate:
    """Runs the gate on the two days, changed by `change(lines, bot)`."""

    def run(
        change: Callable[[list[Any], Bot], None] = lambda lines, bot: None,
        explanations: str = BOTH,
        shadow: str = str(FAULTY),
    ) -> GateVerdict:
        lines, bot = json.loads(live[0]), Bot()
        bot.documents = json.loads(live[1])
        change(lines, bot)
        telemetry, _ = write_live(tmp_path, lines, bot)
        return judge(read_telemetry([telemetry]), replay(lines, explanations, shadow))

    return run


def outcomes(verdict: GateVerdict) -> dict[str, Outcome]:
    return {one.key: one.outcome for one in verdict.criteria}


def test_two_days_with_every_divergence_tied_and_explained_pass(gate: Gate) -> None:
    verdict = gate()
    assert verdict.verdict is Outcome.PASS
    assert (verdict.matching.counted, verdict.matching.marked, verdict.matching.replayed) == (
        6,
    ) * 3
    assert [one.mark.line for one in verdict.matching.tied] == [28, 103, 116, 142, 152, 174]
    assert {one.differing.bucket for one in verdict.matching.tied} == {"d-b96bf98f", "d-6e01b049"}
    assert verdict.needed == ()
    fills = next(bound for bound in verdict.bounds if bound.event == "FillEvent")
    assert (fills.checks, fills.diverged) == (6, 6)


def test_the_same_without_an_explanation_fail(gate: Gate) -> None:
    verdict = gate(explanations=ENTRIES)
    assert verdict.verdict is Outcome.FAIL
    assert outcomes(verdict)["fail 2"] is Outcome.FAIL
    assert outcomes(verdict)["pass 4"] is Outcome.INCONCLUSIVE
    assert "d-6e01b049 is explained and triaged" in verdict.needed


def test_a_note_is_not_enough_for_a_repeated_one_on_the_hot_path(gate: Gate) -> None:
    verdict = gate(explanations=ENTRIES + NOTE)
    assert verdict.verdict is Outcome.FAIL
    assert outcomes(verdict)["fail 2"] is Outcome.FAIL
    assert outcomes(verdict)["pass 4"] is Outcome.PASS


def test_a_false_explanation_explains_nothing(gate: Gate) -> None:
    wrong = BOTH.replace('with = "total_fees=state.total_fees"',
                         'with = "total_fees=state.total_fees + 1.0"')  # fmt: skip
    assert gate(explanations=wrong).verdict is Outcome.FAIL


def test_a_lost_line_of_the_journal_passes_nothing(gate: Gate) -> None:
    def lose(lines: list[Any], bot: Bot) -> None:
        del lines[115]

    verdict = gate(lose)
    assert verdict.verdict is Outcome.FAIL
    assert verdict.matching.marked == 5
    assert verdict.matching.problem_count == 4
    assert any("marked on no line" in problem for problem in verdict.matching.problems)


def test_an_unmarked_line_that_differs_is_said(gate: Gate) -> None:
    def unmark(lines: list[Any], bot: Bot) -> None:
        lines[115]["shadow"] = {"agreed": True, "error": None}

    verdict = gate(unmark)
    assert verdict.verdict is Outcome.INCONCLUSIVE
    assert any("differs now (d-6e01b049), and no counter" in one
               for one in verdict.matching.problems)  # fmt: skip


def test_a_counter_that_counts_one_more_is_not_believed(gate: Gate) -> None:
    def count(lines: list[Any], bot: Bot) -> None:
        for document in bot.documents[2000:]:
            document["state_machine_shadow"]["transition_divergences"] += 1
            document["state_machine_shadow"]["total_divergences"] += 1

    verdict = gate(count)
    assert verdict.verdict is Outcome.INCONCLUSIVE
    assert verdict.matching.counted == 7
    assert verdict.matching.untied[0][1] == 1


def test_counters_that_count_nothing_are_not_believed(gate: Gate) -> None:
    def forget(lines: list[Any], bot: Bot) -> None:
        for document in bot.documents:
            document["state_machine_shadow"] |= {
                "transition_divergences": 0, "total_divergences": 0, "last_divergence_ts": None,
                "last_divergence_event": "", "last_divergence_kind": "",
            }  # fmt: skip

    verdict = gate(forget)
    assert verdict.verdict is Outcome.INCONCLUSIVE
    assert all("no sample counts it" in one for one in verdict.matching.problems)


def test_another_event_than_the_journal_s_is_not_believed(gate: Gate) -> None:
    def rename(lines: list[Any], bot: Bot) -> None:
        for document in bot.documents:
            block = document["state_machine_shadow"]
            block["last_divergence_event"] = block["last_divergence_event"] and "TimerTick"

    verdict = gate(rename)
    assert verdict.verdict is Outcome.FAIL  # so often it names TimerTick, and nothing explains that
    assert "names TimerTick (transition) as the last divergence" in verdict.matching.problems[0]


def test_another_kind_than_the_journal_s_is_not_believed(gate: Gate) -> None:
    def swap(lines: list[Any], bot: Bot) -> None:
        for document in bot.documents:
            block = document["state_machine_shadow"]
            block["invariant_divergences"] = block["transition_divergences"]
            block["transition_divergences"] = 0
            block["last_divergence_kind"] = "invariant"

    assert gate(swap).verdict is Outcome.FAIL


def test_a_journal_of_another_hour_is_not_believed(gate: Gate) -> None:
    def move(lines: list[Any], bot: Bot) -> None:
        for line in lines:
            line["ts"] += 3600.0

    verdict = gate(move)
    assert verdict.verdict is Outcome.FAIL
    assert len(verdict.matching.tied) == 0


def test_an_executable_that_agrees_now_reproduces_nothing(gate: Gate) -> None:
    verdict = gate(shadow="python")
    assert verdict.verdict is Outcome.FAIL
    assert verdict.matching.replayed == 0
    assert "the cores do not differ on it now" in verdict.matching.problems[0]


def test_a_clean_shadow_with_its_journal_passes(gate: Gate, core_exe: str) -> None:
    def mend(lines: list[Any], bot: Bot) -> None:
        lines[:] = marked_journal(core)
        bot.documents[:] = two_days(lines, shadow=core_exe).documents

    verdict = gate(mend, shadow=core_exe)
    assert verdict.verdict is Outcome.PASS
    assert verdict.replayed is not None
    assert verdict.replayed.steps.total() == 207


def test_failures_that_only_the_journal_knows_of_are_not_passed(gate: Gate) -> None:
    def fail(lines: list[Any], bot: Bot) -> None:
        lines[40]["shadow"] = {"agreed": False, "error": "timeout"}

    verdict = gate(fail)
    assert outcomes(verdict)["pass 1"] is Outcome.INCONCLUSIVE
    assert verdict.verdict is Outcome.INCONCLUSIVE


def test_the_same_journal_given_twice_counts_once(gate: Gate, tmp_path: Path) -> None:
    gate()
    journal = tmp_path / "events_20260126T000000Z.jsonl"
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(journal.read_bytes())
    replayed = replay_journals(
        [journal, copy],
        PairSpec("python", str(FAULTY)),
        parse_explanations(BOTH),
        None,
        today=TODAY,
    )
    telemetry = read_telemetry([tmp_path / "state_machine_shadow_20260126T000000Z.jsonl"])
    verdict = judge(telemetry, replayed)
    assert replayed.doubled == 207
    assert (verdict.matching.marked, verdict.matching.replayed) == (6, 6)
    assert verdict.verdict is Outcome.PASS
    # The same witnesses, of a bot that another authority answered.
    assert replayed.authority is not None
    other = replace(replayed.authority, path="bot/core.py", sha256="b" * 64)
    strange = judge(telemetry, replace(replayed, authority=other))
    assert strange.verdict is Outcome.INCONCLUSIVE
    (cores,) = [one for one in strange.criteria if one.outcome is not Outcome.PASS]
    assert "this is about the authority bot/core.py (bbbbbbbbbbbb), and /opt/authority" in cores.why
    assert "answered the bot" in cores.why
    # Evidence of an edition that did not ask is judged again as it was.
    former = judge(telemetry, replace(replayed, authority=other), edition=3)
    assert former.verdict is Outcome.PASS


def test_a_journal_of_other_cores_than_the_telemetry_names_passes_nothing(
    live: tuple[str, str], gate: Gate
) -> None:
    """Of the same time it is a core that changed; of another time, a journal of another bot."""
    block = json.loads(live[1])[-1]["state_machine_shadow"]
    ran = {side: core["sha256"] for side, core in block["adapter"]["cores"].items()}

    def name(lines: list[Any], bot: Bot) -> None:
        lines[0]["cores"] = ran
        lines[1:] = [{**lines[0], "slot": 9, "cores": {**ran, "shadow": "c" * 64}}]

    read = gate(name)
    assert read.replayed is not None
    assert record_of(record_document(read.replayed)).recorded == read.replayed.recorded
    other, same = sorted(read.replayed.recorded, key=lambda one: one.shadow == ran["shadow"])
    assert (same.authority, same.shadow, same.lines) == (ran["authority"], ran["shadow"], 1)
    assert other.begin == same.begin
    long_ago = other._replace(begin=1e9, end=1e9 + 60.0)
    words = f"the journal names the shadow cccccccccccc where {ran['shadow'][:12]} ran (1 line, "
    changed = other._replace(authority="d" * 64, shadow="")
    for recorded, outcome, said in (
        (same, Outcome.PASS, ""),
        (other, Outcome.FAIL, words),
        (other._replace(begin=None, end=None), Outcome.FAIL, words),
        (long_ago, Outcome.INCONCLUSIVE, words),
        (changed, Outcome.FAIL, "the journal names the authority dddddddddddd where "),
    ):
        replayed = replace(read.replayed, recorded=(same, recorded))
        (cores,) = (one for one in judge(read.telemetry, replayed).criteria if one.key == "cores")
        assert cores.outcome is outcome
        assert said in cores.why
    # An edition that did not ask does not ask now.
    assert outcomes(judge(read.telemetry, read.replayed, edition=4))["cores"] is Outcome.PASS


# --- More evidence ----------------------------------------------------------------------------


def test_cores_that_are_not_those_that_ran_soften_nothing(
    live: tuple[str, str], gate: Gate
) -> None:
    """The journal's marks are shown by no replay: then what was counted stands as it was."""
    bot = Bot()
    bot.documents = json.loads(live[1])
    alone = judge_documents(bot)
    beside = gate(shadow="python")
    assert alone.verdict is Outcome.FAIL
    assert_no_softer(alone, beside)
    told = {one.key: one.why for one in beside.criteria}
    assert "are these the cores that ran?" in told["fail 2"]


@pytest.mark.parametrize(("explanations", "kept"), [("", 1), (EXITS, 1), (BOTH, 2), (BOTH, 5)])
def test_part_of_a_journal_softens_only_what_was_run_and_explained(
    live: tuple[str, str], gate: Gate, explanations: str, kept: int
) -> None:
    """Every `kept`-th line of the journal: what it does not show is counted all the same."""
    bot = Bot()
    bot.documents = json.loads(live[1])

    def thinned(lines: list[Any], bot: Bot) -> None:
        lines[:] = lines[::kept]

    assert_no_softer(judge_documents(bot), gate(thinned, explanations))


def judge_documents(bot: Bot) -> GateVerdict:
    with tempfile.TemporaryDirectory() as folder:
        telemetry, _ = write_live(Path(folder), [], bot)
        return judge(read_telemetry([telemetry]), None)


def assert_no_softer(alone: GateVerdict, beside: GateVerdict) -> None:
    """No criterion that failed is better with more evidence, unless all of its event is explained
    by what was run."""
    before, after = outcomes(alone), outcomes(beside)
    assert [key for key, one in before.items() if one is Outcome.FAIL and after[key] is Outcome.PASS
            ] == []  # fmt: skip
    assert before["fail 2"] is after["fail 2"] is Outcome.FAIL
    assert beside.verdict is Outcome.FAIL
