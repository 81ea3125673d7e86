"""Files that are nearly right, for each of our own readers: none ends in anything but a named
error, and what is taken comes back as it was taken."""

from __future__ import annotations

import json
import math
import os
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from telemetry_makers import Bot, compact

from replay.errors import ReplayError
from replay.explaining.claims.explanations import read_explanations
from replay.findings.archive import zip_bytes
from replay.findings.bundle import read_bundle
from replay.gate.package.sources import UNREADABLE, open_source
from replay.gate.telemetry.samples import read_telemetry
from replay.gate.verdict import judge
from replay.settings import load_settings
from replay.streams.corpus import Corpus
from replay.streams.inputs import read_files
from replay.streams.model import Rejected, Segment, Step
from replay.targets.base import Failure, encode_outcomes
from replay.targets.executable.answers import parse_object
from replay.targets.executable.batch_wire import checked_outcomes
from replay.targets.executable.frames import ChildFault, FrameFraming, LineFraming

ROOT = Path(__file__).resolve().parents[2]
LINES = 12
LARGEST = 200_000
TOKENS = (
    *(b"null", b"true", b"-0.0", b"1e400", b"NaN", b"Infinity", b"-1", b"9" * 400, b'""', b"[]"),
    *(b"{}", b'"\\ud800"', b'{"a":1,"a":2}', b"[" * 2_000, b'{"a":' * 1_000, b"\0", b"\xff\xfe"),
    *(b"\r\n", b"\xe2\x80\xa8", b"0x1", b"1_0", b"1979-05-27", b"'''", b"\xc0\x80", b"1e-400"),
)


class TakenOtherwise(Exception):
    """What was read, and written, is read as something else."""


@dataclass(frozen=True)
class Reader:
    """Reads a file as the program does; `seeds` are good ones, in the file's name `name`."""

    name: str
    file: str
    seeds: Callable[[Path], list[bytes]]
    read: Callable[[Path], None]


# --- The readers ------------------------------------------------------------------------------


def _read_log(path: Path) -> None:
    """A journal, requests, parity cases: what is taken is the same after it was kept."""
    steps: list[Step] = []
    for item in read_files([path]):
        if isinstance(item, Rejected):
            assert item.reason
        else:
            steps += item.steps
            _keep(item, path.parent)


def _keep(segment: Segment, folder: Path) -> None:
    if segment.start is None or not segment.steps:
        return
    corpus = Corpus(folder / f"kept-{os.getpid()}")
    with corpus.writer(segment.start, "fuzzed") as writer:
        for step in segment.steps:
            writer.add(step)
        identity, _ = writer.finish()
    back = corpus.read(identity)
    if repr(_plain([back.start, back.steps])) != repr(_plain([segment.start, segment.steps])):
        raise TakenOtherwise(identity)
    corpus.path_of(identity).unlink()


