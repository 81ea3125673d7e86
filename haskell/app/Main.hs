-- |
-- @doge-core-exe@: arguments and exit codes. What it answers is in "DogeCore.Server".
module Main (main) where

import Control.Exception (catch, throwIO)
import Data.Text (Text)
import qualified Data.Text as Text
import GHC.IO.Exception (IOErrorType (..), IOException (..))
import System.Environment (getArgs)
import System.Exit (ExitCode (..), exitWith)
import System.IO (Handle, hPutStrLn, hSetEncoding, stderr, stdin, stdout, utf8)

import DogeCore.Request (coreVersion)
import DogeCore.Revision (revision)
import DogeCore.Server (oneShot, serve)

main :: IO ()
main = do
  -- Under LANG=C a GHC program dies on the first character outside ASCII.
  mapM_ (`hSetEncoding` utf8) [stdout, stderr]
  args <- getArgs
  quietly $ case args of
    [] -> oneShot built stdin stdout >>= either failed pure
    ["--server"] -> serve built stdin stdout >>= maybe (pure ()) failed
    ["--version"] -> putStrLn ("doge-core-exe " ++ Text.unpack coreVersion ++ " (" ++ revision ++ ")")
    ["--help"] -> mapM_ putStrLn usage
    _ -> do
      mapM_ (hPutStrLn stderr) usage
      exitWith (ExitFailure 2)
  where
    built = Text.pack revision

usage :: [String]
usage =
  [ "usage: doge-core-exe            one JSON request on standard input, one response on standard output"
  , "       doge-core-exe --server   one request a line, one response a line, until the input ends"
  , "       doge-core-exe --version | --help"
  ]

failed :: Text -> IO ()
failed message = do
  complain stderr
  exitWith (ExitFailure 1)
  where
    complain :: Handle -> IO ()
    complain handle = hPutStrLn handle ("doge-core-exe: " ++ Text.unpack message)

-- | A reader that has gone away is the end of our work, not a failure of it.
quietly :: IO () -> IO ()
quietly work = work `catch` gone
  where
    gone e = case ioe_type e of
      ResourceVanished -> pure ()
      _ -> throwIO (e :: IOException)
