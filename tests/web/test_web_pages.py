"""The pages as a person sees them: in a browser, on a desk and on a phone, by day and by night."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from telemetry_makers import Bot as Sampled
from telemetry_makers import compact, pretty, write
from web_support import (
    DESK,
    PHONE,
    TWELVE,
    Bot,
    Browser,
    Site,
    adapter,
    background,
    block,
    many_findings,
    slot,
    status,
    touched,
)

from replay.findings.lifecycle import Status
from replay.findings.severity import Severity
from replay.findings.store.store import Store
from replay.runs.commands import Commands

Serve = Callable[..., Site]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of telemetry with a divergence, failures, a restart and a gap."""
    folder = tmp_path_factory.mktemp("telemetry")
    bot = Sampled(adapter=True).run(500).diverge().run(500).restart().run(300).null().tick(45)
    bot.run(800).fail(2).run(600)
    write(folder / "state_machine_shadow_20261122T090000Z.jsonl", pretty(bot.documents))
    return folder


def ids(path: Path) -> list[str]:
    with Store.open(path, readonly=True) as store:
        return [finding.id for finding in store.findings()]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_every_page_fits_its_window_by_day_and_by_night(
    browser: Browser,
    serve: Serve,
    real: Path,
    logs: Path,
    tmp_path: Path,
    size: tuple[int, int],
    dark: bool,
) -> None:
    database = real / "divergences.db"
    one = ids(database)[0]
    site = serve(Bot(), database, logs)
    for name, path, words in (
        ("dashboard", "/", "No divergence and no failure in 1,290 checks"),
        ("list", "/divergences", "All 2 findings"),
        ("finding", f"/divergences/{one}", "Where the answers differ"),
        ("finding with all", f"/divergences/{one}?all=1", "Only what differs"),
        ("missing", "/nonsense", "Not found (404)"),
    ):
        browser.visit(site.url + path, size, dark=dark)
        assert words in browser.text
        if name == "missing":
            assert "404" in "".join(browser.errors())
        image = browser.screenshot(tmp_path / f"{name}.png")
        assert (background(image) < 128) is dark


def test_the_dashboard_shows_all_that_the_bot_tells(browser: Browser, serve: Serve) -> None:
    counters = block(
        transition_divergences=2, total_divergences=2, shadow_failures=1,
        last_divergence_ts=1795338000.25, last_divergence_kind="transition",
        last_divergence_event="FillEvent", last_shadow_error="timeout: no answer within 5.0 s",
        adapter=adapter(dropped=3),
    )  # fmt: skip
    browser.visit(serve(Bot(status(state_machine_shadow=counters))).url)
    assert browser.all("h1") == [
        "2 divergences, 1 shadow failure, 3 calls dropped without a comparison in 1,290 checks"
    ]
    names = browser.all(".cell .name")
    assert sorted(names) == sorted(TWELVE)
    # What is zero is folded away.
    assert browser.all(".idle .name") == ["invariant_divergences"]
    figures = dict(zip(names, browser.all(".cell .figure"), strict=True))
    assert figures == {
        "enabled": "true",
        "executable_available": "true",
        "transition_checks": "1,234",
        "invariant_checks": "56",
        "transition_divergences": "2",
        "invariant_divergences": "0",
        "total_divergences": "2",
        "shadow_failures": "1",
        "last_divergence_ts": "2026-11-22 09:00:00 UTC",
        "last_divergence_kind": "transition",
        "last_divergence_event": "FillEvent",
        "last_shadow_error": "timeout: no answer within 5.0 s",
    }
    # The colour of a figure is said in words, too.
    assert browser.all(".cell .tag") == [
        *("on", "available", "counting", "counting", "diverges", "diverges", "failing", "none")
    ]
    text = browser.text
    for words in ("paper, XDG/USD", "2 of 4,096, at most 17 so far", "40 µs", "43 µs", "1.07",
                  "logs/events_1.jsonl", "654,321", "lost"):  # fmt: skip
        assert words in text
    assert browser.all(".slots tbody td:nth-child(2)") == ["S1a", "S2"]
    assert "sell exit 22 @ 0.0923" in browser.all(".slots li")[0]


