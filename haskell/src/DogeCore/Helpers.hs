-- |
-- What a bot calls itself around the reducer, between transitions (reducer.md, "Helpers around the
-- reducer"). An id that the state does not have leaves it as it was; one that it has more than once
-- is changed everywhere.
module DogeCore.Helpers
  ( Helper (..)
  , goesBySettings
  , help
  , helperNames
  ) where

import Control.Monad (unless)
import Data.Text (Text)
import qualified Data.Text as Text

import DogeCore.Blocks
import DogeCore.Reduce
import DogeCore.Types

-- | A call of a helper, with the arguments of its own.
data Helper
  = -- | Whether a slot may go long only, and short only.
    Bootstrap !Bool !Bool
  | AddEntry !Side !Trade !Int !Text
  | SetOrderTxid !Int !Text
  | SetRecoveryTxid !Int !Text
  | RemoveOrder !Int
  | RemoveRecovery !Int
  deriving (Eq, Show)

-- | The methods by which a client learns that their calls are known, by call code from 7 on.
helperNames :: [Text]
helperNames =
  map
    Text.pack
    [ "bootstrap_orders"
    , "add_entry_order"
    , "apply_order_txid"
    , "apply_recovery_txid"
    , "remove_order"
    , "remove_recovery"
    ]

-- | Whether a helper reads the config and the size.
goesBySettings :: Helper -> Bool
goesBySettings (Bootstrap _ _) = True
goesBySettings AddEntry {} = True
goesBySettings _ = False

-- | The state after a helper, the orders of 'Bootstrap' attached, and its actions.
help :: Settings -> Helper -> PairState -> Either Arithmetic (PairState, [Action])
help settings helper = runReduce (rule helper) settings
  where
    rule (Bootstrap longOnly shortOnly) = bootstrap longOnly shortOnly
    rule (AddEntry side trade cyc reason) = addEntry side trade cyc reason
    rule (SetOrderTxid localId txid) =
      gets stOrders >>= setOrders . map (\o -> if oLocalId o == localId then o {oTxid = txid} else o)
    rule (SetRecoveryTxid recoveryId txid) =
      gets stRecoveries
        >>= setRecoveries . map (\r -> if rRecoveryId r == recoveryId then r {rTxid = txid} else r)
    rule (RemoveOrder localId) = gets stOrders >>= setOrders . filter ((/= localId) . oLocalId)
    rule (RemoveRecovery recoveryId) =
      gets stRecoveries >>= setRecoveries . filter ((/= recoveryId) . rRecoveryId)

-- | The first entries of a slot, whatever the cooldowns. Where only one can be made, and the caller
-- allows it, the slot goes one-sided.
bootstrap :: Bool -> Bool -> Reduce ()
bootstrap allowLongOnly allowShortOnly = do
  hasBuy <- made Buy TradeB
  hasSell <- made Sell TradeA
  let longOnly = hasBuy && not hasSell && allowLongOnly
      shortOnly = hasSell && not hasBuy && allowShortOnly
  modify $ \s ->
    s
      { stLongOnly = longOnly
      , stShortOnly = shortOnly
      , stModeSource = if longOnly || shortOnly then ModeBalance else ModeNone
      }
  where
    made side trade = do
      before <- gets stNextOrderId
      cyc <- gets (tsCycle . tradeState trade)
      size <- setting orderSizeUsd
      newEntry side trade cyc size (Text.pack "bootstrap")
      (/= before) <$> gets stNextOrderId

-- | A new entry, unless the trade cools down.
addEntry :: Side -> Trade -> Int -> Text -> Reduce ()
addEntry side trade cyc reason = do
  now <- gets stNow
  until' <- gets (tsCooldownUntil . tradeState trade)
  size <- setting orderSizeUsd
  unless (now < until') $ newEntry side trade cyc size reason
