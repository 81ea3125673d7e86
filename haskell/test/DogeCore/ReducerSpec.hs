-- |
-- Each rule of reducer.md by example, and properties that must hold for any stream.
module DogeCore.ReducerSpec (spec) where

import Data.Maybe (isNothing)
import qualified Data.Text as Text
import Test.Hspec (Spec, describe, it, shouldBe)
import Test.Hspec.QuickCheck (prop)
import Test.QuickCheck ((===), (.&&.), choose, forAll, vectorOf)

import DogeCore.Blocks
import DogeCore.Example
import qualified DogeCore.History as History
import DogeCore.Reduce (Settings (..))
import DogeCore.Reducer
import DogeCore.Types

spec :: Spec
spec = do
  describe "building blocks" blocks
  describe "PriceTick" priceTicks
  describe "TimerTick" timerTicks
  describe "FillEvent" fills
  describe "recoveries" recoveries
  describe "orphaning" orphans
  describe "any stream" properties

blocks :: Spec
blocks = do
  it "takes a trade's own entry distance only when it is set and > 0" $ do
    entryDistance defaultConfig {cfgEntryPctA = Just 0.7} TradeA `shouldBe` 0.7
    entryDistance defaultConfig {cfgEntryPctA = Just 0} TradeA `shouldBe` 0.2
    entryDistance defaultConfig {cfgEntryPctA = Just 0.7} TradeB `shouldBe` 0.2

  it "backs off from loss_backoff_start on, up to the maximum" $
    map (backoffMultiplier defaultConfig) [0, 2, 3, 4, 100] `shouldBe` [1, 1, 1.5, 2, 5]

  it "gives no volume to prices, sizes and costs that are too small" $ do
    orderVolume defaultConfig 0 5 `shouldBe` Right Nothing
    orderVolume defaultConfig 0.2 0 `shouldBe` Right Nothing
    orderVolume defaultConfig 0.2 2 `shouldBe` Right Nothing
    orderVolume defaultConfig {cfgMinCostUsd = 6} 0.2 5 `shouldBe` Right Nothing
    orderVolume defaultConfig {cfgMinCostUsd = 5, cfgMinVolume = 1} 3.4 5 `shouldBe` Right Nothing

  it "rounds volumes to an integer, half to even, or to decimals" $ do
    orderVolume defaultConfig 0.25 6.375 `shouldBe` Right (Just 26)
    orderVolume defaultConfig 0.25 6.625 `shouldBe` Right (Just 26)
    orderVolume defaultConfig {cfgVolumeDecimals = 2} 0.3 5 `shouldBe` Right (Just 16.67)

  it "refuses an integer volume that is not finite, not one with decimals" $ do
    orderVolume defaultConfig 5e-324 5 `shouldBe` Left NotAnInteger
    orderVolume defaultConfig {cfgVolumeDecimals = 1} 5e-324 5 `shouldBe` Right (Just (1 / 0))

