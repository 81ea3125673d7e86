"""Who may ask: hosts, origins, methods, headers; and that nothing is ever written."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from telemetry_makers import Bot as Sampled
from telemetry_makers import compact, write
from web_support import Answer, Bot, Browser, Site, many_findings, touched

from replay.web.app import create_app
from replay.web.server import serve_in_thread

Serve = Callable[..., Site]
PATHS = ("/", "/api/status", "/divergences", "/nonsense")


def test_only_its_own_names_with_its_own_port_are_answered(serve: Serve) -> None:
    site = serve(Bot())
    port = site.port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", f"LOCALHOST:{port}"):
        assert site.ask("/api/status", host=host).code == 200
    for host in (
        *(
            "evil.example",
            f"evil.example:{port}",
            "127.0.0.1",
            "localhost",
            f"127.0.0.1:{port + 1}",
        ),
        *(f"127.0.0.1.evil.example:{port}", f"evil.example@127.0.0.1:{port}", "", f":{port}"),
        *(f"127.0.0.1:{port}.evil.example", f"0.0.0.0:{port}", f"127.1:{port}", "null"),
        *(f"127.0.0.1:{port}:{port}", f"[::1]:{port}]", f"localhost.:{port}"),
    ):
        for path in PATHS:
            answer = site.ask(path, host=host)
            assert answer.code == 403, host
            assert "does not answer to that name" in answer.text
            assert "evil" not in answer.text
    assert site.ask("/", host=None).code == 400  # HTTP/1.1 must say one


def test_further_names_have_to_be_given(serve: Serve) -> None:
    site = serve(Bot(), hosts=("Bot.Example", "tunnel.example:9000", "::2"))
    for host in (f"bot.example:{site.port}", "tunnel.example:9000", f"[::2]:{site.port}"):
        assert site.ask("/", host=host).code == 200
    for host in ("bot.example", f"tunnel.example:{site.port}", "bot.example:9000"):
        assert site.ask("/", host=host).code == 403


def test_port_80_may_be_left_out() -> None:
    from replay.web.security import _forms

    assert _forms("localhost", 80) == ("localhost:80", "localhost")
    assert _forms("::1", 80) == ("[::1]:80", "[::1]")
    assert _forms("a.example:81", 80) == ("a.example:81",)


def test_a_foreign_origin_is_refused(serve: Serve) -> None:
    site = serve(Bot())
    assert site.ask("/api/status", origin=site.url).code == 200
    assert site.ask("/api/status", origin=f"http://localhost:{site.port}").code == 200
    for origin in ("http://evil.example", "null", "", f"http://evil.example:{site.port}",
                   f"http://127.0.0.1:{site.port + 1}", "http://127.0.0.1"):  # fmt: skip
        for path in PATHS:
            answer = site.ask(path, origin=origin)
            assert answer.code == 403, origin
            assert "access-control-allow-origin" not in answer.headers


def test_another_site_may_link_here_and_nothing_else(serve: Serve) -> None:
    site = serve(Bot())

    def asked(where: str, mode: str, dest: str) -> int:
        return site.ask(sec_fetch_site=where, sec_fetch_mode=mode, sec_fetch_dest=dest).code

    assert asked("none", "navigate", "document") == 200
    assert asked("same-origin", "cors", "empty") == 200
    for where in ("cross-site", "same-site"):
        assert asked(where, "navigate", "document") == 200
        assert asked(where, "navigate", "iframe") == 403
        assert asked(where, "no-cors", "script") == 403
        assert asked(where, "cors", "empty") == 403


METHODS = (
    *("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "MKCOL", "NONSENSE"),
)


@pytest.mark.parametrize("method", METHODS)
def test_each_writing_method_is_refused_everywhere(serve: Serve, real: Path, method: str) -> None:
    site = serve(Bot(), real / "divergences.db", real / "logs")
    for path in PATHS:
        answer = site.ask(path, method)
        assert answer.code == 405
        assert answer.headers["allow"] == "GET, HEAD"
        assert b"Nothing can be changed" in answer.body or path.startswith("/api/")


def test_every_answer_has_its_headers(serve: Serve, real: Path) -> None:
    site = serve(Bot(), real / "divergences.db", None)
    style = re.findall(r'"(/static/[^"]+css)"', site.ask("/").text)[0]

    def answers() -> Iterator[Answer]:
        for path in (*PATHS, style, "/divergences?page=3", "/divergences/d-00000000"):
            yield site.ask(path)
        yield site.ask("/", "POST")
        yield site.ask("/", host="evil.example")

    for answer in answers():
        parts = answer.headers["content-security-policy"].split("; ")
        policy = dict(part.split(" ", 1) for part in parts)
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["base-uri"] == "'none'"
        assert set(policy.values()) == {"'none'", "'self'"}, "nothing inline, nothing elsewhere"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "cache-control" in answer.headers
        assert "server" not in answer.headers
        assert "set-cookie" not in answer.headers


def test_no_page_has_anything_inline(serve: Serve, real: Path) -> None:
    site = serve(Bot(), real / "divergences.db", real / "logs")
    for path in (*PATHS, "/divergences/d-"):
        text = site.ask(path).text
        assert "<style" not in text
        assert " style=" not in text
        assert re.findall(r"<script[^>]*>[^<]", text) == []


def test_nothing_is_written_whatever_is_asked(serve: Serve, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    write(logs / "state_machine_shadow_1.jsonl", compact(Sampled().run(30).documents) + '{"ts": "2')
    ids = many_findings(tmp_path / "d.db", 30)
    before = touched(tmp_path)
    site = serve(Bot(), tmp_path / "d.db", logs)
    for path in (*PATHS, "/divergences?q=a&page=2", "/?span=all", *(f"/divergences/{one}?all=1"
                                                                  for one in ids[:5])):  # fmt: skip
        for method in ("GET", "HEAD", "POST", "DELETE"):
            site.ask(path, method)
    assert touched(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.db", "logs"]


# --- In a browser ---------------------------------------------------------------------------------


def test_a_foreign_name_that_leads_here_gets_nothing(browser: Browser, serve: Serve) -> None:
    """As an attacker's name server can make it: the page of evil.example asks 127.0.0.1."""
    site = serve(Bot())
    browser.visit(f"http://evil.example:{site.port}/")
    assert "does not answer to that name" in browser.text
    assert "Counters" not in browser.text


