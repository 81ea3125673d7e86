"""What each setting can be: as a live bot really has it, and legal but extreme.

Figures stand here as people and exchanges write them, most with two decimals. No double holds them,
and so each order of the same operations rounds its own way: 0.26 * 0.01 is not 0.26 / 100, and
1 + 28.5 * 0.01 is not 1 + 28.5 / 100. Figures like 0.5 and 1.0 hide that.

A pool has at most `MOST` places. Hypothesis draws places, and among larger numbers it mixes
constants that it finds in whatever modules are loaded.
"""

from __future__ import annotations

from collections.abc import Mapping

from replay.fuzzing.value_pool import INF

Setting = float | int | bool | None

MOST = 100

LIVE_SETTINGS: Mapping[str, tuple[Setting, ...]] = {
    "entry_pct": (
        0.2, 0.1, 0.15, 0.25, 0.35, 0.5, 0.07, 0.13, 0.26, 0.29, 0.33, 0.47, 0.57, 0.18, 0.225,
        0.61, 1.15,
    ),
    "profit_pct": (
        1.0, 0.3, 0.4, 0.5, 0.8, 1.5, 0.15, 0.26, 0.33, 0.47, 0.52, 0.57, 0.61, 0.94, 1.04, 1.15,
        0.375, 0.725, 2.01, 2.57, 2.97, 3.3, 4.1,
    ),
    "refresh_pct": (
        1.0, 0.4, 0.5, 0.7, 1.5, 2.0, 0.33, 0.47, 0.52, 0.57, 0.61, 0.66, 1.15, 1.17, 2.31, 3.0,
    ),
    "maker_fee_pct": (
        0.25, 0.16, 0.26, 0.1, 0.2, 0.0, 0.26, 0.13, 0.14, 0.26, 0.08, 0.06, 0.02, 0.33, 0.4,
    ),
    "s1_orphan_after_sec": (
        1350.0, 60.0, 120.0, 300.0, 600.0, INF, 90.5, 150.0, 200.0, 900.0, INF,
    ),
    "s2_orphan_after_sec": (
        1800.0, 90.0, 150.0, 600.0, 900.0, INF, 75.5, 120.0, 300.0, 450.0, INF,
    ),
    "loss_cooldown_start": (5, 1, 2, 3, 4, 8),
    "reentry_base_cooldown_sec": (0.0, 0.0, 30.0, 60.0, 120.0, 0.5, 12.3),
    "max_recovery_slots": (2, 1, 3, 5, 0, 10),
    "sticky_mode_enabled": (False, False, False, False, True),
}  # fmt: skip
"""The settings that shape a stream most; Hypothesis decides them, the seed decides the rest.

Recoveries off is infinite time-outs, or no slots."""

LIVE_POOLS: Mapping[str, tuple[Setting, ...]] = {
    "entry_pct_a": (None, None, None, None, 0.15, 0.3, 0.0, 0.29, 0.57, 0.13),
    "entry_pct_b": (None, None, None, None, 0.15, 0.3, 0.0, 0.26, 0.47, 1.15),
    "order_size_usd": (2.0, 2.0, 5.0, 3.5, 10.0, 25.25),
    "volume_decimals": (0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 8),
    "min_volume": (13.0, 13.0, 10.0, 20.0, 50.0, 12.5, 4.0, 1.0, 0.75),
    "min_cost_usd": (0.0, 0.0, 0.5, 1.0, 5.0, 0.35),
    "stale_price_max_age_sec": (60.0, 30.0, 120.0),
    "loss_backoff_start": (3, 1, 2, 4),
    "loss_cooldown_sec": (900.0, 60.0, 300.0, 0.0, 45.5, 1800.0),
    "backoff_factor": (0.5, 0.25, 1.0, 0.35, 0.1, 0.7, 0.3, 0.15, 1.1, 0.0),
    "backoff_max_multiplier": (5.0, 2.0, 3.0, 1.0, 1.7, 2.4, 10.0),
    "max_consecutive_refreshes": (3, 2, 1, 5, 10),
    "refresh_cooldown_sec": (300.0, 30.0, 60.0, 120.0, 0.0, 45.5),
}
"""The live bot's settings that no plan decides."""

EDGE_SETTINGS: Mapping[str, tuple[Setting, ...]] = {
    "entry_pct": (
        0.2, 0.0, 50.0, 25.0, 100.0, 150.0, -5.0, 12.5, 1e-9, 0.1, 0.29, 0.57, 1.15, 0.13, 0.33,
        2.57, 0.0, 5.94, 28.5, 29.3, 41.0, 57.0, 66.3, 75.6, 88.4, 131.9,
    ),
    "profit_pct": (
        1.0, 0.0, 50.0, 100.0, 200.0, -1.0, 12.5, 1e-9, 0.3, 0.29, 0.57, 1.15, 0.94, 1.37, 2.87,
        0.0, 28.5, 29.3, 41.0, 57.0, 66.3, 75.6, 88.4, 131.9, 263.8,
    ),
    "refresh_pct": (
        1.0, 0.0, 25.0, 50.0, 100.0, -1.0, 0.5, 1e300, 0.29, 0.57, 1.15, 0.66, 2.31, 0.1,
    ),
    "maker_fee_pct": (0.25, 0.0, 0.16, -0.01, 0.29, 0.57, 1.15, 0.13, 0.26, 0.33, 100.0, 0.02),
    "price_decimals": (
        6, 2, 0, 1, 3, -1, -2, 4, 8, 15, 17, 22, 30, 323, 400, -20, -400, 5, 16, 17, 18, 5, 16, 18,
    ),
    "volume_decimals": (0, 1, 2, -1, 8, -3, 16, 3, 4, 6, 12),
    "min_volume": (13.0, 0.0, 1.0, -5.0, 26.0, 25.0, 0.5, 1e9),
    "min_cost_usd": (0.0, 2.0, 5.0, 0.5, -1.0, 1e9, 0.35),
    "s1_orphan_after_sec": (60.0, 0.0, 15.0, 30.0, -1.0, 1350.0, INF, 0.1, 0.7, 1e-3),
    "s2_orphan_after_sec": (60.0, 0.0, 15.0, 30.0, -1.0, 1800.0, INF, 0.3, 0.7, 1e-3),
    "loss_backoff_start": (3, 0, 1, -2, 2, 2**40),
    "loss_cooldown_start": (5, 0, 1, 2, -3),
    "backoff_factor": (0.5, 0.35, 0.1, 0.7, 0.3, -0.1, 1e-9, 1.1),
    "backoff_max_multiplier": (5.0, 2.4, 1.7, 0.3, 0.0, INF, 100.0),
    "max_consecutive_refreshes": (3, 0, 1, 2, -1, 100),
    "refresh_cooldown_sec": (300.0, 0.0, 15.0, -30.0, 30.0, INF),
    "max_recovery_slots": (2, 0, 1, -4, 3, 5, 100),
    "reentry_base_cooldown_sec": (0.0, 15.0, -10.0, 1e-3, 60.0, INF),
    "sticky_mode_enabled": (False, False, False, True),
}  # fmt: skip
"""Legal but extreme, and ordinary figures whose arithmetic tells formulas apart."""
