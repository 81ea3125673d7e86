"""`export`: a parity case, a test file and a bundle that work where nothing else is, whatever is in
the data."""

from __future__ import annotations

import ast
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli_support import CANNOT_BE, FEE, TESTS, Faulty, Ran, doge, environment, faulty_core

from replay.differential.model import Difference, DifferenceKind, Finding, Signature, Verdict
from replay.findings.bundle import Reports, bundle_bytes, read_bundle
from replay.findings.lifecycle import Status
from replay.findings.store.encoding import pack_stream, unpack_stream
from replay.findings.store.store import Store
from replay.streams.model import Document, Start, Step, Stream
from replay.targets.base import CoreIdentity
from replay.testing import open_cores

FORMS = {"parity": "{}.json", "pytest": "test_{}.py", "bundle": "{}.zip"}
EVIL = (
    "\x1b[31mred\x1b]0;title\x07\u202e'\"\\'''\"\"\"{0}{evil}%s\n[bold]<script>&amp;`|#"
    "\r../../../etc/passwd\x00\u2028)\nimport os\n" + "long" * 25_000
)


def name_of(form: str, identity: str) -> str:
    return FORMS[form].format(identity.replace("-", "_") if form == "pytest" else identity)


pytest_plugins = ["pytester"]


@pytest.fixture
def pytest_on(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs one test file in a folder far from this checkout's settings; in this process, which is
    quicker."""

    def run(folder: Path, file: str, **env: str | None) -> Ran:
        monkeypatch.chdir(folder)
        with monkeypatch.context() as patched:
            for name, value in env.items():
                if value is None:
                    patched.delenv(name, raising=False)
                else:
                    patched.setenv(name, value)
            result = pytester.runpytest_inprocess(
                "-pno:cacheprovider", "-pno:hypothesispytest", file
            )
        return Ran(int(result.ret), result.stdout.str(), result.stderr.str())

    return run


# --- Where it goes ----------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_file_is_named_after_the_id_and_never_overwritten(
    faulty: Faulty, tmp_path: Path, form: str
) -> None:
    one = faulty.ids[0]
    ran = doge(faulty.folder, "export", one[:6], "--anyway", "--as", form, "-o", tmp_path)
    assert (ran.code, ran.out) == (0, "")
    assert name_of(form, one) in ran.err
    written = tmp_path / name_of(form, one)
    content = written.read_bytes()
    again = doge(faulty.folder, "export", one, "--anyway", "--as", form, "-o", tmp_path)
    assert again.code == 3
    assert "exists" in again.line
    assert written.read_bytes() == content


def test_what_cannot_be_written_is_one_line(faulty: Faulty, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    missing = f"there is no directory {tmp_path}/no"
    for output, code, told in (
        (link, 3, "cannot write"),
        (tmp_path / "no" / "file", 2, missing),
        (f"{tmp_path}/no/", 2, missing),
        ("/proc/case.json", 3, "cannot write"),
    ):
        ran = doge(faulty.folder, "export", faulty.ids[0], "--anyway", "-o", output)
        assert (ran.code, told in ran.line) == (code, True)
    assert list(tmp_path.iterdir()) == [link]


@pytest.mark.parametrize("form", FORMS)
def test_standard_output_has_the_same_bytes(faulty: Faulty, tmp_path: Path, form: str) -> None:
    one = faulty.ids[0]
    doge(faulty.folder, "export", one, "--anyway", "--as", form, "-o", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "replay", "export", one, "--anyway", "--as", form, "-o", "-"],
        cwd=faulty.folder, env=environment(), capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout == (tmp_path / name_of(form, one)).read_bytes()
    assert done.stderr == b""


def test_a_bundle_goes_to_the_current_directory(faulty: Faulty, tmp_path: Path) -> None:
    faulty.copy(tmp_path)
    one = faulty.ids[0]
    ran = doge(tmp_path, "export", one, "--as", "bundle", "--json")
    assert ran.code == 0
    assert ran.json["path"] == f"{one}.zip"
    assert read_bundle(tmp_path / f"{one}.zip").finding.id == one
    test = doge(tmp_path, "export", one, "--as", "pytest", "--json").json
    assert (test["path"], test["name"]) == (None, f"test_{one.replace('-', '_')}.py")
    assert "assert_cores_agree" in test["content"]
    assert doge(tmp_path, "export", one, "--as", "prose").code == 2
    assert doge(tmp_path, "export", one, "--as", "bundle", "-o", "-", "--json").code == 2


# --- The test file ----------------------------------------------------------------------------


def test_a_test_file_fails_passes_and_errors_as_it_should(
    pytest_on: Callable[..., Ran], faulty: Faulty, tmp_path: Path, core_exe: str
) -> None:
    one = faulty.ids[0]
    doge(faulty.folder, "export", one, "--as", "pytest", "-o", tmp_path)
    file = name_of("pytest", one)
    bad = pytest_on(tmp_path, file, DOGE_CORE_EXE=str(faulty.shadow))
    assert bad.code == 1
    assert "1 failed" in bad.out
    assert "the cores diverge at state.total_fees: authority" in bad.out
    assert one in bad.out
    assert "!=  state.total_fees" in bad.out
    assert "1 passed" in pytest_on(tmp_path, file, DOGE_CORE_EXE=core_exe).out
    turned = pytest_on(
        tmp_path, file, DOGE_REPLAY_AUTHORITY=str(faulty.shadow), DOGE_CORE_EXE=str(faulty.shadow)
    )
    assert "1 passed" in turned.out
    for missing in ("./nowhere", "no_such_module"):
        ran = pytest_on(tmp_path, file, DOGE_CORE_EXE=missing)
        assert ran.code == 1
        assert "1 error" in ran.out
        assert "passed" not in ran.out
        assert "skipped" not in ran.out
    crashing = tmp_path / "crash"
    crashing.write_text("#!/bin/sh\nexit 3\n")
    crashing.chmod(0o755)
    crashed = pytest_on(tmp_path, file, DOGE_CORE_EXE=str(crashing))
    assert crashed.code == 1
    assert "passed" not in crashed.out


def test_a_test_file_takes_its_cores_from_pyproject(
    pytest_on: Callable[..., Ran], faulty: Faulty, tmp_path: Path
) -> None:
    one = faulty.ids[0]
    doge(faulty.folder, "export", one, "--as", "pytest", "-o", tmp_path)
    table = f'[tool.doge-replay]\nauthority = "python"\nshadow = "{faulty.shadow}"\n'
    (tmp_path / "pyproject.toml").write_text(table)
    ran = pytest_on(tmp_path, name_of("pytest", one), DOGE_CORE_EXE=None)
    assert ran.code == 1
    assert "1 failed" in ran.out


# --- Hostile data -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A database in which every text that can come from data is evil, and the ID in it."""
    folder = tmp_path_factory.mktemp("hostile")
    order: dict[str, Document] = {
        "local_id": 1, "side": "sell", "role": "exit", "price": 0.2, "volume": 25.0,
        "trade_id": "A", "cycle": 1, "txid": EVIL, "regime_at_entry": EVIL,
    }  # fmt: skip
    state: dict[str, Document] = {
        "market_price": float("nan"),
        "now": -0.0,
        "orders": [order],
        EVIL: [EVIL, 10**30],
    }
    start = Start(state, {EVIL: EVIL, "entry_pct": float("inf")}, 5.0, {EVIL: EVIL})
    steps = (Step({EVIL: EVIL}), Step((2, 1, EVIL, "sell", 0.2, 25.0, 0.01, 1002.0)))
    one = Finding(
        Signature(EVIL, EVIL, EVIL, EVIL),
        Verdict.DIVERGE,
        Stream(start, steps, EVIL),
        (Difference(f"violations[0].{EVIL}", DifferenceKind.TEXT, EVIL, "\ud800"),),
        [[3, EVIL], [[0, EVIL]], [EVIL]],
        [[3, 2.0], [[9]], ["\ud800"]],
        3,
    )
    core = CoreIdentity(EVIL, EVIL, EVIL, EVIL, EVIL, (EVIL,))
    with Store.open(folder / "divergences.db") as store:
        run = store.begin_run("run", core, core, {})
        found = store.record(run, one).id
        store.triage(found, who=EVIL[:100], owner=EVIL[:100], note=EVIL[:4000])
        store.add_history(found, None, who=EVIL[:100], why=EVIL[:4000], evidence={EVIL: EVIL[:99]})
    return folder, found


def test_hostile_texts_are_harmless_in_everything_that_is_exported(
    hostile: tuple[Path, str], tmp_path: Path
) -> None:
    folder, one = hostile
    for form in FORMS:
        assert doge(folder, "export", one, "--anyway", "--as", form, "-o", tmp_path).code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        name_of(form, one) for form in FORMS
    )
    for command in ("show", "repro"):
        ran = doge(folder, command, one, "--all")
        assert ran.code in (0, 1)
        assert all(line.isprintable() for line in ran.out.split("\n"))
    ran = doge(tmp_path, "repro", name_of("bundle", one))
    assert ran.code in (0, 1)
    assert all(line.isprintable() for line in ran.out.split("\n"))
    assert doge(tmp_path, "repro", name_of("bundle", one), "--json").json["bundle"]["id"] == one


