"""The HTML report: one page that needs nothing, in which data is only data, and never too long."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from html.parser import HTMLParser

from report_makers import EVIL, detail, evil_details, evil_report, full_report, line

from replay.explaining.claims.claim import Claim
from replay.reports.details import AnswerRow, FindingDetail
from replay.reports.html_page import html_page
from replay.reports.html_templates import Templates
from replay.runs.report import Report

VOID = {"meta"}
TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "nav",
    "div", "p", "h1", "h2", "h3", "a", "span", "strong", "code", "pre", "details", "summary", "dl",
    "dt", "dd", "table", "thead", "tbody", "tr", "th", "td", "ol", "ul", "li",
}  # fmt: skip
ATTRIBUTES = {
    "html": {"lang"}, "meta": {"charset", "http-equiv", "content", "name"}, "a": {"href", "class"},
    "td": {"class", "data-of"}, "th": {"class", "scope"}, "details": {"class", "id", "open"},
    "h2": {"id"},
}  # fmt: skip


class Page(HTMLParser):
    """Reads a page and notes all that it has; fails where it is not well formed."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def text(self) -> str:
        return " ".join(text for tag, text in self.texts if tag != "style")

    def assert_harmless(self) -> None:
        """No element and no attribute but ours, no address, no script, no style but the one."""
        assert set(self.tags) <= TAGS
        assert self.tags["style"] == self.tags["title"] == self.tags["main"] == 1
        for tag, name, value in self.attributes:
            assert name in ATTRIBUTES.get(tag, set()) | {"class"}, (tag, name)
            if name == "href":
                assert value is not None
                assert value.startswith("#")
            if name == "class":
                assert value is not None
                assert set(value.split()) <= CLASSES, value
        assert len(self.ids) == len(set(self.ids))


CLASSES = {
    "verdict", "good", "bad", "warn", "card", "finding", "tag", "what", "where", "times", "tags",
    "body", "value", "dim", "remark", "count", "number", "answers", "differs", "how",
}  # fmt: skip


def page_of(report: Report | None = None, **fields: object) -> Page:
    report = full_report(**fields) if report is None else report
    return Page(html_page(report, [detail(one.id) for one in report.findings]))


def test_it_needs_nothing_else_and_allows_nothing_else() -> None:
    page = page_of()
    page.assert_harmless()
    policy = next(
        value for tag, name, value in page.attributes
        if name == "content" and value is not None and "default-src" in value
    )  # fmt: skip
    (style,) = (text for tag, text in page.texts if tag == "style")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'", f"style-src 'sha256-{digest}'", "base-uri 'none'",
        "form-action 'none'",
    ]  # fmt: skip
    assert "url(" not in style
    assert "@import" not in style


def test_it_has_every_group_with_its_count_and_links_to_it() -> None:
    page = page_of()
    links = [value for _, name, value in page.attributes if name == "href" and value is not None]
    assert links == ["#regressed", "#new", "#known", "#flaky", "#failures", "#explained",
                     "#fixed", "#exercised"]  # fmt: skip
    assert {link[1:] for link in links} <= set(page.ids)
    text = page.text()
    assert "no cause is looked for" in text
    assert "flaky, 3 of 20" in text
    assert "explained: known to ops (by a signed note; nothing was run)" in text


def test_what_does_not_hold_comes_before_what_was_found() -> None:
    text = page_of().text()
    places = [text.index(one) for one in (
        "1 explanation that does not hold", "Explanations that do not hold", "too wide",
        "it also changes steps on which both agree", "Regressed", "d-00000001",
    )]  # fmt: skip
    assert places == sorted(places)


def test_a_finding_has_its_case_both_answers_its_history_and_commands() -> None:
    page = page_of(findings=[line(2, new=True)])
    text = page.text()
    for said in ("doge-replay repro d-00000002", "doge-replay explain d-00000002",
                 'reducer.md, "FillEvent", An entry', "journal.jsonl slot 0", "state.total_fees",
                 "magnitude", "and 54 values that are alike", "it agreed", "somebody"):  # fmt: skip
        assert said in text
    marked = [name for tag, name, value in page.attributes if value == "differs"]
    assert len(marked) == 1
    assert "d-00000002" in page.ids


def test_a_finding_without_details_has_its_line_and_its_fields() -> None:
    page = Page(html_page(full_report(findings=[line(2)])))
    assert "doge-replay repro d-00000002" in page.text()
    assert "state.total_fees" in page.text()


def test_it_says_what_was_exercised_and_how_much_that_means() -> None:
    text = page_of().text()
    for said in ("What was exercised", "Independent: of the steps of one event", "7.6 %",
                 "Steps by the phase", "S1a", "entry fill", "exit entry_fill_exit"):  # fmt: skip
        assert said in text


def test_evil_texts_are_nothing_but_texts() -> None:
    report = evil_report()
    page = Page(html_page(report, evil_details(report)))
    page.assert_harmless()
    assert "<script>alert(1)</script>" in page.text()
    assert all(text.isprintable() for tag, text in page.texts if tag != "style" and text.strip())
    # An ID that is none is no anchor.
    assert not any("passwd" in one for one in page.ids)


def test_big_values_are_cut_and_say_so() -> None:
    huge = FindingDetail("d-00000001", case=(("state", "x" * 1_000_000),),
                         answers=(AnswerRow("state.now", "y" * 1_000_000, "1", "magnitude"),) * 500,
                         history=())  # fmt: skip
    page = html_page(full_report(findings=[line(1)]), [huge])
    assert len(page) < 100_000
    assert "(1,000,000 characters)" in page
    assert "and 440 values more" in page


def test_a_thousand_findings_are_all_there_in_less_than_two_megabytes() -> None:
    findings = [line(n, new=True, severity="money") for n in range(1000)]
    page = html_page(full_report(findings=findings), [detail(one.id) for one in findings])
    assert len(page.encode()) < 2_000_000
    read = Page(page)
    read.assert_harmless()
    assert {one.id for one in findings} <= set(read.ids)


def test_whatever_is_found_it_stays_below_two_megabytes_and_says_what_is_left_out() -> None:
    for text in ("\N{GRINNING FACE}" * 100_000, "'" * 100_000, EVIL * 9):
        findings = [line(n, new=True, event=text, rule=text, field=text, kind=text, command=text)
                    for n in range(3000)]  # fmt: skip
        claims = [Claim(text, False, text, (text,) * 50, 1)] * 300
        report = full_report(findings=findings, claims=claims, misses=[text] * 3000)
        details = evil_details(full_report(findings=findings[:50]), text)
        page = html_page(report, details)
        assert len(page.encode()) < 2_000_000
        assert "more are left out: report.json has them all" in page
        Page(page).assert_harmless()


def test_only_what_a_template_makes_is_markup() -> None:
    macros = Templates("replay.reports").macros("pieces.html")
    tag = macros.tag("<b>\x1b[31m&", "bad")  # type: ignore[attr-defined]
    assert tag == '<span class="tag bad">&lt;b&gt; [31m&amp;</span>'
    terms = macros.terms([("a", tag), ("<i>", '"')])  # type: ignore[attr-defined]
    assert f"<dd>{tag}</dd>" in terms
    assert "<dt>&lt;i&gt;</dt><dd>&#34;</dd>" in terms
