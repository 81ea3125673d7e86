"""Which explanations hold: each way to hold and each way to fail, on real cores."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from recheck_support import (
    PROFIT,
    QUOTE_FEE,
    World,
    explanation,
    patched,
    replacing,
    stream,
    world,
)

BOOKED = 'rule = "book a cycle"'
EXITS = 'rule = "exit of a filled entry"'
FILLS = f'{BOOKED}\nevent = ["FillEvent", "RecoveryFillEvent"]'
LARGE = "where = \"event != 'TimerTick' and call.fee > 0.1\""
SMALL = "where = \"event == 'TimerTick' or call.fee <= 0.1\""
RIGHT_FEE = replacing("_book", "quote_fee = closed.entry_fee", "quote_fee = fee")
RIGHT_PROFIT = replacing("exit_price", "p = profit / 100.0", "p = profit / 90.0")


@pytest.fixture(scope="module")
def fee(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A shadow with one fault."""
    return world(patched(tmp_path_factory.mktemp("fee"), QUOTE_FEE))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A shadow with two faults, in different rules."""
    return world(patched(tmp_path_factory.mktemp("two"), QUOTE_FEE, PROFIT))


# --- Holding ----------------------------------------------------------------------------------


def test_a_deviation_that_gives_every_answer_of_the_shadow_explains_the_bucket(fee: World) -> None:
    claim, explained = fee.only(explanation(BOOKED, RIGHT_FEE))
    assert (claim.ok, claim.weaker) == (True, False)
    assert claim.ids == (fee.ids["book a cycle"],)
    assert claim.checked == len(fee.buckets[0].occurrences) > 10
    assert claim.why.startswith("holds: reproduces d-")
    assert (explained.by, explained.weaker, explained.missing) == (("known",), False, "")


@pytest.mark.parametrize(
    "condition",
    [
        'event = "FillEvent"',
        'event = ["FillEvent", "RecoveryFillEvent", "TimerTick"]',
        'field = "state.completed_cycles[3].quote_fee"',
        'kind = "value"',
        'phase = ["S1a", "S1b", "S2"]',
        'fields = ["state.completed_cycles[].*", "state.total_settled_usd", "actions[].*"]',
        'kinds = ["magnitude", "sign", "last digit"]',
        "where = \"'state.completed_cycles[].quote_fee' in fields and authority != shadow\"",
        'where = "config.price_decimals >= 0 and len(state.orders) > 0"',
    ],
)
def test_any_part_of_a_condition_can_say_where(fee: World, condition: str) -> None:
    claim, _ = fee.only(explanation(condition, RIGHT_FEE))
    assert claim.ok, claim.why
    assert claim.ids == (fee.buckets[0].id,)


def test_buckets_alone_are_a_condition_and_beside_others_a_claim(two: World) -> None:
    named = f'buckets = ["{two.ids["book a cycle"]}"]'
    assert two.only(explanation(named, RIGHT_FEE))[0].ok
    assert two.only(explanation(f"{named}\n{BOOKED}", RIGHT_FEE))[0].ok


def test_several_explanations_share_the_buckets(two: World) -> None:
    judged = two.judge(
        explanation(BOOKED, RIGHT_FEE, name="fee"), explanation(EXITS, RIGHT_PROFIT, name="exit")
    )
    assert [claim.ok for claim in judged.claims] == [True, True]
    assert judged.buckets[two.ids["book a cycle"]].by == ("fee",)
    assert judged.buckets[two.ids["exit of a filled entry"]].by == ("exit",)


def test_a_known_deviation_is_named(tmp_path: Path) -> None:
    faults = []
    for value in ("max(fill_price * (1 + p), market * (1 + e))",
                  "min(fill_price * (1 - p), market * (1 - e))"):  # fmt: skip
        scaled = (
            f"return round({value} * 10.0**config.price_decimals) / 10.0**config.price_decimals"
        )
        faults.append(("entries.py", f"return rnd({value}, config.price_decimals)", scaled))
    shadow = patched(tmp_path, *faults)
    fills = [
        stream((2, 2, "X", "buy", place / 100_000, 25.0, 0.01, 1001.0))
        for place in range(20_005, 24_000, 50)
    ]
    scaling = world(shadow, streams=fills)
    assert scaling.buckets
    claim, explained = scaling.only(
        explanation(EXITS, 'name = "rounds by scaling"\nin = ["exit_price"]')
    )
    assert claim.ok, claim.why
    assert explained.by == ("known",)
    other = explanation(EXITS, 'name = "truncates"\nin = ["exit_price"]')
    assert not scaling.only(other)[0].ok


def test_a_note_holds_for_its_buckets_and_is_the_weaker_kind(fee: World) -> None:
    claim, explained = fee.only(explanation(f'buckets = ["{fee.buckets[0].id}"]'))
    assert (claim.ok, claim.weaker) == (True, True)
    assert "nothing was run" in claim.why
    assert (explained.by, explained.weaker) == (("known",), True)


def test_a_deviation_is_stronger_than_a_note_on_the_same_bucket(fee: World) -> None:
    note = explanation(f'buckets = ["{fee.buckets[0].id}"]', name="note")
    judged = fee.judge(note, explanation(BOOKED, RIGHT_FEE))
    assert all(claim.ok for claim in judged.claims)
    explained = judged.buckets[fee.buckets[0].id]
    assert (explained.by, explained.weaker) == (("known",), False)


# --- Failing ----------------------------------------------------------------------------------


def test_a_wrong_deviation_does_not_reproduce_and_says_where_it_differs(fee: World) -> None:
    wrong = replacing("_book", "quote_fee = closed.entry_fee", "quote_fee = 0.0")
    claim, explained = fee.only(explanation(BOOKED, wrong))
    assert not claim.ok
    assert claim.why.startswith(f"does not reproduce {fee.buckets[0].id} (")
    assert "quote_fee is 0.0 with the deviation" in claim.why
    assert "from the shadow" in claim.why
    assert explained.by == ()
    assert explained.missing == "'known' speaks of it, but fails"


def test_one_occurrence_that_is_not_reproduced_is_enough(fee: World) -> None:
    """Right for most fees, wrong for the smallest."""
    nearly = replacing(
        "_book", "quote_fee = closed.entry_fee", "quote_fee = fee if fee > 0.02 else 0.0"
    )
    claim, _ = fee.only(explanation(BOOKED, nearly))
    assert not claim.ok
    count = len(fee.buckets[0].occurrences)
    assert f"of {count} occurrences; first: " in claim.why
    assert f"({count} of" not in claim.why


def test_a_deviation_that_changes_nothing_reproduces_nothing(fee: World) -> None:
    same = replacing("_book", "quote_fee = closed.entry_fee", "quote_fee = closed.entry_fee + 0.0")
    claim, _ = fee.only(explanation(BOOKED, same))
    assert not claim.ok
    count = len(fee.buckets[0].occurrences)
    assert f"does not reproduce {fee.buckets[0].id} ({count} of {count} occurrences" in claim.why


def test_too_wide_a_condition_matches_more_than_it_claims(two: World) -> None:
    claim, explained = two.only(explanation('event = "FillEvent"', RIGHT_FEE))
    assert not claim.ok
    assert claim.why.startswith("matches more than it claims: it does not reproduce d-")
    assert two.ids["exit of a filled entry"] in claim.why
    assert explained.by == ()


def test_a_bucket_beyond_those_it_names_is_more_than_it_claims(two: World) -> None:
    named = f'buckets = ["{two.ids["book a cycle"]}"]\nevent = "FillEvent"'
    for deviation in ("", RIGHT_FEE):
        claim, _ = two.only(explanation(named, deviation))
        assert not claim.ok
        assert claim.why.startswith(
            f"matches more than it claims: {two.ids['exit of a filled entry']} ("
        )


def test_a_deviation_that_also_changes_what_agrees_is_more_than_it_claims(tmp_path: Path) -> None:
    """The shadow takes the exit's fee only where it is large; the deviation always does."""
    fault = (*QUOTE_FEE[:2], "quote_fee = fee if fee > 0.05 else closed.entry_fee")
    picky = world(patched(tmp_path, fault))
    claim, explained = picky.only(explanation(BOOKED, RIGHT_FEE))
    assert not claim.ok
    assert claim.why.startswith("matches more than it claims: the deviation also changes ")
    assert "on which the shadow agrees with the authority (first: " in claim.why
    assert "quote_fee is " in claim.why
    assert "from both cores" in claim.why
    assert explained.by == ()
    # What the condition says of the step bounds the statement; what came of it does not.
    claim, _ = picky.only(explanation(f'{FILLS}\nwhere = "call.fee > 0.05"', RIGHT_FEE))
    assert claim.ok, claim.why
    fields = 'fields = ["state.completed_cycles[].*", "state.total_settled_usd", "actions[].*"]'
    claim, _ = picky.only(explanation(fields, RIGHT_FEE))
    assert not claim.ok


