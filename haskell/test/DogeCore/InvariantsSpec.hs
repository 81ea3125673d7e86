-- |
-- Each invariant, and their order.
module DogeCore.InvariantsSpec (spec) where

import qualified Data.Text as Text
import Test.Hspec (Spec, it, shouldBe)

import DogeCore.Example
import DogeCore.Invariants
import DogeCore.Types

spec :: Spec
spec = do
  it "finds nothing wrong with the states of each phase" $
    mapM_
      (\orders -> violations bothEntries {stOrders = orders} `shouldBe` [])
      [ [sellEntry, buyEntry]
      , [buyExit, buyEntry]
      , [sellExit, sellEntry]
      , [buyExit, sellExit]
      ]

  it "wants a buy and a sell entry in S0, whatever their trades" $ do
    violations bothEntries {stOrders = [sellEntry]} `shouldBe` ["S0 must be exactly A sell entry + B buy entry"]
    violations bothEntries {stOrders = [sellEntry {oTrade = TradeB}, buyEntry]} `shouldBe` []

  it "wants one buy entry with long_only, one sell entry with short_only, long_only first" $ do
    violations bothEntries {stLongOnly = True, stShortOnly = True} `shouldBe` ["S0 long_only must be exactly one buy entry"]
    violations bothEntries {stShortOnly = True} `shouldBe` ["S0 short_only must be exactly one sell entry"]
    violations bothEntries {stLongOnly = True, stOrders = [buyEntry]} `shouldBe` []

  it "looks at nothing but the exit in S1a short_only and S1b long_only" $ do
    violations bothEntries {stShortOnly = True, stOrders = [buyExit, sellEntry]} `shouldBe` []
    violations bothEntries {stShortOnly = True, stOrders = [buyExit, buyExit {oLocalId = 9}]}
      `shouldBe` ["S1a short_only must have one buy exit"]
    violations bothEntries {stLongOnly = True, stOrders = [sellExit]} `shouldBe` []
    violations bothEntries {stOrders = [sellExit]} `shouldBe` ["S1b must be one sell exit + one sell entry"]
    violations bothEntries {stOrders = [buyExit]} `shouldBe` ["S1a must be one buy exit + one buy entry"]

  it "wants nothing but the two exits in S2" $
    violations bothEntries {stOrders = [buyExit, sellExit, buyEntry]} `shouldBe` ["S2 must be one buy exit + one sell exit only"]

  it "names everything in the fixed order, point 4 order by order" $
    violations
      bothEntries
        { stOrders = [(exit 1 TradeA 1 0) {oVolume = 0}, (entry 1 TradeB 1) {oCycle = 0, oVolume = -1}, sellEntry]
        , stS2EnteredAt = Just 0
        , stA = (stA bothEntries) {tsCycle = 0}
        }
      `shouldBe` [ "duplicate order local_id"
                 , "S1a must be one buy exit + one buy entry"
                 , "s2_entered_at must be null outside S2"
                 , "exit must carry entry_price"
                 , "order volume must be > 0"
                 , "order cycle must be >= 1"
                 , "order volume must be > 0"
                 , "cycle counters must be >= 1"
                 ]
  where
    violations = map Text.unpack . checkInvariants
    sellEntry = entry 1 TradeA 0.2004
    buyEntry = entry 2 TradeB 0.1996
    buyExit = exit 3 TradeA 0.19 0.2
    sellExit = exit 4 TradeB 0.21 0.2