def test_hostile_texts_cannot_break_out_of_a_test_file(
    pytest_on: Callable[..., Ran], hostile: tuple[Path, str], tmp_path: Path
) -> None:
    folder, one = hostile
    doge(folder, "export", one, "--as", "pytest", "-o", tmp_path)
    source = (tmp_path / name_of("pytest", one)).read_text("ascii")
    assert not set(CANNOT_BE) & set(source)
    module = ast.parse(source)
    kinds = [type(node).__name__ for node in module.body]
    assert kinds == ["Expr", "Import", "Import", "ImportFrom", "Assign", "Expr", "Assign", "Expr",
                     "FunctionDef", "FunctionDef"]  # fmt: skip
    texts = [node.value.args[0].value for node in module.body if isinstance(node, ast.Assign)]  # type: ignore[attr-defined]
    about, case = map(json.loads, texts)
    assert about["event"] == EVIL
    assert case["initial_state"]["orders"][0]["txid"] == EVIL
    ran = pytest_on(tmp_path, name_of("pytest", one))
    assert ran.code in (0, 1)
    assert "1 failed" in ran.out or "1 passed" in ran.out
    assert not set(CANNOT_BE) & set(ran.out)


def test_hostile_texts_cannot_break_out_of_a_report(
    hostile: tuple[Path, str], tmp_path: Path
) -> None:
    folder, one = hostile
    doge(folder, "export", one, "--as", "bundle", "-o", tmp_path / "b.zip")
    shutil.unpack_archive(tmp_path / "b.zip", tmp_path / "unpacked")
    for report in ("report.md", "report.txt"):
        text = (tmp_path / "unpacked" / report).read_text("utf-8")
        assert all(line.isprintable() for line in text.split("\n"))
        assert len(text) < 60_000
        if report == "report.md":
            free = [line for line in text.split("\n") if not line.startswith("    ")]
            assert not any(re.search(r"(?<!\\)[<>\[\]`*|_]", line) for line in free)
            assert sum(line.startswith("#") for line in free) == 8