@pytest.mark.parametrize(
    ("changes", "tone", "headline"),
    [
        ({}, "good", "No divergence and no failure in 1,290 checks"),
        ({"enabled": False}, "", "The shadow is off"),
        ({"executable_available": False}, "warn", "The shadow's executable is not available"),
        ({"shadow_failures": 2}, "warn", "2 shadow failures in 1,290 checks"),
        ({"total_divergences": 1}, "bad", "1 divergence in 1,290 checks"),
        ({"enabled": False, "total_divergences": 1}, "bad", "The shadow is off, 1 divergence"),
        ({"transition_checks": 0, "invariant_checks": 0}, "",
         "The shadow is on, and has compared nothing yet"),
        ({"shadow_failures": "many"}, "warn", "These counters are not as they should be"),
    ],
    ids=repr,
)  # fmt: skip
def test_the_headline_says_how_the_shadow_is(
    serve: Serve, changes: dict[str, object], tone: str, headline: str
) -> None:
    text = serve(Bot(status(state_machine_shadow=block(**changes)))).ask("/").text
    assert f'<div class="verdict{f" {tone}" if tone else ""}">' in text
    assert headline in unescape(text)


def test_a_rehearsal_is_called_one(serve: Serve) -> None:
    text = serve(Bot(status(clock={"now": 1795341600.0, "speed": 600.0}))).ask("/").text
    assert "rehearsal" in text
    assert "at 600 times real time" in text
    assert "rehearsal" not in serve(Bot()).ask("/").text


def test_a_change_of_the_bot_shows_without_a_reload(browser: Browser, serve: Serve) -> None:
    bot = Bot()
    site = serve(bot)
    browser.visit(site.url)
    assert browser.counter("total_divergences") == "0"
    browser.run("window.same = true")
    browser.click(".slots summary")
    bot.document = status(
        state_machine_shadow=block(total_divergences=7, transition_divergences=7), slots=[slot(0)]
    )
    browser.wait(lambda: browser.counter("total_divergences") == "7")
    assert "7 divergences in 1,290 checks" in browser.text
    assert browser.run("return window.same") is True
    # What was opened stays open, and the keyboard stays where it was.
    assert browser.run("return document.querySelector('.slots details').open") is True
    assert browser.run("return document.activeElement.tagName") == "SUMMARY"
    # It goes on when the bot does not answer, and says so.
    bot.document = None
    look = "document.dispatchEvent(new Event('visibilitychange'))"
    browser.run(look)
    browser.wait(lambda: "the bot has nothing to tell yet" in browser.text)
    bot.document = status()
    browser.run(look)
    browser.wait(lambda: browser.counter("total_divergences") == "0")
    assert browser.errors() == []


def test_a_server_that_has_gone_is_told_on_the_page(browser: Browser) -> None:
    from replay.web.app import create_app
    from replay.web.server import serve_in_thread

    with serve_in_thread(create_app(Bot(), None, None), 0) as served:
        browser.visit(served.url)
        assert browser.counter("transition_checks") == "1,234"
    browser.run("document.dispatchEvent(new Event('visibilitychange'))")
    browser.wait(lambda: "No answer since" in browser.text)
    assert browser.counter("transition_checks") == "1,234"


def test_all_is_there_without_a_script(
    browser: Browser, serve: Serve, real: Path, logs: Path, tmp_path: Path
) -> None:
    site = serve(Bot(), real / "divergences.db", logs)
    browser.visit(site.url, script=False)
    text = browser.text
    assert "No divergence and no failure" in text
    assert "2,701 samples" not in text  # the null is none
    assert "2,700 samples over 45 h" in text
    assert "1 restart, 1 gap (the longest 47 min)" in text
    assert len(browser.all("svg.plot")) == 4
    browser.visit(f"{site.url}/divergences/{ids(real / 'divergences.db')[0]}", script=False)
    assert "doge-replay repro d-" in browser.text


def test_the_course_is_drawn_over_its_whole_width(
    browser: Browser, serve: Serve, logs: Path, tmp_path: Path
) -> None:
    browser.visit(f"{serve(None, None, logs).url}/?span=all")
    boxes = browser.run(
        """return [...document.querySelectorAll("svg.plot")].map((plot) => {
        const own = plot.getBoundingClientRect();
        const line = plot.querySelector("path.line").getBoundingClientRect();
        return [own.width, own.height, line.width, line.height];
        })"""
    )
    assert len(boxes) == 4
    for width, height, line_width, line_height in boxes:
        assert width > 900
        assert height > 100
        assert line_width > 0.98 * width
        assert line_height <= height
    labels = browser.run(
        "return [...document.querySelectorAll('svg.plot')]"
        ".map((plot) => plot.getAttribute('aria-label'))"
    )
    assert labels[0].endswith(
        "total_divergences: last 1, highest 1; shadow_failures: last 2, highest 2"
    )
    # The rise of the divergences is where it was: at 500 of 2,746 minutes.
    rise = browser.run(
        """const line = document.querySelector("path.line.bad");
        const length = line.getTotalLength();
        const bottom = line.getPointAtLength(0).y;
        for (let at = 0; at < length; at += 1) {
          const point = line.getPointAtLength(at);
          if (point.y < bottom - 5) return point.x / 720;
        }"""
    )
    assert abs(rise - 500 / 2746) < 0.01
    browser.screenshot(tmp_path / "course.png")
    browser.click('#course nav a[href="/?span=6+h"]')
    browser.wait(lambda: "over 6 h 00 min" in browser.text or "over 360 min" in browser.text)


