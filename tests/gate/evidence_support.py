"""An evidence package of some hours with a faulty shadow."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shadowed import ENTRIES, EXITS, FAULTY, faulty_shadow, marked_journal, two_days, write_live

from replay.explaining.claims.explanations import read_explanations
from replay.gate.package.evidence import Evidence, Request, collect_evidence
from replay.gate.package.package import write_package
from replay.gate.package.rerun import Texts
from replay.reports.finding_text import finding_lines, reports
from replay.targets.pair import PairSpec

TEXTS = Texts(finding_lines, reports)
TIMEOUT = "timeout: no answer within 5.0 s <script>|`*\x1b[31m\u202e"


@dataclass(frozen=True)
class Packed:
    """Evidence of some hours: six divergences, all explained, and one line on which the live shadow
    failed; a restart in between."""

    folder: Path
    request: Request
    evidence: Evidence

    @property
    def members(self) -> Mapping[str, bytes]:
        return self.evidence.members

    def text(self, name: str) -> str:
        return self.members[name].decode()

    def write(self, where: Path) -> tuple[Path, Path]:
        """As a directory and an archive."""
        out = where / "evidence"
        return out, write_package(out, self.members, force=False)


def make_package(folder: Path, **changes: Any) -> Packed:
    lines = marked_journal(faulty_shadow())
    bot = two_days(lines, before=1.0, minutes=180)
    failing = next(line for line in lines if line["shadow"]["agreed"])
    failing["shadow"] = {"agreed": False, "error": TIMEOUT}
    bot.run(3).fail(1, TIMEOUT).run(2).restart().run(60)
    telemetry, journal = write_live(folder, lines, bot)
    explained = folder / "explanations.toml"
    explained.write_text(ENTRIES + EXITS)
    request = Request(
        telemetry=[str(telemetry)],
        journals=[str(journal)],
        cores=PairSpec("python", str(FAULTY)),
        explanations=read_explanations(explained),
        explained_in=explained,
        db=None,
        rehearsal=False,
        signed=("Ada Lovelace <ada@example.org>", "2026-11-24T12:00:00Z"),
        today=datetime.date(2026, 11, 22),
    )
    request = replace(request, **changes)
    return Packed(folder, request, collect_evidence(request, TEXTS))