def test_one_that_nothing_meets_fails_where_everything_was_run(fee: World) -> None:
    text = explanation('event = "RecoveryCancelEvent"', RIGHT_FEE)
    claim, explained = fee.only(text, complete=True)
    assert (claim.ok, claim.ids) == (False, ())
    assert claim.why.startswith("matches nothing: ")
    assert explained.missing == "no explanation speaks of it"
    claim, _ = fee.only(text, complete=False)
    assert claim.ok
    assert claim.why == "holds: nothing in this run meets its condition"


@pytest.mark.parametrize("deviation", ["", RIGHT_FEE], ids=["note", "deviation"])
def test_an_expired_one_explains_nothing_from_the_day_after(fee: World, deviation: str) -> None:
    text = explanation(f'buckets = ["{fee.buckets[0].id}"]', deviation, expires="2026-12-31")
    last = fee.judge(text, today=datetime.date(2026, 12, 31))
    assert last.claims[0].ok
    after = fee.judge(text, today=datetime.date(2027, 1, 1))
    assert (after.claims[0].ok, after.claims[0].why) == (False, "expired on 2026-12-31")
    assert after.buckets[fee.buckets[0].id].by == ()


def test_at_most_so_many_may_be_seen(fee: World) -> None:
    seen = fee.with_count("book a cycle", 1000)
    text = explanation(f"{BOOKED}\nat_most = 999", RIGHT_FEE)
    claim, _ = seen.only(text)
    assert (claim.ok, claim.why) == (False, "at most 999 were claimed, 1,000 were seen")
    assert fee.with_count("book a cycle", 999).only(text)[0].ok


