"""Python cores as targets: files and modules, kept apart, and whatever a bot's module does."""

from __future__ import annotations

import copy
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import replay.core
from replay.differential.lockstep import Lockstep, run_stream
from replay.differential.model import Verdict
from replay.errors import TargetError, UsageError
from replay.fuzzing.expand import expand
from replay.fuzzing.plan import Profile
from replay.fuzzing.seeded_plans import plan_of_seed
from replay.streams.model import Document, Start, Step, Stream, segments_of
from replay.targets.base import Outcome, Target, Work, is_refusal
from replay.targets.open import open_target as open_any_target
from replay.targets.python.module import open_python_target

CORE = Path(replay.core.__file__).parent
NOW = 1000.0
STATE: dict[str, Document] = {
    "market_price": 0.2,
    "now": NOW,
    "orders": [
        {"local_id": 1, "side": "sell", "role": "entry", "price": 0.2004, "volume": 25.0,
         "trade_id": "A", "cycle": 1, "regime_at_entry": 1},
        {"local_id": 2, "side": "buy", "role": "entry", "price": 0.1996, "volume": 25.0,
         "trade_id": "B", "cycle": 1},
    ],
    "next_order_id": 3,
}  # fmt: skip
START = Start(STATE, {}, 5.0, None)
FILL = Step((2, 1, "X", "sell", 0.2, 25.0, 0.01, NOW + 1.0))
TICK = Step((0, 0.21, NOW + 2.0))
TIMER = Step((1, NOW + 3.0))
STEPS = [FILL, TICK, TIMER]

open_target = partial(open_any_target, isolated=False)
"""What a core computes is the same in a process of its own (test_isolated_cores.py)."""


@pytest.fixture(autouse=True)
def _modules_stay_as_they_are() -> Iterator[None]:
    """Whatever a test loads, it must not be seen by anything else."""
    before, path, hooks = dict(sys.modules), list(sys.path), list(sys.meta_path)
    yield
    ours = {n for n, m in sys.modules.items() if n not in before or before[n] is not m}
    # What pytest and the standard library load when they are first used is theirs.
    elsewhere = {"replay", "_pytest", *sys.stdlib_module_names}
    assert not {name for name in ours if name.partition(".")[0] not in elsewhere}
    assert set(before) <= set(sys.modules)
    assert (sys.path, sys.meta_path) == (path, hooks)


def checkout(directory: Path, *replacements: tuple[str, str, str], extra: str = "") -> str:
    """A bot's checkout: `state_machine.py` beside the package that it is made of."""
    package = directory / "botcore"
    shutil.copytree(CORE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for file, old, new in replacements:
        text = (package / file).read_text("utf-8")
        assert old in text
        (package / file).write_text(text.replace(old, new), "utf-8")
    module = directory / "state_machine.py"
    module.write_text(f"from botcore import *\n\n{extra}\n", "utf-8")
    return str(module)


def answers(target: Target, *steps: Step, start: Start = START) -> list[Outcome]:
    target.submit(Work(1, start, list(steps) or STEPS, last=True))
    return target.collect().results  # type: ignore[return-value]


EXPECTED = answers(open_python_target("python"))


def verdicts(authority: Target, shadow: Target, stream: Stream) -> set[Verdict]:
    lockstep = Lockstep(authority, shadow)
    run_stream(lockstep, segments_of(stream, 0))
    return set(+lockstep.tally.verdicts)


# --- What can be opened -----------------------------------------------------------------------


def test_our_core_is_named_python() -> None:
    identity = open_target("python").identity
    assert (identity.kind, identity.path) == ("python", "python")
    assert identity.version == replay.core.CORE_VERSION
    assert len(identity.sha256) == 64


def test_a_file_of_a_checkout_answers_like_the_core_it_is_a_copy_of(tmp_path: Path) -> None:
    target = open_target(checkout(tmp_path))
    assert answers(target) == EXPECTED
    assert target.identity.kind == "module"
    assert target.identity.path == str(tmp_path / "state_machine.py")
    assert target.identity.revision == "unknown"


def test_a_module_is_found_by_its_dotted_name_from_here_and_from_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout(tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    assert answers(open_target("state_machine")) == EXPECTED
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no such Python core: state_machine"):
        open_target("state_machine")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "here")])
    assert answers(open_target("state_machine")) == EXPECTED
    monkeypatch.undo()


