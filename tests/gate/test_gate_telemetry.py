"""What reading telemetry sets aside, and how it names it."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest
from telemetry_makers import Bot, compact, pretty, write

from replay.errors import InputError
from replay.gate.telemetry import json_objects as objects
from replay.gate.telemetry.samples import Fault, read_telemetry
from replay.streams.model import Rejected


def aside(path: Path) -> list[tuple[int, str, Fault]]:
    return [(one.line, one.reason, one.fault) for one in read_telemetry([path]).set_aside]


def test_half_an_object_is_named_with_its_line_and_the_glued_one_is_read(tmp_path: Path) -> None:
    first, second, third = Bot().run(3).documents
    text = pretty([first]) + pretty([second])[:90] + pretty([third])
    path = write(tmp_path / "t.jsonl", text)
    read = read_telemetry([path])
    assert [one.text for one in read.samples] == [first["ts"], third["ts"]]
    lines_of_one = pretty([first]).count("\n")
    assert aside(path) == [
        (
            lines_of_one + 1,
            "is half an object: another object begins before it ends",
            Fault.UNREADABLE,
        )
    ]


@pytest.mark.parametrize("cut", range(10, 560, 11))
def test_wherever_an_object_is_cut_the_next_one_is_read(tmp_path: Path, cut: int) -> None:
    first, second = Bot().run(2).documents
    for text in (compact([first])[:cut] + compact([second]), pretty([first])[:cut]
                 + pretty([second])):  # fmt: skip
        read = read_telemetry([write(tmp_path / "t.jsonl", text)])
        assert read.samples[-1].text == second["ts"]
        assert len(read.samples) + read.counts[Fault.UNREADABLE] == 2


def test_each_foreign_line_is_named(tmp_path: Path) -> None:
    (sample,) = Bot().run(1).documents
    text = "curl: (7) refused\n" + compact([sample]) + 'null\n{"a":1}\n\n[1,\n2]\n'
    assert aside(write(tmp_path / "t.jsonl", text)) == [
        (1, "is no JSON object", Fault.UNREADABLE),
        (3, "is no JSON object", Fault.UNREADABLE),
        (4, 'is no telemetry: it has no "ts"', Fault.UNREADABLE),
        (6, "is no JSON object", Fault.UNREADABLE),
        (7, "is no JSON object", Fault.UNREADABLE),
    ]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"shadow_failures":0', '"shadow_failures":-3', "shadow_failures is -3, below zero"),
        ('"shadow_failures":0', f'"shadow_failures":{10**19}', "more than anybody counts"),
        ('"shadow_failures":0', f'"shadow_failures":{10**400}', "more than anybody counts"),
        ('"last_divergence_ts":null', f'"last_divergence_ts":{10**400}', "which is no time"),
        ('"shadow_failures":0', '"shadow_failures":0.0', "which is no whole number"),
        ('"shadow_failures":0', '"shadow_failures":true', "which is no whole number"),
        ('"shadow_failures":0', '"shadow_failure":0', "has no shadow_failures"),
        ('"enabled":true', '"enabled":1', "neither true nor false"),
        ('"last_divergence_kind":""', '"last_divergence_kind":"x"', "last_divergence_kind is 'x'"),
        ('"last_shadow_error":""', '"last_shadow_error":null', "which is no text"),
        ('"ts":"', '"ts":"20', "which is no time in RFC 3339"),
        ("11-22T", "13-42T", "which is no time"),
        ('"total_divergences":0', '"total_divergences":1', "which is not 0 + 0"),
    ],
)
def test_what_contradicts_the_format_is_named(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    text = compact(Bot().run(1).documents)
    assert old in text
    (found,) = aside(write(tmp_path / "t.jsonl", text.replace(old, new)))
    assert reason in found[1]
    assert found[2] is Fault.CONTRADICTION


def test_a_key_that_stands_twice_and_a_number_too_large_are_refused(tmp_path: Path) -> None:
    text = compact(Bot().run(1).documents)
    twice = text.replace('"enabled":true', '"enabled":true,"enabled":false')
    large = text.replace('"last_divergence_ts":null', '"last_divergence_ts":1e400')
    found = aside(write(tmp_path / "t.jsonl", twice + large))
    assert "has the key 'enabled' twice in one object" in found[0][1]
    assert "no double can hold" in found[1][1]


def test_text_that_is_no_utf_8_costs_only_its_own_sample(tmp_path: Path) -> None:
    text = compact(Bot().run(2).documents).encode()
    path = write(tmp_path / "t.jsonl", text.replace(b'"live"', b'"l\xffve"', 1))
    assert "is not UTF-8" in aside(path)[0][1]
    assert len(read_telemetry([path]).samples) == 1


def test_deep_nesting_and_many_braces_do_no_harm(tmp_path: Path) -> None:
    text = '{"ts":' * 20_000 + "\n" + "{" * 50_000 + "\n" + compact(Bot().run(1).documents)
    read = read_telemetry([write(tmp_path / "t.jsonl", text)])
    assert len(read.samples) == 1
    assert len(read.set_aside) <= 1_000


def test_a_missing_file_is_bad_input_and_a_directory_is_searched(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_telemetry([tmp_path / "none.jsonl"])
    packed = gzip.compress(compact(Bot().run(5).documents).encode())
    write(tmp_path / "state_machine_shadow_a.jsonl.gz", packed)
    assert len(read_telemetry([tmp_path]).samples) == 5


@pytest.mark.parametrize(
    "text",
    [
        '{"ts":' * 50_000,
        '{"ts":1,"b":[' * 20_000 + "0," * 50_000,
        '{"a":\n' * 50_000,
        '{"ts":"' * 40_000,
        '{"ts": {"ts": x' * 20_000,
        "{" * 200_000,
        "[" * 200_000,
        '{"ts":1}' * 5_000 + '{"ts":[' * 20_000,
    ],
    ids=["nested", "tail", "lines", "texts", "wrong", "braces", "brackets", "good first"],
)
def test_what_is_decoded_in_vain_is_no_more_than_a_multiple_of_the_text(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = 0

    class Counting:
        def raw_decode(self, window: str, at: int) -> object:
            nonlocal decoded
            try:
                value, end = json.JSONDecoder().raw_decode(window, at)
            except json.JSONDecodeError as error:
                decoded += error.pos - at + len(window) // 64
                raise
            except RecursionError:
                decoded += 20 * sys.getrecursionlimit()
                raise
            decoded += end - at
            return value, end

    monkeypatch.setattr(objects, "_DECODER", Counting())
    found = list(objects.objects_in("t", text))
    assert found
    assert decoded <= 200 * len(text)


def test_objects_are_found_whatever_the_size_of_what_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [{"ts": n, "text": "x" * (n * 37 % 400), "in": {"a": [n, None, True]}}
                 for n in range(200)]  # fmt: skip
    text = "".join(
        json.dumps(one, indent=n % 2 or None) + ("" if n % 7 else "\n" * (n % 5))
        for n, one in enumerate(documents)
    )
    path = tmp_path / "t"
    path.write_text(text)
    whole = list(objects.objects_in(str(path), text))
    assert [one[1] for one in whole if not isinstance(one, Rejected)] == documents
    for size in (1, 16, 50, 333, 4096):
        monkeypatch.setattr(objects, "_WINDOW", size)
        monkeypatch.setattr(objects, "BLOCK", size)
        assert list(objects.read_objects(path)) == whole
