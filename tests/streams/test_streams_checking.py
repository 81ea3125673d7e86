"""Streams from elsewhere: what has the form of one, and what only looks like it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from replay.streams.events import UnusableError
from replay.streams.model import EVENT_FIELDS, CallCode, Document, Start, Step, Stream
from replay.streams.packed import pack_canonical
from replay.streams.parity_cases import parity_case_document, read_case
from replay.streams.validity import MAX_DEPTH, check_stream


def of(*steps: Step, state: Any = None) -> Stream:
    return Stream(Start({} if state is None else state, {}, 1.0), steps)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_every_call_that_there_is_passes() -> None:
    calls: list[Any] = [(int(code), *["odd"] * len(names)) for code, names in EVENT_FIELDS.items()]
    calls += [(int(CallCode.APPLY_REGIME), None, 1.5), (int(CallCode.CHECK_INVARIANTS),), {"a": 1}]
    changes: dict[str, Document] = {
        "state": None,
        "patch": {},
        "config": 1,
        "order_size_usd": "x",
        "order_sizes": [],
    }
    stream = of(*(Step(call, changes) for call in calls))
    assert check_stream(stream) is stream
    assert check_stream(of())


@pytest.mark.parametrize(
    "call",
    [(), (7,), (-1, 1.0), (0, 1.0), (0, 1.0, 2.0, 3.0), (6, 1), ("0", 1.0, 2.0), (True, 1.0),
     (0.0, 1.0, 2.0), None, 5, "tick", (0, b"1", 2.0), {1: 2}],
    ids=repr,
)  # fmt: skip
def test_what_is_no_call_is_refused_with_its_step(call: Any) -> None:
    with pytest.raises(ValueError, match=r"^its step 2 "):
        check_stream(of(Step((1, 1.0)), Step(call)))


@pytest.mark.parametrize(
    "changes", [{"patch": []}, {"prices": 1}, [], {"state": b"1"}, {"state": {1: 2}}], ids=repr
)
def test_what_cannot_be_set_is_refused(changes: Any) -> None:
    with pytest.raises(ValueError, match=r"^its step 1 "):
        check_stream(of(Step((1, 1.0), changes)))


def test_deep_nesting_is_refused_wherever_it_is() -> None:
    check_stream(of(Step({"a": nested(100)}), state=nested(100)))
    for stream in (of(state=nested(MAX_DEPTH)), of(Step({"a": nested(MAX_DEPTH)}))):
        with pytest.raises(ValueError, match="nested more than"):
            check_stream(stream)


def test_a_parity_case_whose_exact_stream_is_none_is_refused() -> None:
    case = parity_case_document("c", of(Step({"timestamp": "NaN"})), {})
    assert read_case(case, "f").stream.steps[0].call == {"timestamp": "NaN"}
    exact = case["exact"]
    assert isinstance(exact, dict)
    for call in ([99, 1.0], [0, 1.0], [], 5):
        packed = pack_canonical([[{}, {}, 1.0, None], [[call, None]]])
        forged = {**case, "exact": {**exact, "stream": base64.b64encode(packed).decode()}}
        with pytest.raises(UnusableError, match="exact"):
            read_case(forged, "f")