def test_a_package_with_relative_imports_is_opened_by_file_and_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "bot" / "engine"
    checkout(package)
    (tmp_path / "bot" / "__init__.py").touch()
    (package / "__init__.py").touch()
    shutil.move(package / "botcore", package / "core")
    (package / "state_machine.py").write_text("from .core import *\nfrom . import core\n")
    assert answers(open_target(str(package / "state_machine.py"))) == EXPECTED
    assert answers(open_target(str(package / "core" / "__init__.py"))) == EXPECTED
    monkeypatch.chdir(tmp_path)
    assert answers(open_target("bot.engine.state_machine")) == EXPECTED
    monkeypatch.undo()


@pytest.mark.parametrize("role", ["authority", "shadow"])
def test_either_side_can_be_a_checkout(tmp_path: Path, role: str) -> None:
    bot = open_target(checkout(tmp_path))
    core = open_target("python")
    pair = (bot, core) if role == "authority" else (core, bot)
    for profile in (Profile.LIVE, Profile.EDGE):
        for seed in range(4):
            stream = expand(plan_of_seed(profile, seed))
            assert verdicts(*pair, stream) <= {Verdict.AGREE, Verdict.BOTH_REFUSE}


# --- What cannot ------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", ["no_such_module", "no.such.module", "no_such.py", "./no/such.py"])
def test_what_is_not_there_is_a_usage_error_that_names_it(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_target(spec)
    assert spec in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import no_such_thing", "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("def transition(:", "SyntaxError"),
        ("raise RuntimeError('not today')", "RuntimeError: not today"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit(7)", "SystemExit: 7"),
        ("import sys; sys.exit('no')", "SystemExit: no"),
        ("\0", "source code string cannot contain null bytes"),
    ],
)
def test_a_module_that_cannot_be_loaded_is_a_target_error_that_says_why(
    tmp_path: Path, source: str, told: str
) -> None:
    path = tmp_path / "state_machine.py"
    path.write_text(source, "utf-8")
    with pytest.raises(TargetError) as caught:
        open_target(str(path))
    assert str(path) in caught.value.message
    assert told in caught.value.message


def test_all_missing_names_are_told(tmp_path: Path) -> None:
    path = checkout(tmp_path, extra="del transition, TimerTick")
    with pytest.raises(TargetError) as caught:
        open_target(path)
    assert caught.value.message == f"{path} has no TimerTick, transition"
    assert caught.value.data["missing"] == ["TimerTick", "transition"]


def test_a_state_that_lacks_a_field_is_told(tmp_path: Path) -> None:
    path = checkout(tmp_path, ("records.py", "    profit_pct_runtime: float = 1.0\n", ""))
    with pytest.raises(TargetError, match=r"has no PairState\.profit_pct_runtime"):
        open_target(path)


@pytest.mark.parametrize("name", ["PairState", "OrderState", "EngineConfig", "PriceTick"])
def test_a_record_that_is_no_dataclass_is_a_target_error(tmp_path: Path, name: str) -> None:
    path = checkout(tmp_path, extra=f"class {name}: pass")
    with pytest.raises(TargetError) as caught:
        open_target(path)
    assert name in caught.value.message


# --- Two checkouts ----------------------------------------------------------------------------

_SETTINGS = """
import settings
from botcore import transition as _transition

def transition(state, event, config, order_size_usd, order_sizes=None):
    from lazily import extra
    import settings as again
    state, actions = _transition(state, event, config, order_size_usd, order_sizes)
    assert again is settings
    return replace(state, total_fees=state.total_fees + settings.FEE + extra()), actions

from dataclasses import replace
"""


def with_settings(directory: Path, fee: float, extra: float) -> str:
    """A checkout whose state machine imports siblings, one of them only when it runs."""
    path = checkout(directory, extra=_SETTINGS)
    (directory / "settings.py").write_text(f"FEE = {fee}\n")
    (directory / "lazily.py").write_text(
        f"def extra():\n    from deeper import VALUE\n    return VALUE + {extra}\n"
    )
    (directory / "deeper.py").write_text("from settings import FEE\nVALUE = FEE * 100\n")
    return path


