-- |
-- The history of completed cycles: it only grows.
--
-- The constructor stays private, so that whatever a transition does, the history before it is
-- the beginning of the history after it. That makes the delta of a step (docs/replay-method.md)
-- a matter of two lengths instead of a comparison of ten thousand records.
module DogeCore.History
  ( History
  , emptyHistory
  , append
  , fromRecords
  , records
  , recordsFrom
  , size
  , keepFirst
  ) where

import qualified Data.List as List

-- | Append-only, newest first inside.
data History a = History
  { size :: !Int
  -- ^ How many records there are.
  , newestFirst :: ![a]
  }
  deriving (Eq)

instance Show a => Show (History a) where
  showsPrec d h = showParen (d > 10) (showString "fromRecords " . showsPrec 11 (records h))

-- | No records yet.
emptyHistory :: History a
emptyHistory = History {size = 0, newestFirst = []}

-- | One more record at the end.
append :: a -> History a -> History a
append r (History n rs) = r `seq` History (n + 1) (r : rs)

-- | A history from its records, oldest first.
fromRecords :: [a] -> History a
fromRecords = List.foldl' (flip append) emptyHistory

-- | All records, oldest first.
records :: History a -> [a]
records = reverse . newestFirst

-- | The records from an index on, oldest first; costs no more than there are of those.
recordsFrom :: Int -> History a -> [a]
recordsFrom keep h = reverse (take (size h - keep) (newestFirst h))

-- | The first records only; Nothing when there are not so many.
keepFirst :: Int -> History a -> Maybe (History a)
keepFirst keep h
  | keep < 0 || keep > size h = Nothing
  | otherwise = Just History {size = keep, newestFirst = drop (size h - keep) (newestFirst h)}
