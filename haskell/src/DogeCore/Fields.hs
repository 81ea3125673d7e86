{-# LANGUAGE OverloadedStrings #-}

-- |
-- Records to documents: the names of their fields, and their values, in the order of reducer.md.
--
-- One list of pairs for each record serves both encodings: JSON writes it as an object, the
-- compact records of docs/replay-method.md as an array of the values.
module DogeCore.Fields
  ( stateFieldNames
  , stateFieldCount
  , stateField
  , historyField
  , orderFields
  , recoveryFields
  , cycleFields
  , actionFields
  , orderFieldNames
  , recoveryFieldNames
  , cycleFieldNames
  , keyed
  , positional
  , stateDocument
  , actionDocument
  , compactAction
  ) where

import Data.Text (Text)

import DogeCore.Document (Document (..))
import qualified DogeCore.History as History
import DogeCore.Types

-- | PairState: the place in this list is the field's index on the wire.
stateFieldNames :: [Text]
stateFieldNames =
  [ "market_price"
  , "now"
  , "orders"
  , "recovery_orders"
  , "completed_cycles"
  , "cycle_a"
  , "cycle_b"
  , "next_order_id"
  , "next_recovery_id"
  , "total_profit"
  , "total_settled_usd"
  , "total_fees"
  , "today_realized_loss"
  , "total_round_trips"
  , "s2_entered_at"
  , "last_price_update_at"
  , "consecutive_losses_a"
  , "consecutive_losses_b"
  , "cooldown_until_a"
  , "cooldown_until_b"
  , "long_only"
  , "short_only"
  , "mode_source"
  , "consecutive_refreshes_a"
  , "consecutive_refreshes_b"
  , "last_refresh_direction_a"
  , "last_refresh_direction_b"
  , "refresh_cooldown_until_a"
  , "refresh_cooldown_until_b"
  , "profit_pct_runtime"
  ]

stateFieldCount :: Int
stateFieldCount = 30

-- | The index of @completed_cycles@.
historyField :: Int
historyField = 4

-- | One field of a state; its records are rendered by the function given.
stateField :: ([(Text, Document)] -> Document) -> PairState -> Int -> Document
stateField render s i = case i of
  0 -> DDouble (stMarketPrice s)
  1 -> DDouble (stNow s)
  2 -> DArray (map (render . orderFields) (stOrders s))
  3 -> DArray (map (render . recoveryFields) (stRecoveries s))
  4 -> DArray (map (render . cycleFields) (History.records (stHistory s)))
  5 -> DInt (tsCycle a)
  6 -> DInt (tsCycle b)
  7 -> DInt (stNextOrderId s)
  8 -> DInt (stNextRecoveryId s)
  9 -> DDouble (stTotalProfit s)
  10 -> DDouble (stTotalSettledUsd s)
  11 -> DDouble (stTotalFees s)
  12 -> DDouble (stTodayRealizedLoss s)
  13 -> DInt (stTotalRoundTrips s)
  14 -> nullable DDouble (stS2EnteredAt s)
  15 -> nullable DDouble (stLastPriceUpdateAt s)
  16 -> DInt (tsLosses a)
  17 -> DInt (tsLosses b)
  18 -> DDouble (tsCooldownUntil a)
  19 -> DDouble (tsCooldownUntil b)
  20 -> DBool (stLongOnly s)
  21 -> DBool (stShortOnly s)
  22 -> DText (modeSourceText (stModeSource s))
  23 -> DInt (tsRefreshes a)
  24 -> DInt (tsRefreshes b)
  25 -> nullable DText (tsRefreshDirection a)
  26 -> nullable DText (tsRefreshDirection b)
  27 -> DDouble (tsRefreshCooldownUntil a)
  28 -> DDouble (tsRefreshCooldownUntil b)
  _ -> DDouble (stProfitPctRuntime s)
  where
    a = stA s
    b = stB s

nullable :: (a -> Document) -> Maybe a -> Document
nullable = maybe DNull

orderFieldNames, recoveryFieldNames, cycleFieldNames :: [Text]
orderFieldNames =
  [ "local_id"
  , "side"
  , "role"
  , "price"
  , "volume"
  , "trade_id"
  , "cycle"
  , "txid"
  , "placed_at"
  , "entry_price"
  , "entry_fee"
  , "entry_filled_at"
  , "regime_at_entry"
  ]
recoveryFieldNames =
  [ "recovery_id"
  , "side"
  , "price"
  , "volume"
  , "trade_id"
  , "cycle"
  , "entry_price"
  , "orphaned_at"
  , "entry_fee"
  , "entry_filled_at"
  , "txid"
  , "reason"
  , "regime_at_entry"
  ]
cycleFieldNames =
  [ "trade_id"
  , "cycle"
  , "entry_price"
  , "exit_price"
  , "volume"
  , "gross_profit"
  , "fees"
  , "net_profit"
  , "entry_fee"
  , "exit_fee"
  , "quote_fee"
  , "settled_usd"
  , "entry_time"
  , "exit_time"
  , "from_recovery"
  , "regime_at_entry"
  ]

orderFields :: OrderState -> [(Text, Document)]
orderFields o =
  zip
    orderFieldNames
    [ DInt (oLocalId o)
    , DText (sideText (oSide o))
    , DText (roleText (oRole o))
    , DDouble (oPrice o)
    , DDouble (oVolume o)
    , DText (tradeText (oTrade o))
    , DInt (oCycle o)
    , DText (oTxid o)
    , DDouble (oPlacedAt o)
    , DDouble (oEntryPrice o)
    , DDouble (oEntryFee o)
    , DDouble (oEntryFilledAt o)
    , nullable DInt (oRegime o)
    ]

recoveryFields :: RecoveryOrder -> [(Text, Document)]
recoveryFields r =
  zip
    recoveryFieldNames
    [ DInt (rRecoveryId r)
    , DText (sideText (rSide r))
    , DDouble (rPrice r)
    , DDouble (rVolume r)
    , DText (tradeText (rTrade r))
    , DInt (rCycle r)
    , DDouble (rEntryPrice r)
    , DDouble (rOrphanedAt r)
    , DDouble (rEntryFee r)
    , DDouble (rEntryFilledAt r)
    , DText (rTxid r)
    , DText (rReason r)
    , nullable DInt (rRegime r)
    ]

cycleFields :: CycleRecord -> [(Text, Document)]
cycleFields c =
  zip
    cycleFieldNames
    [ DText (tradeText (cTrade c))
    , DInt (cCycle c)
    , DDouble (cEntryPrice c)
    , DDouble (cExitPrice c)
    , DDouble (cVolume c)
    , DDouble (cGrossProfit c)
    , DDouble (cFees c)
    , DDouble (cNetProfit c)
    , DDouble (cEntryFee c)
    , DDouble (cExitFee c)
    , DDouble (cQuoteFee c)
    , DDouble (cSettledUsd c)
    , DDouble (cEntryTime c)
    , DDouble (cExitTime c)
    , DBool (cFromRecovery c)
    , nullable DInt (cRegime c)
    ]

-- | An action's code in compact form, and its fields.
actionFields :: Action -> (Int, [(Text, Document)])
actionFields action = case action of
  PlaceOrderAction localId side role price volume trade cyc isPostOnly reason ->
    ( 0
    , [ ("local_id", DInt localId)
      , ("side", DText (sideText side))
      , ("role", DText (roleText role))
      , ("price", DDouble price)
      , ("volume", DDouble volume)
      , ("trade_id", DText (tradeText trade))
      , ("cycle", DInt cyc)
      , ("post_only", DBool isPostOnly)
      , ("reason", DText reason)
      ]
    )
  CancelOrderAction localId txid reason ->
    (1, [("local_id", DInt localId), ("txid", DText txid), ("reason", DText reason)])
  OrphanOrderAction localId recoveryId reason ->
    (2, [("local_id", DInt localId), ("recovery_id", DInt recoveryId), ("reason", DText reason)])
  BookCycleAction trade cyc net gross fees settled isFromRecovery ->
    ( 3
    , [ ("trade_id", DText (tradeText trade))
      , ("cycle", DInt cyc)
      , ("net_profit", DDouble net)
      , ("gross_profit", DDouble gross)
      , ("fees", DDouble fees)
      , ("settled_usd", DDouble settled)
      , ("from_recovery", DBool isFromRecovery)
      ]
    )

-- | A record as JSON has it.
keyed :: [(Text, Document)] -> Document
keyed = DMap

-- | A record in compact form.
positional :: [(Text, Document)] -> Document
positional = DArray . map snd

-- | The serialised form of a state.
stateDocument :: PairState -> Document
stateDocument s = DMap (zip stateFieldNames (map (stateField keyed s) [0 .. stateFieldCount - 1]))

-- | The serialised form of an action.
actionDocument :: Action -> Document
actionDocument = keyed . snd . actionFields

-- | An action as @[code, fields...]@.
compactAction :: Action -> Document
compactAction action = case actionFields action of
  (code, fields) -> DArray (DInt code : map snd fields)
