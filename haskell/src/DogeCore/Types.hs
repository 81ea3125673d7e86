-- |
-- The records of docs/contract/reducer.md: states, orders, events, actions, configuration.
--
-- Everything is a strict immutable value with structural equality (IEEE @==@ on doubles). The
-- six fields that exist once for each trade (@cycle_a@, @cycle_b@, ...) are grouped in
-- 'TradeState', so that a rule is written once for both trades; the codec spreads them out again.
--
-- @Int@ is the 64-bit int of the contract: GHC's @Int@ is 64 bits wide on every platform we build for.
module DogeCore.Types
  ( Side (..)
  , Role (..)
  , Trade (..)
  , Phase (..)
  , ModeSource (..)
  , Direction (..)
  , Regime
  , Config (..)
  , Sizes (..)
  , OrderState (..)
  , RecoveryOrder (..)
  , CycleRecord (..)
  , TradeState (..)
  , PairState (..)
  , Event (..)
  , Action (..)
  , Arithmetic (..)
  , defaultConfig
  , defaultState
  , noSizes
  , sideText
  , roleText
  , tradeText
  , modeSourceText
  , directionText
  , arithmeticText
  , otherSide
  , tradeState
  , onTrade
  ) where

import Data.Text (Text)
import qualified Data.Text as Text

import DogeCore.History (History, emptyHistory)

-- | @buy@ or @sell@.
data Side = Buy | Sell
  deriving (Eq, Show, Enum, Bounded)

-- | @entry@ or @exit@.
data Role = Entry | Exit
  deriving (Eq, Show, Enum, Bounded)

-- | Trade A sells first and buys back; trade B buys first.
data Trade = TradeA | TradeB
  deriving (Eq, Show, Enum, Bounded)

-- | Where a slot stands, told by its exits alone (reducer.md, "Phase").
data Phase = S0 | S1a | S1b | S2
  deriving (Eq, Show, Enum, Bounded)

-- | Who set the long-only or short-only mode.
data ModeSource = ModeNone | ModeBalance | ModeRegime
  deriving (Eq, Show, Enum, Bounded)

-- | Which way a price refresh moved. Only what the reducer writes is in this set: a state read
-- from outside may carry any text there.
data Direction = Up | Down
  deriving (Eq, Show, Enum, Bounded)

-- | A normalised @regime_at_entry@: 0, 1, 2 or nothing.
type Regime = Maybe Int

-- | EngineConfig, in the order of reducer.md.
data Config = Config
  { cfgEntryPct :: !Double
  , cfgEntryPctA :: !(Maybe Double)
  , cfgEntryPctB :: !(Maybe Double)
  , cfgProfitPct :: !Double
  , cfgRefreshPct :: !Double
  , cfgOrderSizeUsd :: !Double
  , cfgPriceDecimals :: !Int
  , cfgVolumeDecimals :: !Int
  , cfgMinVolume :: !Double
  , cfgMinCostUsd :: !Double
  , cfgMakerFeePct :: !Double
  , cfgStalePriceMaxAgeSec :: !Double
  , cfgS1OrphanAfterSec :: !Double
  , cfgS2OrphanAfterSec :: !Double
  , cfgLossBackoffStart :: !Int
  , cfgLossCooldownStart :: !Int
  , cfgLossCooldownSec :: !Double
  , cfgReentryBaseCooldownSec :: !Double
  , cfgBackoffFactor :: !Double
  , cfgBackoffMaxMultiplier :: !Double
  , cfgMaxConsecutiveRefreshes :: !Int
  , cfgRefreshCooldownSec :: !Double
  , cfgMaxRecoverySlots :: !Int
  , cfgStickyModeEnabled :: !Bool
  }
  deriving (Eq, Show)

-- | What of @order_sizes@ the reducer looks at: the sizes of A and B, where given.
data Sizes = Sizes
  { sizeOfA :: !(Maybe Double)
  , sizeOfB :: !(Maybe Double)
  }
  deriving (Eq, Show)

