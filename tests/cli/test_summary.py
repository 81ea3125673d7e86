"""The report in the terminal: the verdict first, groups apart, and no text that is an order."""

from __future__ import annotations

from typing import Any

import pytest
from report_makers import EVIL, evil_report, full_report, line

from replay.cli.run_report import MAX_ROWS, say_report
from replay.runs.report import Report


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    def say(report: Report) -> str:
        say_report(report)
        return capsys.readouterr().out

    return say


def test_the_verdict_and_what_does_not_hold_come_first(said: Any) -> None:
    lines = said(full_report()).splitlines()
    assert lines[0].startswith("nightly: 1 explanation that does not hold, 4 divergences")
    assert lines[1] == (
        "  explanation too wide does not hold: it also changes steps on which both agree"
    )


def test_each_group_is_apart_with_its_count_the_worst_first(said: Any) -> None:
    text = said(full_report())
    titles = ["\nRegressed: 1. ", "\nNew: 2. ", "\nKnown: 1. ", "\nFlaky: 1. ",
              "\nFailures of a core: 1. ", "\nExplained: 2. "]  # fmt: skip
    places = [text.index(title) for title in titles]
    assert places == sorted(places)
    assert text.index("d-00000003") < text.index("d-00000002")
    assert "did not show it each time: no cause is looked for" in text
    assert "flaky, 3 of 20" in text
    assert "findings   regressed 1, new 2, known 1, flaky 1, failures 1, explained 2" in text
    assert "fixed      d-00000009" in text


def test_commands_to_copy_are_on_lines_of_their_own(said: Any) -> None:
    """The worst bucket stands for all: one of another ID takes the same command."""
    text = said(full_report())
    lines = text.splitlines()
    assert "    doge-replay repro d-00000001" in lines
    assert "    doge-replay explain d-00000001" in lines
    assert "    doge-replay causes" in lines
    assert "(the others likewise, by ID: 4 in all)" in text
    assert all(text.count(f"doge-replay {one}") == 1 for one in ("repro", "explain", "causes"))


def test_what_was_asked_less_often_than_usual_is_counted_and_what_was_not_asked_is_named(
    said: Any,
) -> None:
    report = full_report()
    report.asked_less = {"d-1": "6 of 20", "d-2": "4 of 20", "d-3": "0 of 20"}
    assert (
        "  asked less 2 findings 4 to 6 of 20 times; not at all whether steady: d-3 "
        "(for want of processor time)\n"
    ) in said(report)


def test_strict_is_told(said: Any) -> None:
    text = said(full_report(strict=True))
    assert "(strict: nothing counts as explained)" in text
    assert "\nExplained" not in text


def test_a_clean_run_says_how_much_it_means(said: Any) -> None:
    text = said(full_report(findings=[], claims=[], misses=[]))
    assert text.startswith("nightly: no divergence\n")
    assert "phases     S0 900, S1a 100" in text
    assert "reached    2 rules, 1 action, 2 configurations, 2 features" in text
    (row,) = (one for one in text.splitlines() if one.startswith("PriceTick "))
    assert row.split() == ["PriceTick", "300", "0", "1.0", "%", "2", "0", "78", "%"]
    assert "Independent: of the steps of one event" in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_red_run_says_nothing_of_how_much_a_green_one_would_mean(said: Any) -> None:
    text = said(full_report())
    assert text.startswith("nightly: ")
    assert "divergence" in text.splitlines()[0]
    assert "How often each event" not in text
    assert "No bounds" not in text


def test_a_run_that_drew_nothing_says_that_there_are_no_bounds(said: Any) -> None:
    report = full_report(findings=[], claims=[], misses=[])
    report.exercised.independent.clear()
    assert said(report).splitlines()[-1].startswith("No bounds: ")


def test_of_a_flood_the_worst_are_shown_and_the_rest_is_counted(said: Any) -> None:
    text = said(full_report(findings=[line(n) for n in range(MAX_ROWS + 100)]))
    assert "... and 100 more (--json has them)" in text
    assert sum(one.startswith("d-") for one in text.splitlines()) == MAX_ROWS
    assert text.count("doge-replay repro") == 1


@pytest.mark.parametrize("text", [EVIL, EVIL * 4000])
def test_evil_texts_are_nothing_but_texts(said: Any, text: str) -> None:
    shown = said(evil_report(text))
    # A wide space is a space.
    assert shown.replace("\n", "").replace("\u3000", " ").isprintable()
    assert max(map(len, shown.split("\n"))) < 6000
    assert len(shown) < 100_000