priceTicks :: Spec
priceTicks = do
  it "moves the market and nothing else while entries are near" $
    run settings bothEntries (PriceTick 0.2001 1001)
      `shouldBe` Right (bothEntries {stMarketPrice = 0.2001, stNow = 1001, stLastPriceUpdateAt = Just 1001}, [])

  it "replaces the first entry that drifted, at the end of the orders" $ do
    let (s, actions) = either (error . show) id (run settings bothEntries (PriceTick 0.21 1001))
    actions
      `shouldBe` [ CancelOrderAction 1 (Text.pack "T1") (Text.pack "stale_entry")
                 , PlaceOrderAction 3 Sell Entry 0.21042 24 TradeA 1 True (Text.pack "refresh_entry")
                 ]
    map oLocalId (stOrders s) `shouldBe` [2, 3]
    tsRefreshes (stA s) `shouldBe` 1
    tsRefreshDirection (stA s) `shouldBe` Just (Text.pack "up")
    stB s `shouldBe` stB bothEntries

  it "counts refreshes in one direction, and begins again in the other" $ do
    let upBefore n = bothEntries {stA = (stA bothEntries) {tsRefreshes = n, tsRefreshDirection = Just (Text.pack "up")}}
    tsRefreshes (stA (nextOf settings (upBefore 1) (PriceTick 0.21 1001))) `shouldBe` 2
    tsRefreshes (stA (nextOf settings (upBefore 1) (PriceTick 0.19 1001))) `shouldBe` 1

  it "cools down instead of refreshing once there were enough" $ do
    let before = bothEntries {stA = (stA bothEntries) {tsRefreshes = 2, tsRefreshDirection = Just (Text.pack "up")}}
        (s, actions) = either (error . show) id (run settings before (PriceTick 0.21 1001))
    actions `shouldBe` []
    stOrders s `shouldBe` stOrders before
    tsRefreshes (stA s) `shouldBe` 3
    tsRefreshCooldownUntil (stA s) `shouldBe` 1301

  it "passes to the next entry while the first one's trade cools down" $ do
    let before = bothEntries {stA = (stA bothEntries) {tsRefreshCooldownUntil = 2000}}
    map oLocalId (stOrders (nextOf settings before (PriceTick 0.21 1001))) `shouldBe` [1, 3]

  it "forgets count and cooldown when the cooldown is over" $ do
    let own = (stA bothEntries) {tsRefreshes = 3, tsRefreshDirection = Just (Text.pack "up"), tsRefreshCooldownUntil = 1000}
        s = nextOf settings bothEntries {stA = own} (PriceTick 0.21 1001)
    tsRefreshes (stA s) `shouldBe` 1
    tsRefreshCooldownUntil (stA s) `shouldBe` 0

  it "removes an entry even when there is no volume for a new one" $ do
    let s = nextOf settings {orderSizes = Sizes (Just 1) Nothing} bothEntries (PriceTick 0.21 1001)
    map oLocalId (stOrders s) `shouldBe` [2]
    stNextOrderId s `shouldBe` 3

  it "never refreshes exits, nor at a market that is no price" $ do
    let s1 = bothEntries {stOrders = [exit 1 TradeA 0.1 0.2]}
    actionsOf settings s1 (PriceTick 0.3 1001) `shouldBe` []
    actionsOf settings bothEntries (PriceTick 0 1001) `shouldBe` []

timerTicks :: Spec
timerTicks = do
  it "orphans an old exit that the market has moved away from" $ do
    actionsOf settings s1a (TimerTick 2350)
      `shouldBe` [ OrphanOrderAction 3 1 (Text.pack "s1_timeout")
                 , PlaceOrderAction 5 Sell Entry 0.2004 25 TradeA 2 True (Text.pack "orphan_A")
                 ]
    actionsOf settings s1a (TimerTick 2349.9) `shouldBe` []
    actionsOf settings s1a {stMarketPrice = 0.19} (TimerTick 2350) `shouldBe` []

  it "takes the age of an exit from its placing when it has no fill time, and 0 without either" $ do
    let exits f = s1a {stOrders = [f (exit 3 TradeA 0.19 0.2), entry 2 TradeB 0.19]}
    actionsOf settings (exits (\o -> o {oEntryFilledAt = 0, oPlacedAt = 2000})) (TimerTick 3349) `shouldBe` []
    length (actionsOf settings (exits (\o -> o {oEntryFilledAt = 0, oPlacedAt = 2000})) (TimerTick 3350)) `shouldBe` 2
    actionsOf settings (exits (\o -> o {oEntryFilledAt = 0, oPlacedAt = 0})) (TimerTick 1e9) `shouldBe` []

  it "never orphans with infinite patience" $
    actionsOf (settingsWith (\c -> c {cfgS1OrphanAfterSec = 1 / 0})) s1a (TimerTick 1e9) `shouldBe` []

  it "marks when S2 began, then orphans the further exit, the sell exit on a tie" $ do
    stS2EnteredAt (nextOf settings s2 (TimerTick 1001)) `shouldBe` Just 1001
    let marked = s2 {stS2EnteredAt = Just 1000}
    take 1 (actionsOf settings marked (TimerTick 2800)) `shouldBe` [OrphanOrderAction 3 1 (Text.pack "s2_timeout")]
    stS2EnteredAt (nextOf settings marked (TimerTick 2800)) `shouldBe` Nothing
    let tied = marked {stMarketPrice = 1, stOrders = [exit 3 TradeA 0.5 1, exit 4 TradeB 1.5 1]}
    take 1 (actionsOf settings tied (TimerTick 2800)) `shouldBe` [OrphanOrderAction 4 1 (Text.pack "s2_timeout")]
    actionsOf settings marked (TimerTick 2799) `shouldBe` []
    actionsOf settings marked {stMarketPrice = 0} (TimerTick 2800) `shouldBe` []

  it "only clears the mark in sticky mode" $
    run (settingsWith (\c -> c {cfgStickyModeEnabled = True})) s2 {stS2EnteredAt = Just 1} (TimerTick 9999)
      `shouldBe` Right (s2 {stNow = 9999}, [])

  it "clears a mark outside S2" $
    stS2EnteredAt (nextOf settings bothEntries {stS2EnteredAt = Just 1} (TimerTick 1001)) `shouldBe` Nothing
  where
    s1a = bothEntries {stOrders = [exit 3 TradeA 0.19 0.2, entry 2 TradeB 0.1996], stNextOrderId = 5}
    s2 = bothEntries {stOrders = [exit 3 TradeA 0.18 0.2, exit 4 TradeB 0.205 0.2], stNextOrderId = 5}