@pytest.mark.parametrize("identity", ["../../evil", "d-1234567/", "/etc/passwd", "d-" + "0" * 8])
def test_an_id_that_somebody_wrote_into_the_database_names_no_file(
    faulty: Faulty, tmp_path: Path, identity: str
) -> None:
    faulty.copy(tmp_path)
    database = sqlite3.connect(tmp_path / "divergences.db")
    database.execute("PRAGMA foreign_keys = OFF")
    was = faulty.ids[0]
    for table, column in (("divergences", "id"), ("cases", "divergence"), ("tallies", "divergence"),
                          ("occurrences", "divergence")):  # fmt: skip
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (identity, was))
    database.commit()
    database.close()
    before = sorted(tmp_path.rglob("*"))
    for form in FORMS:
        ran = doge(tmp_path, "export", identity, "--anyway", "--as", form, "-o", f"{tmp_path}/")
        assert ran.code == 2
        assert ran.line
    assert sorted(tmp_path.rglob("*")) == before


# --- The bundle on another machine ------------------------------------------------------------


def test_a_bundle_needs_no_database_and_tells_which_cores_are_others(
    faulty: Faulty, tmp_path: Path, core_exe: str
) -> None:
    one = faulty.ids[0]
    doge(faulty.folder, "export", one, "--as", "bundle", "-o", tmp_path)
    same = doge(tmp_path, "repro", f"{one}.zip", "--shadow", faulty.shadow)
    assert (same.code, same.err) == (1, "")
    assert "both answers are as in the bundle" in same.out
    assert "not the one in the bundle" not in same.out
    assert f"doge-replay repro {one}.zip --shadow" in same.out
    other = doge(tmp_path, "repro", f"{one}.zip", "--shadow", core_exe)
    assert other.code == 0
    assert "the cores agree" in other.out
    assert f"not the one in the bundle, {faulty.shadow}" in other.out
    document = doge(tmp_path, "repro", f"{one}.zip", "--shadow", core_exe, "--json").json
    assert document["bundle"]["same_authority"] is True
    assert document["bundle"]["same_shadow"] is False
    third = faulty_core(tmp_path, (FEE[0], FEE[1].replace("1.0", "2.0")))
    ran = doge(tmp_path, "repro", f"{one}.zip", "--shadow", third)
    assert ran.code == 1
    assert "both answers are not as in the bundle" in ran.out
    assert [path.name for path in tmp_path.glob("*.db")] == []