FOREIGN_PAGE = """<!doctype html><title>evil</title><iframe id=frame src="{url}/"></iframe>
<script>
const seen = {{}};
const put = (name, what) => {{ seen[name] = what; }};
fetch("{url}/api/status").then(() => put("fetch", "read"), () => put("fetch", "refused"));
const script = document.createElement("script");
script.src = "{url}/api/status";
script.onload = () => put("script", "loaded");
script.onerror = () => put("script", "refused");
document.body.append(script);
const image = new Image();
image.src = "{url}/favicon.ico";
image.onload = () => put("image", "loaded");
image.onerror = () => put("image", "refused");
document.getElementById("frame").onload = () => put("frame", "done");
window.seen = seen;
</script>"""


@contextmanager
def foreign_site(page: str) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_page_of_another_origin_can_read_and_frame_nothing(browser: Browser) -> None:
    with (
        serve_in_thread(create_app(Bot(), None, None), 0) as served,
        foreign_site(FOREIGN_PAGE.format(url=served.url.rstrip("/"))) as foreign,
    ):
        browser.visit(foreign)
        seen = browser.wait(
            lambda: (found := browser.run("return window.seen")) and len(found) == 4 and found
        )
        assert seen == {
            "fetch": "refused", "script": "refused", "image": "refused", "frame": "done",
        }  # fmt: skip
        browser.driver.switch_to.frame("frame")
        assert "Counters" not in browser.text
        browser.driver.switch_to.default_content()
        browser.errors()
        # A link is no attack.
        browser.run("location.href = arguments[0]", served.url)
        browser.wait(lambda: "Counters" in browser.text)
        assert browser.errors() == []
