"""What tests of several folders share."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from replay.errors import ENDING_SIGNALS

collect_ignore = ["support/stand_in_bot"]
"""A bot with tests of its own, which it runs itself."""

# Commands that are printed call the program by its name alone where a shell finds it.
os.environ["PATH"] = os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"]))

# How long an example takes says nothing where the machine is loaded.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

for _number in ENDING_SIGNALS:
    # What nohup, or a shell's background, has us ignore, the programs that tests start would
    # ignore as well; and tests send signals.
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that may take long begin first: one that begins last is waited for alone."""
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_open() -> Iterator[None]:
    """What a module's tests leave open fails the module, and not whichever test runs when Python
    happens to collect garbage."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def core_exe() -> str:
    """The real executable; DOGE_CORE_EXE names another one than build/doge-core-exe.

    A missing one fails the test: what was not compared must not look green.
    """
    default = Path(__file__).parent.parent / "build" / "doge-core-exe"
    path = os.environ.get("DOGE_CORE_EXE") or str(default)
    if not os.access(path, os.X_OK):
        pytest.fail(f"there is no executable {path}; scripts/build-core makes it")
    return path
