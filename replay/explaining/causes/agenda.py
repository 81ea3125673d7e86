"""Which steps are to be looked at next in which way, and which were already.

What a way of looking can find at a step depends on what the corrected authority answers to it. So a
step is looked at in one way again only after that has changed, and of each row, steps that differ
alike, only a few: what is not understood from the first few seldom is from the next.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from replay.explaining.causes.answered import Answered, row_of, smallest
from replay.explaining.causes.pool import Pool


class Agenda:
    """What was looked at in which way; `kind` names the way."""

    def __init__(self, pool: Pool, seen: Mapping[str, int]) -> None:
        """`seen` is how often each bucket was met, where that is known."""
        self._pool = pool
        self._seen = seen
        self._tried: set[tuple[str, Answered, object]] = set()
        self._looked: Counter[tuple[str, object]] = Counter()

    def note(self, kind: str, steps: Iterable[Answered]) -> None:
        """Some steps are looked at now."""
        for step in steps:
            self._tried.add((kind, step, self._pool.version(step)))
            self._looked[kind, self._row(step)] += 1

    def take_back(self, kind: str, steps: Iterable[Answered]) -> None:
        """Time was up in the middle of a look, so that it counts for nothing. It must be told
        before other causes are put in force."""
        for step in steps:
            self._tried.discard((kind, step, self._pool.version(step)))
            self._looked[kind, self._row(step)] -= 1

    def targets(
        self, kind: str, most: int, in_all: int, steps: Iterable[Answered] | None = None
    ) -> list[Answered]:
        """Unexplained steps that were not looked at in this way with what is in force for them: of
        each row the first `most`, the smallest where no order is given, and no more than `in_all`
        ever; one row after the other, the one that was met most often first."""
        rows: dict[object, list[Answered]] = defaultdict(list)
        counts: Counter[object] = Counter()
        for step in smallest(self._pool.unexplained) if steps is None else steps:
            name = self._row(step)
            row = rows[name]
            counts[name] += 1
            if (
                len(row) < most
                and step.authority_left
                and self._looked[kind, name] < in_all
                and (kind, step, self._pool.version(step)) not in self._tried
            ):
                row.append(step)

        def often(name: object) -> tuple[int, int]:
            return self._seen.get(name, 0) if isinstance(name, str) else 0, counts[name]

        ordered = [rows[name] for name in sorted(rows, key=often, reverse=True)]
        return [step for turn in range(most) for row in ordered for step in row[turn : turn + 1]]

    def _row(self, step: Answered) -> object:
        """What a step is looked at along with: its bucket, or what differs, whatever the record."""
        left = self._pool.left[step]
        return step.finding or row_of(left)