fills :: Spec
fills = do
  it "turns a filled entry into an exit on the other side" $ do
    let (s, actions) = either (error . show) id (run settings bothEntries (FillEvent 1 Text.empty Buy 0.2004 20 0.01 1001))
    actions `shouldBe` [PlaceOrderAction 3 Buy Exit 0.198396 20 TradeA 1 True (Text.pack "entry_fill_exit")]
    stTotalFees s `shouldBe` 0.01
    map (\o -> (oLocalId o, oEntryPrice o, oEntryFee o, oEntryFilledAt o, oPlacedAt o)) (stOrders s)
      `shouldBe` [(2, 0, 0, 0, 1000), (3, 0.2004, 0.01, 1001, 1001)]

  it "keeps an exit at least the base entry distance from the market" $ do
    let far = bothEntries {stMarketPrice = 0.3}
    map placedPrice (actionsOf settings far (FillEvent 2 Text.empty Buy 0.1996 20 0.01 1001)) `shouldBe` [Just 0.3006]

  it "takes the configured profit when the runtime one is 0" $ do
    let s = bothEntries {stProfitPctRuntime = 0}
    map placedPrice (actionsOf (settingsWith (\c -> c {cfgProfitPct = 2})) s (FillEvent 1 Text.empty Buy 0.2 20 0 1001))
      `shouldBe` [Just 0.196]

  it "books a cycle when an exit fills, and enters again" $ do
    let s1a = bothEntries {stOrders = [exit 3 TradeA 0.19 0.2, entry 2 TradeB 0.1996], stNextOrderId = 4}
        (s, actions) = either (error . show) id (run settings s1a (FillEvent 3 Text.empty Buy 0.19 25 0.02 1001))
        gross = (0.2 - 0.19) * 25 :: Double
        net = gross - (0.01 + 0.02)
    actions
      `shouldBe` [ BookCycleAction TradeA 1 net gross (0.01 + 0.02) (gross - 0.01) False
                 , PlaceOrderAction 4 Sell Entry 0.2004 25 TradeA 2 True (Text.pack "cycle_complete")
                 ]
    stTotalRoundTrips s `shouldBe` 1
    stTotalProfit s `shouldBe` net
    stTodayRealizedLoss s `shouldBe` 0
    stTotalFees s `shouldBe` 0.02
    map (\c -> (cEntryTime c, cExitTime c, cRegime c, cQuoteFee c)) (History.records (stHistory s)) `shouldBe` [(1000, 1001, Just 1, 0.01)]

  it "counts losses, cools the trade down after enough of them, and starts over with a profit" $ do
    let s losses = bothEntries {stOrders = [exit 3 TradeA 0.3 0.2], stA = (stA bothEntries) {tsLosses = losses}}
        filledAt price losses = nextOf settings (s losses) (FillEvent 3 Text.empty Buy price 25 0 1001)
    tsLosses (stA (filledAt 0.3 3)) `shouldBe` 4
    tsCooldownUntil (stA (filledAt 0.3 3)) `shouldBe` 0
    tsCooldownUntil (stA (filledAt 0.3 4)) `shouldBe` 1901
    map oLocalId (stOrders (filledAt 0.3 4)) `shouldBe` []
    tsLosses (stA (filledAt 0.1 4)) `shouldBe` 0
    stTodayRealizedLoss (filledAt 0.3 3) `shouldBe` abs ((0.2 - 0.3) * 25 - 0.01)

  it "does not enter again on the side that a mode bars" $ do
    let s = bothEntries {stOrders = [exit 3 TradeA 0.19 0.2], stLongOnly = True}
    length (actionsOf settings s (FillEvent 3 Text.empty Buy 0.19 25 0 1001)) `shouldBe` 1

  it "takes the size of the trade where there is one" $ do
    let s = bothEntries {stOrders = [exit 3 TradeB 0.21 0.2]}
        sized = settings {orderSizes = Sizes Nothing (Just 10)}
    map placedVolume (actionsOf sized s (FillEvent 3 Text.empty Buy 0.21 25 0 1001)) `shouldBe` [Nothing, Just 50]

  it "only moves the clock for an id it does not know" $
    run settings bothEntries (FillEvent 99 Text.empty Buy 1 1 1 1001) `shouldBe` Right (bothEntries {stNow = 1001}, [])

  it "removes every order of a filled id" $ do
    let twice = bothEntries {stOrders = [entry 1 TradeA 0.2004, entry 1 TradeB 0.1996]}
    map oLocalId (stOrders (nextOf settings twice (FillEvent 1 Text.empty Buy 0.2004 20 0 1001))) `shouldBe` [3]

  it "refuses a fill when an id would leave 64 bits" $
    run settings bothEntries {stNextOrderId = maxBound} (FillEvent 1 Text.empty Buy 0.2004 20 0 1001)
      `shouldBe` Left CounterOverflow

