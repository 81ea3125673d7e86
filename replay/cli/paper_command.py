"""`doge-replay paper`: a paper-trading bot with the shadow adapter inside, and its web server."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

import click

from replay.cli.common import core_options
from replay.cli.console import Progress, note, say, say_json, say_marked
from replay.cli.extras import need
from replay.counting import counted
from replay.errors import ENDING_SIGNALS, ExitCode, UsageError
from replay.paper.candles import read_candles, told
from replay.paper.directory import held, put_away
from replay.paper.host import Host, Plan, SimulatedClock, new_slot
from replay.paper.market import TICK_SECONDS, CandleMarket, Market, SyntheticMarket, price_at
from replay.paper.paper_telemetry import last_sample
from replay.paper.resumption import origin_of, saved_slots
from replay.paper.status import happened
from replay.paper.trading_core import load_whole_core
from replay.runs.commands import commands_of
from replay.safe_text import clean
from replay.settings import Settings
from replay.shadow import ShadowOptions, wrap

MAX_SLOTS = 64
TICKS_AN_HOUR = int(3600 / TICK_SECONDS)
NOW = "now"


def _speed(context: click.Context, parameter: click.Parameter, text: str) -> float:
    """How many times as fast as real time; `max` and 0 are as fast as it can (infinity)."""
    try:
        speed = 0.0 if text == "max" else float(text)
    except ValueError:
        speed = -1.0
    if not 0.0 <= speed < math.inf:
        raise click.BadParameter(f"{clean(text)} is neither a number from 0 up nor `max`")
    return speed or math.inf


def _start(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> str | float | None:
    """When the bot's time begins: `now`, or a time with its zone, as epoch seconds."""
    if text is None or text == NOW:
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise click.BadParameter(
            f"{clean(text)} is neither `now` nor a time with its zone, like 2026-01-01T00:00Z"
        )
    return moment.timestamp()


