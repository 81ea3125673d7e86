"""What travels to a worker: the cores, and the streams that are mutated.

Packed once, by content: each file under its SHA-256, which is compared where it arrives and again
before anything of it is run. Nothing is taken from a worker's disk but doge-replay itself, which
has to be the same there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import assert_never

import replay
from replay.errors import TargetError
from replay.executable_path import resolved_executable
from replay.runs.work import Job
from replay.streams.stream_file import SUFFIX
from replay.targets.core_kind import CoreKind, kind_of
from replay.targets.python.module import locate_core
from replay.targets.python.source_files import source_files

PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class File:
    """A file that travels: where it lies below the luggage's folder, and its content."""

    place: str
    sha256: str
    content: bytes
    runs: bool = False


@dataclass(frozen=True, slots=True)
class Luggage:
    """All that a job needs elsewhere. `job` names the cores and the corpus by their places below
    the luggage's folder; a core that does not travel is named as it is."""

    job: Job
    files: tuple[File, ...]
    cores_travel: bool

    @property
    def sha256(self) -> str:
        """Names it: the same content in the same places has the same."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(f"{file.sha256} {file.runs:d} {file.place}\n".encode())
        return digest.hexdigest()

    @property
    def places(self) -> dict[str, str]:
        """The SHA-256 of each file, by its place."""
        return {file.place: file.sha256 for file in self.files}

    def without_content(self) -> Luggage:
        """The same for who has the files already."""
        return replace(self, files=tuple(replace(file, content=b"") for file in self.files))

    def job_in(self, folder: Path) -> Job:
        """The job, with the luggage in a folder."""
        cores = self.job.cores
        if self.cores_travel:
            authority, shadow = (_placed(folder, one) for one in (cores.authority, cores.shadow))
            cores = replace(cores, authority=authority, shadow=shadow)
        corpus = tuple(folder / path for path in self.job.corpus)
        return replace(self.job, cores=cores, corpus=corpus)


def pack(job: Job, *, cores_travel: bool) -> Luggage:
    """Packs what a job needs. Raises TargetError where a file cannot be read."""
    files: list[File] = []
    cores = job.cores
    if cores_travel:
        authority, its = _pack_core(cores.authority, "authority")
        shadow, others = _pack_core(cores.shadow, "shadow")
        cores = replace(cores, authority=authority, shadow=shadow)
        files += its + others
    wanted = frozenset(job.row.corpus)
    for number, directory in enumerate(job.corpus):
        for path in sorted(directory.glob(f"*{SUFFIX}")):
            if path.name.removesuffix(SUFFIX) in wanted:
                files.append(_packed(path, f"corpus/{number}/{path.name}"))
    corpus = tuple(Path("corpus", str(number)) for number in range(len(job.corpus)))
    return Luggage(replace(job, cores=cores, corpus=corpus), tuple(files), cores_travel)


def unpack(files: Iterable[File], folder: Path) -> None:
    """Writes the files, each whole and compared; what lies there already is not trusted. Raises
    TargetError where one is not what it should be."""
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    os.chmod(folder, PRIVATE)
    for file in files:
        path = _placed_path(folder, file.place)
        path.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        if hashlib.sha256(file.content).hexdigest() != file.sha256:
            raise TargetError(f"{file.place} did not arrive as it was sent")
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_bytes(file.content)
        temporary.chmod(PRIVATE if file.runs else 0o600)
        temporary.replace(path)


def verify(places: Mapping[str, str], folder: Path) -> None:
    """Compares files with their SHA-256. Raises TargetError where one is not what was sent."""
    for place, sha256 in places.items():
        path = _placed_path(folder, place)
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise TargetError(f"{path} is gone: {error.strerror}") from error
        if found != sha256:
            raise TargetError(f"{path} is not what was sent: somebody has changed it")


@cache
def own_digest() -> str:
    """SHA-256 of doge-replay's own sources: workers have to run the same."""
    folder = Path(replay.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _placed(folder: Path, name: str) -> str:
    return name if name == "python" else str(_placed_path(folder, name))


def _placed_path(folder: Path, place: str) -> Path:
    parts = PurePosixPath(place).parts
    if not parts or ".." in parts or PurePosixPath(place).is_absolute():
        raise TargetError(f"{place!r} is no place for luggage")
    return folder.joinpath(*parts)


def _packed(path: Path, place: str, *, runs: bool = False) -> File:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TargetError(f"cannot read {path}: {error.strerror}", path=str(path)) from error
    return File(place, hashlib.sha256(content).hexdigest(), content, runs)


def _pack_core(spec: str, role: str) -> tuple[str, list[File]]:
    """The place of a core, and its files; our own is there already."""
    match kind_of(spec):
        case CoreKind.OURS | None:
            return spec, []
        case CoreKind.EXECUTABLE:
            path = Path(resolved_executable(spec))
            file = _packed(path, f"{role}/{path.name}", runs=True)
            return file.place, [file]
        case CoreKind.MODULE:
            root, name = locate_core(spec)
            its = source_files(_main_file(root, name))
            files = [_packed(path, _place_of(path, role, its.root)) for path in its.files]
            return _place_of(_main_file(root, name), role, its.root), files
        case kind:
            assert_never(kind)


def _main_file(root: Path, name: str) -> Path:
    """The file of a module, by its root and its dotted name."""
    path = root.resolve().joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")


def _place_of(path: Path, role: str, root: Path) -> str:
    return f"{role}/{path.relative_to(root).as_posix()}"
