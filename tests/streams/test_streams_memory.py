"""Reading and importing take memory that does not grow with the file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from stream_makers import CONFIG

from replay import core

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="asks Linux how much memory was used"
)

LINES = 200_000
MEGABYTE = 1024

MEASURE = """
import sys
from pathlib import Path
from replay.streams.inputs import open_input
from replay.streams.corpus import Corpus
from replay.streams.model import Rejected
def most():
    # Not ru_maxrss: a child inherits its parent's.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
before = most()
path, corpus = sys.argv[1:]
steps = 0
if corpus:
    steps = Corpus(corpus).import_inputs([path]).steps
else:
    for item in open_input(path):
        assert not isinstance(item, Rejected), item
        steps += len(item.steps)
print(steps, before, most())
"""


def measure(path: Path, corpus: str = "") -> tuple[int, int, int]:
    """Steps read, and the most memory in KiB that the process had before and in all."""
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), corpus],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    steps, before, after = map(int, run.stdout.split())
    return steps, before, after


def write_journal(path: Path, lines: int, full_every: int, cycles: int) -> None:
    """A journal of ticks whose full lines have a history of so many cycles."""
    record = core.CycleRecord("A", 1, 0.2, 0.21, 25.0, 0.1, 0.01, 0.09)
    state = core.to_dict(core.PairState(0.2, 1.0, completed_cycles=(record,) * cycles))
    settings = {"config": core.config_to_dict(CONFIG), "order_size_usd": 5.0, "order_sizes": None}
    full = json.dumps({"state": state, **settings})[1:]
    tick = (
        '{"v":1,"seq":%d,"ts":1748623320.5,"slot":%d,"method":"transition",'
        '"event":{"type":"PriceTick","payload":{"price":0.19701,"timestamp":1748623320.5}}'
    )
    with path.open("w") as file:
        for number in range(lines):
            seq, slot = divmod(number, 2)
            file.write(tick % (seq + 1, slot))
            file.write(f",{full}\n" if seq % full_every == 0 else "}\n")


@pytest.mark.parametrize(
    ("lines", "full_every", "cycles"),
    [(LINES, 500, 3), (LINES // 2, 500, 300), (400, 1, 300), (60, 1, 3_000)],
    ids=["ticks", "long histories", "only full lines", "very long full lines"],
)
@pytest.mark.parametrize("into_corpus", [False, True])
def test_memory_is_bounded_whatever_the_journal(
    tmp_path: Path, lines: int, full_every: int, cycles: int, into_corpus: bool
) -> None:
    path = tmp_path / "a.jsonl"
    write_journal(path, lines, full_every, cycles)
    steps, before, after = measure(path, str(tmp_path / "corpus") if into_corpus else "")
    assert steps == lines
    assert after - before < 70 * MEGABYTE, (
        f"{after - before} KiB more than the {before} KiB at rest"
    )
    assert after < 120 * MEGABYTE


def test_a_journal_ten_times_as_long_takes_no_more_memory(tmp_path: Path) -> None:
    sizes = []
    for lines in (LINES // 10, LINES):
        path = tmp_path / f"{lines}.jsonl"
        write_journal(path, lines, 500, 3)
        steps, _, after = measure(path)
        assert steps == lines
        sizes.append(after)
    assert sizes[1] - sizes[0] < 5 * MEGABYTE
