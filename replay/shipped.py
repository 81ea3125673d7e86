"""What comes with doge-replay beside its code: a corpus, the contract, examples, the executable's
sources. In a checkout they stand where people look for them; a wheel has them within the package.
"""

from __future__ import annotations

import importlib.resources
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
