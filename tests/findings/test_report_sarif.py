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
from replay.reports.sarif import SourceLine, sarif

STRING = {"type": "string"}


def exact(*required: str, **properties: Any) -> dict[str, Any]:
    """An object of SARIF as far as ours have it: these names and no other."""
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


def list_of(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


MESSAGE = exact("text", text=STRING)
REGION = exact(startLine={"type": "integer", "minimum": 1})
ARTIFACT = exact(
    uri={"type": "string", "pattern": r"^(?:[A-Za-z0-9._~/:@!$&'()*+,;=-]|%[0-9A-F]{2})+$"}
)
LOCATION = exact(physicalLocation=exact(artifactLocation=ARTIFACT, region=REGION))
RESULT = exact(
    *("message", "ruleId", "locations"),  # the last two are what code scanning asks for besides
    ruleId=STRING,
    level={"enum": ["none", "note", "warning", "error"]},
    message=MESSAGE,
    locations=list_of(LOCATION, minItems=1, maxItems=10),
    partialFingerprints={"type": "object", "additionalProperties": STRING},
)
RULE = exact("id", id=STRING, name=STRING, shortDescription=MESSAGE, fullDescription=MESSAGE)
DRIVER = exact("name", name=STRING, version=STRING, rules=list_of(RULE, uniqueItems=True))
INVOCATION = exact(
    "executionSuccessful",
    executionSuccessful={"type": "boolean"},
    exitCode={"type": "integer"},
    commandLine=STRING,
    startTimeUtc={"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
)
RUN = exact(
    *("tool", "results"),  # a run may be without results, which says that nothing was looked for
    tool=exact("driver", driver=DRIVER),
    invocations=list_of(INVOCATION, uniqueItems=False),
    results=list_of(RESULT),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
)
FORM = exact(
    *("version", "runs"),
    **{"$schema": STRING, "version": {"const": "2.1.0"}, "runs": list_of(RUN, minItems=1)},
)
"""The schema of SARIF 2.1.0 as far as it speaks of what we write: what each object must have, the
names that it knows, types, least values and closed sets."""


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


def test_a_file_whose_path_is_no_uri_is_named_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "Kern Ä"
    folder.mkdir()
    (folder / "core.py").write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)
    assert SourceLine(folder / "core.py", 1).uri == "Kern%20%C3%84/core.py"
    monkeypatch.chdir(folder)
    (tmp_path / "another core.py").write_text("x = 1\n")
    assert SourceLine(tmp_path / "another core.py", 1).uri.endswith("/another%20core.py")
