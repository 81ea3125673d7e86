"""`run`: all kinds of inputs, and what it says of them."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_support import FEE, SETTLED, TESTS, doge, faulty_core, script
from stream_makers import as_bytes, requests, write

from replay.differential.model import Verdict
from replay.streams.model import Start, Step, Stream
from replay.streams.parity_cases import parity_case_document
from replay.streams.zstd_frames import zstd_packed

KEYS = {
    *("authority", "shadow", "streams", "transitions", "seconds", "transitions_per_second"),
    *("rejected", "failures", "divergences", "canary", "control", "exit"),
}
CORPUS = Path(__file__).parents[2] / "corpus"
TICK = Step((0, 0.21, 1001.0))
START = Start({"market_price": 0.2, "now": 1000.0}, {}, 5.0, None)


def case(name: str, **expected: Any) -> dict[str, Any]:
    document = parity_case_document(name, Stream(START, (TICK,), ""), expected)
    read: dict[str, Any] = json.loads(json.dumps(document))
    return read


def test_a_journal_that_agrees_is_0_and_has_all_the_keys(
    tmp_path: Path, lines: list[dict[str, Any]], core_exe: str
) -> None:
    write(tmp_path / "j.jsonl", lines)
    ran = doge(tmp_path, "run", "j.jsonl", "--json")
    found = ran.json
    assert (ran.code, ran.err) == (0, "")
    assert found.keys() >= KEYS
    assert found["streams"] == 2
    assert found["transitions"] == len(lines)
    assert found["rejected"] == found["failures"] == found["divergences"] == []
    assert found["exit"] == 0
    assert found["canary"]["ok"] is True
    assert found["control"]["ok"] is True
    assert found["seconds"] > 0
    assert found["transitions_per_second"] > 0
    assert found["shadow"]["path"] == core_exe
    assert len(found["shadow"]["sha256"]) == len(found["authority"]["sha256"]) == 64
    assert found["shadow"]["version"]
    assert found["verdicts"].keys() == {str(verdict) for verdict in Verdict}
    assert sum(found["verdicts"].values()) == len(lines)


def test_bad_lines_are_set_aside_and_the_run_goes_on(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    bad: list[Any] = [b"{", b'{"v": 1}', b"\xff\xfe", b'{"a": 1e400}', b"[]", b"null"]
    write(tmp_path / "j.jsonl", [*lines[:50], *bad, *lines[50:100]])
    ran = doge(tmp_path, "run", "j.jsonl", "--json")
    assert ran.code == 0
    assert ran.json["transitions"] == 100
    assert ran.json["rejected_count"] == len(bad)
    assert [(one["file"], one["line"]) for one in ran.json["rejected"]] == [
        ("j.jsonl", number) for number in range(51, 51 + len(bad))
    ]
    assert all(one["reason"] for one in ran.json["rejected"])
    shown = doge(tmp_path, "run", "j.jsonl")
    assert all(f"j.jsonl:{number}: " in shown.out for number in range(51, 51 + len(bad)))


def test_every_kind_of_file_in_one_directory(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    logs = tmp_path / "logs"
    (logs / "deeper").mkdir(parents=True)
    write(logs / "j.jsonl.gz", lines[:100])
    write(logs / "deeper" / "r.jsonl", requests(30))
    (logs / "k.jsonl.zst").write_bytes(zstd_packed(as_bytes(lines[:80])))
    (logs / "case.json").write_text(json.dumps(case("the case")))
    first = sorted(CORPUS.iterdir())[0]
    shutil.copy(first, logs)
    stream = next(one for one in doge(tmp_path, "corpus", "list", "--corpus", CORPUS, "--json").json
                  if one["stream"] == first.stem)  # fmt: skip
    ran = doge(tmp_path, "run", "logs", "--json")
    assert ran.code == 0
    assert ran.json["rejected"] == []
    assert ran.json["transitions"] == 100 + 60 + 80 + 1 + stream["steps"]


def test_streams_of_the_corpus_by_file_by_id_and_all(tmp_path: Path) -> None:
    entries = doge(tmp_path, "corpus", "list", "--corpus", CORPUS, "--json").json
    one = entries[0]
    for given in (CORPUS / f"{one['stream']}.stream", one["stream"], one["stream"][:10]):
        found = doge(tmp_path, "run", given, "--corpus", CORPUS, "--json").json
        assert (found["streams"], found["transitions"]) == (1, one["steps"])
    found = doge(tmp_path, "run", "--corpus", CORPUS, "--corpus", CORPUS, "--json").json
    assert found["streams"] == len(entries)
    assert found["transitions"] == sum(entry["steps"] for entry in entries)
    assert found["exit"] == 0


@pytest.mark.parametrize("given", ["nothing.jsonl", "abcdef123456", "logs/../nothing", "e"])
def test_what_is_nowhere_is_2_before_anything_runs(tmp_path: Path, given: str) -> None:
    ran = doge(tmp_path, "run", given, "--corpus", CORPUS)
    assert ran.code == 2
    assert given in ran.line
    assert list(tmp_path.iterdir()) == []


def test_nothing_compared_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "bad.jsonl").write_text("{}\n")
    (tmp_path / "folder").mkdir()
    for given in (["empty.jsonl"], ["bad.jsonl"], ["folder"], ["--corpus", "folder"]):
        ran = doge(tmp_path, "run", *given, "--json")
        assert ran.code == ran.json["exit"] == 4
    assert "nothing was compared" in doge(tmp_path, "run", "empty.jsonl").out


def test_expectations_that_are_met_and_missed(tmp_path: Path) -> None:
    (tmp_path / "met.json").write_text(json.dumps(case("met", phase="S0", round_trips=0)))
    missed = case("missed", phase="S2", open_orders=7)
    (tmp_path / "missed.json").write_text(json.dumps(missed))
    assert doge(tmp_path, "run", "met.json", "--json").json["misses"] == []
    ran = doge(tmp_path, "run", "met.json", "missed.json", "--json")
    assert ran.code == 1
    assert ran.json["divergences"] == []
    assert len(ran.json["misses"]) == 2
    assert all(one.startswith("missed: ") for one in ran.json["misses"])
    shown = doge(tmp_path, "run", "missed.json")
    assert (shown.code, shown.out.count("expected: missed: ")) == (1, 2)
    assert doge(tmp_path, "repro", "missed.json").code == 1
    assert doge(tmp_path, "repro", "met.json").code == 0


def test_a_divergence_is_1_stored_and_tied_to_its_lines(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    write(tmp_path / "j.jsonl", lines)
    shadow = faulty_core(tmp_path, FEE, SETTLED)
    first = doge(tmp_path, "run", "j.jsonl", "--shadow", shadow, "--json")
    assert first.code == first.json["exit"] == 1
    divergences = first.json["divergences"]
    ids = [one["id"] for one in divergences]
    assert ids == sorted(ids)
    assert ids
    assert all(f"new divergence {one}: " in first.err for one in ids)
    keys = {"id", "event", "kind", "fields", "occurrences", "steps", "new", "command"}
    assert all(one.keys() >= keys and one["new"] and one["steps"] == 1 for one in divergences)

    again = doge(tmp_path, "run", "j.jsonl", "--shadow", shadow, "--json")
    assert [one | {"new": True} for one in again.json["divergences"]] == divergences
    assert not any(one["new"] for one in again.json["divergences"])
    assert again.err == "".join(
        line.replace("new ", "known ") for line in first.err.splitlines(keepends=True)
    )
    stored = doge(tmp_path, "list", "--json").json
    assert sorted(one["id"] for one in stored) == ids
    twice = {one["id"]: 2 * one["occurrences"] for one in divergences}
    assert {one["id"]: one["occurrences"] for one in stored} == twice

    for one in ids:
        places = doge(tmp_path, "show", one, "--json").json["places"]
        assert {place["origin"] for place in places} <= {"j.jsonl slot 0", "j.jsonl slot 1"}
        assert {place["run"] for place in places} == {1, 2}
        for place in places:
            line = json.loads((tmp_path / "j.jsonl").read_text().splitlines()[place["line"] - 1])
            assert line["event"]["type"] == "FillEvent"


def test_a_log_that_no_core_can_read_proves_nothing_and_says_why(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    """Prices as texts, as some exports have them: two cores refuse each line, however different."""
    ticks = [line for line in lines if line["event"] and line["event"]["type"] == "PriceTick"][:20]
    ticks = json.loads(json.dumps(ticks))
    for line in ticks:
        line["event"]["payload"]["price"] = str(line["event"]["payload"]["price"])
    write(tmp_path / "texts.jsonl", ticks)
    ran = doge(tmp_path, "run", "texts.jsonl", "--shadow", faulty_core(tmp_path, FEE))
    assert ran.code == 4
    assert "every step was refused by both cores: event.price is a text" in ran.out.splitlines()[0]
    assert "No bounds" in ran.out
    write(tmp_path / "good.jsonl", lines)
    both = doge(tmp_path, "run", "good.jsonl", "texts.jsonl", "--json").json
    assert both["exit"] == 0
    assert both["compared"] == len(lines)
    assert both["uncompared"].keys() == {"event.price is a text"}
    assert "every step was refused by both cores: event.price is a text" in [
        one["reason"] for one in both["rejected"]
    ]


def test_a_case_without_steps_or_that_both_refuse_is_no_agreement(tmp_path: Path) -> None:
    document = case("empty")
    document["events"] = []
    (tmp_path / "empty.json").write_text(json.dumps(document))
    document = case("refused")
    document["events"] = [{"type": "PriceTick", "payload": {"price": "0.2", "timestamp": 1.0}}]
    (tmp_path / "refused.json").write_text(json.dumps(document))
    for name, why in (("empty", "no steps"), ("refused", "event.price is a text")):
        ran = doge(tmp_path, "repro", f"{name}.json")
        assert ran.code == 4, ran
        assert why in ran.out.splitlines()[0]
        assert doge(tmp_path, "repro", f"{name}.json", "--bisect").code == 125
        assert doge(tmp_path, "run", f"{name}.json").code == 4


def test_what_a_core_refuses_with_stands_in_reports_and_in_what_explain_says(
    tmp_path: Path,
) -> None:
    program = TESTS / "support" / "executables" / "refusing.py"
    core = script(tmp_path / "core", f'exec {sys.executable} {program} value "$@"')
    steps = [Step(TICK.call, {"config": {"stale_price_max_age_sec": float("inf")}}), TICK]
    stream = Stream(START, tuple(steps), "")
    (tmp_path / "case.json").write_text(json.dumps(parity_case_document("c", stream, {})))
    ran = doge(tmp_path, "run", "case.json", "--shadow", core)
    assert ran.code == 3
    said = "cannot read config.stale_price_max_age_sec: inf is no finite number"
    assert " ".join(said.split()[:2]) in ran.out
    (found,) = doge(tmp_path, "list", "--json").json
    assert found["field"] == "error cannot read # is no finite number"
    explained = doge(tmp_path, "explain", found["id"], "--shadow", core)
    assert said in explained.out
    assert "the smallest input known" in explained.out


def test_a_run_without_a_corpus_says_what_to_do_next(tmp_path: Path) -> None:
    ran = doge(tmp_path, "run")
    assert ran.code == 4
    assert "`doge-replay run FILE`" in ran.last
    assert "`doge-replay corpus import LOGS`" in ran.last
    assert doge(tmp_path, "run", "--json").json["exit"] == 4


def test_a_core_that_is_no_file_is_told_from_a_module_that_is_not_there(tmp_path: Path) -> None:
    missing = {"nowhere.py": "there is no such file", "no_module": "no file and no module"}
    for spec, why in missing.items():
        ran = doge(tmp_path, "run", ".", "--shadow", spec)
        assert ran.code == 2
        assert f"{spec} ({why}" in ran.last
