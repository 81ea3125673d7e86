"""Power: edits of the authority are drawn evenly, hunted as a night hunts, none is forgotten."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from replay.errors import DamagedError, UsageError
from replay.explaining.editing.editable import Edit, EditableCore, EditKind
from replay.explaining.edits.catalogue import edits_of
from replay.fuzzing.mix import Mix
from replay.runs.power import EditKey, Fate, Hunted, Plan, Power, drawn, key_of, measure_power
from replay.runs.power_memory import Memory, memory_file, read_memory, write_memory
from replay.runs.unseen_edits import Unseen
from replay.streams.corpus import Corpus
from replay.streams.model import Stream

CORPUS = Path(__file__).parents[2] / "corpus"
PLAN = Plan("python", (CORPUS,), Mix.ALL, seed=5, edits=6, max_transitions=600)


@pytest.fixture(scope="module")
def core() -> EditableCore:
    return EditableCore.open("python")


@pytest.fixture(scope="module")
def edits(core: EditableCore) -> list[Edit]:
    return list(edits_of(core))


@pytest.fixture(scope="module")
def known() -> Power:
    return measure_power(PLAN)


def test_edits_are_drawn_once_the_same_each_time_and_even_over_functions(
    edits: list[Edit],
) -> None:
    row = list(drawn(edits, 7))
    assert Counter(map(key_of, row)) == Counter(map(key_of, edits))
    assert row[:50] == list(drawn(edits, 7))[:50]
    assert row[:50] != list(drawn(edits, 8))[:50]
    shares = Counter(edit.function for edit in edits)
    taken = Counter(edit.function for edit in row[:200])
    for function, count in shares.items():
        assert abs(taken[function] - 200 * count / len(edits)) < 4, function


def test_what_is_drawn_is_hunted_and_counted(known: Power) -> None:
    fates = Counter(one.fate for one in known.hunted)
    assert fates.total() == 6
    assert fates[Fate.FOUND] >= 4
    assert 0.25 < known.at_least < 1.0
    assert f"of 6 edits drawn, {fates[Fate.FOUND]} found" in known.headline()
    assert sum(sum(row.values()) for row in known.by_function().values()) == 6
    assert all(one.case is not None for one in known.of(Fate.FOUND))


def test_functions_that_no_stream_runs_through_are_named_and_not_drawn_from(known: Power) -> None:
    assert "codec.patch_state" in known.never_run
    assert "reducer.transition" not in known.never_run
    assert not {one.edit.function for one in known.hunted} & set(known.never_run)


def test_the_same_seed_gives_the_same_power(known: Power) -> None:
    assert measure_power(PLAN).document() == known.document()


def test_an_edit_that_was_missed_before_is_hunted_again_and_is_in_no_figure(
    known: Power, edits: list[Edit]
) -> None:
    plan = replace(PLAN, edits=1, again={known.hunted[0].edit: 1200})
    again = measure_power(plan)
    assert [one.edit for one in again.again] == [known.hunted[0].edit]
    assert len(again.hunted) == 1


def test_the_bound_is_exact_and_equivalent_edits_are_no_evidence() -> None:
    def power(found: int, missed: int, equivalent: int) -> Power:
        fates = [Fate.FOUND] * found + [Fate.MISSED] * missed + [Fate.EQUIVALENT] * equivalent
        hunted = tuple(Hunted(EditKey("f", "k", str(n)), fate, 1) for n, fate in enumerate(fates))
        return Power(1, 1, 100, hunted, (), 0, ())

    assert power(39, 0, 1).at_least == pytest.approx(0.05 ** (1 / 39))
    assert power(10, 0, 0).at_least == power(10, 0, 90).at_least
    assert power(39, 1, 0).at_least < power(40, 0, 0).at_least
    assert power(0, 0, 3).proves_nothing
    assert not power(0, 1, 0).proves_nothing


def streams() -> list[Stream]:
    corpus = Corpus(CORPUS)
    return [corpus.read(name) for name in corpus.streams()]


def test_what_no_stream_shows_is_told_apart_around_its_line(core: EditableCore) -> None:
    comparison = next(
        edit
        for edit in edits_of(core)
        if edit.function == "reducer._price_tick" and edit.kind is EditKind.COMPARISON
    )
    case = Unseen(core, streams()[:12], 1).told_apart(comparison)
    assert case is not None
    assert repr(core.answer(comparison, case)) != repr(core.answer(None, case))


def test_an_edit_that_changes_nothing_is_told_apart_by_nothing(core: EditableCore) -> None:
    some = next(edit for edit in edits_of(core) if edit.function == "reducer._price_tick")
    place = some.places[0]
    end = len(core.sources[place.module].splitlines()[place.line - 1])
    whole = replace(place, column=end, end_line=place.line, end_column=end, new="  # same")
    same = Edit(EditKind.CONSTANT, "reducer._price_tick", (whole,), "the same")
    assert Unseen(core, streams()[:4], 1).told_apart(same) is None


def test_an_authority_without_python_source_is_refused() -> None:
    with pytest.raises(UsageError, match="has to be a Python core"):
        measure_power(replace(PLAN, authority="/bin/true"))


def test_survivors_get_twice_as_much_until_they_are_found(tmp_path: Path) -> None:
    one, other = EditKey("f", "k", "one"), EditKey("f", "k", "other")

    def power(fate: Fate, transitions: int, by: str = "") -> Power:
        hunted = (Hunted(one, fate, transitions, by), Hunted(other, Fate.FOUND, 9, "ab"))
        return Power(1, 100, 10, hunted, (), 0, ())

    memory = Memory().after(power(Fate.MISSED, 100))
    assert memory.survivors == {one: 200}
    memory = memory.after(power(Fate.EQUIVALENT, 200))
    assert memory.survivors == {one: 400}
    file = memory_file(tmp_path / "divergences.db")
    write_memory(file, "aa", memory)
    write_memory(file, "bb", Memory())
    assert read_memory(file, "aa") == memory
    assert read_memory(file, "aa").after(power(Fate.FOUND, 5, "cd")).survivors == {}
    assert memory.kills() == {"ab": ["f k other"]}
    file.write_text("[1")
    with pytest.raises(DamagedError, match=r"power\.json is damaged"):
        read_memory(file, "aa")
