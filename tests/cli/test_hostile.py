"""Texts from outside are harmless wherever they come out, whatever they are made of.

They come from journals and cases, from cores (their folders, versions, answers, errors and
exceptions), from what people say of a finding, from explanations.toml and from the command line.
They come out in the terminal, as JSON, in reports and in exports, which parsers of others read
here.
"""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli_support import PROGRAM, Ran, doge, environment, faulty_core
from hostile_support import (
    BOT,
    EVIL,
    EXECUTABLE,
    HUGE,
    LINE,
    LONG,
    NAME,
    Page,
    addresses,
    given,
    here,
    is_harmless,
    looked_at,
    markup_in,
    refused,
    strict,
)

from replay.safe_text import quoted
from replay.streams.model import Start, Step, Stream
from replay.streams.parity_cases import parity_case_document

NIGHTLY = ("--minutes", 0.01, "--jobs", 1, "--seed", 1, "--causes", 3, "--power", 0)


@dataclass(frozen=True)
class World:
    """A directory with a hostile name, alone in its parent; what it has was found by a run over
    hostile cases with a shadow that puts its own texts into its answers."""

    folder: Path
    shadow: Path
    ran: Ran

    def run(self, *arguments: object) -> Ran:
        """A call within this process."""
        ran = here(self.folder, *arguments)
        self.check_nothing_escaped()
        return ran

    def doge(self, *arguments: object, **env: str) -> Ran:
        """A call of the real program."""
        ran = looked_at(doge(self.folder, *arguments, env=env))
        self.check_nothing_escaped()
        return ran

    def check_nothing_escaped(self) -> None:
        assert [path.name for path in self.folder.parent.iterdir()] == [self.folder.name]

    def on(self, *arguments: object) -> Ran:
        """A call that needs the shadow."""
        return self.run(*arguments, "--shadow", self.shadow)

    @property
    def stored(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.run("list", "--json").json
        return found

    @property
    def ids(self) -> list[str]:
        return [one["id"] for one in self.stored]


def case(state: dict[str, Any], *calls: Any, config: dict[str, Any] | None = None) -> Any:
    start = Start({"market_price": 0.2, "now": 1000.0, **state}, config or {}, 5.0, None)
    document = parity_case_document(EVIL, Stream(start, tuple(map(Step, calls)), ""), {})
    return strict(json.dumps(document))


def write_cases(folder: Path) -> None:
    """Cases and a journal in which every text is hostile."""
    folder.mkdir()
    order = {
        "local_id": 1, "side": "sell", "role": "entry", "price": 0.2, "volume": 25.0,
        "trade_id": "A", "cycle": 1, "txid": EVIL, "regime_at_entry": EVIL,
    }  # fmt: skip
    state = {"orders": [order], "next_order_id": 2, "mode_source": LONG, EVIL: EVIL}
    documents = {
        "refresh": case(state, (0, 0.9, 1001.0), config={"refresh_pct": 0.5, EVIL: EVIL}),
        "another": case(state, (0, 0.8, 1001.0), config={"refresh_pct": 0.5}),
        "invariants": case({"orders": [{**order, "cycle": 0}], "mode_source": HUGE}, (6,)),
        "unknown": {**case(state, (1, 1002.0)), "events": [{"type": EVIL, "payload": {EVIL: 1}}]},
        "expects": {**case({}, (1, 1002.0)), "expected": {"phase": EVIL, EVIL: EVIL}},
        "no event": {**case({}, (1, 1002.0)), "events": [{"type": EVIL}]},
    }
    for name, document in documents.items():
        (folder / f"{NAME}{name}.json").write_text(json.dumps(document))
    lines: list[dict[str, Any]] = [
        {"v": 1, "seq": 1, "slot": 0, "method": "transition", "state": state, "config": {},
         "order_size_usd": 5.0, "order_sizes": None, "event": {"type": EVIL, "payload": {EVIL: 1}}},
        {"v": 1, "seq": EVIL, "slot": EVIL}, {"v": EVIL}, {"v": 1, EVIL: LONG}, {"method": EVIL},
        {"method": "transition", "event": {EVIL: 1}, "order_size_usd": EVIL},
    ]  # fmt: skip
    texts = [*map(json.dumps, lines), EVIL, '{"v": 1, "x": "\\ud800"}', LONG.replace("\n", "")]
    (folder / f"{NAME}.jsonl").write_text("\n".join(texts) + "\n")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("parent") / f"work{NAME}"
    folder.mkdir()
    write_cases(folder / "cases")
    core = folder / f"core{NAME}"
    core.mkdir()
    shadow = faulty_core(
        core, ('order.txid, "stale_entry"', f'order.txid + "!", {EVIL!a}'), module="reducer.py"
    )
    for module, old, new in (
        ("invariants.py", '"order cycle must be >= 1"', f"{EVIL!a}"),
        ("__init__.py", 'CORE_VERSION = "0.1.0"', f"CORE_VERSION = {EVIL + chr(0xD800)!a}"),
    ):
        text = (shadow.parent / module).read_text()
        assert text.count(old) == 1
        (shadow.parent / module).write_text(text.replace(old, new))
    return World(folder, shadow, looked_at(doge(folder, "run", "cases", "--shadow", shadow)))


def test_a_run_shows_them_as_text_and_its_commands_can_be_copied(world: World) -> None:
    assert world.ran.code == 1
    assert "run: 2 divergences, " in world.ran.out
    assert "expected: " in world.ran.out
    assert "\\x1b]8;;https://evil.example/x\\x1b\\click" in world.ran.out  # shown, not sent
    assert "[red]x[/red][link=" in world.ran.out
    command = next(line for line in world.ran.out.splitlines() if "doge-replay repro " in line)
    option = command.partition(" --shadow ")[2]
    printed = subprocess.run(["bash", "-c", f"printf %s {option}"], capture_output=True, check=True)
    assert printed.stdout.decode() == str(world.shadow)


def test_an_argument_to_copy_means_what_it_says() -> None:
    for text in ("plain", "two words", "it's", given(EVIL), "\x01f\u202e9'\\", "", "-x\n"):
        assert is_harmless(quoted(text))
        printed = subprocess.run(
            ["bash", "-c", f"printf %s {quoted(text)}"], capture_output=True, check=True
        )
        assert printed.stdout == text.encode("utf-8", "surrogateescape")


def test_findings_are_shown_reproduced_and_listed(world: World) -> None:
    assert len(world.stored) == 2
    assert world.run("list").code == 0
    for identity in world.ids:
        for options in ((), ("--all",), ("--json",)):
            assert world.on("show", identity, *options).code == 0
            assert world.on("repro", identity, *options).code == 1
        shown = world.on("show", identity, "--json").json
        assert EVIL in shown["case"]["origin"]  # JSON has it as it is


def test_exports_are_named_after_the_id_and_hold_nothing_but_data(
    world: World, tmp_path: Path
) -> None:
    for identity in world.ids:
        out = world.folder / f"out {identity}"
        out.mkdir()
        for form in ("parity", "pytest", "bundle"):
            assert world.run("export", identity, "--anyway", "--as", form, "-o", out).code == 0
        test = f"test_{identity.replace('-', '_')}.py"
        names = {f"{identity}.json", test, f"{identity}.zip"}
        assert {path.name for path in out.iterdir()} == names
        parity = strict((out / f"{identity}.json").read_text())
        check_test_file((out / test).read_text(), parity)
        check_bundle(out / f"{identity}.zip", parity)
        for name in (f"{identity}.json", f"{identity}.zip"):
            ran = world.on("repro", out / name)
            assert ran.code == 1
            assert world.on("repro", out / name, "--json").json["exit"] == 1
        shutil.rmtree(out)


def check_test_file(text: str, parity: Any) -> None:
    """The statements are those of the template, and both texts in it are JSON."""
    assert text.isascii()
    assert is_harmless(text)
    module = ast.parse(text)
    kinds = [type(node).__name__ for node in module.body]
    assert kinds == [
        *("Expr", "Import", "Import", "ImportFrom", "Assign", "Expr", "Assign", "Expr"),
        *("FunctionDef", "FunctionDef"),
    ]
    documents = [
        strict(node.value.args[0].value)  # type: ignore[attr-defined]
        for node in module.body
        if isinstance(node, ast.Assign)
    ]
    assert documents[1] == parity
    assert NAME in documents[0]["origin"]


def check_bundle(path: Path, parity: Any) -> None:
    with zipfile.ZipFile(path) as archive:
        assert strict(archive.read("case.json").decode()) == parity
        markdown = archive.read("report.md").decode()
        assert is_harmless(markdown)
        assert markup_in(markdown) == []
        assert is_harmless(archive.read("report.txt").decode())
        for name in ("manifest.json", "finding.json"):
            assert is_harmless(json.dumps(strict(archive.read(name).decode())))


def test_what_people_say_of_a_finding(world: World) -> None:
    identity = world.ids[0]
    who, owner, note = given(LINE + EVIL[:90]), given(EVIL[:150]), given(EVIL)
    ran = world.run("triage", identity, "--owner", owner, "--note", note, "--who", who)
    assert ran.code == 0
    assert world.run("list", "--owner", owner).code == 0
    ran = world.run("show", identity)
    assert ran.code == 0
    assert "owner      \\x1b]8;;" in ran.out
    shown = world.run("show", identity, "--json").json
    assert shown["note"] == note.strip().replace("\udcff", "\\udcff")
    long = given(LONG)
    for option in ("--note", "--owner", "--who"):
        refused(world.run("triage", identity, "--note", "x", option, long))
    refused(world.run("triage", identity, "--severity", given(EVIL)))
    refused(world.run("list", "--event", given(EVIL)))
    refused(world.run("list", "--status", long))
    check_in_a_bundle(world, identity)


def check_in_a_bundle(world: World, identity: str) -> None:
    """The history goes into the reports of a bundle, too."""
    ran = world.run("export", identity, "--as", "bundle")
    bundle = world.folder / f"{identity}.zip"
    assert ran.code == 0
    check_bundle(bundle, world.run("export", identity, "--anyway").json)
    assert world.on("repro", bundle).code == 1
    bundle.unlink()


def refresh_and_invariants(world: World) -> list[str]:
    """The finding with two kept cases comes first."""
    return [one["id"] for one in sorted(world.stored, key=lambda one: str(one["event"]))]


def test_splits_and_merges(world: World, tmp_path: Path) -> None:
    first, second = refresh_and_invariants(world)
    why = ("--why", given(EVIL), "--who", given(EVIL[:150]))
    name = LINE.replace("/", "")[:60]
    where = f"call.price > 0.85 and event != {LINE!r}"
    for options in ((), ("--json",)):
        assert world.on("split", first, "--where", where, "--name", name, *why, *options).code == 0
    assert world.on("split", first, "--where", where, "--name", name, *why, "--yes").code == 0
    (part,) = set(world.ids) - {first, second}
    assert name in world.on("show", part).out
    assert world.run("list").code == 0
    assert world.on("export", part, "--anyway", "-o", "part.json").code == 0
    assert world.run("split", part, "--undo").code == 0
    assert world.run("split", part, "--undo", "--yes", *why).code == 0
    for yes in ((), ("--yes",)):
        assert world.run("merge", first, "--into", second, *why, *yes).code == 0
    assert world.run("show", first).code == 0
    for yes in ((), ("--yes",)):
        assert world.run("merge", first, "--undo", *why, *yes).code == 0
    for condition, part_name in (
        *((given(text), "x") for text in (EVIL, LONG, f"'{LINE}'", "(" * 500)),
        *(("price > 0", given(text)) for text in (EVIL, LONG, "../escaped", "a\nb", "\u202e")),
    ):
        refused(world.on("split", first, "--where", condition, "--name", part_name, "--yes"))
    assert sorted(world.ids) == sorted((first, second))


IDS = ("../../etc/passwd", "/etc/passwd", "CON", "-", ".", "", "%", "____", "d-*", "a\nb", "[red]",
       "'; DROP TABLE runs; --", "d-\x1b[1m", "\u202e", "\udcff", "l" * 100_000)  # fmt: skip


def test_ids_that_are_none_are_refused_on_one_line(world: World) -> None:
    known = world.ids[0]
    calls: list[Callable[[str], tuple[object, ...]]] = [
        lambda text: ("show", text),
        lambda text: ("export", text),
        lambda text: ("export", text, "--as", "bundle"),
        lambda text: ("repro", text, "--shadow", world.shadow),
        lambda text: ("explain", text, "--shadow", world.shadow),
        lambda text: ("triage", text, "--note", "x"),
        lambda text: ("split", text, "--undo"),
        lambda text: ("split", text, "--where", "price > 0", "--name", "x", "--shadow", "python"),
        lambda text: ("merge", text, "--into", known),
        lambda text: ("merge", known, "--into", text, "--yes"),
        lambda text: (f"--{text}=", text),
        lambda text: (f"x{text}",),
    ]
    for text in (*IDS, given(EVIL), given(LONG), f"[red]{known}", f"{known}/../x"):
        for call in calls:
            if (text, call(text)[0]) != ("/etc/passwd", "repro"):  # a file that is no case, then
                refused(world.run("--", *call(text)) if text == "-" else world.run(*call(text)))
    assert len(world.ids) == 2


def test_names_of_what_is_not_there_are_refused_on_one_line(world: World) -> None:
    identity = world.ids[0]
    for text in (given(EVIL), given(LONG), f"./{NAME}", "../escaped", "n" * 300, "\udcff\x1b"):
        for arguments in (
            ("run", text, "--shadow", world.shadow),
            ("run", "cases", "--shadow", text),
            ("run", "cases", "--shadow", f"{text}.py"),
            ("run", "cases", "--authority", text, "--shadow", world.shadow),
            ("list", "--db", text),
            ("repro", identity, "--db", text, "--shadow", world.shadow),
            ("corpus", "list", "--corpus", text),
            ("corpus", "verify", "--corpus", text),
            ("corpus", "import", text),
            ("explanations", "--explanations", text, "--shadow", world.shadow),
            ("run", "cases", "--explanations", text, "--shadow", world.shadow),
            ("fuzz", "--profile", text),
            ("fuzz", "--seconds", text),
        ):
            refused(world.run(*arguments))


def test_settings_are_refused_on_one_line(world: World) -> None:
    file = world.folder / "pyproject.toml"
    escaped = json.dumps(EVIL.replace("\x7f", "").replace("\U000e0041", ""))
    try:
        for name in ("db", "authority", "shadow", "report_dir", "explanations", "profile", "jobs",
                     "corpus", "logs", '"x\\u001b[1m"'):  # fmt: skip
            file.write_text(f"[tool.doge-replay]\n{name} = {escaped}\n")
            refused(world.run("doctor"))
            file.write_text(f"[tool.doge-replay]\n{name} = [1, {escaped}]\n")
            refused(world.run("list"))
        file.write_text(EVIL)
        refused(world.run("list"))
    finally:
        file.unlink()


def test_a_corpus_with_a_hostile_name_and_hostile_streams(world: World) -> None:
    corpus = world.folder / f"corpus{NAME}"
    options = ("--corpus", corpus)
    for more in ((), ("--json",)):
        assert world.run("corpus", "import", "cases", *options, *more).code == 0
        assert world.run("corpus", "list", *options, *more).code == 0
        assert world.run("corpus", "verify", *options, *more).code == 0
    assert {path.suffix for path in corpus.iterdir()} == {".stream"}
    (corpus / f"{'0' * 64}.stream").write_text(EVIL)
    (corpus / f"{NAME}.stream").write_text(EVIL)
    for more in ((), ("--json",)):
        assert world.run("corpus", "list", *options, *more).code == 0
        assert world.run("corpus", "verify", *options, *more).code == 2
        assert world.on("doctor", *options, *more).code == 2
    shutil.rmtree(corpus)


PRICES = (0.31, 0.32, 0.33, 0.34)


def found_with(world: World, shadow: Path, *stored: float) -> list[str]:
    """What prices at which a core misbehaves show, and what a run over some of them stores."""
    options = ("--shadow", shadow, "--db", "other.db")
    for price in PRICES:
        path = world.folder / f"{price}.json"
        path.write_text(json.dumps(case({}, (0, price, 1001.0), (6,))))
        assert world.run("repro", path.name, *options).code in (1, 3)
    ran = world.run("run", *(f"{price}.json" for price in stored), *options)
    assert ran.code in (1, 3)
    assert world.run("list", "--db", "other.db").code == 0
    found = [one["id"] for one in world.run("list", "--db", "other.db", "--json").json]
    for identity in found:
        assert world.run("show", identity, *options).code == 0
        assert world.run("show", identity, *options, "--json").code == 0
        assert world.run("repro", identity, *options).code in (1, 3)
        exported = world.run("export", identity, "--as", "bundle", *options)
        assert exported.code == 0
        bundle = world.folder / f"{identity}.zip"
        assert world.run("repro", bundle, *options).code in (1, 3)
        with zipfile.ZipFile(bundle) as archive:
            assert markup_in(archive.read("report.md").decode()) == []
        bundle.unlink()
    (world.folder / "other.db").unlink()
    return found


def test_exceptions_of_a_bots_module(world: World) -> None:
    bot = world.folder / f"bot{NAME}"
    bot.mkdir()
    (bot / "bot.py").write_text(BOT)
    assert found_with(world, bot / "bot.py", *PRICES)
    for text in (
        f"raise RuntimeError({EVIL!a})",
        f"raise type({LINE!a}, (Exception,), {{}})({LONG!a})",
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
        f"raise SystemExit({EVIL!a})",
        f"import {'x' * 100_000}",
        EVIL.replace("\0", ""),
        f"x = {EVIL!a}",
    ):
        (bot / "broken.py").write_text(text, "utf-8")
        ran = world.run("run", "cases", "--shadow", bot / "broken.py")
        assert ran.code == 3
        assert ran.line
        assert world.run("doctor", "--shadow", bot / "broken.py").code == 3


def test_errors_answers_and_versions_of_an_executable(world: World) -> None:
    folder = world.folder / f"bin{NAME}"
    folder.mkdir()
    program = folder / f"exe{NAME}"
    program.write_text(EXECUTABLE)
    program.chmod(0o755)
    doctor = world.run("doctor", "--shadow", program)
    assert "version \\x1b]8;;" in doctor.out
    assert any(one.startswith("f-") for one in found_with(world, program, 0.31, 0.34))
    program.write_text(f"#!/bin/sh\nprintf '%s' {quoted(given(EVIL))} >&2\nexit 3\n",
                       errors="surrogateescape")  # fmt: skip
    assert world.run("doctor", "--shadow", program).code == 3


def explanations(world: World, *, reason: str = EVIL, name: str = LINE) -> Path:
    file = world.folder / "explanations.toml"
    text = json.dumps(reason.replace("\x7f", ""), ensure_ascii=False).replace("\x7f", "\\u007f")
    file.write_text(
        f"[[explanation]]\nname = {json.dumps(name, ensure_ascii=False)}\nreason = {text}\n"
        f"signed = {json.dumps(LINE, ensure_ascii=False)}\ndate = 2020-01-01\n"
        f"event = 'PriceTick'\nwhere = '''event != \"{LINE}\"'''\n[explanation.deviation]\n"
        f"in = ['_refresh']\nreplace = '''\"stale_entry\"'''\nwith = '''\"{LINE}\"'''\n"
    )
    return file


def test_explanations(world: World) -> None:
    explanations(world)
    for more in ((), ("--json",)):
        ran = world.on("explanations", *more)
        assert ran.code == 1
        assert ran.out
    assert "FAIL  <b>x</b>[red](y)" in world.on("explanations").out
    for name in (given(EVIL)[:-1][:99], "\u202e", "a\nb", "n" * 101):
        file = explanations(world, name=name)
        refused(world.on("explanations"))
    file.write_text(EVIL)
    refused(world.on("explanations"))
    refused(world.on("run", "cases"))
    file.write_text(f"{json.dumps(LINE)} = {json.dumps(LINE)}\n" * 2)
    refused(world.on("explanations"))
    file.unlink()


def test_explaining(world: World) -> None:
    for identity, more in zip(world.ids, ((), ("--json",)), strict=True):
        options = ("--seconds", 1, "--corpus", "none", "--shadow", world.shadow)
        assert world.doge("explain", identity, *options, *more).code in (0, 1, 4)


def test_the_reports_of_a_night(world: World) -> None:
    explanations(world)
    folder = world.folder / f"reports{NAME}"
    ran = world.doge("nightly", *NIGHTLY, "--import", "cases", "--corpus", f"own{NAME}",
                     "--report-dir", folder, "--shadow", world.shadow)  # fmt: skip
    (world.folder / "explanations.toml").unlink()
    assert ran.code in (1, 4)
    texts = {path.name: path.read_text() for path in folder.iterdir()}
    assert texts.keys() >= {"report.md", "junit.xml", "report.json"}
    assert all(map(is_harmless, texts.values()))
    strict(texts["report.json"])
    assert "evil.example" in texts["report.md"]
    assert markup_in(texts["report.md"]) == []
    check_junit(texts["junit.xml"])
    check_page(texts["report.html"])


def check_junit(text: str) -> None:
    elements = list(ET.fromstring(text).iter())
    assert {element.tag for element in elements} <= {
        *("testsuites", "testsuite", "testcase", "failure", "error", "skipped"),
        *("properties", "property", "system-out", "system-err"),
    }
    assert {name for element in elements for name in element.attrib} <= {
        *("name", "classname", "message", "type", "time", "tests", "failures", "errors"),
        *("skipped", "timestamp", "hostname", "value"),
    }


def check_page(text: str) -> None:
    page = Page(text)
    assert "evil.example" in page.text
    assert page.tags.isdisjoint({"img", "iframe", "object", "embed", "form", "link", "base", "b"})
    assert not any(name.startswith("on") for name in page.attributes)
    assert page.attributes.isdisjoint({"src", "srcset", "action", "formaction"})
    assert addresses(page) == []
    assert page.comments == []
    assert "alert(1)" not in page.scripts
    assert "evil.example" not in page.scripts


def test_a_terminal_that_cannot_show_them(world: World) -> None:
    """What the terminal's encoding has not, like all that is not ASCII, stands as an escape."""
    assert world.run("triage", world.ids[0], "--owner", "é💥").code == 0
    for command, encoding in (("list", "ascii"), ("list", "latin-1"), ("show", "latin-1")):
        arguments = ("show", world.ids[0]) if command == "show" else ("list",)
        done = subprocess.run(
            [*PROGRAM, *arguments],
            cwd=world.folder,
            env=environment(PYTHONIOENCODING=encoding),
            capture_output=True,
            check=True,
        )
        text = done.stdout.decode(encoding)
        assert is_harmless(text)
        assert "\\U0001f4a5" in text
        assert done.stderr == b""
