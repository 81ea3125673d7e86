"""Where a cluster is, and whether it may be talked to: what `--cluster` says.

Dask runs whatever its peers send it, so who can reach a port of it can run anything as its user.
A plain connection is therefore only taken where nobody else can reach it.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

from replay.errors import UsageError

_LOCAL = re.compile(r"local(?::([0-9]{1,3}))?")
_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:.%\w]+\]|[^\s/:\[\]]+):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """A cluster of our own on this machine, with so many workers; one for each CPU where that is
    not said."""

    workers: int | None


@dataclass(frozen=True, slots=True)
class Address:
    """A scheduler that is running already."""

    url: str


Where = LocalCluster | Address


def parse_cluster(text: str) -> Where:
    """What `--cluster` says. Raises UsageError where it makes no sense."""
    if (local := _LOCAL.fullmatch(text)) is not None:
        workers = None if local[1] is None else int(local[1])
        if workers == 0:
            raise UsageError("a cluster has one worker at least: local:1")
        return LocalCluster(workers)
    if _ADDRESS.fullmatch(text) is None:
        raise UsageError(
            f"no cluster is at {text!r}: give tcp://HOST:PORT, tls://HOST:PORT, local, or local:N",
            cluster=text,
        )
    return Address(text)


def require_private(url: str, who: str) -> None:
    """Raises UsageError for a plain address that others can reach."""
    if not is_private(url):
        raise UsageError(
            f"{who} is at {url}, a plain connection that others can reach: whoever can talk to "
            "Dask can run anything there, and here. Use tls:// (docs/cluster.md), or --insecure "
            "where the network is yours alone",
            address=url,
        )


def is_private(url: str) -> bool:
    """Whether an address is encrypted, or of this machine alone."""
    scheme, _, place = url.partition("://")
    if scheme in ("tls", "inproc"):
        return True
    host = place.rpartition(":")[0].strip("[]")
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(one[4][0]).partition("%")[0]).is_loopback for one in found)
