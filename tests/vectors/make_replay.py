"""Write replay/*.json: requests of the `replay` method and what they must be answered with.

Usage: make_replay.py EXECUTABLE. The requests stand here in readable form; the answers are taken
from an executable and were checked by hand against docs/replay-method.md, so a change in a file
that is already there is a change of the wire and needs the same check again.

Each file has a description and a list of exchanges with one server, in order: the request body in
hexadecimal, and the answer body, or null where the whole request is an error. `decoded` is the
answer again, for people, with doubles as Python shows them.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgpack

INF = float("inf")
T = 1748623320.0


def order(
    local_id: int, side: str, role: str, price: float, trade: str, **more: Any
) -> dict[str, Any]:
    base = {"local_id": local_id, "side": side, "role": role, "price": price, "volume": 25.0}
    return {**base, "trade_id": trade, "cycle": 1, **more}


ORDERS = [
    order(1, "sell", "entry", 0.2004, "A", txid="OA-1", placed_at=T),
    order(2, "buy", "entry", 0.1996, "B", txid="OB-2", placed_at=T),
]
STATE = {
    "market_price": 0.2,
    "now": T,
    "orders": ORDERS,
    "next_order_id": 3,
    "profit_pct_runtime": 1.0,
}
CYCLE = {
    "trade_id": "B",
    "cycle": 1,
    "entry_price": 0.19,
    "exit_price": 0.2,
    "volume": 25.0,
    "gross_profit": 0.25,
    "fees": 0.02,
    "net_profit": 0.23,
}
EXIT_A = order(3, "buy", "exit", 0.198396, "A", txid="OA-3", entry_price=0.2004)
ODD = {**CYCLE, "fees": float("nan")}
COMPACT_CYCLE = ["A", 1, 0.2, 0.19, 25.0, 0.25, 0.02, 0.23, *[0.0] * 6, True, 2]
START = [STATE, {}, 5.0, None]
FILL_A = [2, 1, "OA-1", "sell", 0.2004, 25.0, 0.0125, T + 15]


def one(*steps: Any, start: Any = START, last: bool = True, session: int = 1) -> list[Any]:
    return [1, session, last, start, list(steps)]


def guided(outcomes: list[Any], *steps: Any) -> list[Any]:
    """Goes on in session 1 along an authority's answers, and ends it."""
    return [1, 1, True, None, b"".join(map(msgpack.packb, outcomes)), list(steps)]


def big(digits: str) -> msgpack.ExtType:
    return msgpack.ExtType(1, digits.encode())


