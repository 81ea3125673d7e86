{-# LANGUAGE OverloadedStrings #-}

-- |
-- Requests from a handle, responses to a handle: once, or line by line until the input ends.
--
-- Handles are binary and every answer leaves in one flushed write, so that neither the locale
-- nor GHC's block buffering of pipes matters. Whatever a line holds, the server answers it.
module DogeCore.Server
  ( serve
  , oneShot
  ) where

import Control.Exception (AsyncException (..), SomeException, catch, evaluate, fromException, throwIO)
import Data.ByteString (ByteString)
import qualified Data.ByteString as Bytes
import Data.ByteString.Builder (char7, toLazyByteString)
import qualified Data.ByteString.Char8 as Char8
import qualified Data.ByteString.Lazy as Lazy
import Data.Text (Text)
import qualified Data.Text as Text
import System.IO (BufferMode (..), Handle, hFlush, hSetBinaryMode, hSetBuffering)

import DogeCore.Document (Document (..))
import DogeCore.Input
import DogeCore.Json (buildJson, parseJson)
import DogeCore.Replay (Sessions, maxBody, noSessions, replay)
import DogeCore.Request

-- | Answer line by line. Gives the reason where the server had to stop before the input ended.
serve :: Text -> Handle -> Handle -> IO (Maybe Text)
serve revision from to = do
  prepare from to
  input <- newInput from
  loop input noSessions
  where
    loop input sessions = do
      line <- nextLine input
      case line of
        EndOfInput -> pure Nothing
        TooLong -> pure (Just "a line is too long")
        Line bytes -> do
          reply <- guarded (answerLine revision bytes)
          case reply of
            Left message -> put to (encodeLine (errorResponse message)) >> loop input sessions
            Right (Answered answer) -> put to answer >> loop input sessions
            Right (Body frameId n) -> do
              body <- readBody input n
              case body of
                Left message -> pure (Just message)
                Right bytes' -> framed frameId bytes' sessions >>= loop input
    readBody input n
      | n > maxBody = pure (Left tooLongBody)
      | otherwise = maybe (Left endsInBody) Right <$> exactly input n
    framed frameId body sessions = do
      result <- guarded (answerFrame frameId sessions body)
      case result of
        Left message -> do
          put to (encodeLine (DMap [("id", frameId), ("error", DText message)]))
          pure sessions
        Right (answer, after) -> put to answer >> pure after

-- | Answer the one request that the input holds; an error comes back as its text.
oneShot :: Text -> Handle -> Handle -> IO (Either Text ())
oneShot revision from to = do
  prepare from to
  input <- Bytes.hGetContents from
  -- A replay frame is one line and its body; any other request may be spread over lines.
  let (line, behind) = Char8.break (== '\n') input
  first <- guarded (answerLine revision line)
  reply <- case first of
    Right (Body frameId n)
      | n > maxBody -> pure (Left tooLongBody)
      | Bytes.length behind <= n -> pure (Left endsInBody)
      | otherwise -> guarded (fst <$> answerFrame frameId noSessions (Bytes.take n (Bytes.drop 1 behind)))
    _ -> do
      whole <- guarded (answerLine revision input)
      pure $ case whole of
        Left message -> Left message
        Right (Answered answer) -> Right answer
        Right (Body _ _) -> Left endsInBody
  case reply of
    Left message -> pure (Left message)
    Right answer -> Right <$> put to answer

tooLongBody, endsInBody :: Text
tooLongBody = "a body is longer than 64 MiB"
endsInBody = "the input ends within a body"

-- | What a line came to.
data Reply
  = Answered !ByteString
  | -- | The head of a replay frame, with its body to follow.
    Body !Document !Int

answerLine :: Text -> ByteString -> Either Text Reply
answerLine revision line = do
  request <- either (Left . Text.pack) Right (parseJson line)
  asked <- understand request
  case asked of
    Plain method object -> do
      response <- respond revision method object
      let answer = encodeLine response
      answer `seq` Right (Answered answer)
    Frame frameId n -> Right (Body frameId n)

-- | Header line and body of the answer to a replay request.
answerFrame :: Document -> Sessions -> ByteString -> Either Text (ByteString, Sessions)
answerFrame frameId sessions body = do
  (bytes, after) <- either (Left . Text.pack) Right (replay sessions body)
  let answer = encodeLine (DMap [("id", frameId), ("bytes", DInt (Bytes.length bytes))]) <> bytes
  answer `seq` Right (answer, after)

encodeLine :: Document -> ByteString
encodeLine document = Lazy.toStrict (toLazyByteString (buildJson document <> char7 '\n'))

-- | Blocks of our own size, written at once and flushed.
prepare :: Handle -> Handle -> IO ()
prepare from to = do
  hSetBinaryMode from True
  hSetBinaryMode to True
  hSetBuffering to (BlockBuffering (Just 65536))

put :: Handle -> ByteString -> IO ()
put to bytes = Bytes.hPut to bytes >> hFlush to

-- | Work out an answer; running out of heap or stack within it becomes an error of the request,
-- so that one hostile line does not end the server.
guarded :: Either Text a -> IO (Either Text a)
guarded work = evaluate (either (\m -> Text.length m `seq` work) (`seq` work) work) `catch` refused
  where
    refused e = case fromException e of
      Just HeapOverflow -> pure (Left "the request needs too much memory")
      Just StackOverflow -> pure (Left "the request needs too much memory")
      Just ThreadKilled -> throwIO e
      Just UserInterrupt -> throwIO e
      Nothing -> pure (Left ("internal error: " <> Text.pack (show (e :: SomeException))))
