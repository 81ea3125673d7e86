"""A package is signed with a key of ssh, and only the signature of an allowed signer counts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from replay.errors import EnvironmentFailure, InputError, UsageError
from replay.findings.archive import zip_bytes
from replay.gate.package.package import MANIFEST
from replay.gate.package.ssh_signing import (
    NAMESPACE,
    check_signature_free,
    remove_signature,
    sign,
    signature_beside,
    signer_of,
    write_signature,
)

CONTENT = b'{"format": "doge-replay evidence"}\n'


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys of Ada and of Eve, and a file in which only Ada is allowed."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ada", "eve"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name],
            check=True,
        )
    public = (folder / "ada.pub").read_text()
    (folder / "signers").write_text(f"ada@example.org {public}")
    return folder


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A directory, with its archive beside it."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / MANIFEST).write_bytes(CONTENT)
    (tmp_path / "evidence.zip").write_bytes(zip_bytes({MANIFEST: CONTENT}))
    return folder


def test_who_signed_is_told_of_the_directory_and_of_the_archive(keys: Path, package: Path) -> None:
    written = write_signature(sign(CONTENT, keys / "ada"), package)
    assert written == package.with_name("evidence.sig")
    for path in (package, package.with_name("evidence.zip")):
        assert signer_of(path, keys / "signers") == ("ada@example.org", "")
    # Nothing of ours is needed to see that.
    done = subprocess.run(
        ["ssh-keygen", "-Y", "verify", "-f", keys / "signers", "-I", "ada@example.org",
         "-n", NAMESPACE, "-s", written],
        input=CONTENT, check=False,
    )  # fmt: skip
    assert done.returncode == 0


def test_every_other_signature_is_a_problem_that_is_named(keys: Path, package: Path) -> None:
    signers = keys / "signers"
    assert "it is not signed" in signer_of(package, signers)[1]
    write_signature(sign(CONTENT, keys / "eve"), package)
    assert "is of no signer that" in signer_of(package, signers)[1]
    write_signature(sign(CONTENT + b" ", keys / "ada"), package)
    assert "is no signature of it by ada@example.org" in signer_of(package, signers)[1]
    signature_beside(package).write_bytes(b"\0nonsense")
    assert "is of no signer that" in signer_of(package, signers)[1]
    for use in ("git", "file"):
        done = subprocess.run(
            ["ssh-keygen", "-Y", "sign", "-n", use, "-f", keys / "ada"],
            input=CONTENT, capture_output=True, check=True,
        )  # fmt: skip
        write_signature(done.stdout, package)
        assert signer_of(package, signers)[0] == "", "a signature for another use"


def test_one_changed_byte_of_the_manifest_is_no_longer_signed(keys: Path, package: Path) -> None:
    write_signature(sign(CONTENT, keys / "ada"), package)
    (package / MANIFEST).write_bytes(CONTENT.replace(b"evidence", b"evidenCe"))
    assert signer_of(package, keys / "signers")[0] == ""


def test_a_key_or_a_list_that_cannot_be_used_is_named(keys: Path, package: Path) -> None:
    with pytest.raises(UsageError, match="there is no key"):
        sign(CONTENT, keys / "nobody")
    with pytest.raises(UsageError, match=r"cannot sign with .*signers: "):
        sign(CONTENT, keys / "signers")
    with pytest.raises(InputError, match="no file of allowed signers"):
        signer_of(package, keys / "nobody")


def test_without_ssh_keygen_it_says_what_to_install(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentFailure, match="openssh-client"):
        sign(CONTENT, keys / "ada")


def test_only_a_signature_is_replaced_and_only_when_asked(keys: Path, package: Path) -> None:
    path = write_signature(sign(CONTENT, keys / "ada"), package)
    with pytest.raises(UsageError, match="is there already"):
        check_signature_free(package, force=False)
    check_signature_free(package, force=True)
    path.write_text("notes of somebody")
    with pytest.raises(UsageError, match="is no signature, so --force does not replace it"):
        check_signature_free(package, force=True)
    remove_signature(package)
    check_signature_free(package, force=False)