data OrderState = OrderState
  { oLocalId :: !Int
  , oSide :: !Side
  , oRole :: !Role
  , oPrice :: !Double
  , oVolume :: !Double
  , oTrade :: !Trade
  , oCycle :: !Int
  , oTxid :: !Text
  , oPlacedAt :: !Double
  , oEntryPrice :: !Double
  , oEntryFee :: !Double
  , oEntryFilledAt :: !Double
  , oRegime :: !Regime
  }
  deriving (Eq, Show)

data RecoveryOrder = RecoveryOrder
  { rRecoveryId :: !Int
  , rSide :: !Side
  , rPrice :: !Double
  , rVolume :: !Double
  , rTrade :: !Trade
  , rCycle :: !Int
  , rEntryPrice :: !Double
  , rOrphanedAt :: !Double
  , rEntryFee :: !Double
  , rEntryFilledAt :: !Double
  , rTxid :: !Text
  , rReason :: !Text
  , rRegime :: !Regime
  }
  deriving (Eq, Show)

data CycleRecord = CycleRecord
  { cTrade :: !Trade
  , cCycle :: !Int
  , cEntryPrice :: !Double
  , cExitPrice :: !Double
  , cVolume :: !Double
  , cGrossProfit :: !Double
  , cFees :: !Double
  , cNetProfit :: !Double
  , cEntryFee :: !Double
  , cExitFee :: !Double
  , cQuoteFee :: !Double
  , cSettledUsd :: !Double
  , cEntryTime :: !Double
  , cExitTime :: !Double
  , cFromRecovery :: !Bool
  , cRegime :: !Regime
  }
  deriving (Eq, Show)

-- | The part of a state that exists once for each trade.
data TradeState = TradeState
  { tsCycle :: !Int
  , tsLosses :: !Int
  , tsCooldownUntil :: !Double
  , tsRefreshes :: !Int
  , tsRefreshDirection :: !(Maybe Text)
  , tsRefreshCooldownUntil :: !Double
  }
  deriving (Eq, Show)

data PairState = PairState
  { stMarketPrice :: !Double
  , stNow :: !Double
  , stOrders :: ![OrderState]
  , stRecoveries :: ![RecoveryOrder]
  , stHistory :: !(History CycleRecord)
  , stA :: !TradeState
  , stB :: !TradeState
  , stNextOrderId :: !Int
  , stNextRecoveryId :: !Int
  , stTotalProfit :: !Double
  , stTotalSettledUsd :: !Double
  , stTotalFees :: !Double
  , stTodayRealizedLoss :: !Double
  , stTotalRoundTrips :: !Int
  , stS2EnteredAt :: !(Maybe Double)
  , stLastPriceUpdateAt :: !(Maybe Double)
  , stLongOnly :: !Bool
  , stShortOnly :: !Bool
  , stModeSource :: !ModeSource
  , stProfitPctRuntime :: !Double
  }
  deriving (Eq, Show)

-- | What the exchange or the clock brings. The fields are in the order of reducer.md.
data Event
  = -- | price, timestamp
    PriceTick !Double !Double
  | -- | timestamp
    TimerTick !Double
  | -- | order_local_id, txid, side, price, volume, fee, timestamp
    FillEvent !Int !Text !Side !Double !Double !Double !Double
  | -- | recovery_id, txid, side, price, volume, fee, timestamp
    RecoveryFillEvent !Int !Text !Side !Double !Double !Double !Double
  | -- | recovery_id, txid, timestamp
    RecoveryCancelEvent !Int !Text !Double
  deriving (Eq, Show)

-- | What a transition asks the runtime to do. The fields are in the order of reducer.md.
data Action
  = -- | local_id, side, role, price, volume, trade_id, cycle, post_only, reason
    PlaceOrderAction !Int !Side !Role !Double !Double !Trade !Int !Bool !Text
  | -- | local_id, txid, reason
    CancelOrderAction !Int !Text !Text
  | -- | local_id, recovery_id, reason
    OrphanOrderAction !Int !Int !Text
  | -- | trade_id, cycle, net_profit, gross_profit, fees, settled_usd, from_recovery
    BookCycleAction !Trade !Int !Double !Double !Double !Double !Bool
  deriving (Eq, Show)

-- | Numbers that the reducer cannot go on with; a transition that meets one is refused.
data Arithmetic
  = -- | 'DogeCore.Numbers.rnd' left the range of doubles.
    RoundingOverflow
  | -- | A volume that is infinite or NaN was to become an integer.
    NotAnInteger
  | -- | A counter or id left the 64 bits of an int.
    CounterOverflow
  deriving (Eq, Show, Enum, Bounded)