def test_without_a_bot_the_newest_sample_is_shown_as_what_it_is(
    browser: Browser, serve: Serve, logs: Path
) -> None:
    browser.visit(serve(None, None, logs).url)
    assert browser.all("h1")[0].startswith("No bot is running here. Last known: 2 shadow failures")
    assert "Counters of the newest sample" in browser.text
    assert "state_machine_shadow_20261122T090000Z.jsonl" in browser.text
    assert browser.counter("shadow_failures") == "2"


def test_with_nothing_at_all_the_pages_say_what_is_missing(
    browser: Browser, serve: Serve, tmp_path: Path
) -> None:
    site = serve(None, tmp_path / "none.db", tmp_path / "nowhere")
    for size in (DESK, PHONE):
        browser.visit(site.url, size)
        for words in ("No bot is running here", "No telemetry in", "nowhere yet",
                      "none.db yet", "doge-replay run"):  # fmt: skip
            assert words in browser.text
        browser.screenshot(tmp_path / "nothing.png")
        browser.visit(f"{site.url}/divergences", size)
        assert "none.db yet" in browser.text
        browser.screenshot(tmp_path / "no list.png")
    assert site.ask("/divergences/d-12345678").code == 503
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".png"] == []


# --- Divergences --------------------------------------------------------------------------------


def test_the_list_is_filtered_and_paged(browser: Browser, serve: Serve, tmp_path: Path) -> None:
    database = tmp_path / "d.db"
    known = many_findings(database, 120)
    with Store.open(database) as store:
        store.triage(
            known[5], who="ada", owner="anna", note="rounds the fee", severity=Severity.TEXTS
        )
    site = serve(None, database, None)
    browser.visit(f"{site.url}/divergences")
    assert "All 120 findings, the worst first." in browser.text
    assert len(browser.all(".findings tbody tr")) == 50
    browser.screenshot(tmp_path / "list.png")
    browser.click('a[rel="next"]')
    browser.wait(lambda: browser.all('.paging [aria-current="page"]') == ["2"])
    browser.click('a[rel="next"]')
    browser.wait(lambda: len(browser.all(".findings tbody tr")) == 20)
    # Failures come last, whatever else they are.
    assert {row[0] for row in browser.all(".findings tbody td:first-child")} >= {"f"}

    browser.visit(f"{site.url}/divergences")
    browser.ask_for('[name="status"][value="triaged"]')
    browser.wait(lambda: "1 of 120 findings" in browser.text)
    assert browser.all(".findings tbody td:first-child") == [known[5]]
    assert "anna" in browser.text
    assert browser.run("return document.querySelector('[value=triaged]').checked") is True
    for query, found in (
        ("q=rounds+the+FEE", 1),
        ("q=RULE+11", 11),
        ("owner=anna", 1),
        ("owner=%22%22", 119),
        ("severity=texts", 1),
        ("severity=texts&severity=orders", 120),
        ("status=core+failure", 12),
        ("event=FillEvent", 120),
        ("event=FillEvent&status=new&q=rule+3", 10),
        ("hot=1", 120),
        ("q=nothing+like+it", 0),
    ):
        answer = site.ask(f"/divergences?{query}").text
        said = f"{found} of 120 findings" if found else "None of the 120 stored findings"
        assert said in answer, query
    often = site.ask("/divergences?order=latest&page=99999").text
    assert 'href="/divergences?order=latest&amp;page=2"' in often
    assert "seen last first" in often
    odd = site.ask("/divergences?status=dead&event=Nonsense&page=x&order=y").text
    assert "not known" in odd
    assert "All 120 findings" in odd


