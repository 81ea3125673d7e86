"""Texts in data that want to be more than text come out as text everywhere."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from cli_support import Ran, doge, faulty_core
from hostile_support import markup_in

from replay.streams.model import Document, Start, Step, Stream
from replay.streams.parity_cases import parity_case_document

EVIL = (
    "\x1b[31mred\x1b]0;title\x07\u202egnihton\u2066[bold]x[/nonsense][link=http://a]"
    "<script>alert(1)</script>&amp;`|*_\r\n# head\u2028../../../etc/passwd\x00" + "long" * 2000
)
FILE = "\x1b[31m<b>[bold]\u202e|x"


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case in which every text is evil, in a file whose name is, and a shadow that passes the
    text on in a difference."""
    folder = tmp_path_factory.mktemp("hostile")
    order: dict[str, Document] = {
        "local_id": 1, "side": "sell", "role": "entry", "price": 0.2, "volume": 25.0,
        "trade_id": "A", "cycle": 1, "txid": EVIL, "regime_at_entry": EVIL,
    }  # fmt: skip
    state: dict[str, Document] = {
        "market_price": 0.2, "now": 1000.0, "orders": [order], "next_order_id": 2,
        "mode_source": EVIL, EVIL: EVIL,
    }  # fmt: skip
    steps = (Step((0, 0.9, 1001.0)), Step((1, 1002.0)))
    stream = Stream(Start(state, {"entry_pct": 0.1, "refresh_pct": 0.5, EVIL: EVIL}, 5.0, None),
                    steps, "")  # fmt: skip
    document = json.loads(json.dumps(parity_case_document(EVIL, stream, {"phase": EVIL})))
    cases = folder / "cases"
    cases.mkdir()
    (cases / f"{FILE}.json").write_text(json.dumps(document))
    (cases / f"{FILE}.jsonl").write_text(json.dumps({"method": EVIL}) + "\n" + EVIL + "\n")
    faulty_core(
        folder,
        ('order.txid, "stale_entry"', 'order.txid + "!", "stale_entry"'),
        module="reducer.py",
    )
    return folder


def evil(ran: Ran) -> None:
    """What `doge` has not looked for: no line is endless, no control character."""
    for line in ran.out.split("\n"):
        assert line.isprintable()
    if not ran.out.startswith(("{", "[")):
        assert max(map(len, ran.out.split("\n"))) < 6000


def run(where: Path, *arguments: Any) -> Ran:
    shadow = where / "botcore" / "__init__.py"
    ran = doge(where, *arguments, "--shadow", shadow)
    evil(ran)
    return ran


def test_run_list_show_and_repro(where: Path) -> None:
    ran = run(where, "run", "cases")
    assert ran.code == 1
    assert "\\x1b[31m<b>[bold]" in ran.out
    assert run(where, "run", "cases", "--json").json["misses"]
    listed = run(where, "list")
    assert listed.code == 0
    stored = run(where, "list", "--json").json
    assert stored
    for one in stored:
        assert run(where, "show", one["id"]).code == 0
        assert run(where, "show", one["id"], "--json").json["id"] == one["id"]
        assert run(where, "repro", one["id"]).code == 1
        assert run(where, "export", one["id"], "--anyway").code == 0
        assert run(where, "repro", one["id"], "--json").json["exit"] == 1


def test_the_corpus_takes_and_lists_them(where: Path) -> None:
    assert run(where, "corpus", "import", "cases").code == 0
    assert run(where, "corpus", "list").code == 0
    assert run(where, "corpus", "verify").code == 0
    assert all(path.suffix == ".stream" for path in (where / "corpus").iterdir())


def test_the_reports_of_a_night(where: Path) -> None:
    ran = doge(
        where, "nightly", "--minutes", 0.02, "--jobs", 1, "--import", "cases", "--corpus", "own",
        "--causes", 3, "--power", 0, "--shadow", where / "botcore" / "__init__.py",
        "--report-dir", "reports",
    )  # fmt: skip
    assert ran.code in (1, 4)
    markdown = (where / "reports" / "report.md").read_text()
    assert markup_in(markdown) == []
    assert all(line.isprintable() for line in markdown.split("\n"))
    page = (where / "reports" / "report.html").read_text()
    style = page[page.index("<style>") : page.index("</style>")]
    assert "<script>" not in page
    assert "<b>" not in page
    assert page.replace(style, "").replace("\n", "").isprintable()
    suite = ET.fromstring((where / "reports" / "junit.xml").read_text())
    assert suite.find(".//script") is None
