"""`replay.testing`, the names that test suites of cores use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_support import Faulty, doge, script

import replay.testing
from replay.errors import InputError, TargetError, UsageError
from replay.streams.parity_cases import read_case
from replay.testing import CoreFailedError, CoresDivergeError, assert_cores_agree, open_cores


@pytest.fixture(scope="module")
def case(faulty: Faulty) -> dict[str, Any]:
    """A case that diverges on the faulty core, as it stands in a file."""
    document: dict[str, Any] = json.loads(
        doge(faulty.folder, "export", faulty.ids[0], "--anyway").out
    )
    return document


def test_a_divergence_is_an_assertion_that_says_where(faulty: Faulty, case: dict[str, Any]) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_cores_agree(case, shadow=str(faulty.shadow))
    assert isinstance(caught.value, CoresDivergeError)
    first, *rest = str(caught.value).splitlines()
    assert first.startswith("the cores diverge at state.total_fees: authority ")
    assert any(line.startswith("!=  state.total_fees") for line in rest)
    assert [found.id for found in caught.value.findings] == faulty.ids[:1]


def test_agreement_says_nothing(case: dict[str, Any], core_exe: str) -> None:
    assert_cores_agree(case, shadow=core_exe)
    assert_cores_agree(read_case(case, "").stream, authority="python", shadow="python")


def test_what_a_case_expects_is_not_the_question(case: dict[str, Any], core_exe: str) -> None:
    assert case["expected"]
    assert_cores_agree({**case, "expected": {"phase": "S9"}}, shadow=core_exe)


def test_cores_are_opened_once_for_many_cases(faulty: Faulty, case: dict[str, Any]) -> None:
    with open_cores(shadow=str(faulty.shadow)) as cores:
        pair = cores.open()
        for _ in range(3):
            with pytest.raises(CoresDivergeError):
                assert_cores_agree(case, cores)
        assert cores.open() == pair
    with open_cores(authority=str(faulty.shadow), shadow=str(faulty.shadow)) as cores:
        assert_cores_agree(case, cores)


def test_a_core_that_cannot_be_opened_or_does_not_answer_is_no_assertion(
    case: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        assert_cores_agree(case, shadow=str(tmp_path / "nowhere"))
    (tmp_path / "text").write_text("no program")
    with pytest.raises(TargetError), open_cores(shadow=str(tmp_path / "text")):
        pass
    exits = script(tmp_path / "exits", "read -r asked; exit 3")
    with pytest.raises(CoreFailedError) as caught:
        assert_cores_agree(case, shadow=str(exits))
    assert caught.value.message.startswith("a core failed: shadow failed: exited")
    assert "\n" not in caught.value.message
    assert not isinstance(caught.value, AssertionError)


@pytest.mark.parametrize(
    "bad", [{}, [], None, {"initial_state": {}}, {"initial_state": {}, "events": 1}], ids=repr
)
def test_what_is_no_case_is_refused(bad: Any) -> None:
    with pytest.raises(InputError):
        assert_cores_agree(bad, shadow="python")


def test_the_names_that_exported_files_use_are_public() -> None:
    assert {"assert_cores_agree", "open_cores"} <= set(replay.testing.__all__)


def test_the_authority_can_be_set_in_the_environment(
    faulty: Faulty, case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOGE_REPLAY_AUTHORITY", str(faulty.shadow))
    assert_cores_agree(case, shadow=str(faulty.shadow))
    with pytest.raises(CoresDivergeError):
        assert_cores_agree(case, authority="python", shadow=str(faulty.shadow))
    with pytest.raises(CoresDivergeError):
        assert_cores_agree(case, shadow="python")
