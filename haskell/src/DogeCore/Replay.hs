{-# LANGUAGE OverloadedStrings #-}

-- |
-- The @replay@ method (docs/replay-method.md): a request body with a whole stream, answered by
-- one body with an outcome for each step.
--
-- A request is taken apart step by step straight from its bytes, and each outcome is encoded at
-- once: nothing grows with the length of a stream but the answer. An error of the request leaves
-- all sessions as they were.
module DogeCore.Replay
  ( Sessions
  , noSessions
  , replay
  , maxBody
  , encodingVersion
  ) where

import Control.Monad (when)
import Data.ByteString (ByteString)
import qualified Data.ByteString as Bytes
import Data.ByteString.Builder (Builder, toLazyByteString)
import qualified Data.ByteString.Lazy as Lazy
import Data.Map.Strict (Map)
import qualified Data.Map.Strict as Map

import DogeCore.Document (Document (..))
import DogeCore.Inputs (Inputs, startInputs)
import DogeCore.MessagePack
import DogeCore.Step (parseStep, runStep)

-- | Where each open session stands.
type Sessions = Map Int Inputs

noSessions :: Sessions
noSessions = Map.empty

-- | The version of the encoding that this module speaks.
encodingVersion :: Int
encodingVersion = 1

-- | The longest body, either way.
maxBody :: Int
maxBody = 64 * 1024 * 1024

-- | How many sessions may be open at once.
maxSessions :: Int
maxSessions = 64

-- | The answer to a request body and the sessions after it, or what is wrong with the request.
replay :: Sessions -> ByteString -> Either String (ByteString, Sessions)
replay sessions body = do
  (answer, session, isLast, inputs) <- runDecoder (request sessions) body
  let after = if isLast then Map.delete session sessions else Map.insert session inputs sessions
  answer `seq` after `seq` Right (answer, after)

request :: Sessions -> Decoder (ByteString, Int, Bool, Inputs)
request sessions = do
  n <- arrayHeader
  version <- document
  when (version /= DInt encodingVersion) $ refuse "unknown version of the replay encoding"
  when (n /= 5) $ refuse "a replay request has five elements"
  session <- document >>= asInt
  isLast <- document >>= asBool
  start <- document
  inputs <- case start of
    DNull -> maybe (refuse "the session is not open") pure (Map.lookup session sessions)
    DArray [state, config, size, sizes]
      | Map.size sessions >= maxSessions && Map.notMember session sessions ->
          refuse "too many sessions are open"
      | otherwise -> pure (startInputs state config size sizes)
    _ -> refuse "start is neither nil nor four documents"
  count <- arrayHeader
  (answer, after) <- steps count inputs
  atEnd
  pure (answer, session, isLast, after)
  where
    asInt (DInt i) = pure i
    asInt _ = refuse "session is no integer"
    asBool (DBool b) = pure b
    asBool _ = refuse "last is no bool"

-- | Run the steps; what they answer is encoded every few hundred of them, so that no state of
-- an earlier step is kept alive by an answer that nobody has written yet.
steps :: Int -> Inputs -> Decoder (ByteString, Inputs)
steps = go [] 0
  where
    go chunks size left inputs
      | size > maxBody = refuse "the answer would be longer than 64 MiB"
      | left == 0 = pure (Bytes.concat (reverse chunks), inputs)
      | otherwise = do
          let n = min 512 left
          (builder, inputs') <- run n mempty inputs
          let chunk = Lazy.toStrict (toLazyByteString builder)
              size' = size + Bytes.length chunk
          size' `seq` go (chunk : chunks) size' (left - n) inputs'
    run :: Int -> Builder -> Inputs -> Decoder (Builder, Inputs)
    run 0 done inputs = pure (done, inputs)
    run n done inputs = do
      step <- document
      case parseStep step >>= runStep inputs of
        Left message -> refuse message
        Right (outcome, inputs') -> inputs' `seq` run (n - 1) (done <> outcome) inputs'
