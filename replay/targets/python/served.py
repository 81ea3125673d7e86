"""A Python core in a process of its own: `python -m replay.targets.python.served SPEC`.

It speaks part 2 of the wire (docs/replay-method.md) with the process that started it, and answers
one question more: what its readers make of a document. So whatever a
module does to the process that it runs in (ends it, blocks it, prints, changes directory or
signals) happens here, where it can be watched and killed like any executable.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from json import dumps, loads
from typing import Any, BinaryIO

import msgpack

from replay.errors import ReplayError, UsageError
from replay.streams.model import CYCLES, RECORD_FIELDS, CallCode, Start, Step
from replay.streams.packed import unpack_extension
from replay.targets.base import (
    REFUSED,
    CoreIdentity,
    Outcome,
    RefusalKind,
    Work,
    decode_outcomes,
)
from replay.targets.executable.batch_wire import guide_bytes, values_bytes
from replay.targets.python.guard import ProcessGuard, switch_shadow_off
from replay.targets.python.module import PythonTarget, open_python_target

STARTED_A_PROCESS = 86
"""The exit code that says that the module has started a process while it answered."""


def main() -> None:
    """Serves the core that the command line names until its input ends."""
    spec = sys.argv[1]
    requests, answers = _take_pipes()
    switch_shadow_off(os.environ)
    sys.argv = [spec]
    guard = ProcessGuard()
    target: PythonTarget | None = None
    document: dict[str, object]
    try:
        with guard.loading(spec):
            # Who started us asks git once for all processes of the same code.
            target = open_python_target(spec, with_revision=False)
        document = introduction(target.identity, target.helpers)
    except ReplayError as error:
        document = {"failed": error.message, "usage": isinstance(error, UsageError)}
    for line in requests:
        head = loads(line)
        if head.get("method") == "capabilities":
            _answer(answers, document)
            continue
        body = requests.read(head["bytes"])
        assert target is not None
        try:
            with guard.answering(spec):
                blob = _read(target, body) if head["method"] == "read" else _replay(target, body)
        except ReplayError as error:
            print(error.message, file=sys.stderr, flush=True)
            os._exit(STARTED_A_PROCESS)
        _answer(answers, {"id": head["id"], "bytes": len(blob)}, blob)
    os._exit(0)  # threads of the module's have no say


def introduction(identity: CoreIdentity, helpers: Collection[CallCode]) -> dict[str, object]:
    """What is answered to `capabilities`."""
    told = {**identity.document(), "helpers": sorted(map(int, helpers))}
    return {"methods": ["replay"], "replay_encodings": [1], "identity": told}


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Our end of both pipes, out of the module's reach: what it prints goes to standard error, and
    what it reads is empty."""
    requests = os.fdopen(os.dup(0), "rb", buffering=1 << 20)
    answers = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, answers


def _answer(answers: BinaryIO, head: dict[str, object], body: bytes = b"") -> None:
    answers.write(dumps(head, separators=(",", ":")).encode() + b"\n" + body)
    answers.flush()


def _replay(target: PythonTarget, body: bytes) -> bytes:
    """Runs a request; gives the body of its answer."""
    fields = _unpacked(body)
    _, session, last, start, *rest = fields
    steps = [_step(step) for step in rest[-1]]
    guide: Any = None if len(rest) == 1 else [*map(_as_answered, decode_outcomes(rest[0]))]
    target.submit(Work(session, None if start is None else Start(*start), steps, last, guide))
    outcomes: Any = target.collect().results
    return _encoded(outcomes)


def _as_answered(outcome: Any) -> Any:
    """An outcome of the guide as a session has its own, with tuples for records: so that equal ones
    are seen to be equal without being read."""
    if len(outcome) == REFUSED:
        return outcome
    delta = outcome[0]
    for place in range(0, len(delta), 2):
        index = delta[place]
        if index == CYCLES:
            keep, records = delta[place + 1]
            delta[place + 1] = [keep, [*map(tuple, records)]]
        elif index in RECORD_FIELDS:
            delta[place + 1] = [*map(tuple, delta[place + 1])]
    return outcome


def _read(target: PythonTarget, body: bytes) -> bytes:
    """What a reader makes of a document: `[name, document]`; the plain form or nil for `state`, for
    all others whether it is taken."""
    name, document = _unpacked(body)
    if name != "state":
        return values_bytes([target.readers.settings[name](document)])
    plain = target.readers.state(document)
    try:
        return values_bytes([plain])
    except (TypeError, ValueError, RecursionError):
        return values_bytes([None])


def _unpacked(body: bytes) -> list[Any]:
    fields: list[Any] = msgpack.unpackb(
        body,
        raw=False,
        strict_map_key=False,
        unicode_errors="surrogatepass",
        ext_hook=unpack_extension,
    )
    return fields


def _step(fields: Sequence[Any]) -> Step:
    call, *rest = fields
    return Step(tuple(call) if isinstance(call, list) else call, *rest)


def _encoded(outcomes: Sequence[Outcome]) -> bytes:
    try:
        return guide_bytes(outcomes)
    except (TypeError, ValueError, RecursionError):
        return b"".join(map(_one_encoded, outcomes))


def _one_encoded(outcome: Outcome) -> bytes:
    try:
        return guide_bytes([outcome])
    except (TypeError, ValueError, RecursionError) as error:
        return guide_bytes([[str(RefusalKind.ERROR), f"answered what is no JSON value: {error}"]])


if __name__ == "__main__":
    main()