def test_a_bundle_brings_its_history(faulty: Faulty, tmp_path: Path) -> None:
    faulty.copy(tmp_path)
    one = faulty.ids[0]
    with Store.open(tmp_path / "divergences.db") as store:
        store.add_history(one, Status.TRIAGED, who="ada", why="fees are counted twice")
    stored = doge(tmp_path, "repro", one, "--shadow", faulty.shadow)
    assert "triaged  ada: fees are counted twice" in stored.out
    doge(tmp_path, "export", one, "--as", "bundle")
    (tmp_path / "divergences.db").unlink()
    ran = doge(tmp_path, "repro", f"{one}.zip", "--shadow", faulty.shadow)
    assert "triaged  ada: fees are counted twice" in ran.out


def test_a_damaged_bundle_is_2_and_one_line(faulty: Faulty, tmp_path: Path) -> None:
    one = faulty.ids[0]
    doge(faulty.folder, "export", one, "--as", "bundle", "-o", tmp_path)
    whole = (tmp_path / f"{one}.zip").read_bytes()
    for name, content in (("cut.zip", whole[:-9]), ("text.zip", b"text"), ("empty.zip", b"")):
        (tmp_path / name).write_bytes(content)
        ran = doge(tmp_path, "repro", name)
        assert ran.code == 2
        assert name in ran.line
    middle = whole.index(b"case.bin") + 40
    (tmp_path / "flipped.zip").write_bytes(
        whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    )
    assert doge(tmp_path, "repro", "flipped.zip").code == 2


def test_a_case_of_a_bundle_may_have_any_values_in_its_calls(
    faulty: Faulty, tmp_path: Path, core_exe: str
) -> None:
    """Somebody may put any case into a bundle; it is run like any other input."""
    odd: list[Any] = ["x", None, [1], {}, True, 10**30, float("nan")]
    core = CoreIdentity("python", "python", "a" * 64, "1", "r")
    base = Finding(Signature("e", "r", "f", "value"), Verdict.DIVERGE,
                   Stream(Start({}, {}, 1.0), ()), (), [[], [], []], [[], [], []])  # fmt: skip
    with Store.open(tmp_path / "odd.db") as store:
        run = store.begin_run("run", core, core, {})
        for value in odd:
            calls = ((0, value, value), (1, value), (2, *[value] * 7), (5, value, value), (6,))
            case = replace(base.case, steps=tuple(map(Step, calls)))
            store.record(run, replace(base, signature=Signature("e", repr(value), "f", "value"),
                                      case=case))  # fmt: skip
        bundles = [bundle_bytes(one, Reports("", "")) for one in store.findings()]
    assert len(bundles) == len(odd)
    for shadow in ("python", str(faulty.shadow), core_exe):
        with open_cores(shadow=shadow) as cores:
            for number, content in enumerate(bundles):
                (tmp_path / f"{number}.zip").write_bytes(content)
                found = cores.findings(read_bundle(tmp_path / f"{number}.zip").finding.case)
                assert all(one.signature.failure or one.differences for one in found)


