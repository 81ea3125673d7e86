"""A wrapped module is the module: whatever a bot, its tests and its tools do with it goes on."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from shadow_bot import ROOT, Journal

from replay.shadow import ShadowOptions, wrap

MODULE = '''"""The bot's reducer."""
import dataclasses
from replay.core import *
from replay.core import apply_order_regime_at_entry as _regime
from replay.core import check_invariants as _check
from replay.core import transition as _transition

_lock = "the bot's own"
FACTOR = 1


def transition(state, event, cfg, order_size_usd, order_sizes=None):
    """One step."""
    return _transition(state, event, cfg, order_size_usd, order_sizes)


def check_invariants(s):
    return _check(s)


def apply_order_regime_at_entry(s, lid, regime_at_entry):
    return _regime(s, lid, regime_at_entry)


@dataclasses.dataclass(frozen=True)
class Own:
    value: int = 1
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A bot's module on the path."""
    sys.modules.pop("state_machine", None)
    (tmp_path / "state_machine.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("state_machine")
    sys.modules.pop("state_machine", None)


@pytest.fixture
def wrapped(module: ModuleType, core_exe: str) -> Iterator[Any]:
    """The same, wrapped, with the shadow on."""
    adapter = wrap(module, ShadowOptions(shadow=True, executable=core_exe, timeout=60.0))
    yield adapter
    adapter.close()


def tick(sm: Any, now: float = 2.0) -> Any:
    """What a tick gives."""
    return sm.transition(sm.PairState(0.2, 1.0), sm.TimerTick(now), sm.EngineConfig(), 2.0)


def test_it_offers_everything_that_the_module_offers(module: ModuleType, wrapped: Any) -> None:
    for name in dir(module):
        if name not in ("transition", "check_invariants", "apply_order_regime_at_entry"):
            assert getattr(wrapped, name) is getattr(module, name), name
    assert wrapped.__name__ == "state_machine"
    assert wrapped.__doc__ == "The bot's reducer."
    assert wrapped._lock == "the bot's own"
    assert vars(wrapped) is vars(module)
    assert repr(wrapped) == repr(module)
    assert inspect.ismodule(wrapped)
    assert inspect.getsource(wrapped) == inspect.getsource(module)
    assert set(dir(module)) <= set(dir(wrapped))
    assert inspect.signature(wrapped.transition) == inspect.signature(module.transition)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        wrapped.nonsense  # noqa: B018


def test_its_classes_stay_the_modules(module: Any, wrapped: Any) -> None:
    own = wrapped.Own()
    assert isinstance(own, module.Own)
    assert pickle.loads(pickle.dumps(own)) == own
    state, _ = tick(wrapped)
    assert isinstance(state, module.PairState)
    assert dataclasses.replace(state, long_only=True).long_only
    assert pickle.loads(pickle.dumps(state)) == state


def test_calls_by_the_modules_own_names_are_compared(wrapped: Any) -> None:
    sm = wrapped
    state, config = sm.PairState(0.2, 1.0), sm.EngineConfig()
    state, _ = sm.transition(state, sm.TimerTick(2.0), cfg=config, order_size_usd=2.0)
    state, _ = sm.transition(state=state, event=sm.TimerTick(3.0), cfg=config, order_size_usd=2.0)
    sm.check_invariants(s=state)
    with pytest.raises(TypeError, match="unexpected keyword argument 'config'"):
        sm.transition(state, sm.TimerTick(4.0), config=config, order_size_usd=2.0)
    assert sm.drain(60)
    own = sm.get_shadow_metrics()["adapter"]
    assert own["compared"] == own["offered"] == 3


def test_what_is_set_on_it_is_set_on_the_module(module: Any, wrapped: Any) -> None:
    wrapped.FACTOR = 7
    assert module.FACTOR == 7
    del wrapped.FACTOR
    assert not hasattr(module, "FACTOR")


@pytest.mark.parametrize("way", ["mock", "by hand"])
def test_a_function_can_be_exchanged_and_put_back(module: Any, wrapped: Any, way: str) -> None:
    shadowed, own = wrapped.transition, module.transition
    if way == "mock":
        with mock.patch.object(wrapped, "transition", return_value=7) as fake:
            assert wrapped.transition is module.transition is fake
            assert tick(wrapped) == 7
            fake.assert_called_once()
    else:
        wrapped.transition = lambda *args: 7
        assert tick(wrapped) == tick(module) == 7
        wrapped.transition = shadowed
    assert wrapped.transition is shadowed
    assert module.transition is own
    tick(wrapped)
    assert wrapped.drain(60)
    assert wrapped.get_shadow_metrics()["adapter"]["compared"] == 1


def test_a_function_exchanged_in_the_module_is_followed_while_the_shadow_is_off(
    module: Any,
) -> None:
    adapter = wrap(module, ShadowOptions())
    tick(adapter)
    with mock.patch.object(module, "transition", return_value=7):
        assert tick(adapter) == 7
    assert tick(adapter) != 7


def test_a_module_that_is_loaded_again_is_gone_on_with(module: Any, wrapped: Any) -> None:
    tick(wrapped)
    former = module.transition
    sys.modules["state_machine"] = wrapped
    assert importlib.reload(wrapped) is wrapped
    assert module.transition is not former
    assert vars(wrapped) is vars(module)
    state, _ = tick(wrapped)
    assert type(state) is module.PairState
    assert wrapped.drain(60)
    assert wrapped.get_shadow_metrics()["adapter"]["compared"] == 2


def test_a_module_whose_adapter_nobody_imports_is_loaded_again_by_it(
    module: Any, wrapped: Any
) -> None:
    """`state_machine = wrap(state_machine)` leaves `sys.modules` as it is, and importlib.reload
    takes only what stands there."""
    state, event, config = wrapped.PairState(0.2, 1.0), wrapped.TimerTick(2.0), wrapped.EngineConfig
    tick(wrapped)
    former = module.transition
    assert importlib.reload(wrapped) is wrapped
    assert module.transition is not former
    wrapped.transition(state, event, config(), 2.0)  # what a bot still has of the former classes
    tick(wrapped)
    assert importlib.reload(wrapped) is wrapped, "and once more"
    assert wrapped.drain(60)
    assert wrapped.get_shadow_metrics()["adapter"]["compared"] == 3


def test_its_functions_go_to_another_process_by_name(module: Any, wrapped: Any) -> None:
    for name in ("transition", "check_invariants", "apply_order_regime_at_entry"):
        function = getattr(wrapped, name)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(function, protocol)) is function
        assert pickle.loads(pickle.dumps(getattr(module, name))) is getattr(module, name)
    handed = pickle.dumps([wrapped.check_invariants, wrapped.PairState(0.2, 1.0)])
    program = (
        f"import pickle; check, state = pickle.loads({handed!r}); check(state); "
        "print(check.__module__)"
    )
    assert run(program, Path(module.__file__).parent).stdout == "state_machine\n"


