"""Checking a package: what was changed is found and named, and what is hostile does no harm."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import stat
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from evidence_support import Packed

from replay.errors import InputError
from replay.findings.archive import zip_bytes
from replay.gate.package.package import MANIFEST, VERSION, checksum, fingerprint, json_bytes, sealed
from replay.gate.package.verification import Verification, verify_package

TELEMETRY = "telemetry/state_machine_shadow_20260126T000000Z.jsonl"


def checked(members: dict[str, bytes], tmp_path: Path) -> Verification:
    """What is said of an archive with some members."""
    path = tmp_path / "changed.zip"
    path.write_bytes(zip_bytes(members))
    return verify_package(path)


def resealed(packed: Packed, tmp_path: Path, **changed: bytes | None) -> Verification:
    """What is said of a package that somebody changed, and gave a manifest that fits: keys are
    names with `__` for `/` and `_dot_` for `.`."""
    members = dict(packed.members)
    manifest = json.loads(members.pop(MANIFEST))
    for key, content in changed.items():
        name = key.replace("__", "/").replace("_dot_", ".")
        if content is None:
            del members[name]
        else:
            members[name] = content
    for row in manifest["telemetry"]:
        row |= checksum(members[row["file"]])
    return checked(sealed(manifest, members), tmp_path)


def test_a_package_is_sound_as_directory_and_as_archive_anywhere(
    packed: Packed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, archive = packed.write(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(out, elsewhere / "p")
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("PATH", "/nonexistent")
    for path in (Path("p"), archive):
        result = verify_package(path, packed.evidence.fingerprint)
        assert result.problems == []
        assert result.rejudged
        assert result.files == len(packed.members)
        assert result.verdict == str(packed.evidence.verdict.verdict)
        assert result.signed == "Ada Lovelace <ada@example.org> at 2026-11-24T12:00:00Z"
    assert "not the expected one" in verify_package(archive, "0" * 64).problems[0]


def test_every_file_that_is_changed_is_found_and_named(packed: Packed, tmp_path: Path) -> None:
    chance = random.Random(3)
    for name, content in packed.members.items():
        place = chance.randrange(len(content))
        flipped = bytearray(content)
        flipped[place] ^= 1 << chance.randrange(7)
        result = checked({**packed.members, name: bytes(flipped)}, tmp_path)
        assert not result.is_sound, name
        if name != MANIFEST:
            assert result.problems[0].startswith(f"{name} was changed"), name


@pytest.mark.parametrize("place", range(0, 4000, 211))
def test_any_change_of_the_manifest_is_found(packed: Packed, tmp_path: Path, place: int) -> None:
    content = bytearray(packed.members[MANIFEST])
    content[place % len(content)] ^= 0b10
    path = tmp_path / "changed.zip"
    path.write_bytes(zip_bytes({**packed.members, MANIFEST: bytes(content)}))
    with suppress(InputError):  # its format is not ours any more
        assert not verify_package(path).is_sound


@pytest.mark.parametrize("more", [b" ", b"\n\n"])
def test_a_manifest_that_says_the_same_with_other_bytes_is_not_sound(
    packed: Packed, tmp_path: Path, more: bytes
) -> None:
    members = {**packed.members, MANIFEST: packed.members[MANIFEST] + more}
    problems = checked(members, tmp_path).problems
    assert problems == [
        "manifest.json was changed: it says the same, and is written in another way"
    ]


def test_a_file_that_is_missing_short_or_too_many_is_named(packed: Packed, tmp_path: Path) -> None:
    members = dict(packed.members)
    del members["triage.md"]
    assert checked(members, tmp_path).problems == ["triage.md is missing"]
    members = {**packed.members, "counts.json": packed.members["counts.json"][:-9]}
    assert checked(members, tmp_path).problems[0].startswith("counts.json has ")
    members = {**packed.members, "cases/more.zip": b"x"}
    assert checked(members, tmp_path).problems == ["cases/more.zip is not in the manifest"]


def test_a_cut_off_or_damaged_archive_is_not_sound(packed: Packed, tmp_path: Path) -> None:
    whole = zip_bytes(packed.members)
    path = tmp_path / "p.zip"
    for size in (5, 1_000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert not verify_package(path).is_sound
    chance = random.Random(9)
    for _ in range(8):
        damaged = bytearray(whole)
        damaged[chance.randrange(4, len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(damaged))
        try:
            result = verify_package(path)
        except InputError:
            continue
        if result.is_sound:  # a bit of the archive that nothing depends on
            assert result.fingerprint == packed.evidence.fingerprint


# --- Somebody who makes the manifest fit ------------------------------------------------------


def test_telemetry_with_a_divergence_less_is_found_by_counting_again(
    packed: Packed, tmp_path: Path
) -> None:
    text = packed.members[TELEMETRY].replace(b'"total_divergences": 6', b'"total_divergences": 5')
    text = text.replace(b'"transition_divergences": 6', b'"transition_divergences": 5')
    result = resealed(
        packed, tmp_path, **{TELEMETRY.replace(".", "_dot_").replace("/", "__"): text}
    )
    assert "counts.json is not what the telemetry in the package comes to" in result.problems


def test_a_verdict_that_the_telemetry_does_not_bear_is_found(
    packed: Packed, tmp_path: Path
) -> None:
    document = json.loads(packed.members["verdict.json"])
    document["verdict"] = "PASS"
    for criterion in document["criteria"]:
        criterion["outcome"] = "PASS"
    result = resealed(packed, tmp_path, verdict_dot_json=json_bytes(document))
    assert result.problems == ["verdict.json is not what judging again comes to: verdict, criteria"]
    result = resealed(packed, tmp_path, verdict_dot_md=b"# gate: PASS\n")
    assert result.problems == ["verdict.md does not say what judging again comes to"]
    members = dict(packed.members)
    manifest = json.loads(members.pop(MANIFEST)) | {"verdict": "PASS", "exit": 0}
    problems = checked(sealed(manifest, members), tmp_path).problems
    assert problems[0] == "manifest.json says PASS, and judged again it is INCONCLUSIVE"


def test_a_replay_with_a_bucket_less_or_another_s_case_is_found(
    packed: Packed, tmp_path: Path
) -> None:
    record = json.loads(packed.members["replay.json"])
    record["buckets"].pop()
    result = resealed(packed, tmp_path, replay_dot_json=json_bytes(record))
    assert not result.is_sound
    other = packed.members["cases/d-6e01b049.zip"]
    result = resealed(packed, tmp_path, **{"cases__d-b96bf98f_dot_zip": other})
    assert result.problems == ["cases/d-b96bf98f.zip is the case of d-6e01b049"]
    result = resealed(packed, tmp_path, **{"cases__d-b96bf98f_dot_log": None})
    assert result.problems == ["cases/d-b96bf98f.log is missing, and d-b96bf98f was found"]
    result = resealed(packed, tmp_path, replay_dot_json=None)
    assert result.problems[0] == "replay.json is missing, and there were journals"


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b'{"texts": 1}', b"[" * 50_000, b'{"texts":[],"files":{"a":1}}'],
    ids=range(7),
)
@pytest.mark.parametrize("name", ["replay_dot_json", "counts_dot_json", "verdict_dot_json"])
def test_nonsense_in_a_file_is_a_problem_and_no_crash(
    packed: Packed, tmp_path: Path, name: str, content: bytes
) -> None:
    assert not resealed(packed, tmp_path, **{name: content}).is_sound


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: manifest.pop(name)


def _with(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: manifest.update({name: value})


@pytest.mark.parametrize(
    "change",
    [
        *map(_without, ("files", "telemetry", "journals", "cores", "verdict", "exit", "signed",
                        "made_by", "version", "rehearsal", "rehearsal_asked_for")),
        *(_with(name, 7) for name in ("files", "telemetry", "journals", "cores", "signed")),
        _with("files", {"../x": {"sha256": "0", "bytes": 1}}),
        _with("files", {"a": {"sha256": 0, "bytes": 1}}),
        _with("files", {"a": [1]}),
        _with("telemetry", [{"file": "../../etc/passwd", "sha256": "0", "bytes": 1}]),
        _with("telemetry", [{"file": [], "sha256": "0", "bytes": 1}]),
        _with("rehearsal", "at 600 times real time"),
        _with("rehearsal_asked_for", True),
        _with("exit", 0),
    ],
    ids=range(24),
)  # fmt: skip
def test_a_manifest_that_says_nonsense_is_a_problem(
    packed: Packed, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    manifest = json.loads(packed.members[MANIFEST])
    change(manifest)
    manifest["fingerprint"] = fingerprint(manifest)
    result = checked({**packed.members, MANIFEST: json_bytes(manifest)}, tmp_path)
    if "rehearsal_asked_for" in manifest and manifest["rehearsal_asked_for"] is True:
        return  # telemetry that names no clock is judged alike
    assert not result.is_sound


# --- What is no package, and what is hostile --------------------------------------------------


def test_what_is_no_package_is_refused(packed: Packed, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "other.zip").write_bytes(zip_bytes({"a": b"x"}))
    (tmp_path / "foreign.zip").write_bytes(zip_bytes({MANIFEST: b'{"format": "other"}'}))
    newer = json.loads(packed.members[MANIFEST]) | {"version": VERSION + 1}
    (tmp_path / "newer.zip").write_bytes(zip_bytes({MANIFEST: json_bytes(newer)}))
    for name in ("empty", "text", "other.zip", "foreign.zip", "newer.zip", "none", "/dev/null"):
        with pytest.raises(InputError):
            verify_package(tmp_path / name)


def test_links_and_other_things_in_a_directory_are_named_and_not_followed(
    packed: Packed, tmp_path: Path
) -> None:
    out, _ = packed.write(tmp_path)
    secret = tmp_path / "secret"
    secret.write_bytes(packed.members["counts.json"])
    (out / "counts.json").unlink()
    (out / "counts.json").symlink_to(secret)
    os.mkfifo(out / "cases" / "pipe")
    (out / "loop").symlink_to(out)
    (out / "a" / "b" / "c" / "d").mkdir(parents=True)
    problems = verify_package(out).problems
    assert "counts.json is a symbolic link" in problems
    assert "counts.json is missing" in problems
    assert "cases/pipe is no plain file" in problems
    assert "loop is a symbolic link" in problems


def hostile_zip(packed: Packed, path: Path, *entries: tuple[zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in packed.members.items():
            archive.writestr(name, content)
        for entry, content in entries:
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path


@pytest.mark.parametrize(
    "name", ["../../evil", "/tmp/evil", "a/../../b", "\x1b[31m\u202e", "C:\\evil", "x" * 5000]
)
def test_names_that_lead_elsewhere_are_only_named(
    packed: Packed, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    path = hostile_zip(packed, folder / "p.zip", (zipfile.ZipInfo(name), b"evil"))
    before = sorted(tmp_path.rglob("*"))
    assert not verify_package(path).is_sound
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_a_double_and_a_secret_in_an_archive_are_named(
    packed: Packed, tmp_path: Path
) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    problems = verify_package(hostile_zip(packed, tmp_path / "p.zip", (link, b"/etc"))).problems
    assert problems == ["link is a symbolic link"]
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = hostile_zip(packed, tmp_path / "q.zip", (zipfile.ZipInfo("triage.md"), b"other"))
    assert "triage.md is in the archive 2 times" in verify_package(path).problems
    whole = bytearray(zip_bytes(packed.members))
    at = whole.rindex(b"PK\x01\x02")
    whole[at + 8] |= 1
    (tmp_path / "r.zip").write_bytes(bytes(whole))
    assert "manifest.json is encrypted" in verify_package(tmp_path / "r.zip").problems


def test_a_bomb_is_refused_by_what_it_says_and_bounded_where_it_lies(
    packed: Packed, tmp_path: Path
) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in packed.members.items():
            archive.writestr(name, content)
        for number in range(9):
            archive.writestr(f"cases/{number}.log", b"\0" * (64 << 20))
    path = tmp_path / "bomb.zip"
    path.write_bytes(file.getvalue())
    (problem, *_) = verify_package(path).problems
    assert "more than any package" in problem
    # The same with sizes that are lies: no more than that is ever unpacked.
    whole = file.getvalue()
    lying = whole.replace((64 << 20).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    path.write_bytes(lying)
    assert not verify_package(path).is_sound


@pytest.mark.parametrize("name", ["index.html", "triage.md", "charts/course.svg"])
def test_pages_notes_and_charts_are_made_again(packed: Packed, tmp_path: Path, name: str) -> None:
    member = name.replace("/", "__").replace(".", "_dot_")
    changed = packed.members[name].replace(b"d-b96bf98f", b"d-b96bf98e") + b" "
    result = resealed(packed, tmp_path, **{member: changed})
    assert result.problems == [f"{name} does not say what judging again comes to"]


def test_what_the_notes_say_of_a_case_is_what_the_pages_are_made_of(
    packed: Packed, tmp_path: Path
) -> None:
    cases = json.loads(packed.members["cases.json"])
    cases[0]["owner"] = "somebody else"
    result = resealed(packed, tmp_path, cases_dot_json=json_bytes(cases))
    assert "triage.md does not say what judging again comes to" in result.problems
    result = resealed(packed, tmp_path, cases_dot_json=json_bytes([{"id": 7}]))
    assert result.problems == ["cannot be judged again: cases.json has another form"]
