"""Causes on the pages: the list, a page for each, and findings by cause."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile_support import EVIL, HUGE, Page
from test_web_hostile import looked_at
from web_support import (
    DESK,
    PHONE,
    Bot,
    Browser,
    Site,
    account_for,
    block,
    cause,
    many_findings,
    status,
)

from replay.findings.lifecycle import Status
from replay.findings.store.store import Store

Serve = Callable[..., Site]
FIRST, SECOND, GONE = "c-0000000a", "c-0000000b", "c-0000000c"
BUILDS = {"replays": 2, "authority": {"sha256": "a"}, "shadow": {"sha256": "b"}}


@pytest.fixture
def known(tmp_path: Path) -> list[str]:
    """A database with 30 findings in d.db, of which two causes account for some."""
    known = many_findings(tmp_path / "d.db", 30)
    account_for(
        tmp_path / "d.db",
        cause(FIRST, *known[3:6], block='[[explanation]]\nname = "scaling"\n'),
        cause(SECOND, known[5], known[7], is_verified=False, kind="reading", rule="",
              says="null in every value were missing", doubtful=2),
        cause(GONE),
        left={known[7]: 4, known[8]: 12, "generated": 3},
        generated=100,
        generated_right=97,
    )  # fmt: skip
    return known


def fixed(path: Path, what: str) -> None:
    """Says that a cause or a finding is fixed."""
    with Store.open(path) as store:
        said: dict[str, Any] = {"who": "run 1", "why": "all agreed", "evidence": BUILDS, "run": 1}
        if what.startswith("c-"):
            store.add_cause_history(what, Status.FIXED, **said)
        else:
            store.add_history(what, Status.FIXED, **said)


def test_findings_are_listed_by_cause_and_then_by_bucket(
    browser: Browser, serve: Serve, tmp_path: Path, known: list[str]
) -> None:
    site = serve(None, tmp_path / "d.db", None)
    browser.visit(f"{site.url}/divergences")
    assert browser.all(".group h2") == [
        "as if entries.py line 122 rounds by scaling",
        "as if null in every value were missing",
        "No cause known",
    ]
    groups = browser.run(
        """return [...document.querySelectorAll(".group")].map((group) =>
        [...group.querySelectorAll("td:first-child")].map((cell) => cell.textContent))"""
    )
    # What two causes have part in stands under the worse of them, and nothing stands twice.
    assert groups[:2] == [known[3:6], [known[7]]]
    assert sorted(one for group in groups for one in group) == sorted(known)
    assert "not verified" in browser.all(".group")[1]
    browser.ask_for('[name="buckets"]')
    browser.wait(lambda: browser.all(".group h2") == [])
    assert len(browser.all(".findings tbody tr")) == 30


def test_what_is_fixed_is_hidden_until_it_is_asked_for(
    browser: Browser, serve: Serve, tmp_path: Path, known: list[str]
) -> None:
    fixed(tmp_path / "d.db", known[3])
    fixed(tmp_path / "d.db", GONE)
    site = serve(None, tmp_path / "d.db", None)
    browser.visit(f"{site.url}/divergences")
    assert "29 of 30 findings, the worst first. 1 fixed one is not shown" in browser.text
    assert known[3] not in browser.text
    browser.click(".remark a")
    browser.wait(lambda: "All 30 findings" in browser.text)
    assert known[3] in browser.text
    assert known[3] in site.ask("/divergences?status=fixed").text
    browser.visit(f"{site.url}/causes")
    assert len(browser.all(".cause")) == 2
    assert "1 cause fixed or of an earlier search" in browser.text
    browser.click(".remark a")
    browser.wait(lambda: len(browser.all(".cause")) == 3)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_causes_are_listed_with_what_they_do_not_account_for(
    browser: Browser, serve: Serve, tmp_path: Path, known: list[str], size: tuple[int, int]
) -> None:
    browser.visit(f"{serve(None, tmp_path / 'd.db', None).url}/causes", size)
    assert len(browser.all(".cause")) == 3
    text = browser.text
    for words in ("with 3 causes the Python core gave the shadow's answer at 9 of 9 kept",
                  "97 of 100 steps generated afterwards", "as if entries.py line 122 rounds by",
                  "not verified: as if null", "3 buckets", "in no bucket, generated to tell",
                  "12 steps", 'reducer.md, "Exit price"'):  # fmt: skip
        assert words in text, words
    assert len(browser.all("#left li")) == 3
    browser.screenshot(tmp_path / "causes.png")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_cause_has_its_own_page(
    browser: Browser, serve: Serve, tmp_path: Path, known: list[str], size: tuple[int, int]
) -> None:
    with Store.open(tmp_path / "d.db") as store:
        store.triage_cause(FIRST, who="ada", owner="anna", note="as agreed with the port's author")
    site = serve(None, tmp_path / "d.db", None)
    browser.visit(f"{site.url}/causes/{FIRST}", size)
    text = browser.text
    for words in ("The shadow answers as if entries.py line 122 rounds by scaling", "triaged",
                  "anna", "as agreed with the port's author", 'reducer.md, "Exit price"',
                  "373 steps need it", f"doge-replay recheck {FIRST}", "The smallest case",
                  '[[explanation]]\nname = "scaling"', "step 1"):  # fmt: skip
        assert words in text, words
    assert browser.all("#findings td:first-child") == known[3:6]
    assert browser.all("#others .says") == ["not verified: as if null in every value were missing"]
    browser.screenshot(tmp_path / "cause.png")
    browser.click('a[rel="next"]')
    browser.wait(lambda: "Not verified: the shadow answers as if null" in browser.text)
    assert browser.all('a[rel="next"]') == ["next"]
    browser.visit(f"{site.url}/causes/{GONE[2:]}", size)
    assert "no stored bucket" in browser.text
    assert browser.all('a[rel="next"]') == []
    missing = site.ask("/causes/c-0000000d")
    assert missing.code == 404
    assert "did you mean c-0000000" in missing.text
    # And a finding names its causes.
    browser.visit(f"{site.url}/divergences/{known[5]}", size)
    assert len(browser.all("#causes .cause")) == 2
    browser.screenshot(tmp_path / "finding.png")


def test_the_first_page_has_the_worst_causes_and_its_headline_leads_there(
    browser: Browser, serve: Serve, tmp_path: Path, known: list[str]
) -> None:
    bot = Bot(status(state_machine_shadow=block(total_divergences=7, transition_divergences=7)))
    browser.visit(serve(bot, tmp_path / "d.db", None).url)
    assert [said.partition("as if ")[2][:10] for said in browser.all("#findings .says")] == [
        "entries.py", "null in ev", "entries.py"
    ]  # fmt: skip
    shown = browser.all("#findings td:first-child")
    assert len(shown) == 5
    assert not {known[place] for place in (3, 4, 5, 7)} & set(shown)
    browser.click("h1 a")
    browser.wait(lambda: browser.all("h1") == ["Causes"])


def test_causes_can_be_read_by_scripts(serve: Serve, tmp_path: Path, known: list[str]) -> None:
    site = serve(None, tmp_path / "d.db", None)
    everything = site.ask("/api/causes").json
    assert [one["id"] for one in everything["causes"]] == [FIRST, SECOND, GONE]
    assert (everything["kept"], everything["generated_right"]) == (9, 97)
    assert everything["left"][known[8]] == 12
    one = site.ask(f"/api/causes/{FIRST}").json
    assert one["findings"] == sorted(known[3:6])
    assert (one["severity"], one["verified"], one["history"]) == ("orders", True, [])
    assert site.ask("/api/causes/c-1").code == 404
    assert "did you mean" in site.ask("/api/causes/c-0000000d").json["error"]
    nothing = serve(None, tmp_path / "none.db", None)
    assert nothing.ask("/api/causes").code == 503
    assert nothing.ask("/causes/c-1").code == 503
    assert "none.db yet" in nothing.ask("/causes").text


def test_before_anybody_has_looked_the_page_says_what_does(serve: Serve, tmp_path: Path) -> None:
    many_findings(tmp_path / "d.db", 2)
    site = serve(None, tmp_path / "d.db", None)
    assert "Nobody has looked for causes yet" in site.ask("/causes").text
    assert site.ask("/api/causes").json == {"causes": []}


@pytest.mark.parametrize("text", [EVIL, HUGE[:200_000]], ids=["evil", "huge"])
def test_evil_causes_are_nothing_but_text(serve: Serve, tmp_path: Path, text: str) -> None:
    known = many_findings(tmp_path / "d.db", 3)
    odd = cause(FIRST, known[0], kind=text[:200], says=text, canonical=text, rule=text, block=text)
    account_for(tmp_path / "d.db", odd, left={text: 3})
    with Store.open(tmp_path / "d.db") as store:
        store.triage_cause(FIRST, who=text[:200], owner=text[:200], note=text[:4000])
    site = serve(Bot(), tmp_path / "d.db", None)
    for path in ("/", "/causes?all=1", f"/causes/{FIRST}", "/divergences",
                 f"/divergences/{known[0]}"):  # fmt: skip
        answer = site.ask(path)
        assert answer.code == 200
        assert len(answer.body) < 200_000
        looked_at(Page(answer.text))


def test_a_point_of_a_chart_says_its_value(browser: Browser, serve: Serve, tmp_path: Path) -> None:
    from telemetry_makers import Bot as Sampled
    from telemetry_makers import compact, write

    bot = Sampled(adapter=True).run(60).diverge(times=5).run(60)
    write(tmp_path / "state_machine_shadow_1.jsonl", compact(bot.documents))
    browser.visit(serve(None, None, tmp_path).url)
    assert browser.all(".read")[0] == ""
    at_end = browser.run(
        """const plot = document.querySelector("svg.plot");
        plot.focus();
        const press = (key) => plot.dispatchEvent(new KeyboardEvent("keydown",
          { key, bubbles: true }));
        press("ArrowRight");
        return document.querySelector(".read").textContent;"""
    )
    assert at_end == "2026-11-22 11:00 UTC: total_divergences: 5, shadow_failures: 0"
    browser.run(
        """const plot = document.querySelector("svg.plot");
        const box = plot.getBoundingClientRect();
        plot.dispatchEvent(new PointerEvent("pointermove",
          { clientX: box.left + box.width / 4, bubbles: true }));"""
    )
    assert "total_divergences: 0" in browser.all(".read")[0]
    assert browser.errors() == []
