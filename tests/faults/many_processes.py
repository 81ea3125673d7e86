"""Several processes at once on one database and one corpus: nothing is lost, and nothing twice."""

from __future__ import annotations

from pathlib import Path

from cli_support import checked, start
from killed_commands import FORGETS, JOURNAL

from replay.findings.store.store import Store
from replay.streams.corpus import Corpus

KINDS = ("processes", "lost", "doubled", "unsound", "wrong exit codes", "left over")


def try_processes(folder: Path, counts: tuple[int, ...]) -> tuple[dict[str, int], list[str]]:
    """Counts over runs with so many processes each, and a line for each that was not held."""
    figures = dict.fromkeys(KINDS, 0)
    wrong: list[str] = []
    expected = _at_once(folder / "alone", 1, figures, wrong)
    for count in counts:
        found = _at_once(folder / str(count), count, figures, wrong)
        for identity in sorted(expected.keys() | found.keys()):
            wanted, there = count * expected.get(identity, 0), found.get(identity, 0)
            if there != wanted:
                figures["lost" if there < wanted else "doubled"] += 1
                wrong.append(f"{count} processes: {identity}: {there} of {wanted}")
    return figures, wrong


def _at_once(folder: Path, count: int, figures: dict[str, int], wrong: list[str]) -> dict[str, int]:
    """How often each finding and each stream is there after so many processes ran at once."""
    folder.mkdir()
    database, corpus = folder / "d.db", folder / "corpus"
    runs = [
        start(folder, "run", JOURNAL, "--shadow", FORGETS, "--db", database) for _ in range(count)
    ]
    imports = [start(folder, "corpus", "import", JOURNAL, "--corpus", corpus) for _ in range(count)]
    for process, code in (*((one, 1) for one in runs), *((one, 0) for one in imports)):
        out, err = process.communicate()
        figures["processes"] += 1
        if checked(process.returncode, out, err).code != code:
            figures["wrong exit codes"] += 1
            wrong.append(f"{count} processes: exit {process.returncode}: {err[-300:].decode()}")
    with Store.open(database, readonly=True) as store:
        problems = list(store.check().problems)
        found = {finding.id: finding.occurrences for finding in store.findings()}
    there = Corpus(corpus)
    problems += [f"{fault.file}: {fault.reason}" for fault in there.verify().faults]
    figures["unsound"] += len(problems)
    wrong += [f"{count} processes: {problem}" for problem in problems]
    # A stream is there once, however many bring it.
    return {**found, **dict.fromkeys(there.streams(), count)}
