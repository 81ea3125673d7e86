"""Reports for the tests of what shows them: with something in every part, and with evil texts."""

from __future__ import annotations

from collections import Counter
from typing import Any

from store_support import HASKELL, PYTHON

from replay.differential.model import Verdict
from replay.explaining.claims.claim import Claim
from replay.reports.details import AnswerRow, FindingDetail, HistoryRow
from replay.runs.coverage import Exercised
from replay.runs.report import Check, FindingLine, Report
from replay.streams.model import Rejected

EVIL = (
    "\x1b[31mred\x1b]0;t\x07 \u202egnihton\u2066 <script>alert(1)</script> ]]> --> &amp; <!--"
    " | `` ` *b* _i_ [l](javascript:alert(1)) ![i](http://a.example/x.png) <img src=x onerror=y>"
    " http://a.example/ www.a.example nobody@a.example @someone #12 ../../etc/passwd \" ' \\|"
    "\r\n# head\n\n- item\n```\n<b>\u2028\u3000\ud800\ufffe\x00"
)


def line(number: int, **fields: Any) -> FindingLine:
    """A divergence; `fields` make it another one."""
    identity = f"d-{number:08x}"
    known: dict[str, Any] = {
        "id": identity,
        "event": "FillEvent",
        "rule": "entry fill",
        "kind": "value",
        "field": "state.total_fees",
        "fields": ("state.total_fees",),
        "occurrences": number,
        "steps": 1,
        "new": False,
        "failure": False,
        "command": f"doge-replay repro {fields.get('id', identity)}",
    }
    return FindingLine(**{**known, **fields})


def detail(identity: str) -> FindingDetail:
    """What there is to show of a finding in full."""
    return FindingDetail(
        identity,
        'reducer.md, "FillEvent", An entry',
        (
            ("from", "journal.jsonl slot 0"),
            ("state", '{"orders": [{"local_id": 41, "side": "buy", "role": "entry"}]}'),
            ("config", '{"entry_pct": 0.2}'),
            ("step 1", 'FillEvent {"order_local_id": 41, "fee": 1.0} (line 28)'),
        ),
        (
            AnswerRow("state.total_fees", "1.0", "0.0", "magnitude"),
            AnswerRow("state.now", "12.0", "12.0", ""),
        ),
        "and 54 values that are alike",
        (
            HistoryRow("2026-01-02T03:04:05Z", "doge-replay nightly, run 3", "fixed", "it agreed"),
            HistoryRow("2026-01-03T03:04:05Z", "somebody", "", "have a look at the fees"),
        ),
    )


def exercised() -> Exercised:
    """Something of everything."""
    return Exercised(
        met=Counter({(0, "S0", "refresh"): 900, (2, "S1a", "entry fill"): 100}),
        acted=Counter({(2, "S1a", "entry fill"): 90}),
        actions=Counter({("PlaceOrderAction", "exit entry_fill_exit"): 90}),
        refused=Counter({(2, "unreadable"): 10}),
        configurations={1, 2},
        independent=Counter({0: 300, 2: 100}),
        differed=Counter({(2, "d-00000002"): 3}),
        draws={"live 0": 0b101, "live 1": 0b1},
        differed_draws={(2, "d-00000002"): {"live 0"}},
    )


def full_report(**fields: Any) -> Report:
    """A report with something in every part."""
    report = Report("nightly", PYTHON, HASKELL, seconds=10.0, seed=7, profile="all")
    report.tally.streams, report.tally.transitions = 12, 1000
    report.tally.calls.update({0: 900, 2: 100})
    report.tally.verdicts.update({Verdict.AGREE: 990, Verdict.DIVERGE: 10})
    report.findings = [
        line(1, status="regressed", severity="texts"),
        line(2, new=True, severity="money", hot=True),
        line(3, new=True, severity="orders", event="RecoveryFillEvent"),
        line(4, status="triaged", severity="invariants"),
        line(5, status="flaky", rate="3 of 20", severity="orders", hot=True),
        line(6, status="explained", explained_by="rounds by scaling", severity="money"),
        line(7, status="explained", explained_by="known to ops", weaker=True, severity="texts"),
        line(8, id="f-00000008", failure=True, kind="timeout", field="", fields=(), new=True),
    ]
    report.regressed, report.fixed, report.resolved = ["d-00000001"], ["d-00000009"], ["d-0000000a"]
    report.claims = [
        Claim("rounds by scaling", True, "its deviation reproduces all", ("d-00000006",), 40),
        Claim("known to ops", True, "signed", ("d-00000007",), 0, True),
        Claim("too wide", False, "it also changes steps on which both agree", (), 12),
    ]
    report.misses = ["case 4: expected phase S0"]
    report.rejected = [Rejected("a.jsonl", 3, "no JSON")]
    report.rejected_count = 1
    report.canary = Check(True, {"planted": 3, "found": 3, "missed": []})
    report.control = Check(True, {"differs_from_itself": {}})
    report.features = frozenset({"a", "b"})
    report.new_streams = 2
    report.exercised = exercised()
    for name, value in fields.items():
        setattr(report, name, value)
    return report


def evil_report(text: str = EVIL) -> Report:
    """A report in which every text is evil."""
    report = full_report(kind=text, profile=text, misses=[text])
    shape: list[dict[str, Any]] = [
        {"status": "regressed"}, {"new": True}, {"status": text}, {"status": "flaky", "rate": text},
        {"explained_by": text, "weaker": True}, {"failure": True},
    ]  # fmt: skip
    report.findings = [
        line(
            number, id=text + str(number), event=text, rule=text, kind=text, field=text,
            fields=(text, text), command=text, **{"severity": text, **fields},
        )
        for number, fields in enumerate(shape)
    ]  # fmt: skip
    report.claims = [Claim(text, False, text, (text,), 1), Claim(text, True, text, (text,), 1)]
    report.fixed = report.resolved = report.regressed = [text]
    report.rejected = [Rejected(text, 3, text)]
    report.canary = Check(False, {"planted": 3, "found": 2, "missed": [text]})
    report.control = Check(False, {"differs_from_itself": {text: [text]}})
    report.exercised.actions = Counter({(text, text): 3})
    report.exercised.met = Counter({(0, "S0", text): 5})
    report.exercised.refused = Counter({(0, text): 5})
    return report


def evil_details(report: Report, text: str = EVIL) -> list[FindingDetail]:
    """Everything that can be said of its findings, and all of it evil."""
    return [
        FindingDetail(
            one.id, text, ((text, text),) * 3, (AnswerRow(text, text, text, text),) * 3, text,
            (HistoryRow(text, text, text, text),) * 3,
        )
        for one in report.findings
    ]  # fmt: skip
