"""A stored finding as a test file that stands alone: it needs doge-replay, pytest and two cores.

All that comes from data stands in the file as JSON in ASCII, in one raw string. JSON has no quote
mark of Python's but inside its own texts, and there it is written as an escape, so nothing in a
case can end the string, whatever it is made of.
"""

from __future__ import annotations

import json
from typing import Final

from replay import __version__
from replay.differential.signature.rules import place_in_contract
from replay.differential.uncompared import settles
from replay.findings.export import parity_case, require_sound_id
from replay.findings.store.store import StoredFinding
from replay.shipped import SOURCE
from replay.streams.model import Document

_TEMPLATE: Final = '''\
"""{id}: one divergence between two cores of a trading bot, as a test that stands alone.

It fails while the cores diverge on CASE, and passes when they agree. A core that cannot be opened
is an error of the test. All it needs is pytest, and doge-replay from a checkout or from a wheel
that was built of one (`pip wheel --no-deps CHECKOUT`); an index may have another's of that name:

    pip install pytest {source}
    DOGE_REPLAY_AUTHORITY=./state_machine.py DOGE_CORE_EXE=./doge-core-exe pytest {file}

The cores are those that `doge-replay` itself would take: DOGE_REPLAY_AUTHORITY (`python` for the
Python core of doge-replay, the default; a .py file, a module or an executable) and DOGE_CORE_EXE
(any of these, too); where they are not set, `authority` and `shadow` under [tool.doge-replay] in
the nearest pyproject.toml from the current directory upwards.

Made by `doge-replay export {id} --as pytest` (doge-replay {version}).
"""

import json

import pytest

from replay.testing import assert_cores_agree, open_cores

ABOUT = json.loads(r\'\'\'
{about}
\'\'\')
"""What it was found as. For people: the test does not look at it."""

CASE = json.loads(r\'\'\'
{case}
\'\'\')
"""The case in the form of the bot's own suite; numbers that JSON has not stand as texts."""


@pytest.fixture(scope="module")
def cores():
    """Both cores; opened here, so that one that cannot be opened is an error and no failure."""
    with open_cores() as pair:
        yield pair


def test_{name}_the_cores_agree(cores):
    assert_cores_agree(CASE, cores{refusal})
'''


def pytest_file(finding: StoredFinding, file: str) -> str:
    """The source of a test file; `file` is what it is to be called.

    Raises DamagedError where the database has the finding under an ID that is not its own.
    """
    require_sound_id(finding)
    signature = finding.signature
    about: dict[str, Document] = {
        "event": signature.event,
        "rule": signature.rule,
        "field": signature.field,
        "kind": str(signature.kind),
        "contract": place_in_contract(signature),
        "origin": finding.case.origin,
    }
    return _TEMPLATE.format(
        source=SOURCE,
        id=finding.id,
        name=finding.id.replace("-", "_"),
        file=file,
        version=__version__,
        refusal=", refusal=True" if settles(signature, "refused") else "",
        about=_embedded(about),
        case=_embedded(parity_case(finding)),
    )


def _embedded(document: Document) -> str:
    """JSON that can stand between three quote marks of a raw string: ASCII, without a quote mark,
    and not ending in a backslash."""
    text = json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False)
    return text.replace("'", "\\u0027")
