{-# LANGUAGE OverloadedStrings #-}

-- |
-- What a session has in force: state, config and sizes, each readable or not, and how the
-- changes of a step alter them (docs/replay-method.md, "Reading the inputs of a step").
module DogeCore.Inputs
  ( Inputs (..)
  , Input
  , Changes (..)
  , Faults (..)
  , noChanges
  , noFaults
  , startInputs
  , applyChanges
  ) where

import Data.Bits (setBit, (.|.))
import Data.Text (Text)
import qualified Data.Text as Text
import Data.Word (Word32)

import DogeCore.Codec (readConfig, readPatch, readSizes, readState)
import DogeCore.Document (Document (..), Path, Reader, pathText, readDouble)
import DogeCore.Fields (stateFieldCount)
import DogeCore.Types

-- | An input in force, or the path of the first error where none was ever readable.
type Input a = Either Text a

data Inputs = Inputs
  { inState :: !(Input PairState)
  , inDue :: !Word32
  -- ^ A bit for each field of the state that was set from outside and not yet shown.
  , inConfig :: !(Input Config)
  , inSize :: !(Input Double)
  , inSizes :: !(Input Sizes)
  }
  deriving (Show)

-- | The documents that a step sets, where it does.
data Changes = Changes
  { chState :: !(Maybe Document)
  , chPatch :: !(Maybe Document)
  , chConfig :: !(Maybe Document)
  , chSize :: !(Maybe Document)
  , chSizes :: !(Maybe Document)
  }
  deriving (Show)

-- | The errors of what a step set: a path for each input that could not be read.
data Faults = Faults
  { faultState :: !(Maybe Text)
  , faultPatch :: !(Maybe Text)
  , faultConfig :: !(Maybe Text)
  , faultSize :: !(Maybe Text)
  , faultSizes :: !(Maybe Text)
  }
  deriving (Show)

noChanges :: Changes
noChanges = Changes Nothing Nothing Nothing Nothing Nothing

noFaults :: Faults
noFaults = Faults Nothing Nothing Nothing Nothing Nothing

allFields :: Word32
allFields = 2 ^ stateFieldCount - 1

-- | A session that has just been started.
startInputs :: Document -> Document -> Document -> Document -> Inputs
startInputs state config size sizes =
  Inputs
    { inState = readStateInput state
    , inDue = allFields
    , inConfig = readConfigInput config
    , inSize = readSizeInput size
    , inSizes = readSizesInput sizes
    }

-- | Take over what can be read; what cannot leaves what was there before in force.
applyChanges :: Changes -> Inputs -> (Inputs, Faults)
applyChanges (Changes Nothing Nothing Nothing Nothing Nothing) inputs = (inputs, noFaults)
applyChanges changes inputs =
  ( Inputs {inState = state', inDue = due', inConfig = config, inSize = size, inSizes = sizes}
  , Faults stateFault patchFault configFault sizeFault sizesFault
  )
  where
    (state, stateFault) = replace readStateInput (chState changes) (inState inputs)
    due = case (chState changes, stateFault) of
      (Just _, Nothing) -> allFields
      _ -> inDue inputs
    (state', due', patchFault) = case (chPatch changes, stateFault, state) of
      -- A patch on a state that cannot be read is ignored.
      (Just patch, Nothing, Right s) -> case applyPatch patch s of
        Right (s', fields) -> (Right s', due .|. foldl setBit 0 fields, Nothing)
        Left path -> (state, due, Just path)
      _ -> (state, due, Nothing)
    (config, configFault) = replace readConfigInput (chConfig changes) (inConfig inputs)
    (size, sizeFault) = replace readSizeInput (chSize changes) (inSize inputs)
    (sizes, sizesFault) = replace readSizesInput (chSizes changes) (inSizes inputs)

applyPatch :: Document -> PairState -> Either Text (PairState, [Int])
applyPatch (DMap pairs) s = either (Left . stateText) Right (readPatch pairs s)
applyPatch _ _ = Left "state"

-- | What is in force after a change, and the error of the change.
replace :: (Document -> Input a) -> Maybe Document -> Input a -> (Input a, Maybe Text)
replace _ Nothing before = (before, Nothing)
replace reader (Just document) before = case (reader document, before) of
  (Right x, _) -> (Right x, Nothing)
  (Left path, _) -> (before, Just path)

-- | The state's own path; @state@ where it is no object.
stateText :: Path -> Text
stateText path = case pathText path of
  t | Text.null t -> "state"
  t -> t

readStateInput :: Document -> Input PairState
readStateInput document = either (Left . stateText) Right (readState document)

readConfigInput :: Document -> Input Config
readConfigInput = named "config" readConfig

readSizeInput :: Document -> Input Double
readSizeInput = named "order_size_usd" readDouble

readSizesInput :: Document -> Input Sizes
readSizesInput = named "order_sizes" readSizes

-- | An error's path with the name of the input in front.
named :: Text -> Reader a -> Document -> Input a
named name reader document = case reader document of
  Right x -> Right x
  Left path -> Left $ case pathText path of
    t | Text.null t -> name
    t -> name <> "." <> t
