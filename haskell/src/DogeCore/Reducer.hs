-- |
-- @transition@: one event on one state (reducer.md, "Events"). Pure: no clock, no I/O.
module DogeCore.Reducer
  ( transition
  , applyRegime
  ) where

import Control.Monad (when)
import qualified Data.List as List
import Data.Text (Text)
import qualified Data.Text as Text

import DogeCore.Blocks
import DogeCore.Numbers (negated, plusOne, pyMax)
import DogeCore.Reduce
import DogeCore.Types

-- | The next state and the actions, in order; or why there is none.
transition :: Settings -> Event -> PairState -> Either Arithmetic (PairState, [Action])
transition settings event = runReduce (rule event) settings
  where
    rule (PriceTick price t) = priceTick price t
    rule (TimerTick t) = timerTick t
    rule (FillEvent localId _ _ price volume fee t) = fill localId price volume fee t
    rule (RecoveryFillEvent recoveryId _ _ price _ fee t) = recoveryFill recoveryId price fee t
    rule (RecoveryCancelEvent recoveryId _ t) = recoveryCancel recoveryId t

-- | @apply_order_regime_at_entry@: every order with that id gets the (normalised) regime.
applyRegime :: Int -> Regime -> PairState -> PairState
applyRegime localId regime s
  | any ((== localId) . oLocalId) (stOrders s) = s {stOrders = changed (stOrders s)}
  | otherwise = s
  where
    changed [] = []
    changed (o : os) =
      let o' = if oLocalId o == localId then o {oRegime = regime} else o
          os' = changed os
       in o' `seq` os' `seq` (o' : os')

setNow :: Double -> Reduce ()
setNow t = modify (\s -> s {stNow = t})

-- | "PriceTick".
priceTick :: Double -> Double -> Reduce ()
priceTick price t = do
  modify $ \s -> s {stNow = t, stMarketPrice = price, stLastPriceUpdateAt = Just t}
  gets stOrders >>= refreshFirst

-- | The walk over the orders that acts on at most one entry (steps 1 to 6).
refreshFirst :: [OrderState] -> Reduce ()
refreshFirst [] = pure ()
refreshFirst (o : rest) = do
  cfg <- setting config
  s <- get
  let market = stMarketPrice s
      drift = if market <= 0 then 0 else abs (oPrice o - market) / market * 100.0
      own = tradeState (oTrade o) s
      isSkipped =
        oRole o == Exit
          || drift <= cfgRefreshPct cfg
          || stNow s < tsRefreshCooldownUntil own
  if isSkipped then refreshFirst rest else refresh o

-- | Steps 2 to 6 for the entry that drifted.
refresh :: OrderState -> Reduce ()
refresh o = do
  cfg <- setting config
  let trade = oTrade o
  modify $ onTrade trade $ \t ->
    if tsRefreshes t >= cfgMaxConsecutiveRefreshes cfg && tsRefreshCooldownUntil t > 0
      then t {tsRefreshes = 0, tsRefreshCooldownUntil = 0.0}
      else t
  s <- get
  let own = tradeState trade s
      market = stMarketPrice s
      direction = directionText $ case oSide o of
        Buy -> if market < oPrice o then Down else Up
        Sell -> if market > oPrice o then Up else Down
  count <-
    if tsRefreshDirection own == Just direction
      then arithmetic (plusOne (tsRefreshes own))
      else pure 1
  let store t = direction `seq` t {tsRefreshes = count, tsRefreshDirection = Just direction}
  if count >= cfgMaxConsecutiveRefreshes cfg
    then
      modify $ onTrade trade $ \t ->
        (store t) {tsRefreshCooldownUntil = stNow s + cfgRefreshCooldownSec cfg}
    else do
      removeOrder (oLocalId o)
      emit (CancelOrderAction (oLocalId o) (oTxid o) (Text.pack "stale_entry"))
      size <- effectiveSize trade
      newEntry (oSide o) trade (oCycle o) size (Text.pack "refresh_entry")
      modify (onTrade trade store)

