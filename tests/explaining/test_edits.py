"""The edits that there are: whatever the other core may do differently must be among them."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from edit_support import (
    FILL,
    STATE,
    TICK,
    TIMER,
    case,
    news_of,
    package_core,
    single_file_core,
)
from port_faults import FAULTS

from replay.explaining.editing.editable import Edit, EditableCore, EditKind
from replay.explaining.editing.source_text import edited_text
from replay.explaining.edits import edits_of


@pytest.fixture(scope="module")
def core() -> EditableCore:
    return EditableCore.open("python")


@pytest.fixture(scope="module")
def edits(core: EditableCore) -> Sequence[Edit]:
    return list(edits_of(core))


# --- Faults that a port may have ------------------------------------------------------------------


@pytest.fixture(scope="module")
def texts(core: EditableCore, edits: Sequence[Edit]) -> Mapping[str, Counter[str]]:
    """For each function (and module) what it reads with each of the edits, and how often."""
    texts: dict[str, Counter[str]] = {}
    for edit in edits:
        modules = {place.module for place in edit.places}
        if len(modules) == 1:
            name = edit.function or modules.pop()
            texts.setdefault(name, Counter())[_squeezed(_text_after(core, edit, name))] += 1
    return texts


def _text_after(core: EditableCore, edit: Edit, name: str) -> str:
    (scope,) = core.map.scopes_called(name)
    first, last = (core.map.modules[scope.module].line_of(offset) for offset in scope.span)
    lines = core.sources[scope.module].split("\n")[first - 1 : last]
    return edited_text("\n".join(lines), edit.places, first)


def _squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_other_core_is_among_the_edits(
    core: EditableCore, texts: Mapping[str, Counter[str]], name: str
) -> None:
    function, replacements = FAULTS[name]
    (scope,) = core.map.scopes_called(function)
    text = core.sources[scope.module]
    start, end = text.rfind("\n", 0, scope.span[0]) + 1, scope.span[1]
    own = text[start:end]
    by_old = dict(replacements)
    for old in by_old:
        count = [one for one, _ in replacements].count(old)
        assert own.count(old) == count, f"{old!r} stands {own.count(old)} times in {function}"
    wanted = re.sub("|".join(map(re.escape, by_old)), lambda match: by_old[match[0]], own)
    assert texts[function][_squeezed(wanted)] == 1


# --- What all edits have in common ----------------------------------------------------------------


def test_there_are_edits_of_every_kind_and_each_compiles_and_changes_something(
    core: EditableCore, edits: Sequence[Edit]
) -> None:
    trees = {module: ast.dump(ast.parse(text)) for module, text in core.sources.items()}
    sample = list(edits[::61])
    assert {edit.kind for edit in sample} == set(EditKind) - {EditKind.FORMULA}
    for edit in sample:
        for module in {place.module for place in edit.places}:
            own = [place for place in edit.places if place.module == module]
            text = edited_text(core.sources[module], own)
            compile(text, module, "exec")
            assert ast.dump(ast.parse(text)) != trees[module], edit.says


def test_no_edit_comes_twice(edits: Sequence[Edit], texts: Mapping[str, Counter[str]]) -> None:
    assert len(set(edits)) == len(edits)
    for function, counted in texts.items():
        assert {text: count for text, count in counted.items() if count > 1} == {}, function


def test_edits_come_in_the_same_order_each_time(edits: Sequence[Edit]) -> None:
    assert list(edits_of(EditableCore.open("python"))) == list(edits)


def test_known_deviations_come_first_then_single_places_then_several_then_what_is_slow(
    core: EditableCore, edits: Sequence[Edit]
) -> None:
    known = [at for at, edit in enumerate(edits) if edit.kind is EditKind.DEVIATION]
    single = [at for at, edit in enumerate(edits) if core.is_quick(edit) and at not in known]
    single = [at for at in single if len(edits[at].places) == 1]
    several = [at for at, edit in enumerate(edits) if len(edit.places) > 1 and at not in known]
    defaults = [at for at, edit in enumerate(edits) if edit.function == "records.EngineConfig"]
    assert known[-1] < single[0] < single[-1] < several[0] < several[-1] < defaults[0]


def test_only_edits_of_what_runs_are_given_where_that_is_said(core: EditableCore) -> None:
    lines = core.executed([case(TIMER)])
    edits = list(edits_of(core, lines))
    functions = {edit.function for edit in edits}
    assert "reducer._timer_tick" in functions
    assert "reducer._refresh" not in functions
    assert "records.EngineConfig" not in functions
    with_loading = list(edits_of(core, lines | core.loading_lines))
    assert "records.EngineConfig" in {edit.function for edit in with_loading}
    assert set(edits) < set(with_loading)
    assert not list(edits_of(core, frozenset()))


def test_a_mirrored_place_may_be_where_nothing_ran(core: EditableCore) -> None:
    """The occurrences may all be of trade A; the mistake is B's as well."""
    state = {**STATE, "orders": [{**STATE["orders"][0], "role": "exit", "entry_price": 0.2}]}
    fill_of_a = case(FILL, state=state)
    edits = list(edits_of(core, core.executed([fill_of_a])))
    own = [edit for edit in edits if edit.function == "entries.place_follow_up"]
    says = [edit.says for edit in own]
    ignored = 'read "if state.now < state.cooldown_until_a:" instead of "if state.long_only or'
    assert any(ignored in text and "likewise" not in text for text in says)
    assert any(ignored in text and "likewise line" in text for text in says)
    lines = core.sources["entries"].split("\n")
    assert not any("short_only" in lines[edit.places[0].line - 1] for edit in own)


