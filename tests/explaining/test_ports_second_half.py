"""Each switch of the half that is held out changes the answer to one small request, and no other's.

The requests are in tests/support/ports/second_half_requests.py.
"""

from __future__ import annotations

import json

import pytest
from support.ports.making import module_with
from support.ports.second_half import DEEP, SECOND_HALF
from support.ports.second_half_requests import REQUESTS, SHALLOW, USUAL, Document


def answer(request: Document, *switches: str) -> str:
    port = module_with(frozenset(switches))
    try:
        return json.dumps(port.answer(json.loads(json.dumps(request))))
    except SystemExit as ended:
        return f"ended with {ended.code}"
    except (port.Unreadable, ArithmeticError, ValueError):
        return "refused"


@pytest.mark.parametrize("name", [switch.name for switch in SECOND_HALF])
def test_a_switch_changes_the_answer_to_its_own_request(name: str) -> None:
    assert answer(REQUESTS[name], name) != answer(REQUESTS[name])


@pytest.mark.parametrize("name", [switch.name for switch in SECOND_HALF])
def test_a_switch_changes_no_answer_to_usual_requests(name: str) -> None:
    changed = [n for n, usual in enumerate(USUAL) if answer(usual, name) != answer(usual)]
    assert changed == SHALLOW.get(name, [])


def test_usual_requests_are_answered_by_the_port_without_switches() -> None:
    assert [text for usual in USUAL if not (text := answer(usual)).startswith("{")] == []


def test_every_switch_of_the_second_half_says_where_it_is_known_from() -> None:
    assert [switch.name for switch in SECOND_HALF if len(switch.known_from) < 20] == []


def test_the_second_half_has_what_a_port_has() -> None:
    kinds = [switch.kind for switch in SECOND_HALF]
    assert kinds.count("condition") >= 6
    assert kinds.count("reading") + kinds.count("writing") >= 8
    assert {switch.name for switch in SECOND_HALF} > DEEP