def test_two_checkouts_with_the_same_names_are_not_mixed(tmp_path: Path) -> None:
    one = open_target(with_settings(tmp_path / "one", 1.0, 0.5))
    other = open_target(with_settings(tmp_path / "other", 2.0, 0.25))
    for _ in range(2):
        assert answers(one, TIMER)[0][0][22:24] == [11, 101.5]
        assert answers(other, TIMER)[0][0][22:24] == [11, 202.25]
    stream = Stream(START, tuple(STEPS))
    assert verdicts(one, other, stream) == {Verdict.DIVERGE}
    again = open_target(with_settings(tmp_path / "again", 1.0, 0.5))
    assert verdicts(one, again, stream) == {Verdict.AGREE}


def test_a_checkout_does_not_see_a_module_of_its_names_that_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import types

    stranger = types.ModuleType("settings")
    stranger.FEE = 1e9  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "settings", stranger)
    target = open_target(with_settings(tmp_path, 1.0, 0.5))
    assert answers(target, TIMER)[0][0][22:24] == [11, 101.5]
    assert sys.modules["settings"] is stranger
    monkeypatch.undo()


def test_the_digest_changes_with_any_of_the_files_and_with_nothing_else(tmp_path: Path) -> None:
    base = open_target(with_settings(tmp_path / "base", 1.0, 0.5)).identity.sha256
    same = open_target(with_settings(tmp_path / "same", 1.0, 0.5)).identity.sha256
    assert base == same
    digests = {base}
    for place, file in enumerate(("state_machine.py", "settings.py", "botcore/numbers.py")):
        directory = tmp_path / str(place)
        path = with_settings(directory, 1.0, 0.5)
        (directory / "not_imported.py").write_text("x = 1\n")
        assert open_target(path).identity.sha256 == base
        with (directory / file).open("a", encoding="utf-8") as stream:
            stream.write("# changed\n")
        digests.add(open_target(path).identity.sha256)
    assert len(digests) == 4


# --- Modules that are made another way --------------------------------------------------------


def test_fields_in_another_order_and_more_of_them_make_no_difference(tmp_path: Path) -> None:
    fields = "    price: float\n    timestamp: float\n"
    order = "    price: float\n    volume: float\n    trade_id: TradeId\n    cycle: int\n"
    path = checkout(
        tmp_path,
        ("records.py", fields, "    timestamp: float\n    price: float\n    source: str = ''\n"),
        ("records.py",
         '    txid: str = ""\n    placed_at: float = 0.0\n    entry_price: float = 0.0\n',
         '    seen: bool = False\n    placed_at: float = 0.0\n    txid: str = ""\n'
         "    entry_price: float = 0.0\n"),
        ("records.py", "    profit_pct_runtime: float = 1.0\n",
         "    profit_pct_runtime: float = 1.0\n    engine: str = 'new'\n"),
        ("records.py", "    sticky_mode_enabled: bool = False\n",
         "    sticky_mode_enabled: bool = False\n"
         "    new_setting: float = 0.0\n"),
        ("entries.py", "placed_at=state.now", "placed_at=state.now, seen=True"),
    )  # fmt: skip
    assert order in (tmp_path / "botcore" / "records.py").read_text()
    bot = open_target(path)
    assert answers(bot) == EXPECTED
    for profile in (Profile.LIVE, Profile.EDGE):
        for seed in range(3):
            stream = expand(plan_of_seed(profile, seed))
            for pair in ((bot, open_target("python")), (open_target("python"), bot)):
                assert verdicts(*pair, stream) <= {Verdict.AGREE, Verdict.BOTH_REFUSE}


def test_a_config_that_lacks_a_newer_setting_is_still_made(tmp_path: Path) -> None:
    path = checkout(tmp_path, ("records.py", "    stale_price_max_age_sec: float = 60.0\n", ""))
    assert answers(open_target(path)) == EXPECTED


def test_ints_where_the_contract_has_doubles_are_equal_to_them(tmp_path: Path) -> None:
    path = checkout(
        tmp_path, ("booking.py", "losses = increment(losses) if net < 0 else 0", "losses = 0.0")
    )
    extra = tmp_path / "state_machine.py"
    extra.write_text(
        extra.read_text("utf-8") + "from dataclasses import replace\n"
        "_transition = transition\n"
        "def transition(state, event, config, size, sizes=None):\n"
        "    state, actions = _transition(state, event, config, size, sizes)\n"
        "    return replace(state, total_fees=0, now=int(state.now)), list(actions)\n",
        "utf-8",
    )
    stream = Stream(START, (TICK, TIMER, Step((0, 0.3, NOW + 9.0))))
    assert verdicts(open_target("python"), open_target(path), stream) == {Verdict.AGREE}


