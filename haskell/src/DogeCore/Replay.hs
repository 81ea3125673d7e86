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
import Data.Maybe (fromMaybe)

import DogeCore.Document (Document (..))
import DogeCore.Inputs (Inputs, startInputs)
import DogeCore.MessagePack
import DogeCore.Step (Next (..), parseNext, parseStep, runStep)

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
  when (n /= 5 && n /= 6) $ refuse "a replay request has five elements, or six with a guide"
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
  guide <- if n == 6 then Just <$> (binary >>= parsed) else pure Nothing
  count <- arrayHeader
  when (maybe False ((/= count) . length) guide) $
    refuse "the guide has another number of outcomes than there are steps"
  (answer, after) <- steps count (fromMaybe (repeat Own) guide) inputs
  atEnd
  pure (answer, session, isLast, after)
  where
    parsed guide = either refuse pure $ runDecoder (untilEnd (document >>= either refuse pure . parseNext)) guide
    asInt (DInt i) = pure i
    asInt _ = refuse "session is no integer"
    asBool (DBool b) = pure b
    asBool _ = refuse "last is no bool"

-- | Run the steps; what they answer is encoded every few hundred of them, so that no state of
-- an earlier step is kept alive by an answer that nobody has written yet.
steps :: Int -> [Next] -> Inputs -> Decoder (ByteString, Inputs)
steps = go [] 0
  where
    go chunks size left nexts inputs
      | size > maxBody = refuse "the answer would be longer than 64 MiB"
      | left == 0 = pure (Bytes.concat (reverse chunks), inputs)
      | otherwise = do
          let n = min 512 left
              (now, later) = splitAt n nexts
          (builder, inputs') <- run now mempty inputs
          let chunk = Lazy.toStrict (toLazyByteString builder)
              size' = size + Bytes.length chunk
          size' `seq` go (chunk : chunks) size' (left - n) later inputs'
    run :: [Next] -> Builder -> Inputs -> Decoder (Builder, Inputs)
    run [] done inputs = pure (done, inputs)
    run (next : rest) done inputs = do
      step <- document
      case parseStep step >>= runStep inputs next of
        Left message -> refuse message
        Right (outcome, inputs') -> inputs' `seq` run rest (done <> outcome) inputs'
