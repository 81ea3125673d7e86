"""`doge-replay paper`: a bot that lives, is ended or killed, and goes on; and what it leaves."""

from __future__ import annotations

import json
import os
import pty
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from cli_support import (
    PROGRAM,
    TESTS,
    checked,
    doge,
    ended,
    environment,
    script,
    start,
)

sys.path.append(str(TESTS / "shadow"))

from paper_support import csv_text, flat, synthetic
from support.waiting import wait_for

from replay.cli.main import run_cli
from replay.streams.lines import Line, read_lines

QUICK = ("--speed", "max", "--no-web")
HOURS = 3
PATIENCE = 120.0

FORGETS_FEES = """
import json, sys
from replay.core import *
for line in sys.stdin:
    asked = json.loads(line)
    if asked["method"] == "transition":
        state, actions = transition(
            from_dict(asked["state"]), event_from_dict(asked["event"]),
            config_from_dict(asked["config"]), order_size_from(asked["order_size_usd"]),
            order_sizes_from(asked["order_sizes"]),
        )
        answer = {"state": to_dict(state), "actions": [action_to_dict(one) for one in actions]}
        if "order_local_id" in asked["event"]:
            answer["state"]["total_fees"] = asked["state"].get("total_fees", 0.0)
    elif asked["method"] == "check_invariants":
        answer = {"violations": list(check_invariants(from_dict(asked["state"])))}
    elif asked["method"] == "apply_order_regime_at_entry":
        given = asked["params"]
        answer = {"state": to_dict(apply_order_regime_at_entry(
            from_dict(given["state"]), given["local_id"], given["regime_at_entry"]))}
    else:
        answer = {"error": "unknown method"}
    sys.stdout.write(json.dumps(answer) + chr(10))
    sys.stdout.flush()
"""


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market of a few hours."""
    file = tmp_path_factory.mktemp("candles") / "candles.csv"
    file.write_text(csv_text(synthetic(60 * HOURS, seed=8)))
    return file


class Lived:
    """A bot that has come to its end, and where."""

    def __init__(self, folder: Path, candles: Path) -> None:
        self.folder = folder
        self.ran = doge(folder, "paper", "--candles", candles, "--until-end", *QUICK, "--json")

    @property
    def logs(self) -> Path:
        return self.folder / "logs"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, candles: Path, core_exe: str) -> Lived:
    return Lived(tmp_path_factory.mktemp("lived"), candles)


def journals(logs: Path) -> list[Path]:
    return sorted(logs.glob("events_*.jsonl*"))


def lines_of(logs: Path) -> Iterator[dict[str, Any]]:
    """The lines of all journals; one that a kill left half-written is none."""
    for journal in journals(logs):
        for line in read_lines(journal):
            if isinstance(line, Line) and line.ended:
                yield json.loads(line.data)


def recorded(logs: Path) -> set[str]:
    """Which calls a life consists of."""
    keys = ("slot", "ts", "method", "event", "params")
    return {json.dumps([line.get(key) for key in keys]) for line in lines_of(logs)}


def snapshots(logs: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(logs.glob("snapshot_slot*.json"))]


def living_in(folder: Path) -> list[str]:
    """Living processes that work in a directory."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit() and (process / "cwd").resolve(strict=True) == folder:
                found.append(process.name)
    return found


def wait_for_snapshots(logs: Path, before: list[bytes]) -> None:
    wait_for(lambda: snapshots(logs) != before, "new snapshots")


def test_a_life_is_compared_call_by_call_and_nothing_is_dropped(lived: Lived) -> None:
    assert (lived.ran.code, lived.ran.err) == (0, "")
    told = lived.ran.json
    metrics = told["state_machine_shadow"]
    own = metrics["adapter"]
    ticks = HOURS * 240
    assert told["events"]["PriceTick"] == 3 * (ticks - 1)
    assert told["events"]["TimerTick"] == 3 * ticks
    transitions = sum(told["events"].values())
    tags = told["besides"]["apply_order_regime_at_entry"]
    for group in ("events", "actions", "phases"):
        assert min(told[group].values()) > 0, told[group]
    assert metrics["enabled"] is metrics["executable_available"] is True
    assert metrics["transition_checks"] == transitions + tags
    assert metrics["invariant_checks"] == transitions
    assert own["offered"] == own["compared"] == 2 * transitions + tags
    assert (own["dropped"], own["failed"], own["queue"]) == (0, 0, 0)
    assert (metrics["total_divergences"], metrics["shadow_failures"]) == (0, 0)
    assert told["telemetry"]["lines"] == HOURS * 60
    assert told["telemetry"]["errors"] == told["snapshot_errors"] == 0
    assert (told["ended"], told["hours"]) == ("end", HOURS)
    assert (told["from"], told["to"]) == ("2026-01-01T00:00:00Z", f"2026-01-01T0{HOURS}:00:00Z")
    assert sorted(path.name for path in lived.folder.iterdir()) == ["logs"]


