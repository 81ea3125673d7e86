-- |
-- The replay method: the shared vectors, and agreement with part 1 step by step.
module DogeCore.ReplaySpec (spec) where

import Control.Monad (foldM_, forM_)
import Data.ByteString (ByteString)
import qualified Data.ByteString as Bytes
import Data.Char (digitToInt)
import Data.Either (isLeft)
import Data.Maybe (fromMaybe)
import Data.Text (Text)
import qualified Data.Text as Text
import Test.Hspec (Spec, describe, expectationFailure, it, shouldBe, shouldSatisfy)
import Test.Hspec.QuickCheck (prop)
import Test.QuickCheck ((===), choose, forAll, vectorOf)

import DogeCore.Document
import DogeCore.Example
import DogeCore.Fields
import DogeCore.Invariants
import DogeCore.Json
import DogeCore.MessagePack
import DogeCore.Reduce (Settings (..))
import DogeCore.Replay
import DogeCore.Types

spec :: Spec
spec = do
  describe "shared vectors" $
    forM_ vectorNames $ \name ->
      it ("answers " ++ name ++ " as written") $ do
        file <- vectorsFile ("replay/" ++ name ++ ".json")
        text <- Bytes.readFile file
        let exchanges = vectorExchanges text
        exchanges `shouldSatisfy` (not . null)
        foldM_ answered noSessions exchanges

  prop "answers each step as part 1 would" $
    forAll stream $ \(s, events) ->
      let outcomes = answerTo (request (start s) (map (\e -> DArray [call e]) events))
       in map plainZero (told Nothing outcomes) === map plainZero (expected s events)

  prop "comes to the same when guided by its own answers" $
    forAll stream $ \(s, events) ->
      let own = answerTo (request (start s) (map (\e -> DArray [call e]) events))
          steps = map (\e -> DArray [call e]) events
          guided = guidedRequest (start s) (Bytes.concat (map encodeDocument own)) steps
       in map plainZero (answerTo guided) === map plainZero own

  prop "comes to the same when a stream is cut into two requests" $
    forAll stream $ \(s, events) -> forAll (choose (0, length events)) $ \n ->
      let steps = map (\e -> DArray [call e]) events
          whole = answerTo (request (start s) steps)
          body = requestOf 3
          (a, sessions) = right (replay noSessions (body False (start s) (take n steps)))
          (b, _) = right (replay sessions (body True DNull (drop n steps)))
       in map plainZero (outcomesOf a ++ outcomesOf b) === map plainZero whole

  it "opens no more than 64 sessions, and one again after one was closed" $ do
    let open sessions i = replay sessions (requestOf i False (start bothEntries) [])
        full = foldl (\sessions i -> snd (right (open sessions i))) noSessions [1 .. 64]
    open full 65 `shouldSatisfy` isLeft
    open full 64 `shouldSatisfy` (not . isLeft)
    let (_, less) = right (replay full (requestOf 7 True DNull []))
    open less 65 `shouldSatisfy` (not . isLeft)

  it "goes on from what was there when config and sizes are set in between" $ do
    let changes = DMap [(Text.pack "order_sizes", DMap [(Text.pack "A", DInt 10)])]
        steps = [DArray [call (PriceTick 0.21 1001), changes]]
    case answerTo (request (start bothEntries) steps) of
      [DArray [_, DArray [_, DArray placed], _]] -> take 6 placed `shouldBe` take 6 (DInt 0 : map snd refreshed)
      other -> expectationFailure (show other)
  where
    refreshed = [(Text.empty, DInt 3), t "sell", t "entry", (Text.empty, DDouble 0.21042), (Text.empty, DDouble 48)]
    t x = (Text.empty, DText (Text.pack x))
    stream = (,) <$> genState <*> (choose (0, 12) >>= \n -> vectorOf n genEvent)

vectorNames :: [String]
vectorNames =
  [ "start_and_ticks"
  , "fill_with_patch"
  , "session_goes_on"
  , "guided"
  , "regime_and_check"
  , "refused_state"
  , "refused_inputs"
  , "arithmetic"
  , "not_a_number"
  , "request_errors"
  ]

-- | One exchange: the sessions after it.
answered :: Sessions -> (ByteString, Maybe ByteString) -> IO Sessions
answered sessions (body, answer) = case (replay sessions body, answer) of
  (Right (bytes, after), Just wanted) -> do
    fmap (map plainNaN) (Right (outcomesOf bytes)) `shouldBe` (Right (map plainNaN (outcomesOf wanted)) :: Either String [Document])
    pure after
  (Left _, Nothing) -> pure sessions
  (result, _) -> do
    expectationFailure ("unexpected: " ++ show (fmap fst result))
    pure sessions

