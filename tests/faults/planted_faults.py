"""Faults to plant in the real executable: one small change to its sources each.

Each names the file, the text that stands there and what takes its place. A text that is not found
exactly once is an error: a fault that changes nothing would make every test of it worthless.
Several faults can be planted in one executable, where they do not stand in each other's way.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault. `failure` is the class of failure it makes, None for a divergence;
    `imports` is put before the module's own.

    `function` are the functions of our Python core in which an equal core would have its cause, as
    `explain` names them; `explainable` is false where no single edit there is the same. `in_suite`
    says that the tests plant it; the others are for `measure_faults.py`.
    """

    name: str
    module: str
    old: str
    new: str
    failure: str | None = None
    imports: str = ""
    function: tuple[str, ...] = ()
    explainable: bool = True
    in_suite: bool = True


FAULTS = (
    # --- PriceTick
    Fault(
        "a comparison turned: drift at the threshold refreshes",
        "Reducer",
        "|| drift <= cfgRefreshPct cfg",
        "|| drift < cfgRefreshPct cfg",
        function=("reducer._price_tick",),
        in_suite=False,
    ),
    Fault(
        "a comparison turned: an entry rests on the very second its cool-down ends",
        "Reducer",
        "|| stNow s < tsRefreshCooldownUntil own",
        "|| stNow s <= tsRefreshCooldownUntil own",
        function=("reducer._price_tick",),
    ),
    Fault(
        "a direction the wrong way round: sell entries",
        "Reducer",
        "Sell -> if market > oPrice o then Up else Down",
        "Sell -> if market > oPrice o then Down else Up",
        function=("reducer._refresh",),
        in_suite=False,
    ),
    Fault(
        "a reset left out: the count goes on after a pause",
        "Reducer",
        "then t {tsRefreshes = 0, tsRefreshCooldownUntil = 0.0}",
        "then t {tsRefreshCooldownUntil = 0.0}",
        function=("reducer._refresh",),
    ),
    Fault(
        "a count that starts at nought: the first refresh one way",
        "Reducer",
        "      else pure 1\n  let store",
        "      else pure 0\n  let store",
        function=("reducer._refresh",),
        in_suite=False,
    ),
    Fault(
        "a setting ignored: no cool-down between refreshes",
        "Reducer",
        "tsRefreshCooldownUntil = stNow s + cfgRefreshCooldownSec cfg",
        "tsRefreshCooldownUntil = stNow s",
        function=("reducer._refresh",),
    ),
    Fault(
        "a dropped action: a refreshed entry is not cancelled",
        "Reducer",
        '      emit (CancelOrderAction (oLocalId o) (oTxid o) (Text.pack "stale_entry"))\n',
        "",
        function=("reducer._refresh",),
    ),
    # --- TimerTick
    Fault(
        "a field confused: an exit's age counts from when it was placed",
        "Reducer",
        "if oEntryFilledAt o == 0 then oPlacedAt o else oEntryFilledAt o",
        "oPlacedAt o",
        function=("reducer._s1_timeout",),
        in_suite=False,
    ),
    Fault(
        "a comparison turned: a buy exit that the market came back to",
        "Reducer",
        "        Buy -> stMarketPrice s > oPrice o",
        "        Buy -> stMarketPrice s < oPrice o",
        function=("reducer._s1_timeout",),
        in_suite=False,
    ),
    Fault(
        "a setting confused: S2 waits as long as S1",
        "Reducer",
        "stNow s - since >= cfgS2OrphanAfterSec cfg",
        "stNow s - since >= cfgS1OrphanAfterSec cfg",
        function=("reducer._s2_timeout",),
    ),
    Fault(
        "a tie broken the other way: the nearer exit of two equal ones",
        "Reducer",
        "if distance buyExit > distance sellExit",
        "if distance buyExit >= distance sellExit",
        function=("reducer._s2_timeout",),
    ),
    # --- FillEvent, an entry
    Fault(
        "scaled rounding of exit prices",
        "Blocks",
        "  arithmetic (rnd price (cfgPriceDecimals cfg))\n\n-- | What booking",
        "  let d = cfgPriceDecimals cfg\n"
        "  if d < 0 || d > 12 || not (abs price < 1e6) then arithmetic (rnd price d) else pure\n"
        "    (fromInteger (round (price * tenTo d)) / tenTo d)\n\n-- | What booking",
        function=("entries.exit_price",),
    ),
    Fault(
        "a setting confused: an exit keeps its trade's own distance",
        "Blocks",
        "      e = cfgEntryPct cfg / 100.0",
        "      e = entryDistance cfg (if side == Buy then TradeA else TradeB) / 100.0",
        function=("entries.exit_price",),
    ),
    Fault(
        "a value confused: an exit is for what its entry ordered",
        "Reducer",
        "entryFilled o price volume fee t = do\n",
        "entryFilled o price _ fee t = do\n  let volume = oVolume o\n",
        function=("reducer._entry_filled",),
        # The volume stands in two places: in the order and, from there, in the action.
        in_suite=False,
    ),
    Fault(
        "a lost regime: the exit forgets its entry's",
        "Reducer",
        "      , oEntryFilledAt = t\n      , oRegime = oRegime o",
        "      , oEntryFilledAt = t\n      , oRegime = Nothing",
        function=("reducer._entry_filled",),
    ),
    # --- FillEvent, an exit: books, counters, the next entry
    Fault(
        "a swapped fee: the quote fee of A is the exit's",
        "Blocks",
        "TradeA -> clEntryFee closed\n        TradeB -> y",
        "TradeA -> y\n        TradeB -> y",
        function=("booking._book",),
    ),
    Fault(
        "a fee counted twice: the total takes the entry's again",
        "Blocks",
        "stTotalFees st + y\n",
        "stTotalFees st + fees\n",
        function=("booking._book",),
    ),
    Fault(
        "a figure confused: today's loss is the gross one",
        "Blocks",
        "stTodayRealizedLoss st + abs net",
        "stTodayRealizedLoss st + abs gross",
        function=("booking._book",),
        in_suite=False,
    ),
    Fault(
        "a loss counted at break-even",
        "Blocks",
        "losses <- if net < 0 then",
        "losses <- if net <= 0 then",
        function=("booking.count_loss",),
    ),
    Fault(
        "a comparison turned: the long cooldown comes one loss late",
        "Blocks",
        "when (losses >= cfgLossCooldownStart cfg)",
        "when (losses > cfgLossCooldownStart cfg)",
        function=("booking.count_loss",),
        in_suite=False,
    ),
    Fault(
        "a call left out: no base cooldown after a cycle",
        "Blocks",
        "  reentryCooldown trade\n  now <- gets stNow\n  before",
        "  now <- gets stNow\n  before",
        function=("booking.count_loss",),
    ),
    Fault(
        "a cycle counter that goes up by one instead of to the order's",
        "Reducer",
        "ts {tsCycle = pyMax (tsCycle ts) next}",
        "ts {tsCycle = tsCycle ts + 1}",
        function=("reducer._exit_filled",),
        in_suite=False,
    ),
    Fault(
        "a one-sided mode ignored: B enters again in short-only",
        "Blocks",
        "TradeB -> (Buy, stShortOnly s)",
        "TradeB -> (Buy, False)",
        function=("entries.place_follow_up",),
        in_suite=False,
    ),
    # --- New entries: backoff, size, volume
    Fault(
        "an off-by-one counter: backoff begins one loss late",
        "Blocks",
        "| n < cfgLossBackoffStart cfg = 1.0",
        "| n <= cfgLossBackoffStart cfg = 1.0",
        function=("entries.backoff_multiplier",),
    ),
    Fault(
        "a limit forgotten: backoff grows for ever",
        "Blocks",
        "      pyMin\n        (cfgBackoffMaxMultiplier cfg)\n        (1.0 + cfg",
        "      (1.0 + cfg",
        function=("entries.backoff_multiplier",),
        in_suite=False,
    ),
    Fault(
        "a size confused: B takes the size of A",
        "Blocks",
        "(TradeB, Sizes _ (Just size)) -> size",
        "(TradeB, Sizes (Just size) _) -> size",
        function=("entries.effective_size",),
        explainable=False,  # only B's half of what our core has in one line for both trades
        in_suite=False,
    ),
    Fault(
        "a rounding that cuts off: volumes",
        "Blocks",
        "then roundToInteger raw else",
        "then (if abs raw < 1e9 then pure (fromIntegral (truncate raw :: Int)) "
        "else roundToInteger raw) else",
        function=("numbers.compute_order_volume",),
    ),
    Fault(
        "a check left out: the cost of a rounded volume",
        "Blocks",
        " || (minCost > 0 && volume * price < minCost)",
        "",
        function=("numbers.compute_order_volume",),
        in_suite=False,
    ),
    # --- Orphaning and recoveries
    Fault(
        "a wrong eviction order: the youngest of equally far recoveries",
        "Reducer",
        "rOrphanedAt a < rOrphanedAt b",
        "rOrphanedAt a > rOrphanedAt b",
        function=("orphaning._ranks_before",),
    ),
    Fault(
        "an off-by-one cap: one recovery too many is kept",
        "Reducer",
        "length (stRecoveries s) + 1 - cap",
        "length (stRecoveries s) - cap",
        function=("orphaning.orphan_exit",),
    ),
    Fault(
        "an assumed fill at the wrong price: the recovery's own",
        "Reducer",
        "atMarket = if stMarketPrice s > 0 then stMarketPrice s else rPrice r",
        "atMarket = rPrice r",
        function=("orphaning._assumed_fill",),
        in_suite=False,
    ),
    Fault(
        "a percentage taken as a share: the fee of an eviction",
        "Reducer",
        "(cfgMakerFeePct cfg / 100.0)",
        "cfgMakerFeePct cfg",
        function=("orphaning._evict",),
    ),
    Fault(
        "a reason lost: recoveries are all stale",
        "Reducer",
        "          , rReason = reason\n",
        '          , rReason = Text.pack "stale"\n',
        function=("orphaning.orphan_exit",),
        in_suite=False,
    ),
    Fault(
        "a recovery's entry time taken from its orphaning",
        "Blocks",
        "if rEntryFilledAt r > 0 then rEntryFilledAt r else rOrphanedAt r",
        "rOrphanedAt r",
        function=("booking.book_recovery",),
    ),
    Fault(
        "a missing clear: the S2 mark stays when a recovery is cancelled",
        "Reducer",
        "  removeRecovery recoveryId\n  clearS2Mark",
        "  removeRecovery recoveryId",
        function=("reducer._recovery_cancel",),
        in_suite=False,
    ),
    # --- Invariants and reading
    Fault(
        "an invariant that forgets an order's volume",
        "Invariants",
        "| oVolume o <= 0]",
        "| oVolume o < 0]",
        function=("invariants.check_invariants",),
    ),
    Fault(
        "a snapshot read wrongly: mode_source is not trimmed",
        "Document",
        "== Text.toLower (strip t)",
        "== Text.toLower t",
        function=("codec._mode_source",),
        in_suite=False,
    ),
    Fault(
        "a fallback forgotten: the settled total of old snapshots",
        "Codec",
        "then stTotalSettledUsd s else stTotalProfit s",
        "then stTotalSettledUsd s else 0.0",
        function=("codec.from_dict",),
        in_suite=False,
    ),
    Fault(
        "a text not recognised: regimes in lower case",
        "Document",
        "lookup (Text.toUpper (strip t)) names",
        "lookup (strip t) names",
        function=("codec.normalise_regime",),
    ),
    Fault(
        "a helper too choosy: only entries get a regime",
        "Reducer",
        "let o' = if oLocalId o == localId then",
        "let o' = if oLocalId o == localId && oRole o == Entry then",
        function=("helpers.apply_order_regime_at_entry",),
    ),
    # --- Failures
    Fault(
        "a crash when a recovery with an exchange id is evicted",
        "Reducer",
        'emit (CancelOrderAction cancelledId (rTxid r) (Text.pack "recovery_cap_evict_priority"))',
        "unsafePerformIO (peek (nullPtr :: Ptr Int)) `seq` pure ()",
        failure="exited",
        imports="import Foreign (Ptr, nullPtr, peek)\nimport System.IO.Unsafe (unsafePerformIO)",
    ),
    Fault(
        "a hang when a recovery is filled at a loss",
        "Reducer",
        "      countLoss (rTrade r) net\n      clearS2Mark",
        "      when (net < 0) (let spin n = if n == (-1 :: Integer) then pure () "
        "else spin (n + 1) in spin 0)\n      countLoss (rTrade r) net\n      clearS2Mark",
        failure="timeout",
    ),
)


