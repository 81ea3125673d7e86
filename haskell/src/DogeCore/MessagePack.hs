{-# LANGUAGE BangPatterns #-}

-- |
-- MessagePack for 'Document', and a decoder that can also take a body apart piece by piece, so
-- that a stream of steps is never held as one value.
--
-- Written by hand over strict ByteStrings: it is the hot path of @replay@, and no library for it
-- is packaged in Debian.
module DogeCore.MessagePack
  ( Decoder
  , runDecoder
  , document
  , arrayHeader
  , refuse
  , binary
  , untilEnd
  , remaining
  , atEnd
  , encodeDocument
  , buildDocument
  , buildArrayHeader
  , buildInt
  , buildDouble
  , buildText
  ) where

import Data.Bits (shiftL, (.|.))
import Data.ByteString (ByteString)
import qualified Data.ByteString as Bytes
import Data.ByteString.Builder
  ( Builder
  , byteString
  , doubleBE
  , int16BE
  , int32BE
  , int64BE
  , int8
  , toLazyByteString
  , word16BE
  , word32BE
  , word64BE
  , word8
  )
import qualified Data.ByteString.Char8 as Char8
import qualified Data.ByteString.Lazy as Lazy
import qualified Data.ByteString.Unsafe as Unsafe
import qualified Data.Char as Char
import Data.Text (Text)
import qualified Data.Text.Encoding as Encoding
import Data.Int (Int16, Int32, Int64, Int8)
import Data.Word (Word16, Word32, Word64, Word8)
import GHC.Float (castWord32ToFloat, castWord64ToDouble, float2Double)

import DogeCore.Document (Document (..), integerDocument, maxDepth)

data Result a = Failed !String | Done a !Int

-- | Reads from a place in the input and says where it ended.
newtype Decoder a = Decoder {runAt :: ByteString -> Int -> Result a}

instance Functor Decoder where
  fmap f (Decoder d) = Decoder $ \input i -> case d input i of
    Failed message -> Failed message
    Done x j -> Done (f x) j
  {-# INLINE fmap #-}

instance Applicative Decoder where
  pure x = Decoder $ \_ i -> Done x i
  {-# INLINE pure #-}
  Decoder f <*> Decoder d = Decoder $ \input i -> case f input i of
    Failed message -> Failed message
    Done g j -> case d input j of
      Failed message -> Failed message
      Done x k -> Done (g x) k
  {-# INLINE (<*>) #-}

instance Monad Decoder where
  Decoder d >>= f = Decoder $ \input i -> case d input i of
    Failed message -> Failed message
    Done x j -> runAt (f x) input j
  {-# INLINE (>>=) #-}

-- | Run from the start of the input.
runDecoder :: Decoder a -> ByteString -> Either String a
runDecoder d input = case runAt d input 0 of
  Failed message -> Left message
  Done x _ -> Right x

-- | Not what it should be.
refuse :: String -> Decoder a
refuse message = Decoder $ \_ _ -> Failed message

-- | All bytes that were not yet read.
remaining :: Decoder ByteString
remaining = Decoder $ \input i -> Done (Bytes.drop i input) (Bytes.length input)

-- | The same again and again, until nothing is left.
untilEnd :: Decoder a -> Decoder [a]
untilEnd d = Decoder $ \input -> go input []
  where
    go input done i
      | i == Bytes.length input = Done (reverse done) i
      | otherwise = case runAt d input i of
          Failed message -> Failed message
          Done x j -> x `seq` go input (x : done) j

-- | Nothing may follow.
atEnd :: Decoder ()
atEnd = Decoder $ \input i ->
  if i == Bytes.length input then Done () i else Failed "bytes behind the end"

byte :: Decoder Word8
byte = Decoder $ \input i ->
  if i < Bytes.length input then Done (Unsafe.unsafeIndex input i) (i + 1) else Failed endsEarly
{-# INLINE byte #-}

endsEarly :: String
endsEarly = "MessagePack ends too early"

bytes :: Int -> Decoder ByteString
bytes n = Decoder $ \input i ->
  if n <= Bytes.length input - i
    then Done (Unsafe.unsafeTake n (Unsafe.unsafeDrop i input)) (i + n)
    else Failed endsEarly

-- | n bytes as a big-endian number.
bigEndian :: Int -> Decoder Word64
bigEndian n = Decoder $ \input i ->
  let go !acc k
        | k == i + n = acc
        | otherwise = go ((acc `shiftL` 8) .|. fromIntegral (Unsafe.unsafeIndex input k)) (k + 1)
   in if n <= Bytes.length input - i
        then let !w = go 0 i in Done w (i + n)
        else Failed endsEarly
{-# INLINE bigEndian #-}

len :: Int -> Decoder Int
len n = fromIntegral <$> bigEndian n

-- | The number of elements of an array that follows.
arrayHeader :: Decoder Int
arrayHeader = do
  tag <- byte
  case tag of
    0xdc -> len 2
    0xdd -> len 4
    _
      | tag >= 0x90 && tag <= 0x9f -> pure (fromIntegral tag - 0x90)
      | otherwise -> refuse "MessagePack without an array where one should stand"

-- | A binary.
binary :: Decoder ByteString
binary = do
  tag <- byte
  case tag of
    0xc4 -> len 1 >>= bytes
    0xc5 -> len 2 >>= bytes
    0xc6 -> len 4 >>= bytes
    _ -> refuse "MessagePack without a binary where one should stand"

-- | One value, nested no deeper than 'maxDepth'.
document :: Decoder Document
document = valueAt maxDepth

valueAt :: Int -> Decoder Document
valueAt depth = do
  tag <- byte
  case tag of
    0xcb -> do
      !w <- bigEndian 8
      pure $! DDouble (castWord64ToDouble w)
    0xc0 -> pure DNull
    0xc2 -> pure (DBool False)
    0xc3 -> pure (DBool True)
    0xca -> do
      w <- bigEndian 4
      pure $! DDouble (float2Double (castWord32ToFloat (fromIntegral w)))
    0xcc -> unsigned 1
    0xcd -> unsigned 2
    0xce -> unsigned 4
    0xcf -> unsigned 8
    0xd0 -> signed (\w -> fromIntegral (fromIntegral w :: Int8)) 1
    0xd1 -> signed (\w -> fromIntegral (fromIntegral w :: Int16)) 2
    0xd2 -> signed (\w -> fromIntegral (fromIntegral w :: Int32)) 4
    0xd3 -> signed (\w -> fromIntegral (fromIntegral w :: Int64)) 8
    0xd4 -> extension 1
    0xd5 -> extension 2
    0xd6 -> extension 4
    0xd7 -> extension 8
    0xd8 -> extension 16
    0xc7 -> len 1 >>= extension
    0xc8 -> len 2 >>= extension
    0xc9 -> len 4 >>= extension
    0xd9 -> len 1 >>= text
    0xda -> len 2 >>= text
    0xdb -> len 4 >>= text
    0xdc -> len 2 >>= array depth
    0xdd -> len 4 >>= array depth
    0xde -> len 2 >>= table depth
    0xdf -> len 4 >>= table depth
    _
      | tag <= 0x7f -> pure (DInt (fromIntegral tag))
      | tag >= 0xe0 -> pure (DInt (fromIntegral tag - 256))
      | tag >= 0xa0 && tag <= 0xbf -> text (fromIntegral tag - 0xa0)
      | tag >= 0x90 && tag <= 0x9f -> array depth (fromIntegral tag - 0x90)
      | tag >= 0x80 && tag <= 0x8f -> table depth (fromIntegral tag - 0x80)
      | otherwise -> refuse "MessagePack with a type that is no document"

unsigned :: Int -> Decoder Document
unsigned n = do
  w <- bigEndian n
  pure $! if w <= 0x7fffffffffffffff then DInt (fromIntegral w) else DBig (Char8.pack (show w))

signed :: (Word64 -> Int) -> Int -> Decoder Document
signed f n = do
  w <- bigEndian n
  pure $! DInt (f w)

text :: Int -> Decoder Document
text n = do
  slice <- bytes n
  case Encoding.decodeUtf8' slice of
    Right t -> pure $! DText t
    Left _ -> refuse "MessagePack text is not UTF-8"

-- | Extension type 1 is an integer by its digits; there is no other.
extension :: Int -> Decoder Document
extension n = do
  tag <- byte
  slice <- bytes n
  let digits = if Char8.isPrefixOf (Char8.pack "-") slice then Bytes.drop 1 slice else slice
  if tag == 1 && not (Bytes.null digits) && Char8.all Char.isDigit digits
    then pure $! integerDocument (Bytes.copy slice)
    else refuse "MessagePack with an extension that is no integer"

array :: Int -> Int -> Decoder Document
array depth n
  | depth <= 0 = refuse "MessagePack is nested too deeply"
  | otherwise = DArray <$> times n (valueAt (depth - 1))

table :: Int -> Int -> Decoder Document
table depth n
  | depth <= 0 = refuse "MessagePack is nested too deeply"
  | otherwise = DMap <$> times n pair
  where
    pair = do
      key <- valueAt 0
      case key of
        DText k -> do
          v <- valueAt (depth - 1)
          pure (k, v)
        _ -> refuse "MessagePack map with a key that is no text"

-- | As often as said, as a list; in constant stack, whatever the number claims.
times :: Int -> Decoder a -> Decoder [a]
times count (Decoder d) = Decoder $ \input start ->
  let go done 0 i = Done (reverse done) i
      go done n i = case d input i of
        Failed message -> Failed message
        Done x j -> x `seq` go (x : done) (n - 1 :: Int) j
   in case count of
        -- Nearly all arrays and maps here are this short.
        0 -> Done [] start
        _ -> go [] count start

-- | A document as bytes.
encodeDocument :: Document -> ByteString
encodeDocument = Lazy.toStrict . toLazyByteString . buildDocument

-- | Shortest formats; a double is always a float64.
buildDocument :: Document -> Builder
buildDocument value = case value of
  DNull -> word8 0xc0
  DBool False -> word8 0xc2
  DBool True -> word8 0xc3
  DInt n -> buildInt n
  DBig digits -> buildExtension digits
  DDouble x -> buildDouble x
  DText t -> buildText t
  DArray values -> buildArrayHeader (length values) <> foldMap buildDocument values
  DMap pairs -> header 0x80 0xde (length pairs) <> foldMap (\(k, v) -> buildText k <> buildDocument v) pairs

buildDouble :: Double -> Builder
buildDouble x = word8 0xcb <> doubleBE x
{-# INLINE buildDouble #-}

buildInt :: Int -> Builder
buildInt n
  | n >= 0 = nonNegative
  | n >= -32 = int8 (fromIntegral n)
  | n >= -0x80 = word8 0xd0 <> int8 (fromIntegral n)
  | n >= -0x8000 = word8 0xd1 <> int16BE (fromIntegral n)
  | n >= -0x80000000 = word8 0xd2 <> int32BE (fromIntegral n)
  | otherwise = word8 0xd3 <> int64BE (fromIntegral n)
  where
    nonNegative
      | n < 0x80 = word8 (fromIntegral n)
      | n < 0x100 = word8 0xcc <> word8 (fromIntegral n)
      | n < 0x10000 = word8 0xcd <> word16BE (fromIntegral n)
      | n < 0x100000000 = word8 0xce <> word32BE (fromIntegral n)
      | otherwise = word8 0xcf <> word64BE (fromIntegral n)

buildText :: Text -> Builder
buildText t
  | n < 32 = word8 (0xa0 .|. fromIntegral n) <> byteString encoded
  | n < 0x100 = word8 0xd9 <> word8 (fromIntegral n) <> byteString encoded
  | n < 0x10000 = word8 0xda <> word16BE (fromIntegral n) <> byteString encoded
  | otherwise = word8 0xdb <> word32BE (fromIntegral n) <> byteString encoded
  where
    encoded = Encoding.encodeUtf8 t
    n = Bytes.length encoded

buildArrayHeader :: Int -> Builder
buildArrayHeader = header 0x90 0xdc

-- | Arrays and maps: the tag of the shortest form, the tag of the 16-bit form, the length.
header :: Word8 -> Word8 -> Int -> Builder
header short long n
  | n < 16 = word8 (short .|. fromIntegral n)
  | n < 0x10000 = word8 long <> word16BE (fromIntegral n :: Word16)
  | otherwise = word8 (long + 1) <> word32BE (fromIntegral n :: Word32)

buildExtension :: ByteString -> Builder
buildExtension digits = tag <> word8 1 <> byteString digits
  where
    n = Bytes.length digits
    tag = case n of
      1 -> word8 0xd4
      2 -> word8 0xd5
      4 -> word8 0xd6
      8 -> word8 0xd7
      16 -> word8 0xd8
      _
        | n < 0x100 -> word8 0xc7 <> word8 (fromIntegral n)
        | n < 0x10000 -> word8 0xc8 <> word16BE (fromIntegral n)
        | otherwise -> word8 0xc9 <> word32BE (fromIntegral n)
