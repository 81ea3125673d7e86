"""`doge-replay serve` as it is called, and the server in its thread."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from cli_support import ended, start
from hostile_support import here
from telemetry_makers import Bot as Sampled
from telemetry_makers import compact, write
from web_support import PATIENCE, Bot, Site, many_findings

from replay.errors import EnvironmentFailure
from replay.web.app import create_app
from replay.web.server import serve_in_thread


@contextlib.contextmanager
def serving(where: Path, *arguments: object, **env: str) -> Iterator[tuple[Any, Site]]:
    """The command under way, when it says that it is."""
    process = start(where, "serve", *arguments, "--json", env=env)
    try:
        said = json.loads("".join(process.stdout.readline().decode() for _ in range(4)))
        yield process, Site(said["port"])
    finally:
        if process.poll() is None:
            ended(process, signal.SIGKILL)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_serves_files_until_it_is_ended(tmp_path: Path, number: int, code: int) -> None:
    many_findings(tmp_path / "my own.db", 4)
    (tmp_path / "l").mkdir()
    write(tmp_path / "l" / "state_machine_shadow_1.jsonl", compact(Sampled().run(9).documents))
    arguments = ("--db", "my own.db", "--logs", "l", "--port", 0)
    with serving(tmp_path, *arguments) as (process, site):
        assert "9 samples" in site.ask("/").text
        listed = site.ask("/divergences").text
        assert "All 4 findings" in listed
        identity = listed.partition("/divergences/")[2].partition('"')[0]
        one = site.ask(f"/divergences/{identity}").text
        assert f"doge-replay repro {identity} --db 'my own.db'" in unescape(one)
        assert site.ask("/api/status").code == 503
        ran = ended(process, number)
    assert ran.code == code
    assert ran.err == "doge-replay: the server has ended\n"
    with contextlib.closing(socket.socket()) as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", site.port))


def test_settings_and_environment_are_heeded(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.doge-replay]\nlogs = ["my-logs"]\n')
    (tmp_path / "my-logs").mkdir()
    write(tmp_path / "my-logs/state_machine_shadow_1.jsonl", compact(Sampled().run(3).documents))
    many_findings(tmp_path / "x.db", 2)
    with serving(tmp_path, PORT="0", DOGE_REPLAY_DB="x.db") as (_, site):
        text = site.ask("/").text
    assert "3 samples" in text
    assert "new 2" in text


def test_a_port_that_is_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        ran = here(tmp_path, "serve", "--port", port)
        assert ran.code == 3
        assert ran.line == (
            f"doge-replay: port {port} on 127.0.0.1 is in use by another process; "
            "choose one with --port"
        )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--host", "no.such.host.invalid"], 3, "there is no address no.such.host.invalid"),
        (["--host", "192.0.2.1"], 3, "cannot serve on 192.0.2.1"),
        (["--port", "70000"], 2, "70000"),
        (["--port", "web"], 2, "web"),
    ],
    ids=repr,
)
def test_an_address_that_cannot_be_had_is_one_clear_line(
    tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    ran = here(tmp_path, "serve", "--port", "0", *arguments)
    assert ran.code == code
    assert words in ran.line


def test_another_address_is_answered_by_its_own_name_and_those_given(tmp_path: Path) -> None:
    """Without --json a person is told where to look."""
    process = start(
        tmp_path, "serve", "--port", 0, "--host", "0.0.0.0", "--allow-host", "my.example"
    )
    try:
        line = process.stdout.readline().decode()
        assert line.startswith("divergences.db and logs at http://127.0.0.1:")
        site = Site(int(line.partition("127.0.0.1:")[2].partition("/")[0]))
        assert site.ask("/").code == 200
        assert site.ask("/", host=f"my.example:{site.port}").code == 200
        assert site.ask("/", host=f"0.0.0.0:{site.port}").code == 403
        assert site.ask("/", host=f"evil.example:{site.port}").code == 403
    finally:
        assert ended(process, signal.SIGINT).code == 130


# --- In a thread ----------------------------------------------------------------------------------


def test_a_server_stops_and_gives_its_port_back() -> None:
    served = serve_in_thread(create_app(Bot(), None, None), 0)
    assert served.url == f"http://127.0.0.1:{served.port}/"
    assert Site(served.port).ask("/api/status").code == 200
    with pytest.raises(EnvironmentFailure, match="in use"):
        serve_in_thread(create_app(Bot(), None, None), served.port)
    served.stop()
    served.stop()
    with pytest.raises(ConnectionRefusedError):
        Site(served.port).ask("/")
    again = serve_in_thread(create_app(Bot(), None, None), served.port)
    assert Site(again.port).ask("/").code == 200
    again.stop()
    assert not again._thread.is_alive()


def test_it_stops_while_a_browser_keeps_its_connection() -> None:
    with serve_in_thread(create_app(Bot(), None, None), 0) as served:
        kept = socket.create_connection(("127.0.0.1", served.port), PATIENCE)
        half = socket.create_connection(("127.0.0.1", served.port), PATIENCE)
        half.sendall(b"GET / HTTP/1.1\r\nHost: 127")
        kept.sendall(f"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode())
        assert kept.recv(100).startswith(b"HTTP/1.1 200")
    kept.close()
    half.close()
    with pytest.raises(ConnectionRefusedError):
        Site(served.port).ask("/")


def test_what_is_no_http_harms_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with serve_in_thread(create_app(Bot(), None, None), 0) as served:
        for junk in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\x00" * 70_000,
                     b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"):  # fmt: skip
            with (
                contextlib.closing(
                    socket.create_connection(("127.0.0.1", served.port), PATIENCE)
                ) as sent,
                contextlib.suppress(ConnectionError),
            ):
                sent.sendall(junk)
                sent.shutdown(socket.SHUT_WR)
                assert b"200 OK" not in sent.recv(1000)
        assert Site(served.port).ask("/").code == 200
    assert capfd.readouterr() == ("", "")


def test_many_at_once_are_all_answered() -> None:
    bot = Bot()
    with serve_in_thread(create_app(bot, None, None), 0) as served:
        site = Site(served.port)
        codes: list[int] = []
        threads = [
            threading.Thread(target=lambda: codes.append(site.ask("/").code)) for _ in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert codes == [200] * 40
