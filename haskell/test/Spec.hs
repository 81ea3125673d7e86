-- |
-- All tests, one spec for each part of the core.
module Spec (main) where

import System.IO (hSetEncoding, stderr, stdout, utf8)
import Test.Hspec (describe, hspec)

import qualified DogeCore.CodecSpec
import qualified DogeCore.InvariantsSpec
import qualified DogeCore.JsonSpec
import qualified DogeCore.MessagePackSpec
import qualified DogeCore.NumbersSpec
import qualified DogeCore.ReducerSpec
import qualified DogeCore.ReplaySpec
import qualified DogeCore.ServerSpec

main :: IO ()
main = do
  mapM_ (`hSetEncoding` utf8) [stdout, stderr]
  hspec $ do
    describe "numbers" DogeCore.NumbersSpec.spec
    describe "JSON" DogeCore.JsonSpec.spec
    describe "MessagePack" DogeCore.MessagePackSpec.spec
    describe "reading" DogeCore.CodecSpec.spec
    describe "the reducer" DogeCore.ReducerSpec.spec
    describe "the invariants" DogeCore.InvariantsSpec.spec
    describe "replay" DogeCore.ReplaySpec.spec
    describe "the server" DogeCore.ServerSpec.spec
