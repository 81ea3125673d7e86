-- |
-- MessagePack: round trips, shortest formats, and bodies that lie.
module DogeCore.MessagePackSpec (spec) where

import qualified Data.ByteString as Bytes
import qualified Data.ByteString.Char8 as Char8
import Data.Either (isLeft)
import qualified Data.Text as Text
import Test.Hspec (Spec, it, shouldBe, shouldSatisfy)
import Test.Hspec.QuickCheck (prop)
import Test.QuickCheck ((===), choose, forAll)

import DogeCore.Document
import DogeCore.Example
import DogeCore.MessagePack

spec :: Spec
spec = do
  prop "reads what it writes" $
    forAll genDocument $ \d -> decoded (encodeDocument d) === Right d

  prop "refuses every body that is cut off" $
    forAll genDocument $ \d -> forAll (choose (0, max 0 (Bytes.length (encodeDocument d) - 1))) $ \n ->
      isLeft (decoded (Bytes.take n (encodeDocument d)))

  it "writes integers in their shortest format, unsigned where they can be" $
    mapM_
      (\(n, bytes) -> Bytes.unpack (encodeDocument (DInt n)) `shouldBe` bytes)
      [ (0, [0])
      , (127, [0x7f])
      , (128, [0xcc, 0x80])
      , (255, [0xcc, 0xff])
      , (256, [0xcd, 1, 0])
      , (65536, [0xce, 0, 1, 0, 0])
      , (4294967296, [0xcf, 0, 0, 0, 1, 0, 0, 0, 0])
      , (-1, [0xff])
      , (-32, [0xe0])
      , (-33, [0xd0, 0xdf])
      , (-129, [0xd1, 0xff, 0x7f])
      , (-32769, [0xd2, 0xff, 0xff, 0x7f, 0xff])
      , (minBound, [0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0])
      ]

  it "writes a double as float64, whatever its value" $
    Bytes.unpack (encodeDocument (DDouble 2)) `shouldBe` [0xcb, 0x40, 0, 0, 0, 0, 0, 0, 0]

  it "reads every format of a number" $ do
    decoded (Bytes.pack [0xd3, 0, 0, 0, 0, 0, 0, 0, 7]) `shouldBe` Right (DInt 7)
    decoded (Bytes.pack [0xca, 0x3f, 0xc0, 0, 0]) `shouldBe` Right (DDouble 1.5)
    decoded (Bytes.pack (0xcf : replicate 8 0xff)) `shouldBe` Right (DBig (Char8.pack "18446744073709551615"))

  it "carries integers outside 64 bits as extension type 1" $ do
    let big = DBig (Char8.pack "-9223372036854775809")
    Bytes.unpack (Bytes.take 3 (encodeDocument big)) `shouldBe` [0xc7, 20, 1]
    decoded (encodeDocument big) `shouldBe` Right big
    decoded (Bytes.pack [0xd4, 1, 0x37]) `shouldBe` Right (DInt 7)

  it "refuses extensions, binaries, keys and texts that are no document" $
    mapM_
      (\bytes -> decoded (Bytes.pack bytes) `shouldSatisfy` isLeft)
      [ [0xc1]
      , [0xc4, 1, 0]
      , [0xd4, 2, 0x37]
      , [0xd4, 1, 0x2d]
      , [0xd5, 1, 0x37, 0x61]
      , [0x81, 1, 1]
      , [0xa1, 0xff]
      , [0xdd, 0xff, 0xff, 0xff, 0xff]
      , [0xdb, 0xff, 0xff, 0xff, 0xff]
      ]

  it "refuses what is nested too deeply" $
    decoded (Bytes.replicate 1000000 0x91) `shouldSatisfy` isLeft

  it "writes texts, arrays and maps in their shortest formats" $ do
    first (DText (Text.replicate 31 (Text.pack "a"))) `shouldBe` 0xbf
    first (DText (Text.replicate 32 (Text.pack "a"))) `shouldBe` 0xd9
    first (DText (Text.replicate 256 (Text.pack "a"))) `shouldBe` 0xda
    first (DText (Text.replicate 65536 (Text.pack "a"))) `shouldBe` 0xdb
    first (DArray (replicate 15 DNull)) `shouldBe` 0x9f
    first (DArray (replicate 16 DNull)) `shouldBe` 0xdc
    first (DArray (replicate 65536 DNull)) `shouldBe` 0xdd
  where
    decoded = runDecoder (document <* atEnd)
    first d = Bytes.index (encodeDocument d) 0