@pytest.mark.parametrize(
    "body",
    [
        "raise KeyError('gone')",
        "raise RecursionError",
        "raise AssertionError('odd ' * 1000)",
        "raise MemoryError",
        "raise StopIteration",
        "raise SystemExit(3)",
        "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})()",
        "return None",
        "return state",
        "return state, None, None",
        "return None, ()",
        "return {}, ()",
        "return state, ['odd']",
        "return state, 5",
        "return state, [{'type': 'PlaceOrderAction'}]",
        "return replace(state, orders=None), ()",
        "return replace(state, orders=(None,)), ()",
        "return replace(state, completed_cycles=5), ()",
    ],
)
def test_whatever_a_transition_does_is_a_refusal_and_never_a_crash(
    tmp_path: Path, body: str
) -> None:
    extra = (
        "from dataclasses import replace\n"
        "def transition(state, event, config, order_size_usd, order_sizes=None):\n"
        f"    {body}\n"
    )
    bot = open_target(checkout(tmp_path, extra=extra))
    outcomes = answers(bot)
    assert all(map(is_refusal, outcomes)), outcomes
    assert all(len(str(outcome[1])) <= 200 for outcome in outcomes)
    stream = Stream(START, tuple(STEPS))
    assert verdicts(open_target("python"), bot, stream) == {Verdict.SHADOW_FAILED}
    assert verdicts(bot, open_target("python"), stream) == {Verdict.DIVERGE}


@pytest.mark.parametrize("body", ["raise KeyError", "return None", "return 5", "return 'text'"])
def test_odd_violations_are_told_and_never_a_crash(tmp_path: Path, body: str) -> None:
    bot = open_target(checkout(tmp_path, extra=f"def check_invariants(state):\n    {body}\n"))
    stream = Stream(START, (*STEPS, Step((6,))))
    assert verdicts(open_target("python"), bot, stream) <= {
        Verdict.DIVERGE,
        Verdict.SHADOW_FAILED,
    }
    assert Verdict.AGREE not in verdicts(bot, open_target("python"), stream)


def test_a_value_that_has_no_encoding_is_compared_as_it_is(tmp_path: Path) -> None:
    extra = (
        "from dataclasses import replace\n"
        "_transition = transition\n"
        "def transition(state, event, config, size, sizes=None):\n"
        "    state, actions = _transition(state, event, config, size, sizes)\n"
        "    return replace(state, total_round_trips=2**70, mode_source={1, 2}), actions\n"
    )
    bot = open_target(checkout(tmp_path, extra=extra))
    stream = Stream(START, tuple(STEPS))
    assert verdicts(open_target("python"), bot, stream) == {Verdict.DIVERGE}
    again = open_target(bot.identity.path)
    assert verdicts(bot, again, stream) == {Verdict.AGREE}


def test_inputs_are_never_changed(tmp_path: Path) -> None:
    """Even a module that changes what it is given gets nothing of the stream's own."""
    extra = (
        "_from_dict = from_dict\n"
        "def from_dict(data):\n"
        "    state = _from_dict(dict(data))\n"
        "    return state\n"
    )
    changes: dict[str, Document] = {
        "patch": {"cycle_a": 2},
        "config": {"entry_pct": 0.3},
        "order_sizes": {"A": 3.0},
    }
    steps = [*STEPS, Step({"timestamp": 5.0}, changes), Step((5, 1, " bullish "))]
    before = copy.deepcopy((START, steps, EXPECTED))
    for target in (open_target("python"), open_target(checkout(tmp_path, extra=extra))):
        target.submit(Work(1, START, steps, last=False))
        guide = target.collect().results
        wanted = copy.deepcopy(guide)
        target.submit(Work(1, START, steps, True, guide))  # type: ignore[arg-type]
        assert target.collect().results == wanted == guide
        assert (START, steps, EXPECTED) == before


def test_a_stream_that_was_never_started_is_refused() -> None:
    with pytest.raises(UsageError, match="stream 5 was never started"):
        open_target("python").submit(Work(5, None, [TICK], last=True))
