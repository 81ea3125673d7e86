"""An executable that answers well, until it is told not to: what the targets must live with.

It speaks both parts of the wire with our own core inside. `mode` names how it misbehaves and `when`
on what: `price` on each request for a tick at BAD_PRICE, `once` only the first time that it sees
one (a file remembers), `third` on the third tick of each process, `always`, `start`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

import msgpack

from replay.core import (
    CoreError,
    action_to_dict,
    apply_order_regime_at_entry,
    check_invariants,
    config_from_dict,
    event_from_dict,
    from_dict,
    order_size_from,
    order_sizes_from,
    to_dict,
    transition,
)
from replay.streams.model import Start, Step
from replay.targets.base import Work, decode_outcomes, encode_outcomes
from replay.targets.python.module import open_python_target

BAD_PRICE = 0.666
MOST_AT_ONCE = 8
MOST_IN_ALL = 200
KEPT_OF_A_STEP = 20_000


class Fake:
    def __init__(self, mode: str, when: str, folder: Path, *, part2: bool) -> None:
        self.mode, self.when, self.folder, self.part2 = mode, when, folder, part2
        self.buffer = b""
        self.ticks = 0
        self.steps = 0
        self.kept: list[bytes] = []
        self.held: bytes | None = None
        self.core = open_python_target("python") if part2 else None

    def run(self) -> None:
        (self.folder / f"pid-{os.getpid()}").touch()
        if self.mode == "ignore_term":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self.mode = "hang"
        if self.mode == "slow_start":
            time.sleep(0.7)
        if self.when == "start":
            self.misbehave(b"")
        while True:
            line = self.line()
            if line is None:
                return
            self.serve(line)

    # --- Reading ------------------------------------------------------------------------------

    def line(self) -> bytes | None:
        while b"\n" not in self.buffer:
            if not self.more():
                return None
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def body(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if not self.more():
                os._exit(9)
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return body

    def more(self) -> bool:
        chunk = os.read(0, 1 << 16)
        self.buffer += chunk
        return bool(chunk)

    # --- Answering ----------------------------------------------------------------------------

    def serve(self, line: bytes) -> None:
        if self.mode == "chatty":
            os.write(2, b"x" * 300_000)
        request = json.loads(line)
        body = self.body(request["bytes"]) if request["method"] == "replay" else None
        self.use_memory(1 if body is None else len(msgpack.unpackb(body, strict_map_key=True)[-1]))
        if body is None:
            answer = json.dumps(self.answer(request)).encode() + b"\n"
        else:
            answer = self.replay(request["id"], body)
        if self.is_bad(request, body):
            self.misbehave(answer)
        else:
            self.say(answer)

    def use_memory(self, steps: int) -> None:
        """Ends as GHC's runtime does where a request is large, or after some steps; or grows."""
        self.steps += steps
        is_full = self.mode == "holds_requests" and steps > MOST_AT_ONCE
        if is_full or (self.mode == "keeps_steps" and self.steps > MOST_IN_ALL):
            os._exit(251)
        if self.mode == "grows":
            self.kept.append(b"x" * (KEPT_OF_A_STEP * steps))

    def say(self, answer: bytes) -> None:
        if self.held is not None:
            answer, self.held = answer + self.held, None
        view = memoryview(answer)
        while view:
            view = view[os.write(1, view) :]

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            match request["method"]:
                case "capabilities" if self.part2:
                    methods = ["transition", "check_invariants", "capabilities", "replay"]
                    return {"version": "9", "methods": methods, "replay_encodings": [1]}
                case "transition" if self.mode == "no_fence" and request["event"]["timestamp"] < 0:
                    return {"error": "a time before time"}
                case "transition":
                    state, actions = transition(
                        from_dict(request["state"]),
                        event_from_dict(request["event"]),
                        config_from_dict(request["config"]),
                        order_size_from(request["order_size_usd"]),
                        order_sizes_from(request["order_sizes"]),
                    )
                    answer = {
                        "state": to_dict(state),
                        "actions": list(map(action_to_dict, actions)),
                    }
                    return self.changed(request, answer)
                case "check_invariants":
                    return {"violations": list(check_invariants(from_dict(request["state"])))}
                case "apply_order_regime_at_entry":
                    asked = request["params"]
                    state = apply_order_regime_at_entry(
                        from_dict(asked["state"]), asked["local_id"], asked["regime_at_entry"]
                    )
                    return {"state": to_dict(state)}
                case method:
                    return {"error": f"unknown method: {method}"}
        except (CoreError, ArithmeticError, ValueError) as error:
            return {"error": str(error)}

    def changed(self, request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        """Answers that are wrong all the same each time."""
        cycles = answer["state"]["completed_cycles"]
        if self.mode == "spoils_history" and len(cycles) > 5:
            cycles[0]["volume"] += 1.0
        if self.mode == "always_wrong" and request["event"].get("price") == BAD_PRICE:
            answer["state"]["total_fees"] += 1.0
        if self.mode == "odd" and request["event"].get("price") == BAD_PRICE:
            answer["state"]["long_only"] = 0
            answer["state"]["cycle_a"] = 1.0
            answer["state"]["unknown"] = "ignored"
            del answer["state"]["total_fees"]
            del answer["state"]["orders"][0]["side"]
        return answer

    def replay(self, number: int, body: bytes) -> bytes:
        _, session, last, start, *guided, steps = msgpack.unpackb(body, strict_map_key=True)
        guide: Any = list(decode_outcomes(guided[0])) if guided else None
        made = [
            Step(
                tuple(step[0]) if isinstance(step[0], list) else step[0],
                step[1] if len(step) > 1 else None,
            )
            for step in steps
        ]
        assert self.core is not None
        self.core.submit(Work(session, None if start is None else Start(*start), made, last, guide))
        results: Any = self.core.collect().results
        if self.mode == "count_less" and self.tick_in(body):
            del results[-1]
        if self.mode == "count_more" and self.tick_in(body):
            results.append(results[-1])
        if self.mode == "odd_outcome" and self.tick_in(body):
            place = next(i for i, s in enumerate(steps) if s[0][1] == BAD_PRICE)
            results[place] = [[99, 1], [], []]
        blob = encode_outcomes(results)
        size = len(blob)
        if self.tick_in(body):
            number += {"wrong_id": 7, "old_id": -1}.get(self.mode, 0)
            size += {"length_more": 5, "length_less": -3}.get(self.mode, 0)
        return b'{"id":%d,"bytes":%d}\n%b' % (number, size, blob)

    # --- Misbehaving --------------------------------------------------------------------------

    @staticmethod
    def tick_in(body: bytes) -> bool:
        return msgpack.packb([0, BAD_PRICE])[1:] in body

    def is_bad(self, request: dict[str, Any], body: bytes | None) -> bool:
        if self.when == "always":
            return body is not None or request["method"] == "transition"
        if body is not None:
            bad = self.tick_in(body)
        else:
            if request["method"] != "transition" or "price" not in request["event"]:
                return False
            self.ticks += 1
            bad = request["event"]["price"] == BAD_PRICE
        if self.when == "third":
            return self.ticks == 3
        marker = self.folder / "happened"
        if self.when == "once" and bad:
            if marker.exists():
                return False
            marker.touch()
        return bad and self.when in ("price", "once")

    def misbehave(self, answer: bytes) -> None:
        match self.mode:
            case "exit":
                os.write(2, b"something \x1b[31mbad\n")
                os._exit(3)
            case "signal":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "hang":
                self.hang()
            case "flood":
                while True:
                    os.write(2, b"y" * 65536)
            case "garbage":
                os.write(1, b"hello \x1b[31m world\n")
            case "no_object":
                os.write(1, b"[1, 2]\n")
            case "half_exit":
                os.write(1, answer[: len(answer) // 2])
                os._exit(0)
            case "half_hang":
                os.write(1, answer[: len(answer) // 2])
                self.hang()
            case "gigabyte":
                while True:
                    os.write(1, b"z" * 65536)
            case "nothing":
                pass
            case "twice":
                self.say(answer + answer)
            case "swap":
                # Only where the next request is there already: alone it answers well.
                if select.select([0], [], [], 0)[0] or b"\n" in self.buffer:
                    self.held = answer
                else:
                    self.say(answer)
            case "missing_key":
                document = json.loads(answer)
                del document["actions"]
                self.say(json.dumps(document).encode() + b"\n")
            case "error":
                if self.part2:
                    number = json.loads(answer.partition(b"\n")[0])["id"]
                    self.say(b'{"id":%d,"error":"will not"}\n' % number)
                else:
                    self.say(b'{"error":"will not"}\n')
            case "wrong":
                document = json.loads(answer)
                document["state"]["total_fees"] += 1.0
                self.say(json.dumps(document).encode() + b"\n")
            case "close_output":
                os.close(1)
                self.hang()
            case "grandchild":
                if os.fork() == 0:
                    (self.folder / f"pid-{os.getpid()}").touch()
                    self.hang()
                os._exit(4)
            case "late":
                time.sleep(6.0)
                self.say(answer)
            case _:
                self.say(answer)

    @staticmethod
    def hang() -> None:
        while True:
            time.sleep(600)


def main(mode: str, when: str, folder: str, part2: bool) -> None:
    assert sys.argv[1:] == ["--server"], sys.argv
    Fake(mode, when, Path(folder), part2=part2).run()