@click.command(
    epilog="""\b
Examples:
  doge-replay paper --speed 600
  doge-replay paper --candles candles.csv.gz --until-end --speed max --no-web --logs logs
  DOGE_CORE_SHADOW=0 doge-replay paper --candles candles.csv.gz

Exit codes: 0 at the end of --hours or --until-end, 1 where the shadow diverged until then, 3 where
it failed, 128 + n on signal n; 2 bad input, 3 the environment (a port or directory in use)."""
)
@click.option(
    "--candles",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A CSV file of one-minute candles (timestamp or time, open, high, low, close; without a "
    "header in this order, as Kraken's archives are), plain, .gz or "
    ".zst; default a synthetic market. After the last candle they begin again.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=1,
    show_default=True,
    help="Decides over the synthetic market and all that is left to chance.",
)
@click.option("--slots", type=click.IntRange(1, MAX_SLOTS), default=3, show_default=True)
@click.option(
    "--hours",
    type=click.FloatRange(min=0.0, min_open=True, max=10_000_000.0),
    metavar="H",
    help="End after so many simulated hours, those before a restart included; default: never.",
)
@click.option("--until-end", is_flag=True, help="End after the last candle.")
@click.option(
    "--speed",
    callback=_speed,
    default="1",
    show_default=True,
    metavar="N",
    help="Times as fast as real time; `max` or 0: as fast as it can. Other than at 1, the bot "
    "waits for the comparison, so that no call is dropped.",
)
@click.option(
    "--start",
    callback=_start,
    metavar="TIME",
    help="When its time begins, like 2026-01-01T00:00Z, or `now`; default `now` at --speed 1, else "
    "the market's own time.",
)
@click.option(
    "--logs",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("logs"),
    show_default=True,
    metavar="DIR",
    help="Where journal, telemetry and snapshots go; a bot that was ended goes on from there.",
)
@click.option(
    "--fresh",
    is_flag=True,
    help="Begin anew: what an earlier bot left in --logs is moved to --logs/.before_1 or so.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    envvar="PORT",
    default=8080,
    show_default="8080, or PORT",
    help="Of the web server on 127.0.0.1; 0 takes a free one, which is told on standard error.",
)
@click.option("--no-web", is_flag=True, help="Without the web server.")
@core_options
def paper(
    candles: Path | None,
    seed: int,
    slots: int,
    hours: float | None,
    until_end: bool,
    speed: float,
    start: str | float | None,
    logs: Path,
    fresh: bool,
    port: int,
    no_web: bool,
    settings: Settings,
    as_json: bool,
) -> int:
    """Run a paper-trading bot: real order life on recorded or synthetic prices, no exchange.

    Its state machine (--authority) is wrapped by the shadow adapter, as a live bot's is: each call
    is compared with the executable of --shadow, off the bot's thread, unless DOGE_CORE_SHADOW is
    0. Journal (events_*.jsonl), telemetry and snapshots go to --logs, and /api/status and the
    dashboard are served on --port. The same seed, candles and slots give the same journal.
    """
    if until_end and candles is None:
        raise click.UsageError("--until-end needs --candles: a synthetic market has no end")
    if until_end and hours is not None:
        raise click.UsageError("--hours and --until-end do not go together")
    if settings.shadow is not None and _is_python(settings.shadow):
        raise UsageError(f"the live shadow must be an executable, not {settings.shadow}")
    if not no_web:
        need("paper without --no-web", "web")
    market: Market = SyntheticMarket(seed)
    name = "synthetic"
    if candles is not None:
        read = read_candles(candles)
        market = CandleMarket(read)
        name = hashlib.sha256(repr(read).encode()).hexdigest()[:16]
    if start is None:
        start = NOW if speed == 1.0 else market.start
    run = {"seed": seed, "slots": slots, "market": name, "start": start}
    core = load_whole_core(settings.authority)
    until = market.length if until_end else None
    if hours is not None:
        until = max(1, round(hours * TICKS_AN_HOUR))
    with ExitStack() as stack:
        stack.enter_context(held(logs))
        if fresh:
            put_away(logs)
        saved = saved_slots(core, logs, run)
        alive = [
            new_slot(number, price_at(market, 0)) if one is None else one.slot
            for number, one in enumerate(saved)
        ]
        next_tick = min(slot.tick for slot in alive) + 1
        if until is not None and next_tick >= until:
            raise UsageError(
                f"{logs}: this run has come to its end; --fresh begins anew", logs=str(logs)
            )
        known = [one for one in saved if one is not None]
        now = time.time()
        began = now // 1 if isinstance(start, str) else start
        is_ours = start == NOW and speed == 1.0
        origin = origin_of(None if is_ours else began, now, known, next_tick, last_sample(logs))
        plan = Plan(market, seed, origin, speed, until, logs, run)
        clock = SimulatedClock(plan.time_of(next_tick))
        adapter = wrap(core, _options(settings, logs, clock, speed))
        stack.callback(adapter.close)
        progress = Progress("paper", quiet=as_json)
        stack.callback(progress.end)
        host = Host(
            adapter, clock, plan, alive, lambda ticks: progress.update(ticks * slots, "ticks")
        )
        if not no_web:
            # Imported here: no other command should wait for a web server to load.
            from replay.web.app import create_app
            from replay.web.server import serve_in_thread

            app = create_app(host, settings.db, logs, commands=commands_of(settings))
            served = stack.enter_context(serve_in_thread(app, port))
            note(f"paper: {served.url}")
        stop = stack.enter_context(_stopping())
        began = time.monotonic()
        host.run(stop)
        progress.end()
        adapter.close()
        seconds = time.monotonic() - began
        document = _document(host, adapter, plan, next_tick, seconds, stop.signal)
        document["authority"] = settings.authority
    if as_json:
        say_json(document)
    else:
        _say(document, logs)
    return int(_exit_code(document, stop.signal))


def _options(settings: Settings, logs: Path, clock: SimulatedClock, speed: float) -> ShadowOptions:
    """How the core is wrapped: as the environment says, where the command line says nothing else.
    The shadow is on where there is one, unless DOGE_CORE_SHADOW says so or not."""
    options = ShadowOptions.from_environment(os.environ)
    shadow = settings.shadow
    for warning in options.warnings:
        note(f"paper: {clean(warning)}")
    said = os.environ.get("DOGE_CORE_SHADOW", "").strip()
    return dataclasses.replace(
        options,
        shadow=options.shadow if said else shadow is not None,
        executable=shadow or options.executable,
        timeout=settings.timeout,
        journal=logs,
        record=options.record or not said,
        clock=clock,
        speed=speed if math.isfinite(speed) else 0.0,
    )


def _is_python(shadow: str) -> bool:
    return shadow == "python" or shadow.endswith(".py")


class _Stop:
    """Whether a signal asked for the end, and which."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self) -> bool:
        return self.signal is not None


@contextmanager
def _stopping() -> Iterator[_Stop]:
    """While this lasts, the first signal that would end us asks for an orderly end; a second one
    does what it did before."""
    stop = _Stop()
    before = {number: signal.getsignal(number) for number in ENDING_SIGNALS}

    def asked(number: int, frame: FrameType | None) -> None:
        stop.signal = number
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, asked)
    try:
        yield stop
    finally:
        restore()


def _document(
    host: Host, adapter: Any, plan: Plan, first: int, seconds: float, signalled: int | None
) -> dict[str, Any]:
    """The summary: what was run, what happened since the run's beginning, what the shadow says."""
    status = host.status() or {}
    ticks = host.next_tick - first
    return {
        "ended": "end" if signalled is None else signal.Signals(signalled).name,
        "from": told(plan.time_of(first)),
        "to": told(plan.time_of(host.next_tick)),
        "hours": ticks / TICKS_AN_HOUR,
        "seconds": round(seconds, 3),
        "slots": status.get("slots", []),
        **happened(host.slots),
        "state_machine_shadow": adapter.get_shadow_metrics(),
        "telemetry": {
            "file": str(host.telemetry.path),
            "lines": host.telemetry.lines,
            "errors": host.telemetry.errors,
            "lost": host.telemetry.lost,
            "moved": host.telemetry.moved,
        },
        "snapshot_errors": host.snapshot_errors,
        "saved": host.is_saved,
    }


def _exit_code(document: Mapping[str, Any], signalled: int | None) -> int:
    if signalled is not None:
        return 128 + signalled
    metrics = document["state_machine_shadow"]
    if metrics["total_divergences"]:
        return ExitCode.DIVERGENCE
    if metrics["shadow_failures"] or _is_lost(document):
        return ExitCode.CORE_FAILED
    return ExitCode.CLEAN


def _not_kept(document: Mapping[str, Any]) -> list[str]:
    """What the disk did not take, and what was taken from it."""
    told = []
    telemetry, recorder = document["telemetry"], _recorder(document)
    if missing := recorder["errors"] + recorder["lost"]:
        told.append(f"{counted(missing, 'line')} of the journal: {recorder['last_error']}")
    if telemetry["errors"]:
        told.append(
            f"{counted(telemetry['errors'], 'line')} of telemetry: the disk did not take it all"
        )
    if telemetry["lost"]:
        told.append(f"{counted(telemetry['lost'], 'line')} of telemetry: {telemetry['moved']}")
    if document["snapshot_errors"]:
        told.append(
            f"{counted(document['snapshot_errors'], 'snapshot')}: the disk did not take it all"
        )
    return told


def _recorder(document: Mapping[str, Any]) -> Mapping[str, Any]:
    nothing = {"errors": 0, "lost": 0, "last_error": ""}
    return document["state_machine_shadow"]["adapter"]["recorder"] or nothing


def _is_lost(document: Mapping[str, Any]) -> bool:
    """Whether something is lost for good: a snapshot that a later one has replaced is not."""
    telemetry, recorder = document["telemetry"], _recorder(document)
    missing = recorder["errors"] + recorder["lost"] + telemetry["errors"] + telemetry["lost"]
    return bool(missing) or not document["saved"]


def _say(document: Mapping[str, Any], logs: Path) -> None:
    metrics = document["state_machine_shadow"]
    own = metrics["adapter"]
    found = metrics["total_divergences"]
    verdict = "the shadow was off"
    if metrics["enabled"]:
        verdict = counted(found, "divergence") if found else "no divergence"
    say_marked(
        f"paper: {document['hours']:,.1f} h of {counted(len(document['slots']), 'slot')} in "
        f"{document['seconds']:.1f} s, {verdict}",
        bool(found),
    )
    if metrics["enabled"]:
        say(
            f"  compared   {own['compared']:,} of {counted(own['offered'], 'call')}; "
            f"{own['dropped']:,} dropped, {own['failed']:,} failed"
        )
    if metrics["last_shadow_error"]:
        say(f"  error      {clean(metrics['last_shadow_error'])}")
    for group in ("events", "actions", "phases"):
        counts = document[group]
        say(f"  {group:<10} {', '.join(f'{name} {count:,}' for name, count in counts.items())}")
    for slot in document["slots"]:
        flags = f" ({', '.join(slot['mode_flags'])})" if slot["mode_flags"] else ""
        say(
            f"  slot {slot['slot']:<5} {slot['phase']}{flags}, {counted(slot['cycles'], 'cycle')}, "
            f"profit {slot['profit']:.4f}, fees {slot['fees']:.4f} USD"
        )
    say(f"  logs       {clean(logs)}: {clean(Path(document['telemetry']['file']).name)}, ...")
    for loss in _not_kept(document):
        say(f"  not kept   {clean(loss)}")
    if document["ended"] != "end":
        say(f"  ended by   {document['ended']}; the same command goes on from {document['to']}")
