"""A bot, databases, plain requests and the browser for the tests of the pages."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / name) for name in ("findings", "gate", "cli")]

from store_support import HASKELL, PYTHON, finding, stream  # noqa: E402

from replay.cli.main import run_cli  # noqa: E402
from replay.findings.account import CauseAccount, CauseCase, StoredCause  # noqa: E402
from replay.findings.store.store import Store  # noqa: E402

ROOT = TESTS.parent
PATIENCE = 60.0
"""Seconds to wait for anything: a loaded machine takes its time."""

TWELVE = (
    *("enabled", "executable_available", "transition_checks", "invariant_checks"),
    *("transition_divergences", "invariant_divergences", "total_divergences", "shadow_failures"),
    *("last_divergence_ts", "last_divergence_kind", "last_divergence_event", "last_shadow_error"),
)


def block(**changes: Any) -> dict[str, Any]:
    """Counters of a healthy shadow."""
    return {
        "enabled": True,
        "executable_available": True,
        "transition_checks": 1234,
        "invariant_checks": 56,
        "transition_divergences": 0,
        "invariant_divergences": 0,
        "total_divergences": 0,
        "shadow_failures": 0,
        "last_divergence_ts": None,
        "last_divergence_kind": "",
        "last_divergence_event": "",
        "last_shadow_error": "",
        **changes,
    }


def adapter(**changes: Any) -> dict[str, Any]:
    """What our own adapter adds."""
    return {
        "started": 1795338000.0,
        "backend": "python",
        "offered": 1290,
        "compared": 1290,
        "dropped": 0,
        "failed": 0,
        "fallbacks": 0,
        "queue": 2,
        "queue_max": 17,
        "queue_limit": 4096,
        "latency": {
            "bare": {"p50": 40e-6, "p99": 180e-6, "max": 0.004},
            "whole": {"p50": 43e-6, "p99": 190e-6, "max": 0.006},
        },
        "recorder": {"lines": 1290, "bytes": 654321, "errors": 0, "file": "logs/events_1.jsonl"},
        "restarts": 0,
        "clock": {"now": 1795341600.0, "speed": 1.0},
        **changes,
    }


ORDER = {"id": 41, "side": "sell", "role": "exit", "trade": "A", "price": 0.0923, "volume": 22.0,
         "txid": "TX41"}  # fmt: skip


def slot(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "slot": number,
        "phase": "S1a",
        "price": 0.0912345,
        "orders": [ORDER],
        "recoveries": 1,
        "cycles": 12,
        "profit": 1.5,
        "fees": 0.25,
        "mode_flags": ["long_only"],
        **changes,
    }


@dataclass
class Bot:
    """A status that tests change at will."""

    document: Any = field(default_factory=lambda: status())

    def status(self) -> Mapping[str, Any] | None:
        if isinstance(self.document, Exception):
            raise self.document
        document: Mapping[str, Any] | None = self.document
        return document


def status(**changes: Any) -> dict[str, Any]:
    return {
        "mode": "paper",
        "pair": "XDG/USD",
        "top_phase": "S1a",
        "state_machine_shadow": block(adapter=adapter()),
        "slots": [slot(0), slot(1, phase="S2", orders=[], mode_flags=[])],
        "clock": {"now": 1795341600.0, "speed": 1.0},
        **changes,
    }


# --- Databases ----------------------------------------------------------------------------------


def real_database(folder: Path) -> Path:
    """What `doge-replay run` leaves of the journal and the faulty core that ship as examples."""
    logs = folder / "logs"
    logs.mkdir()
    shutil.copy(ROOT / "examples" / "journal.jsonl", logs / "events_1.jsonl")
    code = run_cli(
        ["run", str(logs / "events_1.jsonl"), "--shadow", str(ROOT / "examples/forgets_fees.py"),
         "--db", str(folder / "divergences.db"), "--json"]
    )  # fmt: skip
    assert code == 1
    return folder


def many_findings(path: Path, number: int, **signature: Any) -> list[str]:
    """A database with so many findings; gives their IDs. Not durable, for speed."""
    with Store.open(path) as store:
        store._connection.execute("PRAGMA synchronous=OFF")
        run = store.begin_run("fuzz", PYTHON, HASKELL, {})
        return [
            store.record(run, finding(f"rule {n}", case=stream(2), failed=n % 10 == 9)).id
            for n in range(number)
        ]


def cause(identity: str, *findings: str, **changes: Any) -> StoredCause:
    """A cause that is behind some findings."""
    known: dict[str, Any] = {
        "id": identity,
        "kind": "edit",
        "says": "entries.py line 122 rounds by scaling",
        "canonical": f"edit|{identity}",
        "rule": 'reducer.md, "Exit price"',
        "is_verified": True,
        "needed_at": 373,
        "doubtful": 0,
        "findings": findings,
        "cases": (CauseCase(stream(1), False),),
    }
    return StoredCause(**{**known, **changes})


def account_for(path: Path, *causes: StoredCause, **changes: Any) -> None:
    """What a search for causes leaves in a database."""
    with Store.open(path) as store:
        store.record_account(CauseAccount(causes, kept=9, kept_right=9, **changes))


def touched(*folders: Path) -> dict[str, tuple[int, int, bytes]]:
    """All that could tell that something in folders was written: names, sizes, times, content."""
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns, path.read_bytes())
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- Requests -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    code: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is not JSON")

        return json.loads(self.body, parse_constant=refuse)


@dataclass(frozen=True)
class Site:
    """A server under test."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str = "/", method: str = "GET", **headers: str | None) -> Answer:
        """One request as a program makes it; `_` in the names of headers is a dash, and one that is
        None is left out."""
        given: dict[str, str | None] = {
            "Host": f"127.0.0.1:{self.port}",
            "Accept": "text/html",
        }
        given.update({name.replace("_", "-").title(): value for name, value in headers.items()})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, body)


