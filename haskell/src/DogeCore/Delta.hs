{-# LANGUAGE OverloadedStrings #-}

-- |
-- Deltas between two states on the replay wire: which fields differ, how they are written, and
-- how an authority's delta is applied (docs/replay-method.md, "Answer body").
module DogeCore.Delta
  ( Given
  , parseDelta
  , applyDelta
  , changedFields
  , buildDelta
  ) where

import Control.Monad (foldM)
import Data.Bits (bit, popCount, testBit, (.|.))
import Data.ByteString.Builder (Builder)
import Data.Text (Text)
import qualified Data.Text as Text
import Data.Word (Word32)

import DogeCore.Codec (readCycle, setStateField)
import DogeCore.Document
import DogeCore.Fields
import qualified DogeCore.History as History
import DogeCore.MessagePack (buildArrayHeader, buildDocument, buildInt)
import DogeCore.Types

-- | An authority's delta: indices and values, records still in compact form.
newtype Given = Given [(Int, Document)]

-- | @[index, value, index, value, ...]@
parseDelta :: Document -> Either String Given
parseDelta (DArray documents) = Given <$> pairs documents
  where
    pairs [] = Right []
    pairs (DInt i : d : rest)
      | i >= 0 && i < stateFieldCount = ((i, d) :) <$> pairs rest
    pairs _ = Left "a delta with an index that is none, or without its value"
parseDelta _ = Left "the guide has what is no delta"

-- | The authority's next state from the state that the step started from. Where that cannot be
-- read here, the delta must hold every field.
applyDelta :: Given -> Either Text PairState -> Either String PairState
applyDelta (Given pairs) before = do
  s <- case before of
    Right s -> Right s
    Left _
      | map fst pairs == [0 .. stateFieldCount - 1] -> Right defaultState
      | otherwise -> Left "the guide does not hold every field, and there is no readable state"
  foldM set s pairs
  where
    set s (i, d)
      | i == historyField = (\h -> s {stHistory = h}) <$> givenHistory d (stHistory s)
      | otherwise = case expanded i d >>= \d' -> orFault i (setStateField i d' s) of
          Left message -> Left message
          Right s' -> Right s'
    expanded 2 d = expandRecords orderFieldNames d
    expanded 3 d = expandRecords recoveryFieldNames d
    expanded _ d = Right d

orFault :: Int -> Either Path a -> Either String a
orFault _ (Right x) = Right x
orFault i (Left path) =
  Left ("the guide has a value that cannot be read: field " ++ show i ++ " " ++ Text.unpack (pathText path))

-- | @[keep, records]@ on the history as it was before the call.
givenHistory :: Document -> History.History CycleRecord -> Either String (History.History CycleRecord)
givenHistory (DArray [DInt keep, new]) before = case History.keepFirst keep before of
  Nothing -> Left "the guide keeps more of the history than there is"
  Just kept -> do
    d <- expandRecords cycleFieldNames new
    rs <- orFault historyField (readRecords readCycle d)
    Right (foldl (flip History.append) kept rs)
givenHistory _ _ = Left "next with a history that is not [keep, records]"

-- | Compact records as objects.
expandRecords :: [Text] -> Document -> Either String Document
expandRecords names (DArray documents) = DArray <$> mapM expand documents
  where
    count = length names
    expand (DArray fields) | length fields == count = Right (DMap (zip names fields))
    expand _ = Left "next with a record that has the wrong number of fields"
expandRecords _ _ = Left "next with records that are no array"

-- | A bit for each field to be shown: those due, and those that differ. IEEE equality, so that
-- a NaN differs from itself and zeros do not differ by their sign. Of the history the lengths are
-- enough: a transition can only append to it.
changedFields :: Word32 -> PairState -> PairState -> Word32
changedFields due s s' =
  due
    .|. on 0 (stMarketPrice s /= stMarketPrice s')
    .|. on 1 (stNow s /= stNow s')
    .|. on 2 (stOrders s /= stOrders s')
    .|. on 3 (stRecoveries s /= stRecoveries s')
    .|. on 4 (History.size (stHistory s) /= History.size (stHistory s'))
    .|. trades
    .|. on 7 (stNextOrderId s /= stNextOrderId s')
    .|. on 8 (stNextRecoveryId s /= stNextRecoveryId s')
    .|. on 9 (stTotalProfit s /= stTotalProfit s')
    .|. on 10 (stTotalSettledUsd s /= stTotalSettledUsd s')
    .|. on 11 (stTotalFees s /= stTotalFees s')
    .|. on 12 (stTodayRealizedLoss s /= stTodayRealizedLoss s')
    .|. on 13 (stTotalRoundTrips s /= stTotalRoundTrips s')
    .|. on 14 (stS2EnteredAt s /= stS2EnteredAt s')
    .|. on 15 (stLastPriceUpdateAt s /= stLastPriceUpdateAt s')
    .|. on 20 (stLongOnly s /= stLongOnly s')
    .|. on 21 (stShortOnly s /= stShortOnly s')
    .|. on 22 (stModeSource s /= stModeSource s')
    .|. on 29 (stProfitPctRuntime s /= stProfitPctRuntime s')
  where
    on :: Int -> Bool -> Word32
    on i isDifferent = if isDifferent then bit i else 0
    trades = ofTrade (stA s) (stA s') 5 16 18 23 25 27 .|. ofTrade (stB s) (stB s') 6 17 19 24 26 28
    ofTrade t t' i1 i2 i3 i4 i5 i6 =
      on i1 (tsCycle t /= tsCycle t')
        .|. on i2 (tsLosses t /= tsLosses t')
        .|. on i3 (tsCooldownUntil t /= tsCooldownUntil t')
        .|. on i4 (tsRefreshes t /= tsRefreshes t')
        .|. on i5 (tsRefreshDirection t /= tsRefreshDirection t')
        .|. on i6 (tsRefreshCooldownUntil t /= tsRefreshCooldownUntil t')

-- | The delta with the fields given: what was due, what is shown, the state before and after.
buildDelta :: Word32 -> Word32 -> PairState -> PairState -> Builder
buildDelta due shown s s' = buildArrayHeader (2 * popCount shown) <> go 0
  where
    go i
      | i == stateFieldCount = mempty
      | testBit shown i = buildInt i <> value i <> go (i + 1)
      | otherwise = go (i + 1)
    value i
      | i == historyField =
          let keep = if testBit due historyField then 0 else History.size (stHistory s)
           in buildArrayHeader 2
                <> buildInt keep
                <> buildDocument (DArray (map (positional . cycleFields) (History.recordsFrom keep (stHistory s'))))
      | otherwise = buildDocument (stateField positional s' i)