-- | Every order of that id goes.
removeOrder :: Int -> Reduce ()
removeOrder localId = gets stOrders >>= setOrders . filter ((/= localId) . oLocalId)

-- | Every recovery of that id goes.
removeRecovery :: Int -> Reduce ()
removeRecovery recoveryId = gets stRecoveries >>= setRecoveries . filter ((/= recoveryId) . rRecoveryId)

-- | "TimerTick".
timerTick :: Double -> Reduce ()
timerTick t = do
  setNow t
  cfg <- setting config
  if cfgStickyModeEnabled cfg
    then modify (\s -> s {stS2EnteredAt = Nothing})
    else do
      clearS2Mark
      orders <- gets stOrders
      case derivePhase orders of
        S0 -> pure ()
        S1a -> mapM_ s1Timeout (List.find ((== Exit) . oRole) orders)
        S1b -> mapM_ s1Timeout (List.find ((== Exit) . oRole) orders)
        S2 -> s2Timeout orders

-- | S1a or S1b: the first exit, when it is old and the market has moved away from it.
s1Timeout :: OrderState -> Reduce ()
s1Timeout o = do
  cfg <- setting config
  s <- get
  let since = if oEntryFilledAt o == 0 then oPlacedAt o else oEntryFilledAt o
      age = if since == 0 then 0 else stNow s - since
      hasMovedAway = case oSide o of
        Sell -> stMarketPrice s < oPrice o
        Buy -> stMarketPrice s > oPrice o
  when (age >= cfgS1OrphanAfterSec cfg && hasMovedAway) $ orphan o (Text.pack "s1_timeout")

-- | S2: mark when it began; after long enough orphan the exit that is further away.
s2Timeout :: [OrderState] -> Reduce ()
s2Timeout orders = do
  cfg <- setting config
  s <- get
  let market = stMarketPrice s
      distance o = abs (oPrice o - market) / market
  case stS2EnteredAt s of
    Nothing -> let now = stNow s in now `seq` modify (\st -> st {stS2EnteredAt = Just now})
    Just since -> when (stNow s - since >= cfgS2OrphanAfterSec cfg && market > 0) $
      case (List.find (isExit Buy) orders, List.find (isExit Sell) orders) of
        (Just buyExit, Just sellExit) -> do
          orphan (if distance buyExit > distance sellExit then buyExit else sellExit) (Text.pack "s2_timeout")
          modify (\st -> st {stS2EnteredAt = Nothing})
        _ -> pure ()

-- | "FillEvent".
fill :: Int -> Double -> Double -> Double -> Double -> Reduce ()
fill localId price volume fee t = do
  setNow t
  orders <- gets stOrders
  case List.find ((== localId) . oLocalId) orders of
    Nothing -> pure ()
    Just o -> do
      removeOrder localId
      case oRole o of
        Entry -> entryFilled o price volume fee t
        Exit -> exitFilled o price fee t
      clearS2Mark

entryFilled :: OrderState -> Double -> Double -> Double -> Double -> Reduce ()
entryFilled o price volume fee t = do
  modify (\s -> s {stTotalFees = stTotalFees s + fee})
  let side = otherSide (oSide o)
  target <- exitPrice side price
  exitId <- nextOrderId
  appendOrder
    OrderState
      { oLocalId = exitId
      , oSide = side
      , oRole = Exit
      , oPrice = target
      , oVolume = volume
      , oTrade = oTrade o
      , oCycle = oCycle o
      , oTxid = Text.empty
      , oPlacedAt = t
      , oEntryPrice = price
      , oEntryFee = fee
      , oEntryFilledAt = t
      , oRegime = oRegime o
      }
  emit (PlaceOrderAction exitId side Exit target volume (oTrade o) (oCycle o) True (Text.pack "entry_fill_exit"))

exitFilled :: OrderState -> Double -> Double -> Double -> Reduce ()
exitFilled o price fee t = do
  let trade = oTrade o
  net <- bookCycle (closedOrder o) price fee t
  countLoss trade net
  next <- arithmetic (plusOne (oCycle o))
  modify $ onTrade trade $ \ts -> ts {tsCycle = pyMax (tsCycle ts) next}
  followUpEntry trade (Text.pack "cycle_complete")

