"""`--cluster tls://`: certificates of one's own, scheduler and worker, from end to end."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_support import doge
from cluster_support import Machines

SMALL = ("fuzz", "--max-transitions", 1500, "--profile", "live", "--seed", 5, "--shadow", "python")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the documentation has one set, with an authority and a node that are made here."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    new_key = ("req", "-newkey", "rsa:2048", "-nodes")
    openssl(*new_key, "-x509", "-days", "2", "-subj", "/CN=ours", "-keyout", "ca.key", "-out",
            "ca.pem")  # fmt: skip
    openssl(*new_key, "-subj", "/CN=node", "-keyout", "node.key", "-out", "node.csr")
    openssl("x509", "-req", "-in", "node.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-out", "node.pem")  # fmt: skip
    variables = {"CA_FILE": "ca.pem"}
    for who in ("SCHEDULER", "WORKER", "CLIENT"):
        variables |= {f"{who}__CERT": "node.pem", f"{who}__KEY": "node.key"}
    return {
        f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(folder / file)
        for name, file in variables.items()
    }


@pytest.fixture
def machines(tmp_path: Path, certificates: dict[str, str]) -> Iterator[Machines]:
    one = Machines(tmp_path, certificates)
    one.start_scheduler("--protocol", "tls")
    yield one
    one.end()


def test_a_campaign_runs_over_tls_and_nobody_without_a_certificate_gets_in(
    machines: Machines, tmp_path: Path, certificates: dict[str, str]
) -> None:
    assert machines.address.startswith("tls://")
    stranger = doge(tmp_path, *SMALL, "--cluster", machines.address)
    assert stranger.code == 3
    assert f"{machines.address} needs certificates" in stranger.err
    missing = {name: f"{file}.not" for name, file in certificates.items()}
    unread = doge(tmp_path, *SMALL, "--cluster", machines.address, env=missing)
    assert (unread.code, "certificates for TLS cannot be read" in unread.err) == (3, True)
    machines.start_worker("--no-nanny")
    ran = doge(tmp_path, *SMALL, "--cluster", machines.address, "--json", env=certificates)
    assert ran.code == 0, ran.err
    assert ran.json["transitions"] >= 1500
    assert len(ran.json["workers"]) == 1
