-- |
-- Examples for the tests: states, orders and settings to start from, and generators of them.
module DogeCore.Example
  ( entry
  , exit
  , recovery
  , bothEntries
  , settings
  , settingsWith
  , run
  , actionsOf
  , nextOf
  , genState
  , genEvent
  , genConfig
  , genNumber
  , genDocument
  , vectorsFile
  ) where

import Data.Maybe (fromMaybe)
import qualified Data.Text as Text
import System.Environment (lookupEnv)
import Test.QuickCheck

import DogeCore.Document (Document (..))
import qualified DogeCore.History as History
import DogeCore.Reduce (Settings (..))
import DogeCore.Reducer (transition)
import DogeCore.Types

entry :: Int -> Trade -> Double -> OrderState
entry i trade price =
  OrderState
    { oLocalId = i
    , oSide = case trade of TradeA -> Sell; TradeB -> Buy
    , oRole = Entry
    , oPrice = price
    , oVolume = 25
    , oTrade = trade
    , oCycle = 1
    , oTxid = Text.pack ("T" ++ show i)
    , oPlacedAt = 1000
    , oEntryPrice = 0
    , oEntryFee = 0
    , oEntryFilledAt = 0
    , oRegime = Nothing
    }

-- | An exit at a price, of an entry filled at another.
exit :: Int -> Trade -> Double -> Double -> OrderState
exit i trade price entryPrice =
  (entry i trade price)
    { oSide = case trade of TradeA -> Buy; TradeB -> Sell
    , oRole = Exit
    , oEntryPrice = entryPrice
    , oEntryFee = 0.01
    , oEntryFilledAt = 1000
    , oRegime = Just 1
    }

recovery :: Int -> Trade -> Double -> RecoveryOrder
recovery i trade price =
  RecoveryOrder
    { rRecoveryId = i
    , rSide = case trade of TradeA -> Buy; TradeB -> Sell
    , rPrice = price
    , rVolume = 25
    , rTrade = trade
    , rCycle = 3
    , rEntryPrice = 0.2
    , rOrphanedAt = 900
    , rEntryFee = 0.01
    , rEntryFilledAt = 800
    , rTxid = Text.empty
    , rReason = Text.pack "s1_timeout"
    , rRegime = Nothing
    }

-- | Market 0.2 at time 1000, a sell entry of A and a buy entry of B.
bothEntries :: PairState
bothEntries =
  defaultState
    { stMarketPrice = 0.2
    , stNow = 1000
    , stOrders = [entry 1 TradeA 0.2004, entry 2 TradeB 0.1996]
    , stNextOrderId = 3
    }

settings :: Settings
settings = settingsWith id

settingsWith :: (Config -> Config) -> Settings
settingsWith f = Settings {config = f defaultConfig, orderSizeUsd = 5, orderSizes = noSizes}

run :: Settings -> PairState -> Event -> Either Arithmetic (PairState, [Action])
run s state event = transition s event state

nextOf :: Settings -> PairState -> Event -> PairState
nextOf s state event = either (error . show) fst (run s state event)

actionsOf :: Settings -> PairState -> Event -> [Action]
actionsOf s state event = either (error . show) snd (run s state event)

-- | Mostly prices, sometimes anything a double can be.
genNumber :: Gen Double
genNumber =
  frequency
    [ (12, (/ 1000000) . fromInteger <$> choose (1, 1000000))
    , (2, fromInteger <$> choose (-5, 3000))
    , (1, elements [0, -0.0, 1 / 0, -1 / 0, 0 / 0, 5e-324, 1e308, -1e-7])
    , (1, arbitrary)
    ]

genOrder :: Int -> Gen OrderState
genOrder i = do
  trade <- elements [TradeA, TradeB]
  price <- genNumber
  isExit <- arbitrary
  filled <- elements [0, 500, 1000]
  let o = if isExit then exit i trade price 0.2 else entry i trade price
  pure o {oEntryFilledAt = filled}

genState :: Gen PairState
genState = do
  count <- choose (0, 4)
  orders <- mapM genOrder [1 .. count]
  recoveryCount <- choose (0, 3)
  recoveries <- mapM (\i -> recovery i <$> elements [TradeA, TradeB] <*> genNumber) [1 .. recoveryCount]
  market <- genNumber
  cycles <- choose (0, 3)
  nets <- vectorOf cycles genNumber
  mark <- elements [Nothing, Just 100]
  pure
    defaultState
      { stMarketPrice = market
      , stNow = 1000
      , stOrders = orders
      , stRecoveries = recoveries
      , stHistory = History.fromRecords (map cycleRecord nets)
      , stNextOrderId = count + 1
      , stNextRecoveryId = recoveryCount + 1
      , stS2EnteredAt = mark
      }
  where
    cycleRecord net = CycleRecord TradeA 1 0.2 0.19 25 net 0 net 0 0 0 0 0 0 False Nothing

genEvent :: Gen Event
genEvent = do
  t <- oneof [fromInteger <$> choose (1000, 5000), genNumber]
  price <- genNumber
  volume <- genNumber
  i <- choose (1, 5)
  oneof
    [ pure (PriceTick price t)
    , pure (TimerTick t)
    , pure (FillEvent i (Text.pack "X") Buy price volume 0.01 t)
    , pure (RecoveryFillEvent i (Text.pack "X") Buy price volume 0.01 t)
    , pure (RecoveryCancelEvent i (Text.pack "X") t)
    ]

genConfig :: Gen Config
genConfig = do
  decimals <- choose (0, 8)
  slots <- choose (0, 3)
  backoff <- choose (0, 3)
  reentry <- elements [0, 30]
  sticky <- frequency [(9, pure False), (1, pure True)]
  pure
    defaultConfig
      { cfgPriceDecimals = decimals
      , cfgMaxRecoverySlots = slots
      , cfgLossBackoffStart = backoff
      , cfgReentryBaseCooldownSec = reentry
      , cfgStickyModeEnabled = sticky
      }

-- | A document without duplicate keys or NaN, so that it can be compared.
genDocument :: Gen Document
genDocument = sized go
  where
    go n
      | n <= 1 = leaf
      | otherwise =
          frequency
            [ (3, leaf)
            , (1, choose (0, 20) >>= \k -> DArray <$> vectorOf k (go (n `div` 4)))
            , (1, choose (0, 20) >>= \k -> DMap . zip keys <$> vectorOf k (go (n `div` 4)))
            ]
    keys = map (Text.pack . ("k\233" ++) . show) [0 :: Int ..]
    leaf =
      oneof
        [ pure DNull
        , DBool <$> arbitrary
        , DInt <$> oneof [arbitrary, choose (minBound, maxBound), elements (concat [[p, p - 1, negate p] | k <- [4 .. 62 :: Int], let p = 2 ^ k])]
        , DDouble <$> oneof [arbitrary, elements [1 / 0, -1 / 0, 1e300, 5e-324, 0.1, 123456789.25]]
        , DText . Text.pack <$> oneof [arbitrary `suchThat` all (\c -> c < '\xd800' || c > '\xdfff'), vectorOf 40 (elements "ab\"\\\n\233\8364")]
        ]

-- | A file that both languages read.
vectorsFile :: FilePath -> IO FilePath
vectorsFile name = do
  given <- lookupEnv "DOGE_VECTORS"
  pure (fromMaybe "../tests/vectors" given ++ "/" ++ name)
