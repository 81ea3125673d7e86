{-# LANGUAGE OverloadedStrings #-}

-- |
-- Documents to records: states, configurations, events and sizes, by the rules of reducer.md,
-- "Reading a state". What cannot be read is refused with its path; fields are read in the order
-- in which they are serialised, so that of several faults always the same one is named.
module DogeCore.Codec
  ( readState
  , readPatch
  , setStateField
  , stateFieldIndex
  , readConfig
  , readSizes
  , EventKind (..)
  , eventKind
  , eventFieldNames
  , readEventFields
  , readOrder
  , readRecovery
  , readCycle
  , readSide
  , readTrade
  ) where

import Control.Monad (foldM)
import qualified Data.List as List
import qualified Data.Map.Strict as Map
import Data.Text (Text)
import qualified Data.Text as Text

import DogeCore.Document
import DogeCore.Fields (stateFieldNames)
import qualified DogeCore.History as History
import DogeCore.Types

-- | A serialised PairState; missing fields take their defaults.
readState :: Reader PairState
readState document = do
  object <- readObject document
  let present = [(i, name, d) | (i, name) <- zip [0 ..] stateFieldNames, Just d <- [Map.lookup name object]]
      isThere name = Map.member name object
  s <- foldM (\s (i, name, d) -> inside name (setStateField i d s)) defaultState present
  let settled = if isThere "total_settled_usd" then stTotalSettledUsd s else stTotalProfit s
  profit <-
    if isThere "profit_pct_runtime"
      then Right (stProfitPctRuntime s)
      else optional "profit_pct" 1.0 readDouble object
  Right s {stTotalSettledUsd = settled, stProfitPctRuntime = profit}

-- | Replace the top-level fields that a map names, ignoring names that are none; also gives the
-- indices of the fields it set.
readPatch :: [(Text, Document)] -> PairState -> Either Path (PairState, [Int])
readPatch pairs s = do
  s' <- foldM (\st (i, name, d) -> inside name (setStateField i d st)) s fields
  Right (s', [i | (i, _, _) <- fields])
  where
    -- Of duplicate keys the last counts, as it does in a whole state.
    fields = List.sortOn (\(i, _, _) -> i) [(i, name, d) | (name, d) <- unique, Just i <- [stateFieldIndex name]]
    unique = case pairs of
      [_] -> pairs
      _ -> Map.toList (toObject pairs)

-- | The index of a field of the state.
stateFieldIndex :: Text -> Maybe Int
stateFieldIndex name = Map.lookup name indices
indices :: Map.Map Text Int
indices = Map.fromList (zip stateFieldNames [0 ..])

-- | Set the field with an index; the path of an error starts inside it.
setStateField :: Int -> Document -> PairState -> Either Path PairState
setStateField i d s = case i of
  0 -> double (\x -> s {stMarketPrice = x})
  1 -> double (\x -> s {stNow = x})
  2 -> (\x -> s {stOrders = x}) <$> readRecords readOrder d
  3 -> (\x -> s {stRecoveries = x}) <$> readRecords readRecovery d
  4 -> (\x -> s {stHistory = History.fromRecords x}) <$> readRecords readCycle d
  5 -> int (\x -> onTrade TradeA (\t -> t {tsCycle = x}) s)
  6 -> int (\x -> onTrade TradeB (\t -> t {tsCycle = x}) s)
  7 -> int (\x -> s {stNextOrderId = x})
  8 -> int (\x -> s {stNextRecoveryId = x})
  9 -> double (\x -> s {stTotalProfit = x})
  10 -> double (\x -> s {stTotalSettledUsd = x})
  11 -> double (\x -> s {stTotalFees = x})
  12 -> double (\x -> s {stTodayRealizedLoss = x})
  13 -> int (\x -> s {stTotalRoundTrips = x})
  14 -> (\x -> s {stS2EnteredAt = x}) <$> readNullable readDouble d
  15 -> (\x -> s {stLastPriceUpdateAt = x}) <$> readNullable readDouble d
  16 -> int (\x -> onTrade TradeA (\t -> t {tsLosses = x}) s)
  17 -> int (\x -> onTrade TradeB (\t -> t {tsLosses = x}) s)
  18 -> double (\x -> onTrade TradeA (\t -> t {tsCooldownUntil = x}) s)
  19 -> double (\x -> onTrade TradeB (\t -> t {tsCooldownUntil = x}) s)
  20 -> (\x -> s {stLongOnly = x}) <$> readBool d
  21 -> (\x -> s {stShortOnly = x}) <$> readBool d
  22 -> Right s {stModeSource = readModeSource d}
  23 -> int (\x -> onTrade TradeA (\t -> t {tsRefreshes = x}) s)
  24 -> int (\x -> onTrade TradeB (\t -> t {tsRefreshes = x}) s)
  25 -> direction TradeA
  26 -> direction TradeB
  27 -> double (\x -> onTrade TradeA (\t -> t {tsRefreshCooldownUntil = x}) s)
  28 -> double (\x -> onTrade TradeB (\t -> t {tsRefreshCooldownUntil = x}) s)
  29 -> double (\x -> s {stProfitPctRuntime = x})
  _ -> wrong
  where
    double f = f <$> readDouble d
    int f = f <$> readInt d
    direction trade =
      (\x -> onTrade trade (\t -> t {tsRefreshDirection = x}) s) <$> readNullable readText d

readOrder :: Object -> Either Path OrderState
readOrder o =
  OrderState
    <$> required "local_id" readInt o
    <*> required "side" readSide o
    <*> required "role" readRole o
    <*> required "price" readDouble o
    <*> required "volume" readDouble o
    <*> required "trade_id" readTrade o
    <*> required "cycle" readInt o
    <*> optional "txid" Text.empty readText o
    <*> optional "placed_at" 0.0 readDouble o
    <*> optional "entry_price" 0.0 readDouble o
    <*> optional "entry_fee" 0.0 readDouble o
    <*> optional "entry_filled_at" 0.0 readDouble o
    <*> optional "regime_at_entry" Nothing (Right . readRegime) o

readRecovery :: Object -> Either Path RecoveryOrder
readRecovery o =
  RecoveryOrder
    <$> required "recovery_id" readInt o
    <*> required "side" readSide o
    <*> required "price" readDouble o
    <*> required "volume" readDouble o
    <*> required "trade_id" readTrade o
    <*> required "cycle" readInt o
    <*> required "entry_price" readDouble o
    <*> required "orphaned_at" readDouble o
    <*> optional "entry_fee" 0.0 readDouble o
    <*> optional "entry_filled_at" 0.0 readDouble o
    <*> optional "txid" Text.empty readText o
    <*> optional "reason" "stale" readText o
    <*> optional "regime_at_entry" Nothing (Right . readRegime) o

readCycle :: Object -> Either Path CycleRecord
readCycle o =
  CycleRecord
    <$> required "trade_id" readTrade o
    <*> required "cycle" readInt o
    <*> required "entry_price" readDouble o
    <*> required "exit_price" readDouble o
    <*> required "volume" readDouble o
    <*> required "gross_profit" readDouble o
    <*> required "fees" readDouble o
    <*> required "net_profit" readDouble o
    <*> optional "entry_fee" 0.0 readDouble o
    <*> optional "exit_fee" 0.0 readDouble o
    <*> optional "quote_fee" 0.0 readDouble o
    <*> optional "settled_usd" 0.0 readDouble o
    <*> optional "entry_time" 0.0 readDouble o
    <*> optional "exit_time" 0.0 readDouble o
    <*> optional "from_recovery" False readBool o
    <*> optional "regime_at_entry" Nothing (Right . readRegime) o

-- | EngineConfig; missing fields take their defaults.
readConfig :: Reader Config
readConfig document = do
  o <- readObject document
  Config
    <$> optional "entry_pct" (cfgEntryPct defaults) readDouble o
    <*> optional "entry_pct_a" (cfgEntryPctA defaults) (readNullable readDouble) o
    <*> optional "entry_pct_b" (cfgEntryPctB defaults) (readNullable readDouble) o
    <*> optional "profit_pct" (cfgProfitPct defaults) readDouble o
    <*> optional "refresh_pct" (cfgRefreshPct defaults) readDouble o
    <*> optional "order_size_usd" (cfgOrderSizeUsd defaults) readDouble o
    <*> optional "price_decimals" (cfgPriceDecimals defaults) readInt o
    <*> optional "volume_decimals" (cfgVolumeDecimals defaults) readInt o
    <*> optional "min_volume" (cfgMinVolume defaults) readDouble o
    <*> optional "min_cost_usd" (cfgMinCostUsd defaults) readDouble o
    <*> optional "maker_fee_pct" (cfgMakerFeePct defaults) readDouble o
    <*> optional "stale_price_max_age_sec" (cfgStalePriceMaxAgeSec defaults) readDouble o
    <*> optional "s1_orphan_after_sec" (cfgS1OrphanAfterSec defaults) readDouble o
    <*> optional "s2_orphan_after_sec" (cfgS2OrphanAfterSec defaults) readDouble o
    <*> optional "loss_backoff_start" (cfgLossBackoffStart defaults) readInt o
    <*> optional "loss_cooldown_start" (cfgLossCooldownStart defaults) readInt o
    <*> optional "loss_cooldown_sec" (cfgLossCooldownSec defaults) readDouble o
    <*> optional "reentry_base_cooldown_sec" (cfgReentryBaseCooldownSec defaults) readDouble o
    <*> optional "backoff_factor" (cfgBackoffFactor defaults) readDouble o
    <*> optional "backoff_max_multiplier" (cfgBackoffMaxMultiplier defaults) readDouble o
    <*> optional "max_consecutive_refreshes" (cfgMaxConsecutiveRefreshes defaults) readInt o
    <*> optional "refresh_cooldown_sec" (cfgRefreshCooldownSec defaults) readDouble o
    <*> optional "max_recovery_slots" (cfgMaxRecoverySlots defaults) readInt o
    <*> optional "sticky_mode_enabled" (cfgStickyModeEnabled defaults) readBool o
  where
    defaults = defaultConfig

-- | @order_sizes@: null or a map, of which only A and B are read.
readSizes :: Reader Sizes
readSizes DNull = Right noSizes
readSizes document = do
  o <- readObject document
  Sizes <$> size "A" o <*> size "B" o
  where
    size key = optional key Nothing (fmap Just . readDouble)

-- | The kinds of event, in the order in which they are tried; also their codes on the wire,
-- counted from 'PriceTickKind'.
data EventKind = PriceTickKind | TimerTickKind | FillKind | RecoveryFillKind | RecoveryCancelKind
  deriving (Eq, Show, Enum, Bounded)

eventFieldNames :: EventKind -> [Text]
eventFieldNames kind = case kind of
  PriceTickKind -> ["price", "timestamp"]
  TimerTickKind -> ["timestamp"]
  FillKind -> "order_local_id" : rest
  RecoveryFillKind -> "recovery_id" : rest
  RecoveryCancelKind -> ["recovery_id", "txid", "timestamp"]
  where
    rest = ["txid", "side", "price", "volume", "fee", "timestamp"]

-- | Tell an event by the fields it has (protocol.md, part 1), and take those out in order.
eventKind :: Object -> Maybe (EventKind, [Document])
eventKind object = case [(kind, ds) | kind <- inOrder, Just ds <- [fieldsOf kind]] of
  found : _ -> Just found
  [] -> Nothing
  where
    inOrder = [FillKind, RecoveryFillKind, RecoveryCancelKind, PriceTickKind, TimerTickKind]
    fieldsOf kind = mapM (`Map.lookup` object) (eventFieldNames kind)

-- | An event from its fields in order; Nothing when there are too few or too many.
readEventFields :: EventKind -> [Document] -> Maybe (Either Path Event)
readEventFields kind documents = case (kind, documents) of
  (PriceTickKind, [price, t]) -> Just (PriceTick <$> double "price" price <*> double "timestamp" t)
  (TimerTickKind, [t]) -> Just (TimerTick <$> double "timestamp" t)
  (FillKind, [i, txid, side, price, volume, fee, t]) ->
    Just (filled FillEvent "order_local_id" i txid side price volume fee t)
  (RecoveryFillKind, [i, txid, side, price, volume, fee, t]) ->
    Just (filled RecoveryFillEvent "recovery_id" i txid side price volume fee t)
  (RecoveryCancelKind, [i, txid, t]) ->
    Just $
      RecoveryCancelEvent
        <$> inside "recovery_id" (readInt i)
        <*> inside "txid" (readText txid)
        <*> double "timestamp" t
  _ -> Nothing
  where
    double name = inside name . readDouble
    filled make name i txid side price volume fee t =
      make
        <$> inside name (readInt i)
        <*> inside "txid" (readText txid)
        <*> inside "side" (readSide side)
        <*> double "price" price
        <*> double "volume" volume
        <*> double "fee" fee
        <*> double "timestamp" t

readSide :: Reader Side
readSide = readOneOf sideText

readRole :: Reader Role
readRole = readOneOf roleText

readTrade :: Reader Trade
readTrade = readOneOf tradeText
