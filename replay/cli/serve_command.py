"""`doge-replay serve`: the dashboard for a database and a log directory, without a bot."""

from __future__ import annotations

import threading
from pathlib import Path

import click

from replay.cli.common import core_options
from replay.cli.console import note, say, say_json
from replay.cli.extras import need
from replay.errors import Terminated
from replay.runs.commands import commands_of
from replay.safe_text import clean
from replay.settings import Settings

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080
DEFAULT_LOGS = "logs"


@click.command(
    epilog="""\b
Examples:
  doge-replay serve
  doge-replay serve --db divergences.db --logs logs --port 8090

Only this machine is answered, by its loopback names. From another one, a tunnel does without more:
  ssh -L 8080:127.0.0.1:8080 HOST

Exit codes: 128 + n when it is ended by signal n, 3 where the port is in use."""
)
@click.option(
    "--logs",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where telemetry and journals are; default the first `logs` of the settings, then logs.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    envvar="PORT",
    show_default=True,
    help="The port; 0 takes any free one. PORT in the environment says it, too.",
)
@click.option(
    "--host",
    metavar="ADDRESS",
    default=DEFAULT_HOST,
    show_default=True,
    help="The address to listen on. Whoever reaches another one than the default sees everything.",
)
@click.option(
    "--allow-host",
    "hosts",
    metavar="NAME[:PORT]",
    multiple=True,
    help="A further name that browsers may call this by; may be given several times.",
)
@core_options
def serve(
    logs: Path | None,
    port: int,
    host: str,
    hosts: tuple[str, ...],
    settings: Settings,
    as_json: bool,
) -> int:
    """Show the dashboard and the divergences in a browser, until it is interrupted.

    The counters of the newest telemetry, their course, and a page for each stored divergence. All
    is read as it is at each look; nothing is written, and the database may be in use.
    """
    need("serve", "web")
    # Imported here: no other command should wait for a web server to load.
    from replay.web.app import create_app
    from replay.web.server import serve_in_thread

    logs = logs or next(iter(settings.logs), Path(DEFAULT_LOGS))
    named = () if host in ("0.0.0.0", "::") else (host,)
    app = create_app(
        None, settings.db, logs, hosts=(*named, *hosts), commands=commands_of(settings)
    )
    try:
        with serve_in_thread(app, port, host) as served:
            if as_json:
                say_json({"url": served.url, "port": served.port})
            else:
                say(f"{clean(settings.db)} and {clean(logs)} at {served.url} (Ctrl-C ends it)")
            threading.Event().wait()
    except Terminated as signalled:
        note("doge-replay: the server has ended")
        return int(signalled.exit_code)
    return 0
