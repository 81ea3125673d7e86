"""Campaigns: the same for the same seed however many workers, and nothing sent is ever lost."""

from __future__ import annotations

import multiprocessing
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import replay.core
from replay.differential.model import Verdict
from replay.differential.tally import Tally
from replay.errors import ExitCode, TargetError
from replay.findings.store.store import Store
from replay.fuzzing.campaign_units import Mix, Row
from replay.runs import canary
from replay.runs.campaign import Budget, local, run_campaign
from replay.runs.canary import check_canary, check_control
from replay.runs.collector import Collector
from replay.runs.report import Report
from replay.runs.work import Candidate, Job
from replay.streams.model import CallCode
from replay.streams.packed import pack
from replay.targets.base import Target
from replay.targets.open import open_target
from replay.targets.pair import PairSpec
from replay.targets.planted import PLANTED

CORE = Path(replay.core.__file__).parent
REGIME = ("reducer.py", "regime_at_entry=entry.regime_at_entry,", "regime_at_entry=None,")
FEE = ("booking.py", "fees = closed.entry_fee + fee", "fees = closed.entry_fee + fee + 1.0")

PAUSE = ("reducer.py", "state.now + config.refresh_cooldown_sec", "state.now")
PROFIT = ("entries.py", "p = profit / 100.0", "p = profit / 90.0")


def faulty_core(directory: Path, *faults: tuple[str, str, str]) -> str:
    """A copy of the Python core with some texts replaced, as the user names it."""
    package = directory / "botcore"
    shutil.copytree(CORE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for file, old, new in faults:
        text = (package / file).read_text("utf-8")
        assert text.count(old) == 1
        (package / file).write_text(text.replace(old, new), "utf-8")
    return str(package / "__init__.py")


@dataclass
class Campaign:
    """A finished campaign, with its store still open."""

    report: Report
    candidates: list[Candidate]
    store: Store
    collector: Collector

    @property
    def counts(self) -> dict[str, int]:
        return {line.id: line.occurrences for line in self.collector.lines()}

    @property
    def minimised(self) -> dict[str, bytes]:
        stored = {finding.id: finding for finding in self.store.findings()}
        assert all(finding.minimised for finding in stored.values())
        return {
            name: pack([list(f.case.start), [list(step[:2]) for step in f.case.steps]])
            for name, f in stored.items()
        }


def campaign(
    directory: Path,
    shadow: str,
    jobs: int,
    on_progress: Any = lambda tally: None,
    *,
    mix: Mix = Mix.LIVE,
    deadline: float | None = None,
    transitions: int | None = 4000,
    known_features: frozenset[str] = frozenset(),
) -> Campaign:
    """Runs a campaign; where it raises, the store is left for a look."""
    cores = PairSpec("python", shadow)
    authority, other = cores.open()
    report = Report("fuzz", authority.identity, other.identity)
    authority.close()
    other.close()
    store = Store.open(directory / f"campaign-{jobs}.db")
    run = store.begin_run("fuzz", report.authority, report.shadow, {})
    collector = Collector(store, run, lambda name: f"repro {name}")
    identities = (report.authority, report.shadow)
    job = Job(cores, identities, Row(mix, 5), known_features=known_features)
    budget = Budget(mix, 5, local(jobs), deadline, transitions, streams=50)
    try:
        candidates = run_campaign(job, budget, collector, report, on_progress)
    finally:
        store.flush()
        assert not multiprocessing.active_children()
    return Campaign(report, candidates, store, collector)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Campaign]]:
    """The same campaign on one worker, on two, and on two again."""
    directory = tmp_path_factory.mktemp("runs")
    shadow = faulty_core(directory, REGIME, FEE, PAUSE, PROFIT)
    done: dict[str, Campaign] = {}
    for name, jobs in (("one", 1), ("two", 2), ("two again", 2)):
        (directory / name).mkdir()
        done[name] = campaign(directory / name, shadow, jobs, mix=Mix.ALL)
    yield done
    for finished in done.values():
        finished.store.close()


def test_one_worker_and_two_find_the_same(runs: dict[str, Campaign]) -> None:
    one = runs["one"]
    assert len(one.counts) >= 3
    assert one.report.tally.transitions >= 4000
    verdicts = one.report.tally.verdicts
    shown = verdicts[Verdict.DIVERGE] + verdicts[Verdict.SHADOW_FAILED]
    assert shown == sum(one.counts.values())
    for other in (runs["two"], runs["two again"]):
        assert other.counts == one.counts
        assert other.report.tally == one.report.tally
        assert other.report.features == one.report.features
        assert other.report.exercised == one.report.exercised
        assert other.report.bounds() == one.report.bounds()
        assert {f.id: f.steps for f in other.store.findings()} == dict.fromkeys(one.counts, 1)


def test_what_was_exercised_is_all_that_was_compared(runs: dict[str, Campaign]) -> None:
    report = runs["two"].report
    failed = report.tally.verdicts[Verdict.SHADOW_FAILED]
    assert report.exercised.steps == report.tally.compared + failed
    assert {finding for _, finding in report.exercised.differed} == set(runs["two"].counts)
    assert all(0 < bound.steps <= report.tally.transitions for bound in report.bounds())
    assert any(bound.differed for bound in report.bounds())
    fill = next(bound for bound in report.bounds() if bound.call == CallCode.FILL)
    assert 1 <= fill.draws <= report.tally.streams


def test_the_same_campaign_ends_with_the_same_cases_to_the_byte(runs: dict[str, Campaign]) -> None:
    assert runs["two"].minimised == runs["two again"].minimised


