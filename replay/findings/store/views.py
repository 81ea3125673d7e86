"""Views for whoever looks into the database with tools of their own: plain columns, kept alike.

The tables are ours and may change; these views (docs/settings.md, "The database") may only get more
columns. Statuses, severities and counts are those of `doge-replay list`.
"""

from __future__ import annotations

from replay.findings.lifecycle import FORMER_WORD, Status
from replay.findings.store.database import Connection

_LEAD = """
WITH RECURSIVE lead(member, bucket) AS (
    SELECT id, id FROM divergences
    UNION SELECT lead.member, merges.target FROM lead JOIN merges ON merges.source = lead.bucket
)"""

_SAID = """(SELECT {0} FROM history
    WHERE divergence = d.id AND {0} IS NOT NULL ORDER BY id DESC LIMIT 1)"""

_BY_DEGREE = "orders money invariants texts"

VIEWS = {
    # One row for each finding that stands alone or was merged with others.
    "view_findings": f"""{_LEAD},
        members AS (
            SELECT bucket, min(first_run) AS first_run, max(hot) AS hot,
                min(instr('{_BY_DEGREE}', severity)) AS degree
            FROM lead JOIN divergences ON id = member GROUP BY bucket
        ),
        seen AS (
            SELECT bucket, sum(occurrences) AS occurrences,
                coalesce(max(CASE WHEN occurrences > 0 THEN run END), max(run)) AS last_run
            FROM lead JOIN tallies ON divergence = member GROUP BY bucket
        )
        SELECT d.id, d.event, d.rule, d.field, d.kind, d.failure, members.hot,
            coalesce(replace({_SAID.format("status")}, '{FORMER_WORD}', '{Status.CORE_FAILURE}'),
                iif(d.failure, '{Status.CORE_FAILURE}', 'new')) AS status,
            coalesce({_SAID.format("severity")}, CASE members.degree
                WHEN instr('{_BY_DEGREE}', 'orders') THEN 'orders'
                WHEN instr('{_BY_DEGREE}', 'money') THEN 'money'
                WHEN instr('{_BY_DEGREE}', 'invariants') THEN 'invariants'
                WHEN instr('{_BY_DEGREE}', 'texts') THEN 'texts' END) AS severity,
            {_SAID.format("owner")} AS owner,
            {_SAID.format("note")} AS note,
            seen.occurrences, members.first_run, seen.last_run,
            born.started AS first_seen, newest.started AS last_seen
        FROM divergences d
        JOIN members ON members.bucket = d.id
        JOIN runs born ON born.id = members.first_run
        LEFT JOIN seen ON seen.bucket = d.id
        LEFT JOIN runs newest ON newest.id = seen.last_run""",
    # The causes of the account that `list` shows: one row for each finding that a cause answers
    # for, and one without a finding where it answers for none that is stored.
    "view_causes": """
        SELECT c.id, c.place, c.kind, c.says, c.rule, c.verified, c.needed_at, c.doubtful,
            f.divergence AS finding, a.at AS accounted_at
        FROM causes c
        JOIN accounts a ON a.id = c.account
        LEFT JOIN cause_findings f ON f.account = c.account AND f.place = c.place
        WHERE c.account = (SELECT id FROM accounts ORDER BY complete > 0 DESC, id DESC LIMIT 1)""",
    # The places of the first few occurrences of each finding in each run.
    "view_occurrences": """
        SELECT o.divergence AS finding, o.run, r.started AS seen_at, o.origin, o.line, o.step,
            o.count
        FROM occurrences o JOIN runs r ON r.id = o.run""",
    "view_runs": """
        SELECT r.id, r.kind, r.started, r.ended, r.seconds, r.exit, r.streams, r.transitions,
            r.rejected, r.seed, r.profile, r.tool_version,
            a.path AS authority, a.sha256 AS authority_sha256,
            s.path AS shadow, s.sha256 AS shadow_sha256,
            (SELECT count(*) FROM tallies WHERE run = r.id AND occurrences > 0) AS findings,
            (SELECT coalesce(sum(occurrences), 0) FROM tallies WHERE run = r.id) AS occurrences
        FROM runs r JOIN cores a ON a.id = r.authority JOIN cores s ON s.id = r.shadow""",
}
"""What migration 0005 makes, and 0006 makes anew."""


def create_views(connection: Connection) -> None:
    """Makes them all, inside a transaction."""
    for name, query in VIEWS.items():
        connection.execute(f"CREATE VIEW {name} AS {query}")


def renew_views(connection: Connection) -> None:
    """Makes them again, as they are now."""
    for name in VIEWS:
        connection.execute(f"DROP VIEW {name}")
    create_views(connection)
