"""Do pairs of cores that others wrote run to their end? Each goes through every command.

The authorities are those of tests/support/authorities, which hold and answer what they like. Each
is run against itself, where nothing may differ, and against executables of part 1 that write in
other styles, where anything may. What is looked for is what doge-replay itself gets wrong: a
traceback, an internal fault, an exit code that the command has not, a report that was not written,
and a difference between a core and itself.

Exit codes: 0 nothing was found, 1 something was, 2 usage, 3 the cores could not be made ready.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SUPPORT = ROOT / "tests" / "support"
COMMANDS = ("run", "corpus", "fuzz", "nightly")
"""What looks for differences: a journal, the shipped corpus, generated streams, all of it."""

PROFILES = ("live", "edge", "hostile", "all")
STYLES = (
    "infinity-text,nan-null,zero",
    "infinity-null,exponents,sorted,terse",
    "whole,chatty,shouts",
    "fractions,zero,sorted",
)
"""How the executables write; what each word means stands in tests/support/executables/part1.py."""

REPORTS = ("report.md", "report.html", "junit.xml", "report.json")
CLEAN, DIVERGENCE, USAGE, CORE_FAILED, PROVES_NOTHING = 0, 1, 2, 3, 4
ANY = (CLEAN, DIVERGENCE, CORE_FAILED, PROVES_NOTHING)
"""What a run on two different cores may come to. 2 is for the caller's own mistakes, of which there
are none here, and all else is no exit code of these commands."""

WORDS = {"Traceback (most recent call last)": "traceback", "internal fault": "internal fault"}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two cores as the command line names them."""

    name: str
    authority: str
    shadow: str

    @property
    def is_one(self) -> bool:
        """Whether it is one core twice."""
        return self.authority == self.shadow


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that doge-replay got wrong, and the command that shows it."""

    kind: str
    pair: str
    command: str
    says: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.pair}\n    {self.command}\n    {self.says}"


class Sweep:
    """All commands on one pair, in a directory of their own."""

    def __init__(self, pair: Pair, folder: Path, options: argparse.Namespace) -> None:
        self._pair = pair
        self._folder = folder
        self._options = options
        self._corpus = str(folder / "corpus")
        self.troubles: list[Trouble] = []
        self.commands = 0

    def run(self) -> None:
        """Runs and fuzzes, then looks at some of what was found in every way there is."""
        journal = str(ROOT / "examples" / "journal.jsonl")
        shipped = str(ROOT / "corpus")
        chosen = self._options.commands
        if "run" in chosen:
            self._compare("run.db", "run", journal, "--corpus", self._corpus)
        if "corpus" in chosen:
            self._compare("run.db", "run", "--corpus", shipped)
        if "fuzz" in chosen:
            self._fuzz(shipped)
        if "nightly" in chosen:
            self._nightly(journal)
        for database in sorted(self._folder.glob("*.db")):
            for finding in self._findings(database):
                self._look_at(finding, database)

    def _fuzz(self, shipped: str) -> None:
        for profile in self._options.profiles:
            for seed in range(1, self._options.seeds + 1):
                self._compare(
                    f"{profile}.db", "fuzz", "--profile", profile, "--seed", str(seed),
                    "--max-transitions", str(self._options.transitions), "--jobs", "1",
                    "--corpus", shipped, "--corpus", self._corpus,
                )  # fmt: skip

    def _compare(self, database: str, *words: str) -> None:
        """A command that compares: one core differs nowhere from itself."""
        allowed = (CLEAN,) if self._pair.is_one else ANY
        self._call(allowed, *words, "--db", str(self._folder / database))

    def _nightly(self, journal: str) -> None:
        reports = self._folder / "reports"
        # So short a night may miss a planted fault, and then proves nothing.
        self._call(
            (CLEAN, PROVES_NOTHING) if self._pair.is_one else ANY,
            "nightly", "--minutes", str(self._options.minutes), "--report-dir", str(reports),
            "--seed", "1", "--jobs", "1", "--import", journal, "--corpus", self._corpus,
            "--db", str(self._folder / "nightly.db"), "--causes", "5",
        )  # fmt: skip
        for name in REPORTS:
            if not (reports / name).is_file():
                self._note("no report", "nightly", f"{name} was not written")

    def _findings(self, database: Path) -> list[str]:
        """The IDs of some findings, the worst and the last."""
        listed = self._call((CLEAN,), "list", "--json", "--db", str(database))
        try:
            found: list[Any] = json.loads(listed)
        except ValueError as error:
            self._note("no JSON", "list --json", str(error))
            return []
        ids = [one["id"] for one in found]
        most: int = self._options.findings
        return ids if len(ids) <= most else [*ids[: most - most // 2], *ids[-(most // 2) :]][:most]

    def _look_at(self, finding: str, database: Path) -> None:
        db = ("--db", str(database))
        folder = self._folder / f"{database.stem}-{finding}"
        folder.mkdir()
        self._call((CLEAN,), "show", finding, *db)
        self._call(ANY, "repro", finding, *db)
        self._call(ANY, "explain", finding, "--seconds", str(self._options.explain), *db,
                   "--corpus", self._corpus)  # fmt: skip
        for form in ("parity", "pytest", "bundle"):
            self._call(
                (CLEAN,), "export", finding, "--anyway", "--as", form, "--output", str(folder), *db
            )
        for made in sorted([*folder.glob("*.json"), *folder.glob("*.zip")]):
            self._call(ANY, "repro", str(made), *db)

    def _call(self, allowed: Sequence[int], *words: str) -> str:
        """Runs a command and notes what is wrong with how it ended; gives what it printed."""
        cores = ("--authority", self._pair.authority, "--shadow", self._pair.shadow)
        command = [sys.executable, "-m", "replay", *words, *cores]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL)
        self.commands += 1
        texts = [text.decode("utf-8", "replace") for text in (ran.stdout, ran.stderr)]
        shown = " ".join(["doge-replay", *words, *cores])
        for text, kind in WORDS.items():
            lines = [line for one in texts for line in one.splitlines() if text in line]
            if lines:
                last = texts[1].strip().splitlines()[-1:]
                self._note(kind, shown, " / ".join([lines[0], *last])[:500])
        if ran.returncode not in allowed:
            kind = "exit code"
            if self._pair.is_one and ran.returncode == DIVERGENCE:
                kind = "differs from itself"
            said = "\n".join(texts).strip().splitlines()
            self._note(kind, shown, f"exit {ran.returncode}: {' / '.join(said[:3])[:500]}")
        return texts[0]

    def _note(self, kind: str, command: str, says: str) -> None:
        self.troubles.append(Trouble(kind, self._pair.name, command, says))


def pairs(options: argparse.Namespace, folder: Path) -> Iterator[Pair]:
    """Every authority with itself, and with executables in each style. An executable computes as
    our core does, or as the authority."""
    sys.path.insert(0, str(SUPPORT.parent))
    from support.executables.part1 import written

    for file in authorities(options.only):
        yield Pair(f"{file.stem} and itself", str(file), str(file))
        for number, style in enumerate(options.styles):
            # In turn, since what is looked for hardly depends on both together.
            core = file if number % 2 else None
            home = folder / "executables" / f"{file.stem}-{number}"
            exe = written(home, style.split(","), core)
            says = f"an executable of {'its own' if core else 'our core'} that writes {style}"
            yield Pair(f"{file.stem} and {says}", str(file), str(exe))


def authorities(only: Sequence[str]) -> list[Path]:
    """The authorities by name, or files; the test suite's without any. Raises LookupError."""
    all_files = {
        file.stem: file
        for file in sorted((SUPPORT / "authorities").glob("*.py"))
        if file.stem != "dressing"
    }
    chosen = [all_files.get(name, Path(name)) for name in only] or list(all_files.values())
    for file in chosen:
        if not file.is_file():
            known = ", ".join(all_files)
            raise LookupError(f"there is no authority {file}; known are {known}")
    return [file.resolve() for file in chosen]


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="pairs", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--seeds", type=int, default=5, help="for each profile (default %(default)s)"
    )
    parser.add_argument(
        "--transitions", type=int, default=50_000, help="for each seed (default %(default)s)"
    )
    parser.add_argument(
        "--commands",
        nargs="+",
        choices=COMMANDS,
        default=list(COMMANDS),
        help="what looks for differences (default: all)",
    )
    parser.add_argument("--profiles", nargs="+", choices=PROFILES, default=list(PROFILES))
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="AUTHORITY",
        default=[],
        help="names of authorities, or files (default: all of the test suite's)",
    )
    parser.add_argument(
        "--styles",
        nargs="*",
        metavar="STYLE,STYLE...",
        default=list(STYLES),
        help="of the executables; none: each authority only with itself",
    )
    parser.add_argument(
        "--minutes", type=float, default=0.1, help="of each nightly (default %(default)s)"
    )
    parser.add_argument(
        "--findings", type=int, default=6, help="looked at of each database (default %(default)s)"
    )
    parser.add_argument(
        "--explain",
        type=float,
        default=2.0,
        help="seconds of processor time for each explain (default %(default)s)",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="pairs at the same time (default %(default)s)"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="where all databases and reports stay"
    )
    return parser.parse_args(arguments)  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Sweeps, and tells what was found; gives the exit code."""
    options = options_of(arguments)
    with tempfile.TemporaryDirectory(prefix="pairs-") as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            chosen = list(pairs(options, folder))
        except LookupError as error:
            print(f"pairs: {error.args[0]}", file=sys.stderr)
            return USAGE
        except (OSError, ImportError) as error:
            print(f"pairs: {error}", file=sys.stderr)
            return CORE_FAILED
        sweeps = []
        for number, pair in enumerate(chosen):
            home = folder / f"pair-{number}"
            home.mkdir()
            sweeps.append((pair, Sweep(pair, home, options)))
        with ThreadPoolExecutor(max(1, options.jobs)) as pool:
            running = [(pair, sweep, pool.submit(sweep.run)) for pair, sweep in sweeps]
            for pair, sweep, job in running:
                job.result()
                print(f"{pair.name}: {sweep.commands} commands, {_found(sweep)}", flush=True)
    troubles = [trouble for _, sweep in sweeps for trouble in sweep.troubles]
    for trouble in troubles:
        print(trouble)
    print(f"pairs: {len(chosen)} pairs, {len(troubles)} troubles")
    return DIVERGENCE if troubles else CLEAN


def _found(sweep: Sweep) -> str:
    return f"{len(sweep.troubles)} troubles" if sweep.troubles else "nothing wrong"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
