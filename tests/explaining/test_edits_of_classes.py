"""The edits that a core of classes and helpers needs: searches, keys, counts, alternatives."""

from __future__ import annotations

from pathlib import Path

from edit_support import news_of


def test_a_search_may_begin_at_the_other_end_and_a_key_count_the_other_way(tmp_path: Path) -> None:
    news = news_of(
        tmp_path,
        "def noted(state, found):\n"
        "    def is_it(one):\n"
        "        return one.id == found\n"
        "    return pick(state.orders, lambda one: one.id == found)\n"
        "def ordered(state):\n"
        "    return sorted(state.orders, key=rank_noted)\n"
        "class Ranks:\n"
        "    def rank_noted(self, one):\n"
        "        return (one.age, -one.id)\n",
        ending="noted",
    )
    assert "state.orders[::-1]" in news
    assert {"-one.age", "one.id"} <= news


def test_what_is_assigned_may_go_with_what_was_there(tmp_path: Path) -> None:
    news = news_of(
        tmp_path,
        "def noted(self, state, event):\n"
        "    self.now = event.time\n"
        "    return replace(state, now=event.time)\n",
    )
    assert {"max(self.now, event.time)", "min(self.now, event.time)"} <= news
    assert {"max(state.now, event.time)", "state.now + event.time"} <= news


def test_what_is_not_counted_may_be_kept_or_set_to_nothing(tmp_path: Path) -> None:
    news = news_of(
        tmp_path,
        "def noted(leg, net):\n"
        "    leg.losses = leg.losses + 1 if net < 0 else 0\n"
        "    if net < 0:\n"
        "        leg.lost += net\n",
    )
    assert "leg.losses" in news
    assert "leg.lost += net\n    else:\n        leg.lost = 0.0" in news


def test_a_sum_may_have_fewer_bits_or_digits(tmp_path: Path) -> None:
    news = news_of(
        tmp_path,
        "def noted(work, net, fee):\n"
        "    work.profit += net\n"
        "    gain = net - fee\n"
        "    return rounded(gain, 3)\n",
    )
    assert {"work.profit = in_single_precision(work.profit + net)", "round(net - fee, 8)"} <= news
    assert "in_single_precision(rounded(gain, 3))" in news


def test_alternatives_may_be_asked_in_another_order_or_hold_together(tmp_path: Path) -> None:
    news = news_of(
        tmp_path,
        "def noted(state, out):\n"
        "    if state.a:\n"
        "        out.one()\n"
        "    elif state.b:\n"
        "        out.two()\n"
        "    if state.c:\n"
        "        out.three()\n"
        "    if state.d:\n"
        "        out.four()\n",
    )
    assert "state.b:\n        out.two()\n    elif state.a:\n        out.one()" in news
    assert {"if", "elif"} <= news


def test_an_argument_may_be_given_under_another_name(tmp_path: Path) -> None:
    news = news_of(
        tmp_path,
        "class Shapes:\n"
        "    def is_made_of(self, buys=0, sells=0):\n"
        "        return self.buys == buys and self.sells == sells\n"
        "def noted(shape):\n"
        "    return shape.is_made_of(buys=1)\n",
    )
    assert "sells" in news
