"""`doge-replay explain`, as a person or a script runs it."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_support import Faulty, doge, faulty_core

from replay.explaining.claims.explanations import parse_explanations

CORPUS = Path(__file__).resolve().parents[2] / "corpus"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ALL_IT_NEEDS = ("--seconds", 100, "--corpus", CORPUS)


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Faulty:
    """The example of the README: a shadow that forgets the fees of fills."""
    folder = tmp_path_factory.mktemp("forgetful")
    shadow = EXAMPLES / "forgets_fees.py"
    ran = doge(folder, "run", EXAMPLES / "journal.jsonl", "--shadow", shadow, "--json")
    return Faulty(folder, shadow, ran)


@pytest.fixture(scope="module")
def entries(forgetful: Faulty) -> dict[str, str]:
    """The IDs of its two findings, by rule."""
    return {one["rule"]: one["id"] for one in forgetful.ran.json["divergences"]}


def test_the_cause_is_told_with_its_rule_its_support_and_what_to_paste(
    forgetful: Faulty, entries: dict[str, str], tmp_path: Path
) -> None:
    folder = forgetful.copy(tmp_path)
    ran = doge(folder, "explain", entries["entry fill"], "--shadow", forgetful.shadow,
               *ALL_IT_NEEDS)  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == f"{entries['entry fill']}: the shadow behaves as if"
    assert 'read "total_fees=state.total_fees" instead of' in lines[1]
    assert any(line.startswith('rule       reducer.md, "FillEvent"') for line in lines)
    assert any(line.startswith("support    gave the shadow's answer at ") for line in lines)
    block, _, _ = ran.out[ran.out.index("[[explanation]]") :].partition("\n\nnext\n")
    (entry,) = parse_explanations(
        block.replace('reason = ""', 'reason = "known"').replace('signed = ""', 'signed = "Ada"')
    ).entries
    assert entry.deviation is not None
    assert entry.deviation.functions == ("reducer._entry_filled",)
    assert entry.date - datetime.now(UTC).date() >= timedelta(days=-1)


def test_what_fits_only_in_places_is_the_nearest_with_where_it_fits(
    forgetful: Faulty, entries: dict[str, str], tmp_path: Path
) -> None:
    """It forgets the fees of exits that fill, but not those of recoveries."""
    folder = forgetful.copy(tmp_path)
    found = doge(folder, "explain", entries["book a cycle"], "--shadow", forgetful.shadow,
                 *ALL_IT_NEEDS, "--json")  # fmt: skip
    assert (found.code, found.err, found.json["result"]) == (1, "", "none fits")
    nearest = found.json["nearest"][0]
    assert (nearest["function"], nearest["condition"]) == ("booking._book", 'event == "FillEvent"')
    assert nearest["reproduced"] == nearest["occurrences"]
    assert 'where = "event == \\"FillEvent\\""' in nearest["explanation"]


def test_a_script_gets_all_of_it(
    forgetful: Faulty, entries: dict[str, str], tmp_path: Path
) -> None:
    folder = forgetful.copy(tmp_path)
    ran = doge(folder, "explain", entries["entry fill"][2:6], "--shadow", forgetful.shadow,
               *ALL_IT_NEEDS, "--json")  # fmt: skip
    document: dict[str, Any] = ran.json
    assert (ran.code, document["exit"], document["result"]) == (0, 0, "verified")
    cause = document["causes"][0]
    assert cause["function"] == "reducer._entry_filled"
    assert cause["places"][0]["new"] == "state.total_fees"
    assert document["support"]["kept"] == document["kept"] > 0
    assert document["complete"] is True
    assert set(document) == {
        *("id", "result", "why", "kept", "set_aside", "causes", "support", "nearest", "halves"),
        *("values", "notes", "complete", "seconds", "exit", "known", "together"),
    }


def test_nothing_is_written_to_the_database(
    forgetful: Faulty, entries: dict[str, str], tmp_path: Path
) -> None:
    folder = forgetful.copy(tmp_path)
    before = (folder / "divergences.db").read_bytes()
    doge(folder, "explain", entries["entry fill"], "--shadow", forgetful.shadow, "--seconds", 1)
    assert (folder / "divergences.db").read_bytes() == before


def test_what_is_mended_has_nothing_to_explain(
    forgetful: Faulty, entries: dict[str, str], tmp_path: Path, core_exe: str
) -> None:
    folder = forgetful.copy(tmp_path)
    ran = doge(folder, "explain", entries["entry fill"], "--shadow", core_exe)
    assert ran.code == 4
    assert "no kept occurrence diverges in this way any more" in ran.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("d-00000000",), "there is no finding 'd-00000000'"),
        ((), "Missing argument 'ID'"),
        (("d", "--seconds", "0"), "0"),
        (("d", "--seconds", "nan"), "nan is no length of time"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    forgetful: Faulty, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    ran = doge(forgetful.copy(tmp_path), "explain", *arguments)
    assert ran.code == 2
    assert says in ran.line


def test_a_shadow_that_is_gone_leaves_the_stored_answers(
    forgetful: Faulty, entries: dict[str, str], tmp_path: Path
) -> None:
    """They can tell what there would be, but nothing is verified by them."""
    folder = forgetful.copy(tmp_path)
    ran = doge(folder, "explain", entries["entry fill"], "--shadow", tmp_path / "gone.py",
               *ALL_IT_NEEDS, "--json")  # fmt: skip
    assert (ran.code, ran.json["result"]) == (3, "unverified")
    assert "reducer._entry_filled" in {one["function"] for one in ran.json["causes"]}
    assert "only its stored answers are known" in ran.json["notes"][0]


def test_of_a_refusal_the_condition_is_named(tmp_path: Path) -> None:
    refuses = ("    fees = closed.entry_fee + fee\n", "    raise ValueError\n")
    shadow = faulty_core(tmp_path, refuses)
    ran = doge(tmp_path, "run", EXAMPLES / "journal.jsonl", "--shadow", shadow, "--json")
    finding = ran.json["failed_steps"][0]["id"]
    assert finding.startswith("f-")
    explained = doge(tmp_path, "explain", finding, "--shadow", shadow)
    assert (explained.code, explained.err) == (0, "")
    lines = explained.out.splitlines()
    assert lines[0] == f"{finding}: a core failed, which is no answer that an edit could give"
    head = next(one for one in lines if one.startswith("1 cause gives the shadow's answer at "))
    assert " refused" in lines[lines.index(head) + 1]


def test_hostile_texts_are_harmless(tmp_path: Path) -> None:
    """A shadow's own texts get into signatures, values and the block to paste."""
    shadow = faulty_core(
        tmp_path,
        ('"order volume must be > 0"', '"order volume \\x1b[31m must \\u202e be > 0"'),
        module="invariants.py",
    )
    case = {
        "name": "hostile", "order_size_usd": 2.0, "config": {},
        "initial_state": {"market_price": 0.1, "now": 0.0, "orders": [
            {"local_id": 1, "side": "buy", "role": "entry", "price": 0.1, "volume": 0.0,
             "trade_id": "B", "cycle": 1}]},
        "events": [{"type": "TimerTick", "payload": {"timestamp": 1.0}}],
    }  # fmt: skip
    (tmp_path / "case.json").write_text(json.dumps(case))
    ran = doge(tmp_path, "run", "case.json", "--shadow", shadow, "--json")
    (finding,) = ran.json["divergences"]
    for more in ((), ("--json",)):
        explained = doge(tmp_path, "explain", finding["id"], "--shadow", shadow,
                         "--seconds", 5, *more)  # fmt: skip
        assert explained.code in (0, 1, 4)
        assert finding["id"] in explained.out


def test_it_works_in_a_directory_that_cannot_be_written(
    forgetful: Faulty, entries: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "fixed"
    folder.mkdir()
    shutil.copy(forgetful.folder / "divergences.db", folder)
    folder.chmod(0o555)
    ran = doge(folder, "explain", entries["entry fill"], "--shadow", forgetful.shadow,
               "--seconds", 1)  # fmt: skip
    folder.chmod(0o755)
    assert ran.code in (0, 1, 4)


def test_a_cause_is_sent_on_to_its_findings(tmp_path: Path) -> None:
    ran = doge(tmp_path, "explain", "c-5be0117a", "--db", "d.db")
    assert (ran.code, ran.out) == (2, "")
    assert "c-5be0117a is a cause and explained already: `show` names the findings" in ran.err
