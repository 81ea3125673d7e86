"""reader: kinds told apart line by line, and no line dropped without a word, whatever it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_makers import as_bytes, gather, journal, read, requests, write

from replay.errors import InputError
from replay.streams.corpus import Corpus
from replay.streams.inputs import Hooks, open_input, read_files
from replay.streams.log_files import Wanted, find_files
from replay.streams.model import Rejected, Segment

JOURNAL = journal(12, slots=2, full_every=4)
REQUESTS = requests(6, slots=2)
CASE = {"name": "c", "initial_state": REQUESTS[0]["state"], "events": [JOURNAL[0]["event"]]}

odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    | st.sampled_from(["NaN", "transition", "TimerTick", 2**63, 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner,
                                                                max_size=3),
    max_leaves=5,
)  # fmt: skip


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything inside a document."""
    inner: Any = ()
    if isinstance(document, dict):
        inner = document.items()
    elif isinstance(document, list):
        inner = enumerate(document)
    found = []
    for key, value in inner:
        found.append((*path, key))
        found.extend(places(value, (*path, key)))
    return found


@st.composite
def damaged_lines(draw: st.DrawFn) -> list[Any]:
    """Lines of all kinds, some with one part of them removed or replaced by something odd."""
    lines: list[Any] = []
    for line in draw(st.lists(st.sampled_from([*JOURNAL, *REQUESTS, CASE]), max_size=12)):
        copy = json.loads(json.dumps(line))
        if draw(st.booleans()):
            *above, last = draw(st.sampled_from(places(copy)))
            holder = copy
            for key in above:
                holder = holder[key]
            if draw(st.booleans()):
                del holder[last]
            else:
                holder[last] = draw(odd)
        lines.append(copy)
    return lines


quick = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@quick
@given(lines=damaged_lines())
def test_every_line_becomes_a_step_or_is_set_aside(tmp_path: Path, lines: list[Any]) -> None:
    path = write(tmp_path / "a.jsonl", lines)
    steps: list[int] = []
    cases: list[int] = []
    items = list(open_input(path, hooks=Hooks(on_case=lambda key, _: cases.append(key))))
    rejected = [item.line for item in items if isinstance(item, Rejected)]
    for item in items:
        if isinstance(item, Segment) and item.key not in cases:
            steps.extend(step.line for step in item.steps)
    assert len(steps) + len(cases) + len(rejected) == len(lines)
    assert set(steps) | set(rejected) <= set(range(1, len(lines) + 1))
    assert len(set(steps) | set(rejected)) == len(steps) + len(rejected)
    # What can be read can be kept, and is then known.
    corpus = Corpus(tmp_path / "corpus")
    corpus.import_inputs([path])
    again = corpus.import_inputs([path])
    assert again.added == 0
    if not cases:
        assert again.steps == len(steps)


@quick
@given(data=st.binary(max_size=300))
def test_any_bytes_are_set_aside_and_stop_nothing(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(data + b"\n" + as_bytes(JOURNAL[:2]))
    gather(open_input(path))
    path.write_bytes(as_bytes(JOURNAL[:2]) + data)
    streams, _ = read(path)
    assert [len(stream.steps) for stream in streams] == [1, 1]


@quick
@given(data=st.data())
def test_any_damage_to_a_compressed_file_stops_nothing(tmp_path: Path, data: st.DataObject) -> None:
    path = write(tmp_path / "a.jsonl.gz", JOURNAL)
    good = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(good) - 1))
    good[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(good)
    gather(open_input(path))


def test_all_kinds_may_be_mixed_in_one_file(tmp_path: Path) -> None:
    lines = [*JOURNAL[:4], CASE, *REQUESTS[:4], {"ts": "2026-01-01"}, *JOURNAL[4:6], *REQUESTS[4:6]]
    streams, rejected = read(write(tmp_path / "a.jsonl", lines))
    assert sorted(len(stream.steps) for stream in streams) == [1, 3, 3, 3, 3]
    assert rejected == [
        Rejected(
            str(tmp_path / "a.jsonl"), 10,
            "is neither a journal line, nor a request, nor a parity case",
        )
    ]  # fmt: skip


def test_several_files_share_no_key(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", JOURNAL)
    write(tmp_path / "b.jsonl.gz", REQUESTS)
    write(tmp_path / "c.json", [CASE])
    Corpus(tmp_path).import_inputs([tmp_path / "a.jsonl"])
    streams, rejected = gather(read_files(find_files([tmp_path], Wanted.REPLAYED).files))
    assert rejected == []
    assert len(streams) == 2 + 2 + 1 + 2


def test_a_missing_path_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or directory"):
        find_files([write(tmp_path / "a.jsonl", JOURNAL), tmp_path / "none"], Wanted.REPLAYED)


def test_a_damaged_corpus_stream_is_set_aside_as_a_whole(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path / "c")
    corpus.import_inputs([write(tmp_path / "a.jsonl", JOURNAL)])
    path = corpus.path_of(corpus.streams()[0])
    path.write_bytes(path.read_bytes()[:-1])
    assert list(open_input(path)) == [Rejected(str(path), 0, "it is cut off")]


def test_a_mark_at_the_start_of_the_file_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + as_bytes(JOURNAL).replace(b"\n", b"\r\n"))
    streams, rejected = read(path)
    assert rejected == []
    assert [len(stream.steps) for stream in streams] == [12, 12]
