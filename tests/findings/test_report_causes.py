"""Reports by cause: each with its buckets, then what no cause has part in, by where it stands."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from report_makers import EVIL, evil_report, full_report
from test_report_html import Page
from test_report_markdown import assert_harmless

from replay.findings.account import GENERATED_STEPS, PLACE, CauseAccount, StoredCause
from replay.reports.cause_texts import account_words, support_words
from replay.reports.html_page import html_page
from replay.reports.junit import junit
from replay.reports.markdown import markdown
from replay.reports.sections import causes_without_buckets, sections_of
from replay.runs.report import Report


def cause(identity: str, *findings: str, **changes: Any) -> StoredCause:
    known: dict[str, Any] = {
        "kind": "edit", "says": f"{identity} were so", "canonical": identity, "rule": "",
        "is_verified": True, "needed_at": 7, "doubtful": 0,
    }  # fmt: skip
    return StoredCause(identity, findings=findings, **{**known, **changes})


def accounted() -> Report:
    account = CauseAccount(
        (
            cause("c-0000000a", "d-00000002", "d-00000006"),
            cause("c-0000000b", "d-00000002", "d-00000004", is_verified=False),
            cause("c-0000000c"),
        ),
        kept=5,
        kept_right=5,
    )
    return full_report(account=account)


def test_the_account_says_what_each_of_its_figures_counts() -> None:
    place = cause("c-0000000d", "d-00000002", kind=PLACE)
    account = CauseAccount(
        (cause("c-0000000a", "d-00000001"), place),
        {"d-00000002": 1, GENERATED_STEPS: 5},
        33,
        5,
        1,
        1,
    )
    assert account_words(account) == (
        "with 1 cause the Python core gave the shadow's answer at 5 of 33 kept occurrences and "
        "at 1 of 1 step generated afterwards; not accounted for: 1 step of 1 bucket, and 5 steps "
        "in no bucket, generated to tell causes apart or afterwards"
    )
    assert account_words(CauseAccount((place,), {}, 33, 5, 40, 39)) == (
        "no cause was found: asked again, each as one step, 28 of 33 kept occurrences differ; of "
        "40 steps generated afterwards 1"
    )
    assert (support_words(1, 0), support_words(2, 1)) == (
        "1 step needs it", "2 steps need it, and 1 that it changes is not accounted for"
    )  # fmt: skip


def test_a_bucket_stands_once_under_the_worst_of_its_causes() -> None:
    sections = sections_of(accounted())
    assert [
        (
            section.cause.id if section.cause else str(section.group),
            [one.id for one, _ in section.lines],
        )
        for section in sections
    ] == [
        ("c-0000000a", ["d-00000002", "d-00000006"]),
        ("c-0000000b", ["d-00000004"]),
        ("regressed", ["d-00000001"]),
        ("new", ["d-00000003"]),
        ("flaky", ["d-00000005"]),
        ("failures", ["f-00000008"]),
        ("explained", ["d-00000007"]),
    ]  # fmt: skip
    assert [one.id for one in causes_without_buckets(accounted())] == ["c-0000000c"]
    assert [section.title for section in sections_of(full_report())] == [
        *("Regressed", "New", "Known", "Flaky", "Failures of a core", "Explained")
    ]


def test_every_report_has_causes_first_and_every_bucket() -> None:
    report = accounted()
    for text in (markdown(report), Page(html_page(report)).text()):
        places = [
            text.index(one)
            for one in (
                *("c-0000000a were so", "d-00000002", "not verified", "d-00000004"),
                *("Regressed, of no known cause", "d-00000001", "New, of no known cause"),
            )
        ]
        assert places == sorted(places)
        for line in report.findings:
            assert line.id in text
        assert "c-0000000c were so" in text
    suite = ET.fromstring(junit(report))
    names = [case.get("name", "") for case in suite.iter("testcase")]
    assert names.index("d-00000002 FillEvent") < names.index("d-00000001 FillEvent")
    problem = list(suite.iter("testcase"))[names.index("d-00000002 FillEvent")]
    assert "c-0000000a: the shadow answers as if c-0000000a were so" in "".join(problem.itertext())


def test_evil_causes_are_nothing_but_text() -> None:
    report = evil_report()
    evil = cause(EVIL, report.findings[0].id, kind=EVIL, says=EVIL, rule=EVIL, block=EVIL)
    report.account = CauseAccount((evil, cause(f"{EVIL}2", says=EVIL, kind=EVIL)), left={EVIL: 3})
    page = Page(html_page(report))
    page.assert_harmless()
    assert "<script>alert(1)</script>" in page.text()
    assert_harmless(markdown(report))
    ET.fromstring(junit(report))
