"""What the store writes, value by value: exact, by content alone, and damage is noticed."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_support import HASKELL, PYTHON, finding, stream

from replay.differential.model import ABSENT, Difference, DifferenceKind
from replay.findings.store import encoding
from replay.findings.store.encoding import Marker
from replay.findings.store.store import Store
from replay.streams.model import Start, Step, Stream
from replay.targets.base import MISSING, Failure, FailureKind

BIG = 10**600
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-BIG, BIG) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
CALLS = st.builds(lambda *call: call, st.integers(0, 6), DOCUMENTS, DOCUMENTS) | st.dictionaries(
    st.text(), DOCUMENTS, max_size=3
)
CHANGES = st.none() | st.fixed_dictionaries(
    {"state": DOCUMENTS}, optional={"patch": DOCUMENTS, "config": DOCUMENTS}
)
STREAMS = st.builds(
    Stream,
    st.builds(Start, DOCUMENTS, DOCUMENTS, DOCUMENTS, DOCUMENTS),
    st.lists(st.builds(Step, CALLS, CHANGES), max_size=4).map(tuple),
)


def same(one: Any, other: Any) -> bool:
    """Equal in type and bits, which == alone is not: 1, 1.0 and True, 0.0 and -0.0, NaN."""
    if isinstance(one, float) and isinstance(other, float):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return one.hex() == other.hex()
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other


@given(STREAMS)
def test_a_stream_comes_back_bit_for_bit(given_stream: Stream) -> None:
    packed = encoding.pack_stream(given_stream)
    back = encoding.unpack_stream(packed.blob, packed.sha256)
    assert same(tuple(back.start), tuple(given_stream.start))
    assert len(back.steps) == len(given_stream.steps) == packed.steps
    for step, original in zip(back.steps, given_stream.steps, strict=True):
        assert type(step.call) is type(original.call)
        assert same(step.call, original.call)
        assert same(step.changes, original.changes)


@given(st.lists(DOCUMENTS, min_size=2, max_size=3))
def test_an_outcome_comes_back_bit_for_bit(outcome: list[Any]) -> None:
    assert same(encoding.unpack_result(encoding.pack_result(outcome)), outcome)


def test_the_bytes_of_a_stream_depend_on_its_content_alone() -> None:
    here = Stream(
        Start({"a": 1, "b": 2.0}, {}, 2.0),
        (Step((1, 1.0), {"patch": {}, "config": {}}, 5),),
        "here",
    )
    there = Stream(
        Start({"b": 2.0, "a": 1}, {}, 2.0, None), (Step((1, 1.0), {"config": {}, "patch": {}}),)
    )
    assert encoding.pack_stream(here) == encoding.pack_stream(there)
    assert encoding.pack_stream(stream(2)).sha256 == (
        "07fde05769c4ea5f472ff63e819a3eb901d42bb6f13aa4cb29666bc99a5ed5ee"
    ), "a change here makes every stream of every database a new one"


@pytest.mark.parametrize(
    "value",
    [ABSENT, MISSING, "\ud800 alone", "\x00\x1b[31m", "x" * 1_000_000, b"raw", 2**64, -(2**63) - 1],
    ids=lambda value: repr(value)[:12],
)
def test_what_is_no_document_comes_back_too(value: object) -> None:
    assert encoding.unpack_result(encoding.pack_result([[0, value], [value], []])) == [
        [0, value],
        [value],
        [],
    ]
    differences = (Difference("state", DifferenceKind.EXTRA, ABSENT, value),)
    assert encoding.unpack_differences(encoding.pack_differences(differences)) == differences


def test_an_unknown_object_is_stored_by_the_name_of_its_class() -> None:
    class Peculiar:
        pass

    (only, *_), _ = encoding.unpack_result(encoding.pack_result([[Peculiar()], {1, 2}]))  # type: ignore[misc]
    assert only == Marker("Peculiar")
    assert repr(only) == "(Peculiar)"


@pytest.mark.parametrize("kind", FailureKind)
def test_every_kind_of_failure_comes_back(kind: FailureKind) -> None:
    failure = Failure(kind, "said \udcff nothing")
    assert encoding.unpack_result(encoding.pack_result(failure)) == failure


def test_a_blob_with_any_byte_changed_or_cut_off_is_refused() -> None:
    packed = encoding.pack_stream(stream())
    dice = random.Random(1)
    for index in range(len(packed.blob)):
        damaged = bytearray(packed.blob)
        damaged[index] ^= 1 << dice.randrange(8)
        for blob in (bytes(damaged), packed.blob[:index]):
            try:
                back = encoding.unpack_stream(blob, packed.sha256)
            except ValueError:
                continue
            assert back.steps == stream().steps, "only a change without effect may pass"
    with pytest.raises(ValueError, match="SHA-256"):
        encoding.unpack_stream(packed.blob, "00" * 32)


@pytest.mark.parametrize("value", [[1, 2], ["outcome", 5], ["failure", "no such", "x"], None])
def test_what_is_no_result_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"neither an outcome|not a valid FailureKind"):
        encoding.unpack_result(encoding.compress(encoding._pack(value)))


def test_hostile_values_go_through_the_database(tmp_path: Any) -> None:
    case = Stream(
        Start({"now": math.inf, "n": -math.inf, "x": math.nan, "big": BIG, "": [[]] * 9}, None, 0),
        (Step({"\x1b[31m": "</script>", "deep": _nested(200)}),),
        "../../etc/passwd \udcff\x00",
    )
    with Store.open(tmp_path / "\u202e odd ? # % name.db") as store:
        run = store.begin_run("run", PYTHON, HASKELL, {"path": b"\xff", "text": "\udcff"}, seed=BIG)
        given_finding = finding(case=case)
        back = store.finding(store.record(run, given_finding).id)
        assert same(tuple(back.case.start), tuple(case.start))
        assert same(back.case.steps[0].call, case.steps[0].call)
        assert back.case.origin == "../../etc/passwd \\udcff\x00"
        assert store.run(run).seed == str(BIG)
        assert store.check().sound


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value
