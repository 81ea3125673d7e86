"""What comes with doge-replay beside its code: a corpus, the contract, examples, the executable's
sources. In a checkout they stand where people look for them; a wheel has them within the package.
"""

from __future__ import annotations

import importlib.resources
import shlex
from enum import StrEnum
from pathlib import Path

FOLDER = "shipped"
"""In the package, where a wheel has them: what builds the package puts them there."""


class Shipped(StrEnum):
    """What there is, by its place in a checkout."""

    CORPUS = "corpus"
    CONTRACT = "docs/contract"
    EXAMPLES = "examples"
    HASKELL = "haskell"
    SCRIPTS = "scripts"


def checkout() -> Path | None:
    """The checkout that this package is run from; None where it was installed."""
    root = _package().parent
    return root if (root / Shipped.HASKELL / "doge-core.cabal").is_file() else None


def shipped(what: Shipped) -> Path:
    """Where it is. It may not be there: a wheel that others made may have left it out."""
    root = checkout()
    return _package() / FOLDER / what if root is None else root / what


def _package() -> Path:
    return Path(str(importlib.resources.files("replay")))


SOURCE = "/path/to/doge-replay"
"""Stands for a checkout, or for a wheel that was built of one: what pip takes. The name alone is
never said, since on an index it may be somebody else's."""


def how_to_install(extra: str) -> str:
    """The command that installs an extra, and what to put into it where that is not known here."""
    root = checkout()
    wanted = shlex.quote(f"{SOURCE if root is None else root}[{extra}]")
    command = f"pip install {wanted}"
    return command if root else f"{command} (a checkout, or the wheel that was installed)"
