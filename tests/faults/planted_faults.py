"""Faults to plant in the real executable: one small change to its sources each.

Each names the file, the text that stands there and what takes its place. A text that is not found
exactly once is an error: a fault that changes nothing would make every test of it worthless.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault. `failure` is the class of failure it makes, None for a divergence;
    `imports` is put before the module's own."""

    name: str
    module: str
    old: str
    new: str
    failure: str | None = None
    imports: str = ""
    transitions: int = 20_000
    """How many it is given to be found in."""


FAULTS = (
    Fault(
        "a comparison turned: drift at the threshold refreshes",
        "Reducer",
        "|| drift <= cfgRefreshPct cfg",
        "|| drift < cfgRefreshPct cfg",
    ),
    Fault(
        "a tie broken the other way: the nearer exit of two equal ones",
        "Reducer",
        "if distance buyExit > distance sellExit",
        "if distance buyExit >= distance sellExit",
    ),
    Fault(
        "a missing clear: the S2 mark stays when a recovery is cancelled",
        "Reducer",
        "  removeRecovery recoveryId\n  clearS2Mark",
        "  removeRecovery recoveryId",
        transitions=100_000,
    ),
    Fault(
        "a swapped fee: the quote fee of A is the exit's",
        "Blocks",
        "TradeA -> clEntryFee closed\n        TradeB -> y",
        "TradeA -> y\n        TradeB -> y",
    ),
    Fault(
        "a wrong eviction order: the youngest of equally far recoveries",
        "Reducer",
        "rOrphanedAt a < rOrphanedAt b",
        "rOrphanedAt a > rOrphanedAt b",
    ),
    Fault(
        "scaled rounding of exit prices",
        "Blocks",
        "  arithmetic (rnd price (cfgPriceDecimals cfg))\n\n-- | What booking",
        "  let d = cfgPriceDecimals cfg\n"
        "  if d < 0 || d > 12 || not (abs price < 1e6) then arithmetic (rnd price d) else pure\n"
        "    (fromInteger (round (price * tenTo d)) / tenTo d)\n\n-- | What booking",
    ),
    Fault(
        "a lost regime: the exit forgets its entry's",
        "Reducer",
        "      , oEntryFilledAt = t\n      , oRegime = oRegime o",
        "      , oEntryFilledAt = t\n      , oRegime = Nothing",
    ),
    Fault(
        "a dropped action: a refreshed entry is not cancelled",
        "Reducer",
        '      emit (CancelOrderAction (oLocalId o) (oTxid o) (Text.pack "stale_entry"))\n',
        "",
    ),
    Fault(
        "an off-by-one counter: backoff begins one loss late",
        "Blocks",
        "| n < cfgLossBackoffStart cfg = 1.0",
        "| n <= cfgLossBackoffStart cfg = 1.0",
    ),
    Fault(
        "a setting ignored: no cool-down between refreshes",
        "Reducer",
        "tsRefreshCooldownUntil = stNow s + cfgRefreshCooldownSec cfg",
        "tsRefreshCooldownUntil = stNow s",
    ),
    Fault(
        "a loss counted at break-even",
        "Blocks",
        "losses <- if net < 0 then",
        "losses <- if net <= 0 then",
    ),
    Fault(
        "a recovery's entry time taken from its orphaning",
        "Blocks",
        "if rEntryFilledAt r > 0 then rEntryFilledAt r else rOrphanedAt r",
        "rOrphanedAt r",
    ),
    Fault(
        "a one-sided mode ignored: B enters again in short-only",
        "Blocks",
        "TradeB -> (Buy, stShortOnly s)",
        "TradeB -> (Buy, False)",
    ),
    Fault(
        "a cycle counter that goes up by one instead of to the order's",
        "Reducer",
        "ts {tsCycle = pyMax (tsCycle ts) next}",
        "ts {tsCycle = tsCycle ts + 1}",
    ),
    Fault(
        "an invariant that forgets an order's volume",
        "Invariants",
        "| oVolume o <= 0]",
        "| oVolume o < 0]",
    ),
    Fault(
        "a snapshot read wrongly: mode_source is not trimmed",
        "Document",
        "== Text.toLower (strip t)",
        "== Text.toLower t",
    ),
    Fault(
        "a crash when a recovery with an exchange id is evicted",
        "Reducer",
        'emit (CancelOrderAction cancelledId (rTxid r) (Text.pack "recovery_cap_evict_priority"))',
        "unsafePerformIO (peek (nullPtr :: Ptr Int)) `seq` pure ()",
        failure="exited",
        transitions=4_000,
        imports="import Foreign (Ptr, nullPtr, peek)\nimport System.IO.Unsafe (unsafePerformIO)",
    ),
    Fault(
        "a hang when a recovery is filled at a loss",
        "Reducer",
        "      countLoss (rTrade r) net\n      clearS2Mark",
        "      when (net < 0) (let spin n = if n == (-1 :: Integer) then pure () "
        "else spin (n + 1) in spin 0)\n      countLoss (rTrade r) net\n      clearS2Mark",
        failure="timeout",
        transitions=4_000,
    ),
)


def build(fault: Fault, directory: Path) -> str:
    """Builds the executable with the fault and gives its path."""
    source = directory / "haskell"
    shutil.copytree(ROOT / "haskell", source)
    module = source / "src" / "DogeCore" / f"{fault.module}.hs"
    text = module.read_text("utf-8")
    if text.count(fault.old) != 1 or fault.old == fault.new:
        raise AssertionError(f"{fault.name}: found {text.count(fault.old)} times in {module.name}")
    text = text.replace(fault.old, fault.new)
    if fault.imports:
        text = text.replace("\nimport ", f"\n{fault.imports}\nimport ", 1)
    module.write_text(text, "utf-8")
    out = directory / "out"
    done = subprocess.run(
        [ROOT / "scripts" / "build-core", "--source", source, "--out", out, "--fast"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"{fault.name} does not build:\n{done.stderr[-2000:]}")
    return str(out / "doge-core-exe")
