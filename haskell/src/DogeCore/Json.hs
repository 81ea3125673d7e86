-- |
-- A strict JSON reader and writer for 'Document'.
--
-- Our own because the wire needs what JSON libraries take away: the bare tokens @Infinity@,
-- @-Infinity@ and @NaN@, -0.0, and 2 apart from 2.0 (aeson has none of these). It follows Python's json module
-- in what it accepts, except that a lone surrogate is refused: no UTF-8 text can carry it.
module DogeCore.Json
  ( parseJson
  , buildJson
  ) where

import Data.ByteString (ByteString)
import qualified Data.ByteString as Bytes
import Data.ByteString.Builder (Builder, byteString, char7, intDec, string7, word16HexFixed, word8)
import qualified Data.ByteString.Char8 as Char8
import qualified Data.ByteString.Unsafe as Unsafe
import qualified Data.Char as Char
import Data.Text (Text)
import qualified Data.Text as Text
import qualified Data.Text.Encoding as Encoding
import Data.Word (Word8)

import DogeCore.Decimal (buildDouble, decimalToDouble)
import DogeCore.Document (Document (..), integerDocument, maxDepth)

-- | The value read and what follows it, or what is wrong.
type Result a = Either String (a, ByteString)

-- | The one document that a text holds.
parseJson :: ByteString -> Either String Document
parseJson input = case value maxDepth (skipSpace input) of
  Left message -> Left message
  Right (document, rest)
    | Bytes.null (skipSpace rest) -> Right document
    | otherwise -> Left "text behind the end of the JSON value"

skipSpace :: ByteString -> ByteString
skipSpace = Bytes.dropWhile isSpace
  where
    isSpace w = w == 0x20 || w == 0x0a || w == 0x0d || w == 0x09

-- | Input that starts at the value.
value :: Int -> ByteString -> Result Document
value depth input = case Char8.uncons input of
  Nothing -> Left "JSON ends too early"
  Just (c, rest) -> case c of
    '"' -> do
      (t, after) <- text rest
      Right (DText t, after)
    '{'
      | depth <= 0 -> Left "JSON is nested too deeply"
      | otherwise -> object depth rest
    '['
      | depth <= 0 -> Left "JSON is nested too deeply"
      | otherwise -> array depth rest
    't' -> token "true" (DBool True)
    'f' -> token "false" (DBool False)
    'n' -> token "null" DNull
    'N' -> token "NaN" (DDouble (0 / 0))
    'I' -> token "Infinity" (DDouble (1 / 0))
    '-'
      | Char8.isPrefixOf (Char8.pack "I") rest -> token "-Infinity" (DDouble (-1 / 0))
      | otherwise -> number True rest
    _
      | Char.isDigit c -> number False input
      | otherwise -> Left "JSON has a character where a value should stand"
  where
    token name document = case Bytes.stripPrefix (Char8.pack name) input of
      Just rest -> Right (document, rest)
      Nothing -> Left ("JSON has an unknown word instead of " ++ name)