def test_its_journal_replays_without_divergence(lived: Lived, tmp_path: Path) -> None:
    own = lived.ran.json["state_machine_shadow"]["adapter"]
    ran = doge(tmp_path, "run", lived.logs, "--json", "--db", "d.db")
    assert ran.code == 0
    assert ran.json["transitions"] == own["compared"]
    assert ran.json["rejected_count"] == 0, "telemetry and snapshots lie beside the journal"


def test_its_journal_seeds_a_corpus(lived: Lived, tmp_path: Path) -> None:
    ran = doge(tmp_path, "corpus", "import", lived.logs, "--corpus", "mine", "--json")
    assert ran.code == 0
    assert ran.json["added"] >= 3
    assert ran.json["rejected"] == []
    offered = lived.ran.json["state_machine_shadow"]["adapter"]["offered"]
    # Each snapshot of a state is a stream of one step.
    assert ran.json["steps"] == offered + len(snapshots(lived.logs))
    assert doge(tmp_path, "corpus", "verify", "--corpus", "mine").code == 0


def test_the_same_seed_and_candles_give_the_same_bytes(
    lived: Lived, candles: Path, tmp_path: Path
) -> None:
    again = Lived(tmp_path, candles)
    assert again.ran.code == 0
    assert [path.name for path in journals(again.logs)] == [
        path.name for path in journals(lived.logs)
    ]
    assert journals(lived.logs)
    for one, other in zip(journals(lived.logs), journals(again.logs), strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert snapshots(again.logs) == snapshots(lived.logs)
    other_seed = doge(
        tmp_path, "paper", "--candles", candles, "--hours", 1, *QUICK, "--seed", 2, "--logs", "b"
    )
    assert other_seed.code == 0
    assert journals(tmp_path / "b")[0].read_bytes()[:200_000] not in (
        journals(lived.logs)[0].read_bytes()
    )


def positions(state: dict[str, Any]) -> tuple[Any, ...]:
    """What a slot must never lose."""
    exits = [order["local_id"] for order in state["orders"] if order["role"] == "exit"]
    recoveries = [one["recovery_id"] for one in state["recovery_orders"]]
    return exits, recoveries, state["completed_cycles"], state["total_fees"]


def test_a_bot_that_is_killed_goes_on_from_its_snapshots(candles: Path, tmp_path: Path) -> None:
    """With all positions, a little later by its clock, and with files that all can be read."""
    command = ("paper", "--candles", candles, "--until-end", "--speed", 9000, "--no-web")
    logs = tmp_path / "logs"
    moments = random.Random(20261122)
    for _ in range(3):
        process = start(tmp_path, *command)
        wait_for_snapshots(logs, snapshots(logs))
        time.sleep(moments.uniform(0.0, 0.3))
        process.kill()
        process.communicate()
        wait_for(lambda: not living_in(tmp_path), "what it started ends, too")
    before = [json.loads(data) for data in snapshots(logs)]
    killed = list(lines_of(logs))
    assert doge(tmp_path, *command[:4], *QUICK).code == 0
    begun = [line for line in lines_of(logs) if line["ts"] > max(one["ts"] for one in killed)]
    for number, snapshot in enumerate(before):
        first = next(line for line in begun if line["slot"] == number)
        assert first["seq"] == 1
        assert positions(first["state"]) == positions(snapshot["state"])
    times = [
        json.loads(line.data)["ts"]
        for file in sorted(logs.glob("state_machine_shadow_paper_*.jsonl"))
        for line in read_lines(file)
        if isinstance(line, Line) and line.ended
    ]
    assert times == sorted(set(times))
    ran = doge(tmp_path, "run", "logs", "--json", "--db", "d.db")
    assert ran.code == 0, ran.out
    assert ran.json["transitions"] == len(list(lines_of(logs)))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"]
)
def test_a_signal_ends_it_in_good_order(
    lived: Lived, candles: Path, tmp_path: Path, number: int, code: int
) -> None:
    """Nothing is lost: what goes on from there lives the life of a bot that never ended."""
    command = ("paper", "--candles", candles, "--until-end", "--json", "--no-web", "--speed")
    logs = tmp_path / "logs"
    process = start(tmp_path, *command, 3000)
    wait_for(lambda: (logs / "snapshot_slot2.json").exists(), "a snapshot")
    ran = ended(process, number)
    assert (ran.code, ran.err) == (code, "")
    told = ran.json
    assert told["ended"] == signal.Signals(number).name
    own = told["state_machine_shadow"]["adapter"]
    assert own["offered"] == own["compared"] > 0
    wait_for(lambda: not living_in(tmp_path), "what it started ends, too")
    assert len({json.loads(data)["tick"] for data in snapshots(logs)}) == 1
    assert (tmp_path / told["telemetry"]["file"]).read_bytes().endswith(b"}\n")
    assert len(list(lines_of(logs))) == own["offered"]
    on = doge(tmp_path, *command, "max")
    assert on.code == 0
    assert on.json["from"] == told["to"]
    assert snapshots(logs) == snapshots(lived.logs)
    assert recorded(logs) == recorded(lived.logs)


