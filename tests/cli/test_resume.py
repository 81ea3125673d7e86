"""`fuzz --resume RUN` goes on with a campaign that was cut short, and nothing is done twice."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from cli_support import FEE, SETTLED, TESTS, doge, faulty_core, start
from cluster_support import Watched

BUDGET = ("--max-transitions", 30_000, "--profile", "live", "--seed", 5)


@pytest.fixture(scope="module")
def shadow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A core with two faults."""
    return faulty_core(tmp_path_factory.mktemp("resume"), FEE, SETTLED)


def counts(where: Path, database: str) -> dict[str, int]:
    """Occurrences by ID."""
    found: list[dict[str, Any]] = doge(where, "list", "--db", database, "--json").json
    return {one["id"]: one["occurrences"] for one in found}


def test_a_campaign_that_was_cut_short_finds_what_it_would_have_found(
    tmp_path: Path, shadow: Path
) -> None:
    pair = ("--shadow", shadow, "--jobs", 1)
    whole = doge(tmp_path, "fuzz", *BUDGET, *pair, "--db", "whole.db", "--json").json
    run = Watched(start(tmp_path, "fuzz", *BUDGET, *pair, "--db", "cut.db"))
    run.wait_for("new divergence")
    run.process.send_signal(signal.SIGINT)
    cut = run.ended()
    assert cut.code == 130
    assert "fuzz --resume 1 " in cut.out
    rest = doge(tmp_path, "fuzz", "--resume", 1, *pair, "--db", "cut.db", "--json")
    assert rest.code == 1
    assert "goes on with run 1, after " in rest.err
    assert (rest.json["seed"], rest.json["profile"]) == (5, "live")
    assert 0 < rest.json["transitions"] <= whole["transitions"]
    assert counts(tmp_path, "cut.db") == counts(tmp_path, "whole.db")
    for number, why in ((1, "run 2 has gone on with run 1"), (2, "came to its end"), (9, "no run")):
        again = doge(tmp_path, "fuzz", "--resume", number, *pair, "--db", "cut.db")
        assert (again.code, why in again.err) == (2, True), again.err


def test_what_would_be_another_campaign_is_refused(tmp_path: Path, shadow: Path) -> None:
    pair = ("--shadow", shadow, "--jobs", 1)
    run = Watched(start(tmp_path, "fuzz", *BUDGET, *pair))
    run.wait_for("new divergence")
    run.process.send_signal(signal.SIGTERM)
    assert run.ended().code == 143
    for more, why in (
        (("--shadow", "python"), "run 1 was on another shadow"),
        ((*pair, "--corpus", TESTS.parent / "corpus"), "the corpus is not that of run 1"),
        ((*pair, "--seed", 6), "--resume takes --seed"),
        ((*pair, "--db", "other.db"), "there is no database"),
    ):
        ran = doge(tmp_path, "fuzz", "--resume", 1, *more)
        assert (ran.code, why in ran.err) == (2, True), ran.err
    report = json.loads(doge(tmp_path, "list", "--json").out)
    assert report


def test_a_night_that_was_killed_goes_on_by_the_same_command(tmp_path: Path, shadow: Path) -> None:
    """What was found is stored, the place is noted as it goes, and the rest finds the rest."""
    command = ("nightly", *BUDGET, "--minutes", 5, "--causes", 0, "--shadow", shadow, "--jobs", 1)
    whole = doge(tmp_path, *command, "--db", "whole.db", "--corpus", "whole")
    assert whole.code == 1, whole.err
    run = Watched(start(tmp_path, *command, "--db", "cut.db", "--corpus", "cut"))
    run.wait_for("new divergence")
    run.process.kill()
    run.ended()
    found = counts(tmp_path, "cut.db")
    assert found
    again = (*command, "--db", "cut.db", "--corpus", "cut", "--resume", 1)
    rest = doge(tmp_path, *again)
    assert rest.code == 1, rest.err
    assert "goes on with run 1, after " in rest.err
    assert counts(tmp_path, "cut.db").keys() == counts(tmp_path, "whole.db").keys()
    assert "run 2 has gone on with run 1" in doge(tmp_path, *again).err


def test_a_night_that_was_ended_says_how_it_goes_on(tmp_path: Path, shadow: Path) -> None:
    command = ("nightly", *BUDGET, "--minutes", 5, "--causes", 0, "--shadow", shadow, "--jobs", 1)
    run = Watched(start(tmp_path, *command))
    run.wait_for("new divergence")
    run.process.send_signal(signal.SIGTERM)
    cut = run.ended()
    assert cut.code == 143
    assert "nightly --resume 1 " in cut.out
    refused = doge(tmp_path, "fuzz", "--resume", 1, "--shadow", shadow)
    assert (refused.code, "run 1 was no campaign of fuzz" in refused.err) == (2, True)
