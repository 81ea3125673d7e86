"""Telemetry files with every fault, each with the verdict that an operator would give by hand.

Each case is a function that writes files; its name ends with the verdict.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from telemetry_makers import (
    BEGIN,
    TWO_DAYS,
    UNSTARTABLE,
    Bot,
    compact,
    cores_of,
    pretty,
    stamp,
    write,
)

from replay.gate.model import Outcome
from replay.gate.telemetry.samples import read_telemetry
from replay.gate.verdict import GateVerdict, judge
from replay.streams.zstd_frames import zstd_packed

Case = Callable[[Path], object]
CASES: list[Case] = []
ENDINGS = {"passes": Outcome.PASS, "fails": Outcome.FAIL, "is_inconclusive": Outcome.INCONCLUSIVE}


def case(function: Case) -> Case:
    CASES.append(function)
    return function


def put(folder: Path, text: str | bytes, name: str = "t.jsonl") -> None:
    write(folder / name, text)


def verdict_of(folder: Path) -> GateVerdict:
    return judge(read_telemetry([folder]))


def expected(function: Case) -> Outcome:
    return next(one for end, one in ENDINGS.items() if function.__name__.endswith(f"_{end}"))


# --- How it is written ------------------------------------------------------------------------


@case
def two_days_on_lines_of_their_own_passes(folder: Path) -> None:
    put(folder, compact(Bot().run(TWO_DAYS).documents))


@case
def two_days_as_jq_prints_them_passes(folder: Path) -> None:
    put(folder, pretty(Bot().run(TWO_DAYS).documents))


@case
def both_ways_of_printing_mixed_passes(folder: Path) -> None:
    documents = Bot().run(TWO_DAYS).documents
    put(folder, pretty(documents[:700]) + compact(documents[700:1900]) + pretty(documents[1900:]))


@case
def a_half_written_last_line_passes(folder: Path) -> None:
    documents = Bot().run(TWO_DAYS + 1).documents
    put(folder, pretty(documents)[:-180])


@case
def a_last_minute_lost_to_half_a_line_is_inconclusive(folder: Path) -> None:
    put(folder, compact(Bot().run(TWO_DAYS).documents)[:-40])


@case
def a_loss_that_a_writer_tells_is_inconclusive(folder: Path) -> None:
    bot = Bot().run(TWO_DAYS // 2)
    bot.null().documents[-1] |= {"reason": "logs/t.jsonl was removed", "lost": 3}
    put(folder, compact(bot.run(TWO_DAYS // 2).documents))


@case
def a_file_that_was_rotated_without_a_loss_passes(folder: Path) -> None:
    bot = Bot().run(TWO_DAYS // 2)
    bot.null().documents[-1] |= {"reason": "logs/t.jsonl was renamed"}
    put(folder, compact(bot.run(TWO_DAYS // 2).documents))


@case
def a_journal_that_lost_lines_is_inconclusive(folder: Path) -> None:
    bot = Bot(adapter=True).run(TWO_DAYS // 2)
    bot.extra["recorder"] = {"lines": 9, "bytes": 99, "errors": 0, "lost": 1, "file": None}
    put(folder, compact(bot.run(TWO_DAYS // 2).documents))


@case
def telemetry_that_does_not_say_which_cores_ran_is_inconclusive(folder: Path) -> None:
    bot = Bot()
    bot.cores = None
    put(folder, compact(bot.run(TWO_DAYS).documents))


@case
def cores_that_are_told_in_half_of_the_samples_is_inconclusive(folder: Path) -> None:
    bot = Bot(adapter=True).run(TWO_DAYS // 2)
    bot.cores = None
    put(folder, compact(bot.run(TWO_DAYS // 2).documents))


@case
def a_day_of_one_executable_and_a_day_of_another_fails(folder: Path) -> None:
    bot = Bot(adapter=True).run(TWO_DAYS // 2).restart()
    bot.cores = cores_of("6" * 64)
    put(folder, compact(bot.run(TWO_DAYS // 2).documents))


@case
def an_authority_that_was_changed_fails(folder: Path) -> None:
    bot = Bot(adapter=True).run(TWO_DAYS // 2).restart()
    bot.cores = cores_of(authority="b" * 64)
    put(folder, compact(bot.run(TWO_DAYS // 2).documents))


@case
def a_file_exchanged_under_the_running_executable_is_inconclusive(folder: Path) -> None:
    bot = Bot(adapter=True).run(TWO_DAYS // 2)
    bot.cores = cores_of()
    bot.cores["shadow"]["on_disk"] = "6" * 64
    put(folder, compact(bot.run(TWO_DAYS // 2).documents))


@case
def half_an_object_with_the_next_one_glued_to_it_passes(folder: Path) -> None:
    documents = Bot().run(TWO_DAYS + 1).documents
    half = pretty([documents[1000]])[:150]
    put(folder, pretty(documents[:1000]) + half + pretty(documents[1001:]))


@case
def every_line_doubled_passes(folder: Path) -> None:
    documents = Bot().run(TWO_DAYS).documents
    put(folder, compact(one for one in documents for _ in range(2)))


@case
def the_same_file_twice_passes(folder: Path) -> None:
    text = compact(Bot().run(TWO_DAYS).documents)
    put(folder, text)
    put(folder, text, "copy.jsonl")


@case
def half_the_time_doubled_is_still_half_the_time_and_is_inconclusive(folder: Path) -> None:
    put(folder, compact(Bot().run(TWO_DAYS // 2).documents) * 2)


@case
def foreign_lines_in_between_passes(folder: Path) -> None:
    lines = compact(Bot().run(TWO_DAYS).documents).splitlines(keepends=True)
    lines[900:900] = ["curl: (7) Failed to connect to 127.0.0.1 port 8080\n", '{"level":"info"}\n']
    put(folder, "".join(lines))


@case
def two_files_out_of_order_passes(folder: Path) -> None:
    documents = Bot().run(TWO_DAYS).documents
    put(folder, compact(documents[1440:]), "a.jsonl")
    put(folder, compact(documents[:1440]), "b.jsonl")


@case
def lines_shuffled_in_one_file_passes(folder: Path) -> None:
    documents = Bot().run(TWO_DAYS).documents
    put(folder, compact(documents[at * 7 % TWO_DAYS] for at in range(TWO_DAYS)))


@case
def gzip_and_zstd_halves_passes(folder: Path) -> None:
    documents = Bot().run(TWO_DAYS).documents
    put(folder, gzip.compress(pretty(documents[:1440]).encode()), "a.jsonl.gz")
    put(folder, zstd_packed(compact(documents[1440:]).encode()), "b.jsonl.zst")


@case
def a_gzip_file_that_is_cut_off_is_inconclusive(folder: Path) -> None:
    packed = gzip.compress(compact(Bot().run(TWO_DAYS).documents).encode())
    put(folder, packed[: len(packed) // 2], "a.jsonl.gz")


@case
def a_byte_order_mark_and_windows_line_ends_passes(folder: Path) -> None:
    text = pretty(Bot().run(TWO_DAYS).documents).replace("\n", "\r\n")
    put(folder, b"\xef\xbb\xbf" + text.encode())


@case
def nul_bytes_of_a_power_failure_with_the_bot_up_again_passes(folder: Path) -> None:
    bot = Bot().run(1440)
    before = compact(bot.documents)
    bot.documents.clear()
    after = compact(bot.restart(600.0).run(TWO_DAYS - 1440 + 1).documents)
    put(folder, before[:-60] + "\0" * 4096 + after)


@case
def an_object_with_nul_bytes_inside_leaves_a_gap_and_is_inconclusive(folder: Path) -> None:
    lines = compact(Bot().run(TWO_DAYS).documents).splitlines(keepends=True)
    lines[5] = lines[5][:80] + "\0" * 30 + lines[5][110:]
    put(folder, "".join(lines))


@case
def an_empty_file_is_inconclusive(folder: Path) -> None:
    put(folder, "")


@case
def nothing_but_foreign_lines_is_inconclusive(folder: Path) -> None:
    put(folder, "<html>\n<body>502 Bad Gateway</body>\n</html>\n" * 100)


# --- Blocks and values ------------------------------------------------------------------------


@case
def null_blocks_during_a_restart_with_enough_around_passes(folder: Path) -> None:
    bot = Bot().run(1440).null().null().restart().run(1445)
    put(folder, pretty(bot.documents))


@case
def a_missing_block_with_no_time_to_spare_is_inconclusive(folder: Path) -> None:
    documents = Bot().run(TWO_DAYS).documents
    del documents[77]["state_machine_shadow"]
    put(folder, compact(documents))


@case
def counts_as_texts_is_inconclusive(folder: Path) -> None:
    bot = Bot().run(TWO_DAYS)
    bot.documents[50]["state_machine_shadow"]["shadow_failures"] = "0"
    put(folder, compact(bot.run(10).documents))


@case
def a_counter_below_zero_is_inconclusive(folder: Path) -> None:
    bot = Bot().run(TWO_DAYS).tick().sample(transition_checks=-1).run(10)
    put(folder, compact(bot.documents))


@case
def a_total_that_is_not_the_sum_is_inconclusive(folder: Path) -> None:
    bot = Bot().run(TWO_DAYS).tick().sample(total_divergences=2).run(10)
    put(folder, compact(bot.documents))


@case
def more_divergences_than_checks_is_inconclusive(folder: Path) -> None:
    bot = Bot().run(TWO_DAYS + 10)
    block = bot.documents[3]["state_machine_shadow"]
    block["transition_divergences"] = block["total_divergences"] = 10_000
    put(folder, compact(bot.documents))


@case
def numbers_that_are_none_is_inconclusive(folder: Path) -> None:
    text = compact(Bot().run(TWO_DAYS).documents)
    put(folder, text.replace('"last_divergence_ts":null', '"last_divergence_ts":NaN'))


@case
def times_without_a_zone_is_inconclusive(folder: Path) -> None:
    put(folder, compact(Bot().run(TWO_DAYS).documents).replace('Z","mode"', '","mode"'))


@case
def the_shadow_was_off_for_an_hour_is_inconclusive(folder: Path) -> None:
    bot = Bot().run(TWO_DAYS)
    for _ in range(60):
        bot.now += 60
        bot.sample(enabled=False)
    put(folder, compact(bot.run(60).documents))


@case
def the_executable_was_gone_for_ten_minutes_is_inconclusive(folder: Path) -> None:
    bot = Bot().run(TWO_DAYS)
    for _ in range(10):
        bot.tick().sample(executable_available=False)
    put(folder, compact(bot.run(10).documents))


@case
def nothing_was_ever_compared_is_inconclusive(folder: Path) -> None:
    bot = Bot()
    for _ in range(TWO_DAYS):
        bot.now += 60
        bot.sample()
    put(folder, compact(bot.documents))


@case
def counters_that_stand_still_for_six_hours_is_inconclusive(folder: Path) -> None:
    bot = Bot().run(1500)
    for _ in range(360):
        bot.now += 60
        bot.sample()
    put(folder, compact(bot.run(2000).documents))


# --- Time -------------------------------------------------------------------------------------


@case
def one_minute_short_is_inconclusive(folder: Path) -> None:
    put(folder, compact(Bot().run(TWO_DAYS - 1).documents))


@case
def missed_minutes_that_are_made_up_for_passes(folder: Path) -> None:
    bot = Bot().run(600).tick(7).run(900).tick(3).run(TWO_DAYS - 1500)
    put(folder, compact(bot.documents))


@case
def a_gap_of_five_hours_is_inconclusive(folder: Path) -> None:
    put(folder, compact(Bot().run(1440).tick(300).run(1500).documents))


@case
def two_single_days_a_week_apart_is_inconclusive(folder: Path) -> None:
    bot = Bot().run(1450)
    bot.restart(7 * 86_400.0)
    put(folder, compact(bot.run(1450).documents))


@case
def a_short_trial_run_in_front_of_two_good_days_passes(folder: Path) -> None:
    bot = Bot().run(15).restart(86_400.0)
    put(folder, pretty(bot.run(TWO_DAYS).documents))


@case
def restarts_by_hand_passes(folder: Path) -> None:
    bot = Bot().run(1000).restart().run(1000).restart().run(900)
    put(folder, compact(bot.documents))


@case
def a_restart_that_the_counters_do_not_show_is_told_by_the_adapter_and_passes(
    folder: Path,
) -> None:
    bot = Bot(adapter=True).run(2).restart(3600 * 0.9).tick(60).run(TWO_DAYS)
    put(folder, compact(bot.documents))


@case
def a_clock_that_is_set_back_ten_minutes_passes(folder: Path) -> None:
    bot = Bot().run(1400)
    bot.now -= 600
    put(folder, compact(bot.run(TWO_DAYS - 1400 + 12).documents))


@case
def a_sample_from_the_future_is_inconclusive(folder: Path) -> None:
    documents = Bot().run(TWO_DAYS).documents
    documents[1000]["ts"] = stamp(BEGIN + 9e8)
    put(folder, compact(documents))


@case
def a_bot_that_crashes_every_twenty_minutes_is_inconclusive(folder: Path) -> None:
    bot = Bot()
    for _ in range(150):
        bot.run(20).restart()
    put(folder, compact(bot.documents))


@case
def two_bots_in_one_file_is_inconclusive(folder: Path) -> None:
    one, other = Bot().run(TWO_DAYS), Bot(BEGIN - 86_400 + 20).tick(1440).run(TWO_DAYS)
    both = sorted(one.documents + other.documents, key=lambda one: one["ts"])
    put(folder, compact(both))


@case
def two_bots_that_count_nearly_alike_is_inconclusive(folder: Path) -> None:
    one, other = Bot(a_minute=2).run(TWO_DAYS), Bot(BEGIN + 20, a_minute=2).run(TWO_DAYS)
    for sample in other.documents:
        sample["state_machine_shadow"]["transition_checks"] -= 4
    both = sorted(one.documents + other.documents, key=lambda one: one["ts"])
    put(folder, compact(both[2:]))


@case
def two_bots_with_adapters_and_a_divergence_each_is_inconclusive(folder: Path) -> None:
    one = Bot(adapter=True).run(100).diverge().run(TWO_DAYS)
    other = Bot(BEGIN + 30, adapter=True).run(500).diverge().run(TWO_DAYS)
    put(folder, compact(sorted(one.documents + other.documents, key=lambda one: one["ts"])))


@case
def some_minutes_of_another_bot_in_the_middle_is_inconclusive(folder: Path) -> None:
    bot, other = Bot().run(TWO_DAYS), Bot(BEGIN - 600_000).tick(8000)
    other.now = BEGIN + 1_000 * 60
    documents = bot.documents[:1000] + other.run(10).documents + bot.documents[1010:]
    put(folder, compact(documents))


# --- Failures ---------------------------------------------------------------------------------


@case
def start_up_noise_with_its_cause_passes(folder: Path) -> None:
    put(folder, pretty(Bot().run(1).fail(2, UNSTARTABLE).run(TWO_DAYS).documents))


@case
def start_up_noise_before_the_first_sample_passes(folder: Path) -> None:
    put(folder, pretty(Bot().fail(2, UNSTARTABLE).tick(12).run(TWO_DAYS).documents))


@case
def failures_before_a_first_sample_long_after_the_start_is_inconclusive(folder: Path) -> None:
    put(folder, pretty(Bot().fail(2, UNSTARTABLE).tick(2000).run(TWO_DAYS).documents))


@case
def start_up_noise_without_a_cause_is_inconclusive(folder: Path) -> None:
    put(folder, pretty(Bot().run(1).fail(1, "").run(TWO_DAYS).documents))


@case
def many_failures_at_the_start_is_inconclusive(folder: Path) -> None:
    put(folder, pretty(Bot().run(1).fail(40, UNSTARTABLE).run(TWO_DAYS).documents))


@case
def noise_at_each_start_fails(folder: Path) -> None:
    bot = Bot().fail(1, UNSTARTABLE).run(1440).restart().fail(1, UNSTARTABLE).run(1500)
    put(folder, compact(bot.documents))


@case
def one_burst_in_the_middle_is_inconclusive(folder: Path) -> None:
    bot = Bot().run(1500).fail(3).run(1).fail(2).run(TWO_DAYS - 1501)
    put(folder, compact(bot.documents))


@case
def a_failure_in_the_last_minutes_is_inconclusive(folder: Path) -> None:
    put(folder, compact(Bot().run(TWO_DAYS - 5).fail().run(5).documents))


@case
def a_failure_every_few_hours_fails(folder: Path) -> None:
    bot = Bot()
    for _ in range(10):
        bot.run(288).fail()
    put(folder, compact(bot.run(10).documents))


@case
def failures_that_go_on_for_an_hour_fails(folder: Path) -> None:
    bot = Bot().run(1000)
    for _ in range(60):
        bot.fail(2).run(1)
    put(folder, compact(bot.run(TWO_DAYS).documents))


# --- Divergences, with no journal -------------------------------------------------------------


@case
def one_divergence_without_a_journal_is_inconclusive(folder: Path) -> None:
    put(folder, compact(Bot().run(900).diverge("RecoveryFillEvent").run(TWO_DAYS).documents))


@case
def one_divergence_on_the_hot_path_is_inconclusive(folder: Path) -> None:
    put(folder, compact(Bot().run(900).diverge("FillEvent").run(TWO_DAYS).documents))


@case
def fills_that_diverge_again_and_again_fails(folder: Path) -> None:
    bot = Bot().run(900).diverge().run(300).diverge().run(TWO_DAYS)
    put(folder, compact(bot.documents))


@case
def a_repetition_of_a_rare_event_is_inconclusive(folder: Path) -> None:
    bot = Bot().run(900).diverge("RecoveryFillEvent").run(300).diverge("RecoveryFillEvent")
    put(folder, compact(bot.run(TWO_DAYS).documents))


@case
def a_divergence_before_and_one_after_a_restart_are_two_and_fails(folder: Path) -> None:
    bot = Bot().run(900).diverge("TimerTick").run(900).restart().run(100).diverge("TimerTick")
    put(folder, compact(bot.run(TWO_DAYS).documents))


@case
def a_divergence_that_a_restart_took_from_the_counters_is_inconclusive(folder: Path) -> None:
    bot = Bot().run(900).diverge("FillEvent").run(900).restart().run(TWO_DAYS)
    put(folder, compact(bot.documents))


@case
def several_in_one_minute_is_inconclusive(folder: Path) -> None:
    put(folder, compact(Bot().run(900).diverge(times=4).run(TWO_DAYS).documents))


# --- The bot itself ---------------------------------------------------------------------------


@case
def figures_of_the_adapter_that_are_fine_passes(folder: Path) -> None:
    put(folder, compact(Bot(adapter=True).run(TWO_DAYS).documents))


@case
def calls_that_take_twice_as_long_fails(folder: Path) -> None:
    bot = Bot(adapter=True)
    bot.extra["latency"] = {"bare": {"p50": 4e-5, "p99": 1e-4}, "whole": {"p50": 8e-5, "p99": 1e-3}}
    put(folder, compact(bot.run(TWO_DAYS).documents))


@case
def a_tenth_of_the_calls_dropped_is_inconclusive(folder: Path) -> None:
    bot = Bot(adapter=True).run(TWO_DAYS)
    figures = bot.documents[-1]["state_machine_shadow"]["adapter"]
    figures["dropped"] = figures["offered"] // 10
    figures["compared"] -= figures["dropped"]
    put(folder, compact(bot.documents))


@case
def an_executable_in_charge_is_inconclusive(folder: Path) -> None:
    bot = Bot(adapter=True)
    bot.extra["backend"] = "haskell"
    put(folder, compact(bot.run(TWO_DAYS).documents))


@case
def restarts_right_behind_divergences_fails(folder: Path) -> None:
    bot = Bot().run(900).diverge("RecoveryFillEvent").run(2).restart()
    bot.run(900).diverge("RecoveryCancelEvent").run(2).restart()
    put(folder, compact(bot.run(TWO_DAYS).documents))


# --- All of them ------------------------------------------------------------------------------


@pytest.mark.parametrize("function", CASES, ids=[one.__name__ for one in CASES])
def test_the_verdict_is_the_one_given_by_hand(function: Case, tmp_path: Path) -> None:
    function(tmp_path)
    verdict = verdict_of(tmp_path)
    why = "\n".join(f"{one.outcome} {one.key}: {one.why}" for one in verdict.criteria)
    assert verdict.verdict is expected(function), why
    assert (verdict.verdict is Outcome.PASS) == (not verdict.needed)
    assert verdict.document() == verdict_of(tmp_path).document()
    json.dumps(verdict.document(), allow_nan=False)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 30
