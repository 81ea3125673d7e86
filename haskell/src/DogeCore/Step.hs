{-# LANGUAGE OverloadedStrings #-}

-- |
-- One step of a replay: what it asks, what it answers, and where the run goes on
-- (docs/replay-method.md, "Request body" and "Answer body").
module DogeCore.Step
  ( Step (..)
  , Call (..)
  , Next (..)
  , Refusal (..)
  , parseStep
  , parseNext
  , runStep
  , runCall
  , readEvent
  , refusalTexts
  ) where

import Control.Applicative ((<|>))
import Control.Monad (foldM)
import Data.ByteString.Builder (Builder)
import Data.Text (Text)
import qualified Data.Text as Text

import DogeCore.Codec
import DogeCore.Delta
import DogeCore.Document
import DogeCore.Fields (compactAction)
import DogeCore.Helpers
import DogeCore.Inputs
import DogeCore.Invariants (checkInvariants)
import DogeCore.MessagePack
import DogeCore.Reduce (Settings (..))
import DogeCore.Reducer (applyRegime, transition)
import DogeCore.Types

-- | Why a step is refused.
data Refusal
  = -- | The path of an input that cannot be read.
    Unreadable !Text
  | -- | An event document that fits no kind.
    UnknownEvent
  | -- | The reducer met a number it cannot go on with.
    Arithmetical !Arithmetic
  deriving (Eq, Show)

-- | What a step asks. Its own fields may be unreadable; that is known only after the state.
data Call
  = Transition !(Either Refusal Event)
  | SetRegime !(Either Refusal Int) !Regime
  | Check
  | Help !(Either Refusal Helper)
  deriving (Eq, Show)

-- | Where the run goes on.
data Next
  = -- | From this core's own answer.
    Own
  | -- | From the state as it was: the authority refused.
    AuthorityRefused
  | -- | From the authority's own answer.
    Authority !Given

data Step = Step !Call !Changes

-- | A step from its document; an error is an error of the whole request. A third element is the
-- client's own note.
parseStep :: Document -> Either String Step
parseStep (DArray (call : rest)) = do
  call' <- parseCall call
  case rest of
    [] -> Right (Step call' noChanges)
    [changes] -> Step call' <$> parseChanges changes
    [changes, _] -> Step call' <$> parseChanges changes
    _ -> Left "a step has at most three elements"
parseStep _ = Left "a step is an array with at least a call"

parseCall :: Document -> Either String Call
parseCall (DArray [DInt 6]) = Right Check
parseCall (DArray [DInt 5, localId, regime]) =
  Right (SetRegime (either (const (Left (Unreadable "local_id"))) Right (readInt localId)) (readRegime regime))
parseCall (DArray (DInt code : fields))
  | Just helper <- readHelper code fields = Right (Help helper)
parseCall (DArray (DInt code : fields))
  | code >= 0
  , code <= fromEnum (maxBound :: EventKind)
  , Just result <- readEventFields (toEnum code) fields =
      Right (Transition (either (Left . unreadableEvent) Right result))
parseCall (DArray _) = Left "a call with an unknown code or the wrong number of fields"
parseCall other = Right (Transition (readEvent other))

-- | A call of a helper, by its code and as many fields as it has.
readHelper :: Int -> [Document] -> Maybe (Either Refusal Helper)
readHelper code fields = case (code, fields) of
  (7, [long, short]) -> Just $ Bootstrap <$> field "allow_long_only" readBool long <*> field "allow_short_only" readBool short
  (8, [side, trade, cyc, reason]) ->
    Just $
      AddEntry
        <$> field "side" readSide side
        <*> field "trade_id" readTrade trade
        <*> field "cycle" readInt cyc
        <*> field "reason" readText reason
  (9, [localId, txid]) -> Just $ SetOrderTxid <$> field "local_id" readInt localId <*> field "txid" readText txid
  (10, [recoveryId, txid]) ->
    Just $ SetRecoveryTxid <$> field "recovery_id" readInt recoveryId <*> field "txid" readText txid
  (11, [localId]) -> Just $ RemoveOrder <$> field "local_id" readInt localId
  (12, [recoveryId]) -> Just $ RemoveRecovery <$> field "recovery_id" readInt recoveryId
  _ -> Nothing
  where
    field :: Text -> Reader a -> Document -> Either Refusal a
    field name reader d = either (const (Left (Unreadable name))) Right (reader d)

-- | An event from a document, told apart by its fields.
readEvent :: Document -> Either Refusal Event
readEvent (DMap pairs) = case eventKind (toObject pairs) of
  Nothing -> Left UnknownEvent
  Just (kind, fields) -> case readEventFields kind fields of
    Nothing -> Left UnknownEvent
    Just (Left path) -> Left (unreadableEvent path)
    Just (Right event) -> Right event
readEvent _ = Left (Unreadable "event")

unreadableEvent :: Path -> Refusal
unreadableEvent path = Unreadable ("event." <> pathText path)

parseChanges :: Document -> Either String Changes
parseChanges DNull = Right noChanges
parseChanges (DMap pairs) = foldM set noChanges pairs
  where
    set changes (key, d) = case key of
      "state" -> Right changes {chState = Just d}
      "patch" -> Right changes {chPatch = Just d}
      "config" -> Right changes {chConfig = Just d}
      "order_size_usd" -> Right changes {chSize = Just d}
      "order_sizes" -> Right changes {chSizes = Just d}
      _ -> Left "changes with an unknown key"
parseChanges _ = Left "changes are neither nil nor a map"

-- | Where an outcome of the authority's says that the run goes on.
parseNext :: Document -> Either String Next
parseNext (DArray [delta, _, _]) = Authority <$> parseDelta delta
parseNext (DArray [_, _]) = Right AuthorityRefused
parseNext _ = Left "the guide has what is no outcome"

-- | The encoded outcome of a step, and what is in force after it.
runStep :: Inputs -> Next -> Step -> Either String (Builder, Inputs)
runStep before next (Step call changes) = do
  let (inputs, faults) = applyChanges changes before
      outcome = runCall inputs faults call
      own = either (const (inState inputs)) (Right . fst) outcome
  after <- case next of
    Own -> Right own
    AuthorityRefused -> Right (inState inputs)
    Authority given -> Right <$> applyDelta given (inState inputs)
  -- A state is forced before it is kept, or each would hold on to the step it came from.
  either (const ()) (`seq` ()) after `seq` pure ()
  case (outcome, inState inputs) of
    (Right (s', actions), Right s) ->
      let fields = changedFields (inDue inputs) s s'
          judged = case (next, after) of
            (Authority _, Right s'') -> s''
            _ -> s'
       in Right
            ( buildArrayHeader 3
                <> buildDelta (inDue inputs) fields s s'
                <> buildList compactAction actions
                <> buildList DText (checkInvariants judged)
            , inputs {inState = after, inDue = 0}
            )
    (Left refusal, _) -> Right (buildRefusal refusal, inputs {inState = after})
    (Right _, Left _) -> Left "a step was answered without a state"

-- | The next state and the actions of a call, or the first of its errors in the order of the
-- page: state, patch, the call's own fields, config, order_size_usd, order_sizes.
runCall :: Inputs -> Faults -> Call -> Either Refusal (PairState, [Action])
runCall inputs faults call = do
  s <- readable (faultState faults <|> faultPatch faults) (inState inputs)
  case call of
    Check -> Right (s, [])
    SetRegime localId regime -> do
      i <- localId
      Right (applyRegime i regime s, [])
    Transition event -> do
      e <- event
      cfg <- readable (faultConfig faults) (inConfig inputs)
      size <- readable (faultSize faults) (inSize inputs)
      sizes <- readable (faultSizes faults) (inSizes inputs)
      either (Left . Arithmetical) Right (transition (Settings cfg size sizes) e s)
    Help helper -> do
      h <- helper
      settings <-
        if goesBySettings h
          then do
            cfg <- readable (faultConfig faults) (inConfig inputs)
            size <- readable (faultSize faults) (inSize inputs)
            Right (Settings cfg size noSizes)
          else Right (Settings defaultConfig 0 noSizes)
      either (Left . Arithmetical) Right (help settings h s)

readable :: Maybe Text -> Input a -> Either Refusal a
readable (Just path) _ = Left (Unreadable path)
readable Nothing (Left path) = Left (Unreadable path)
readable Nothing (Right x) = Right x

buildList :: (a -> Document) -> [a] -> Builder
buildList _ [] = buildArrayHeader 0
buildList f xs = buildDocument (DArray (map f xs))

-- | Kind and path, as the wire has them.
refusalTexts :: Refusal -> (Text, Text)
refusalTexts refusal = case refusal of
  Unreadable path -> ("unreadable", path)
  UnknownEvent -> ("unknown_event", "event")
  Arithmetical _ -> ("arithmetic", Text.empty)

buildRefusal :: Refusal -> Builder
buildRefusal refusal = buildArrayHeader 2 <> buildText kind <> buildText path
  where
    (kind, path) = refusalTexts refusal