# --- The browser --------------------------------------------------------------------------------

DESK, PHONE = (1200, 900), (360, 740)

OUTSIDE = """
return [...document.querySelectorAll("body *")].filter((element) => {
  if (element.closest(".scroll, svg, .skip, details:not([open]) > :not(summary)")) return false;
  const box = element.getBoundingClientRect();
  return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1);
}).map((element) => element.outerHTML.slice(0, 120));
"""
"""Elements that stick out of the window."""

FOREIGN = """
return [...document.querySelectorAll("*")].flatMap((element) =>
  [...element.attributes].filter((attribute) => attribute.name.startsWith("on")
    || attribute.name === "style"
    || (["src", "href", "action", "formaction", "data", "srcdoc", "xlink:href"]
        .includes(attribute.name) && !attribute.value.startsWith("/")
        && !attribute.value.startsWith("#")))
  .map((attribute) => element.tagName + " " + attribute.name + "=" + attribute.value));
"""
"""Attributes that run something, or lead out of the site."""


class Browser:
    """Chromium without a window. One for the session; each test says what it wants of it."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    @classmethod
    def open(cls, folder: Path) -> Browser:
        """Starts it. Missing, it fails the test: what was not looked at must not look green."""
        chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
        if chromium is None or chromedriver is None:
            pytest.fail("there is no chromium or chromedriver; scripts/setup --tests installs them")
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        for argument in (
            *("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            f"--user-data-dir={folder / 'profile'}",
            # Nothing is ever asked of the network; one foreign name leads here, as an attacker's
            # name server could make it.
            "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1,"
            " EXCLUDE localhost",
        ):
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # which root has not
        driver = webdriver.Chrome(options=options, service=Service(chromedriver))
        driver.set_page_load_timeout(PATIENCE)
        return cls(driver)

    def close(self) -> None:
        self.driver.quit()

    def visit(
        self,
        url: str,
        size: tuple[int, int] = DESK,
        *,
        dark: bool = False,
        script: bool = True,
    ) -> None:
        """Opens an address in a window of a size, with nothing left of the page before."""
        self.driver.get("about:blank")
        self.errors()
        width, height = size
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._command("Emulation.setEmulatedMedia", features=[scheme])
        self._command("Emulation.setScriptExecutionDisabled", value=not script)
        self.driver.get(url)

    def _command(self, name: str, **arguments: Any) -> None:
        self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script: str, *arguments: Any) -> Any:
        self._command("Emulation.setScriptExecutionDisabled", value=False)
        return self.driver.execute_script(script, *arguments)

    def errors(self) -> list[str]:
        """What the console has said since it was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    @property
    def text(self) -> str:
        """The text of the page, as it can be read."""
        text: str = self._with(By.TAG_NAME, "body", lambda body: body.text)
        return text

    def all(self, selector: str) -> list[str]:
        """The texts of all elements."""
        texts: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)",
            selector,
        )
        return texts

    def counter(self, name: str) -> str:
        return "".join(self.all(f'[data-counter="{name}"]'))

    def click(self, selector: str) -> None:
        self._with(By.CSS_SELECTOR, selector, WebElement.click)

    def ask_for(self, box: str) -> None:
        """Ticks a box of the filter, and asks. By the page itself: on a desk the folded filter is
        unfolded by style alone, which the driver takes for hidden."""
        visible = "return document.querySelector(arguments[0]).checkVisibility()"
        assert self.run(visible, f".filters {box}") is True
        for selector in (f".filters {box}", ".filters button"):
            self.run("document.querySelector(arguments[0]).click()", selector)

    def _with(self, by: str, selector: str, use: Callable[[WebElement], Any]) -> Any:
        """Uses an element; once more, where another page took its place between the two steps."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return use(self.driver.find_element(by, selector))
            except StaleElementReferenceException:
                assert time.monotonic() < end, f"never stands still: {selector}"

    def wait(self, until: Callable[[], Any]) -> Any:
        """Waits for something to become true."""
        end = time.monotonic() + PATIENCE
        while not (found := until()):
            assert time.monotonic() < end, f"never came true; the page says:\n{self.text[:3000]}"
            time.sleep(0.05)
        return found

    def screenshot(self, path: Path) -> Image.Image:
        """A picture of the window, after a look at the page: it is drawn, nothing sticks out of it,
        nothing in it leads elsewhere or runs, and the console is silent."""
        self.driver.save_screenshot(str(path))
        assert self.errors() == []
        outside = self.run(OUTSIDE)
        assert outside == [], outside
        assert self.run("return document.documentElement.scrollWidth <= innerWidth") is True
        assert self.run(FOREIGN) == []
        assert self.run("return document.scripts.length") == 1
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        assert image.size == tuple(self.run("return [innerWidth, innerHeight]"))
        colours = image.getcolors(1 << 24)
        assert colours is not None
        assert len(colours) > 50, "the page is blank"
        return image


def background(image: Image.Image) -> int:
    """How light the page is, 0 to 255, by its lower left corner."""
    colour = image.getpixel((1, image.height - 2))
    assert isinstance(colour, tuple)
    return sum(colour) // 3