def _plain(value: object) -> object:
    """Whatever kind of list, object or number it is, in one order; NaN is like itself as text."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in sorted(value)}
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _read_telemetry(path: Path) -> None:
    judge(read_telemetry([path]), None).document()


def _read_evidence(path: Path) -> None:
    with open_source(path) as source:
        for name in source.sizes:
            try:
                with source.open(name) as file:
                    file.read(LARGEST)
            except UNREADABLE:
                continue


def _read_corpus(path: Path) -> None:
    corpus = Corpus(path.parent)
    damaged = bool(corpus.verify().faults)
    if not damaged:
        for stream in corpus.streams():
            corpus.read(stream)


def _read_lines(path: Path) -> None:
    framing = LineFraming(LARGEST)
    framing.feed(path.read_bytes())
    for message in framing.ready:
        parse_object(message.line)


def _read_frames(path: Path) -> None:
    framing = FrameFraming(LARGEST)
    framing.feed(path.read_bytes())
    for message in framing.ready:
        outcomes = checked_outcomes(message.body or b"")
        sound = [one for one in outcomes if not isinstance(one, Failure)]
        if repr(checked_outcomes(encode_outcomes(sound))) != repr(sound):
            raise TakenOtherwise(repr(sound)[:200])


def _read_settings(path: Path) -> None:
    load_settings(environment={}, directory=path.parent, trust=True)


# --- Good ones --------------------------------------------------------------------------------


def _journal(_: Path) -> list[bytes]:
    lines = (ROOT / "examples" / "journal.jsonl").read_bytes().splitlines(keepends=True)
    return [b"".join(lines[at : at + LINES]) for at in range(0, 5 * LINES, LINES)]


def _requests(_: Path) -> list[bytes]:
    state = {"market_price": 0.2, "now": 1.0, "orders": []}
    event = {"type": "PriceTick", "price": 0.21, "timestamp": 2.0}
    request = {"method": "transition", "state": state, "event": event, "config": {},
               "order_size_usd": 5.0, "order_sizes": None}  # fmt: skip
    check = {"method": "check_invariants", "state": state}
    regime = {"method": "apply_order_regime_at_entry",
              "params": {"state": state, "local_id": 1, "regime_at_entry": None}}  # fmt: skip
    lines = [json.dumps(one).encode() + b"\n" for one in (request, check, regime)]
    case = {"name": "a", "request": request, "expected": {"state": state, "actions": []}}
    return [b"".join(lines), lines[0], json.dumps([case]).encode(), json.dumps(case).encode()]


def _telemetry(_: Path) -> list[bytes]:
    return [compact(Bot(adapter=True).run(5).diverge().run(5).documents).encode()]


def _explanations(_: Path) -> list[bytes]:
    return [(ROOT / "examples" / "explanations.toml").read_bytes()]


def _evidence(_: Path) -> list[bytes]:
    return [zip_bytes({"manifest.json": b'{"format": 1}' * 9, "telemetry/a.jsonl": b"{}\n" * 99})]


def _bundles(folder: Path) -> list[bytes]:
    from flipped_databases import run_here

    made = folder / "b.db"
    journal, shadow = ROOT / "examples" / "journal.jsonl", ROOT / "examples" / "forgets_fees.py"
    run_here("run", str(journal), "--shadow", str(shadow), "--db", str(made))
    code, text = run_here("export", "d-b96bf98f", "--as", "bundle", "-o", str(folder / "b.zip"),
                          "--db", str(made), "--shadow", str(shadow))  # fmt: skip
    assert code == 0, text
    return [(folder / "b.zip").read_bytes()]


def _streams(_: Path) -> list[bytes]:
    corpus = Corpus(ROOT / "corpus")
    smallest = sorted(corpus.streams(), key=lambda one: corpus.path_of(one).stat().st_size)
    return [corpus.path_of(one).read_bytes() for one in smallest[:5]]


def _answers(_: Path) -> list[bytes]:
    state = {"state": {"now": 1.0, "orders": [{"local_id": 1}]}, "actions": []}
    return [json.dumps(state).encode() + b'\n{"violations":["x"]}\n{"error":"no"}\n']


def _framed(_: Path) -> list[bytes]:
    body = encode_outcomes([[[0, 0.25], [[0, 1]], []], [[], [], ["x"]], ["unreadable", "a.b"]])
    return [b'{"id":1,"bytes":%d}\n%b' % (len(body), body) * 2]


def _settings(_: Path) -> list[bytes]:
    return [
        b'[tool.doge-replay]\nauthority = "python"\nshadow = "./x"\njobs = 2\ntimeout = 1.5\n'
        b'corpus = ["a", "b"]\nprofile = "live"\nlogs = ["l"]\nexplanations = "e.toml"\n'
    ]


READERS = (
    Reader("journal", "events_20261122T000000Z.jsonl", _journal, _read_log),
    Reader("requests", "requests.jsonl", _requests, _read_log),
    Reader("telemetry", "state_machine_shadow_20261122T000000Z.jsonl", _telemetry, _read_telemetry),
    Reader("bundle", "b.zip", _bundles, lambda path: _ignore(read_bundle(path))),
    Reader("evidence", "e.zip", _evidence, _read_evidence),
    Reader("explanations", "explanations.toml", _explanations,
           lambda path: _ignore(read_explanations(path))),
    Reader("stream", "0" * 64 + ".stream", _streams, _read_corpus),
    Reader("answers", "answers", _answers, _read_lines),
    Reader("frames", "frames", _framed, _read_frames),
    Reader("settings", "pyproject.toml", _settings, _read_settings),
)  # fmt: skip


def _ignore(_: object) -> None:
    """It was read."""


# --- Nearly right ones ------------------------------------------------------------------------


def mutated(chosen: random.Random, seeds: list[bytes]) -> bytes:
    """A good file with some changes."""
    content = bytearray(chosen.choice(seeds))
    for _ in range(chosen.choice((1, 1, 2, 5, 30))):
        at = chosen.randrange(len(content) + 1)
        to = min(len(content), at + chosen.choice((1, 1, 2, 8, 100, 2_000)))
        match chosen.randrange(8):
            case 0 if at < len(content):
                content[at] ^= 1 << chosen.randrange(8)
            case 1:
                del content[at:to]
            case 2:
                content[at:at] = content[at:to] * chosen.choice((1, 2, 20))
            case 3:
                content[at:at] = chosen.choice(TOKENS)
            case 4:
                _replace_word(chosen, content, at)
            case 5:
                other = chosen.choice(seeds)
                begin = chosen.randrange(len(other))
                content[at:to] = other[begin : begin + to - at]
            case 6:
                content[at:to] = chosen.randbytes(to - at)
            case _:
                content[at:] = b"" if chosen.random() < 0.2 else content[at:]
    return bytes(content[:LARGEST])


def _replace_word(chosen: random.Random, content: bytearray, at: int) -> None:
    """A number, text or name around a place becomes another one."""
    ends = b' ,:[]{}="\n'
    begin = end = min(at, len(content))
    while begin and content[begin - 1] not in ends:
        begin -= 1
    while end < len(content) and content[end] not in ends:
        end += 1
    content[begin:end] = chosen.choice(TOKENS)


def try_reader(
    reader: Reader, folder: Path, count: int, seed: int, slow: float = 0.0,
    seconds: float = math.inf,
) -> tuple[Counter[str], list[str]]:  # fmt: skip
    """Counts of what became of each file, and a line for each that was not held; with `slow`, also
    for what takes so many seconds of the processor. Ends early after `seconds`."""
    chosen = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    seeds = reader.seeds(folder)
    where = folder / "read"
    where.mkdir()
    path = where / reader.file
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for content in seeds:
        path.write_bytes(content)
        reader.read(path)
    until = time.monotonic() + seconds
    for number in range(count):
        if time.monotonic() > until:
            break
        path.write_bytes(mutated(chosen, seeds))
        counts["inputs"] += 1
        before = time.process_time()
        try:
            reader.read(path)
            counts["taken"] += 1
        except (ReplayError, ChildFault):
            counts["refused"] += 1
        except BaseException as error:
            counts["tracebacks"] += 1
            kept = folder / f"wrong-{number}"
            kept.write_bytes(path.read_bytes())
            where_from = "".join(traceback.format_exception(error)[-2:])[-400:]
            wrong.append(f"{reader.name} {number} (seed {seed}): {where_from}")
        if slow and time.process_time() - before > slow:
            counts["slow"] += 1
            wrong.append(f"{reader.name} {number} (seed {seed}): took over {slow:g} s")
    return counts, wrong