SUITE = tuple(fault for fault in FAULTS if fault.in_suite)
"""Those that the tests plant: from all parts of the reducer, and some that look much alike."""


def build(faults: Fault | Sequence[Fault], directory: Path) -> str:
    """Builds the executable with some faults in a directory of its own and gives its path."""
    planted = (faults,) if isinstance(faults, Fault) else tuple(faults)
    names = " and ".join(fault.name for fault in planted)
    source = directory / "haskell"
    shutil.copytree(ROOT / "haskell", source)
    for fault in planted:
        module = source / "src" / "DogeCore" / f"{fault.module}.hs"
        text = module.read_text("utf-8")
        if text.count(fault.old) != 1 or fault.old == fault.new:
            found = text.count(fault.old)
            raise AssertionError(f"{fault.name}: found {found} times in {module.name}")
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
        raise AssertionError(f"{names}: does not build:\n{done.stderr[-2000:]}")
    return str(out / "doge-core-exe")


def _warm() -> None:
    """Builds the sources as they are, without optimisation: of any copy of them only what differs
    is compiled then. Quick where it has been done."""
    out = ROOT / "build" / ".core" / "plain"
    subprocess.run(
        [ROOT / "scripts" / "build-core", "--out", out, "--fast"], capture_output=True, check=True
    )


def key_of(faults: Sequence[Fault]) -> str:
    """A name for what is planted, whatever the order."""
    planted = sorted(faults, key=lambda fault: (fault.module, fault.old))
    text = repr([(f.module, f.old, f.new, f.imports) for f in planted])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Builds:
    """Executables with faults in them, each built once, whoever asks for it in whatever process.

    `builds(fault)` or `builds(one, other)` gives the path. Keep what is there as it is: others use
    it, too.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, *faults: Fault) -> str:
        """Builds what is not there yet."""
        directory = self._directory / key_of(faults)
        self._directory.mkdir(parents=True, exist_ok=True)
        # One build at a time: they share a stage to start from, and the machine has other things
        # to do.
        with (self._directory / "lock").open("w") as lock:
            flock(lock, LOCK_EX)
            done = directory / "done"
            if not done.exists():
                shutil.rmtree(directory, ignore_errors=True)
                _warm()
                executable = build(faults, directory)
                shutil.rmtree(directory / "haskell")
                done.write_text(executable, "utf-8")
            return done.read_text("utf-8")