def test_a_text_that_the_shadow_answered_may_be_in_the_place_of_another(core: EditableCore) -> None:
    lines = core.executed([case(TICK)])
    says = [edit.says for edit in edits_of(core, lines, ["moved"])]
    assert any('"moved"' in text and "refresh_entry" in text for text in says)
    assert not any('"moved"' in edit.says for edit in edits_of(core, lines))


def _line(core: EditableCore, module: str, text: str) -> int:
    lines = core.sources[module].split("\n")
    (number,) = [at for at, line in enumerate(lines, 1) if text in line]
    return number


def test_an_edit_says_what_it_is(core: EditableCore, edits: Sequence[Edit]) -> None:
    says = [edit.says for edit in edits]
    drift = _line(core, "reducer", "if drift <= config.refresh_pct:")
    assert (
        f'reducer.py line {drift} read "if drift < config.refresh_pct:" '
        'instead of "if drift <= config.refresh_pct:"'
    ) in says
    stale = _line(core, "reducer", "CancelOrderAction(order.local_id,")
    assert (
        f'reducer.py line {stale} lacked "actions.append(CancelOrderAction(order.local_id, '
        'order.txid, "stale_entry"))"'
    ) in says
    sell, buy = _line(core, "entries", "rnd(max("), _line(core, "entries", "rnd(min(")
    assert f"entries.exit_price (entries.py line {sell} and line {buy}) truncates" in says
    a, b = _line(core, "entries", "if state.long_only or"), _line(core, "entries", "if state.short")
    assert (
        f'entries.py line {a} read "if state.now < state.cooldown_until_a:" instead of '
        f'"if state.long_only or state.now < state.cooldown_until_a:", and likewise line {b}'
    ) in says
    default = _line(core, "records", "refresh_pct: float")
    assert (
        f'records.py line {default} read "refresh_pct: float = 2.0" '
        'instead of "refresh_pct: float = 1.0"'
    ) in says
    assert all(text.isprintable() and len(text) < 400 for text in says)


def test_edits_are_given_for_the_cores_of_bots(tmp_path: Path) -> None:
    one = EditableCore.open(single_file_core(tmp_path))
    package = EditableCore.open(package_core(tmp_path))
    for core in (one, package):
        edits = list(edits_of(core, core.executed([case(TICK)])))
        assert {edit.kind for edit in edits} == set(EditKind) - {EditKind.FORMULA}
        answer = core.answer(None, case(TICK))
        assert sum(1 for edit in edits[::20] if core.answer(edit, case(TICK)) != answer) > 20


def test_a_source_that_is_not_ascii_is_edited_in_the_right_places(tmp_path: Path) -> None:
    path = Path(single_file_core(tmp_path))
    text = path.read_text("utf-8").replace("p = profit / 100.0", "é = profit; p = é / 100.0  # ½")
    path.write_text(text, "utf-8")
    core = EditableCore.open(str(path))
    says = [edit.says for edit in edits_of(core) if edit.function == "state_machine.exit_price"]
    assert any('read "p = é * 0.01" instead of "p = é / 100.0"' in text for text in says)


def test_a_bound_may_be_put_on_another_part(edits: Sequence[Edit]) -> None:
    """As in a port that reads "at most" of the extra, and not of the whole."""
    news = {place.new for edit in edits for place in edit.places}
    extra = "(1.0 + min(config.backoff_max_multiplier, config.backoff_factor * beyond))"
    assert extra in news
    assert "(max(0.0, fill) * recovery.volume * (config.maker_fee_pct / 100.0))" not in news