def test_the_minimised_cases_do_not_depend_on_how_many_workers_there_are(
    runs: dict[str, Campaign],
) -> None:
    assert runs["one"].minimised == runs["two"].minimised


def test_candidates_come_in_the_order_of_their_units(tmp_path: Path) -> None:
    done = campaign(tmp_path, "python", 2, mix=Mix.ALL, transitions=3000)
    units = [candidate.unit for candidate in done.candidates]
    assert len(units) > 3
    assert units == sorted(units)
    assert done.counts == {}
    assert all(candidate.features for candidate in done.candidates)
    done.store.close()


def test_known_features_are_no_reason_to_keep_a_stream(tmp_path: Path) -> None:
    first = campaign(tmp_path, "python", 1, transitions=2000)
    known = first.report.features
    (tmp_path / "again").mkdir()
    again = campaign(
        tmp_path / "again", "python", 1, transitions=2000, known_features=frozenset(known)
    )
    assert first.candidates
    assert again.candidates == []
    first.store.close()
    again.store.close()


def test_it_ends_at_the_deadline(tmp_path: Path) -> None:
    began = time.monotonic()
    done = campaign(tmp_path, "python", 1, deadline=began + 30.0, transitions=None)
    assert time.monotonic() - began > 29.5
    assert done.report.tally.transitions > 0
    done.store.close()


def test_its_first_lot_is_run_even_where_the_time_is_up(tmp_path: Path) -> None:
    done = campaign(tmp_path, "python", 1, deadline=time.monotonic() - 1.0, transitions=None)
    assert done.report.tally.compared > 0
    done.store.close()


def test_workers_that_are_killed_are_replaced_and_what_they_did_is_done_again(
    tmp_path: Path,
) -> None:
    shadow = faulty_core(tmp_path, FEE)
    (tmp_path / "quiet").mkdir()
    quiet = campaign(tmp_path / "quiet", shadow, 1, transitions=24_000)
    killed: list[int] = []

    def kill_some(tally: Tally) -> None:
        if tally.verdicts[Verdict.DIVERGE] and len(killed) < 3:
            for worker in multiprocessing.active_children():
                worker.kill()
                killed.append(tally.transitions)

    one = campaign(tmp_path, shadow, 1, kill_some, transitions=24_000)
    assert len(killed) == 3
    assert one.counts == quiet.counts
    assert one.minimised == quiet.minimised
    # Where it was at a unit, nobody knows whether that unit is to blame.
    assert (one.report.exit_code is ExitCode.CORE_FAILED) == bool(one.report.set_aside)
    assert all("died (signal 9)" in unit.why for unit in one.report.set_aside)
    quiet.store.close()
    one.store.close()


def test_a_worker_that_cannot_open_its_cores_says_why(tmp_path: Path) -> None:
    shadow = faulty_core(tmp_path)
    report_of = campaign(tmp_path, shadow, 1, transitions=300)
    report_of.store.close()
    marker = tmp_path / "opened"
    init = Path(shadow)
    init.write_text(
        init.read_text("utf-8")
        + f"\n\nfrom pathlib import Path as _Path\n\nif _Path({str(marker)!r}).exists():\n"
        "    raise RuntimeError('not in a worker')\n"
        f"_Path({str(marker)!r}).touch()\n",
        "utf-8",
    )
    with pytest.raises(TargetError, match="RuntimeError: not in a worker"):
        campaign(tmp_path, shadow, 2, transitions=300)


# --- The canary and the control ---------------------------------------------------------------


def _ours() -> Target:
    return open_target("python")


def test_every_planted_fault_is_found_with_the_real_cores(core_exe: str) -> None:
    check = check_canary(_ours, lambda: open_target(core_exe))
    assert check.ok is True
    assert check.details == {"planted": len(PLANTED), "found": len(PLANTED), "missed": []}


def test_a_comparison_that_sees_nothing_misses_the_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replay.differential.verdicts.compare", lambda *arguments: ())
    check = check_canary(_ours, _ours)
    assert check.ok is False
    assert set(check.details["missed"]) == set(PLANTED)


def test_a_minimiser_that_never_succeeds_misses_the_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "minimise", lambda *arguments, **limits: None)
    assert check_canary(_ours, _ours).ok is False


def test_the_canary_is_found_in_a_shadow_that_has_faults_of_its_own(tmp_path: Path) -> None:
    path = faulty_core(tmp_path, REGIME)
    assert check_canary(_ours, lambda: open_target(path)).ok is True


def test_a_core_that_agrees_with_itself_passes_the_control(core_exe: str, tmp_path: Path) -> None:
    check = check_control(_ours, lambda: open_target(core_exe))
    assert (check.ok, check.details) == (True, {"differs_from_itself": {}})
    path = faulty_core(tmp_path, FEE)
    assert check_control(_ours, lambda: open_target(path)).ok is True


def test_a_shadow_that_answers_at_random_fails_the_control(tmp_path: Path) -> None:
    random_fee = ("booking.py", "total_fees=state.total_fees + fee,",
                  "total_fees=state.total_fees + __import__('random').random(),")  # fmt: skip
    path = faulty_core(tmp_path, random_fee)
    check = check_control(_ours, lambda: open_target(path))
    assert check.ok is False
    assert set(check.details["differs_from_itself"]) == {"shadow"}
    assert all(name.startswith("d-") for name in check.details["differs_from_itself"]["shadow"])
    check = check_control(lambda: open_target(path), _ours)
    assert set(check.details["differs_from_itself"]) == {"authority"}