def test_a_module_that_is_not_imported_by_its_name_is_wrapped_all_the_same(
    module: Any, core_exe: str
) -> None:
    del sys.modules["state_machine"]
    adapter = wrap(module, ShadowOptions())
    tick(adapter)
    assert adapter.transition.__module__ == "state_machine"
    for loaded in (module, adapter):
        with pytest.raises(ImportError, match=r"not in sys\.modules"):
            importlib.reload(loaded)
    tick(adapter)


def test_what_is_wrapped_twice_is_compared_once(wrapped: Any) -> None:
    assert wrap(wrapped) is wrapped


def test_a_star_import_takes_what_the_module_gives(wrapped: Any) -> None:
    sys.modules["state_machine"] = wrapped
    names: dict[str, Any] = {}
    exec("from state_machine import *", names)
    assert names["transition"] is wrapped.transition
    assert {"Own", "PairState", "FACTOR"} <= names.keys()
    assert "_lock" not in names


# --- The drop-in ------------------------------------------------------------------------------

PROGRAM = """
import os, sys, threading
from replay.shadow import state_machine
assert threading.active_count() == 1
import state_machine as own
from replay.shadow.state_machine import PairState, TimerTick, EngineConfig, transition
assert state_machine.Own is own.Own and state_machine.__file__ == own.__file__
os.environ["DOGE_CORE_SHADOW"] = "1"          # as a bot that reads its settings late
transition(PairState(0.2, 1.0), TimerTick(2.0), EngineConfig(), 2.0)
assert state_machine.drain(60)
metrics = state_machine.get_shadow_metrics()
print(metrics["enabled"], metrics["transition_checks"], metrics["adapter"]["recorder"]["lines"])
"""


