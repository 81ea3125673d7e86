-- |
-- Decimal text to doubles and back.
--
-- Reading is correctly rounded, as Python's @float@ is, and bounded in time and memory for
-- numbers like @1e999999999@ or ones with a million digits. Writing gives a short text that reads
-- back as the same double, always with a point, so that 2.0 stays apart from 2.
module DogeCore.Decimal
  ( decimalToDouble
  , digitsToDouble
  , buildDouble
  ) where

import qualified Data.ByteString as Bytes
import Data.ByteString (ByteString)
import Data.ByteString.Builder (Builder, char7, intDec, string7)
import qualified Data.ByteString.Char8 as Char8
import qualified Data.Char as Char
import GHC.Float (double2Int, floatToDigits, int2Double)

import DogeCore.Numbers (ratioToDouble, tenTo)

-- | The double nearest to an unsigned decimal: the digits before the point, those behind it, and
-- the exponent as written.
decimalToDouble :: ByteString -> ByteString -> Int -> Double
decimalToDouble whole fraction written
  | Char8.length whole + Char8.length fraction <= 18
  , mantissa <= 0x20000000000000
  , power >= -22
  , power <= 22 =
      -- Both operands are exact, so the one operation rounds correctly.
      if power < 0 then int2Double mantissa / tenTo (negate power) else int2Double mantissa * tenTo power
  | otherwise = slow (Char8.dropWhile (== '0') (whole <> fraction)) power
  where
    power = written - Char8.length fraction
    mantissa = digits (digits 0 whole) fraction
    digits = Char8.foldl' (\acc c -> acc * 10 + Char.ord c - 48)

-- | Any digits times any power of ten.
slow :: ByteString -> Int -> Double
slow significant power
  | Char8.null significant || magnitude < -330 = 0.0
  | magnitude > 310 = 1 / 0
  | scale >= 0 = ratioToDouble (mantissa * 10 ^ scale) 1
  | otherwise = ratioToDouble mantissa (10 ^ negate scale)
  where
    magnitude = Char8.length significant + power
    -- 767 digits are enough to tell any double from the tie next to it; of what follows it
    -- matters only whether it is zero.
    (front, back) = Char8.splitAt 800 significant
    sticky = if Char8.all (== '0') back then '0' else '1'
    kept = if Char8.null back then front else Char8.snoc front sticky
    scale = magnitude - Char8.length kept
    mantissa = Bytes.foldl' (\acc w -> acc * 10 + toInteger w - 48) 0 kept

-- | The double nearest to an integer given by its digits (with an optional leading @-@).
digitsToDouble :: ByteString -> Double
digitsToDouble written
  | Char8.isPrefixOf (Char8.pack "-") written = negate (digitsToDouble (Char8.drop 1 written))
  | otherwise = decimalToDouble written Bytes.empty 0

-- | A double as JSON; infinities and NaN as the bare tokens that Python writes.
buildDouble :: Double -> Builder
buildDouble x
  | isNaN x = string7 "NaN"
  | isInfinite x = string7 (if x > 0 then "Infinity" else "-Infinity")
  | x < 0 || isNegativeZero x = char7 '-' <> positive (negate x)
  | otherwise = positive x

positive :: Double -> Builder
positive x
  | x == 0 = string7 "0.0"
  | x >= 1.0e15 || x < 1.0e-5 = scientific (floatToDigits 10 x)
  | otherwise = try 0
  where
    -- Most numbers here are prices with a few decimals. Where n / 10^k gives x again, with both
    -- exact, then reading "n / 10^k" does too, by correct rounding.
    try :: Int -> Builder
    try k
      | k > 9 || y > 9.0e15 = scientific (floatToDigits 10 x)
      | int2Double n / tenTo k == x = point n k
      | otherwise = try (k + 1)
      where
        y = x * tenTo k
        n = double2Int (y + 0.5)

-- | n / 10^k with at least one digit behind the point.
point :: Int -> Int -> Builder
point n 0 = intDec n <> string7 ".0"
point n k = intDec whole <> char7 '.' <> string7 (replicate (k - length shown) '0') <> string7 shown
  where
    (whole, rest) = n `quotRem` (10 ^ k)
    shown = show rest

scientific :: ([Int], Int) -> Builder
scientific (digits, e) = case map Char.intToDigit digits of
  [] -> string7 "0.0"
  [c] -> char7 c <> string7 ".0e" <> intDec (e - 1)
  c : cs -> char7 c <> char7 '.' <> string7 cs <> char7 'e' <> intDec (e - 1)
