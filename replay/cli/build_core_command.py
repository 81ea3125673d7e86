"""`doge-replay build-core`: our executable, made from the sources that come with doge-replay."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import click

from replay.cli.console import say
from replay.errors import EnvironmentFailure, ExitCode
from replay.revision import own_revision
from replay.safe_text import clean
from replay.shipped import Shipped, checkout, shipped
from replay.user_folders import built_core, cache_folder

EXECUTABLE = "doge-core-exe"


@click.command(
    "build-core",
    epilog="""\b
Examples:
  doge-replay build-core
  doge-replay build-core --out /opt/bot""",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the executable goes; default: build/ of the checkout, or the user's cache, where "
    "every command finds it.",
)
@click.option("--fast", is_flag=True, help="Without optimisation: builds sooner, runs slower.")
def build_core(out: Path | None, fast: bool) -> int:
    """Build doge-core-exe, the Haskell executable, from the sources that come with doge-replay.

    Needs GHC 9.0.2 or newer, and installs it where that is Debian's and we may. Quick where nothing
    has changed. Prints the path of what was built.

    Exits 1 where the sources do not compile, 3 where there is no compiler.
    """
    script = shipped(Shipped.SCRIPTS) / "build-core"
    if not script.is_file():
        raise EnvironmentFailure(
            f"this installation has no sources of {EXECUTABLE}: {script} is not there; build it in "
            "a checkout",
            path=str(script),
        )
    folder = _usual_folder() if out is None else out
    folder.mkdir(parents=True, exist_ok=True)
    ran = subprocess.run(
        ["bash", str(script), "--out", str(folder), *(["--fast"] if fast else [])],
        env={**os.environ, **_elsewhere()},
        check=False,
    )
    if ran.returncode == 0:
        say(clean(folder / EXECUTABLE, 4000))
    return ran.returncode if ran.returncode in (0, 1) else int(ExitCode.CORE_FAILED)


def _usual_folder() -> Path:
    root = checkout()
    return built_core().parent if root is None else root / "build"


def _elsewhere() -> dict[str, str]:
    """For the script of an installed doge-replay: nothing is to be written where that is installed,
    and no git there knows the revision."""
    if checkout() is not None:
        return {}
    return {
        "DOGE_BUILD_CACHE": str(cache_folder() / "core"),
        "DOGE_REVISION": own_revision(),
    }
