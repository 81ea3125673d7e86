"""What is in an evidence package: complete, the same bytes from the same data, harmless to read."""

from __future__ import annotations

import hashlib
import html.parser
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from evidence_support import TEXTS, Packed, make_package
from telemetry_makers import Bot, compact, write

from replay.errors import EnvironmentFailure, InputError, UsageError
from replay.explaining.claims.explanations import NO_EXPLANATIONS
from replay.findings.archive import zip_bytes
from replay.findings.bundle import read_bundle
from replay.gate.model import Outcome
from replay.gate.package.evidence import collect_evidence
from replay.gate.package.package import write_package
from replay.gate.package.verification import verify_package

BUCKETS = ("d-6e01b049", "d-b96bf98f")


def test_it_has_everything_that_section_7_asks_for(packed: Packed) -> None:
    live = [name for name in packed.members if name.startswith("cases/live-f-")]
    assert [Path(name).suffix for name in live] == [".log", ".zip"]
    assert sorted(set(packed.members) - set(live)) == sorted([
        *(f"cases/{one}.{kind}" for one in BUCKETS for kind in ("zip", "log")),
        "cases.json",
        *("charts/course.svg", "counts.json", "explanations.toml"),
        *("index.html", "manifest.json", "replay.json", "triage.md", "verdict.json", "verdict.md"),
        "telemetry/state_machine_shadow_20260126T000000Z.jsonl",
    ])  # fmt: skip


def test_the_telemetry_is_in_it_byte_by_byte(packed: Packed) -> None:
    (file,) = packed.request.telemetry
    assert packed.members[f"telemetry/{Path(file).name}"] == Path(file).read_bytes()


def test_counts_are_max_and_last_and_right_over_restarts(packed: Packed) -> None:
    counts = json.loads(packed.members["counts.json"])
    assert counts["counts"]["total_divergences"] == {"max": 6, "last": 0, "all": 6}
    assert counts["counts"]["shadow_failures"] == {"max": 1, "last": 0, "all": 1}
    assert [row["total_divergences"] for row in counts["processes"]] == [6, 0]


def test_the_manifest_names_both_cores_every_file_and_who_signed(packed: Packed) -> None:
    manifest = json.loads(packed.members["manifest.json"])
    assert manifest["verdict"] == str(packed.evidence.verdict.verdict)
    assert manifest["cores"]["shadow"]["path"].endswith("forgets_fees.py")
    assert len(manifest["cores"]["authority"]["sha256"]) == 64
    assert manifest["signed"] == {
        "by": "Ada Lovelace <ada@example.org>", "at": "2026-11-24T12:00:00Z",
    }  # fmt: skip
    assert manifest["files"] == {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in packed.members.items()
        if name != "manifest.json"
    }
    (journal,) = packed.request.journals
    assert (
        manifest["journals"][0]["sha256"] == hashlib.sha256(Path(journal).read_bytes()).hexdigest()
    )
    assert list(packed.members)[-1] == "manifest.json"


def test_triage_notes_stand_for_every_divergence_and_failure(packed: Packed) -> None:
    notes = packed.text("triage.md")
    assert "## d\\-6e01b049" in notes or "## d-6e01b049" in notes
    assert "- counted: 4 divergences in the telemetry tied to it" in notes
    assert "- reproduced: yes, 2 of 2 times for the log" in notes
    assert "- explained: fees of entries are forgotten" in notes
    assert notes.count("events\\_20260126T000000Z.jsonl\\:") >= 6
    assert "## 1 shadow failure from " in notes
    assert "on which the live shadow failed" in notes
    assert "- now: fails 0 of 2 times on the cores of today" in notes


def test_each_case_is_a_bundle_with_the_log_of_running_it_now(
    packed: Packed, tmp_path: Path
) -> None:
    for one in BUCKETS:
        bundle = read_bundle(_file(tmp_path / "b.zip", packed.members[f"cases/{one}.zip"]))
        assert bundle.finding.id == one
        log = packed.text(f"cases/{one}.log")
        assert log.startswith(f"{one}: shown 2 of 2 times, each on fresh cores\n")
        assert log.count("SHA-256") == 2
        assert "run 2: the case shows it" in log
        assert "!=  state.total_fees" in log
    name = next(name for name in packed.members if name.startswith("cases/live-f-"))
    assert "run 1: the cores agree" in packed.text(name.replace(".zip", ".log"))


def test_the_same_data_elsewhere_give_the_same_bytes(packed: Packed, tmp_path: Path) -> None:
    again = make_package(tmp_path)
    assert dict(again.members) == dict(packed.members)
    assert zip_bytes(again.members) == zip_bytes(packed.members)
    assert again.evidence.fingerprint == packed.evidence.fingerprint


def test_the_page_loads_nothing_and_nothing_in_it_runs(packed: Packed) -> None:
    page = packed.text("index.html")
    assert "http://" not in page
    assert "https://" not in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "default-src 'none'; style-src 'sha256-" in unescape(policy[1])
    seen = _Page()
    seen.feed(page)
    assert seen.sources == []
    assert seen.tags >= {"svg", "path"}
    assert all(one in packed.members for one in seen.links)
    assert "script" not in seen.tags
    assert "&lt;script&gt;" in page