recoveries :: Spec
recoveries = do
  it "books a filled recovery without entering again" $ do
    let s = bothEntries {stRecoveries = [(recovery 4 TradeB 0.3) {rEntryFilledAt = 0}], stS2EnteredAt = Just 5}
        (s', actions) = either (error . show) id (run settings s (RecoveryFillEvent 4 Text.empty Sell 0.3 1 0.02 1001))
    map isBooked actions `shouldBe` [True]
    stRecoveries s' `shouldBe` []
    stOrders s' `shouldBe` stOrders s
    stS2EnteredAt s' `shouldBe` Nothing
    map (\c -> (cFromRecovery c, cEntryTime c, cQuoteFee c)) (History.records (stHistory s')) `shouldBe` [(True, 900, 0.02)]

  it "does not even clear the mark for an unknown recovery that filled, but does for a cancelled one" $ do
    let s = bothEntries {stS2EnteredAt = Just 5}
    stS2EnteredAt (nextOf settings s (RecoveryFillEvent 4 Text.empty Sell 0.3 1 0.02 1001)) `shouldBe` Just 5
    stS2EnteredAt (nextOf settings s (RecoveryCancelEvent 4 Text.empty 1001)) `shouldBe` Nothing

  it "forgets a cancelled recovery" $
    stRecoveries (nextOf settings bothEntries {stRecoveries = [recovery 4 TradeB 0.3, recovery 5 TradeA 0.1]} (RecoveryCancelEvent 4 Text.empty 1001))
      `shouldBe` [recovery 5 TradeA 0.1]

orphans :: Spec
orphans = do
  it "makes a recovery of the exit, with all it carried" $ do
    let s = nextOf settings (s1a []) (TimerTick 2350)
    stRecoveries s
      `shouldBe` [ (recovery 1 TradeA 0.19)
                     { rCycle = 1
                     , rOrphanedAt = 2350
                     , rEntryFilledAt = 1000
                     , rTxid = Text.pack "T3"
                     , rRegime = Just 1
                     }
                 ]
    tsCycle (stA s) `shouldBe` 2
    stNextRecoveryId s `shouldBe` 2

  it "evicts the furthest, then the oldest, then the lowest id, and books in stored order" $ do
    let evictedOf rs = map rRecoveryId (stRecoveries (nextOf settings (s1a rs) (TimerTick 2350)))
    evictedOf [recovery 11 TradeA 0.19, recovery 12 TradeA 0.1] `shouldBe` [11, 1]
    evictedOf [recovery 11 TradeA 0.1, (recovery 12 TradeA 0.1) {rOrphanedAt = 1}] `shouldBe` [11, 1]
    evictedOf [recovery 12 TradeA 0.1, recovery 11 TradeA 0.1] `shouldBe` [12, 1]
    evictedOf [recovery 11 TradeA 0.19, recovery 12 TradeA 0.15, recovery 13 TradeA 0.1] `shouldBe` [11, 1]

  it "cancels an evicted recovery on the exchange only when it is there" $ do
    let rs = [(recovery 11 TradeB 0.1) {rTxid = Text.pack "R"}, recovery 12 TradeB 0.1, recovery 13 TradeB 0.19]
        actions = actionsOf settings (s1a rs) (TimerTick 2350)
    take 1 actions `shouldBe` [CancelOrderAction (-11) (Text.pack "R") (Text.pack "recovery_cap_evict_priority")]
    map isBooked (take 4 actions) `shouldBe` [False, True, True, False]

  it "closes an evicted recovery at the market with the maker fee" $ do
    let s = nextOf settings (s1a [recovery 11 TradeB 0.1, recovery 12 TradeB 0.19]) (TimerTick 2350)
    map (\c -> (cExitPrice c, cExitFee c, cExitTime c, cFromRecovery c)) (History.records (stHistory s))
      `shouldBe` [(0.2, 0.2 * 25 * (0.25 / 100.0), 2350, True)]

  it "keeps at least one recovery, whatever the cap" $
    map rRecoveryId (stRecoveries (nextOf (settingsWith (\c -> c {cfgMaxRecoverySlots = -3})) (s1a [recovery 11 TradeA 0.1]) (TimerTick 2350)))
      `shouldBe` [1]

  it "holds the follow-up entry back during a base cooldown" $ do
    let s = nextOf (settingsWith (\c -> c {cfgReentryBaseCooldownSec = 60})) (s1a []) (TimerTick 2350)
    tsCooldownUntil (stA s) `shouldBe` 2410
    map oLocalId (stOrders s) `shouldBe` [2]
  where
    s1a rs = bothEntries {stOrders = [exit 3 TradeA 0.19 0.2, entry 2 TradeB 0.1996], stNextOrderId = 5, stRecoveries = rs}

properties :: Spec
properties = do
  prop "gives new orders ids of their own, ever higher" $
    forAll stream $ \(cfg, s, events) ->
      let placed = [i | (_, actions) <- history cfg s events, PlaceOrderAction i _ _ _ _ _ _ _ _ <- actions]
       in placed === [stNextOrderId s .. stNextOrderId s + length placed - 1]

  prop "never forgets a cycle, and books each one once" $
    forAll stream $ \(cfg, s, events) ->
      let states = s : map fst (history cfg s events)
          isGrowing a b = take (History.size (stHistory a)) (map show (History.records (stHistory b))) == map show (History.records (stHistory a))
          booked = length [() | (_, actions) <- history cfg s events, BookCycleAction {} <- actions]
       in and (zipWith isGrowing states (drop 1 states))
            .&&. History.size (stHistory (last states)) === History.size (stHistory s) + booked

  prop "keeps no more recoveries than there are slots, once one was added" $
    forAll stream $ \(cfg, s, events) ->
      let steps = zip (s : map fst (history cfg s events)) (map fst (history cfg s events))
          hasAdded (a, b) = stNextRecoveryId b > stNextRecoveryId a
       in and [length (stRecoveries b) <= max 1 (cfgMaxRecoverySlots cfg) | (a, b) <- steps, hasAdded (a, b)]

  prop "has a mark only in S2 after a timer tick" $
    forAll stream $ \(cfg, s, _) ->
      forAll genNumber $ \t -> case run (Settings cfg 5 noSizes) s (TimerTick t) of
        Right (s', _) -> derivePhase (stOrders s') == S2 || isNothing (stS2EnteredAt s')
        Left _ -> True

  prop "sets a regime on the orders of that id and no others" $
    forAll genState $ \s -> forAll (choose (1, 5)) $ \i ->
      let s' = applyRegime i (Just 2) s
       in map (\o -> if oLocalId o == i then Just 2 else oRegime o) (stOrders s) === map oRegime (stOrders s')
  where
    stream = (,,) <$> genConfig <*> genState <*> (choose (0, 12) >>= \n -> vectorOf n genEvent)

-- | What a stream comes to, refused events left out.
history :: Config -> PairState -> [Event] -> [(PairState, [Action])]
history _ _ [] = []
history cfg s (e : es) = case run (Settings cfg 5 noSizes) s e of
  Right (s', actions) -> (s', actions) : history cfg s' es
  Left _ -> history cfg s es

isBooked :: Action -> Bool
isBooked (BookCycleAction {}) = True
isBooked _ = False

placedPrice, placedVolume :: Action -> Maybe Double
placedPrice (PlaceOrderAction _ _ _ price _ _ _ _ _) = Just price
placedPrice _ = Nothing
placedVolume (PlaceOrderAction _ _ _ _ volume _ _ _ _) = Just volume
placedVolume _ = Nothing