-- | "RecoveryFillEvent".
recoveryFill :: Int -> Double -> Double -> Double -> Reduce ()
recoveryFill recoveryId price fee t = do
  setNow t
  recoveries <- gets stRecoveries
  case List.find ((== recoveryId) . rRecoveryId) recoveries of
    Nothing -> pure ()
    Just r -> do
      removeRecovery recoveryId
      net <- bookCycle (closedRecovery r) price fee t
      countLoss (rTrade r) net
      clearS2Mark

-- | "RecoveryCancelEvent".
recoveryCancel :: Int -> Double -> Reduce ()
recoveryCancel recoveryId t = do
  setNow t
  removeRecovery recoveryId
  clearS2Mark

-- | "Orphaning" an exit, with evictions where the recoveries would become too many.
orphan :: OrderState -> Text -> Reduce ()
orphan o reason = do
  cfg <- setting config
  s <- get
  let cap = pyMax 1 (cfgMaxRecoverySlots cfg)
      overflow = length (stRecoveries s) + 1 - cap
      evictedIds = map rRecoveryId (take overflow (worstFirst (stMarketPrice s) (stRecoveries s)))
      isEvicted r = rRecoveryId r `elem` evictedIds
      trade = oTrade o
  mapM_ evict (filter isEvicted (stRecoveries s))
  setRecoveries (filter (not . isEvicted) (stRecoveries s))
  recoveryId <- nextRecoveryId
  let recovery =
        RecoveryOrder
          { rRecoveryId = recoveryId
          , rSide = oSide o
          , rPrice = oPrice o
          , rVolume = oVolume o
          , rTrade = trade
          , rCycle = oCycle o
          , rEntryPrice = oEntryPrice o
          , rOrphanedAt = stNow s
          , rEntryFee = oEntryFee o
          , rEntryFilledAt = oEntryFilledAt o
          , rTxid = oTxid o
          , rReason = reason
          , rRegime = oRegime o
          }
  removeOrder (oLocalId o)
  emit (OrphanOrderAction (oLocalId o) recoveryId reason)
  recoveries <- gets stRecoveries
  setRecoveries (recoveries ++ [recovery])
  reentryCooldown trade
  next <- gets (tsCycle . tradeState trade) >>= arithmetic . plusOne
  modify $ onTrade trade $ \ts -> ts {tsCycle = next}
  followUpEntry trade $ case trade of
    TradeA -> Text.pack "orphan_A"
    TradeB -> Text.pack "orphan_B"

-- | Furthest from the market first, then oldest, then lowest id. Compared as Python compares
-- tuples, where a NaN is a difference that decides nothing.
worstFirst :: Double -> [RecoveryOrder] -> [RecoveryOrder]
worstFirst market = List.sortBy order
  where
    order a b = if b `before` a then GT else LT
    a `before` b
      | distance a /= distance b = distance a > distance b
      | rOrphanedAt a /= rOrphanedAt b = rOrphanedAt a < rOrphanedAt b
      | otherwise = rRecoveryId a < rRecoveryId b
    distance r = if market <= 0 then 0 else abs (rPrice r - market) / market

-- | Close a recovery that has to make room, as if it were filled at the market.
evict :: RecoveryOrder -> Reduce ()
evict r = do
  cfg <- setting config
  s <- get
  when (rTxid r /= Text.empty) $ do
    cancelledId <- arithmetic (negated (rRecoveryId r))
    emit (CancelOrderAction cancelledId (rTxid r) (Text.pack "recovery_cap_evict_priority"))
  let atMarket = if stMarketPrice s > 0 then stMarketPrice s else rPrice r
      price
        | atMarket <= 0 = if rEntryPrice r > 0 then rEntryPrice r else 0.0
        | otherwise = atMarket
      fee = pyMax 0.0 (price * rVolume r * (cfgMakerFeePct cfg / 100.0))
  net <- bookCycle (closedRecovery r) price fee (stNow s)
  countLoss (rTrade r) net
