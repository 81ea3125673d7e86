"""More evidence never turns a FAIL into something better, unless what explains it was run."""

from __future__ import annotations

import copy
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telemetry_makers import Bot, compact, cores_of, write

from replay.findings.severity import Severity
from replay.gate.journals import Bucket, Differing, Mark, Replayed
from replay.gate.model import Outcome
from replay.gate.telemetry.samples import read_telemetry
from replay.gate.verdict import GateVerdict, judge

EVENTS = ("FillEvent", "TimerTick", "ConfigUpdate")
KINDS = ("d-run", "d-note", "d-open", "d-small")
CHECKED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@dataclass(slots=True)
class Life:
    """A bot's two hours or so, as it was sampled, and when what diverged."""

    documents: list[Any] = field(default_factory=list)
    diverged: list[tuple[float, str]] = field(default_factory=list)


@st.composite
def lives(draw: st.DrawFn, begin: int = 0) -> Life:
    """What happened, one thing after another; the least that can fail each criterion is short."""
    tells = draw(st.booleans())
    bot = Bot(begin=1_795_338_000 + begin, adapter=tells)
    life = Life()
    bot.run(2)
    for what in draw(st.lists(st.sampled_from(
        ("quiet", "quiet", "unsampled", "diverge", "diverge", "fail", "restart", "other cores")
    ), min_size=2, max_size=10)):  # fmt: skip
        if what == "quiet":
            bot.run(draw(st.sampled_from((1, 3, 17))))
        elif what == "unsampled":
            bot.tick(draw(st.sampled_from((1, 10, 20))))
        elif what == "diverge":
            event, times = draw(st.sampled_from(EVENTS)), draw(st.sampled_from((1, 1, 2)))
            bot.diverge(event, times=times)
            life.diverged += [(bot.now + 30.5, event)] * times
            bot.run(1)
        elif what == "fail":
            bot.fail().run(1)
        elif what == "restart":
            bot.restart().run(1)
        else:
            bot.cores = cores_of(shadow=draw(st.sampled_from("678")) * 64)
    bot.run(2)
    life.documents = bot.documents
    return life


@st.composite
def journals(draw: st.DrawFn, life: Life) -> Replayed:
    """What a replay may say of it: lines that are missing, do not differ now, or differ in what
    another event does; each in a bucket that something explains, or not."""
    replayed = Replayed(files=("events.jsonl",))
    for line, (at, event) in enumerate(life.diverged, 1):
        fate = draw(st.sampled_from(("missing", "agrees", "differs", "differs", "other event")))
        if fate == "missing":
            continue
        replayed.marks.append(Mark("events.jsonl", line, at, False, ""))
        replayed.marked += 1
        if fate == "agrees":
            continue
        now = event if fate == "differs" else draw(st.sampled_from(EVENTS))
        bucket = draw(st.sampled_from(KINDS))
        replayed.differing.append(Differing("events.jsonl", line, now, "transition", bucket))
        replayed.differed[now] += 1
    replayed.steps = Counter(dict.fromkeys(EVENTS, 1_000))
    replayed.buckets = {name: bucket_of(name) for name in KINDS}
    return replayed


def bucket_of(name: str) -> Bucket:
    explained = {"d-run": "it runs", "d-note": "somebody said so"}.get(name, "")
    return Bucket(
        id=name, event="FillEvent", rule="entry fill", status="new",
        severity=Severity.TEXTS if name == "d-small" else Severity.MONEY, hot=True,
        explained_by=explained, weaker=name == "d-note", rate="2/2", reproduced=True,
        is_triaged=bool(explained), stored=False, occurrences=1,
    )  # fmt: skip


def test_pass_2_and_fail_2_say_what_each_of_them_counts() -> None:
    replayed = Replayed()
    for line, bucket in enumerate(("d-open", "d-open", "d-small"), 1):
        replayed.differing.append(Differing("j", line, "FillEvent", "transition", bucket))
    replayed.buckets = {name: bucket_of(name) for name in ("d-open", "d-small")}
    told = {one.key: one.why for one in judged([Bot().run(5).documents], replayed).criteria}
    assert told["pass 2"] == (
        "FillEvent: 2 unexplained of high severity; not counted here, since of low severity: "
        "FillEvent 1"
    )
    assert told["fail 2"] == "FillEvent: 3 unexplained of any severity"


