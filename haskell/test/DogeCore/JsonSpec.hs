-- |
-- JSON: what Python accepts and writes, and what must not hurt.
module DogeCore.JsonSpec (spec) where

import qualified Data.ByteString.Builder as Builder
import Data.ByteString (ByteString)
import qualified Data.ByteString.Char8 as Char8
import qualified Data.ByteString.Lazy as Lazy
import Data.Either (isLeft)
import qualified Data.Text as Text
import GHC.Float (castDoubleToWord64, castWord64ToDouble)
import Test.Hspec (Spec, it, shouldBe, shouldSatisfy)
import Test.Hspec.QuickCheck (prop)
import Test.QuickCheck ((===), (==>), choose, forAll)

import DogeCore.Decimal (buildDouble)
import DogeCore.Document
import DogeCore.Example
import DogeCore.Json

spec :: Spec
spec = do
  prop "reads what it writes" $
    forAll genDocument $ \d -> parseJson (written d) === Right d

  prop "writes any double so that it reads back as the same bits" $ \w ->
    let x = castWord64ToDouble w
     in not (isNaN x) ==> fmap castBits (parseJson (written (DDouble x))) === Right (Just (castDoubleToWord64 x))

  prop "reads any decimal correctly rounded" $
    forAll (choose (0, 10 ^ (25 :: Int))) $ \n -> forAll (choose (-340, 320)) $ \e ->
      let text = show (n :: Integer) ++ "e" ++ show (e :: Int)
          exact = if e >= 0 then toRational n * 10 ^ e else toRational n / 10 ^ negate e
       in parseJson (Char8.pack text) === Right (DDouble (fromRational exact))

  it "keeps integers, floats and negative zero apart" $ do
    parses "2" (DInt 2)
    parses "2.0" (DDouble 2)
    parses "-0" (DInt 0)
    fmap castBits (parseJson (Char8.pack "-0.0")) `shouldBe` Right (Just (castDoubleToWord64 (-0.0)))
    parses "-9223372036854775808" (DInt minBound)
    parses "9223372036854775808" (DBig (Char8.pack "9223372036854775808"))

  it "writes doubles with a point" $
    map shown [2, -0.0, 0.1, 1748623335.0001, 1e15, 1e22, 1.5e-7, 5e-324]
      `shouldBe` ["2.0", "-0.0", "0.1", "1748623335.0001", "1.0e15", "1.0e22", "1.5e-7", "5.0e-324"]

  it "reads and writes the bare tokens of Python" $ do
    parses "Infinity" (DDouble (1 / 0))
    parses "-Infinity" (DDouble (-1 / 0))
    map shown [1 / 0, -1 / 0, 0 / 0] `shouldBe` ["Infinity", "-Infinity", "NaN"]

  it "takes numbers of any size in no time" $ do
    parses "1e400" (DDouble (1 / 0))
    parses "1e-999999999999999999999" (DDouble 0)
    parses ("0." ++ replicate 100000 '0' ++ "1e100001") (DDouble 1)
    parseJson (Char8.cons '1' (Char8.replicate 1000000 '0')) `shouldSatisfy` either (const False) (const True)

  it "reads the decimals next to a tie by all of their digits" $ do
    parses "9007199254740993.0" (DDouble 9007199254740992)
    parses ("9007199254740993." ++ replicate 900 '0' ++ "1") (DDouble 9007199254740994)

  it "decodes escapes" $
    parses "\"\\u00e9\\ud83d\\ude00\\n\\/\"" (DText (Text.pack "\233\128512\n/"))

  it "keeps duplicate keys for the reader, who takes the last" $
    fmap readObject' (parseJson (Char8.pack "{\"a\":1,\"a\":2}")) `shouldBe` Right (Just 2)

  it "refuses what is no JSON" $
    mapM_
      (\text -> (text, isLeft (parseJson (Char8.pack text))) `shouldBe` (text, True))
      [ ""
      , " "
      , "{"
      , "{\"a\"}"
      , "{\"a\":1,}"
      , "[1,]"
      , "01"
      , "1."
      , ".5"
      , "-"
      , "1e"
      , "+1"
      , "nul"
      , "Infinit"
      , "\"\\x\""
      , "\"\\ud800\""
      , "\"\\ud800\\u0041\""
      , "\"a\nb\""
      , "\"\255\""
      , "1 2"
      ]

  it "refuses what is nested too deeply, and takes what is not" $ do
    parseJson (Char8.replicate 1000000 '[') `shouldSatisfy` isLeft
    parseJson (Char8.replicate maxDepth '[' <> Char8.replicate maxDepth ']') `shouldSatisfy` (not . isLeft)
  where
    parses text d = parseJson (Char8.pack text) `shouldBe` Right d
    castBits (DDouble x) = Just (castDoubleToWord64 x)
    castBits _ = Nothing
    readObject' d = either (const Nothing) (either (const Nothing) Just . required (Text.pack "a") readInt) (readObject d)

written :: Document -> ByteString
written = Lazy.toStrict . Builder.toLazyByteString . buildJson

shown :: Double -> String
shown = Char8.unpack . Lazy.toStrict . Builder.toLazyByteString . buildDouble