# --- What a parity case can hold ----------------------------------------------------------------


WRONG_PRICES = (
    "from dataclasses import replace",
    "from replay import core",
    "from replay.core import *",
    "def transition(state, event, *others):",
    "    after, actions = core.transition(state, event, *others)",
    "    if isinstance(event, core.FillEvent):",
    "        orders = tuple(replace(one, price=one.price + 1.0) for one in after.orders)",
    "        after = replace(after, orders=orders)",
    "    return after, actions",
)


def test_a_parity_case_that_would_lose_the_bug_is_refused(faulty: Faulty, tmp_path: Path) -> None:
    one = faulty.ids[0]
    ran = doge(faulty.folder, "export", one, "-o", tmp_path / "case.json")
    assert ran.code == 2
    assert "`expected` cannot hold what differs: state.total_fees" in ran.line
    assert f"`doge-replay export {one} --as pytest`" in ran.line
    assert f"`doge-replay export {one} --as bundle`" in ran.line
    assert list(tmp_path.iterdir()) == []


def test_a_parity_case_that_is_written_fails_on_the_faulty_core(tmp_path: Path) -> None:
    """Orders that differ in more than their number stand in it as they are."""
    shadow = tmp_path / "wrong.py"
    shadow.write_text("\n".join(WRONG_PRICES))
    journal = TESTS.parent / "examples" / "journal.jsonl"
    found = doge(tmp_path, "run", journal, "--shadow", shadow, "--json").json["divergences"]
    written = 0
    for one in found:
        ran = doge(tmp_path, "export", one["id"], "-o", "case.json")
        if ran.code == 2:
            continue
        written += 1
        document = json.loads((tmp_path / "case.json").read_text())
        assert isinstance(document["expected"]["open_orders"], list)
        assert doge(tmp_path, "run", "case.json", "--shadow", "python").code == 0
        both = ("--authority", shadow, "--shadow", shadow)
        assert doge(tmp_path, "run", "case.json", *both).code == 1
        (tmp_path / "case.json").unlink()
    assert written


LOOSE = (
    "import importlib.util",
    "from dataclasses import replace",
    "from pathlib import Path",
    "file = Path(__file__).with_name('reads_loosely.py')",
    "spec = importlib.util.spec_from_file_location('loose_of_the_test', file)",
    "loose = importlib.util.module_from_spec(spec)",
    "spec.loader.exec_module(loose)",
    "globals().update({n: v for n, v in vars(loose).items() if not n.startswith('__')})",
    "def transition(state, event, *others):",
    "    after, actions = loose.transition(state, event, *others)",
    "    orders = tuple(replace(one, price=one.price + 1.0) for one in after.orders)",
    "    return replace(after, orders=orders), actions",
)


def test_a_state_that_only_the_cores_take_has_a_parity_case_too(tmp_path: Path) -> None:
    """A minimised case keeps of a state what a bot's own reader needs."""
    authority = tmp_path / "reads_loosely.py"
    shutil.copy(TESTS / "support" / "authorities" / "reads_loosely.py", authority)
    shadow = tmp_path / "wrong.py"
    shadow.write_text("\n".join(LOOSE))
    order = {"local_id": 0, "price": 0.25, "role": "entry", "side": "sell", "trade_id": "A"}
    request = {
        "method": "transition",
        "state": {"orders": [order | {"volume": 1.0}], "cycle_a": "1"},
        "event": {"price": 0.25, "timestamp": 1.0},
        "config": {},
        "order_size_usd": 2.0,
        "order_sizes": None,
    }
    (tmp_path / "r.jsonl").write_text(json.dumps(request) + "\n")
    cores = ("--authority", authority, "--shadow", shadow)
    (one,) = doge(tmp_path, "run", "r.jsonl", *cores, "--json").json["divergences"]
    assert doge(tmp_path, "export", one["id"], "-o", "case.json").code == 0
    document = json.loads((tmp_path / "case.json").read_text())
    assert isinstance(document["expected"]["open_orders"], list)
    assert document["expected"]["phase"] == "S0"
    same = ("--authority", authority, "--shadow", authority)
    assert doge(tmp_path, "run", "case.json", *same).code == 0
    wrong = ("--authority", shadow, "--shadow", shadow)
    assert doge(tmp_path, "run", "case.json", *wrong).code == 1


