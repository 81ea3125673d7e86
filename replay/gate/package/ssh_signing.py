"""Signing an evidence package with a key of ssh, which every developer has, and checking that.

What is signed is the manifest, byte by byte: it names every file with its hash. The signature lies
beside the package, so that the same data still give the same package. `ssh-keygen -Y` does both.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from replay.errors import EnvironmentFailure, InputError, UsageError
from replay.gate.package.package import MANIFEST
from replay.gate.package.sources import UNREADABLE, open_source
from replay.streams.kept_files import sync_directory

NAMESPACE: Final = "doge-replay-evidence"
"""What is signed for one use is no signature for another."""

MAX_SIGNATURE = 1 << 20
_BEGINS = b"-----BEGIN SSH SIGNATURE-----"
MAX_SIGNED = 16 << 20


def signature_beside(package: Path) -> Path:
    """Where the signature of a directory, and of the archive beside it, lies."""
    name = package.name.removesuffix(".zip")
    return package.with_name(f"{name}.sig")


def check_signature_free(package: Path, *, force: bool) -> None:
    """Raises UsageError where something is in the way: with `force` only what is no signature."""
    path = signature_beside(package)
    if not os.path.lexists(path):
        return
    if not force:
        raise UsageError(f"{path} is there already (--force replaces a signature)")
    if path.is_symlink() or not path.is_file() or not path.read_bytes().startswith(_BEGINS):
        raise UsageError(f"{path} is no signature, so --force does not replace it")


def remove_signature(package: Path) -> None:
    """Takes away the signature of a package that is replaced, after check_signature_free."""
    try:
        signature_beside(package).unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentFailure(
            f"cannot remove {signature_beside(package)}: {error.strerror}"
        ) from error


def sign(manifest: bytes, key: Path) -> bytes:
    """A signature with a private key (or a public one whose other half ssh-agent has). Raises
    UsageError where the key cannot be used."""
    if not key.is_file():
        raise UsageError(f"there is no key {key}", path=str(key))
    done = _ssh_keygen("sign", "-n", NAMESPACE, "-f", str(key), given=manifest)
    if done.returncode or not done.stdout:
        raise UsageError(f"cannot sign with {key}: {_said(done)}", path=str(key))
    return done.stdout


def write_signature(signature: bytes, package: Path) -> Path:
    """Puts a signature beside a package, whole or not at all. Raises EnvironmentFailure."""
    path = signature_beside(package)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            file.write(signature)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EnvironmentFailure(f"cannot write {path}: {error.strerror}") from error
    return path


def signer_of(package: Path, allowed: Path) -> tuple[str, str]:
    """Who of the allowed signers signed a package, and what is wrong; one of both is empty.

    `allowed` is a file of allowed signers (ssh-keygen(1)). Raises InputError where it is not there.
    """
    if not allowed.is_file():
        raise InputError(f"there is no file of allowed signers {allowed}", file=str(allowed))
    path = signature_beside(package)
    try:
        with path.open("rb") as file:
            signature = file.read(MAX_SIGNATURE)
        with open_source(package) as source, source.open(MANIFEST) as member:
            manifest = member.read(MAX_SIGNED)
    except FileNotFoundError:
        return "", f"it is not signed: there is no {path}"
    except UNREADABLE as error:
        return "", f"its signature cannot be checked: {error or type(error).__name__}"
    return _checked(manifest, signature, path, allowed)


def _checked(manifest: bytes, signature: bytes, path: Path, allowed: Path) -> tuple[str, str]:
    with tempfile.NamedTemporaryFile(suffix=".sig") as held:
        held.write(signature)
        held.flush()
        files = ("-s", held.name, "-f", str(allowed))
        named = _ssh_keygen("find-principals", *files)
        for signer in named.stdout.decode("utf-8", "replace").splitlines():
            done = _ssh_keygen("verify", *files, "-n", NAMESPACE, "-I", signer, given=manifest)
            if done.returncode == 0:
                return signer, ""
            return "", f"{path} is no signature of it by {signer}: {_said(done)}"
    return "", f"{path} is of no signer that {allowed} allows"


def _ssh_keygen(
    does: str, *arguments: str, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["ssh-keygen", "-Y", does, *arguments], input=given, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise EnvironmentFailure(
            "ssh-keygen is not there (on Debian: apt-get install openssh-client)"
        ) from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"ssh-keygen exited with code {done.returncode}"
