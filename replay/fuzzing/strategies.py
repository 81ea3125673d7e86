"""Hypothesis strategies for documents, events and small streams, in the three profiles.

Every choice here is drawn by Hypothesis, so what fails a test shrinks to something readable. That
costs several times the transition it feeds: long streams come from `plans` and `expand`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from replay.fuzzing.configs import edge_setting, make_config, make_sizes, setting
from replay.fuzzing.damage import damage
from replay.fuzzing.plan import MODES, PHASES, PRICES, SETTINGS, Profile
from replay.fuzzing.states import EPOCH, edge_field, make_state, stretch_state
from replay.fuzzing.value_pool import EDGE_DOUBLES, EDGE_INTS, ODD_TEXTS, REGIMES
from replay.streams.model import EVENT_FIELDS, STATE_FIELDS, CallCode, Start, Step, Stream

Document = Any
T = TypeVar("T")

_PLAIN_FIELDS = tuple(
    name for name in STATE_FIELDS if name not in ("orders", "recovery_orders", "completed_cycles")
)


class Drawn:
    """Choices drawn from Hypothesis one by one: slow, but each of them shrinks."""

    __slots__ = ("_draw",)

    def __init__(self, draw: DrawFn) -> None:
        self._draw = draw

    def pick(self, options: Sequence[T]) -> T:
        """One of the options; shrinks towards the first."""
        return options[self._draw(st.integers(0, len(options) - 1))]

    def chance(self, percent: float) -> bool:
        """True in about so many of a hundred cases; shrinks towards False."""
        return self._draw(st.integers(0, 999)) >= 1000 - percent * 10

    def integer(self, low: int, high: int) -> int:
        """An int from `low` to `high`; shrinks towards the one nearest to 0."""
        return self._draw(st.integers(low, high))

    def number(self, low: float, high: float) -> float:
        """A double from `low` to `high`; shrinks towards simple ones."""
        return self._draw(st.floats(low, high))


@st.composite
def configs(draw: DrawFn, profile: Profile = Profile.LIVE) -> Document:
    """EngineConfig documents."""
    choices = Drawn(draw)
    pools = SETTINGS[profile]
    decided = {name: choices.pick(pool) for name, pool in pools.items() if choices.chance(30)}
    config: Document = make_config(choices, profile, decided)
    if profile is Profile.HOSTILE and not choices.chance(30):
        config = damage(choices, config)
    return config


@st.composite
def sizes(draw: DrawFn, profile: Profile = Profile.LIVE, price: float = 0.15) -> Document:
    """Pairs of order_size_usd and order_sizes."""
    choices = Drawn(draw)
    size, by_trade = make_sizes(choices, profile, price, {})
    pair: list[Document] = [size, by_trade]
    if profile is Profile.HOSTILE and not choices.chance(30):
        place = choices.integer(0, 1)
        pair[place] = damage(choices, pair[place])
    return tuple(pair)


@st.composite
def states(
    draw: DrawFn, profile: Profile = Profile.LIVE, config: Mapping[str, Any] | None = None
) -> Document:
    """PairState documents."""
    choices = Drawn(draw)
    state: Document = make_state(
        choices,
        profile,
        config if isinstance(config, Mapping) else {},
        market=choices.pick(PRICES[profile]),
        now=EPOCH + choices.integer(0, 86400),
        phase=choices.pick(PHASES),
        mode=choices.pick(MODES),
        recoveries=choices.integer(0, 3),
        history=choices.integer(0, 2),
        volume=float(choices.integer(13, 40)),
    )
    if profile is Profile.HOSTILE and not choices.chance(30):
        state = damage(choices, state)
    return state


@st.composite
def calls(draw: DrawFn, profile: Profile = Profile.LIVE, state: Document = None) -> Document:
    """Single calls: events that have to do with `state`, where there is one, and the others."""
    return _call(Drawn(draw), profile, state if isinstance(state, Mapping) else {})


def events(profile: Profile = Profile.LIVE, state: Document = None) -> SearchStrategy[Document]:
    """Event documents, as part 1 of the wire has them."""
    return calls(profile, state).filter(_is_event).map(_as_document)


@st.composite
def streams(draw: DrawFn, profile: Profile = Profile.LIVE, max_steps: int = 12) -> Stream:
    """Small streams; a fill may meet an order of the start or one that came later."""
    config = draw(configs(profile))
    state = draw(states(profile, config))
    size, by_trade = draw(sizes(profile))
    known: Document = state if isinstance(state, Mapping) else {}
    # A list, so that Hypothesis can drop any of them.
    steps = draw(st.lists(_steps(profile, known, config), max_size=max_steps))
    return Stream(Start(state, config, size, by_trade), tuple(steps), f"drawn {profile}")


@st.composite
def _steps(draw: DrawFn, profile: Profile, state: Mapping[str, Any], config: Document) -> Step:
    choices = Drawn(draw)
    changes = _changes(choices, profile, state, config) if choices.chance(20) else None
    return Step(_call(choices, profile, state), changes)


def _call(choices: Drawn, profile: Profile, state: Mapping[str, Any]) -> Document:
    """A call of any kind. Ids are those of the state or the next ones, which it will give out."""
    now = _number(state.get("now"), EPOCH) + choices.integer(0, 3600)
    market = _number(state.get("market_price"), 0.15)
    code = choices.integer(0, 6 if profile is not Profile.LIVE else 5)
    price = market * choices.number(0.95, 1.05)
    if profile is Profile.LIVE:
        price = max(round(price, 5), 1e-5)
    elif choices.chance(30):
        price = choices.pick(EDGE_DOUBLES)
    if profile is not Profile.LIVE and choices.chance(20):
        now = choices.pick((*EDGE_DOUBLES, EPOCH))
    call: tuple[Any, ...]
    if code == CallCode.PRICE_TICK:
        call = (0, price, now)
    elif code == CallCode.TIMER_TICK:
        call = (1, now)
    elif code in (CallCode.FILL, CallCode.RECOVERY_FILL):
        name, key = (
            ("orders", "local_id") if code == CallCode.FILL else ("recovery_orders", "recovery_id")
        )
        volume = float(choices.integer(13, 40))
        side = choices.pick(("buy", "sell"))
        number = choices.pick(_ids(choices, profile, state, name, key))
        call = (code.real, number, "OFILL", side, price, volume, price * volume * 0.0025, now)
    elif code == CallCode.RECOVERY_CANCEL:
        ids = _ids(choices, profile, state, "recovery_orders", "recovery_id")
        call = (4, choices.pick(ids), "OGONE", now)
    elif code == CallCode.APPLY_REGIME:
        regimes = REGIMES[:5] if profile is Profile.LIVE else REGIMES
        call = (5, choices.pick(_ids(choices, profile, state, "orders", "local_id")),
                choices.pick(regimes))  # fmt: skip
    else:
        call = (6,)
    if profile is Profile.HOSTILE and _is_event(call) and choices.chance(50):
        damaged = damage(choices, _as_document(call))
        return damaged if isinstance(damaged, Mapping) else {}
    if profile is Profile.EDGE and code == CallCode.FILL and choices.chance(20):
        return (*call[:2], choices.pick(ODD_TEXTS), *call[3:])
    return call


def _ids(
    choices: Drawn, profile: Profile, state: Mapping[str, Any], name: str, key: str
) -> list[int]:
    records = state.get(name)
    ids = [
        record[key]
        for record in (records if isinstance(records, list) else ())
        if isinstance(record, Mapping) and type(record.get(key)) is int
    ]
    following = state.get("next_order_id" if key == "local_id" else "next_recovery_id")
    if type(following) is int and abs(following) < 2**60:
        ids += [following, following + 1]
    if profile is not Profile.LIVE:
        ids.append(choices.pick(EDGE_INTS))
    return ids or [1]


def _changes(
    choices: Drawn, profile: Profile, state: Mapping[str, Any], config: Document
) -> dict[str, Any]:
    kind = choices.integer(0, 3)
    changes: dict[str, Any]
    if kind == 0 and isinstance(config, Mapping):
        name = choices.pick(tuple(SETTINGS[profile]))
        live = choices.pick(SETTINGS[profile][name])
        value = live if profile is Profile.LIVE else edge_setting(choices, name)
        changes = {"config": {**config, name: value}}
    elif kind == 1:
        size, by_trade = make_sizes(choices, profile, 0.15, {})
        changes = {"order_size_usd": size, "order_sizes": by_trade}
    elif kind == 2 and profile is not Profile.LIVE and _whole(state):
        changes = {"state": stretch_state(choices, _copy(state), 2)}
    elif profile is Profile.LIVE:
        changes = {"patch": {"profit_pct_runtime": setting({}, "profit_pct")}}
    else:
        name = choices.pick(_PLAIN_FIELDS)
        changes = {"patch": {name: edge_field(choices, name, {"now": EPOCH})}}
    if profile is Profile.HOSTILE and not choices.chance(30):
        name = choices.pick(tuple(changes))
        changes[name] = damage(choices, changes[name])
    return changes


def _whole(state: Mapping[str, Any]) -> bool:
    """Whether a state was left readable enough to be stretched."""
    return all(
        isinstance(state.get(name), list)
        and all(isinstance(record, Mapping) for record in state[name])
        and all(type(record.get("price")) is float for record in state[name])
        and all(type(record.get("orphaned_at", 0.0)) is float for record in state[name])
        for name in ("orders", "recovery_orders")
    ) and all(type(state.get(name)) is float for name in ("now", "market_price"))


def _copy(state: Mapping[str, Any]) -> dict[str, Any]:
    copy = dict(state)
    for name in ("orders", "recovery_orders"):
        copy[name] = list(copy[name])
    return copy


def _is_event(call: Document) -> bool:
    return isinstance(call, Mapping) or call[0] <= CallCode.RECOVERY_CANCEL


def _as_document(call: Document) -> dict[str, Any]:
    if isinstance(call, Mapping):
        return dict(call)
    return dict(zip(EVENT_FIELDS[CallCode(call[0])], call[1:], strict=True))


def _number(value: Any, otherwise: float) -> float:
    """`value` where a price or a time can be reckoned from it."""
    return value if type(value) is float and abs(value) < 1e300 else otherwise
