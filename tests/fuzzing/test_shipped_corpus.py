"""The shipped corpus: covers the reducer's rules, and is what its program makes."""

from pathlib import Path

import pytest

from replay.fuzzing.corpus_maker import shipped_streams, write
from replay.fuzzing.expand import outcomes_of
from replay.fuzzing.features import features
from replay.streams.corpus import Corpus

CORPUS = Path(__file__).parents[2] / "corpus"

ACTIONS_AND_REASONS = (
    "PriceTick cancel stale_entry",
    "PriceTick place entry refresh_entry",
    "FillEvent place exit entry_fill_exit",
    "FillEvent place entry cycle_complete",
    "FillEvent book",
    "RecoveryFillEvent book recovery",
    "TimerTick orphan s1_timeout",
    "TimerTick orphan s2_timeout",
    "TimerTick place entry orphan_A",
    "TimerTick place entry orphan_B",
    "TimerTick cancel recovery_cap_evict_priority",
    "TimerTick book recovery",
)
PHASE_CHANGES = (
    "S0 > S1a", "S0 > S1b", "S1a > S0", "S1b > S0", "S1a > S2", "S1b > S2", "S2 > S1a", "S2 > S1b",
)  # fmt: skip
RULES = (
    "sticky timer in S2",
    "long_only FillEvent in S0",
    "long_only TimerTick in S1b",
    "short_only FillEvent in S0",
    "short_only TimerTick in S1a",
    "evicted 1",
    "evicted 2",
    "evicted 4",
    "evicted with txid",
    "evicted without txid",
    "evicted some with txid",
    *(f"{what} {trade}" for what in ("backoff entry", "refresh cap", "refresh cap over",
                                     "losses", "FillEvent cooldown", "FillEvent no follow-up",
                                     "TimerTick cooldown", "RecoveryFillEvent cooldown")
      for trade in (("A up", "A cleared", "B up", "B cleared") if what == "losses" else "AB")),
    "S2 mark set by TimerTick in S2",
    "S2 mark cleared by TimerTick in S2",
    "S2 mark cleared by FillEvent in S2",
    "S2 mark cleared by RecoveryCancelEvent in S0",
    "S2 mark cleared by RecoveryFillEvent in S0",
)  # fmt: skip
VIOLATIONS = (
    "duplicate order local_id",
    "S0 long_only must be exactly one buy entry",
    "S0 short_only must be exactly one sell entry",
    "S0 must be exactly A sell entry + B buy entry",
    "S1a short_only must have one buy exit",
    "S1a must be one buy exit + one buy entry",
    "S1b long_only must have one sell exit",
    "S1b must be one sell exit + one sell entry",
    "S2 must be one buy exit + one sell exit only",
    "s2_entered_at must be null outside S2",
    "order cycle must be >= 1",
    "exit must carry entry_price",
    "order volume must be > 0",
    "cycle counters must be >= 1",
)
REFUSALS = (
    "refused unreadable",
    "refused unknown_event",
    "refused arithmetic",
    *(f"refused unreadable {path} TimerTick" for path in (
        "state", "orders", "orders[].local_id", "now", "cycle_a", "next_order_id", "long_only",
        "config", "config.entry_pct", "config.price_decimals", "config.sticky_mode_enabled",
        "order_size_usd", "order_sizes", "order_sizes.A")),
    "refused unreadable local_id apply_order_regime_at_entry",
)  # fmt: skip
WANTED = (
    *ACTIONS_AND_REASONS,
    *(f"phase {change}" for change in PHASE_CHANGES),
    *RULES,
    *(f"violation {text}" for text in VIOLATIONS),
    *REFUSALS,
    *(f"from outside: {key}" for key in ("state", "patch", "config", "order_size_usd",
                                         "order_sizes")),
    "RecoveryCancelEvent in S0 changed recovery_orders s2_entered_at",
)  # fmt: skip


@pytest.fixture(scope="module")
def reached() -> set[str]:
    corpus = Corpus(CORPUS)
    found: set[str] = set()
    for name in corpus.streams():
        stream = corpus.read(name)
        found |= features(stream.start, stream.steps, outcomes_of(stream))
    return found


@pytest.mark.parametrize("feature", WANTED)
def test_the_corpus_reaches(feature: str, reached: set[str]) -> None:
    assert feature in reached


def test_every_file_of_the_corpus_is_sound_and_says_where_it_came_from() -> None:
    corpus = Corpus(CORPUS)
    assert corpus.verify().is_sound
    for name in corpus.streams():
        assert corpus.read(name).origin.startswith(("scenario: ", "generated: "))


def test_the_corpus_is_small() -> None:
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert len(files) <= 60
    assert sum(path.stat().st_size for path in files) < 400_000


def test_making_the_corpus_again_gives_the_same_streams(tmp_path: Path) -> None:
    """By ID, which is the SHA-256 of the content; compression may differ between versions."""
    made = write(str(tmp_path / "again"))
    assert sorted(made) == sorted(Corpus(CORPUS).streams())
    origins = {name: Corpus(CORPUS).read(name).origin for name in made}
    assert sorted(origins.values()) == sorted(stream.origin for stream in shipped_streams())
