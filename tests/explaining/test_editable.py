"""A core whose source can be changed: what changes, how long, and what it cannot do meanwhile."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from edit_support import (
    FILL,
    NOW,
    STATE,
    TICK,
    TIMER,
    case,
    edit,
    package_core,
    single_file_core,
)

import replay.core
from replay.errors import TargetError, UsageError
from replay.explaining.editing.editable import Edit, EditableCore, EditKind
from replay.streams.model import Start, Step, Stream
from replay.targets.base import Failure, FailureKind, StepResult, Work, is_refusal
from replay.targets.python.module import open_python_target


@pytest.fixture(scope="module")
def core() -> EditableCore:
    return EditableCore.open("python")


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    modules, tracing = dict(sys.modules), sys.gettrace()
    handler, timer = signal.getsignal(signal.SIGPROF), signal.getitimer(signal.ITIMER_PROF)
    yield
    new = {name for name in sys.modules if name not in modules}
    assert not {name for name in new if name.partition(".")[0] in ("core", "engine")}
    assert "state_machine" not in sys.modules
    assert (signal.getsignal(signal.SIGPROF), signal.getitimer(signal.ITIMER_PROF)) == (
        handler,
        timer,
    )
    assert sys.gettrace() is tracing


def real_answer(stream: Stream) -> StepResult:
    target = open_python_target("python")
    target.submit(Work(1, stream.start, stream.steps, last=True))
    return target.collect().results[-1]


def price_of_exit(answer: StepResult) -> float:
    assert isinstance(answer, list)
    assert not is_refusal(answer)
    return float(answer[1][0][4])


CASES = {
    "a fill": case(),
    "several steps": case(FILL, TICK, TIMER),
    "an unreadable state": case(state={**STATE, "orders": [{"local_id": 1}]}),
    "an unreadable config": case(config={"price_decimals": 1.5}),
    "an unreadable size": case(size="much"),
    "an event of no kind": case(Step({"what": 1})),
    "an unreadable event": case(Step({"timestamp": "soon"})),
    "a number that is too large": case(Step((2, 1, "X", "sell", 1e308, 1e308, 0.0, NOW))),
    "a counter at its limit": case(state={**STATE, "next_order_id": 2**63 - 1}),
}


@pytest.mark.parametrize("stream", CASES.values(), ids=CASES)
def test_the_core_as_it_is_answers_as_the_real_one(core: EditableCore, stream: Stream) -> None:
    assert core.answer(None, stream) == real_answer(stream)
    no_change = edit(core, "entries", "p = profit / 100.0", "p = (profit / 100.0)")
    assert core.answer(no_change, stream) == real_answer(stream)


CHANGES = {
    "in a function": ("entries", "p = profit / 100.0", "p = profit / 50.0"),
    "in a function below an if": ("evolving", "values[_INDEX[name]] = value", "pass"),
    "in a method": ("codec", "values.append(read(document[name]))", "values.append(default)"),
    "in a function that is called when the core is loaded": (
        "codec",
        "if not isinstance(value, str) or value not in texts:",
        "if True:",
    ),
    "in a constant": ("numbers", "INT_MAX = 2**63 - 1", "INT_MAX = 2"),
    "in the default of a record": ("records", "price_decimals: int = 6", "price_decimals: int = 1"),
    "in a table": ("codec", "int | None: normalise_regime,", "int | None: _int,"),
    "in the decorator of a class": (
        "records",
        "@dataclass(frozen=True, slots=True)\nclass TimerTick",
        "@dataclass\nclass TimerTick",
    ),
}
WITHOUT_EFFECT = ("in a table", "in the decorator of a class")


@pytest.mark.parametrize("name", CHANGES)
def test_an_edit_takes_effect_wherever_it_is_and_is_gone_afterwards(
    core: EditableCore, name: str
) -> None:
    stream = case()
    before = core.answer(None, stream)
    answer = core.answer(edit(core, *CHANGES[name]), stream)
    assert (answer == before) is (name in WITHOUT_EFFECT), answer
    assert core.answer(Edit(EditKind.DEVIATION, "", (), ""), stream) == before
    assert real_answer(stream) == before


def test_only_edits_of_what_runs_at_loading_are_slow(core: EditableCore) -> None:
    quick = [name for name, change in CHANGES.items() if core.is_quick(edit(core, *change))]
    assert quick == ["in a function", "in a function below an if", "in a method"]


def test_an_edit_of_a_default_is_seen_by_all_modules(core: EditableCore) -> None:
    """The reader keeps defaults of its own, made when it was loaded."""
    change = edit(core, "records", "price_decimals: int = 6", "price_decimals: int = 1")
    assert price_of_exit(core.answer(None, case())) == 0.198
    assert price_of_exit(core.answer(change, case())) == 0.2
    change = edit(core, "records", "placed_at: float = 0.0", "placed_at: float = 7.0")
    answer = core.answer(change, case(TIMER))
    assert isinstance(answer, list)
    assert [order[8] for order in answer[0][5]] == [7.0, 7.0]


def test_several_places_in_several_modules_are_changed_at_once(core: EditableCore) -> None:
    one = edit(core, "entries", "p = profit / 100.0", "p = 0.5")
    other = edit(core, "reducer", '        reason="entry_fill_exit",', '        reason="?",')
    both = Edit(EditKind.DEVIATION, "", (*one.places, *other.places), "")
    answer = core.answer(both, case())
    assert price_of_exit(answer) == 0.1
    assert isinstance(answer, list)
    assert answer[1][0][9] == "?"


def test_the_shadow_of_a_case_goes_on_from_where_the_authority_has_come_to(
    core: EditableCore,
) -> None:
    """As in a lockstep: what an edit changes at one step is no input of the next."""
    change = edit(core, "reducer", "total_fees=state.total_fees + event.fee,", "total_fees=9.0,")
    answer = core.answer(change, case(FILL, TIMER))
    assert answer == core.answer(None, case(FILL, TIMER))
    assert core.answer(change, case(FILL)) != core.answer(None, case(FILL))


def test_a_target_with_an_edit_runs_streams_as_any_other(core: EditableCore) -> None:
    change = edit(core, "entries", "p = profit / 100.0", "p = 0.5")
    stream = case(FILL, TIMER)
    with core.edited(change) as target, core.edited(None) as plain:
        for one in (target, plain):
            one.submit(Work(1, stream.start, stream.steps[:1], last=False))
            one.submit(Work(1, None, stream.steps[1:], last=True))
        edited, unedited = target.collect().results, plain.collect().results
        assert (price_of_exit(edited[0]), price_of_exit(unedited[0])) == (0.1, 0.198)
        assert target.collect().results == plain.collect().results
        assert target.identity != plain.identity == core.identity
        assert target.depth == 1
    with core.edited(change) as target, pytest.raises(UsageError):
        target.submit(Work(1, None, stream.steps, last=True))


def test_a_case_without_steps_has_no_answer(core: EditableCore) -> None:
    with pytest.raises(UsageError, match="without steps"):
        core.answer(None, Stream(Start(STATE, {}, 5.0, None), ()))


# --- What an edit cannot do ---------------------------------------------------------------------

_AT = ("entries", "p = profit / 100.0")


def wild(core: EditableCore, code: str) -> Edit:
    return edit(core, *_AT, code)


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "p = [x for x in iter(int, 1)]",
        "p = sum(1 for x in iter(int, 1))",
        "\n    while True:\n        try:\n            p = [0] * 10\n        except Exception: pass",
        "p = 0\n    while p >= 0:\n        try: p += 1\n        except: p = 1",
    ],
)
def test_an_edit_that_loops_is_ended(core: EditableCore, code: str) -> None:
    began = time.process_time()
    answer = core.answer(wild(core, code), case())
    assert isinstance(answer, Failure)
    assert answer.kind is FailureKind.TIMEOUT
    assert time.process_time() - began < 2.0
    assert core.answer(None, case()) == real_answer(case())


@pytest.mark.parametrize("code", ["while True: pass", "while True: p = [0] * 10"])
def test_an_edit_that_loops_is_ended_in_another_thread(core: EditableCore, code: str) -> None:
    answers: list[StepResult] = []
    change, stream = wild(core, code), case()
    thread = threading.Thread(target=lambda: answers.append(core.answer(change, stream)))
    thread.start()
    thread.join(20.0)
    assert [answer.kind for answer in answers if isinstance(answer, Failure)] == ["timeout"]
    assert core.answer(None, stream) == real_answer(stream)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("return exit_price(side, fill_price, state, config)", "RecursionError"),
        ("p = [0] * 10**12", "MemoryError"),
        ("p = 'a' * (3 << 30)", "MemoryError"),
        ("p = undefined", "NameError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("p = profit.nothing", "AttributeError"),
    ],
)
def test_an_edit_that_raises_anything_is_a_refusal(
    core: EditableCore, code: str, text: str
) -> None:
    answer = core.answer(wild(core, code), case())
    assert isinstance(answer, list)
    assert answer[0] == "error"
    assert answer[1].startswith(text)
    assert core.answer(None, case()) == real_answer(case())


def test_an_edit_that_makes_no_state_is_a_failure(core: EditableCore) -> None:
    change = edit(core, "codec", "    state = _STATE.read(document)\n", "    return 7\n")
    answer = core.answer(change, case())
    assert isinstance(answer, Failure)
    assert answer.kind is FailureKind.GARBAGE
    with core.edited(change) as target:
        target.submit(Work(1, case().start, (FILL, TICK), last=True))
        results = target.collect().results
    assert [isinstance(one, Failure) and one.kind for one in results] == ["garbage"] * 2


@pytest.mark.parametrize(
    "change",
    [
        ("entries", "p = profit / 100.0", "p = )"),
        ("numbers", "INT_MAX = 2**63 - 1", "INT_MAX = ("),
        ("numbers", "INT_MAX = 2**63 - 1", "raise OSError('no')"),
        ("numbers", "INT_MAX = 2**63 - 1", "while True: pass"),
        ("records", "price_decimals: int = 6", "price_decimals: int = nothing"),
    ],
)
def test_an_edit_that_does_not_load_answers_nothing(
    core: EditableCore, change: tuple[str, str, str]
) -> None:
    broken = edit(core, *change)
    answer = core.answer(broken, case())
    assert isinstance(answer, Failure)
    assert answer.kind is FailureKind.UNSTARTABLE
    with pytest.raises(TargetError, match="the edited core cannot be loaded"):
        core.edited(broken).__enter__()
    assert core.answer(None, case()) == real_answer(case())


def test_a_stream_is_lost_where_an_edit_loops_and_others_are_not(core: EditableCore) -> None:
    change = edit(core, "reducer", "    market = event.price\n", "    while True: pass\n")
    start = case().start
    with core.edited(change) as target:
        target.submit(Work(1, start, (FILL, TICK), last=False))
        target.submit(Work(2, start, (FILL,), last=True))
        target.submit(Work(1, None, (TIMER,), last=True))
        target.submit(Work(1, start, (TIMER,), last=True))
        lost, other, still_lost, anew = (target.collect().results for _ in range(4))
    assert [isinstance(one, Failure) for one in (*lost, *still_lost)] == [True] * 3
    assert not any(isinstance(one, Failure) for one in (*other, *anew))


# --- Which lines run ----------------------------------------------------------------------------


def test_the_lines_that_run_are_those_of_the_case(core: EditableCore) -> None:
    lines = core.executed([case(TIMER)])
    text = core.sources["reducer"].split("\n")
    ran = {text[line - 1].strip() for module, line in lines if module == "reducer"}
    assert "now = event.timestamp" in ran
    assert "market = event.price" not in ran
    assert lines < core.executed([case(TIMER), case()])
    assert not core.executed([])


def test_the_real_core_running_meanwhile_is_not_mistaken_for_the_copy(core: EditableCore) -> None:
    with core.edited(None) as target:
        target.submit(Work(1, case().start, (FILL,), last=True))
    assert core.executed([case(TIMER)]) == EditableCore.open("python").executed([case(TIMER)])


def test_what_runs_at_loading_is_known_apart(core: EditableCore) -> None:
    text = core.sources["records"].split("\n")
    ran = {text[line - 1].strip() for module, line in core.loading_lines if module == "records"}
    assert "price_decimals: int = 6" in ran
    text = core.sources["reducer"].split("\n")
    ran = {text[line - 1].strip() for module, line in core.loading_lines if module == "reducer"}
    assert "now = event.timestamp" not in ran


# --- Bots' cores --------------------------------------------------------------------------------


def test_the_core_of_a_bot_in_one_file(tmp_path: Path) -> None:
    core = EditableCore.open(single_file_core(tmp_path))
    assert set(core.sources) == {"state_machine"}
    assert core.files == {"state_machine": "state_machine.py"}
    assert core.answer(None, case()) == real_answer(case())
    change = edit(core, "state_machine", "p = profit / 100.0", "p = 0.5")
    assert core.is_quick(change)
    assert price_of_exit(core.answer(change, case())) == 0.1
    change = edit(core, "state_machine", "profit_pct_runtime: float = 1.0", "profit_pct_runtime: "
                  "float = 50.0")  # fmt: skip
    assert price_of_exit(core.answer(change, case())) == 0.1


def test_the_core_of_a_bot_as_a_package(tmp_path: Path) -> None:
    core = EditableCore.open(package_core(tmp_path))
    assert {"engine", "reducer", "records"} <= set(core.sources)
    assert core.files["engine"] == "__init__.py"
    change = edit(core, "entries", "p = profit / 100.0", "p = 0.5")
    assert price_of_exit(core.answer(change, case())) == 0.1
    assert core.answer(None, case()) == real_answer(case())


def test_decorated_functions_of_a_bot_are_edited_too(tmp_path: Path) -> None:
    extra = (
        "import functools\n\n\n@functools.lru_cache\ndef _half(x):\n    return x / 2\n\n\n"
        "_plain_exit_price = exit_price\n\n\n"
        "def exit_price(*args):\n    return _half(_plain_exit_price(*args))\n"
    )
    core = EditableCore.open(single_file_core(tmp_path, extra=extra))
    change = edit(core, "state_machine", "return x / 2", "return x * 2")
    assert not core.is_quick(change)
    assert price_of_exit(core.answer(None, case())) == 0.099
    assert price_of_exit(core.answer(change, case())) == 0.396
    replaced = edit(core, "state_machine", "p = profit / 100.0", "p = 0.5")
    assert price_of_exit(core.answer(replaced, case())) == 0.05


def test_a_module_may_ask_for_annotations_as_texts(tmp_path: Path) -> None:
    path = Path(single_file_core(tmp_path))
    path.write_text("from __future__ import annotations\n" + path.read_text("utf-8"), "utf-8")
    core = EditableCore.open(str(path))
    change = edit(core, "state_machine", "p = profit / 100.0", "p: Unknown = 0.5")
    assert price_of_exit(core.answer(change, case())) == 0.1


def test_the_library_that_defines_what_a_bots_module_offers_is_edited_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "installed" / "engine_of_a_library"
    library.mkdir(parents=True)
    Path(single_file_core(library)).rename(library / "machine.py")
    (library / "__init__.py").write_text("", "utf-8")
    bot = tmp_path / "bot" / "state_machine.py"
    bot.parent.mkdir()
    bot.write_text(
        "from engine_of_a_library import machine\n\n"
        "globals().update({k: v for k, v in vars(machine).items() if k[:2] != '__'})\n",
        "utf-8",
    )
    monkeypatch.syspath_prepend(str(library.parent))
    core = EditableCore.open(str(bot))
    loaded = sys.modules["engine_of_a_library.machine"]
    change = edit(core, "machine", "p = profit / 100.0", "p = 0.5")
    assert core.is_quick(change)
    assert core.answer(None, case()) == real_answer(case())
    assert price_of_exit(core.answer(change, case())) == 0.1
    assert sys.modules["engine_of_a_library.machine"] is loaded
    assert sys.modules["engine_of_a_library"].machine is loaded
    for name in [name for name in sys.modules if name.startswith("engine_of_a_library")]:
        monkeypatch.delitem(sys.modules, name)


def test_a_bots_core_made_of_ours_is_edited_and_ours_is_not(tmp_path: Path) -> None:
    bot = tmp_path / "state_machine.py"
    bot.write_text("from replay.core import *\n", "utf-8")
    ours = replay.core
    core = EditableCore.open(str(bot))
    assert sys.modules["replay.core"] is ours
    assert vars(sys.modules["replay"])["core"] is ours
    change = edit(core, "entries", "p = profit / 100.0", "p = 0.5")
    assert price_of_exit(core.answer(change, case())) == 0.1
    assert core.answer(None, case()) == real_answer(case())
    unreadable = case(state={"orders": 1})
    assert core.answer(None, unreadable) == real_answer(unreadable)


def test_a_core_that_is_not_there_or_does_not_load_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such Python core"):
        EditableCore.open(str(tmp_path / "none.py"))
    path = tmp_path / "state_machine.py"
    path.write_text("raise RuntimeError('not today')", "utf-8")
    with pytest.raises(TargetError, match="not today"):
        EditableCore.open(str(path))


def test_the_live_core_is_never_touched(core: EditableCore) -> None:
    codes = [function.__code__ for function in (replay.core.transition, replay.core.from_dict)]
    core.answer(
        edit(core, "reducer", "    market = event.price\n", "    market = 1.0\n"), case(TICK)
    )
    assert [f.__code__ for f in (replay.core.transition, replay.core.from_dict)] == codes
