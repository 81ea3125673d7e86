-- |
-- The building blocks of reducer.md: phase, volumes, entries, exit prices, booked cycles, losses.
--
-- The order of floating-point operations is part of the contract: write them as the page does.
module DogeCore.Blocks
  ( derivePhase
  , entryDistance
  , backoffMultiplier
  , orderVolume
  , effectiveSize
  , newEntry
  , exitPrice
  , Closed (..)
  , closedOrder
  , closedRecovery
  , bookCycle
  , countLoss
  , reentryCooldown
  , followUpEntry
  , clearS2Mark
  , isExit
  , nextOrderId
  , nextRecoveryId
  , setOrders
  , setRecoveries
  , appendOrder
  ) where

import Control.Monad (when)
import Data.Text (Text)
import qualified Data.Text as Text

import qualified DogeCore.History as History
import DogeCore.Numbers
import DogeCore.Reduce
import DogeCore.Types

-- | "Phase".
derivePhase :: [OrderState] -> Phase
derivePhase orders = case (any (isExit Buy) orders, any (isExit Sell) orders) of
  (True, True) -> S2
  (True, False) -> S1a
  (False, True) -> S1b
  (False, False) -> S0

isExit :: Side -> OrderState -> Bool
isExit side o = oRole o == Exit && oSide o == side

-- | "Entry distance" of a trade.
entryDistance :: Config -> Trade -> Double
entryDistance cfg trade = case own of
  Just pct | pct > 0 -> pct
  _ -> cfgEntryPct cfg
  where
    own = case trade of
      TradeA -> cfgEntryPctA cfg
      TradeB -> cfgEntryPctB cfg

-- | "Backoff multiplier" for n consecutive losses.
backoffMultiplier :: Config -> Int -> Double
backoffMultiplier cfg n
  | n < cfgLossBackoffStart cfg = 1.0
  | otherwise =
      pyMin
        (cfgBackoffMaxMultiplier cfg)
        (1.0 + cfgBackoffFactor cfg * differencePlusOne n (cfgLossBackoffStart cfg))

-- | "Order volume" at a price for a size in USD.
orderVolume :: Config -> Double -> Double -> Either Arithmetic (Maybe Double)
orderVolume cfg price size
  | price <= 0 || size <= 0 || (minCost > 0 && size < minCost) = Right Nothing
  | otherwise = do
      volume <- if cfgVolumeDecimals cfg <= 0 then roundToInteger raw else rnd raw (cfgVolumeDecimals cfg)
      pure $
        if volume < cfgMinVolume cfg || (minCost > 0 && volume * price < minCost)
          then Nothing
          else Just volume
  where
    minCost = cfgMinCostUsd cfg
    raw = size / price

-- | "Effective size" for a trade.
effectiveSize :: Trade -> Reduce Double
effectiveSize trade = do
  sizes <- setting orderSizes
  fallback <- setting orderSizeUsd
  pure $ case (trade, sizes) of
    (TradeA, Sizes (Just size) _) -> size
    (TradeB, Sizes _ (Just size)) -> size
    _ -> fallback

-- | "New entry": appended to the orders, with its action, if there is a volume for it. A side and a trade
-- are both given, as a refreshed entry keeps both, whatever they are.
newEntry :: Side -> Trade -> Int -> Double -> Text -> Reduce ()
newEntry side trade cyc size reason = do
  cfg <- setting config
  s <- get
  let pct = entryDistance cfg trade
      m = backoffMultiplier cfg (tsLosses (tradeState trade s))
      market = stMarketPrice s
      near = case side of
        Buy -> market * (1 - (pct * m) / 100.0)
        Sell -> market * (1 + (pct * m) / 100.0)
      plain = case side of
        Buy -> market * (1 - pct / 100.0)
        Sell -> market * (1 + pct / 100.0)
  rounded <- arithmetic (rnd near (cfgPriceDecimals cfg))
  price <- if rounded <= 0 then arithmetic (rnd plain (cfgPriceDecimals cfg)) else pure rounded
  volume <- arithmetic (orderVolume cfg price size)
  case volume of
    Nothing -> pure ()
    Just v -> do
      localId <- nextOrderId
      appendOrder
        OrderState
          { oLocalId = localId
          , oSide = side
          , oRole = Entry
          , oPrice = price
          , oVolume = v
          , oTrade = trade
          , oCycle = cyc
          , oTxid = Text.empty
          , oPlacedAt = stNow s
          , oEntryPrice = 0.0
          , oEntryFee = 0.0
          , oEntryFilledAt = 0.0
          , oRegime = Nothing
          }
      emit (PlaceOrderAction localId side Entry price v trade cyc True reason)

-- | "Exit price" on a side, of an entry filled at a price.
exitPrice :: Side -> Double -> Reduce Double
exitPrice side f = do
  cfg <- setting config
  s <- get
  let runtime = stProfitPctRuntime s
      profit = if runtime == 0 then cfgProfitPct cfg else runtime
      p = profit / 100.0
      e = cfgEntryPct cfg / 100.0
      market = stMarketPrice s
      price = case side of
        Sell -> pyMax (f * (1 + p)) (market * (1 + e))
        Buy -> pyMin (f * (1 - p)) (market * (1 - e))
  arithmetic (rnd price (cfgPriceDecimals cfg))

-- | What booking a cycle needs to know of the order that closed it.
data Closed = Closed
  { clTrade :: !Trade
  , clCycle :: !Int
  , clEntryPrice :: !Double
  , clVolume :: !Double
  , clEntryFee :: !Double
  , clEntryTime :: !Double
  , clFromRecovery :: !Bool
  , clRegime :: !Regime
  }

