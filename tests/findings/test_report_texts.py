"""Texts from data, made fit for Markdown and XML, and the words all reports share."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from report_makers import EVIL, full_report, line

from replay.errors import ExitCode
from replay.reports.texts import (
    markdown_code,
    markdown_text,
    markdown_words,
    plain,
    xml_text,
)
from replay.reports.wording import headline, percent, severity_words, status_words
from replay.runs.report import Check, Group

PARSER = MarkdownIt("commonmark").enable("table")
ANY = st.text(max_size=60) | st.text("`|\\*_[]()<>&#!:w.@~\n \t-+=x", max_size=40)


@given(ANY | st.just(EVIL))
def test_a_plain_text_is_one_printable_line(text: str) -> None:
    assert plain(text).isprintable()
    assert len(plain(text, 10)) < 60


def test_a_long_text_is_cut_and_says_how_long_it_was() -> None:
    assert plain("x" * 1_000_000, 5) == "xxxxx... (1,000,000 characters)"
    assert plain("xxxxx", 5) == "xxxxx"
    assert xml_text("x" * 5000).endswith("x... (5,000 characters)")


@given(ANY | st.just(EVIL))
def test_markdown_shows_a_text_as_it_is(text: str) -> None:
    (paragraph, inline, _) = PARSER.parse(f"a {markdown_text(text, 1000)} b")
    assert paragraph.type == "paragraph_open"
    assert {token.type for token in inline.children or ()} <= {"text", "text_special"}
    shown = "".join(token.content for token in inline.children or ())
    assert shown.split() == f"a {plain(text, 1000)} b".split()


@given(ANY | st.just(EVIL))
def test_markdown_shows_code_as_it_is_even_in_a_table(text: str) -> None:
    wanted = " ".join(re.sub("<(?=[A-Za-z/!?])", "< ", plain(text, 1000)).split())
    (_, inline, _) = PARSER.parse(f"a {markdown_code(text, 1000)} b")
    assert [token.type for token in inline.children or ()] == ["text", "code_inline", "text"]
    assert inline.children is not None
    assert " ".join(inline.children[1].content.split()) == wanted
    row = f"| one | two |\n|---|---|\n| {markdown_code(text, 1000, in_table=True)} | end |"
    cells = [token for token in PARSER.parse(row) if token.type == "inline"]
    assert [cell.content for cell in cells[:2]] == ["one", "two"]
    assert cells[3].content == "end"
    assert [token.type for token in cells[2].children or ()] == ["code_inline"]


@given(ANY | st.just(EVIL))
def test_words_are_words_and_anything_more_is_code(text: str) -> None:
    (_, inline, _) = PARSER.parse(f"a {markdown_words(text)} b")
    kinds = [token.type for token in inline.children or ()]
    assert kinds in (["text"], ["text", "code_inline", "text"])
    if kinds == ["text"]:
        assert not set("@:<>[]*_`\\|#&") & set(inline.content)
    assert markdown_words("1 divergence, 2 explained") == "1 divergence, 2 explained"
    assert markdown_words("www.a.example") == "`www.a.example`"


@given(ANY | st.just(EVIL))
def test_xml_takes_every_text(text: str) -> None:
    element = ET.Element("a", b=xml_text(text))
    element.text = xml_text(text)
    back = ET.fromstring(ET.tostring(element, encoding="unicode"))
    assert back.text is None or "\x1b" not in back.text
    assert not set("\u202e\u2066\x07") & set(back.get("b", ""))


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0 %"), (2.9957e-6, "0.00030 %"), (0.0299, "3.0 %"), (0.02991, "3.0 %"),
     (0.0301, "3.1 %"), (0.03, "3.0 %"), (0.099999, "10 %"), (0.139, "14 %"), (0.95, "95 %"),
     (0.99999, "100 %"), (1.0, "100 %"), (0.00993617, "1.0 %")],
)  # fmt: skip
def test_a_bound_is_never_rounded_down(share: float, said: str) -> None:
    assert percent(share) == said


def test_the_headline_names_what_is_wrong_and_then_what_is_explained() -> None:
    assert headline(full_report()) == (
        "1 explanation that does not hold, 4 divergences, 1 flaky finding, 1 expectation missed, "
        "1 way in which a core failed, 2 explained"
    )
    quiet: dict[str, list[object]] = {"findings": [], "claims": [], "misses": []}
    assert headline(full_report(**quiet)) == "no divergence"
    explained = [line(1, explained_by="known")]
    assert (
        headline(full_report(**{**quiet, "findings": explained}))
        == "no unexplained divergence, 1 explained"
    )
    missed = Check(False, {"planted": 3, "found": 2, "missed": ["fee"]})
    assert headline(full_report(**quiet, canary=missed)) == (
        "the run proves nothing: 2 of 3 planted faults found, fee"
    )
    differs = Check(False, {"differs_from_itself": {"shadow": ["d-1"]}})
    assert headline(full_report(**quiet, control=differs)) == (
        "the run proves nothing: the shadow differs from itself"
    )
    assert headline(full_report(storm="again and again")) == "again and again"
    assert headline(full_report(interrupted=ExitCode.INTERRUPTED)).startswith("interrupted")


def test_a_signed_note_is_marked_as_the_weaker_kind() -> None:
    note = line(1, explained_by="known to ops", weaker=True)
    assert status_words(note, Group.EXPLAINED) == (
        "explained: known to ops (by a signed note; nothing was run)"
    )
    assert status_words(line(1, explained_by="scaling"), Group.EXPLAINED) == "explained: scaling"


def test_where_a_bucket_stands_is_told_in_a_word_or_two() -> None:
    flaky = line(1, status="flaky", rate="3 of 20")
    assert status_words(flaky, Group.FLAKY) == "flaky, 3 of 20"
    assert status_words(line(1, status="triaged"), Group.KNOWN) == "triaged"
    assert status_words(line(1), Group.KNOWN) == "known"
    assert status_words(line(1, new=True), Group.NEW) == "new"
    fresh = line(1, new=True, status="flaky", rate="3 of 20")
    assert status_words(fresh, Group.FLAKY) == "new, flaky, 3 of 20"
    failed = line(1, failure=True, status="regressed")
    assert status_words(failed, Group.FAILURE) == "regressed"
    assert severity_words(line(1, severity="orders", hot=True)) == "orders, hot path"