vectorExchanges :: ByteString -> [(ByteString, Maybe ByteString)]
vectorExchanges text = case parseJson text >>= object' of
  Right top -> case required (Text.pack "exchanges") Right top of
    Right (DArray exchanges) -> map exchange exchanges
    _ -> []
  Left _ -> []
  where
    object' = either (const (Left "no object")) Right . readObject
    exchange d = case readObject d of
      Right o -> (fromMaybe Bytes.empty (hexOf "request" o), hexOf "answer" o)
      Left _ -> (Bytes.empty, Nothing)
    hexOf key o = case required (Text.pack key) readText o of
      Right t -> Just (unhex (Text.unpack t))
      Left _ -> Nothing
    unhex (a : b : rest) = Bytes.cons (fromIntegral (digitToInt a * 16 + digitToInt b)) (unhex rest)
    unhex _ = Bytes.empty

request :: Document -> [Document] -> ByteString
request = requestOf 1 True

requestOf :: Int -> Bool -> Document -> [Document] -> ByteString
requestOf session isLast first steps =
  encodeDocument (DArray [DInt 1, DInt session, DBool isLast, first, DArray steps])

-- | A request with a guide; a Document has no binaries, so the six elements are put together here.
guidedRequest :: Document -> ByteString -> [Document] -> ByteString
guidedRequest first guide steps =
  Bytes.concat
    [ Bytes.pack [0x96]
    , Bytes.concat (map encodeDocument [DInt 1, DInt 1, DBool True, first])
    , Bytes.pack (0xc6 : map (\k -> fromIntegral (Bytes.length guide `div` 256 ^ k `mod` 256)) [3, 2, 1, 0 :: Int])
    , guide
    , encodeDocument (DArray steps)
    ]

start :: PairState -> Document
start s = DArray [stateDocument s, DMap [], DDouble 5, DNull]

call :: Event -> Document
call event = DArray $ case event of
  PriceTick p t -> [DInt 0, DDouble p, DDouble t]
  TimerTick t -> [DInt 1, DDouble t]
  FillEvent i x side p v f t -> [DInt 2, DInt i, DText x, DText (sideText side), DDouble p, DDouble v, DDouble f, DDouble t]
  RecoveryFillEvent i x side p v f t -> [DInt 3, DInt i, DText x, DText (sideText side), DDouble p, DDouble v, DDouble f, DDouble t]
  RecoveryCancelEvent i x t -> [DInt 4, DInt i, DText x, DDouble t]

answerTo :: ByteString -> [Document]
answerTo body = outcomesOf (fst (right (replay noSessions body)))

right :: Either String a -> a
right = either error id

outcomesOf :: ByteString -> [Document]
outcomesOf bytes
  | Bytes.null bytes = []
  | otherwise = right (runDecoder ((:) <$> document <*> (outcomesOf <$> remaining)) bytes)

-- | What the outcomes tell: each next state in compact form with actions and violations.
told :: Maybe [(Int, Document)] -> [Document] -> [Document]
told _ [] = []
told before (DArray [DArray delta, actions, violations] : rest) =
  DArray [DArray (map snd after), actions, violations] : told (Just after) rest
  where
    after = [(i, value i) | i <- [0 .. stateFieldCount - 1]]
    shown = pairs delta
    value i = case lookup i shown of
      Just (DArray [DInt keep, DArray new]) | i == historyField -> DArray (take keep (old i) ++ new)
      Just d -> d
      Nothing -> fromMaybe DNull (before >>= lookup i)
    old i = case before >>= lookup i of
      Just (DArray rs) -> rs
      _ -> []
    pairs (DInt i : d : more) = (i, d) : pairs more
    pairs _ = []
told before (refusal : rest) = refusal : told before rest

expected :: PairState -> [Event] -> [Document]
expected _ [] = []
expected s (e : es) = case run settings {orderSizeUsd = 5} s e of
  Left _ -> DArray [DText (Text.pack "arithmetic"), DText Text.empty] : expected s es
  Right (s', actions) ->
    DArray
      [ DArray (map (stateField positional s') [0 .. stateFieldCount - 1])
      , DArray (map compactAction actions)
      , DArray (map DText (checkInvariants s'))
      ]
      : expected s' es

-- | Zeros without their sign (a delta does not show it), NaN as something equal to itself.
plainZero :: Document -> Document
plainZero = onDoubles $ \x -> if x == 0 then DDouble 0 else DDouble x

plainNaN :: Document -> Document
plainNaN = onDoubles DDouble

onDoubles :: (Double -> Document) -> Document -> Document
onDoubles f d = case d of
  DDouble x | isNaN x -> DText nan
  DDouble x -> f x
  DArray ds -> DArray (map (onDoubles f) ds)
  DMap pairs -> DMap [(k, onDoubles f v) | (k, v) <- pairs]
  other -> other
  where
    nan = Text.pack "a NaN" :: Text