def judged(files: Sequence[Sequence[Any]], replayed: Replayed | None = None) -> GateVerdict:
    with tempfile.TemporaryDirectory() as folder:
        paths = [write(Path(folder) / f"{number}.jsonl", compact(documents))
                 for number, documents in enumerate(files)]  # fmt: skip
        return judge(read_telemetry(paths), replayed)


def outcomes(verdict: GateVerdict) -> dict[str, Outcome]:
    return {one.key: one.outcome for one in verdict.criteria}


def softened(before: GateVerdict, after: GateVerdict) -> dict[str, str]:
    """The criteria that failed and no longer do, with what is said now."""
    told = {one.key: one for one in after.criteria}
    return {
        key: f"{told[key].outcome}: {told[key].why}"
        for key, outcome in outcomes(before).items()
        if outcome is Outcome.FAIL and told[key].outcome is not Outcome.FAIL
    }


@CHECKED
@given(st.data())
def test_a_journal_softens_only_what_it_shows_to_be_explained_by_what_runs(
    data: st.DataObject,
) -> None:
    life = data.draw(lives())
    replayed = data.draw(journals(life))
    alone, beside = judged([life.documents]), judged([life.documents], replayed)
    explained = any(one.bucket == "d-run" for one in replayed.differing)
    assert explained or softened(alone, beside) == {}
    # Of what an explanation covers that was run, all but one of each event is as it was.
    unrun = copy.deepcopy(replayed)
    unrun.differing = [one for one in unrun.differing if one.bucket != "d-run"]
    assert softened(alone, judged([life.documents], unrun)) == {}


@CHECKED
@given(st.data())
def test_explanations_that_are_not_run_soften_nothing(data: st.DataObject) -> None:
    life = data.draw(lives())
    replayed = data.draw(journals(life))
    bare = copy.deepcopy(replayed)
    bare.buckets = {name: bucket_of(name if name == "d-run" else "d-open") for name in KINDS}
    noted = copy.deepcopy(replayed)
    noted.buckets = {name: bucket_of(name if name == "d-run" else "d-note") for name in KINDS}
    assert softened(judged([life.documents], bare), judged([life.documents], noted)) == {}


@CHECKED
@given(st.data())
def test_a_file_of_samples_softens_nothing_whosever_it_is(data: st.DataObject) -> None:
    """One of the same time, of before, or of after; of this bot or of another."""
    life = data.draw(lives())
    other = data.draw(lives(begin=data.draw(st.sampled_from((0, -86_400, 7_200, 86_400)))))
    alone = judged([life.documents])
    assert softened(alone, judged([life.documents, other.documents])) == {}
    assert softened(alone, judged([other.documents, life.documents])) == {}


@CHECKED
@given(st.data())
def test_samples_that_go_on_or_were_left_out_soften_nothing(data: st.DataObject) -> None:
    """Any part of the samples fails on no more than all of them do."""
    documents = data.draw(lives()).documents
    kept = data.draw(st.lists(st.booleans(), min_size=len(documents), max_size=len(documents)))
    some = [one for one, keep in zip(documents, kept, strict=True) if keep]
    begin = documents[: data.draw(st.integers(1, len(documents)))]
    whole = judged([documents])
    assert softened(judged([some]), whole) == {}
    assert softened(judged([begin]), whole) == {}


@CHECKED
@given(st.data())
def test_a_line_of_any_content_softens_nothing(data: st.DataObject) -> None:
    documents = data.draw(lives()).documents
    line = copy.deepcopy(data.draw(st.sampled_from(documents)))
    block = line["state_machine_shadow"]
    for key in data.draw(st.lists(st.sampled_from(sorted(block)), max_size=3, unique=True)):
        if key != "adapter":
            block[key] = data.draw(st.sampled_from((0, -1, 10**6, True, False, None, "", "x")))
    line["ts"] = data.draw(st.sampled_from((line["ts"], documents[-1]["ts"], "soon", None)))
    assert softened(judged([documents]), judged([[*documents, json.loads(json.dumps(line))]])) == {}


@CHECKED
@given(st.data())
def test_to_call_it_a_rehearsal_softens_nothing(data: st.DataObject) -> None:
    documents = data.draw(lives()).documents
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "telemetry.jsonl", compact(documents))
        plain, called = (judge(read_telemetry([path], rehearsal=one)) for one in (False, True))
    assert softened(plain, called) == {}
