"""A Python core may do to its process whatever it likes: the run goes on, and says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_support import Ran, doge
from stream_makers import journal, write

CORES = Path(__file__).parents[1] / "support" / "cores"
BAD_PRICE = 0.31
ENDING = ("ends_the_process", "aborts", "raises_beyond", "loops")
HARMLESS = ("prints", "misleads")
STARTING = tuple(sorted(path.stem for path in CORES.glob("starts_by_*.py")))


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with two slots, and one tick at the price at which some cores do it."""
    folder = tmp_path_factory.mktemp("isolated")
    lines = journal(60, slots=2)
    ticks = [line for line in lines if line["slot"] == 0 and "price" in line["event"]["payload"]]
    ticks[10]["event"]["payload"]["price"] = BAD_PRICE
    write(folder / "j.jsonl", lines)
    return folder


@pytest.mark.parametrize(
    ("role", "name"),
    [
        *(("authority", name) for name in ENDING),
        ("shadow", "ends_the_process"),
        ("shadow", "loops"),
    ],
)
def test_a_core_that_ends_or_blocks_its_process_fails_at_that_step(
    where: Path, role: str, name: str
) -> None:
    env = {"DOGE_CORE_TIMEOUT_SEC": "2"}
    core = CORES / f"{name}.py"
    others = ("--authority", "python") if role == "shadow" else ()
    ran = doge(where, "run", "j.jsonl", f"--{role}", core, *others, "--db", f"{role}{name}.db",
               "--json", env=env)  # fmt: skip
    assert ran.code == 3, ran.err
    report = ran.json
    failed = [line for line in report["failed_steps"] if line["event"] == "PriceTick"]
    assert failed
    assert failed[0]["id"].startswith("f-")
    assert report["verdicts"]["agree"] > 50


@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_core_prints_or_changes_is_not_felt(where: Path, name: str) -> None:
    ran = doge(where, "run", "j.jsonl", "--authority", CORES / f"{name}.py", "--db", f"{name}.db",
               "--json")  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json["verdicts"]["agree"] == ran.json["transitions"]
    assert "debug" not in ran.err


def test_what_a_core_prints_does_not_get_into_the_output_of_commands_that_edit_it(
    tmp_path: Path,
) -> None:
    write(tmp_path / "j.jsonl", journal(60, slots=2))
    text = (CORES / "prints.py").read_text()
    bias = "core.transition(state, event, config, order_size_usd + 1.0, order_sizes)"
    call = "core.transition(state, event, config, order_size_usd, order_sizes)"
    assert text.count(call) == 1
    (tmp_path / "other.py").write_text(text.replace(call, bias))
    pair = ("--authority", CORES / "prints.py", "--shadow", tmp_path / "other.py", "--db", "d.db")
    assert doge(tmp_path, "run", "j.jsonl", *pair).code == 1
    [*findings] = doge(tmp_path, "list", "--db", "d.db", "--json").json
    explained = doge(tmp_path, "explain", findings[0]["id"], "--seconds", 2, *pair, "--json")
    assert explained.json["id"] == findings[0]["id"]
    causes = doge(tmp_path, "causes", "--seconds", 2, "--generate", 100, *pair, "--json")
    assert causes.json["kept"] >= 1


@pytest.mark.parametrize("name", STARTING)
def test_a_core_that_starts_a_process_while_it_answers_is_refused_by_name(
    where: Path, name: str
) -> None:
    core = CORES / f"{name}.py"
    ran = doge(where, "run", "j.jsonl", "--authority", core, "--db", f"{name}.db")
    assert ran.code == 3
    assert "starts a process while it answers" in ran.err
    assert core.name in ran.err


def test_it_is_refused_in_the_workers_of_a_campaign_too(where: Path) -> None:
    core = CORES / "starts_by_popen.py"
    ran = doge(where, "fuzz", "--max-transitions", 2000, "--jobs", 1, "--authority", core, "--db",
               "fuzz.db")  # fmt: skip
    assert ran.code == 3
    assert "starts a process while it answers" in ran.err


@pytest.mark.parametrize("name", ["ends_the_process", "loops"])
def test_a_core_that_ends_a_worker_fails_at_a_step_and_the_campaign_goes_on(
    tmp_path: Path, name: str
) -> None:
    """The core of these tests does it at a size that one unit has, and others have not."""
    text = (CORES / f"{name}.py").read_text()
    at = 'getattr(event, "price", 0.0) == 0.31'
    assert at in text
    # Late in a few of many streams, so that there is something to go on with.
    when = 'state.next_order_id == 60 and type(event).__name__ == "FillEvent"'
    (tmp_path / "core.py").write_text(text.replace(at, when))
    ran = doge(tmp_path, "fuzz", "--max-transitions", 12000, "--profile", "live", "--jobs", 1,
               "--seed", 5, "--authority", "core.py", "--json",
               env={"DOGE_CORE_TIMEOUT_SEC": "1"})  # fmt: skip
    assert ran.code == 3, ran.err
    report = ran.json
    assert report["storm"] is None, report["storm"]
    assert any(line["id"].startswith("f-") for line in report["failed_steps"])
    assert report["transitions"] > 3000


PLANTED = Path(__file__).parents[1] / "support" / "interpreter"


def campaign(where: Path, fault: str, *arguments: object) -> Ran:
    env = {"PYTHONPATH": str(PLANTED), "PLANTED_FAULT": fault}
    return doge(where, "fuzz", "--profile", "live", "--seed", 11, "--json", *arguments, env=env)


@pytest.mark.parametrize("fault", ["raises", "dies"])
def test_a_fault_of_ours_sets_one_unit_aside_and_the_rest_goes_on(
    tmp_path: Path, fault: str
) -> None:
    ran = campaign(tmp_path, fault, "--max-transitions", 60000, "--jobs", 2)
    assert ran.code == 3, ran.err
    report = ran.json
    assert report["set_aside"], report["set_aside"]
    assert report["transitions"] > 30000
    faulty = [one for one in report["set_aside"] if "under way" not in one["why"]]
    number = faulty[0]["number"]
    again = campaign(tmp_path, fault, "--unit", number)
    assert [one["number"] for one in again.json["set_aside"]] == [number]
    assert again.code == 3
    without = doge(tmp_path, "fuzz", "--profile", "live", "--seed", 11, "--unit", number, "--json")
    assert without.code == 0, without.err
    assert without.json["streams"] == 1


def test_a_night_with_a_fault_of_ours_goes_on_and_writes_all_reports(tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(PLANTED), "PLANTED_FAULT": "raises"}
    ran = doge(tmp_path, "nightly", "--minutes", 30, "--max-transitions", 60_000,
               "--profile", "live", "--seed", 11, "--report-dir", "reports", env=env)  # fmt: skip
    report = json.loads((tmp_path / "reports" / "report.json").read_text())
    assert report["set_aside"]
    assert report["transitions"] > 30_000
    assert ran.code == 3
    number = report["set_aside"][0]["number"]
    for name in ("report.md", "report.html"):
        assert f"--unit {number}" in (tmp_path / "reports" / name).read_text()
    assert f"--unit {number}" in ran.out
    assert (tmp_path / "reports" / "junit.xml").exists()