object :: Int -> ByteString -> Result Document
object depth start = case Char8.uncons (skipSpace start) of
  Just ('}', rest) -> Right (DMap [], rest)
  _ -> go [] start
  where
    go done input = case Char8.uncons (skipSpace input) of
      Just ('"', rest) -> do
        (key, afterKey) <- text rest
        afterColon <- expect ':' (skipSpace afterKey)
        (document, afterValue) <- value (depth - 1) (skipSpace afterColon)
        let done' = (key, document) : done
        case Char8.uncons (skipSpace afterValue) of
          Just (',', more) -> go done' more
          Just ('}', more) -> Right (DMap (reverse done'), more)
          _ -> Left "JSON object without , or }"
      _ -> Left "JSON object without a key"

array :: Int -> ByteString -> Result Document
array depth start = case Char8.uncons (skipSpace start) of
  Just (']', rest) -> Right (DArray [], rest)
  _ -> go [] start
  where
    go done input = do
      (document, afterValue) <- value (depth - 1) (skipSpace input)
      let done' = document : done
      case Char8.uncons (skipSpace afterValue) of
        Just (',', more) -> go done' more
        Just (']', more) -> Right (DArray (reverse done'), more)
        _ -> Left "JSON array without , or ]"

expect :: Char -> ByteString -> Either String ByteString
expect c input = case Char8.uncons input of
  Just (c', rest) | c == c' -> Right rest
  _ -> Left ("JSON object without " ++ [c])

-- | A number without its sign.
number :: Bool -> ByteString -> Result Document
number isNegative input
  | Bytes.null whole = Left "JSON number without digits"
  | Bytes.length whole > 1 && Bytes.head whole == 0x30 = Left "JSON number with a leading zero"
  | otherwise = case Char8.uncons afterWhole of
      Just ('.', rest) ->
        let (fraction, afterFraction) = Char8.span Char.isDigit rest
         in if Bytes.null fraction then Left "JSON number without digits" else exponentOf fraction afterFraction
      Just (c, _) | c == 'e' || c == 'E' -> exponentOf Bytes.empty afterWhole
      _ -> Right (integer, afterWhole)
  where
    (whole, afterWhole) = Char8.span Char.isDigit input
    integer
      | Bytes.length whole <= 18 =
          let n = Char8.foldl' (\acc c -> acc * 10 + Char.ord c - 48) 0 whole
           in DInt (if isNegative then negate n else n)
      | otherwise = integerDocument (if isNegative then Char8.cons '-' whole else whole)
    exponentOf fraction rest = case Char8.uncons rest of
      Just (c, afterE) | c == 'e' || c == 'E' ->
        let (sign, afterSign) = case Char8.uncons afterE of
              Just ('-', more) -> (negate, more)
              Just ('+', more) -> (id, more)
              _ -> (id, afterE)
            (digits, after) = Char8.span Char.isDigit afterSign
         in if Bytes.null digits
              then Left "JSON number without digits"
              else finish fraction (sign (saturated digits)) after
      _ -> finish fraction 0 rest
    finish fraction e after =
      let x = decimalToDouble whole fraction e
       in x `seq` Right (DDouble (if isNegative then negate x else x), after)
    -- Far beyond any line that could be sent, so that zeros in front of the exponent still count.
    saturated = Char8.foldl' (\acc c -> min 1000000000000 (acc * 10 + Char.ord c - 48)) 0

-- | A text behind its opening quote.
text :: ByteString -> Result Text
text input = do
  let plain = Bytes.takeWhile isPlain input
      rest = Bytes.drop (Bytes.length plain) input
  case Char8.uncons rest of
    Just ('"', after) -> do
      t <- decoded plain
      Right (t, after)
    Just ('\\', _) -> do
      (pieces, after) <- escaped [plain] rest
      t <- decoded (Bytes.concat (reverse pieces))
      Right (t, after)
    Just _ -> Left "JSON text with a control character"
    Nothing -> Left "JSON ends within a text"

isPlain :: Word8 -> Bool
isPlain w = w >= 0x20 && w /= 0x22 && w /= 0x5c

decoded :: ByteString -> Either String Text
decoded bytes = case Encoding.decodeUtf8' bytes of
  Right t -> Right t
  Left _ -> Left "JSON text is not UTF-8"

-- | The pieces of a text with escapes, newest first, from an escape on.
escaped :: [ByteString] -> ByteString -> Result [ByteString]
escaped pieces input = case Char8.uncons input of
  Nothing -> Left "JSON ends within a text"
  Just ('"', after) -> Right (pieces, after)
  Just ('\\', more) -> case Char8.uncons more of
    Just ('u', hex) -> do
      (unit, after) <- codeUnit hex
      (c, after') <- completed unit after
      escaped (Encoding.encodeUtf8 (Text.singleton c) : pieces) after'
    Just (c, after) | Just c' <- lookup c short -> escaped (Char8.singleton c' : pieces) after
    _ -> Left "JSON text with an unknown escape"
  Just _
    | Bytes.null plain -> Left "JSON text with a control character"
    | otherwise -> escaped (plain : pieces) (Bytes.drop (Bytes.length plain) input)
  where
    plain = Bytes.takeWhile isPlain input
    short = zip "\"\\/bfnrt" "\"\\/\b\f\n\r\t"

-- | Four hexadecimal digits.
codeUnit :: ByteString -> Result Int
codeUnit input
  | Bytes.length digits == 4 && Char8.all Char.isHexDigit digits =
      Right (Char8.foldl' (\acc c -> acc * 16 + Char.digitToInt c) 0 digits, Bytes.drop 4 input)
  | otherwise = Left "JSON text with an unknown escape"
  where
    digits = Bytes.take 4 input

-- | A character from its first code unit and, for a surrogate, the escape that follows.
completed :: Int -> ByteString -> Result Char
completed unit after
  | unit < 0xd800 || unit > 0xdfff = Right (Char.chr unit, after)
  | unit < 0xdc00
  , Just hex <- Bytes.stripPrefix (Char8.pack "\\u") after
  , Right (low, after') <- codeUnit hex
  , low >= 0xdc00 && low <= 0xdfff =
      Right (Char.chr (0x10000 + (unit - 0xd800) * 0x400 + (low - 0xdc00)), after')
  | otherwise = Left "JSON text with a lone surrogate"

-- | JSON on one line.
buildJson :: Document -> Builder
buildJson document = case document of
  DNull -> string7 "null"
  DBool True -> string7 "true"
  DBool False -> string7 "false"
  DInt n -> intDec n
  DBig digits -> byteString digits
  DDouble x -> buildDouble x
  DText t -> buildText t
  DArray documents -> char7 '[' <> separated (map buildJson documents) <> char7 ']'
  DMap pairs ->
    char7 '{' <> separated [buildText k <> char7 ':' <> buildJson v | (k, v) <- pairs] <> char7 '}'

separated :: [Builder] -> Builder
separated [] = mempty
separated (b : bs) = b <> mconcat [char7 ',' <> b' | b' <- bs]

buildText :: Text -> Builder
buildText t = char7 '"' <> go (Encoding.encodeUtf8 t) <> char7 '"'
  where
    go bytes
      | Bytes.length plain == Bytes.length bytes = byteString bytes
      | otherwise =
          let i = Bytes.length plain
           in byteString plain <> escape (Unsafe.unsafeIndex bytes i) <> go (Unsafe.unsafeDrop (i + 1) bytes)
      where
        plain = Bytes.takeWhile isPlain bytes
    escape w
      | w == 0x22 || w == 0x5c = char7 '\\' <> word8 w
      | otherwise = string7 "\\u" <> word16HexFixed (fromIntegral w)