def test_those_of_which_no_case_is_kept_count_with_the_others(fee: World) -> None:
    """Where only some that are known meet the condition."""
    kept = len(fee.buckets[0].occurrences)
    some = f'{FILLS}\nwhere = "call.fee > 0.1"\nat_most = 5'
    claim, explained = fee.with_count("book a cycle", 100).only(explanation(some, RIGHT_FEE))
    assert not claim.ok
    met = claim.checked
    assert 0 < met < kept
    assert claim.why == f"at most 5 were claimed, {100 - kept + met} were seen"
    assert explained.by == ()


@pytest.mark.parametrize(
    ("deviation", "reason"),
    [
        (replacing("nowhere", "a", "b"), "nowhere"),
        (replacing("_book", "quote_fee = nothing", "quote_fee = 1"), "quote_fee = nothing"),
        (replacing("_book", "fee", "0.0"), "times"),
        (replacing("_book", "quote_fee = fee", "quote_fee = ("), "was never closed"),
    ],
    ids=["no function", "no such text", "more than once", "no Python"],
)
def test_a_deviation_that_cannot_be_made_says_why(fee: World, deviation: str, reason: str) -> None:
    claim, _ = fee.only(explanation(BOOKED, deviation))
    assert not claim.ok
    assert claim.why.startswith("the deviation cannot be applied: ")
    assert reason in claim.why


@pytest.mark.parametrize(
    "new",
    ["quote_fee = sum(1 for _ in iter(int, 1))", "quote_fee = 1 / 0", "quote_fee = no_such_name"],
)
def test_one_that_loops_or_raises_only_reproduces_nothing(fee: World, new: str) -> None:
    deviation = replacing("_book", "quote_fee = closed.entry_fee", new)
    claim, _ = fee.only(explanation(BOOKED, deviation))
    assert not claim.ok
    assert claim.why.startswith("does not reproduce d-")


def test_a_condition_that_cannot_be_evaluated_is_not_taken_for_false(fee: World) -> None:
    claim, explained = fee.only(explanation('where = "state.orders[50].price > 0"', RIGHT_FEE))
    assert not claim.ok
    assert claim.why.startswith(f"its condition cannot be evaluated on {fee.buckets[0].id}: ")
    assert explained.by == ()


def test_all_reasons_are_given(two: World) -> None:
    seen = two.with_count("book a cycle", 1000)
    named = f'buckets = ["{two.ids["book a cycle"]}"]\nevent = "FillEvent"\nat_most = 1'
    claim, _ = seen.only(explanation(named))
    assert "matches more than it claims" in claim.why
    assert "at most 1 were claimed" in claim.why


def test_where_the_source_is_not_the_authority_s_there_is_nothing_to_deviate(
    tmp_path: Path,
) -> None:
    """The authority is a core of which our own is no copy."""
    authority = patched(tmp_path, PROFIT)
    differing = world("python", str(authority))
    claim, _ = differing.only(explanation(EXITS, RIGHT_PROFIT))
    assert not claim.ok
    assert claim.why.startswith("there is no source to deviate: ")
    turned = replacing("exit_price", "p = profit / 90.0", "p = profit / 100.0")
    judged = differing.judge(explanation(EXITS, turned), core=str(authority))
    assert judged.claims[0].ok, judged.claims[0].why


# --- Parts of a bucket, and several at once ---------------------------------------------------


