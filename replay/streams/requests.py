"""Plain transition requests (protocol.md, part 1), chained into streams again.

A bot can log these without our recorder, but they name no slot, and each has its whole state.
The core tells what state should come next; a request that has it goes on with that stream. Each
request has all it needs, so a wrong guess costs space and never correctness.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from replay import core
from replay.streams.buffer import Segmenter
from replay.streams.continuation import Key, Orders, key_of, orders_of, overlap
from replay.streams.events import UnusableError, call_of_event
from replay.streams.journal import call_of_method
from replay.streams.model import HELPER_NAMES, Call, CallCode, Document, Start, Step
from replay.streams.packed import pack, pack_canonical, unpack

MAX_CHAINS = 64
"""So many streams are open at once; the one that was silent for longest is closed first."""

_SMALL = 256  # about what a step without its state takes


@dataclass(slots=True)
class _Settings:
    """Config and sizes as a stream has them now; None where no request named them yet."""

    documents: dict[str, Document]
    packed: dict[str, bytes]


@dataclass(slots=True)
class _Chain:
    """An open stream and the state that its next request should have."""

    key: int
    next_key: Key
    next_orders: Orders
    next_fields: dict[str, bytes]
    settings: _Settings
    steps: int


class RequestReader:
    """Takes requests one by one and hands their steps to a Segmenter.

    A request goes on with the open stream whose next state it has, exactly. Otherwise with one
    whose next state differs only in what the bot patches between transitions, the one with most
    orders in common; the differing fields become the step's patch. Otherwise it begins a stream.
    With `bound`, a stream of so many steps is ended and the next one begins where it stood.
    """

    def __init__(self, segments: Segmenter, name: str, bound: int | None = None) -> None:
        """`name` is the file's name, for the origin of the streams."""
        self._segments = segments
        self._name = name
        self._bound = bound
        self._chains: OrderedDict[int, _Chain] = OrderedDict()
        self._by_next: dict[Key, list[_Chain]] = {}

    def feed(self, document: Mapping[str, Any], line: int, weight: int) -> str | None:
        """Takes a request of `weight` bytes. Gives the reason where it is set aside."""
        try:
            call, state, given = _parts(document)
        except UnusableError as error:
            return str(error)
        try:
            record = core.from_dict(state)
        except core.UnreadableError:
            # The core cannot tell what comes next, so nothing goes on from here.
            key = self._open(state, given, line, weight)
            self._segments.add(key, Step(call, None, line), _SMALL)
            self._segments.close(key)
            return None
        fields = _packed_fields(state)
        chain = self._match(record, fields)
        if chain is None:
            chain = self._begin(call, state, given, line, weight)
        else:
            self._forget(chain)
            if self._bound is not None and chain.steps >= self._bound:
                self._segments.close(chain.key)
                given = {**chain.settings.documents, **given}
                chain = self._begin(call, state, given, line, weight)
            else:
                self._go_on(chain, call, state, fields, given, line)
        self._remember(chain, call, record, state)
        return None

    def end(self) -> None:
        """Ends all streams, in the order in which they were begun."""
        for chain in sorted(self._chains.values(), key=lambda chain: chain.key):
            self._segments.close(chain.key)
        self._chains.clear()
        self._by_next.clear()

    def _open(self, state: Document, given: dict[str, Document], line: int, weight: int) -> int:
        start = Start(
            state,
            given.get("config", {}),
            given.get("order_size_usd", core.EngineConfig().order_size_usd),
            given.get("order_sizes"),
        )
        return self._segments.open(start, f"{self._name} from line {line}", weight)

    def _begin(
        self, call: Call, state: Document, given: dict[str, Document], line: int, weight: int
    ) -> _Chain:
        key = self._open(state, given, line, weight)
        self._segments.add(key, Step(call, None, line), _SMALL)
        settings = _Settings(dict(given), {name: pack(value) for name, value in given.items()})
        # What comes next is filled in by `_remember`.
        return _Chain(key, (), {}, {}, settings, 1)

    def _go_on(
        self,
        chain: _Chain,
        call: Call,
        state: Document,
        fields: dict[str, bytes],
        given: dict[str, Document],
        line: int,
    ) -> None:
        changes: dict[str, Document] = {}
        weight = _SMALL
        if fields != chain.next_fields:
            assert isinstance(state, Mapping)
            differing = {
                name: state[name]
                for name, packed in fields.items()
                if packed != chain.next_fields.get(name)
                and not _same(packed, chain.next_fields.get(name))
            }
            if fields.keys() != chain.next_fields.keys():
                changes["state"] = state
            elif differing:
                changes["patch"] = differing
            weight += sum(len(fields[name]) for name in differing)
        for name, value in given.items():
            packed = pack(value)
            if packed != chain.settings.packed.get(name):
                changes[name] = value
                chain.settings.documents[name] = value
                chain.settings.packed[name] = packed
        self._segments.add(chain.key, Step(call, changes or None, line), weight)
        chain.steps += 1

    def _match(self, state: core.PairState, fields: dict[str, bytes]) -> _Chain | None:
        candidates = self._by_next.get(key_of(state), [])
        for chain in candidates:
            if chain.next_fields == fields:
                return chain
        best, best_score = None, -1
        seen = orders_of(state)
        for chain in candidates:
            score = overlap(chain.next_orders, seen)
            if score > best_score:
                best, best_score = chain, score
        return best

    def _forget(self, chain: _Chain) -> None:
        waiting = self._by_next[chain.next_key]
        waiting.remove(chain)
        if not waiting:
            del self._by_next[chain.next_key]
        del self._chains[chain.key]

    def _remember(self, chain: _Chain, call: Call, record: core.PairState, state: Document) -> None:
        after = _next_state(record, call, chain.settings.documents)
        chain.next_orders = orders_of(after)
        chain.next_key = key_of(after)
        chain.next_fields = _packed_fields(state if after is record else core.to_dict(after))
        self._by_next.setdefault(chain.next_key, []).append(chain)
        self._chains[chain.key] = chain
        if len(self._chains) > MAX_CHAINS:
            silent = next(iter(self._chains.values()))
            self._forget(silent)
            self._segments.close(silent.key)


