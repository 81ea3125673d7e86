-- |
-- The history of completed cycles: it only grows.
--
-- The constructor stays private, so that whatever a transition does, the history before it is
-- the beginning of the history after it. That makes the delta of a step (docs/replay-method.md)
-- a matter of two lengths instead of a comparison of ten thousand records. The one exception is
-- a record that differs from itself (a NaN in it); the index of the first one is kept.
module DogeCore.History
  ( History
  , Stored (..)
  , emptyHistory
  , append
  , fromRecords
  , records
  , recordsFrom
  , size
  , keepFirst
  , commonStart
  ) where

import qualified Data.List as List

-- | What can be stored: it must be able to say whether it is equal to itself.
class Stored a where
  equalsItself :: a -> Bool

-- | Append-only, newest first inside.
data History a = History
  { size :: !Int
  -- ^ How many records there are.
  , firstOdd :: !Int
  -- ^ Index of the first record that differs from itself, 'maxBound' when there is none.
  , newestFirst :: ![a]
  }

instance Eq a => Eq (History a) where
  a == b = size a == size b && newestFirst a == newestFirst b

instance Show a => Show (History a) where
  showsPrec d h = showParen (d > 10) (showString "fromRecords " . showsPrec 11 (records h))

-- | No records yet.
emptyHistory :: History a
emptyHistory = History {size = 0, firstOdd = maxBound, newestFirst = []}

-- | One more record at the end.
append :: Stored a => a -> History a -> History a
append r (History n odd' rs) =
  r `seq` History (n + 1) (if odd' == maxBound && not (equalsItself r) then n else odd') (r : rs)

-- | A history from its records, oldest first.
fromRecords :: Stored a => [a] -> History a
fromRecords = List.foldl' (flip append) emptyHistory

-- | All records, oldest first.
records :: History a -> [a]
records = reverse . newestFirst

-- | The records from an index on, oldest first.
recordsFrom :: Int -> History a -> [a]
recordsFrom keep h = reverse (take (size h - keep) (newestFirst h))

-- | The first records only; Nothing when there are not so many.
keepFirst :: Int -> History a -> Maybe (History a)
keepFirst keep h
  | keep < 0 || keep > size h = Nothing
  | otherwise =
      Just
        History
          { size = keep
          , firstOdd = if firstOdd h < keep then firstOdd h else maxBound
          , newestFirst = drop (size h - keep) (newestFirst h)
          }

-- | How many records at the start a history and one that was appended to it have in common,
-- by equality: all of the first, up to a record that differs from itself.
commonStart :: History a -> Int
commonStart before = min (size before) (firstOdd before)