VECTORS: dict[str, tuple[str, list[Any]]] = {
    "start_and_ticks": (
        "A start shows all thirty fields with the first answer, later ticks only what changed.",
        [one([[0, 0.2001, T + 15]], [[1, T + 15]], [[0, 0.2001, T + 30]], [[6]])],
    ),
    "fill_with_patch": (
        "An entry fills; the runtime patches the exchange id in; the exit fills, a "
        "cycle is booked and entered again.",
        [
            one(
                [FILL_A],
                [
                    [0, 0.1985, T + 30],
                    {"patch": {"orders": [ORDERS[1], EXIT_A]}},
                ],
                [[2, 3, "OA-3", "buy", 0.198396, 25.0, 0.0124, T + 45]],
            )
        ],
    ),
    "session_goes_on": (
        "A session keeps state and history between requests; after its last request it "
        "is closed; an empty list of steps is answered by nothing, and its start is "
        "shown by the first answer after it.",
        [
            one(
                start=[{**STATE, "completed_cycles": [CYCLE]}, {}, 5.0, None],
                last=False,
                session=-7,
            ),
            one([[1, T + 1]], start=None, last=False, session=-7),
            one([[6]], start=None, last=False, session=8),
            one([[0, 0.21, T + 2]], start=None, last=True, session=-7),
            one([[6]], start=None, last=True, session=-7),
        ],
    ),
    "guided": (
        "With a guide every step starts from the authority's answer: an agreed one, "
        "another one, a refusal, and a history cut back and grown. Lines are ignored.",
        [
            one([[6]], last=False),
            guided(
                [
                    [[1, T + 1], [], []],
                    [[1, T + 3, 7, 40], [], []],
                    ["arithmetic", ""],
                    [[0, 0.25], [[1, 9, "", ""]], ["other"]],
                    [[4, [0, [COMPACT_CYCLE]], 13, 1], [], []],
                    [[4, [1, []]], [], []],
                ],
                [[1, T + 1], None, 17],
                [[1, T + 2]],
                [[1, T + 4], None],
                [FILL_A],
                [[1, T + 5]],
                [[1, T + 6], None, 22],
            ),
        ],
    ),
    "regime_and_check": (
        "apply_order_regime_at_entry in its normalisations, and check_invariants of a "
        "state with everything wrong.",
        [
            one(
                [[5, 1, " Bullish "]],
                [[5, 2, 0.9]],
                [[5, 2, True]],
                [[5, 2, [1]]],
                [[5, 99, 1]],
                [
                    [6],
                    {
                        "patch": {
                            "orders": [
                                order(1, "buy", "exit", 0.19, "A", volume=0),
                                order(1, "buy", "exit", 0.19, "A", cycle=0),
                            ],
                            "s2_entered_at": 5,
                            "cycle_b": 0,
                        }
                    },
                ],
            )
        ],
    ),
    "refused_state": (
        "A state that cannot be read refuses every step until it is replaced; one that "
        "can be read stays in force.",
        [
            one(
                [[1, T + 1]],
                [[6], {"patch": {"orders": 5}}],
                [[1, T + 2], {"state": {"orders": [1, {"local_id": True}]}}],
                [[1, T + 3]],
                [[1, T + 4], {"state": STATE, "patch": {"cycle_a": 4, "unknown": {}}}],
                [[1, T + 5], {"state": 5, "patch": {"cycle_a": 9}}],
                [[1, T + 6], {"patch": {"now": 1, "cycle_a": 2.5}}],
                [[1, T + 7]],
                start=[{"market_price": None}, {}, 5.0, None],
            )
        ],
    ),
    "refused_inputs": (
        "Events, config and sizes that cannot be read, the order of their errors, and "
        "what takes effect all the same.",
        [
            one(
                [[0, "x", T]],
                [[2, 1.5, "", "sell", 1, 1, 1, 1]],
                [[2, 1, "", "SELL", None, 1, 1, 1]],
                [{"timestamp": None}],
                [{"price": 1}],
                [[5, "1", 0]],
                [
                    [1, T],
                    {
                        "config": {"entry_pct": True},
                        "order_size_usd": None,
                        "order_sizes": {"A": "2"},
                    },
                ],
                [[1, T], {"config": [], "patch": {"cycle_a": 5}}],
                [[1, T], {"order_size_usd": big("1" + "0" * 400)}],
                [[1, T], {"order_sizes": {"B": big("9" * 30), "A": False}}],
                [[1, T], {"order_sizes": 3}],
                [[1, T], {"patch": {"next_order_id": big("9223372036854775808")}}],
                [
                    [1, T],
                    {
                        "config": {
                            "s1_orphan_after_sec": INF,
                            "entry_pct_a": None,
                            "price_decimals": 4.0,
                        }
                    },
                ],
            )
        ],
    ),
    "arithmetic": (
        "Numbers that the reducer cannot go on with: a rounding that overflows, a "
        "volume that is no integer, a counter that would leave 64 bits.",
        [
            one(
                [[2, 2, "", "buy", 1.7e308, 25.0, 0.0, T], {"config": {"price_decimals": -308}}],
                [[0, 5e-324, T], {"config": {"price_decimals": 400}}],
                [FILL_A, {"config": {}, "patch": {"next_order_id": 9223372036854775807}}],
            )
        ],
    ),
    "not_a_number": (
        "0.0 does not differ from -0.0, and a record of the history that is kept is not"
        " named again for its NaN. A field that stays NaN may be named or not: compare "
        "the states that the answers lead to, not their bytes.",
        [
            one(
                [[6]],
                [[6]],
                [[1, -0.0], {"patch": {"now": 0.0}}],
                [[1, 0.0]],
                start=[
                    {**STATE, "total_fees": float("nan"), "completed_cycles": [CYCLE, ODD, CYCLE]},
                    {},
                    5.0,
                    {},
                ],
            )
        ],
    ),
    "request_errors": (
        "What is the client's fault is an error of the whole request, and leaves the "
        "session as it was.",
        [
            one([[0, 0.2001, T + 15]], last=False),
            one([[1, T + 16]], [[7, 1]], start=None, last=True),
            one([[0, 1.0]], start=None),
            one([[1, T + 16], {"what": 1}], start=None),
            guided([[[30, 1], [], []]], [[1, T + 16]]),
            guided([[[4, [1, []]], [], []]], [[1, T + 16]]),
            guided([[[5, "x"], [], []]], [[1, T + 16]]),
            guided([], [[1, T + 16]]),
            one([[1, T + 16], None, 5, 6], start=None),
            one([], start=None),
            [2, 1, True, None, []],
            [1, 1, True, None],
            one([[1, T + 17]], start=None),
        ],
    ),
}


def readable(answer: bytes) -> list[Any]:
    unpacker = msgpack.Unpacker(strict_map_key=False)
    unpacker.feed(answer)
    return list(unpacker)


def exchange(server: "subprocess.Popen[bytes]", number: int, request: bytes) -> bytes | None:
    assert server.stdin is not None
    assert server.stdout is not None
    head = json.dumps({"method": "replay", "id": number, "bytes": len(request)}).encode()
    server.stdin.write(head + b"\n" + request)
    server.stdin.flush()
    answer = json.loads(server.stdout.readline())
    assert answer["id"] == number
    return None if "error" in answer else server.stdout.read(answer["bytes"])


def main(executable: str) -> None:
    folder = Path(__file__).with_name("replay")
    folder.mkdir(exist_ok=True)
    for name, (description, requests) in VECTORS.items():
        with subprocess.Popen(
            [executable, "--server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as server:
            exchanges = []
            for number, request in enumerate(requests):
                body = msgpack.packb(request)
                answer = exchange(server, number, body)
                exchanges.append(
                    {
                        "request": body.hex(),
                        "answer": None if answer is None else answer.hex(),
                        "decoded": None if answer is None else [repr(o) for o in readable(answer)],
                    }
                )
        text = json.dumps({"description": description, "exchanges": exchanges}, indent=1)
        (folder / f"{name}.json").write_text(text + "\n", encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1])
