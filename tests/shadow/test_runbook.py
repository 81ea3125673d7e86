"""The operator's runbook from its second section to the last, against a bot that lives through two
days in two minutes; and two days with an executable that rounds otherwise."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from runbook_support import (
    EXE_OF_RUNBOOK,
    ROOT,
    RUNBOOK,
    Bot,
    clean_environment,
    commands,
    doge,
    free_port,
    market,
    settings,
    shell,
)

sys.path.append(str(ROOT / "tests" / "faults"))

from planted_faults import Builds, Fault
from support.waiting import wait_for

from replay.streams.lines import Line, read_lines

pytestmark = pytest.mark.timeout(1200)

SPEED = 2400
HOURS = 56
"""Two days, and what may pass until the loop is started."""
METRICS = [
    "enabled",
    "executable_available",
    "transition_checks",
    "invariant_checks",
    "transition_divergences",
    "invariant_divergences",
    "total_divergences",
    "shadow_failures",
    "last_divergence_ts",
    "last_divergence_kind",
    "last_divergence_event",
    "last_shadow_error",
]
ROUNDS_BY_SCALING = Fault(
    "all rounding by scaling",
    "Numbers",
    "  | tie > -0.0078125 && tie < 0.0078125 = rndExact x d\n",
    "  | tie > -0.0078125 && tie < 0.0078125 = Right (fromInteger (round y) / p)\n",
)


def test_the_copy_of_the_runbook_has_the_sections_that_are_run() -> None:
    text = RUNBOOK.read_text("utf-8")
    assert EXE_OF_RUNBOOK in text
    assert [len(commands(number)) for number in (2, 3, 4, 6, 7)] == [1, 1, 1, 3, 0]


def sampling(script: str) -> str:
    """The runbook's loop with a shorter sleep, and nothing else changed: a sample each few minutes
    of the bot's clock."""
    shorter, count = re.subn(r"^  sleep 60$", "  sleep 0.1", script, flags=re.MULTILINE)
    assert count == 1
    assert "{1..2880}" in shorter
    return shorter


def test_the_runbook_works_from_its_second_section_to_the_last(
    tmp_path: Path, core_exe: str
) -> None:
    port = free_port()
    (enable,) = commands(2)
    enabled = settings(enable, core_exe)
    assert enabled == {
        "DOGE_CORE_BACKEND": "python",
        "DOGE_CORE_SHADOW": "1",
        "DOGE_CORE_EXE": core_exe,
    }
    options = (*market(HOURS), "--speed", SPEED)
    bot = Bot(tmp_path, *options, port=port, env=enabled)
    try:
        bot.wait_until_up()
        _smoke(tmp_path, port)
        _sample_two_days(tmp_path, port, bot)
    finally:
        bot.stop()
    logs = sorted((tmp_path / "logs").glob("state_machine_shadow_2*.jsonl"))
    assert len(logs) == 1, "the loop's own file, beside the bot's"
    _judge(tmp_path, logs[0])
    _pack(tmp_path, logs[0])
    _roll_back(tmp_path, port, options, enabled)


def _smoke(where: Path, port: int) -> None:
    """Section 3: what is expected after the start."""
    (ask,) = commands(3)

    def look() -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(shell(where, ask, PORT=str(port)))
        return shown

    first = look()
    assert list(first) == ["mode", "pair", "top_phase", "state_machine_shadow"]
    shadow = first["state_machine_shadow"]
    assert list(shadow)[: len(METRICS)] == METRICS
    assert shadow["enabled"] is True
    wait_for(lambda: look()["state_machine_shadow"]["executable_available"], "an executable")

    def checks() -> tuple[int, int]:
        now = look()["state_machine_shadow"]
        assert now["shadow_failures"] == 0
        return now["transition_checks"], now["invariant_checks"]

    before = checks()
    wait_for(lambda: all(a > b for a, b in zip(checks(), before, strict=True)), "more checks")


def _sample_two_days(where: Path, port: int, bot: Bot) -> None:
    """Section 4: the loop as it stands, until the bot has lived through its two days."""
    (loop,) = commands(4)
    process = subprocess.Popen(
        ["bash", "-c", sampling(loop)],
        cwd=where,
        env=clean_environment(PORT=str(port)),
        start_new_session=True,
    )
    try:
        bot.process.wait(timeout=1200)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)
    assert bot.process.returncode == 0, (where / "bot.log").read_text("utf-8")


def _judge(where: Path, telemetry: Path) -> None:
    """Section 5: the gate, on the runbook's own file."""
    code, out, _ = doge(where, "gate", telemetry, "--journal", "logs", "--rehearsal", "--json")
    found = json.loads(out)
    assert (code, found["verdict"]) == (0, "PASS"), json.dumps(found["needed"])
    assert found["rehearsal"], "two days in two minutes are no evidence, and nobody may think so"
    code, out, _ = doge(where, "gate", telemetry, "--json")
    found = json.loads(out)
    assert (code, found["verdict"]) == (4, "INCONCLUSIVE")
    assert "the host runs in real time (or --rehearsal is given)" in found["needed"]


def _pack(where: Path, telemetry: Path) -> None:
    """Section 7: what the sign-off takes, checked somewhere else."""
    signed = ("--signed-by", "Ada Lovelace", "--signed-at", "2026-01-03T00:00:00Z")
    code, _, err = doge(where, "evidence", telemetry, "--journal", "logs", "--rehearsal",
                        "--out", "logs/evidence", *signed)  # fmt: skip
    assert code == 0, err
    elsewhere = where / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "e.zip").write_bytes((where / "logs" / "evidence.zip").read_bytes())
    code, out, _ = doge(elsewhere, "evidence", "verify", "e.zip", "--json")
    assert code == 0, out


