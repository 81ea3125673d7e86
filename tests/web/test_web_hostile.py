"""Texts that want to be more than text, in everything that a page shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile_support import EVIL, HUGE, Page
from store_support import HASKELL, PYTHON, finding, stream
from telemetry_makers import Bot as Sampled
from telemetry_makers import compact, write
from web_support import DESK, PHONE, TWELVE, Bot, Browser, Site, adapter, block, slot, status

from replay.differential.model import Difference, DifferenceKind, Signature
from replay.findings.lifecycle import Status
from replay.findings.store.store import Store
from replay.runs.commands import Commands
from replay.targets.base import CoreIdentity

Serve = Callable[..., Site]
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>"
"""Part of EVIL; a page must have it as text."""


TAGS = {
    *("html", "head", "meta", "title", "link", "script", "body", "header", "nav", "main", "footer"),
    *("section", "div", "h1", "h2", "h3", "p", "span", "a", "code", "pre", "strong", "time"),
    *("dl", "dt", "dd", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"),
    *("details", "summary", "form", "fieldset", "legend", "label", "input", "select", "option"),
    *("button", "figure", "figcaption", "svg", "path", "rect", "text"),
}
"""All that our pages are made of."""


def evil_status(text: str) -> dict[str, Any]:
    """A status document in which every text is evil."""
    whole = {name: text for name in TWELVE if name.startswith("last_")}
    return status(
        mode=text,
        pair=text,
        top_phase=text,
        state_machine_shadow=block(
            **{**whole, "total_divergences": 1, "last_divergence_ts": text},
            adapter=adapter(
                backend=text, queue=text, started=text, fallbacks=text,
                recorder={"file": text, "lines": text, "bytes": text, "errors": text},
                latency={"bare": {"p50": text}, "whole": text},
            ),
        ),
        slots=[
            slot(0, slot=text, phase=text, price=text, cycles=text, profit=text, fees=text,
                 orders=[{"side": text, "role": text, "price": text, text: text}, text, None],
                 mode_flags=[text, text]),
            text, None, {"orders": text, "mode_flags": text, text: text},
        ],
        clock={"now": text, "speed": text},
        **{text: text},
    )  # fmt: skip


def evil_database(path: Path, text: str = EVIL) -> str:
    """A database with a finding of which every text is evil; gives its ID."""
    core = CoreIdentity(text, text, text, text, text, (text,))
    with Store.open(path) as store:
        run = store.begin_run("fuzz", core, HASKELL, {text: text})
        case = stream(2, origin=text)
        assert isinstance(case.start.state, Mapping)
        state = {**case.start.state, text: text, "mode_source": text}
        case = replace(case, start=case.start._replace(state=state))
        identity = store.record(
            run,
            replace(
                finding(case=case, line=3),
                signature=Signature("FillEvent", text, text, text, False, text),
                differences=(
                    Difference(f"state.{text}", DifferenceKind.LAST_DIGIT, text, text),
                    Difference("actions[1]", DifferenceKind.MISSING, [1, text], text),
                ),
                authority=[[0, 0.25], [[0, 1]], [text]],
                shadow=[[0, 0.26], [], [text, text]],
            ),
        ).id
        store.triage(identity, who=text[:200], owner=text[:200], note=text[:4000])
        store.add_history(
            identity, Status.EXPLAINED, who=text[:200], why=text[:4000],
            evidence={"explanation": text, text: [text]}, run=run,
        )  # fmt: skip
        other = store.begin_run("fuzz", PYTHON, core, {})
        store.count(other, identity, 5)
    return identity


def evil_telemetry(folder: Path, text: str = EVIL) -> Path:
    """Telemetry with evil texts, in a folder with an evil name, beside junk."""
    logs = folder / "l<b>ogs&amp;'\"é💥[x](y)"
    logs.mkdir()
    bot = Sampled(adapter=True).run(5)
    for document in bot.documents:
        document.update(mode=text, top_phase=text)
        document["state_machine_shadow"].update(
            last_divergence_event=text, last_shadow_error=text, last_divergence_kind="transition"
        )
        document["state_machine_shadow"]["adapter"]["backend"] = text
    name = "state_machine_shadow_<img src=x onerror=alert(1)>'\"é.jsonl"
    write(logs / name, compact(bot.documents) + text)
    (logs / f"{name}.gz").mkdir()
    write(logs / "state_machine_shadow_junk.jsonl", bytes(range(256)) * 99)
    return logs


def looked_at(page: Page) -> None:
    """A page has the tags of a page, and its texts are texts."""
    assert page.tags <= TAGS
    assert not any(name.startswith("on") for name in page.attributes)
    assert page.scripts == ""
    assert page.comments == []
    assert not any("\x1b" in text or "\u202e" in text for text in (page.text, *page.values))


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_in_data_runs_or_breaks_out(
    browser: Browser, serve: Serve, tmp_path: Path, size: tuple[int, int]
) -> None:
    identity = evil_database(tmp_path / "d.db")
    logs = evil_telemetry(tmp_path)
    live = serve(Bot(evil_status(EVIL)), tmp_path / "d.db", logs, commands=Commands({"db": EVIL}))
    files = serve(None, tmp_path / "d.db", logs)
    for url in (
        live.url,
        files.url,
        f"{live.url}/divergences",
        f"{live.url}/divergences/{identity}",
        f"{live.url}/divergences/{identity}?all=1",
    ):
        browser.visit(url, size)
        browser.screenshot(tmp_path / "page.png")
        text = browser.run("return document.body.textContent")
        # The list cuts texts short.
        assert ("https://evil.example" if url.endswith("divergences") else MARKUP) in text
        assert browser.run("return document.querySelectorAll('img, iframe, b, style').length") == 0


def test_pages_are_sound_by_themselves(serve: Serve, tmp_path: Path) -> None:
    identity = evil_database(tmp_path / "d.db")
    site = serve(Bot(evil_status(EVIL)), tmp_path / "d.db", evil_telemetry(tmp_path))
    for path in ("/", "/divergences", f"/divergences/{identity}?all=1"):
        answer = site.ask(path)
        assert answer.code == 200
        looked_at(Page(answer.text))
    assert site.ask("/api/status").json == evil_status(EVIL)


def test_what_an_address_says_comes_back_as_text(serve: Serve, tmp_path: Path) -> None:
    evil_database(tmp_path / "d.db")
    site = serve(None, tmp_path / "d.db", None)
    hostile = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E%0d%0aX-Evil:%201%E2%80%AE%00%ff%ud800"
    for path in (
        *(f"/divergences?{name}={hostile}" for name in
          ("q", "owner", "event", "status", "severity", "order", "page", "hot", hostile)),
        f"/?span={hostile}", f"/divergences/{hostile}", f"/{hostile}", f"/static/{hostile}",
    ):  # fmt: skip
        answer = site.ask(path)
        assert answer.code in (200, 404)
        assert "x-evil" not in answer.headers
        looked_at(Page(answer.text))


def test_very_long_texts_make_no_long_pages(serve: Serve, tmp_path: Path) -> None:
    identity = evil_database(tmp_path / "d.db", HUGE[:200_000])
    site = serve(Bot(evil_status(HUGE)), tmp_path / "d.db", None)
    for path in ("/", "/divergences", f"/divergences/{identity}?all=1"):
        answer = site.ask(path)
        assert answer.code == 200
        assert len(answer.body) < 200_000


@pytest.mark.parametrize(
    "odd",
    [
        {"state_machine_shadow": "text"}, {"state_machine_shadow": []}, {"slots": "text"},
        {"state_machine_shadow": {}}, {"slots": {"a": 1}}, {"slots": [[]]}, {"clock": []},
        {"slots": [slot(n, orders=[1] * 500) for n in range(500)]}, {"mode": None, "pair": {}},
        {"state_machine_shadow": block(adapter=[1])}, {"clock": {"now": 1e300, "speed": True}},
        {"state_machine_shadow": block(adapter={"latency": 3, "recorder": 4, "clock": 5})},
        {"state_machine_shadow": block(transition_checks=10**400, last_divergence_ts=10**400)},
        {"state_machine_shadow": block(last_divergence_ts=float("nan"), enabled="yes")},
        {"state_machine_shadow": block(last_divergence_event={"a": [1]}, last_shadow_error=7)},
        {"clock": {"now": -1e18, "speed": float("inf")}},
    ],
    ids=lambda odd: str(odd)[:50],
)  # fmt: skip
def test_a_status_of_any_shape_makes_a_page(serve: Serve, odd: dict[str, Any]) -> None:
    answer = serve(Bot(status(**odd))).ask("/")
    assert answer.code == 200
    assert len(answer.body) < 400_000
    looked_at(Page(answer.text))
