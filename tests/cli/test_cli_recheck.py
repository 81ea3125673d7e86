"""`doge-replay recheck`: what is stored is asked again; `repro` says what that comes to."""

from __future__ import annotations

import shlex
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_support import doge
from hostile_support import here

ROOT = Path(__file__).resolve().parents[2]
FAULTY = ("--shadow", "forgets_fees.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with a database that a run with a faulty shadow has left: two findings."""
    shutil.copy(ROOT / "examples" / "forgets_fees.py", tmp_path)
    shutil.copy(ROOT / "examples" / "journal.jsonl", tmp_path)
    assert here(tmp_path, "run", "journal.jsonl", *FAULTY).code == 1
    return tmp_path


def stands(folder: Path) -> dict[str, str]:
    return {one["id"]: one["status"] for one in here(folder, "list", "--json").json}


def typed(folder: Path, command: str) -> tuple[int, str]:
    ran = here(folder, *shlex.split(command)[1:])
    return ran.code, ran.out


def test_a_finding_is_fixed_and_regressed_as_repro_says(folder: Path) -> None:
    one, other = stands(folder)
    asked = here(folder, "repro", one).out.splitlines()
    assert asked[-4:] == [
        "it would be fixed, once this says so, too:",
        f"doge-replay recheck {one}",
        "",
        f"doge-replay repro {one}",
    ]
    code, out = typed(folder, asked[-3])
    assert code == 0
    assert f"  fixed      {one}\n" in out
    assert stands(folder) == {one: "fixed", other: "new"}
    assert "it would be" not in here(folder, "repro", one).out

    again = here(folder, "repro", one, *FAULTY, "--json").json
    assert (again["status"], again["would_be"]) == ("fixed", "regressed")
    assert "it would be regressed" in here(folder, "repro", one, *FAULTY).out
    ran = here(folder, "recheck", *FAULTY)
    assert ran.code == 1
    assert sorted(line.partition(":")[0] for line in ran.err.splitlines()) == [
        f"known divergence {other}",
        f"regressed divergence {one}",
    ]
    assert "Regressed: 1." in ran.out
    assert "Known: 1." in ran.out
    assert stands(folder) == {one: "regressed", other: "new"}


def test_all_that_is_stored_is_fixed_at_once_in_two_replays(folder: Path) -> None:
    ran = here(folder, "recheck", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json["kind"] == "recheck"
    assert sorted(ran.json["fixed"]) == sorted(stands(folder))
    for one in stands(folder):
        entry = here(folder, "show", one, "--json").json["history"][-1]
        assert entry["evidence"]["replays"] == 2
        assert entry["who"].startswith("doge-replay recheck, run ")
    once_more = here(folder, "recheck")
    assert once_more.code == 0
    assert "fixed" not in once_more.out


def test_only_what_is_named_is_asked(folder: Path) -> None:
    one, other = stands(folder)
    ran = here(folder, "recheck", one[:6], *FAULTY, "--json")
    assert ran.code == 1
    assert [found["id"] for found in ran.json["divergences"]] == [one]
    assert here(folder, "recheck", "d-00000000").code == 2
    assert other in stands(folder)


def test_a_build_that_answers_both_ways_makes_a_finding_flaky(folder: Path) -> None:
    """One core, by its bytes, whose answers hang on a file beside it."""
    one = min(stands(folder))
    core = folder / "moody.py"
    core.write_text(
        "from pathlib import Path\n"
        "from replay import core\n"
        "from replay.core import *\n"
        "here = Path(__file__).parent\n"
        "faulty = {}\n"
        "exec((here / 'forgets_fees.py').read_text(), faulty)\n"
        "bad = (here / 'bad').exists()\n"
        "transition = faulty['transition'] if bad else core.transition\n"
    )
    (folder / "bad").touch()
    assert doge(folder, "recheck", one, "--shadow", "moody.py").code == 1
    (folder / "bad").unlink()
    said = doge(folder, "repro", one, "--shadow", "moody.py")
    assert "it would be flaky" in said.out
    doge(folder, "recheck", one, "--shadow", "moody.py")
    assert stands(folder)[one] == "flaky"


def test_an_explanation_older_than_a_regression_is_named_and_set_aside(folder: Path) -> None:
    one = min(stands(folder))
    assert here(folder, "recheck", one).code == 0

    def sign(day: str) -> None:
        (folder / "explanations.toml").write_text(
            f'[[explanation]]\nname = "known"\nreason = "may stay"\nsigned = "Ada"\n'
            f'date = {day}\nbuckets = ["{one}"]\n'
        )

    sign("2020-01-01")
    back = here(folder, "recheck", one, *FAULTY)
    assert back.code == 1
    assert f"{one}: 'known' is set aside: this came back in this run" in back.out
    again = here(folder, "recheck", one, *FAULTY)
    assert again.code == 1
    why = f"'known' (signed on 2020-01-01) is set aside: this came back on {today()}"
    assert f"{one}: {why}" in again.out
    checked = here(folder, "explanations", *FAULTY)
    assert checked.code == 1
    assert "all hold" not in checked.out
    assert "1 explanation, set aside for 1 finding that came back since" in checked.out
    found = here(folder, "explanations", *FAULTY, "--json").json
    assert why in found["buckets"][0]["set_aside"]
    sign(today())
    mended = here(folder, "recheck", one, *FAULTY)
    assert (mended.code, "set aside" in mended.out) == (0, False)
    assert stands(folder)[one] == "explained"


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def test_a_core_that_cannot_run_changes_nothing(folder: Path) -> None:
    before = stands(folder)
    (folder / "text").write_text("no program")
    assert here(folder, "recheck", "--shadow", "./text").code == 3
    assert stands(folder) == before


def test_nothing_stored_is_no_proof_of_anything(tmp_path: Path) -> None:
    assert here(tmp_path, "recheck").code == 2
    assert list(tmp_path.iterdir()) == []
    shutil.copy(ROOT / "examples" / "journal.jsonl", tmp_path)
    assert here(tmp_path, "run", "journal.jsonl").code == 0
    assert here(tmp_path, "recheck").code == 4
    assert here(tmp_path, "recheck", "--json").json["exit"] == 4


TWO_FAULTS = """
from dataclasses import replace
from replay import core
from replay.core import *

IS_MENDED = {is_mended}

def transition(state, event, config, order_size_usd, order_sizes=None):
    after, actions = core.transition(state, event, config, order_size_usd, order_sizes)
    if isinstance(event, core.FillEvent) and not IS_MENDED:
        after = replace(after, total_fees=state.total_fees)
    if isinstance(event, core.TimerTick):
        after = replace(after, now=state.now)
    return after, actions
"""


def two_faults(folder: Path, name: str, *, is_mended: bool) -> tuple[str, str]:
    (folder / name).write_text(TWO_FAULTS.format(is_mended=is_mended))
    return "--shadow", name


def test_a_mended_difference_is_fixed_though_its_other_cases_show_another_that_is_not(
    tmp_path: Path,
) -> None:
    shutil.copy(ROOT / "examples" / "journal.jsonl", tmp_path)
    both = two_faults(tmp_path, "port.py", is_mended=False)
    one = two_faults(tmp_path, "port_2.py", is_mended=True)
    assert here(tmp_path, "run", "journal.jsonl", *both).code == 1
    fields = {line["id"]: line["field"] for line in here(tmp_path, "list", "--json").json}
    fees = {finding for finding, field in fields.items() if "fees" in field}
    assert fees
    assert fees < fields.keys()
    said = here(tmp_path, "recheck", *one, "--json")
    assert said.code == 1
    assert fees <= set(said.json["fixed"])
    standing = stands(tmp_path)
    assert {standing[finding] for finding in fees} == {"fixed"}
    assert {standing[finding] for finding in fields.keys() - set(said.json["fixed"])} == {"new"}


def test_cores_that_a_finding_was_never_seen_on_tell_nothing_of_it(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples" / "journal.jsonl", tmp_path)
    (tmp_path / "bot_sm.py").write_text("from replay.core import *\n")
    theirs = (*two_faults(tmp_path, "port.py", is_mended=False), "--authority", "bot_sm.py")
    assert here(tmp_path, "run", "journal.jsonl", *theirs).code == 1
    before = stands(tmp_path)
    ran = here(tmp_path, "recheck")
    assert ran.code == 4
    assert stands(tmp_path) == before
    assert "never seen on such cores" in ran.err
    assert "--authority bot_sm.py --shadow port.py" in ran.err
    assert "it would be" not in here(tmp_path, "repro", min(before)).out
    # A later version of the bot's module, under the same name, is what it was seen on.
    (tmp_path / "bot_sm.py").write_text("from replay.core import *\nVERSION = 2\n")
    mended = two_faults(tmp_path, "port.py", is_mended=True)
    assert here(tmp_path, "recheck", *mended, "--authority", "bot_sm.py").code == 1
    assert set(stands(tmp_path).values()) == {"fixed", "new"}


def test_a_core_that_cannot_be_loaded_for_the_canary_is_told_and_no_fault_of_ours(
    folder: Path,
) -> None:
    faulty = folder / "forgets_fees.py"
    loads = folder / "loads"
    faulty.write_text(
        f"import pathlib\nloads = pathlib.Path({str(loads)!r})\n"
        "loads.write_text(loads.read_text() + 'x')\n"
        "assert len(loads.read_text()) < 3, 'loaded too often'\n" + faulty.read_text()
    )
    loads.write_text("")
    ran = here(folder, "recheck", *FAULTY)
    assert ran.code == 3
    assert "loaded too often" in ran.last
    assert "internal fault" not in ran.err
