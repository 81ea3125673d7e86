"""Bundles: everything comes back as it was, and nothing that somebody tampered with is believed."""

from __future__ import annotations

import hashlib
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_support import HASKELL, PYTHON, finding, stream
from test_store_encoding import DOCUMENTS, same

from replay.differential.model import (
    ABSENT,
    Difference,
    DifferenceKind,
    Finding,
    Signature,
    Verdict,
)
from replay.errors import DamagedError, InputError, ReplayError
from replay.findings import bundle
from replay.findings.bundle import Bundle, Reports, bundle_bytes, is_bundle, read_bundle
from replay.findings.lifecycle import Status
from replay.findings.store import encoding
from replay.findings.store.store import Store, StoredFinding
from replay.streams.model import EVENT_FIELDS, Call, CallCode, Start, Step, Stream
from replay.targets.base import MISSING

REPORTS = Reports("# a finding\n", "a finding\n")
EVIL = "\x1b[31m\x00\u202e'\"\\{}</script>../../etc/passwd\r\n" + "long" * 25_000
CALLS = st.sampled_from(list(EVENT_FIELDS)).flatmap(
    lambda code: st.tuples(st.just(int(code)), *[DOCUMENTS] * len(EVENT_FIELDS[code]))
) | st.dictionaries(st.text(), DOCUMENTS, max_size=3)
STREAMS = st.builds(
    Stream,
    st.builds(Start, DOCUMENTS, DOCUMENTS, DOCUMENTS, DOCUMENTS),
    st.lists(
        st.builds(Step, CALLS, st.none() | st.fixed_dictionaries({"state": DOCUMENTS})),
        min_size=1, max_size=3,
    ).map(tuple),
    st.text(max_size=20),
)  # fmt: skip


def stored(folder: Path, one: Finding) -> tuple[Store, StoredFinding]:
    """A finding in a database of its own, which stays open."""
    store = Store.open(folder / f"{len(list(folder.iterdir()))}.db")
    run = store.begin_run("run", PYTHON, HASKELL, {})
    return store, store.finding(store.record(run, one).id)


def bundled(folder: Path, one: Finding) -> bytes:
    store, found = stored(folder, one)
    with store:
        return bundle_bytes(found, REPORTS)