def _roll_back(where: Path, port: int, options: tuple[Any, ...], enabled: dict[str, str]) -> None:
    """Section 6: off at a restart, by either of the two blocks, and the bot goes on as it was."""
    off, fallback, ask = commands(6)
    last = _last_sample(where)
    later = ("--hours", 2 * HOURS, "--speed", 60)
    for block in (off, fallback):
        env = enabled | settings(block, "")
        bot = Bot(where, *options, *later, port=port, env=env)
        try:
            status = bot.wait_until_up()
            shown = json.loads(shell(where, f'BASE_URL="http://127.0.0.1:{port}"\n{ask}'))
        finally:
            code = bot.stop()
        assert shown["enabled"] is False
        assert shown["adapter"]["backend"] == "python"
        assert shown["transition_checks"] == shown["shadow_failures"] == 0
        assert status["clock"]["now"] >= last["adapter"]["clock"]["now"]
        assert len(status["slots"]) == 3
        assert code == 143


def _last_sample(where: Path) -> dict[str, Any]:
    """What the bot's own telemetry ends with: how far it has come."""
    (file,) = (where / "logs").glob("state_machine_shadow_paper_*.jsonl")
    last: dict[str, Any] = json.loads(file.read_text("utf-8").splitlines()[-1])
    shadow: dict[str, Any] = last["state_machine_shadow"]
    return shadow


@dataclass(frozen=True)
class Rounding:
    """Two days of one slot with an executable that rounds by scaling."""

    where: Path
    exe: str
    summary: dict[str, Any]
    report: dict[str, Any]
    """Of `doge-replay run` on the journal."""

    @property
    def counted(self) -> int:
        return int(self.summary["state_machine_shadow"]["total_divergences"])

    def gate(self, *more: object) -> tuple[int, dict[str, Any]]:
        """The gate's verdict."""
        given = ("logs", "--journal", "logs", "--shadow", self.exe, "--rehearsal", "--json")
        code, out, err = doge(self.where, "gate", *given, *more)
        assert out, err
        return code, json.loads(out)


@pytest.fixture(scope="module")
def rounding(tmp_path_factory: pytest.TempPathFactory) -> Rounding:
    where = tmp_path_factory.mktemp("rounding")
    exe = Builds(where / "planted")(ROUNDS_BY_SCALING)
    code, out, err = doge(where, "paper", *market(48), "--speed", "max", "--no-web",
                          "--slots", 1, "--shadow", exe, "--json")  # fmt: skip
    assert code == 1, err
    summary = json.loads(out)
    code, out, err = doge(where, "run", "logs", "--shadow", exe, "--json")
    assert code == 1, err
    return Rounding(where, exe, summary, json.loads(out))


def test_counters_journal_replay_and_gate_agree_on_how_many_and_which_diverged(
    rounding: Rounding,
) -> None:
    marked = sorted(_marked(rounding.where / "logs"))
    assert len(marked) == rounding.counted > 1
    report = rounding.report
    assert report["verdicts"]["diverge"] == rounding.counted
    assert sum(line["occurrences"] for line in report["divergences"]) == rounding.counted
    code, verdict = rounding.gate()
    assert (code, verdict["verdict"]) == (1, "FAIL")
    assert verdict["divergence_count"] == rounding.counted
    assert sorted((one["journal"], one["event"]) for one in verdict["divergences"]) == marked
    stored = {line["id"] for line in report["divergences"]}
    assert {one["bucket"] for one in verdict["divergences"]} == stored


def test_the_gate_passes_once_the_explanation_that_explain_prints_is_signed(
    rounding: Rounding,
) -> None:
    blocks = []
    for line in rounding.report["divergences"]:
        _, out, err = doge(
            rounding.where, "explain", line["id"], "--shadow", rounding.exe,
            "--seconds", 300, "--json",
        )  # fmt: skip
        causes = json.loads(out)["causes"]
        assert causes, err
        assert "scaling" in causes[0]["explanation"]
        blocks.append(signed(causes[0]["explanation"]))
    file = rounding.where / "signed.toml"
    file.write_text("version = 1\n\n" + "\n".join(blocks), "utf-8")
    code, verdict = rounding.gate("--explanations", file)
    assert (code, verdict["verdict"]) == (0, "PASS"), verdict["needed"]
    assert verdict["divergence_count"] == rounding.counted


def signed(block: str) -> str:
    """A block with what a person has to fill in filled in."""
    for old, new in (
        ('reason = ""', 'reason = "The exchange takes either price."'),
        ('signed = ""', 'signed = "Ada Lovelace"'),
    ):
        assert block.count(old) == 1
        block = block.replace(old, new)
    return re.sub(r"^date = [0-9-]+", "date = 2026-01-01", block, flags=re.MULTILINE) + "\n"


def _marked(logs: Path) -> Iterator[tuple[str, str]]:
    """The journal's lines that are marked as not agreed on, and their events."""
    for path in sorted(logs.glob("events_*")):
        for line in read_lines(path):
            assert isinstance(line, Line)
            one = json.loads(line.data)
            if one["shadow"] and not one["shadow"]["agreed"]:
                event = one["event"]["type"] if "event" in one else one["method"]
                yield f"logs/{path.name}:{line.number}", event