def test_divergences_are_counted_marked_and_found_again(candles: Path, tmp_path: Path) -> None:
    (tmp_path / "core.py").write_text(FORGETS_FEES)
    shadow = script(tmp_path / "forgets", f"exec {sys.executable} {tmp_path}/core.py")
    ran = doge(
        tmp_path, "paper", "--candles", candles, "--hours", 1.5, *QUICK, "--slots", 1,
        "--shadow", shadow, "--json",
    )  # fmt: skip
    assert ran.code == 1
    metrics = ran.json["state_machine_shadow"]
    found = metrics["total_divergences"]
    assert found == metrics["transition_divergences"] > 0
    assert metrics["last_divergence_event"] == "FillEvent"
    marked = [line for line in lines_of(tmp_path / "logs") if not line["shadow"]["agreed"]]
    assert len(marked) == found
    assert all(line["event"]["type"] == "FillEvent" for line in marked)
    assert metrics["last_divergence_ts"] == marked[-1]["ts"]
    same = TESTS.parent / "examples" / "forgets_fees.py"  # the same fault, but quicker to run
    ran = doge(tmp_path, "run", "logs", "--shadow", same, "--json", "--db", "d.db")
    assert ran.code == 1
    assert ran.json["verdicts"]["diverge"] == found


def test_without_a_shadow_it_trades_all_the_same(candles: Path, tmp_path: Path) -> None:
    lives = {}
    for name, env, options in (
        ("off", {"DOGE_CORE_SHADOW": "0"}, ()),
        ("missing", {}, ("--shadow", "./none")),
    ):
        ran = doge(
            tmp_path, "paper", "--candles", candles, "--hours", 0.5, *QUICK, "--logs", name,
            "--json", *options, env=env,
        )  # fmt: skip
        lives[name] = ran.json["slots"]
        metrics = ran.json["state_machine_shadow"]
        assert metrics["enabled"] is (name == "missing")
        assert metrics["total_divergences"] == 0
        if name == "off":
            assert ran.code == 0
        else:
            assert ran.code == 3
            assert metrics["executable_available"] is False
            assert metrics["shadow_failures"] > 0
    assert lives["off"] == lives["missing"]