def read(folder: Path, content: bytes) -> Bundle:
    path = folder / "some.zip"
    path.write_bytes(content)
    return read_bundle(path)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A bundle of one divergence."""
    return bundled(tmp_path_factory.mktemp("good"), finding(line=7))


# --- What goes in comes out -------------------------------------------------------------------


def test_all_of_a_finding_comes_back(tmp_path: Path, good: bytes) -> None:
    one = finding(line=7)
    back = read(tmp_path, good)
    assert back.finding == replace(one, case=back.finding.case)
    assert back.finding.case.origin == one.case.origin
    assert [step.call for step in back.finding.case.steps] == [s.call for s in one.case.steps]
    assert back.finding.case.steps[-1].line == 7
    assert (back.authority, back.shadow) == (PYTHON, HASKELL)
    assert back.made_by


@settings(max_examples=60, deadline=None)
@given(given_stream=STREAMS, answer=st.lists(DOCUMENTS, min_size=2, max_size=3))
def test_every_case_and_answer_comes_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, given_stream: Stream, answer: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("exact")
    difference = Difference("state.now", DifferenceKind.MAGNITUDE, answer, ABSENT)
    one = replace(
        finding(case=given_stream), authority=answer, shadow=[answer], differences=(difference,)
    )
    back = read(folder, bundled(folder, one)).finding
    assert same(tuple(back.case.start), tuple(given_stream.start))
    for step, original in zip(back.case.steps, given_stream.steps, strict=True):
        assert type(step.call) is type(original.call)
        assert same(step.call, original.call)
        assert same(step.changes, original.changes)
    assert same(back.authority, answer)
    assert same(back.shadow, [answer])
    assert same(back.differences[0].authority, answer)
    assert back.differences[0].shadow is ABSENT


def test_numbers_and_markers_that_json_has_not(tmp_path: Path) -> None:
    odd = [float("nan"), -0.0, float("-inf"), 2, 2.0, 10**300, -(2**63) - 1, True, None]
    one = replace(finding(), authority=[odd, [], []], shadow=[[0, MISSING], ["\ud800"], []])
    back = read(tmp_path, bundled(tmp_path, one)).finding
    assert same(back.authority, [odd, [], []])
    assert back.shadow == [[0, MISSING], ["\ud800"], []]


def test_the_same_finding_gives_the_same_bytes(tmp_path: Path, good: bytes) -> None:
    assert bundled(tmp_path, finding(line=7)) == good
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        assert archive.namelist() == ["manifest.json", *bundle._MEMBERS]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        manifest = json.loads(archive.read("manifest.json"))
        for name, sums in manifest["members"].items():
            content = archive.read(name)
            assert sums == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def test_a_history_comes_back(tmp_path: Path) -> None:
    store, found = stored(tmp_path, finding())
    with store:
        evidence = {"a": [1, None, EVIL]}
        store.add_history(found.id, Status.TRIAGED, who="me", why=EVIL[:4000], evidence=evidence)
        store.add_history(found.id, None, who="you", why="a remark", run=1)
        found = store.finding(found.id)
        content = bundle_bytes(found, REPORTS)
        assert read(tmp_path, content).history == found.history
        assert [entry.status for entry in found.history] == [Status.TRIAGED, None]


def test_texts_from_data_name_no_member_and_come_back_as_they_are(tmp_path: Path) -> None:
    one = replace(
        finding(case=stream(origin=EVIL)), signature=Signature(EVIL, EVIL, EVIL, EVIL, False, EVIL)
    )
    content = bundled(tmp_path, one)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["manifest.json", *bundle._MEMBERS]
    back = read(tmp_path, content).finding
    assert back.signature == one.signature
    assert back.case.origin == EVIL


def test_a_finding_under_an_id_that_is_not_its_own_is_not_bundled(tmp_path: Path) -> None:
    store, found = stored(tmp_path, finding())
    with store:
        for identity in ("d-00000000", "../../etc/passwd", "d-1234567\n"):
            with pytest.raises(DamagedError, match="but its signature is that of"):
                bundle_bytes(replace(found, id=identity), REPORTS)


def test_what_is_too_large_to_be_read_again_is_not_written(tmp_path: Path) -> None:
    huge = Reports("", "x" * (bundle.MAX_MEMBER + 1))
    store, found = stored(tmp_path, finding())
    with store, pytest.raises(InputError, match=r"too large for a bundle: its report\.txt has"):
        bundle_bytes(found, huge)


# --- What is refused --------------------------------------------------------------------------


def members_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes] | list[tuple[str, bytes]], **how: Any) -> bytes:
    file = io.BytesIO()
    entries = members.items() if isinstance(members, dict) else members
    with zipfile.ZipFile(file, "w", **how) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


def forged(content: bytes, **changed: bytes) -> bytes:
    """With members changed (`case_bin=`), and checksums that fit them."""
    members = members_of(content)
    members |= {name.replace("_", "."): value for name, value in changed.items()}
    manifest = json.loads(members["manifest.json"])
    manifest["members"] = {
        name: {"sha256": hashlib.sha256(value).hexdigest(), "bytes": len(value)}
        for name, value in members.items()
        if name != "manifest.json"
    }
    return zipped({**members, "manifest.json": json.dumps(manifest).encode()})


def with_manifest(content: bytes, **changed: Any) -> bytes:
    members = members_of(content)
    document = {**json.loads(members["manifest.json"]), **changed}
    return zipped({**members, "manifest.json": json.dumps(document).encode()})


def with_finding(content: bytes, **changed: Any) -> bytes:
    document = {**json.loads(members_of(content)["finding.json"]), **changed}
    return forged(content, finding_json=json.dumps(document).encode())


def with_case(content: bytes, *steps: Any) -> bytes:
    packed = encoding.pack_stream(Stream(Start({}, {}, 1.0), steps))
    return with_finding(forged(content, case_bin=packed.blob), stream=packed.sha256)


def without(content: bytes, name: str) -> bytes:
    members = members_of(content)
    del members[name]
    return zipped(members)


def doubled(content: bytes) -> bytes:
    members = [*members_of(content).items(), ("case.bin", b"another")]
    with pytest.warns(UserWarning, match="Duplicate name"):
        return zipped(members)


def lying(content: bytes) -> bytes:
    """An archive whose directory says of a member that it is shorter than it is."""
    archive = zipped({**members_of(content), "report.txt": b"0" * 5_000_000},
                     compression=zipfile.ZIP_DEFLATED)  # fmt: skip
    place = archive.rindex(b"PK\x01\x02", 0, archive.rindex(b"report.txt"))
    size = place + 24
    assert struct.unpack_from("<I", archive, size) == (5_000_000,)
    return archive[:size] + struct.pack("<I", 10) + archive[size + 4 :]


def encrypted(content: bytes) -> bytes:
    archive = bytearray(content)
    place = archive.rindex(b"PK\x01\x02")
    archive[place + 8] |= 1
    return bytes(archive)


BOMB = b"\0" * (bundle.MAX_MEMBER + 1)
REFUSED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda good: b"", "damaged"),
    "a text": (lambda good: b"a text", "damaged"),
    "cut off": (lambda good: good[:-30], "damaged"),
    "no manifest": (lambda good: without(good, "manifest.json"), "is no bundle of doge-replay"),
    "an empty zip": (lambda good: zipped({}), "is no bundle of doge-replay"),
    "another's zip": (lambda good: zipped({"a.txt": b"a"}), "is no bundle of doge-replay"),
    "another's manifest": (lambda good: with_manifest(good, format="x"), "is no bundle"),
    "a list as manifest": (lambda good: zipped({"manifest.json": b"[]"}), "is no bundle"),
    "a manifest that is no JSON": (lambda good: zipped({"manifest.json": b"{"}), "its manifest"),
    "a manifest that says a thing twice": (
        lambda good: zipped({"manifest.json": b'{"format":1,"format":2}'}), "twice"),
    "a deep manifest": (lambda good: zipped({"manifest.json": b"[" * 100_000}), "deep"),
    "a newer one": (lambda good: with_manifest(good, version=2), "made by a newer doge-replay"),
    "a newer one with more in it": (
        lambda good: zipped({**members_of(with_manifest(good, version=3)), "new": b""}),
        "made by a newer doge-replay: its format is 3, this one knows formats up to 1"),
    "no version": (lambda good: with_manifest(good, version=None), "names no version"),
    "true as version": (lambda good: with_manifest(good, version=True), "names no version"),
    "no members": (lambda good: with_manifest(good, members=[]), "not say what it should"),
    "a member missing": (lambda good: without(good, "shadow.bin"), "it has no shadow.bin"),
    "a member too many": (
        lambda good: zipped({**members_of(good), "extra": b""}), "belongs to no bundle: 'extra'"),
    "a path": (
        lambda good: zipped({**members_of(good), "../../etc/cron.d/x": b""}), "'../../etc/cron.d/x'"
    ),
    "an absolute path": (lambda good: zipped({**members_of(good), "/etc/x": b""}), "'/etc/x'"),
    "a folder": (lambda good: zipped({**members_of(good), "case.bin/": b""}), "'case.bin/'"),
    "a name with escapes": (
        lambda good: zipped({**members_of(good), "\x1b[31m\u202e": b""}), r"'\\x1b[31m\\u202e'"),
    "a member twice": (doubled, "it has 'case.bin' 2 times"),
    "another checksum": (
        lambda good: zipped({**members_of(good), "case.bin": b"x"}), "case.bin is not what"),
    "a bomb": (
        lambda good: zipped({**members_of(good), "report.txt": BOMB}, compression=8), "unpacked"),
    "a bomb in the manifest": (
        lambda good: zipped({"manifest.json": BOMB}, compression=8), "unpacked"),
    "a bomb in a bomb": (
        lambda good: forged(good, authority_bin=encoding.compress(BOMB)), "authority.bin is larger"
    ),
    "a member that says it is shorter": (lying, "damaged"),
    "an encrypted one": (encrypted, "encrypted"),
    "another compression": (
        lambda good: zipped(members_of(good), compression=zipfile.ZIP_LZMA), "compressed in a way"),
    "another's signature": (
        lambda good: with_finding(good, id="d-00000000"), "its signature is not that of"),
    "no signature": (lambda good: with_finding(good, signature={}), "has no 'failure'"),
    "a list as signature": (lambda good: with_finding(good, signature=[1]), "damaged"),
    "a number as origin": (lambda good: with_finding(good, origin=1), "where a text should"),
    "a text as line": (lambda good: with_finding(good, line="1"), "where a whole number should"),
    "no verdict": (lambda good: with_finding(good, verdict="so so"), "so so"),
    "no cores": (lambda good: with_finding(good, cores=None), "damaged"),
    "a history of nothing": (lambda good: with_finding(good, history=[1]), "damaged"),
    "an unknown status": (
        lambda good: with_finding(good, history=[dict.fromkeys(
            ("at", "who", "why", "evidence", "run", "severity", "owner", "note")
        ) | {"status": "closed", "evidence": {}}]), "damaged"),
    "another case": (lambda good: with_finding(good, stream="0" * 64), "does not fit its SHA-256"),
    "a case that is no zstd": (lambda good: forged(good, case_bin=b"x"), "damaged"),
    "a case without steps": (lambda good: with_case(good), "no steps"),
    "a call of no kind": (lambda good: with_case(good, Step((99, 1.0))), "its step 1 is a call of"),
    "a call with a field too few": (lambda good: with_case(good, Step((0, 1.0))), "its step 1"),
    "an answer that is none": (
        lambda good: forged(good, shadow_bin=encoding.pack_differences([])), "neither an outcome"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_sound_bundle_is_refused_in_one_line(
    tmp_path: Path, good: bytes, name: str
) -> None:
    make, reason = REFUSED[name]
    with pytest.raises(InputError) as caught:
        read(tmp_path, make(good))
    message = caught.value.message
    assert reason in message.replace("\\", "\\\\") if "\\" in reason else reason in message
    assert "some.zip" in message
    assert message.isprintable()
    assert len(message) < 400
    assert int(caught.value.exit_code) == 2


def test_damage_anywhere_is_noticed_or_harmless(tmp_path: Path, good: bytes) -> None:
    """A zip has bytes that mean nothing to us, like dates; whatever else is changed is noticed."""
    random.seed(1)
    whole = read(tmp_path, good)
    refused = 0
    damaged = [good[:end] for end in range(0, len(good), 41)]
    for _ in range(400):
        place = random.randrange(len(good))
        flipped = good[place] ^ (1 << random.randrange(8))
        damaged.append(good[:place] + bytes([flipped]) + good[place + 1 :])
    for content in damaged:
        try:
            back = read(tmp_path, content)
        except InputError:
            refused += 1
        else:
            assert back == whole
    assert refused > 300


def test_a_file_that_is_not_there_or_endless_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_bundle(tmp_path / "none.zip")
    with (tmp_path / "big.zip").open("wb") as file:
        file.truncate(bundle.MAX_FILE + 1)
    with pytest.raises(InputError, match="larger than any bundle"):
        read_bundle(tmp_path / "big.zip")


def test_a_bundle_is_told_by_its_bytes_or_its_name(tmp_path: Path, good: bytes) -> None:
    (tmp_path / "renamed").write_bytes(good)
    (tmp_path / "damaged.ZIP").write_bytes(b"")
    (tmp_path / "case.json").write_bytes(b"{}")
    assert is_bundle(tmp_path / "renamed")
    assert is_bundle(tmp_path / "damaged.ZIP")
    assert not is_bundle(tmp_path / "case.json")
    with pytest.raises(ReplayError):
        is_bundle(tmp_path / "none")


def test_a_failure_is_bundled_like_a_divergence(tmp_path: Path) -> None:
    one = finding(failed=True)
    back = read(tmp_path, bundled(tmp_path, one)).finding
    assert back.verdict is Verdict.SHADOW_FAILED
    assert back.id.startswith("f-")
    assert back.shadow == one.shadow


def test_every_kind_of_call_can_be_in_a_case(tmp_path: Path) -> None:
    calls: list[Call] = [(int(code), *["x"] * len(fields)) for code, fields in EVENT_FIELDS.items()]
    calls += [(int(CallCode.APPLY_REGIME), 1, None), (int(CallCode.CHECK_INVARIANTS),)]
    steps = tuple(Step(call) for call in [*calls, {"timestamp": 1.0}])
    one = finding(case=Stream(Start({}, {}, 1.0), steps))
    assert read(tmp_path, bundled(tmp_path, one)).finding.case.steps == steps
