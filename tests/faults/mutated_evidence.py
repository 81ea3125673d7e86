"""Evidence packages that were tampered with, or only packed anew, and what `verify` says."""

from __future__ import annotations

import random
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from archive_mutator import HARMLESS, TAMPERED

from replay.errors import InputError
from replay.findings.archive import zip_bytes
from replay.gate.package.verification import verify_package

ANEW = 10
"""One archive in so many is only packed anew."""


def try_archives(
    members: Mapping[str, bytes], folder: Path, count: int, seed: int
) -> tuple[Counter[str], list[str]]:
    """Counts of what became of each archive, and a line for each that was not held."""
    chosen = random.Random(seed)
    whole, path = zip_bytes(members), folder / "p.zip"
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for number in range(count):
        is_harmless = number % ANEW == ANEW - 1
        mutations = HARMLESS if is_harmless else TAMPERED
        mutation = mutations[number % len(mutations)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile, of a name that is there already
            path.write_bytes(mutation(chosen, members, whole))
        said = _said_of(path)
        counts["archives"] += 1
        counts[said.partition(":")[0]] += 1
        if said != ("sound" if is_harmless else "not sound") and said != "refused":
            wrong.append(f"archive {number}, {mutation.__name__}: {said}")
        elif is_harmless and said == "refused":
            wrong.append(f"archive {number}, {mutation.__name__}: refused")
    return counts, wrong


def _said_of(path: Path) -> str:
    try:
        return "sound" if verify_package(path).is_sound else "not sound"
    except InputError:
        return "refused"
    except Exception as error:
        return f"traceback: {type(error).__name__}: {error}"
