{-# LANGUAGE BangPatterns #-}

-- |
-- Arithmetic that both cores must agree on to the last bit: decimal rounding as Python's
-- @round(x, d)@ does it, Python's @max@ and @min@, and counters of 64 bits that refuse to wrap.
--
-- Nothing here scales, rounds and divides back without a proof: 'rnd' takes a short way only
-- where the error of one multiplication cannot change the answer, and is exact arithmetic on
-- Integers everywhere else.
module DogeCore.Numbers
  ( rnd
  , rndExact
  , roundToInteger
  , pyMax
  , pyMin
  , plusOne
  , negated
  , differencePlusOne
  , ratioToDouble
  , integerToDouble
  , tenTo
  ) where

import Data.Bits (shiftL, shiftR, (.&.))
import GHC.Float (double2Int, int2Double)

import DogeCore.Types (Arithmetic (..))

-- | Decimal rounding (reducer.md, "Decimal rounding"): the double nearest to the decimal number
-- with d digits that is nearest to the exact value of x, exact ties to the even digit.
rnd :: Double -> Int -> Either Arithmetic Double
rnd x d
  | d < 0 || d > 22 || not (abs y < 0x200000000000) = rndExact x d
  | tie > -0.0078125 && tie < 0.0078125 = rndExact x d
  | m == 0 = Right (zeroLike x)
  | otherwise = Right (int2Double m / p)
  where
    -- p is exact up to 10^22. y is x * p with a relative error of at most 2^-53, so for
    -- |y| < 2^45 it is off by less than 2^-7 (= 0.0078125); where y is further than that from
    -- a tie, the exact product has the same nearest integer m. m and p are both exact doubles,
    -- so that their quotient is the double nearest to m / 10^d.
    p = tenTo d
    y = x * p
    n = double2Int y
    tie = abs (y - int2Double n) - 0.5
    m
      | tie < 0 = n
      | y < 0 = n - 1
      | otherwise = n + 1
{-# INLINE rnd #-}

-- | 'rnd' by exact arithmetic alone.
rndExact :: Double -> Int -> Either Arithmetic Double
rndExact x d
  | isNaN x || isInfinite x || x == 0 = Right x
  -- Doubles are multiples of 2^-1074, further apart than two decimals of 324 digits are.
  | d > 323 = Right x
  -- The largest double is below 5 * 10^308.
  | d < -308 = Right (zeroLike x)
  | d >= 0 && e >= 0 = Right x
  | d >= 0 = finish (halfEven (m * 10 ^ d) (1 `shiftL` negate e)) (10 ^ d)
  | e >= 0 = finish (halfEven (m `shiftL` e) ten * ten) 1
  | otherwise = finish (halfEven m (ten `shiftL` negate e) * ten) 1
  where
    (signed, e) = decodeFloat x
    m = abs signed
    ten = 10 ^ negate d :: Integer
    finish q r
      | isInfinite z = Left RoundingOverflow
      | x < 0 = Right (negate z)
      | otherwise = Right z
      where
        z = ratioToDouble q r
{-# NOINLINE rndExact #-}

-- | Zero with the sign of the argument.
zeroLike :: Double -> Double
zeroLike x
  | x < 0 || isNegativeZero x = -0.0
  | otherwise = 0.0

-- | The integer nearest to a quotient of non-negative Integers, ties to the even one.
halfEven :: Integer -> Integer -> Integer
halfEven n d = case compare (2 * r) d of
  LT -> q
  GT -> q + 1
  EQ -> if even q then q else q + 1
  where
    (q, r) = n `quotRem` d

-- | The double nearest to n / d, ties to even, for n >= 0 and d > 0; infinity when too large.
ratioToDouble :: Integer -> Integer -> Double
ratioToDouble n d
  | n == 0 = 0.0
  -- Cut off early what is out of range either way, so that encodeFloat never sees it.
  | magnitude > 1030 = 1 / 0
  | magnitude < -1090 = 0.0
  | otherwise = encodeFloat q e
  where
    magnitude = bitLength n - bitLength d
    -- n / d is in (2^(magnitude-1), 2^(magnitude+1)): 53 bits need this exponent or one more.
    low = max (-1074) (magnitude - 53)
    e = if scaled low `atLeast` 0x20000000000000 then low + 1 else low
    scaled k = if k >= 0 then (n, d `shiftL` k) else (n `shiftL` negate k, d)
    atLeast (a, b) limit = a >= limit * b
    q = uncurry halfEven (scaled e)

-- | The double nearest to an integer, ties to even.
integerToDouble :: Integer -> Double
integerToDouble n
  | n < 0 = negate (ratioToDouble (negate n) 1)
  | otherwise = ratioToDouble n 1

-- | How many bits a positive Integer has.
bitLength :: Integer -> Int
bitLength = go 0
  where
    go !acc k
      | k >= 0x10000000000000000 = go (acc + 64) (k `shiftR` 64)
      | otherwise = acc + small (fromInteger (k .&. 0xffffffffffffffff) :: Word)
    small 0 = 0
    small w = 1 + small (w `shiftR` 1)

-- | A volume rounded to an integer, half to even, as a double (reducer.md, "Order volume").
roundToInteger :: Double -> Either Arithmetic Double
roundToInteger x
  | isNaN x || isInfinite x = Left NotAnInteger
  -- From 2^52 on every double is an integer.
  | abs x >= 0x10000000000000 = Right x
  | tie < 0 || (tie == 0 && even n) = Right (int2Double n)
  | x < 0 = Right (int2Double (n - 1))
  | otherwise = Right (int2Double (n + 1))
  where
    n = double2Int x
    -- Exact: both have the same binary digits behind the point, and fewer before it.
    tie = abs (x - int2Double n) - 0.5

-- | Python's @max(a, b)@: the first unless the second is strictly greater.
pyMax :: Ord a => a -> a -> a
pyMax a b = if b > a then b else a
{-# INLINE pyMax #-}

-- | Python's @min(a, b)@: the first unless the second is strictly smaller.
pyMin :: Ord a => a -> a -> a
pyMin a b = if b < a then b else a
{-# INLINE pyMin #-}

-- | The next value of a counter.
plusOne :: Int -> Either Arithmetic Int
plusOne n
  | n == maxBound = Left CounterOverflow
  | otherwise = Right (n + 1)
{-# INLINE plusOne #-}

-- | An id with its sign turned.
negated :: Int -> Either Arithmetic Int
negated n
  | n == minBound = Left CounterOverflow
  | otherwise = Right (negate n)

-- | @float(n - start + 1)@ as Python has it, where the difference may need more than 64 bits.
differencePlusOne :: Int -> Int -> Double
differencePlusOne n start
  | abs' n && abs' start = int2Double (n - start + 1)
  | otherwise = integerToDouble (toInteger n - toInteger start + 1)
  where
    abs' k = k > -0x1000000000000000 && k < 0x1000000000000000

-- | 10^d as a double, exact for the d of 0 to 22 for which it is defined.
tenTo :: Int -> Double
tenTo d = case d of
  0 -> 1
  1 -> 1e1
  2 -> 1e2
  3 -> 1e3
  4 -> 1e4
  5 -> 1e5
  6 -> 1e6
  7 -> 1e7
  8 -> 1e8
  9 -> 1e9
  10 -> 1e10
  11 -> 1e11
  12 -> 1e12
  13 -> 1e13
  14 -> 1e14
  15 -> 1e15
  16 -> 1e16
  17 -> 1e17
  18 -> 1e18
  19 -> 1e19
  20 -> 1e20
  21 -> 1e21
  22 -> 1e22
  _ -> error "tenTo: no such power"
