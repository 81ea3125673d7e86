"""The Markdown report: what it says, that data in it is only data, that it is never too long."""

from __future__ import annotations

from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token
from report_makers import EVIL, evil_report, full_report, line

from replay.explaining.claims.claim import Claim
from replay.reports.markdown import MAX_BYTES, MAX_SHOWN, markdown
from replay.runs.report import Report
from replay.streams.model import Rejected

OURS = {"<details>", "</details>"}
HARMLESS = {
    "heading_open", "heading_close", "inline", "paragraph_open", "paragraph_close", "table_open",
    "table_close", "thead_open", "thead_close", "tbody_open", "tbody_close", "tr_open", "tr_close",
    "th_open", "th_close", "td_open", "td_close", "bullet_list_open", "bullet_list_close",
    "list_item_open", "list_item_close", "code_block", "html_block", "text", "text_special",
    "code_inline", "softbreak",
}  # fmt: skip


def tokens(text: str) -> Iterator[Token]:
    """All tokens of a text, those inside of others too."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        yield token
        yield from token.children or ()


def assert_harmless(text: str) -> None:
    """No markup, link, image or HTML but ours, and nothing that GitHub would make a link of."""
    for token in tokens(text):
        assert token.type in HARMLESS, token
        if token.type == "html_block":
            content = token.content.strip()
            assert content in OURS or content.startswith("<details><summary>"), content
            assert content.count("<") <= 3, content
        if token.type == "text":
            assert "://" not in token.content, token.content
    assert text.replace("\n", "").isprintable()


def test_the_verdict_is_the_first_line_and_false_explanations_come_next() -> None:
    lines = markdown(full_report()).splitlines()
    assert lines[0].startswith("# doge-replay nightly: exit 1, 1 explanation that does not hold")
    assert "regressed 1, new 2, known 1, flaky 1, failures 1, explained 2, fixed 1" in lines[2]
    false = "- explanation `too wide` does not hold: `it also changes steps on which both agree`"
    assert lines.index(false) < 6


def test_each_group_is_apart_with_its_count_and_its_commands() -> None:
    text = markdown(full_report())
    titles = ["## Regressed: 1", "## New: 2", "## Known: 1", "## Flaky: 1",
              "## Failures of a core: 1", "## Explained: 2", "## Fixed in this run: 1"]  # fmt: skip
    places = [text.index(title) for title in titles]
    assert places == sorted(places)
    assert "no cause is looked for" in text
    assert "`flaky, 3 of 20`" in text
    assert "`explained: known to ops (by a signed note; nothing was run)`" in text
    assert text.count("    doge-replay repro ") == 1
    assert text.count("    doge-replay explain d-00000001\n") == 1
    assert text.count("    doge-replay recheck\n") == 1
    assert "explain d-00000005" not in text
    assert text.index("d-00000003") < text.index("d-00000002")


def test_it_says_what_was_exercised_and_how_much_that_means() -> None:
    text = markdown(full_report())
    assert "| `FillEvent` | 100 | 3 | 7.6 % | 1 | 1 | 100 % |" in text
    assert "| `PriceTick` | 300 | 0 | 1.0 % | 2 | 0 | 78 % |" in text
    assert "Independent: of the steps of one event" in text
    assert "| `FillEvent` | 100 | 0 | 100 | 0 | 0 | 0 |" in text
    assert "| `PlaceOrderAction` | `exit entry_fill_exit` | 90 |" in text


def test_a_run_that_drew_nothing_gives_no_bounds_and_says_why() -> None:
    report = full_report()
    report.exercised.independent.clear()
    assert "No bounds: all that was run had been chosen before" in markdown(report)


def test_what_is_folded_away_is_folded_out_of_well_formed_pieces() -> None:
    text = markdown(full_report())
    assert text.count("<details>") == text.count("</details>") > 3
    assert_harmless(text)


def test_evil_texts_are_nothing_but_texts() -> None:
    text = markdown(evil_report())
    assert_harmless(text)
    assert "< script>alert" in text  # as code, which shows it
    # Only commands, which are to be copied, are exactly what they are.
    assert not any("<script" in one for one in text.splitlines() if not one.startswith("    "))


def flood(count: int, text: str = "x") -> Report:
    findings = [line(n, new=True, event=text, rule=text, field=text) for n in range(count)]
    claims = [Claim(text, False, text)] * count
    report = full_report(findings=findings, claims=claims, misses=[text] * count)
    report.rejected = [Rejected(text, n, text) for n in range(count)]
    report.rejected_count = 3 * count
    return report


def test_it_is_never_longer_than_github_takes_and_says_what_is_left_out() -> None:
    for text in ("\N{GRINNING FACE}" * 1_000_000, EVIL * 4):
        shown = markdown(flood(2500, text))
        assert len(shown.encode()) <= MAX_BYTES < 1024 * 1024
        assert "more are left out here: report.json has them all." in shown
        assert shown.count("<details>") == shown.count("</details>")
        assert "## What was exercised" in shown
        assert_harmless(shown)


def test_of_lines_set_aside_the_first_are_shown_and_all_are_counted() -> None:
    shown = markdown(flood(200))
    assert "## Set aside: 600" in shown
    assert f"- and {600 - MAX_SHOWN} more: report.json has them" in shown
