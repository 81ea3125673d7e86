"""An evidence package: its members, its manifest, and how both are written.

A directory and a zip archive beside it have the same members; `manifest.json` names every one of
them with its SHA-256 and size, what the package is of, and its own fingerprint: the SHA-256 of the
manifest without it, in canonical JSON. The same members give the same bytes: names in order, times
and attributes of the zip fixed.

Both are made complete under other names beside where they belong, flushed to the disk and then
renamed, so a process that is killed, and a disk that is full, leave nothing that looks whole. The
manifest is written last.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from replay.errors import EnvironmentFailure, InputError, UsageError
from replay.findings.archive import zip_bytes
from replay.streams.kept_files import make_directory, sync_directory

FORMAT: Final = "doge-replay evidence"
VERSION: Final = 5
MANIFEST: Final = "manifest.json"
MAX_FILES: Final = 10_000
MAX_BYTES: Final = 512 << 20
"""Bytes of a whole package, unpacked; two days have a few million."""

MEMBER = re.compile(r"(telemetry/|cases/|charts/)?[A-Za-z0-9_][A-Za-z0-9._-]{0,150}")
"""What a member may be called."""


def json_bytes(document: Any, *, indent: int | None = 2) -> bytes:
    """A document as JSON; what JSON has no number for is a text."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(_safe(document), indent=indent, separators=separators, ensure_ascii=True,
                      allow_nan=False)  # fmt: skip
    return text.encode() + b"\n"


def _safe(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _safe(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_safe(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    return str(value)


def checksum(content: bytes) -> dict[str, Any]:
    """What the manifest says of a member."""
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def fingerprint(manifest: Mapping[str, Any]) -> str:
    """The SHA-256 of a manifest but for its own fingerprint."""
    rest = {name: value for name, value in manifest.items() if name != "fingerprint"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(manifest: Mapping[str, Any], members: Mapping[str, bytes]) -> dict[str, bytes]:
    """All members in order, the manifest that names them last. Raises InputError where they are
    more than a package can hold."""
    size = sum(map(len, members.values()))
    if size > MAX_BYTES or len(members) > MAX_FILES:
        raise InputError(
            f"{len(members):,} files with {size:,} bytes are more than a package holds"
        )
    wrong = [name for name in members if not MEMBER.fullmatch(name) or name == MANIFEST]
    assert not wrong, wrong
    ordered = dict(sorted(members.items()))
    whole = {**_safe(manifest), "files": {name: checksum(one) for name, one in ordered.items()}}
    whole["fingerprint"] = fingerprint(whole)
    return {**ordered, MANIFEST: json_bytes(whole)}


def zip_beside(out: Path) -> Path:
    """Where the archive of a package lies."""
    return out.with_name(f"{out.name}.zip")


def check_free(out: Path, *, force: bool) -> None:
    """Raises UsageError where something is in the way: with `force` only what is no package."""
    archive = zip_beside(out)
    for path in (out, archive):
        if not os.path.lexists(path):
            continue
        if not force:
            raise UsageError(f"{path} is there already (--force replaces a package)")
    if os.path.lexists(out) and (out.is_symlink() or not out.is_dir() or not _is_ours(out)):
        raise UsageError(f"{out} is no evidence package, so --force does not replace it")
    if os.path.lexists(archive) and not _is_our_archive(archive):
        raise UsageError(f"{archive} is no evidence package, so --force does not replace it")


def _is_ours(folder: Path) -> bool:
    """Whether a directory has nothing in it but a package, or nothing at all."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    if not found:
        return True
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        return manifest["format"] == FORMAT and found <= {MANIFEST, *manifest["files"]}
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return False


def _is_our_archive(path: Path) -> bool:
    """Whether a file is the archive of a package, with nothing else in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read(MANIFEST))
            found = {name for name in archive.namelist() if not name.endswith("/")}
            return manifest["format"] == FORMAT and found <= {MANIFEST, *manifest["files"]}
    except (OSError, ValueError, TypeError, LookupError, RecursionError, zipfile.BadZipFile):
        return False


def write_package(out: Path, members: Mapping[str, bytes], *, force: bool) -> Path:
    """Writes the directory and the archive beside it; gives the archive's path.

    Raises UsageError where something is in the way, EnvironmentFailure where that fails; then
    everything is as it was.
    """
    check_free(out, force=force)
    archive = zip_beside(out)
    staged = out.with_name(f".{out.name}.{os.getpid()}.part")
    staged_zip = out.with_name(f".{archive.name}.{os.getpid()}.part")
    try:
        make_directory(out.parent)
        _write_file(staged_zip, zip_bytes(members))
        staged.mkdir()
        for name, content in members.items():
            (staged / name).parent.mkdir(exist_ok=True)
            _write_file(staged / name, content)
        for folder in (*(path for path in staged.iterdir() if path.is_dir()), staged):
            sync_directory(folder)
        with _put(staged, out):
            staged_zip.replace(archive)
        sync_directory(out.parent)
    except OSError as error:
        raise EnvironmentFailure(f"cannot write {out}: {error.strerror}", path=str(out)) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        with suppress(OSError):
            staged_zip.unlink()
    return archive


@contextmanager
def _put(staged: Path, out: Path) -> Iterator[None]:
    """Puts a directory where it belongs. Where that fails, or what is done meanwhile, the directory
    is not there, and a package that was is."""
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    replaces = os.path.lexists(out)
    if replaces:
        out.rename(old)
    try:
        staged.rename(out)
        try:
            yield
        except BaseException:
            shutil.rmtree(out, ignore_errors=True)
            raise
    except BaseException:
        if replaces:
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _write_file(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