-- | The defaults of EngineConfig.
defaultConfig :: Config
defaultConfig =
  Config
    { cfgEntryPct = 0.2
    , cfgEntryPctA = Nothing
    , cfgEntryPctB = Nothing
    , cfgProfitPct = 1.0
    , cfgRefreshPct = 1.0
    , cfgOrderSizeUsd = 2.0
    , cfgPriceDecimals = 6
    , cfgVolumeDecimals = 0
    , cfgMinVolume = 13.0
    , cfgMinCostUsd = 0.0
    , cfgMakerFeePct = 0.25
    , cfgStalePriceMaxAgeSec = 60.0
    , cfgS1OrphanAfterSec = 1350.0
    , cfgS2OrphanAfterSec = 1800.0
    , cfgLossBackoffStart = 3
    , cfgLossCooldownStart = 5
    , cfgLossCooldownSec = 900.0
    , cfgReentryBaseCooldownSec = 0.0
    , cfgBackoffFactor = 0.5
    , cfgBackoffMaxMultiplier = 5.0
    , cfgMaxConsecutiveRefreshes = 3
    , cfgRefreshCooldownSec = 300.0
    , cfgMaxRecoverySlots = 2
    , cfgStickyModeEnabled = False
    }

-- | What an empty object reads as ("Reading a state": market_price and now count as 0.0).
defaultState :: PairState
defaultState =
  PairState
    { stMarketPrice = 0.0
    , stNow = 0.0
    , stOrders = []
    , stRecoveries = []
    , stHistory = emptyHistory
    , stA = fresh
    , stB = fresh
    , stNextOrderId = 1
    , stNextRecoveryId = 1
    , stTotalProfit = 0.0
    , stTotalSettledUsd = 0.0
    , stTotalFees = 0.0
    , stTodayRealizedLoss = 0.0
    , stTotalRoundTrips = 0
    , stS2EnteredAt = Nothing
    , stLastPriceUpdateAt = Nothing
    , stLongOnly = False
    , stShortOnly = False
    , stModeSource = ModeNone
    , stProfitPctRuntime = 1.0
    }
  where
    fresh =
      TradeState
        { tsCycle = 1
        , tsLosses = 0
        , tsCooldownUntil = 0.0
        , tsRefreshes = 0
        , tsRefreshDirection = Nothing
        , tsRefreshCooldownUntil = 0.0
        }

-- | No map of sizes, or an empty one.
noSizes :: Sizes
noSizes = Sizes Nothing Nothing

sideText :: Side -> Text
sideText Buy = Text.pack "buy"
sideText Sell = Text.pack "sell"

roleText :: Role -> Text
roleText Entry = Text.pack "entry"
roleText Exit = Text.pack "exit"

tradeText :: Trade -> Text
tradeText TradeA = Text.pack "A"
tradeText TradeB = Text.pack "B"

modeSourceText :: ModeSource -> Text
modeSourceText ModeNone = Text.pack "none"
modeSourceText ModeBalance = Text.pack "balance"
modeSourceText ModeRegime = Text.pack "regime"

directionText :: Direction -> Text
directionText Up = Text.pack "up"
directionText Down = Text.pack "down"

-- | For people; the wire only says @arithmetic@.
arithmeticText :: Arithmetic -> Text
arithmeticText RoundingOverflow = Text.pack "a rounded number is too large for a double"
arithmeticText NotAnInteger = Text.pack "a volume that is not finite cannot be an integer"
arithmeticText CounterOverflow = Text.pack "a counter does not fit 64 bits"

otherSide :: Side -> Side
otherSide Buy = Sell
otherSide Sell = Buy

-- | The fields of one trade.
tradeState :: Trade -> PairState -> TradeState
tradeState TradeA = stA
tradeState TradeB = stB

-- | Change the fields of one trade.
onTrade :: Trade -> (TradeState -> TradeState) -> PairState -> PairState
onTrade TradeA f s = s {stA = f (stA s)}
onTrade TradeB f s = s {stB = f (stB s)}