class _Page(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            assert name != "style"
            if name == "href":
                self.links.append(value or "")
            if name == "src":
                self.sources.append(value or "")


def test_texts_of_the_data_are_harmless_everywhere(packed: Packed) -> None:
    for name in ("triage.md", "verdict.md", "index.html", "charts/course.svg"):
        text = packed.text(name)
        assert not re.search(r"(?<!\\)<script", text), name
        assert not set("\x1b\u202e") & set(text), name
    for name, content in packed.members.items():
        if name.endswith((".log", ".json")):
            assert not set("\x1b\u202e") & set(content.decode()), name


def test_without_a_journal_divergences_are_in_a_note_of_their_own(
    packed: Packed, tmp_path: Path
) -> None:
    request = replace(packed.request, journals=(), explanations=NO_EXPLANATIONS, explained_in=None)
    bare = collect_evidence(request, TEXTS)
    assert bare.verdict.verdict is not Outcome.PASS
    notes = bare.members["triage.md"].decode()
    assert "## 6 divergences tied to no line of a journal" in notes
    assert "replay.json" not in bare.members
    write_package(tmp_path / "e", bare.members, force=False)
    assert verify_package(tmp_path / "e").problems == []


def test_nothing_to_triage_is_said(packed: Packed, tmp_path: Path) -> None:
    clean = write(tmp_path / "state_machine_shadow_1.jsonl", compact(Bot().run(5).documents))
    request = replace(
        packed.request, telemetry=[str(clean)], journals=(), explained_in=None, signed=None
    )
    evidence = collect_evidence(request, TEXTS)
    assert b"nothing to triage" in evidence.members["triage.md"]
    assert json.loads(evidence.members["manifest.json"])["signed"] is None


def test_telemetry_names_are_made_safe_and_kept_apart(packed: Packed, tmp_path: Path) -> None:
    files: list[Path] = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        bot = Bot(1_795_338_000 + 9_000 * len(files))
        files.append(write(tmp_path / folder / "x <b>\u202e.jsonl", compact(bot.run(3).documents)))
    request = replace(packed.request, telemetry=[*map(str, files)], journals=(), explained_in=None)
    evidence = collect_evidence(request, TEXTS)
    names = [name for name in evidence.members if name.startswith("telemetry/")]
    assert names == ["telemetry/2_x__b__.jsonl", "telemetry/x__b__.jsonl"]
    write_package(tmp_path / "e", evidence.members, force=False)
    assert verify_package(tmp_path / "e.zip").is_sound
    with pytest.raises(InputError):
        collect_evidence(replace(request, telemetry=["none.jsonl"]), TEXTS)


# --- Writing ----------------------------------------------------------------------------------


def test_directory_and_archive_have_the_same_files(packed: Packed, tmp_path: Path) -> None:
    out, archive = packed.write(tmp_path)
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.*")}
    assert found == dict(packed.members)
    with zipfile.ZipFile(archive) as opened:
        assert {one.filename: opened.read(one) for one in opened.infolist()} == found
        assert {one.date_time for one in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evidence", "evidence.zip"]


def test_what_is_there_stays_unless_forced_and_only_a_package_goes(
    packed: Packed, tmp_path: Path
) -> None:
    out, archive = packed.write(tmp_path)
    with pytest.raises(UsageError, match="is there already"):
        write_package(out, packed.members, force=False)
    write_package(out, packed.members, force=True)
    assert verify_package(out).is_sound
    assert verify_package(archive).is_sound
    precious = write(out / "mine.txt", "mine")
    with pytest.raises(UsageError, match="is no evidence package"):
        write_package(out, packed.members, force=True)
    assert precious.read_text() == "mine"
    home = tmp_path / "home"
    home.mkdir()
    write(home / "diary", "x")
    (tmp_path / "link").symlink_to(home)
    for path in (home, tmp_path / "link"):
        with pytest.raises(UsageError, match="is no evidence package"):
            write_package(path, packed.members, force=True)
    assert (home / "diary").exists()
    write(tmp_path / "other.zip", "mine")
    with pytest.raises(UsageError, match="is no evidence package"):
        write_package(tmp_path / "other", packed.members, force=True)
    assert (tmp_path / "other.zip").read_text() == "mine"


def test_a_place_that_cannot_be_written_leaves_nothing(packed: Packed, tmp_path: Path) -> None:
    write(tmp_path / "file", "")
    with pytest.raises(EnvironmentFailure):
        write_package(tmp_path / "file" / "e", packed.members, force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


_WRITER = """
import os, resource, sys, zipfile
from pathlib import Path
from replay.gate.package import package
source, out, mode, number = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
members = {str(p.relative_to(source)): p.read_bytes() for p in sorted(source.rglob("*.*"))}
members["manifest.json"] = members.pop("manifest.json")
if mode == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (number, number))
else:
    calls = 0
    true_fsync = os.fsync
    def fsync(descriptor):
        global calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), 9)
        true_fsync(descriptor)
    os.fsync = fsync
package.write_package(out, members, force=False)
"""


@pytest.mark.parametrize("at", [1, 2, 5, 12, 17, 18, 19, 22, 23])
def test_killed_at_any_write_nothing_half_verifies(packed: Packed, tmp_path: Path, at: int) -> None:
    whole, _ = packed.write(tmp_path)
    done = _write(whole, tmp_path / "out", "kill", at)
    assert done == -signal.SIGKILL
    for path in (tmp_path / "out", tmp_path / "out.zip"):
        if path.exists():
            assert verify_package(path).is_sound


@pytest.mark.parametrize("size", [100, 5_000, 60_000])
def test_a_full_disk_leaves_nothing(packed: Packed, tmp_path: Path, size: int) -> None:
    whole, _ = packed.write(tmp_path)
    assert _write(whole, tmp_path / "out", "full", size) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evidence", "evidence.zip"]


def _write(source: Path, out: Path, mode: str, number: int) -> int:
    arguments = [sys.executable, "-c", _WRITER, str(source), str(out), mode, str(number)]
    done = subprocess.run(arguments, capture_output=True, timeout=240, check=False, env=os.environ)
    return done.returncode


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
