"""Makes examples/journal.jsonl: a generated half hour of one slot, as a live bot would record it.

    .venv/bin/python examples/make_journal.py

The same bytes each time; nothing in it comes from a real account.
"""

import json
from pathlib import Path
from typing import Any

from replay.core import event_from_dict
from replay.fuzzing.expand import expand
from replay.fuzzing.plan import Profile
from replay.fuzzing.plans import plan_of_seed
from replay.streams.model import CallCode, Step, event_document

SEED = 7
STEPS = 240


def journal_line(seq: int, step: Step, more: dict[str, Any]) -> dict[str, Any]:
    """One line of a journal (a transition, with what was set before it)."""
    payload = dict(event_document(step.call))
    event = {"type": type(event_from_dict(payload)).__name__, "payload": payload}
    head = {"v": 1, "seq": seq, "ts": payload["timestamp"], "slot": 0, "method": "transition"}
    return {**head, "event": event, **more, **(step.changes or {})}


def main() -> None:
    """Writes the journal."""
    stream = expand(plan_of_seed(Profile.LIVE, SEED))
    # The bot's helper calls are not part of a transition's line.
    steps = [step for step in stream.steps if step.call[0] < CallCode.APPLY_REGIME][:STEPS]
    lines = [
        journal_line(seq, step, stream.start._asdict() if seq == 1 else {})
        for seq, step in enumerate(steps, 1)
    ]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    Path(__file__).with_name("journal.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