def test_a_bot_s_own_module_can_be_the_core(candles: Path, tmp_path: Path) -> None:
    (tmp_path / "state_machine.py").write_text("from replay.core import *\n")
    ran = doge(
        tmp_path, "paper", "--candles", candles, "--hours", 0.25, *QUICK, "--json",
        "--authority", "./state_machine.py",
    )  # fmt: skip
    assert ran.code == 0
    assert ran.json["authority"] == "./state_machine.py"
    (tmp_path / "half.py").write_text(
        "from replay.core import *\nfrom replay.core import transition as _t\n"
        "def transition(state, event, *rest):\n"
        "    if event.timestamp > 1767225660.0: raise ValueError('no\\x1bmore')\n"
        "    return _t(state, event, *rest)\n"
    )
    ran = doge(
        tmp_path, "paper", "--candles", candles, *QUICK, "--logs", "b", "--authority", "./half.py"
    )
    assert ran.code == 3
    *told, line = ran.err.splitlines()
    assert "the authority raised in slot 0 at tick 4: ValueError: no\\x1bmore" in line
    assert not [one for one in told if "without an answer" in one]
    (tmp_path / "less.py").write_text("def transition(): ...\n")
    ran = doge(tmp_path, "paper", *QUICK, "--authority", "./less.py")
    assert (ran.code, "./less.py has no EngineConfig" in ran.line) == (3, True)


OneLine = Callable[..., str]


@pytest.fixture
def told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> OneLine:
    """Why a command is refused, in a directory: one line, and exit code 2. In this process, since
    there are many and each one would start Python."""
    for name in ("PORT", "DOGE_REPLAY_AUTHORITY", "DOGE_CORE_TIMEOUT_SEC"):
        monkeypatch.delenv(name, raising=False)

    def refused(where: Path, *arguments: object) -> str:
        monkeypatch.chdir(where)
        code = run_cli(["paper", *map(str, arguments)])
        out, err = capsys.readouterr()
        ran = checked(code, out.encode(), err.encode())
        assert ran.code == 2
        return ran.line

    return refused


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (csv_text(flat(0.2, 0.2)).replace("close", "end", 1), 1, "no column close"),
        (
            csv_text(flat(0.2, 0.2)).replace(":01:00Z,0.2", ":01:00Z,\x1b[31m"),
            3,
            "open is no price",
        ),
        (csv_text([*flat(0.2), *flat(0.2, start=1767225720.0)]), 3, "a gap of 1 candle"),
        (csv_text(flat(0.2, 0.2)[::-1]), 3, "stands after"),
    ],
)
def test_bad_candles_are_refused_before_anything_is_written(
    told_in_one_line: OneLine, tmp_path: Path, text: str, line: int, reason: str
) -> None:
    (tmp_path / "bad.csv").write_text(text)
    refused = told_in_one_line(tmp_path, "--candles", "bad.csv", *QUICK)
    assert refused.startswith(f"doge-replay: bad.csv:{line}: ")
    assert reason in refused
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv"]


def test_what_makes_no_sense_is_told_in_one_line(
    told_in_one_line: OneLine, lived: Lived, candles: Path, tmp_path: Path
) -> None:
    for arguments, words in (
        (["--until-end"], "--until-end needs --candles"),
        (["--hours", 3, "--until-end", "--candles", candles], "do not go together"),
        (["--speed", "fast"], "fast is neither a number"),
        (["--speed", "nan"], "nan is neither a number"),
        (["--speed", "-1"], "-1 is neither a number"),
        (["--start", "2026-01-01"], "nor a time with its zone"),
        (["--start", "soon"], "nor a time with its zone"),
        (["--shadow", "python"], "must be an executable"),
        (["--candles", "none.csv"], "none.csv: No such file"),
        (["--authority", "none.py"], "no such Python core: none.py"),
    ):
        assert words in told_in_one_line(tmp_path, *arguments)
    assert list(tmp_path.iterdir()) == []
    whole = ["--candles", candles, "--until-end", *QUICK]
    for arguments, words in (
        (whole, "has come to its end; --fresh begins anew"),
        ([*whole, "--seed", 9], "is of another run (seed 1, not 9)"),
        ([*whole, "--slots", 2], "is of another run (slots 3, not 2)"),
        ([*whole, "--start", "2026-01-02T00:00Z"], "is of another run (start 1767225600.0"),
        ([*QUICK], "is of another run (market"),
    ):
        assert words in told_in_one_line(lived.folder, *arguments)


