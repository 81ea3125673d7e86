-- |
-- @doge-core-rnd@: 'rnd' in bulk, so that the Python tests can compare millions of values.
--
-- Each line of standard input is a double as 16 hexadecimal digits (its bits, big-endian), a
-- space, and the number of decimals; each is answered by the bits of the result, or @overflow@.
module DogeCoreRnd (main) where

import qualified Data.ByteString.Builder as Builder
import qualified Data.ByteString.Char8 as Char8
import qualified Data.ByteString.Lazy.Char8 as Lazy
import qualified Data.Char as Char
import GHC.Float (castDoubleToWord64, castWord64ToDouble)
import System.IO (hSetBinaryMode, stdin, stdout)

import DogeCore.Numbers (rnd)

main :: IO ()
main = do
  hSetBinaryMode stdin True
  hSetBinaryMode stdout True
  input <- Lazy.getContents
  Builder.hPutBuilder stdout (foldMap (answer . Lazy.toStrict) (Lazy.lines input))

answer :: Char8.ByteString -> Builder.Builder
answer line = case Char8.words line of
  [bits, digits] | Just (d, rest) <- Char8.readInt digits, Char8.null rest -> rounded bits d
  _ -> Builder.string7 "bad line\n"
  where
    rounded bits d = case rnd (castWord64ToDouble (hex bits)) d of
      Left _ -> Builder.string7 "overflow\n"
      Right x -> Builder.word64HexFixed (castDoubleToWord64 x) <> Builder.char7 '\n'
    hex = Char8.foldl' (\acc c -> acc * 16 + fromIntegral (Char.digitToInt c)) 0
