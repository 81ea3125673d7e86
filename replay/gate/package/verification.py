"""Checking an evidence package anywhere: without the cores, the journals or the database.

Every file against the manifest, nothing missing and nothing more; the manifest against its own
fingerprint; what was counted, the verdict, pages, notes and charts made anew from the telemetry in
the package and from the record of the replay. That record, and the cases, are believed as they are:
only the cores could say more. Checksums tell what was changed since; who wants to be sure that the
whole package was not exchanged keeps its fingerprint elsewhere.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replay import __version__
from replay.errors import InputError
from replay.findings.bundle import read_bundle
from replay.gate.criteria.same_cores import Given
from replay.gate.journals import Replayed
from replay.gate.package.members import CASES, CAUSES, CAUSES_PAGE, CHART, cases_in, members_of
from replay.gate.package.notes import case_file, log_file
from replay.gate.package.package import (
    FORMAT,
    MANIFEST,
    MAX_BYTES,
    MEMBER,
    VERSION,
    fingerprint,
    json_bytes,
)
from replay.gate.package.record import record_of, unread_of
from replay.gate.package.sources import CHUNK, UNREADABLE, Source, open_source
from replay.gate.telemetry.counts import counts_document
from replay.gate.telemetry.samples import read_named
from replay.gate.verdict import GateVerdict, judge
from replay.streams.strict_json import JsonError, parse

MAX_MANIFEST = 16 << 20
_NEEDED = ("index.html", "counts.json", "verdict.json", "verdict.md", "triage.md", CHART)
_MADE = ("index.html", "triage.md", "verdict.md", CHART, CAUSES, CAUSES_PAGE)
"""What is made again of the rest."""

_COMPARED = ("verdict", "exit", "rehearsal", "criteria", "needed", "totals", "lifetimes",
             "exercised", "divergences", "divergence_count", "problems")  # fmt: skip
"""What of the verdict is compared with what comes of judging again."""


@dataclass(slots=True)
class Verification:
    """What came of checking. It is sound where there are no `problems`; `notes` are worth saying.
    `files` is how many were checked, `verdict` what the package says, as far as it can be read."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: int = 0
    verdict: str = ""
    made_by: str = ""
    fingerprint: str = ""
    signed: str = ""
    signer: str = ""
    """Whose key signed it, where somebody asked who may have."""
    rehearsal: str = ""
    rejudged: bool = False

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "sound": self.is_sound,
            "problems": self.problems,
            "notes": self.notes,
            "files": self.files,
            "verdict": self.verdict,
            "rehearsal": self.rehearsal or None,
            "rejudged": self.rejudged,
            "made_by": self.made_by,
            "signed": self.signed or None,
            "signer": self.signer or None,
            "fingerprint": self.fingerprint,
        }


def verify_package(path: Path, expected: str = "") -> Verification:
    """Checks a directory or a zip archive; `expected` is a fingerprint that was kept elsewhere.

    Raises InputError where it is no evidence package, or one of a newer doge-replay.
    """
    with open_source(path) as source:
        return _Check(path, source).all(expected)