def test_a_bucket_is_explained_only_where_all_of_it_is(fee: World) -> None:
    some = explanation(f"{BOOKED}\n{LARGE}", RIGHT_FEE, name="large")
    judged = fee.judge(some)
    explained = judged.buckets[fee.buckets[0].id]
    assert judged.claims[0].ok
    assert explained.by == ()
    assert explained.missing.startswith("no explanation speaks of ")
    rest = explanation(f"{BOOKED}\n{SMALL}", RIGHT_FEE, name="small")
    assert fee.judge(some, rest).buckets[fee.buckets[0].id].by == ("large", "small")


def test_one_occurrence_with_no_more_than_a_note_makes_the_bucket_the_weaker_kind(
    fee: World,
) -> None:
    identity = fee.buckets[0].id
    some = explanation(f"{BOOKED}\n{LARGE}", RIGHT_FEE, name="large")
    note = explanation(f'buckets = ["{identity}"]\n{SMALL}', name="note")
    explained = fee.judge(some, note).buckets[identity]
    assert (explained.by, explained.weaker) == (("large", "note"), True)


OTHER_FEES = ("booking.py", "fees = closed.entry_fee + fee", "fees = closed.entry_fee")


def two_statements(more: str = "") -> tuple[str, str]:
    """About two faults where a cycle is booked: many answers have traces of both."""
    quote = "where = \"'state.completed_cycles[].quote_fee' in fields\""
    fees = "where = \"'state.completed_cycles[].fees' in fields\""
    return (
        explanation(quote, RIGHT_FEE, name="quote"),
        explanation(f"{fees}\n{more}", replacing("_book", *OTHER_FEES[1:]), name="fees"),
    )


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A shadow with two faults in one rule."""
    return world(patched(tmp_path_factory.mktemp("mixed"), QUOTE_FEE, OTHER_FEES))


def test_two_faults_in_one_answer_are_explained_together(mixed: World) -> None:
    judged = mixed.judge(*two_statements())
    assert [claim.ok for claim in judged.claims] == [True, True], judged.claims
    assert "some together with fees" in judged.claims[0].why
    assert "some together with quote" in judged.claims[1].why
    assert all(explained.by for explained in judged.buckets.values())
    assert ("quote", "fees") in {explained.by for explained in judged.buckets.values()}
    assert not mixed.judge(two_statements()[0]).claims[0].ok


def test_where_one_of_two_that_belong_together_fails_nothing_is_explained(mixed: World) -> None:
    judged = mixed.judge(*two_statements("at_most = 1"))
    assert [claim.ok for claim in judged.claims] == [True, False]
    fees = next(
        b.id for b in mixed.buckets if b.occurrences[0].finding.signature.field.endswith(".fees")
    )
    assert judged.buckets[fees].by == ()
    assert judged.buckets[fees].missing == "'fees' speaks of it, but fails"


def test_one_that_adds_nothing_is_not_carried_along(two: World) -> None:
    """It meets what another explains; together they would reproduce it, too."""
    judged = two.judge(
        explanation('event = "FillEvent"', RIGHT_FEE, name="wide"),
        explanation(EXITS, RIGHT_PROFIT, name="exit"),
    )
    assert [claim.ok for claim in judged.claims] == [False, True]


# --- What no deviation explains ---------------------------------------------------------------


def test_a_flaky_bucket_is_left_alone_by_deviations_and_refused_where_named(two: World) -> None:
    flaky = two.with_flaky("exit of a filled entry")
    claim, _ = flaky.only(explanation('event = "FillEvent"', RIGHT_FEE))
    assert claim.ok
    assert claim.ids == (two.ids["book a cycle"],)
    identity = two.ids["exit of a filled entry"]
    claim, explained = flaky.only(explanation(f'buckets = ["{identity}"]', RIGHT_PROFIT))
    assert (claim.ok, explained.by) == (False, ())
    assert f"{identity} is flaky" in claim.why
    claim, explained = flaky.only(explanation(f'buckets = ["{identity}"]'))
    assert (claim.ok, explained.weaker) == (True, True)


def test_a_failure_is_covered_by_a_note_that_names_it_and_by_nothing_else(tmp_path: Path) -> None:
    fault = ("booking.py", "quote_fee = closed.entry_fee", "quote_fee = closed.no_such_fee")
    failing = world(patched(tmp_path, fault))
    identities = sorted(failing.ids.values())
    assert identities
    assert all(identity.startswith("f-") for identity in identities)
    claim, explained = failing.only(explanation('event = "FillEvent"', RIGHT_FEE))
    assert (claim.ids, explained.by) == ((), ())
    named = "buckets = [" + ", ".join(f'"{one}"' for one in identities) + "]"
    claim, explained = failing.only(explanation(named))
    assert (claim.ok, claim.weaker) == (True, True)
    assert explained.by == ("known",)