def _parts(document: Mapping[str, Any]) -> tuple[Call, Document, dict[str, Document]]:
    """The call, the state, and the config and sizes that a request has. Raises UnusableError."""
    method = document.get("method")
    if method != "transition":
        params = document.get("params")
        if method in HELPER_NAMES.values():
            raise UnusableError("asks for a helper, which no request of part 1 does")
        call = call_of_method(method, params)
        holder = params if method == "apply_order_regime_at_entry" else document
        return call, _required(holder, "state"), {}
    state = _required(document, "state")
    given = {name: _required(document, name) for name in ("config", "order_size_usd")}
    given["order_sizes"] = document.get("order_sizes")
    return call_of_event(_required(document, "event")), state, given


def _required(holder: Any, name: str) -> Document:
    if name not in holder:
        raise UnusableError(f'is a request without "{name}"')
    value: Document = holder[name]
    return value


def _next_state(
    state: core.PairState, call: Call, settings: Mapping[str, Document]
) -> core.PairState:
    """What the core goes on from; the state as it was where it refuses."""
    try:
        if isinstance(call, tuple):
            if call[0] == CallCode.CHECK_INVARIANTS:
                return state
            if call[0] == CallCode.APPLY_REGIME:
                return core.apply_order_regime_at_entry(state, call[1], call[2])
        after, _ = core.transition(
            state,
            _event(call),
            core.config_from_dict(settings.get("config")),
            core.order_size_from(settings.get("order_size_usd")),
            core.order_sizes_from(settings.get("order_sizes")),
        )
    except (ValueError, ArithmeticError):
        return state
    return after


def _event(call: Call) -> core.Event:
    if isinstance(call, Mapping):
        return core.event_from_dict(call)
    event: core.Event = _EVENTS[call[0]](*call[1:])
    return event


_EVENTS: tuple[Any, ...] = (
    core.PriceTick,
    core.TimerTick,
    core.FillEvent,
    core.RecoveryFillEvent,
    core.RecoveryCancelEvent,
)


def _packed_fields(state: Document) -> dict[str, bytes]:
    assert isinstance(state, Mapping)
    return {name: pack(value) for name, value in state.items()}


def _same(packed: bytes, other: bytes | None) -> bool:
    """Whether two packed documents differ only in the order of their keys."""
    if other is None or len(packed) != len(other):
        return False
    return pack_canonical(unpack(packed)) == pack_canonical(unpack(other))