# --- Side by side -----------------------------------------------------------------------------


def test_of_a_stored_case_without_steps_nothing_is_proven_and_nothing_handed_over(
    faulty: Faulty, tmp_path: Path
) -> None:
    one = faulty.ids[0]
    database = sqlite3.connect(faulty.copy(tmp_path) / "divergences.db")
    with database:
        kept = "SELECT sha256, blob FROM streams JOIN cases ON stream = sha256 WHERE divergence = ?"
        sha256, blob = database.execute(kept, (one,)).fetchone()
        empty = pack_stream(replace(unpack_stream(blob, sha256), steps=()))
        database.execute("INSERT INTO streams VALUES (?, ?, ?, ?)", empty)
        database.execute("UPDATE cases SET stream = ? WHERE divergence = ?", (empty[0], one))
        database.execute("DELETE FROM occurrences WHERE divergence = ?", (one,))
    database.close()
    shadow = ("--shadow", faulty.shadow)
    ran = doge(tmp_path, "repro", one, *shadow)
    assert (ran.code, "not compared: the case has no steps" in ran.out) == (4, True)
    assert doge(tmp_path, "explain", one, *shadow).code == 4
    assert doge(tmp_path, "recheck", one, *shadow).code == 4
    for form in FORMS:
        ran = doge(tmp_path, "export", one, "--as", form, "--output", "x")
        assert (ran.code, "the case has no steps" in ran.line) == (4, True)
        assert not (tmp_path / "x").exists()


def test_only_what_differs_is_shown_unless_asked_otherwise(faulty: Faulty) -> None:
    one = faulty.ids[0]
    for command in (("show", one), ("repro", one, "--shadow", faulty.shadow)):
        short = doge(faulty.folder, *command).out
        table = [line for line in short.splitlines() if line.startswith(("!=", "    "))]
        assert any(line.startswith("!=  state.total_fees") for line in table)
        assert "state.orders" not in "".join(table)
        assert "values that are alike (--all shows them)" in short
        assert 'rule       reducer.md, "' in short
        full = doge(faulty.folder, *command, "--all").out
        assert "    actions[0].reason" in full or "    actions[0]" in full
        assert len(full) > len(short)


def test_the_terminal_may_be_narrow(faulty: Faulty) -> None:
    one = faulty.ids[0]
    command = f"stty cols 80; {sys.executable} -m replay repro {one} --all"
    done = subprocess.run(
        ["script", "-qec", f"{command} --shadow {faulty.shadow}", "/dev/null"],
        cwd=faulty.folder, env=environment(TERM="xterm", NO_COLOR="1"), capture_output=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    lines = done.stdout.decode().replace("\r", "").splitlines()
    assert any(line.startswith("!=  ") for line in lines)
    wide = [line for line in lines if len(line) > 80]
    assert all(line.startswith(("shadow", "authority", "doge-replay")) for line in wide), wide


def test_the_example_in_the_readme_is_what_is_printed(tmp_path: Path) -> None:
    examples = TESTS.parent / "examples"
    readme = (TESTS.parent / "README.md").read_text("utf-8")
    doge(tmp_path, "run", examples / "journal.jsonl", "--shadow", examples / "forgets_fees.py")
    ran = doge(tmp_path, "repro", "d-b96bf98f", "--shadow", examples / "forgets_fees.py")
    for line in ran.out.splitlines():
        if line.startswith(("signature", "rule", "!=", "    and")):
            assert f"    {line}\n" in readme
