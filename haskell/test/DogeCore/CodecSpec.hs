-- |
-- "Reading a state": defaults, fallbacks, normalisation, and refusals with their paths.
module DogeCore.CodecSpec (spec) where

import Control.Monad (void)
import qualified Data.ByteString.Char8 as Char8
import Data.Text (Text)
import qualified Data.Text as Text
import Test.Hspec (Spec, it, shouldBe)
import Test.Hspec.QuickCheck (prop)
import Test.QuickCheck ((===), forAll)

import DogeCore.Codec
import DogeCore.Document
import DogeCore.Example
import DogeCore.Fields
import qualified DogeCore.History as History
import DogeCore.Json
import DogeCore.Step (Refusal (..), readEvent)
import DogeCore.Types

spec :: Spec
spec = do
  prop "reads back every state it serialises" $
    forAll genState $ \s -> show (read' readState (stateDocument s)) === show (Right s :: Either Text PairState)

  it "gives an empty object the defaults" $
    state "{}" `shouldBe` Right defaultState

  it "falls back to profit_pct, and to total_profit" $ do
    fmap stProfitPctRuntime (state "{\"profit_pct\":0.7}") `shouldBe` Right 0.7
    fmap stProfitPctRuntime (state "{\"profit_pct\":0.7,\"profit_pct_runtime\":0}") `shouldBe` Right 0
    fmap stTotalSettledUsd (state "{\"total_profit\":3}") `shouldBe` Right 3
    fmap stTotalSettledUsd (state "{\"total_profit\":3,\"total_settled_usd\":1}") `shouldBe` Right 1

  it "trims and lower-cases the mode source, and takes anything else as none" $ do
    fmap stModeSource (state "{\"mode_source\":\" Balance\\u001f\"}") `shouldBe` Right ModeBalance
    fmap stModeSource (state "{\"mode_source\":\"REGIME\"}") `shouldBe` Right ModeRegime
    mapM_
      (\text -> fmap stModeSource (state ("{\"mode_source\":" ++ text ++ "}")) `shouldBe` Right ModeNone)
      ["null", "3", "[]", "\"other\"", "\"\""]

  it "normalises regimes" $
    map
      readRegime
      [ DInt 0
      , DInt 2
      , DInt 3
      , DInt (-1)
      , DDouble 0.9
      , DDouble (-0.5)
      , DDouble 2.99
      , DDouble 3
      , DDouble (0 / 0)
      , DDouble (1 / 0)
      , DBool True
      , DBool False
      , DText (Text.pack " bullish ")
      , DText (Text.pack "Ranging")
      , DText (Text.pack "BEARISH")
      , DText (Text.pack "2")
      , DText (Text.pack "1.0")
      , DNull
      , DArray []
      ]
      `shouldBe` [Just 0, Just 2, Nothing, Nothing, Just 0, Just 0, Just 2, Nothing, Nothing, Nothing]
        ++ [Just 1, Just 0, Just 2, Just 1, Just 0, Just 2, Nothing, Nothing, Nothing]

  it "drops entries of the lists that are no objects" $
    fmap (map oLocalId . stOrders) (state ("{\"orders\":[1,null," ++ anOrder ++ ",\"x\"]}")) `shouldBe` Right [7]

  it "takes a number without a fraction for an int, and an int for a double" $ do
    fmap stNextOrderId (state "{\"next_order_id\":5.0}") `shouldBe` Right 5
    fmap stMarketPrice (state "{\"market_price\":1}") `shouldBe` Right 1

  it "takes null for what is nullable" $ do
    state "{\"s2_entered_at\":null,\"last_price_update_at\":null,\"last_refresh_direction_a\":null}" `shouldBe` Right defaultState
    read' readConfig (json "{\"entry_pct_a\":null}") `shouldBe` Right defaultConfig

  it "keeps any text as a refresh direction" $
    fmap (tsRefreshDirection . stB) (state "{\"last_refresh_direction_b\":\"sideways\"}") `shouldBe` Right (Just (Text.pack "sideways"))

  it "refuses what has the wrong type, with its path" $
    mapM_
      (\(text, path) -> void (state text) `shouldBe` Left (Text.pack path))
      [ ("{\"market_price\":null}", "market_price")
      , ("{\"now\":true}", "now")
      , ("{\"long_only\":1}", "long_only")
      , ("{\"cycle_a\":1.5}", "cycle_a")
      , ("{\"cycle_a\":9223372036854775808}", "cycle_a")
      , ("{\"cycle_a\":9223372036854775808.0}", "cycle_a")
      , ("{\"cycle_a\":Infinity}", "cycle_a")
      , ("{\"total_fees\":1" ++ replicate 400 '0' ++ "}", "total_fees")
      , ("{\"profit_pct_runtime\":null}", "profit_pct_runtime")
      , ("{\"profit_pct\":\"1\"}", "profit_pct")
      , ("{\"last_refresh_direction_a\":3}", "last_refresh_direction_a")
      , ("{\"orders\":{}}", "orders")
      , ("{\"orders\":[" ++ anOrder ++ ",5,{\"local_id\":true}]}", "orders[2].local_id")
      , ("{\"orders\":[{\"local_id\":1,\"side\":\"Buy\"}]}", "orders[0].side")
      , ("{\"orders\":[{}]}", "orders[0].local_id")
      , ("{\"recovery_orders\":[{\"recovery_id\":1,\"side\":\"buy\",\"price\":1,\"volume\":1,\"trade_id\":\"C\"}]}", "recovery_orders[0].trade_id")
      , ("{\"completed_cycles\":[{\"trade_id\":\"A\",\"cycle\":1}]}", "completed_cycles[0].entry_price")
      , ("5", "")
      ]

  it "names the first of several faults in the order of serialisation" $ do
    void (state "{\"now\":[],\"market_price\":[]}") `shouldBe` Left (Text.pack "market_price")
    void (state "{\"cycle_a\":[],\"orders\":[{}]}") `shouldBe` Left (Text.pack "orders[0].local_id")

  it "tells events apart by their fields" $ do
    event "{\"timestamp\":1}" `shouldBe` Right (TimerTick 1)
    event "{\"timestamp\":1,\"price\":2,\"more\":0}" `shouldBe` Right (PriceTick 2 1)
    event "{\"timestamp\":1,\"recovery_id\":2,\"txid\":\"\"}" `shouldBe` Right (RecoveryCancelEvent 2 Text.empty 1)
    event ("{\"recovery_id\":2" ++ filled) `shouldBe` Right (RecoveryFillEvent 2 Text.empty Buy 1 2 3 4)
    event ("{\"order_local_id\":2,\"recovery_id\":3" ++ filled) `shouldBe` Right (FillEvent 2 Text.empty Buy 1 2 3 4)

  it "refuses events that fit no kind, or have a field of the wrong type" $ do
    event "{\"price\":1}" `shouldBe` Left UnknownEvent
    event "{\"timestamp\":null}" `shouldBe` Left (Unreadable (Text.pack "event.timestamp"))
    event ("{\"order_local_id\":1.5" ++ filled) `shouldBe` Left (Unreadable (Text.pack "event.order_local_id"))
    event "[]" `shouldBe` Left (Unreadable (Text.pack "event"))

  it "reads only A and B of the order sizes" $ do
    read' readSizes (json "{\"A\":2,\"C\":\"x\"}") `shouldBe` Right (Sizes (Just 2) Nothing)
    read' readSizes (json "{\"B\":null}") `shouldBe` Left (Text.pack "B")
    read' readSizes DNull `shouldBe` Right noSizes

  it "patches the fields that a map names and no others" $ do
    let pairs = [(Text.pack "cycle_b", DInt 9), (Text.pack "profit_pct", DText Text.empty), (Text.pack "now", DInt 1)]
    either (Left . pathText) Right (readPatch pairs bothEntries)
      `shouldBe` Right (bothEntries {stNow = 1, stB = (stB bothEntries) {tsCycle = 9}}, [1, 6])

  it "serialises states and orders in the order of the contract" $ do
    map fst (orderFields (entry 1 TradeA 1)) `shouldBe` orderFieldNames
    length stateFieldNames `shouldBe` stateFieldCount
    stateFieldNames !! historyField `shouldBe` Text.pack "completed_cycles"
    History.size (stHistory defaultState) `shouldBe` 0
  where
    state = read' readState . json
    event = readEvent . json
    filled = ",\"txid\":\"\",\"side\":\"buy\",\"price\":1,\"volume\":2,\"fee\":3,\"timestamp\":4}"
    anOrder = "{\"local_id\":7,\"side\":\"buy\",\"role\":\"exit\",\"price\":1,\"volume\":1,\"trade_id\":\"A\",\"cycle\":1}"

json :: String -> Document
json = either error id . parseJson . Char8.pack

read' :: Reader a -> Document -> Either Text a
read' reader = either (Left . pathText) Right . reader