def test_fresh_begins_anew_and_keeps_what_was(candles: Path, tmp_path: Path) -> None:
    command = ("paper", "--candles", candles, "--hours", 0.1, *QUICK, "--json")
    logs = tmp_path / "logs"
    assert doge(tmp_path, *command).code == 0
    was = {path.name: path.read_bytes() for path in logs.iterdir() if path.name[0] != "."}
    ran = doge(tmp_path, *command, "--fresh", "--seed", 3)
    assert ran.code == 0
    assert ran.json["from"] == "2026-01-01T00:00:00Z"
    assert ran.json["events"]["TimerTick"] == 3 * 24
    assert {path.name: path.read_bytes() for path in (logs / ".before_1").iterdir()} == was


def test_a_port_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = doge(tmp_path, "paper", env={"PORT": str(port)})
    assert ran.code == 3
    assert f"port {port}" in ran.line
    assert "in use" in ran.line


def test_two_bots_do_not_share_a_directory(tmp_path: Path) -> None:
    process = start(tmp_path, "paper", "--speed", 100, "--no-web")
    wait_for(lambda: snapshots(tmp_path / "logs"), "a snapshot")
    ran = doge(tmp_path, "paper", *QUICK)
    assert ran.code == 3
    assert "another paper bot is writing there" in ran.line
    assert ended(process, signal.SIGTERM).code == 143


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[[], dict[str, Any]]]:
    """A bot at a tick every 50 ms, and what its status is."""
    process = start(tmp_path, "paper", "--speed", 300, "--port", 0)
    line = process.stderr.readline().decode()
    assert line.startswith("paper: http://127.0.0.1:")

    def status() -> dict[str, Any]:
        url = line.split()[1] + "api/status"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    yield status
    ran = ended(process, signal.SIGTERM)
    assert (ran.code, ran.err) == (143, "")


def test_the_status_is_served_while_it_lives(serving: Callable[[], dict[str, Any]]) -> None:
    def counted() -> dict[str, Any] | None:
        status = serving()
        shadow = status["state_machine_shadow"]
        return status if shadow and shadow["transition_checks"] > 100 else None

    status = wait_for(counted, "transitions are compared")
    assert (status["mode"], status["pair"]) == ("paper", "XDG/USD")
    assert status["top_phase"] in ("S0", "S1a", "S1b", "S2")
    shadow = status["state_machine_shadow"]
    assert shadow["enabled"] is shadow["executable_available"] is True
    assert shadow["shadow_failures"] == 0
    assert len(status["slots"]) == 3
    assert status["clock"]["speed"] == 300.0
    assert serving()["clock"]["now"] >= status["clock"]["now"]


def test_in_real_time_its_clock_is_ours(tmp_path: Path) -> None:
    process = start(tmp_path, "paper", "--no-web", "--json")
    wait_for(lambda: list((tmp_path / "logs").glob("snapshot_slot2.json")), "a snapshot")
    at = json.loads(snapshots(tmp_path / "logs")[0])["at"]
    assert abs(at - time.time()) < PATIENCE
    ran = ended(process, signal.SIGTERM)
    assert ran.code == 143
    assert ran.json["state_machine_shadow"]["adapter"]["clock"]["speed"] == 1.0
    for path in (tmp_path / "logs").glob("snapshot_slot*.json"):
        document = json.loads(path.read_text())
        document["tick"] += 100_000
        document["at"] += 1.0
        path.write_text(json.dumps(document))
    process = start(tmp_path, "paper", "--no-web", "--json")
    wait_for(lambda: json.loads(snapshots(tmp_path / "logs")[0])["tick"] == 100_001, "it goes on")
    assert abs(json.loads(snapshots(tmp_path / "logs")[0])["at"] - time.time()) < PATIENCE
    assert ended(process, signal.SIGINT).code == 130


def test_progress_is_shown_on_a_terminal_alone(tmp_path: Path) -> None:
    main, other = pty.openpty()
    shown = subprocess.Popen(
        [*PROGRAM, "paper", "--speed", "3000", "--no-web"],
        cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=other,
    )  # fmt: skip
    os.close(other)
    text = b""
    while b" ticks, " not in text:
        text += os.read(main, 4096)
    shown.terminate()
    out = shown.communicate(timeout=PATIENCE)[0].decode()
    os.close(main)
    assert shown.returncode == 143
    assert out.startswith("paper: ")
    assert "  ended by   SIGTERM; the same command goes on from 2026-01-01T" in out
