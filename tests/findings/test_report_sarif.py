"""The report for code scanning: each cause that has a line of source, at that line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from report_makers import EVIL, full_report

import replay.core
from replay.findings.account import CauseAccount, StoredCause
from replay.reports.sarif import sarif

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
FORM: dict[str, Any] = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["ruleId", "message", "locations"],
                            "properties": {
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": TEXT,
                                "locations": {"type": "array", "minItems": 1, "maxItems": 10},
                            },
                        },
                    }
                },
            },
        },
    },
}
"""What code scanning asks of a file (SARIF 2.1.0, sections 3.13, 3.14 and 3.27)."""


def cause(identity: str, says: str, *findings: str) -> StoredCause:
    return StoredCause(identity, "edit", says, says, "reducer.md", True, 3, 0, findings)


def results(*causes: StoredCause, **fields: Any) -> list[dict[str, Any]]:
    document = json.loads(sarif(full_report(account=CauseAccount(causes), **fields)))
    Draft202012Validator(FORM).validate(document)
    (run,) = document["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [
        one["ruleId"] for one in run["results"]
    ]
    found: list[dict[str, Any]] = run["results"]
    return found


def test_a_cause_stands_at_its_line_of_the_authority_s_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(Path(replay.core.__file__).parents[2])
    told = 'reducer.py line 256 lacked "total_fees=state.total_fees + event.fee"'
    (one,) = results(cause("c-00000001", told, "d-00000002"))
    place = one["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "replay/core/reducer.py"
    assert place["region"] == {"startLine": 256}
    assert one["level"] == "error"
    assert "d-00000002" in one["message"]["text"]
    assert one["partialFingerprints"] == {"cause/v1": "c-00000001"}


def test_what_is_explained_is_a_note() -> None:
    (one,) = results(cause("c-00000001", "reducer.py line 2 read x", "d-00000006"))
    assert one["level"] == "note"


def test_a_cause_that_names_no_line_or_no_file_that_is_here_is_left_out() -> None:
    assert results() == []
    assert results(cause("c-00000001", "the shadow reads null as 0")) == []
    assert results(cause("c-00000001", "elsewhere.py line 3 read x")) == []


def test_evil_texts_stay_texts() -> None:
    (one,) = results(cause("c-00000001", f"reducer.py line 2 read {EVIL}", "d-00000001"))
    assert "\x1b" not in one["message"]["text"]
