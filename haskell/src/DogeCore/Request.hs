{-# LANGUAGE OverloadedStrings #-}

-- |
-- The JSON methods: one request in, one response out (protocol.md, part 1, and @capabilities@).
module DogeCore.Request
  ( Asked (..)
  , understand
  , respond
  , errorResponse
  , coreVersion
  ) where

import qualified Data.Map.Strict as Map
import Data.Text (Text)
import qualified Data.Text as Text
import Data.Version (showVersion)
import System.Info (compilerName, fullCompilerVersion)

import DogeCore.Document
import DogeCore.Fields (actionDocument, stateDocument)
import DogeCore.Helpers (helperNames)
import DogeCore.Inputs
import DogeCore.Invariants (checkInvariants)
import DogeCore.Replay (encodingVersion)
import DogeCore.Step (Call (..), Refusal (..), readEvent, refusalTexts, runCall)
import DogeCore.Types

-- | What a line asks for.
data Asked
  = -- | A method that the line itself says everything about.
    Plain !Method !Object
  | -- | @replay@: what to call the answer, and how many bytes follow the line.
    Frame !Document !Int
  deriving (Eq, Show)

-- | The methods that are answered with JSON alone.
data Method = MethodTransition | MethodCheckInvariants | MethodApplyRegime | MethodCapabilities
  deriving (Eq, Show, Enum, Bounded)

methodName :: Method -> Text
methodName method = case method of
  MethodTransition -> "transition"
  MethodCheckInvariants -> "check_invariants"
  MethodApplyRegime -> "apply_order_regime_at_entry"
  MethodCapabilities -> "capabilities"

-- | The version of this core.
coreVersion :: Text
coreVersion = "0.1.0"

-- | Which method a request is for, or why that cannot be said.
understand :: Document -> Either Text Asked
understand (DMap pairs) = case Map.lookup "method" object of
  Just (DText "replay") -> case Map.lookup "bytes" object of
    Just (DInt n) | n >= 0 -> Right (Frame frameId n)
    _ -> Left "unreadable: bytes"
  Just (DText name) -> case filter ((== name) . methodName) [minBound .. maxBound] of
    [method] -> Right (Plain method object)
    _ -> Left ("unknown method: " <> name)
  _ -> Left "unreadable: method"
  where
    object = toObject pairs
    frameId = case Map.lookup "id" object of
      Just i@(DInt _) -> i
      Just i@(DBig _) -> i
      _ -> DNull
understand _ = Left "the request is not a JSON object"

-- | The response to a method; the text of an error names the path of what cannot be read.
respond :: Text -> Method -> Object -> Either Text Document
respond revision method object = case method of
  MethodCapabilities -> Right (capabilities revision)
  MethodTransition -> do
    state <- key "state" object
    event <- key "event" object
    config <- key "config" object
    size <- key "order_size_usd" object
    let sizes = Map.findWithDefault DNull "order_sizes" object
    (s, actions) <- run (Transition (readEvent event)) (startInputs state config size sizes)
    Right (DMap [("state", stateDocument s), ("actions", DArray (map actionDocument actions))])
  MethodCheckInvariants -> do
    state <- key "state" object
    (s, _) <- run Check (stateOnly state)
    Right (DMap [("violations", DArray (map DText (checkInvariants s)))])
  MethodApplyRegime -> do
    params <- key "params" object >>= asObject
    state <- key "state" params
    localId <- key "local_id" params
    let call =
          SetRegime
            (either (const (Left (Unreadable "local_id"))) Right (readInt localId))
            (readRegime =<< Map.lookup "regime_at_entry" params)
    (s, _) <- run call (stateOnly state)
    Right (DMap [("state", stateDocument s)])
  where
    key name o = maybe (Left ("missing: " <> name)) Right (Map.lookup name o)
    stateOnly state = startInputs state DNull DNull DNull
    asObject d = either (const (Left "unreadable: params")) Right (readObject d)

run :: Call -> Inputs -> Either Text (PairState, [Action])
run call inputs = either (Left . refusalMessage) Right (runCall inputs noFaults call)

-- | For part 1 a refusal is one text: its kind, and the path or what went wrong.
refusalMessage :: Refusal -> Text
refusalMessage refusal = case refusal of
  Arithmetical why -> kind <> ": " <> arithmeticText why
  Unreadable _ -> kind <> ": " <> path
  UnknownEvent -> kind <> ": " <> path
  where
    (kind, path) = refusalTexts refusal

capabilities :: Text -> Document
capabilities revision =
  DMap
    [ ("name", DText "doge-core-exe")
    , ("version", DText coreVersion)
    , ("revision", DText revision)
    , ("compiler", DText (Text.pack (compilerName ++ "-" ++ showVersion fullCompilerVersion)))
    , ("methods", DArray (map DText (map methodName part1 ++ ["capabilities", "replay"] ++ helperNames)))
    , ("replay_encodings", DArray [DInt encodingVersion])
    ]
  where
    part1 = [MethodTransition, MethodCheckInvariants, MethodApplyRegime]

-- | @{"error": "text"}@
errorResponse :: Text -> Document
errorResponse message = DMap [("error", DText message)]
