-- |
-- Decimal rounding against Python's own answers, and the other arithmetic of the contract.
module DogeCore.NumbersSpec (spec) where

import qualified Data.ByteString.Char8 as Char8
import Data.Char (digitToInt)
import GHC.Float (castDoubleToWord64, castWord64ToDouble)
import Test.Hspec (Spec, it, shouldBe, shouldSatisfy)
import Test.Hspec.QuickCheck (prop)
import Test.QuickCheck ((===), choose, forAll, property)

import DogeCore.Example
import DogeCore.Numbers
import DogeCore.Types (Arithmetic (..))

spec :: Spec
spec = do
  it "rounds every shared vector as Python does, to the bit" $ do
    file <- vectorsFile "rounding.txt"
    text <- Char8.readFile file
    let lines' = map Char8.words (Char8.lines text)
    length lines' `shouldSatisfy` (> 10000)
    filter (not . agrees) lines' `shouldBe` []

  prop "gives the same on the short way as by exact arithmetic" $
    forAll genNumber $ \x -> forAll (choose (0, 22)) $ \d ->
      fmap bits (rnd x d) === fmap bits (rndExact x d)

  prop "gives the double nearest to the nearest decimal" $
    forAll (choose (-1000000, 1000000)) $ \n -> forAll (choose (0, 8)) $ \d ->
      let x = fromInteger n / 4096 :: Double
          scaled = toRational x * 10 ^ d
          nearest = round scaled :: Integer
       in rnd x d === Right (fromRational (toRational nearest / 10 ^ d))

  prop "leaves what is already rounded as it is" $
    forAll genNumber $ \x -> forAll (choose (0, 12 :: Int)) $ \d ->
      case rnd x d of
        Right y -> fmap bits (rnd y d) === Right (bits y)
        Left _ -> property (isInfinite x)

  it "does not scale and divide back: 0.12525 * 0.998 at 6 decimals" $
    rnd (0.12525 * 0.998) 6 `shouldBe` Right 0.124999

  it "rounds exact ties to the even digit" $ do
    rnd 0.125 2 `shouldBe` Right 0.12
    rnd 0.375 2 `shouldBe` Right 0.38
    rnd 2.5 0 `shouldBe` Right 2
    rnd 25 (-1) `shouldBe` Right 20

  it "keeps the sign of zero" $ do
    fmap bits (rnd (-0.0) 3) `shouldBe` Right (bits (-0.0))
    fmap bits (rnd (-0.0001) 3) `shouldBe` Right (bits (-0.0))
    fmap bits (rnd (-5) (-400)) `shouldBe` Right (bits (-0.0))

  it "gives infinities and NaN back" $ do
    rnd (1 / 0) 2 `shouldBe` Right (1 / 0)
    fmap isNaN (rnd (0 / 0) 2) `shouldBe` Right True

  it "refuses a result that is too large for a double" $
    rnd 1.7976931348623157e308 (-308) `shouldBe` Left RoundingOverflow

  it "is quick for any number of decimals" $ do
    rnd 0.1 maxBound `shouldBe` Right 0.1
    rnd 0.1 minBound `shouldBe` Right 0
    rnd 1e300 (-300) `shouldBe` Right 1e300
    rnd 5e-324 323 `shouldBe` Right 0
    rnd 5e-324 324 `shouldBe` Right 5e-324

  it "rounds volumes to integers half to even, large ones too" $ do
    map roundToInteger [0.5, 1.5, 2.5, 2.4999, -0.5, -1.5] `shouldBe` map Right [0, 2, 2, 2, 0, -2]
    roundToInteger 4503599627370497.5 `shouldBe` Right 4503599627370498
    roundToInteger 1e300 `shouldBe` Right 1e300

  it "refuses an integer of what is not finite" $
    map roundToInteger [1 / 0, -1 / 0, 0 / 0] `shouldBe` replicate 3 (Left NotAnInteger)

  it "takes the first of max and min unless the second is strictly beyond it" $ do
    map bits [pyMax 0.0 (-0.0), pyMax (-0.0) 0.0] `shouldBe` map bits [0.0, -0.0]
    pyMax 0.0 (0 / 0) `shouldBe` (0.0 :: Double)
    isNaN (pyMin (0 / 0) (1 :: Double)) `shouldBe` True

  it "does not let counters wrap" $ do
    plusOne maxBound `shouldBe` Left CounterOverflow
    plusOne (maxBound - 1) `shouldBe` Right maxBound
    negated minBound `shouldBe` Left CounterOverflow

  it "computes a difference of counts beyond 64 bits as Python does" $ do
    differencePlusOne maxBound minBound `shouldBe` 18446744073709551616
    differencePlusOne 5 3 `shouldBe` 3

  prop "converts any integer to the nearest double" $
    forAll (choose (-(2 ^ (70 :: Int)), 2 ^ (70 :: Int))) $ \n ->
      bits (integerToDouble n) === bits (fromRational (toRational n))

bits :: Double -> Integer
bits = toInteger . castDoubleToWord64

agrees :: [Char8.ByteString] -> Bool
agrees [x, d, expected] = case Char8.readInt d of
  Just (digits, rest)
    | Char8.null rest ->
        either (const (Char8.pack "overflow")) hex (rnd (castWord64ToDouble (unhex x)) digits) == expected
  _ -> False
  where
    unhex = Char8.foldl' (\acc c -> acc * 16 + fromIntegral (digitToInt c)) 0
    hex y = Char8.pack (pad (showHex' (castDoubleToWord64 y)))
    pad s = replicate (16 - length s) '0' ++ s
    showHex' w
      | w < 16 = [digit w]
      | otherwise = showHex' (w `div` 16) ++ [digit (w `mod` 16)]
    digit k = "0123456789abcdef" !! fromIntegral k
agrees _ = False