class _Check:
    def __init__(self, path: Path, source: Source) -> None:
        self._path = path
        self._source = source
        self._result = Verification(list(source.problems))
        self._manifest: dict[str, Any] = {}
        self._good: set[str] = set()

    def all(self, expected: str) -> Verification:
        """Everything, as far as what comes first lets it."""
        if self._read_manifest():
            if expected and self._result.fingerprint != expected.strip().lower():
                self._wrong(f"its fingerprint is {self._result.fingerprint}, not the expected one")
            self._check_files()
            self._judge_again()
        return self._result

    def _wrong(self, problem: str) -> None:
        self._result.problems.append(problem)

    # The manifest

    def _read_manifest(self) -> bool:
        if MANIFEST not in self._source.sizes:
            self._wrong(f"it has no {MANIFEST} that can be read")
            return False
        try:
            content = self._read(MANIFEST, MAX_MANIFEST)
            document = parse(content)
        except (JsonError, *UNREADABLE) as error:
            self._wrong(f"{MANIFEST} cannot be read: {error or type(error).__name__}")
            return False
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise InputError(f"{self._path} is no evidence package: its manifest is another's")
        version = document.get("version")
        if type(version) is int and version > VERSION:
            raise InputError(
                f"{self._path} was made by a newer doge-replay: its format is {version}, this one "
                f"knows formats up to {VERSION}"
            )
        flaw = _manifest_flaw(document)
        if flaw:
            self._wrong(f"{MANIFEST}: {flaw}")
            return False
        self._manifest = document
        result = self._result
        result.verdict, result.made_by = document["verdict"], document["made_by"]
        result.rehearsal = document["rehearsal"] or ""
        signed = document["signed"]
        result.signed = f"{signed['by']} at {signed['at']}" if signed else ""
        result.fingerprint = fingerprint(document)
        if document.get("fingerprint") != result.fingerprint:
            self._wrong(f"{MANIFEST} is not what its fingerprint says: something in it was changed")
        elif content != json_bytes(document):
            self._wrong(f"{MANIFEST} was changed: it says the same, and is written in another way")
        return True

    # The files

    def _check_files(self) -> None:
        listed: Mapping[str, Any] = self._manifest["files"]
        there = self._source.sizes.keys() - {MANIFEST}
        for name in sorted(listed.keys() - there):
            self._wrong(f"{name} is missing")
        for name in sorted(there - listed.keys()):
            self._wrong(f"{name} is not in the manifest")
        for name in _NEEDED:
            if name not in listed:
                self._wrong(f"{name} is in no package without it")
        for name in sorted(there & listed.keys()):
            if flaw := self._file_flaw(name, listed[name]):
                self._wrong(f"{name} {flaw}")
            else:
                self._good.add(name)
        self._result.files = len(self._good) + 1

    def _file_flaw(self, name: str, said: Mapping[str, Any]) -> str:
        size = self._source.sizes[name]
        if size != said["bytes"]:
            return f"has {size:,} bytes, not {said['bytes']:,}"
        digest, length = hashlib.sha256(), 0
        try:
            with self._source.open(name) as file:
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
                    length += len(chunk)
        except UNREADABLE as error:
            return f"cannot be read: {error or type(error).__name__}"
        if length != size or digest.hexdigest() != said["sha256"]:
            return "was changed: its SHA-256 is not what the manifest says"
        return ""

    def _read(self, name: str, limit: int) -> bytes:
        if self._source.sizes[name] > limit:
            raise ValueError(f"it has {self._source.sizes[name]:,} bytes")
        with self._source.open(name) as file:
            return file.read(limit + 1)

    # What can be made anew

    def _judge_again(self) -> None:
        manifest = self._manifest
        telemetry = [one["file"] for one in manifest["telemetry"]]
        for name in sorted(manifest["files"]):
            if name.startswith("telemetry/") and name not in telemetry:
                self._wrong(f"{name} is no telemetry that was judged")
        rest = ["counts.json", "verdict.json"]
        rest += ["replay.json"] if "replay.json" in manifest["files"] else []
        lost = [name for name in (*telemetry, *rest) if name not in self._good]
        if lost:
            self._result.notes.append(f"not judged again, since {lost[0]} is not sound")
            return
        try:
            with tempfile.TemporaryDirectory(prefix="doge-replay-verify-") as folder:
                replayed = self._record()
                given = {
                    side: Given(str(core.get("path")), core["sha256"])
                    for side, core in manifest["cores"].items()
                    if side in ("authority", "shadow")
                }
                verdict = judge(
                    self._telemetry(telemetry, Path(folder)),
                    replayed,
                    given=given,
                    edition=manifest["version"],
                )
                self._compare(verdict)
                if replayed is not None:
                    self._check_cases(replayed, Path(folder))
                if self._manifest["made_by"] == __version__ and not self._result.problems:
                    self._make_again(verdict)
        except InputError as error:
            self._wrong(error.message)
        except (JsonError, AttributeError, *UNREADABLE) as error:
            self._wrong(f"cannot be judged again: {error or type(error).__name__}")

    def _telemetry(self, names: list[str], folder: Path) -> Any:
        files = {}
        for number, name in enumerate(names):
            files[name] = folder / f"telemetry-{number}"
            files[name].write_bytes(self._read(name, MAX_BYTES))
        unread = unread_of(self._manifest.get("unread", []))
        return read_named(files, rehearsal=self._manifest["rehearsal_asked_for"], unread=unread)

    def _record(self) -> Replayed | None:
        if "replay.json" not in self._good:
            if self._manifest["journals"]:
                self._wrong("replay.json is missing, and there were journals")
            return None
        replayed = record_of(parse(self._read("replay.json", MAX_BYTES)))
        for role, core in (("authority", replayed.authority), ("shadow", replayed.shadow)):
            said = self._manifest["cores"][role]
            if core is None or core.sha256 != said["sha256"]:
                self._wrong(f"replay.json is of another {role} than {MANIFEST} says")
        return replayed

    def _compare(self, verdict: GateVerdict) -> None:
        self._result.rejudged = True
        counts = parse(self._read("counts.json", MAX_BYTES))
        if counts != parse(json_bytes(counts_document(verdict.timeline))):
            self._wrong("counts.json is not what the telemetry in the package comes to")
        said, now = parse(self._read("verdict.json", MAX_BYTES)), _plain(verdict.document())
        if not isinstance(said, dict):
            raise TypeError("verdict.json is no object")
        if self._manifest["verdict"] != str(verdict.verdict):
            self._wrong(f"{MANIFEST} says {self._manifest['verdict']}, and judged again it is "
                        f"{verdict.verdict}")  # fmt: skip
        if self._manifest["exit"] != int(verdict.exit_code):
            self._wrong(f"{MANIFEST} has another exit code than the verdict means")
        if self._result.rehearsal != verdict.rehearsal:
            self._wrong(f"{MANIFEST} does not say rightly whether this is a rehearsal")
        different = [name for name in _COMPARED if said.get(name) != now.get(name)]
        if different:
            self._wrong(f"verdict.json is not what judging again comes to: {', '.join(different)}")

    def _make_again(self, verdict: GateVerdict) -> None:
        """Pages, notes and charts, where this is what they were made by."""
        if self._manifest["version"] != VERSION or CASES not in self._manifest["files"]:
            self._result.notes.append("pages, notes and charts not made again: an older form")
            return
        document = parse(self._read(CASES, MAX_BYTES))
        if not isinstance(document, list):
            raise ValueError(f"{CASES} is no list")
        cases = cases_in(document, lambda name: self._read(name, MAX_BYTES))
        made = members_of(verdict, cases, self._manifest)
        for name in _MADE:
            there = name in self._good
            if there != (name in made) or (there and self._read(name, MAX_BYTES) != made[name]):
                self._wrong(f"{name} does not say what judging again comes to")

    def _check_cases(self, replayed: Replayed, folder: Path) -> None:
        """Every bucket has its case and its log, and the case is that bucket's."""
        for identity in replayed.buckets:
            name = case_file(identity)
            for one in (name, log_file(identity)):
                if one not in self._manifest["files"]:
                    self._wrong(f"{one} is missing, and {identity} was found")
            if name in self._good:
                copy = folder / "case.zip"
                copy.write_bytes(self._read(name, MAX_BYTES))
                try:
                    found = read_bundle(copy).finding.id
                except InputError as error:
                    self._wrong(f"{name}: {error.message.replace(str(copy), 'it')}")
                else:
                    if found != identity:
                        self._wrong(f"{name} is the case of {found}")


