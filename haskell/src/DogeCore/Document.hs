-- |
-- One type for what JSON and MessagePack can both say, and the tools to read records from it
-- with errors that name the path ("Reading a state" of reducer.md).
--
-- It keeps apart what a plain JSON library would not: 2 and 2.0, -0.0, infinities and NaN, and
-- integers of any size without ever building a huge number.
module DogeCore.Document
  ( Document (..)
  , Object
  , Path
  , Reader
  , maxDepth
  , pathText
  , inside
  , toObject
  , integerDocument
  , readObject
  , readDouble
  , readInt
  , readBool
  , readText
  , readNullable
  , readRecords
  , readOneOf
  , readModeSource
  , readRegime
  , required
  , optional
  , wrong
  ) where

import Data.ByteString (ByteString)
import qualified Data.ByteString.Char8 as Char8
import qualified Data.Char as Char
import Data.Map.Strict (Map)
import qualified Data.Map.Strict as Map
import Data.Text (Text)
import qualified Data.Text as Text
import GHC.Float (double2Int, int2Double)

import DogeCore.Decimal (digitsToDouble)
import DogeCore.Types (ModeSource (..), Regime, modeSourceText)

-- | A JSON value. A 'DMap' keeps the order it was written in, and duplicate keys.
data Document
  = DNull
  | DBool !Bool
  | DInt !Int
  | -- | The decimal digits of an integer outside 64 bits, with a leading @-@ where negative.
    DBig !ByteString
  | DDouble !Double
  | DText !Text
  | DArray [Document]
  | DMap [(Text, Document)]
  deriving (Eq, Show)

-- | A map to look things up in; of duplicate keys the last counts, as in Python.
type Object = Map Text Document

-- | How deep documents may be nested, in either encoding.
maxDepth :: Int
maxDepth = 512

data Segment = Key !Text | Index !Int

-- | Where in a document something is.
newtype Path = Path [Segment]

-- | Reads a value; what has the wrong type is refused with its path.
type Reader a = Document -> Either Path a

-- | @orders[0].local_id@; empty for the document itself.
pathText :: Path -> Text
pathText (Path segments) = Text.concat (zipWith segmentText (True : repeat False) segments)
  where
    segmentText _ (Index i) = Text.pack ('[' : shows i "]")
    segmentText isFirst (Key k) = if isFirst then k else Text.cons '.' k

-- | Put a key in front of the path of an error.
inside :: Text -> Either Path a -> Either Path a
inside k (Left (Path segments)) = Left (Path (Key k : segments))
inside _ right = right
{-# INLINE inside #-}

-- | The error for this very document.
wrong :: Either Path a
wrong = Left (Path [])

toObject :: [(Text, Document)] -> Object
toObject = Map.fromList

-- | The integer that some digits (with an optional leading @-@) stand for.
integerDocument :: ByteString -> Document
integerDocument written
  | Char8.length digits <= 19, n >= negate limit, n <= limit' = DInt (fromInteger n)
  | isNegative = DBig (Char8.cons '-' digits)
  | otherwise = DBig digits
  where
    isNegative = Char8.isPrefixOf (Char8.pack "-") written
    digits = case Char8.dropWhile (== '0') (if isNegative then Char8.drop 1 written else written) of
      rest | Char8.null rest -> Char8.pack "0"
      rest -> rest
    unsigned = Char8.foldl' (\acc c -> acc * 10 + toInteger (Char.digitToInt c)) 0 digits
    n = if isNegative then negate unsigned else unsigned
    limit = 0x8000000000000000
    limit' = limit - 1

readObject :: Reader Object
readObject (DMap pairs) = Right (toObject pairs)
readObject _ = wrong

-- | A double; an integer is taken too unless it overflows a double.
readDouble :: Reader Double
readDouble (DDouble x) = Right x
readDouble (DInt n) = Right (int2Double n)
readDouble (DBig digits) = case digitsToDouble digits of
  x | isInfinite x -> wrong
  x -> Right x
readDouble _ = wrong

-- | An int of 64 bits; a number without a fraction is taken too.
readInt :: Reader Int
readInt (DInt n) = Right n
readInt (DDouble x)
  | x >= -9223372036854775808 && x < 9223372036854775808 && int2Double n == x = Right n
  where
    n = double2Int x
readInt _ = wrong

readBool :: Reader Bool
readBool (DBool b) = Right b
readBool _ = wrong

readText :: Reader Text
readText (DText t) = Right t
readText _ = wrong

-- | Null counts as missing.
readNullable :: Reader a -> Reader (Maybe a)
readNullable _ DNull = Right Nothing
readNullable reader document = case reader document of
  Right x -> x `seq` Right (Just x)
  Left path -> Left path

-- | A list of records; entries that are not objects are dropped, but count in the paths.
readRecords :: (Object -> Either Path a) -> Reader [a]
readRecords reader (DArray documents) = go 0 documents
  where
    go _ [] = Right []
    go i (DMap pairs : rest) = case reader (toObject pairs) of
      Left (Path segments) -> Left (Path (Index i : segments))
      Right x -> x `seq` fmap (x :) (go (i + 1) rest)
    go i (_ : rest) = go (i + 1) rest
readRecords _ _ = wrong

-- | One of a closed set of texts, exactly.
readOneOf :: (Enum a, Bounded a) => (a -> Text) -> Reader a
readOneOf text (DText t) = case filter ((== t) . text) [minBound .. maxBound] of
  [x] -> Right x
  _ -> wrong
readOneOf _ _ = wrong

-- | Trimmed and lower-cased; whatever is then no mode source is @none@.
readModeSource :: Document -> ModeSource
readModeSource (DText t) =
  case filter ((== Text.toLower (strip t)) . modeSourceText) [minBound .. maxBound] of
    [x] -> x
    _ -> ModeNone
readModeSource _ = ModeNone

-- | A regime normalised; all that is none is Nothing.
readRegime :: Document -> Regime
readRegime document = case document of
  DInt n -> known n
  DBool b -> Just (if b then 1 else 0)
  DDouble x
    | x > -1 && x < 3 -> known (double2Int x)
    | otherwise -> Nothing
  DText t -> lookup (Text.toUpper (strip t)) names
  DNull -> Nothing
  DBig _ -> Nothing
  DArray _ -> Nothing
  DMap _ -> Nothing
  where
    known n
      | n >= 0 && n <= 2 = Just n
      | otherwise = Nothing
    names =
      [ (Text.pack name, n)
      | (n, both) <- zip [0 ..] [["BEARISH", "0"], ["RANGING", "1"], ["BULLISH", "2"]]
      , name <- both
      ]

-- | What Python's @str.strip@ takes away, which is a little more than 'Text.strip' does.
strip :: Text -> Text
strip = Text.dropAround isPythonSpace
  where
    isPythonSpace c =
      (c >= '\x09' && c <= '\x0d')
        || (c >= '\x1c' && c <= '\x20')
        || c == '\x85'
        || (c > '\x7f' && Char.isSpace c)
        || c == '\x2028'
        || c == '\x2029'

-- | A field that must be there.
required :: Text -> Reader a -> Object -> Either Path a
required key reader object = inside key (maybe wrong reader (Map.lookup key object))

-- | A field with a default.
optional :: Text -> a -> Reader a -> Object -> Either Path a
optional key fallback reader object =
  maybe (Right fallback) (inside key . reader) (Map.lookup key object)
