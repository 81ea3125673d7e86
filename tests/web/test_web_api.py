"""`/api/status` as the runbook reads it, and answers that are no pages."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from web_support import TWELVE, Bot, Site, adapter, block, status

Serve = Callable[..., Site]

SMOKE = """
BASE_URL="http://127.0.0.1:${PORT:-8080}"
curl -s "$BASE_URL/api/status" | jq '{
  mode,
  pair,
  top_phase,
  state_machine_shadow
}'
"""
SAMPLE = """
BASE_URL="http://127.0.0.1:${PORT:-8080}"
ts=$(date -u +"%Y-%m-%dT%H:%M:%SZ")
j=$(curl -s "$BASE_URL/api/status")
echo "$j" | jq --arg ts "$ts" '{
  ts: $ts,
  mode,
  top_phase,
  state_machine_shadow
}'
"""
"""The commands of the runbook, sections 3, 4 and 6, as they stand there."""

ROLLBACK = """
BASE_URL="http://127.0.0.1:${PORT:-8080}"
curl -s "$BASE_URL/api/status" | jq '.state_machine_shadow'
"""


def shell(site: Site, script: str) -> Any:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, "PORT": str(site.port)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_the_runbook_s_own_commands_read_it(serve: Serve) -> None:
    bot = Bot()
    site = serve(bot)
    smoke = shell(site, SMOKE)
    assert list(smoke) == ["mode", "pair", "top_phase", "state_machine_shadow"]
    assert (smoke["mode"], smoke["pair"], smoke["top_phase"]) == ("paper", "XDG/USD", "S1a")
    assert list(smoke["state_machine_shadow"])[:12] == list(TWELVE)
    assert smoke["state_machine_shadow"] == block(adapter=adapter())
    sample = shell(site, SAMPLE)
    assert list(sample) == ["ts", "mode", "top_phase", "state_machine_shadow"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", sample["ts"])
    bot.document = status(state_machine_shadow=block(enabled=False))
    assert shell(site, ROLLBACK)["enabled"] is False
    bot.document = status(state_machine_shadow=None)
    assert shell(site, ROLLBACK) is None


def test_it_is_all_that_the_bot_says(serve: Serve) -> None:
    answer = serve(Bot()).ask("/api/status")
    assert answer.code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == status()


def test_it_is_strict_json_whatever_the_bot_says(serve: Serve) -> None:
    odd = {
        "a": float("nan"),
        "b": float("-inf"),
        "c": {1: Path("x")},
        "d": "\ud800\x00é",
        "e": (1,),
    }
    answer = serve(Bot(status(odd=odd))).ask("/api/status")
    assert answer.json["odd"] == {
        "a": "NaN", "b": "-Infinity", "c": {"1": "x"}, "d": "\ud800\x00é", "e": [1],
    }  # fmt: skip


@pytest.mark.parametrize("document", [None, RuntimeError("no \x1b[31m luck")], ids=repr)
def test_a_bot_that_says_nothing_is_503(serve: Serve, document: Any) -> None:
    site = serve(Bot(document))
    answer = site.ask("/api/status")
    assert answer.code == 503
    assert list(answer.json) == ["error"]
    assert "\x1b" not in answer.json["error"]
    page = site.ask("/")
    assert page.code == 200
    assert "no answer" in page.text
    assert "Traceback" not in page.text


def test_no_bot_is_503_too(serve: Serve) -> None:
    answer = serve().ask("/api/status")
    assert answer.code == 503
    assert answer.json == {"error": "there is no bot here, only its files"}


def test_head_is_get_without_its_body(serve: Serve, real: Path) -> None:
    site = serve(Bot(), real / "divergences.db", None)
    for path in ("/", "/divergences", "/api/status", "/nonsense", "/divergences/d-00000000"):
        got, head = site.ask(path), site.ask(path, "HEAD")
        assert head.code == got.code
        assert head.body == b""
        assert got.body != b""
        for answer in (got, head):
            del answer.headers["date"]
        assert head.headers == got.headers


@pytest.mark.parametrize(
    ("path", "code"),
    [("/nonsense", 404), ("/divergences/d-00000000", 404), ("/static/../app.py", 404),
     ("/static/%2e%2e/app.py", 404), ("/divergences/..%2f..%2fetc", 404), ("/divergences/%00", 404),
     ("//evil.example/", 404), ("/" + "x" * 5000, 414)],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_what_is_not_there_is_told_in_the_form_that_is_asked_for(
    serve: Serve, real: Path, path: str, code: int
) -> None:
    site = serve(None, real / "divergences.db", None)
    page, text = site.ask(path), site.ask(path, accept="*/*")
    assert (page.code, text.code) == (code, code)
    assert page.text.startswith("<!doctype html>")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text.count("\n") == 1
    assert site.ask("/api/nonsense").json == {"error": "There is no such page."}


def test_a_fault_of_our_own_is_a_page_and_no_traceback(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> str:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("replay.web.app.dashboard", broken)
    answer = serve(Bot()).ask("/")
    assert answer.code == 500
    assert "ZeroDivisionError" in answer.text
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert [record.getMessage() for record in caplog.records] == ["/: ZeroDivisionError: secret"]


def test_what_pages_load_may_be_kept_and_pages_may_not(serve: Serve) -> None:
    site = serve(Bot())
    page = site.ask("/")
    assert page.headers["cache-control"] == "no-store"
    assert site.ask("/api/status").headers["cache-control"] == "no-store"
    loaded = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert len(loaded) == 3
    for path in loaded:
        answer = site.ask(path)
        assert answer.code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].partition(";")[0] in (
            *("text/css", "text/javascript", "image/svg+xml"),
        )
        assert b"http://" not in answer.body.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"https://" not in answer.body
    assert site.ask("/favicon.ico").headers["content-type"] == "image/svg+xml"