def test_a_finding_has_its_own_page(
    browser: Browser, serve: Serve, real: Path, tmp_path: Path
) -> None:
    before = touched(real)
    database = real / "divergences.db"
    with Store.open(database, readonly=True) as store:
        found = next(one for one in store.findings() if one.signature.rule == "entry fill")
        seen_on = found.cores[-1].shadow.path
    site = serve(None, database, None, commands=Commands({"db": "my own.db"}))
    browser.visit(f"{site.url}/divergences/{found.id}")
    assert browser.all("h1") == [found.id]
    shadow = f" --shadow {seen_on}"
    assert browser.all("pre.command") == [
        f"doge-replay {words} --db 'my own.db'"
        for words in (
            f"repro {found.id}{shadow}",
            f"explain {found.id}{shadow}",
            f"show {found.id}",
            f"export {found.id} --as bundle",
        )
    ]
    assert browser.all(".answers .differs code") == ["state.total_fees"]
    assert browser.all(".answers .differs td") == ["1.0", "0.0", "magnitude"]
    assert "and 54 values that are alike" in browser.text
    assert 'reducer.md, "FillEvent", An entry' in browser.text
    for name, words in (
        ("places", "events_1.jsonl slot 0, line 28"), ("cores", "sha256"),
    ):  # fmt: skip
        assert words not in browser.text, "it is folded"
        browser.click(f"#{name} summary")
        assert words in browser.text
    browser.click("#answers a")
    browser.wait(lambda: len(browser.all(".answers tbody tr")) > 3)
    assert browser.all(".answers .differs code") == ["state.total_fees"]
    browser.screenshot(tmp_path / "all.png")
    # A beginning is enough, as in the terminal; what there is not is told with what is near.
    assert site.ask(f"/divergences/{found.id[2:6]}").code == 200
    missing = site.ask(f"/divergences/{found.id[:-1]}{'0' if found.id[-1] != '0' else '1'}")
    assert missing.code == 404
    assert f"did you mean {found.id}" in missing.text
    assert touched(real) == before


def test_history_and_explanation_are_on_the_page(serve: Serve, tmp_path: Path) -> None:
    database = tmp_path / "d.db"
    identity, other = many_findings(database, 2)
    with Store.open(database) as store:
        store.triage(identity, who="ada", owner="anna", note="look at the ties")
        store.add_history(
            identity, Status.EXPLAINED, who="nightly, run 3", why="its deviation reproduces all",
            evidence={"explanation": "rounds by scaling", "checked": 40},
        )  # fmt: skip
        store.merge([other], identity, who="ada", why="one bug")
    site = serve(None, database, None)
    text = site.ask(f"/divergences/{identity}").text
    for words in ("rounds by scaling", "holds", "its deviation reproduces all", "look at the ties",
                  "triaged", "anna", "checked", "40"):  # fmt: skip
        assert words in text
    assert text.index("look at the ties") < text.index("nightly, run 3")
    assert f"{other} was merged into {identity}" in site.ask(f"/divergences/{other}").text
    assert "All 1 finding, " in site.ask("/divergences").text


def test_the_last_divergence_leads_to_its_finding(serve: Serve, real: Path, tmp_path: Path) -> None:
    """By the time in the journal where that can be told, else to all of its event."""
    with Store.open(real / "divergences.db", readonly=True) as store:
        entry, cycle = sorted(store.findings(), key=lambda one: one.signature.rule != "entry fill")
        line = cycle.places[0].line
    journal = [
        json.loads(text) for text in (real / "logs" / "events_1.jsonl").read_text().splitlines()
    ]
    journal[line - 1]["shadow"] = {"agreed": False, "error": None}
    at = journal[line - 1]["ts"]
    write(tmp_path / "events_1.jsonl", compact(journal))
    event = {"last_divergence_kind": "transition", "last_divergence_event": "FillEvent"}

    def pointed(logs: Path | None, **changes: object) -> str:
        counters = block(total_divergences=1, transition_divergences=1, **{**event, **changes})
        bot = Bot(status(state_machine_shadow=counters))
        text = serve(bot, real / "divergences.db", logs).ask("/").text
        return text.partition("<dt>finding</dt><dd>")[2].partition("</dd>")[0]

    said = pointed(tmp_path, last_divergence_ts=at)
    assert f'<a href="/divergences/{cycle.id}">{cycle.id}</a>' in said
    assert "the same time in the journal" in said
    for logs, when in ((None, at), (tmp_path, at + 1.0), (tmp_path, None)):
        said = pointed(logs, last_divergence_ts=when)
        assert '<a href="/divergences?event=FillEvent">findings of FillEvent</a>' in said
        assert "one of 2" in said
    assert "not in the database yet" in pointed(tmp_path, last_divergence_event="TimerTick",
                                                last_divergence_ts=at)  # fmt: skip
    assert "one of 2" in pointed(tmp_path, last_divergence_kind="invariant")
    assert entry.id != cycle.id
