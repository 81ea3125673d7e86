-- |
-- The loops around the core: one answer a line whatever the line, frames of exact length, and
-- one-shot mode. They run on files instead of pipes, which are handles all the same.
module DogeCore.ServerSpec (spec) where

import Control.Exception (bracket)
import Data.ByteString (ByteString)
import qualified Data.ByteString as Bytes
import qualified Data.ByteString.Char8 as Char8
import Data.Text (Text)
import qualified Data.Text as Text
import System.Directory (removeFile)
import System.IO (Handle, SeekMode (..), hClose, hSeek, openTempFile)
import Test.Hspec (Spec, it, shouldBe)

import DogeCore.Document
import DogeCore.MessagePack
import DogeCore.Server

spec :: Spec
spec = do
  it "answers every line, good or bad, and goes on" $ do
    (stopped, answers) <- served (Char8.unlines (map Char8.pack ["", "{", check "{}", "[]", "{\"method\":\"nope\"}", check "{}"]))
    stopped `shouldBe` Nothing
    map (Char8.take 8) (Char8.lines answers)
      `shouldBe` map Char8.pack ["{\"error\"", "{\"error\"", "{\"violat", "{\"error\"", "{\"error\"", "{\"violat"]

  it "answers a last line that has no end" $ do
    (_, answers) <- served (Char8.pack (check "{}"))
    length (Char8.lines answers) `shouldBe` 1

  it "names the path of what it cannot read" $ do
    (_, answers) <- served (Char8.pack (check "{\"orders\":[{\"local_id\":\"1\"}]}"))
    answers `shouldBe` Char8.pack "{\"error\":\"unreadable: orders[0].local_id\"}\n"

  it "answers the methods of part 1 with the keys they must have" $ do
    let transition = "{\"method\":\"transition\",\"state\":{},\"event\":{\"timestamp\":5},\"config\":{\"s1_orphan_after_sec\":Infinity},\"order_size_usd\":2,\"order_sizes\":null,\"more\":1}"
        regime = "{\"method\":\"apply_order_regime_at_entry\",\"params\":{\"state\":{},\"local_id\":1,\"regime_at_entry\":\"BULLISH\"}}"
    (_, answers) <- served (Char8.unlines (map Char8.pack [transition, regime, "{\"method\":\"capabilities\"}"]))
    map (Char8.take 9) (Char8.lines answers) `shouldBe` map Char8.pack ["{\"state\":", "{\"state\":", "{\"name\":\""]
    Char8.isSuffixOf (Char8.pack "\"actions\":[]}") (Char8.takeWhile (/= '\n') answers) `shouldBe` True

  it "keeps frames and lines apart to the byte" $ do
    let body = encodeDocument (DArray [DInt 1, DInt 1, DBool True, DArray [DMap [], DMap [], DInt 2, DNull], DArray [DArray [DArray [DInt 6]]]])
    (_, answers) <- served (frame body <> frame (Char8.pack "{\n") <> Char8.pack (check "{}" ++ "\n"))
    let (line, rest) = Char8.break (== '\n') answers
    line `shouldBe` Char8.pack "{\"id\":9,\"bytes\":207}"
    Char8.lines (Bytes.drop 208 rest)
      `shouldBe` map Char8.pack
        [ "{\"id\":9,\"error\":\"MessagePack without an array where one should stand\"}"
        , "{\"violations\":[\"S0 must be exactly A sell entry + B buy entry\"]}"
        ]

  it "stops at a body that is too long or cut off" $ do
    (tooLong, _) <- served (Char8.pack "{\"method\":\"replay\",\"id\":1,\"bytes\":67108865}\n")
    tooLong `shouldBe` Just (Text.pack "a body is longer than 64 MiB")
    (cutOff, _) <- served (Char8.pack "{\"method\":\"replay\",\"id\":1,\"bytes\":5}\nabc")
    cutOff `shouldBe` Just (Text.pack "the input ends within a body")

  it "reads one request in one-shot mode, on one line or many, or a frame" $ do
    (result, answer) <- through oneShot (Char8.pack "{\n\"method\":\n\"check_invariants\",\"state\":{}}\n\n")
    result `shouldBe` Right ()
    Char8.take 8 answer `shouldBe` Char8.pack "{\"violat"
    (framed, _) <- through oneShot (frame (encodeDocument (DArray [DInt 1, DInt 1, DBool True, DArray [DNull, DNull, DNull, DNull], DArray []])))
    framed `shouldBe` Right ()
    (failed, nothing) <- through oneShot (Char8.pack (check "5"))
    failed `shouldBe` Left (Text.pack "unreadable: state")
    nothing `shouldBe` Bytes.empty
  where
    check state = "{\"method\":\"check_invariants\",\"state\":" ++ state ++ "}"
    frame body = Char8.pack ("{\"method\":\"replay\",\"id\":9,\"bytes\":" ++ show (Bytes.length body) ++ "}\n") <> body
    served = through serve

-- | Run one of the loops over an input; its result and what it wrote.
through :: (Text -> Handle -> Handle -> IO a) -> ByteString -> IO (a, ByteString)
through loop input = temporary $ \_ inHandle -> temporary $ \outFile outHandle -> do
  Bytes.hPut inHandle input
  hSeek inHandle AbsoluteSeek 0
  result <- loop (Text.pack "test") inHandle outHandle
  hClose outHandle
  written <- Bytes.readFile outFile
  pure (result, written)

temporary :: (FilePath -> Handle -> IO a) -> IO a
temporary use = bracket (openTempFile "/tmp" "doge-core-test") remove (uncurry use)
  where
    remove (file, handle) = hClose handle >> removeFile file
