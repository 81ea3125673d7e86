"""The longer queries of the reading half of the store, as text."""

from __future__ import annotations

from replay.findings.severity import Severity

_SEVERITIES = tuple(map(str, Severity))

# Which finding is (now) in which bucket: each in its own, and in all that it was merged into.
LEAD = """
lead(member, bucket) AS (
    SELECT id, id FROM divergences
    UNION SELECT lead.member, merges.target FROM lead JOIN merges ON merges.source = lead.bucket
)
"""

FINDINGS = f"""
WITH RECURSIVE {LEAD},
born AS (
    SELECT bucket, min(first_run) AS first_run, max(hot) AS hot,
        min(instr('{" ".join(_SEVERITIES)}', severity)) AS severity -- they stand there worst first
    FROM lead JOIN divergences ON id = member GROUP BY bucket
),
seen AS (
    -- A run of which all has moved into a part saw none of what is left.
    SELECT bucket, sum(occurrences) AS occurrences,
        coalesce(max(CASE WHEN occurrences > 0 THEN run END), max(run)) AS last_run
    FROM lead JOIN tallies ON divergence = member GROUP BY bucket
),
newest AS (
    SELECT h.divergence,
        max(CASE WHEN status IS NOT NULL THEN id END) AS status,
        max(CASE WHEN severity IS NOT NULL THEN id END) AS severity,
        max(CASE WHEN owner IS NOT NULL THEN id END) AS owner,
        max(CASE WHEN note IS NOT NULL THEN id END) AS note
    FROM history h GROUP BY h.divergence
)
SELECT d.id, d.event, d.rule, d.field, d.kind, d.failure, d.part, s.steps, c.verdict, c.form,
    born.first_run, born.hot, born.severity AS computed_severity, seen.last_run, seen.occurrences,
    (SELECT status FROM history WHERE id = newest.status) AS status,
    (SELECT severity FROM history WHERE id = newest.severity) AS severity,
    (SELECT owner FROM history WHERE id = newest.owner) AS owner,
    (SELECT note FROM history WHERE id = newest.note) AS note
FROM divergences d
JOIN born ON born.bucket = d.id
LEFT JOIN seen ON seen.bucket = d.id
LEFT JOIN newest ON newest.divergence = d.id
LEFT JOIN cases c ON c.divergence = d.id AND c.form = (
    SELECT min(form) FROM cases WHERE divergence = d.id) -- "minimised" sorts before "unshrunk"
LEFT JOIN streams s ON s.sha256 = c.stream
"""

MEMBERS = """(WITH RECURSIVE member(id) AS (
    VALUES (?) UNION SELECT source FROM merges JOIN member ON target = member.id
) SELECT id FROM member)"""

RUNS = """
SELECT runs.*,
    (SELECT count(*) FROM tallies WHERE run = runs.id AND occurrences > 0) AS findings,
    (SELECT coalesce(sum(occurrences), 0) FROM tallies WHERE run = runs.id) AS occurrences
FROM runs
"""


def severity_at(place: int) -> Severity:
    """The severity that stands at a place, from 1, of all of them in a row. Raises ValueError for
    0: one of those that were looked for is none of them."""
    if place < 1:
        raise ValueError("a severity is none that is known")
    return Severity(" ".join(_SEVERITIES)[place - 1 :].partition(" ")[0])