def run(program: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program as a bot in a directory."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOGE_")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=folder, text=True, check=False,
        env={**inherited, "PYTHONPATH": str(ROOT), **environment}, capture_output=True,
    )  # fmt: skip


def test_the_drop_in_is_the_bots_own_module(core_exe: str, tmp_path: Path) -> None:
    (tmp_path / "state_machine.py").write_text(MODULE)
    logs = tmp_path / "logs"
    done = run(PROGRAM, tmp_path, DOGE_CORE_EXE=core_exe, DOGE_CORE_JOURNAL=str(logs))
    assert done.stderr == ""
    assert done.stdout.split() == ["True", "1", "1"]
    # It ended of itself, without close(): the journal is finished all the same.
    assert len(Journal(logs).marks) == 1


@pytest.mark.parametrize("named", [False, True])
def test_without_a_module_of_the_bots_the_drop_in_refuses(tmp_path: Path, named: bool) -> None:
    environment = {"DOGE_REPLAY_AUTHORITY": "python"} if named else {}
    done = run("from replay.shadow import state_machine", tmp_path, **environment)
    assert done.returncode == 1
    assert "ImportError: there is no module `state_machine` to shadow here" in done.stderr
    assert "replay.shadow.wrap(its_module)" in done.stderr


def test_a_module_that_is_no_state_machine_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "state_machine.py").write_text("def transition(): ...")
    done = run("from replay.shadow import state_machine", tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "state_machine.py is no state machine" in last
    assert "check_invariants" in last


@pytest.mark.parametrize("recording", [True, False])
def test_nought_switches_everything_off(tmp_path: Path, recording: bool) -> None:
    (tmp_path / "state_machine.py").write_text(MODULE)
    program = """
import threading
from replay.shadow import state_machine as sm
sm.transition(sm.PairState(0.2, 1.0), sm.TimerTick(2.0), sm.EngineConfig(), 2.0)
print(threading.active_count(), sm.get_shadow_metrics()["adapter"]["recorder"])
"""
    record = {"DOGE_CORE_RECORD": "1"} if recording else {}
    done = run(program, tmp_path, DOGE_CORE_SHADOW="0", DOGE_CORE_JOURNAL="logs", **record)
    assert done.stdout.split() == ["1", "None"], done.stderr
    assert not (tmp_path / "logs").exists()


ANY_WAY = (
    "def transition(state, event, *rest): return own(state, event, *rest)",
    "def transition(*given, **named): return own(*given, cfg=named['config'], order_size_usd=2.0)",
    "def transition(state, *, event, config, **more): return own(state, event, config, **more)",
    "def transition(state, event, cfg, size, sizes=None, *, trace=0): "
    "return own(state, event, cfg, size)",
)


@pytest.mark.parametrize("source", ANY_WAY)
def test_a_function_may_take_its_arguments_in_any_way(
    module: ModuleType, core_exe: str, source: str
) -> None:
    found: dict[str, Any] = {}
    exec(source.replace("own(", "_own("), module.__dict__ | {"_own": module.transition}, found)
    module.transition = found["transition"]  # type: ignore[attr-defined]
    adapter = wrap(module, ShadowOptions(shadow=True, executable=core_exe, timeout=60.0))
    sm: Any = module
    state, event, config = sm.PairState(0.2, 1.0), sm.TimerTick(2.0), sm.EngineConfig()
    if "given" in source:
        adapter.transition(state, event, config=config, order_size_usd=2.0)
    elif "more" in source:
        adapter.transition(state, event=event, config=config, order_size_usd=2.0)
    else:
        adapter.transition(state, event, config, 2.0)
    adapter.close()
    told = adapter.get_shadow_metrics()["adapter"]
    assert (told["compared"], told["failed"]) == (1, 0)
