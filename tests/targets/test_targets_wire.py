"""Both parts of the wire give the same outcomes, on the real executable, and cost what they may."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from misbehaving import (
    HERE,
    START,
    STATE,
    authority,
    make_fake,
    plain,
    refused,
    run,
    run_fake,
    ticks,
)

from replay.errors import UsageError
from replay.streams.model import Document, Start, Step
from replay.targets.base import MISSING, Failure, Target, Work, is_refusal
from replay.targets.executable.batch import BatchTarget
from replay.targets.executable.handshake import open_executable
from replay.targets.executable.request_texts import Asker
from replay.targets.executable.single import SingleTarget
from replay.targets.open import open_target


def busy_stream(count: int = 300) -> list[Step]:
    """Ticks, fills of whatever order there is, patches, settings and the other two methods."""
    steps: list[Step] = []
    order = 1
    for index in range(count):
        now = 2000.0 + 30.0 * index
        price = 0.2 * (1.0 + 0.03 * math.sin(index / 7.0))
        match index % 12:
            case 3 | 6:
                steps.append(Step((2, order, f"X{index}", "buy", price, 25.0, 0.01, now)))
                order += 1
            case 4:
                steps.append(Step((1, now), {"patch": {"total_fees": 1, "no_such": True}}))
            case 5:
                steps.append(Step((5, order, "bullish")))
            case 7:
                steps.append(Step((6,), {"patch": {"long_only": index % 24 == 7}}))
            case 8:
                change = {"entry_pct": 0.3, "profit_pct": 0.5, "s1_orphan_after_sec": math.inf}
                steps.append(Step((0, price, now), {"config": change}))
            case 9:
                steps.append(Step({"price": price, "timestamp": now, "more": None}))
            case 10:
                steps.append(Step((3, 1, "R", "sell", price, 25.0, 0.01, now)))
            case _:
                steps.append(Step((0, price, now)))
    return steps


def hostile_stream() -> tuple[Start, list[Step]]:
    """Inputs that cannot be read, or hardly, at every place where one can stand."""
    tick = (0, 0.2, 1000.0)
    start = Start({**STATE, "cycle_a": "1"}, None, "2", [1])
    steps = [
        Step(tick),
        Step((6,)),
        Step(tick, {"patch": {"now": 3}}),
        Step(tick, {"config": {}, "order_size_usd": 2, "order_sizes": {"A": 1, "C": "x"}}),
        Step(tick, {"state": {"orders": [5, None], "profit_pct": 2}}),
        Step((6,), {"state": {**STATE, "total_profit": True}}),
        Step((6,), {"state": {**STATE, "completed_cycles": [{}]}}),
        Step((1, 1001), {"state": {**STATE, "now": math.inf, "cycle_a": 2.0, "extra": [[]]}}),
        Step((0, "0.2", 1000.0), {"patch": {"now": 5, "total_fees": 7}}),
        Step((0, math.nan, -0.0)),
        Step(tick, {"patch": {"orders": {}}}),
        Step(tick, {"patch": 5}),
        Step(tick, {"config": {"entry_pct": None}, "order_sizes": {"B": 3.0}}),
        Step({"price": 1.0}),
        Step(5),  # type: ignore[arg-type]
        Step(None),  # type: ignore[arg-type]
        Step({}, {"state": None}),
        Step((5, 1, None), {"patch": {"mode_source": " BALANCE "}}),
        Step((5, 1.5, 1)),
        Step((2, 10**30, "x", "buy", 1.0, 1.0, 1.0, 1.0)),
        Step((2, 1, "\x1b[31m\u20ac", "buy", 1e300, 1e300, 1.0, 1.0)),
        Step((0, 5e-324, 1e308)),
    ]
    return start, steps


def generated(count: int) -> list[tuple[Start, list[Step]]]:
    """Streams with different settings and paces."""
    streams = []
    for seed in range(count):
        config = {
            "entry_pct": 0.1 + 0.1 * seed,
            "refresh_pct": 0.2,
            "s1_orphan_after_sec": 60.0 * seed,
        }
        steps = busy_stream(150)
        shifted = [Step(s.call, s.changes if seed % 2 else None) for s in steps[seed:]]
        streams.append((Start(STATE, config, 4.0 + seed, {"A": 3.0 + seed}), shifted))
    return streams


@pytest.mark.parametrize("guided", [True, False])
def test_parts_1_and_2_of_the_real_executable_give_the_same_outcomes(
    core_exe: str, guided: bool
) -> None:
    streams = [*generated(4), (START, busy_stream()), hostile_stream()]
    answers: list[list[Any]] = []
    for part1_only in (True, False):
        target = open_executable(core_exe, part1_only=part1_only)
        assert isinstance(target, SingleTarget if part1_only else BatchTarget)
        ran = [run(target, steps, start, size=64, guided=guided) for start, steps in streams]
        target.close()
        assert [r.incidents for r in ran] == [[]] * len(streams)
        answers.append([plain(r.results) for r in ran])
    for one, two in zip(*answers, strict=True):
        assert one == two


@pytest.mark.parametrize("part1_only", [True, False])
def test_the_real_executable_agrees_with_our_core(core_exe: str, part1_only: bool) -> None:
    target = open_executable(core_exe, part1_only=part1_only)
    for start, steps in [*generated(2), hostile_stream()]:
        ran = run(target, steps, start, size=64)
        assert [repr(plain(r)) for r in ran.results] == [repr(plain(r)) for r in ran.guide]
    target.close()


def test_what_the_executable_says_of_itself_is_its_identity(core_exe: str) -> None:
    target = open_target(core_exe)
    assert target.identity.kind == "executable"
    assert target.identity.path == core_exe
    assert len(target.identity.sha256) == 64
    assert "replay" in target.identity.methods
    target.close()


def test_an_executable_without_capabilities_is_asked_by_part_1(tmp_path: Path) -> None:
    target = open_executable(make_fake(tmp_path, "none", part2=False))
    assert isinstance(target, SingleTarget)
    assert target.identity.version.startswith("unknown; runs python")
    assert "replay" not in target.identity.methods
    target.close()


@pytest.mark.parametrize("part2", [False, True])
def test_streams_may_be_interleaved(tmp_path: Path, part2: bool) -> None:
    steps = ticks(12, None)
    truth = authority(START, steps)
    target = open_executable(make_fake(tmp_path, "none", part2=part2))
    # More streams than the method allows to be open at once.
    for at in (0, 4, 8):
        for session in range(70):
            guide = truth[at : at + 4]
            opening = START if at == 0 else None
            target.submit(Work(session, opening, steps[at : at + 4], at == 8, guide))
            assert [plain(r) for r in target.collect().results] == [plain(g) for g in guide]
    target.close()


@pytest.mark.parametrize("part2", [False, True])
def test_a_stream_that_was_never_started_is_the_callers_error(tmp_path: Path, part2: bool) -> None:
    target = open_executable(make_fake(tmp_path, "none", part2=part2))
    with pytest.raises(UsageError, match="stream 3 was never started"):
        target.submit(Work(3, None, ticks(1), True))
    target.close()


# --- Part 1 -----------------------------------------------------------------------------------


def _with_history(records: int) -> Start:
    record: dict[str, Document] = {
        "trade_id": "A", "cycle": 1, "entry_price": 0.2, "exit_price": 0.19, "volume": 25.0,
        "gross_profit": 0.25, "fees": 0.0, "net_profit": 0.25,
    }  # fmt: skip
    return START._replace(state={**STATE, "completed_cycles": [record] * records})


def test_requests_do_not_grow_with_the_history() -> None:
    sizes = []
    for records in (20, 2000):
        asker = Asker(_with_history(records))
        truth = authority(_with_history(records), ticks(20, None))
        for step, outcome in zip(ticks(20, None), truth, strict=True):
            ask = asker.ask(step, outcome, final=False)
            asker.go_on(ask, outcome)
        assert ask.request is not None
        assert ask.invariants is not None
        sizes.append(len(ask.request) + len(ask.invariants))
    assert sizes[1] - sizes[0] < 20


def test_a_core_that_spoils_old_records_is_caught_where_the_whole_history_is_sent(
    tmp_path: Path,
) -> None:
    target = open_executable(make_fake(tmp_path, "spoils_history", part2=False))
    ran = run(target, ticks(20, None), _with_history(10))
    target.close()
    differing = [
        i
        for i, (a, b) in enumerate(zip(ran.results, ran.guide, strict=True))
        if plain(a) != plain(b)
    ]
    # The first step sends the start as it came, the second is the first of the shortened ones and
    # due for a look at the whole, the last one ends the stream.
    assert differing == [0, 1, 19]
    result: Any = ran.results[19]
    assert 4 in result[0]
    assert ran.incidents == []


def test_an_odd_answer_shows_what_is_odd_in_it(tmp_path: Path) -> None:
    ran = run_fake(tmp_path, "odd", part2=False)
    result: Any = ran.results[10]
    delta = dict(zip(result[0][::2], result[0][1::2], strict=True))
    assert delta[11] is MISSING
    assert delta[20] == 0
    assert type(delta[20]) is int
    assert 5 not in delta
    assert delta[2][0][1] is MISSING
    assert ran.others_are_true(10)


def test_an_authority_whose_answers_are_odd_can_be_gone_on_with(tmp_path: Path) -> None:
    ran = run_fake(tmp_path, "odd", part2=False, guided=False)
    assert ran.failures() == {}
    assert len(ran.results) == 20
    # It is handed its own odd state and refuses an order without a side: the step is refused.
    assert refused(ran) == [10]
    assert ran.results[10][1].startswith("check_invariants: orders[0].side")  # type: ignore[index]


def test_non_finite_numbers_go_out_as_the_live_bot_sends_them() -> None:
    asker = Asker(START._replace(config={"s1_orphan_after_sec": math.inf, "entry_pct": math.nan}))
    ask = asker.ask(Step((0, -math.inf, 1.0)), None, final=False)
    assert ask.request is not None
    assert b'"s1_orphan_after_sec":Infinity,"entry_pct":NaN' in ask.request
    assert b'"price":-Infinity' in ask.request
    assert ask.request.isascii()


# --- The children -----------------------------------------------------------------------------


def test_children_die_with_us(tmp_path: Path, core_exe: str) -> None:
    program = (
        f"import sys, time; sys.path[:0] = {[str(HERE), str(HERE.parent.parent)]!r}\n"
        f"from replay.targets.executable.handshake import open_executable\n"
        f"target = open_executable({core_exe!r})\n"
        f"print(target._child.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 90.0
    while Path(f"/proc/{child}").exists() and "Z" not in _state(child):
        assert time.monotonic() < until
        time.sleep(0.01)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def test_restarts_wait_longer_and_longer_until_an_answer_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("replay.targets.executable.supervisor.sleep", pauses.append)
    ran = run_fake(tmp_path, "exit", part2=False, steps=ticks(12))
    assert list(ran.failures()) == [10]
    assert pauses[0] == 0.01
    assert all(b in (2 * a, 0.01) for a, b in itertools.pairwise(pauses))


def test_the_environment_is_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOGE_TEST_VARIABLE", "here")
    script = tmp_path / "core"
    script.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps({'methods': [], 'version': os.environ['DOGE_TEST_VARIABLE']}),"
        " flush=True)\n"
    )
    script.chmod(0o755)
    target = open_executable(str(script))
    assert target.identity.version.startswith("here; runs python")
    target.close()


# --- Opening by name --------------------------------------------------------------------------


def test_a_core_is_opened_by_what_it_is_called(tmp_path: Path) -> None:
    assert open_target("python").identity.kind == "python"
    assert open_target("replay.core").identity.kind == "module"
    target: Target = open_target(make_fake(tmp_path, "none", part2=True))
    assert target.identity.kind == "executable"
    target.close()


@pytest.mark.parametrize("spec", ["", "/no/such/core", "no.such.module", "what is this?"])
def test_a_name_that_means_nothing_is_a_usage_error(spec: str) -> None:
    with pytest.raises(UsageError):
        open_target(spec)


def test_refusals_and_failures_are_told_apart() -> None:
    assert is_refusal(["error", "text"])
    assert not isinstance(["error", "text"], Failure)


def test_an_executable_refuses_a_text_with_half_a_character(core_exe: str) -> None:
    request = b'{"method":"check_invariants","state":{"market_price":1,"mode_source":"\\ud800"}}'
    ran = subprocess.run([core_exe], input=request, capture_output=True, check=False)
    assert ran.returncode != 0
    assert b"lone surrogate" in ran.stderr