def _plain(document: Mapping[str, Any]) -> Any:
    """A document as it comes back from JSON."""
    return parse(json_bytes(document))


def _manifest_flaw(document: Mapping[str, Any]) -> str:
    """What is wrong with the form of a manifest; empty for nothing."""
    texts = ("made_by", "verdict")
    if any(not isinstance(document.get(name), str) for name in texts):
        return "does not say who made it or what the verdict is"
    if type(document.get("exit")) is not int or type(document.get("version")) is not int:
        return "does not say its version or exit code"
    if type(document.get("rehearsal_asked_for")) is not bool:
        return "does not say whether a rehearsal was asked for"
    if not isinstance(document.get("rehearsal", 0), str | None):
        return "does not say whether it is a rehearsal"
    files = document.get("files")
    if not isinstance(files, dict) or not all(map(_is_checksum, files.values())):
        return "does not say which files there are"
    wrong = next((name for name in files if not MEMBER.fullmatch(name) or name == MANIFEST), None)
    if wrong is not None:
        return f"names a file that no package has: {wrong[:80]!a}"
    for name in ("telemetry", "journals"):
        rows = document.get(name)
        if not isinstance(rows, list) or not all(_is_checksum(row) for row in rows):
            return f"does not say what {name} it is of"
    for row in document["telemetry"]:
        said = files.get(row.get("file")) if isinstance(row.get("file"), str) else None
        if said is None or said["sha256"] != row["sha256"]:
            return "names telemetry that is not among its files"
    cores, signed = document.get("cores"), document.get("signed", 0)
    if not isinstance(cores, dict) or not all(
        isinstance(cores.get(role), dict) and isinstance(cores[role].get("sha256"), str)
        for role in ("authority", "shadow")
    ):
        return "does not say which cores there were"
    if signed is not None and not (
        isinstance(signed, dict) and all(isinstance(signed.get(key), str) for key in ("by", "at"))
    ):
        return "has a sign-off without who and when"
    return ""


def _is_checksum(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("sha256"), str)
        and type(value.get("bytes")) is int
    )
