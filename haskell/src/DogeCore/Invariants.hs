-- |
-- @check_invariants@: what is wrong with a state, in the fixed order of reducer.md, "Invariants".
module DogeCore.Invariants
  ( checkInvariants
  ) where

import Data.Maybe (isJust)
import qualified Data.Set as Set
import Data.Text (Text)
import qualified Data.Text as Text

import DogeCore.Blocks (derivePhase)
import DogeCore.Types

-- | The texts of all violations.
checkInvariants :: PairState -> [Text]
checkInvariants s =
  map Text.pack $
    concat
      [ ["duplicate order local_id" | hasDuplicate (map oLocalId orders)]
      , phaseViolations phase s
      , ["s2_entered_at must be null outside S2" | phase /= S2 && isJust (stS2EnteredAt s)]
      , concatMap orderViolations orders
      , ["cycle counters must be >= 1" | tsCycle (stA s) < 1 || tsCycle (stB s) < 1]
      ]
  where
    orders = stOrders s
    phase = derivePhase orders

-- | Point 2: which orders a phase allows.
phaseViolations :: Phase -> PairState -> [String]
phaseViolations phase s = case phase of
  S0
    | stLongOnly s -> ["S0 long_only must be exactly one buy entry" | has /= Counts 1 0 0 0]
    | stShortOnly s -> ["S0 short_only must be exactly one sell entry" | has /= Counts 0 1 0 0]
    | otherwise -> ["S0 must be exactly A sell entry + B buy entry" | has /= Counts 1 1 0 0]
  S1a
    | stShortOnly s -> ["S1a short_only must have one buy exit" | buyExits has /= 1]
    | otherwise -> ["S1a must be one buy exit + one buy entry" | has /= Counts 1 0 1 0]
  S1b
    | stLongOnly s -> ["S1b long_only must have one sell exit" | sellExits has /= 1]
    | otherwise -> ["S1b must be one sell exit + one sell entry" | has /= Counts 0 1 0 1]
  S2 -> ["S2 must be one buy exit + one sell exit only" | has /= Counts 0 0 1 1]
  where
    has = countOrders (stOrders s)

-- | How many buy entries, sell entries, buy exits and sell exits there are.
data Counts = Counts !Int !Int !Int !Int
  deriving (Eq)

buyExits, sellExits :: Counts -> Int
buyExits (Counts _ _ n _) = n
sellExits (Counts _ _ _ n) = n

countOrders :: [OrderState] -> Counts
countOrders = go (Counts 0 0 0 0)
  where
    go counts [] = counts
    go (Counts be se bx sx) (o : os) = flip go os $ case (oRole o, oSide o) of
      (Entry, Buy) -> Counts (be + 1) se bx sx
      (Entry, Sell) -> Counts be (se + 1) bx sx
      (Exit, Buy) -> Counts be se (bx + 1) sx
      (Exit, Sell) -> Counts be se bx (sx + 1)

-- | Point 4: looked at order by order, so that a text may come once for each order. A NaN volume
-- is not <= 0, as a NaN entry price is not.
orderViolations :: OrderState -> [String]
orderViolations o =
  ["order cycle must be >= 1" | oCycle o < 1]
    ++ ["exit must carry entry_price" | oRole o == Exit && oEntryPrice o <= 0]
    ++ ["order volume must be > 0" | oVolume o <= 0]

-- | States have a handful of orders; a set only pays for the ones made up to be large.
hasDuplicate :: [Int] -> Bool
hasDuplicate ids = case ids of
  [] -> False
  [_] -> False
  [a, b] -> a == b
  _ -> Set.size (Set.fromList ids) /= length ids
