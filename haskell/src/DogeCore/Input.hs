-- |
-- Lines and blocks of exact length from one handle, in large reads.
--
-- A replay frame is a line followed by so many bytes; reading both through one buffer of our own
-- keeps them apart exactly, and lets a line that never ends be refused in time.
module DogeCore.Input
  ( Input
  , Line (..)
  , newInput
  , nextLine
  , exactly
  ) where

import Data.ByteString (ByteString)
import qualified Data.ByteString as Bytes
import qualified Data.ByteString.Char8 as Char8
import Data.IORef (IORef, newIORef, readIORef, writeIORef)
import System.IO (Handle)

-- | A handle and what was read from it but not yet used.
data Input = Input !Handle !(IORef ByteString)

data Line
  = -- | A line without its end.
    Line !ByteString
  | EndOfInput
  | TooLong

newInput :: Handle -> IO Input
newInput handle = Input handle <$> newIORef Bytes.empty

-- | The longest line; a request with a long history has some megabytes.
maxLine :: Int
maxLine = 256 * 1024 * 1024

-- | The next line; the last one may lack its end.
nextLine :: Input -> IO Line
nextLine (Input handle rest) = readIORef rest >>= go [] 0
  where
    go older size chunk = case Char8.elemIndex '\n' chunk of
      Just i -> do
        writeIORef rest (Bytes.drop (i + 1) chunk)
        pure (Line (joined (Bytes.take i chunk : older)))
      Nothing
        | size + Bytes.length chunk > maxLine -> pure TooLong
        | otherwise -> do
            more <- Bytes.hGetSome handle 65536
            let older' = if Bytes.null chunk then older else chunk : older
            if Bytes.null more
              then do
                writeIORef rest Bytes.empty
                pure (if null older' then EndOfInput else Line (joined older'))
              else go older' (size + Bytes.length chunk) more
    joined [chunk] = chunk
    joined chunks = Bytes.concat (reverse chunks)

-- | So many bytes, or Nothing when the input ends before.
exactly :: Input -> Int -> IO (Maybe ByteString)
exactly (Input handle rest) n = do
  buffered <- readIORef rest
  if Bytes.length buffered >= n
    then do
      writeIORef rest (Bytes.drop n buffered)
      pure (Just (Bytes.take n buffered))
    else do
      more <- Bytes.hGet handle (n - Bytes.length buffered)
      writeIORef rest Bytes.empty
      let body = buffered <> more
      pure (if Bytes.length body == n then Just body else Nothing)