closedOrder :: OrderState -> Closed
closedOrder o =
  Closed
    { clTrade = oTrade o
    , clCycle = oCycle o
    , clEntryPrice = oEntryPrice o
    , clVolume = oVolume o
    , clEntryFee = oEntryFee o
    , clEntryTime = oEntryFilledAt o
    , clFromRecovery = False
    , clRegime = oRegime o
    }

-- | A recovery's entry_time is its entry_filled_at when > 0, else its orphaned_at.
closedRecovery :: RecoveryOrder -> Closed
closedRecovery r =
  Closed
    { clTrade = rTrade r
    , clCycle = rCycle r
    , clEntryPrice = rEntryPrice r
    , clVolume = rVolume r
    , clEntryFee = rEntryFee r
    , clEntryTime = if rEntryFilledAt r > 0 then rEntryFilledAt r else rOrphanedAt r
    , clFromRecovery = True
    , clRegime = rRegime r
    }

-- | "Book a cycle" closed at a price with a fee at a time; gives its net profit.
bookCycle :: Closed -> Double -> Double -> Double -> Reduce Double
bookCycle closed x y t = do
  s <- get
  let gross = case clTrade closed of
        TradeA -> (clEntryPrice closed - x) * clVolume closed
        TradeB -> (x - clEntryPrice closed) * clVolume closed
      fees = clEntryFee closed + y
      net = gross - fees
      quoteFee = case clTrade closed of
        TradeA -> clEntryFee closed
        TradeB -> y
      settled = gross - quoteFee
      record =
        CycleRecord
          { cTrade = clTrade closed
          , cCycle = clCycle closed
          , cEntryPrice = clEntryPrice closed
          , cExitPrice = x
          , cVolume = clVolume closed
          , cGrossProfit = gross
          , cFees = fees
          , cNetProfit = net
          , cEntryFee = clEntryFee closed
          , cExitFee = y
          , cQuoteFee = quoteFee
          , cSettledUsd = settled
          , cEntryTime = clEntryTime closed
          , cExitTime = t
          , cFromRecovery = clFromRecovery closed
          , cRegime = clRegime closed
          }
  trips <- arithmetic (plusOne (stTotalRoundTrips s))
  modify $ \st ->
    st
      { stHistory = History.append record (stHistory st)
      , stTotalProfit = stTotalProfit st + net
      , stTotalSettledUsd = stTotalSettledUsd st + settled
      , stTotalFees = stTotalFees st + y
      , stTodayRealizedLoss =
          if net < 0 then stTodayRealizedLoss st + abs net else stTodayRealizedLoss st
      , stTotalRoundTrips = trips
      }
  emit (BookCycleAction (clTrade closed) (clCycle closed) net gross fees settled (clFromRecovery closed))
  pure net

-- | "Count the loss" for a trade, by the net profit of a cycle just booked.
countLoss :: Trade -> Double -> Reduce ()
countLoss trade net = do
  cfg <- setting config
  reentryCooldown trade
  now <- gets stNow
  before <- gets (tsLosses . tradeState trade)
  losses <- if net < 0 then arithmetic (plusOne before) else pure 0
  modify $ onTrade trade $ \t -> t {tsLosses = losses}
  when (losses >= cfgLossCooldownStart cfg) $
    modify $
      onTrade trade $ \t ->
        t {tsCooldownUntil = pyMax (tsCooldownUntil t) (now + cfgLossCooldownSec cfg)}

-- | The base cooldown of a trade before it may enter again, where one is set.
reentryCooldown :: Trade -> Reduce ()
reentryCooldown trade = do
  base <- setting (cfgReentryBaseCooldownSec . config)
  when (base > 0) $ do
    now <- gets stNow
    modify $ onTrade trade $ \t -> t {tsCooldownUntil = pyMax (tsCooldownUntil t) (now + base)}

-- | "Follow-up entry" of a trade, with the effective size.
followUpEntry :: Trade -> Text -> Reduce ()
followUpEntry trade reason = do
  s <- get
  let own = tradeState trade s
      (side, isBarred) = case trade of
        TradeA -> (Sell, stLongOnly s)
        TradeB -> (Buy, stShortOnly s)
  if isBarred || stNow s < tsCooldownUntil own
    then pure ()
    else do
      size <- effectiveSize trade
      newEntry side trade (tsCycle own) size reason

-- | "Clear the S2 mark".
clearS2Mark :: Reduce ()
clearS2Mark = do
  orders <- gets stOrders
  case derivePhase orders of
    S2 -> pure ()
    _ -> modify (\s -> s {stS2EnteredAt = Nothing})

-- | Take the next local id.
nextOrderId :: Reduce Int
nextOrderId = do
  n <- gets stNextOrderId
  n' <- arithmetic (plusOne n)
  modify (\s -> s {stNextOrderId = n'})
  pure n

-- | Take the next recovery id.
nextRecoveryId :: Reduce Int
nextRecoveryId = do
  n <- gets stNextRecoveryId
  n' <- arithmetic (plusOne n)
  modify (\s -> s {stNextRecoveryId = n'})
  pure n

setOrders :: [OrderState] -> Reduce ()
setOrders orders = forced orders `seq` modify (\s -> s {stOrders = orders})

setRecoveries :: [RecoveryOrder] -> Reduce ()
setRecoveries recoveries = forced recoveries `seq` modify (\s -> s {stRecoveries = recoveries})

appendOrder :: OrderState -> Reduce ()
appendOrder o = do
  orders <- gets stOrders
  setOrders (orders ++ [o])

-- | Evaluate a list and its elements: their fields are strict.
forced :: [a] -> ()
forced = foldr seq ()