def test_a_statement_may_be_done_twice_or_before_a_way_out(tmp_path: Path) -> None:
    news = news_of(
        tmp_path,
        "def noted(state, found):\n"
        "    if found is None:\n"
        "        return\n"
        "    found.count += 1\n"
        "    state.clear()\n",
    )
    assert {"found.count += 1; return", "state.clear(); return"} <= news
    assert {"found.count += 1; found.count += 1", "state.clear(); state.clear()"} <= news


def test_a_condition_may_be_narrowed_to_one_of_the_few_values_of_another_field(
    edits: Sequence[Edit],
) -> None:
    """As in a port that only does for entries what is meant for all orders."""
    says = [edit.says for edit in edits if edit.function == "helpers.apply_order_regime_at_entry"]
    assert any('and order.role == "entry"' in text for text in says)
    assert any('and order.side == "buy"' in text for text in says)
    # Another value for a field that the condition looks at is another comparison.
    everywhere = [edit.says for edit in edits]
    assert not any(re.search(r'(\w+\.role) == "exit".* and \1 == "', text) for text in everywhere)


def test_a_sequence_may_be_sorted_joined_and_gone_through_otherwise(tmp_path: Path) -> None:
    news = news_of(
        tmp_path,
        "def noted(state, records, record):\n"
        "    ranked = sorted(records, key=lambda one: (-one.far, one.age))\n"
        "    for one in records:\n"
        "        state = state + (one,)\n"
        "    return state\n",
    )
    assert {"one.far", "-one.age"} <= news, "keys the other way round"
    assert {"(one,) + state", "(state + (one,))[-10:]"} <= news
    assert "ranked" in news, "in the order in which they were sorted"


def test_a_function_may_go_on_where_it_should_return(tmp_path: Path) -> None:
    news = news_of(
        tmp_path,
        "def noted(state, actions, orders):\n"
        "    for order in orders:\n"
        "        if order.is_late:\n"
        "            return changed(state), actions\n"
        "        if order.is_gone:\n"
        "            return state, actions\n"
        "    return state, actions\n",
    )
    assert "state, actions = changed(state), actions" in news
    assert "state, actions = changed(state), actions; continue" in news
    assert {"continue", "break"} <= news


def test_what_is_beyond_a_limit_may_be_kept_to_it(tmp_path: Path) -> None:
    news = news_of(
        tmp_path,
        "def noted(size, config):\n"
        "    if config.least > 0 and size < config.least:\n"
        "        return None\n"
        "    return size * (1 - config.fee)\n",
    )
    assert "size = config.least" in news
    assert "(size / (1 + config.fee))" in news, "a share of the other price"


def test_what_a_loop_starts_from_may_be_set_at_each_round(tmp_path: Path) -> None:
    news = news_of(
        tmp_path,
        "def noted(orders):\n"
        "    seen = set()\n"
        "    for order in orders:\n"
        "        seen.add(order)\n"
        "    return seen\n",
    )
    assert "seen = set()\n        " in news


def test_counters_may_have_fewer_bits_and_arguments_be_the_other_of_two(tmp_path: Path) -> None:
    news = news_of(
        tmp_path,
        "def noted(state, order):\n"
        "    state.count = wait(state.count + 1, order.trade_id, order.side)\n",
    )
    assert {"wrapped_to_bits(state.count + 1, 32)", "int(float(state.count + 1))"} <= news
    assert '("B" if order.trade_id == "A" else "A")' in news
    assert '("sell" if order.side == "buy" else "buy")' in news


def test_a_constant_may_be_another_of_its_family(tmp_path: Path) -> None:
    news = news_of(
        tmp_path,
        'PHASE_IDLE = "S0"\n'
        'PHASE_OPEN = "S1"\n'
        "OTHER = 7\n"
        "def noted(state):\n"
        "    return state.phase == PHASE_OPEN\n",
    )
    assert {"PHASE_IDLE", "state.phase != PHASE_IDLE"} <= news
    assert "state.phase in (PHASE_OPEN, PHASE_IDLE)" in news
    assert "OTHER" not in news


def test_a_trade_may_be_told_by_a_side_where_a_helper_takes_one(tmp_path: Path) -> None:
    news = news_of(
        tmp_path,
        "def own_distance(config: EngineConfig, trade: str) -> float:\n"
        "    return config.entry_pct if trade else 0.0\n"
        "def noted(config: EngineConfig, exit_side: str) -> float:\n"
        "    return config.entry_pct / 100.0\n",
    )
    assert 'own_distance(config, "A" if exit_side == "buy" else "B")' in news
    assert 'own_distance(config, "B" if exit_side == "buy" else "A")' in news
