"""Section 7 of the runbook in one package: everything that a sign-off needs to look at.

Everything is judged on the copies that go into the package, so a monitor that still writes changes
nothing in between. What the package says depends on the data and the cores alone: no time of its
making is in it, but for the one that a sign-off names.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from replay import __version__
from replay.errors import InputError
from replay.explaining.claims.explanations import Explanations
from replay.findings.store.store import Store
from replay.gate.criteria.same_cores import Given
from replay.gate.journals import Replayed, replay_journals
from replay.gate.package.members import members_of
from replay.gate.package.package import FORMAT, MANIFEST, VERSION, checksum, sealed
from replay.gate.package.record import unread_rows
from replay.gate.package.rerun import Case, Texts, cases_of, failure_cases
from replay.gate.telemetry.samples import read_named
from replay.gate.verdict import GateVerdict, judge
from replay.streams.log_files import Wanted, find_files
from replay.streams.model import Unread
from replay.streams.opening import is_readable_once, open_once
from replay.targets.base import CoreIdentity
from replay.targets.pair import PairSpec

MAX_TELEMETRY = 256 << 20
"""Bytes of all telemetry; two days have a few million."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the package is to be of. `explained_in` is the file that the explanations are from; it
    goes into the package. `signed` says who signs it off and when."""

    telemetry: Sequence[str]
    journals: Sequence[str]
    cores: PairSpec
    explanations: Explanations
    explained_in: Path | None
    db: Path | None
    rehearsal: bool
    signed: tuple[str, str] | None
    today: datetime.date


@dataclass(frozen=True, slots=True)
class Evidence:
    """A package that is not written yet: its verdict, and all members."""

    verdict: GateVerdict
    members: dict[str, bytes]

    @property
    def fingerprint(self) -> str:
        """The manifest's own."""
        return str(json.loads(self.members[MANIFEST])["fingerprint"])


def collect_evidence(request: Request, texts: Texts) -> Evidence:
    """Reads, replays, judges and reproduces everything.

    Raises InputError for what is not there, TargetError where a core cannot run.
    """
    with tempfile.TemporaryDirectory(prefix="doge-replay-evidence-") as folder:
        found = find_files(request.telemetry, Wanted.TELEMETRY)
        copies, origins = _copies(found.files, Path(folder))
        telemetry = read_named(
            {name: Path(folder) / Path(name).name for name in copies},
            rehearsal=request.rehearsal,
            unread=_named_alone(found.unread),
        )
    cases: list[Case] = []
    replayed = _replayed(request, texts, cases)
    cores = _cores(request, replayed)
    given = dict(zip(("authority", "shadow"), map(_given, cores), strict=True))
    verdict = judge(telemetry, replayed, given=given)
    manifest = _manifest(request, verdict, cores, copies, origins)
    members = {**copies, **members_of(verdict, cases, manifest)}
    if request.explained_in is not None:
        members["explanations.toml"] = request.explained_in.read_bytes()
    return Evidence(verdict, sealed(manifest, members))


def _named_alone(unread: Sequence[Unread]) -> list[Unread]:
    """The same by their names alone: where they lay says nothing."""
    return [one._replace(file=Path(one.file).name) for one in unread]


def _copies(paths: Sequence[Path], folder: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """The telemetry files by their names in the package, and what they were called; each is read
    once, and put into a folder as it was read."""
    copies: dict[str, bytes] = {}
    origins: dict[str, str] = {}
    size = 0
    for path in paths:
        try:
            with open_once(path) as file:
                content = file.read(MAX_TELEMETRY + 1 - size)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}", file=str(path)) from error
        size += len(content)
        if size > MAX_TELEMETRY:
            raise InputError(f"there are more than {MAX_TELEMETRY:,} bytes of telemetry")
        name = _member_name(path.name, copies)
        copies[name], origins[name] = content, path.name
        (folder / Path(name).name).write_bytes(content)
    return copies, origins


def _member_name(name: str, taken: dict[str, bytes]) -> str:
    """A name in the package: of safe characters, and like no other."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)[-100:].lstrip(".-") or "telemetry.jsonl"
    member, number = f"telemetry/{safe}", 2
    while member in taken:
        member, number = f"telemetry/{number}_{safe}", number + 1
    return member


def _replayed(request: Request, texts: Texts, cases: list[Case]) -> Replayed | None:
    if not request.journals:
        return None

    def gather(store: Store, run: int, replayed: Replayed) -> None:
        ids = list(replayed.buckets)
        cases.extend(cases_of(store, run, ids, request.cores, texts, store.routing()))

    for path in find_files(request.journals, Wanted.JOURNALS).files:
        if is_readable_once(path):
            raise InputError(
                f"{path} is a pipe: a journal that goes into evidence is read more than once, so "
                "give it as a file",
                file=str(path),
            )
    replayed = replay_journals(
        request.journals,
        request.cores,
        request.explanations,
        request.db,
        today=request.today,
        on_done=gather,
    )
    cases.extend(failure_cases(replayed.marks, replayed.files, request.cores, texts))
    return _renamed(replayed)


def _renamed(replayed: Replayed) -> Replayed:
    """The same with journals called by their names alone: where they lay says nothing."""
    names: dict[str, str] = {}
    for file in replayed.files:
        name, number = Path(file).name, 2
        while name in names.values():
            name, number = f"{number}_{Path(file).name}", number + 1
        names[file] = name
    return replace(
        replayed,
        files=tuple(names.values()),
        marks=[one._replace(file=names[one.file]) for one in replayed.marks],
        differing=[one._replace(file=names[one.file]) for one in replayed.differing],
        agreed_before={(names[file], line) for file, line in replayed.agreed_before},
        rejected=[one._replace(file=names.get(one.file, one.file)) for one in replayed.rejected],
        unread=tuple(_named_alone(replayed.unread)),
    )


def _manifest(
    request: Request,
    verdict: GateVerdict,
    cores: tuple[CoreIdentity, CoreIdentity],
    copies: dict[str, bytes],
    origins: dict[str, str],
) -> dict[str, Any]:
    authority, shadow = cores
    return {
        "format": FORMAT,
        "version": VERSION,
        "made_by": __version__,
        "verdict": str(verdict.verdict),
        "exit": int(verdict.exit_code),
        "rehearsal": verdict.rehearsal or None,
        "rehearsal_asked_for": request.rehearsal,
        "cores": {"authority": authority.document(), "shadow": shadow.document()},
        "telemetry": [
            {"file": name, "name": origins[name], **checksum(content)}
            for name, content in copies.items()
        ],
        "journals": [
            {"name": path.name, **_file_checksum(path)}
            for path in find_files(request.journals, Wanted.JOURNALS).files
        ],
        "unread": unread_rows(verdict.telemetry.unread),
        "signed": None
        if request.signed is None
        else {"by": request.signed[0], "at": request.signed[1]},
    }


def _cores(request: Request, replayed: Replayed | None) -> tuple[CoreIdentity, CoreIdentity]:
    """Both cores; without a journal they are only looked at."""
    if replayed is not None and replayed.authority is not None and replayed.shadow is not None:
        return replayed.authority, replayed.shadow
    authority, shadow = request.cores.open()
    try:
        return authority.identity, shadow.identity
    finally:
        authority.close()
        shadow.close()


def _given(core: CoreIdentity) -> Given:
    return Given(core.path, core.sha256)


def _file_checksum(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return {"sha256": digest.hexdigest(), "bytes": file.tell()}
