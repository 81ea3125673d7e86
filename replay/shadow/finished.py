"""Finished journal files: compressed beside themselves; what a killed writer had begun is ended.

At any moment one of the two is whole. A plain file goes only when its .zst was read back from the
disk, gave the same bytes, and is safe there; whatever else bears such a name may be anybody's, and
stays.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from replay.streams.kept_files import ENDING, holds_the_same, is_at, sync_directory
from replay.streams.zstd_frames import ZstdError, copy_packed

_COPY = 1 << 20


def compress(path: Path) -> Path:
    """Replaces a finished file by its `.zst`. Raises OSError; then the file is as it was."""
    target = path.with_name(path.name + ENDING)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    sink = None
    try:
        with path.open("rb") as source, part.open("xb") as sink:
            size = os.fstat(source.fileno()).st_size
            copy_packed(source, sink, size, _COPY)
            sink.flush()
            os.fsync(sink.fileno())
        _place(part, target)
    except ZstdError as error:
        raise OSError(str(error)) from error
    finally:
        if sink is not None:  # else it is not ours
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    sync_directory(path.parent)
    if not remove_where_kept(path, target):
        raise OSError(f"{target.name} does not give back what {path.name} has")
    return target


def _place(part: Path, target: Path) -> None:
    """Gives a file its name, which nothing may have that is there already."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(target):
            raise
        part.replace(target)


def remove_where_kept(path: Path, compressed: Path) -> bool:
    """Removes a file where its .zst has all of it and nobody writes to it; whether it did. Raises
    OSError."""
    with path.open("rb") as plain:
        if not _is_let_go(plain.fileno()) or not holds_the_same(compressed, plain):
            return False
        size = os.fstat(plain.fileno()).st_size
        if size != plain.tell() or path.is_symlink() or not is_at(path, plain.fileno()):
            return False
        path.unlink()
    sync_directory(path.parent)
    return True


def tidy_up(directory: Path) -> None:
    """Ends what a killed writer had begun: files that stand beside their whole `.zst`, which would
    be read twice, and halves of a `.zst` beside the file that they were made of. Raises OSError."""
    for part in directory.glob(".events_*.part"):
        *name, pid, _ = part.name.removeprefix(".").split(".")
        is_over = pid.isdigit() and not Path(f"/proc/{pid}").exists()
        if is_over and (directory / ".".join(name)).is_file():
            part.unlink(missing_ok=True)
    for compressed in directory.glob(f"events_*.jsonl{ENDING}"):
        plain = compressed.with_suffix("")
        if plain.is_file():
            remove_where_kept(plain, compressed)


def hold(descriptor: int) -> None:
    """Keeps a file that is written to from being taken for a finished one, until it is closed."""
    with contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_let_go(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
