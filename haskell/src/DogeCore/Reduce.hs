-- |
-- The small monad that the reducer's rules are written in: a state that is read and changed, a
-- list of actions that grows, the settings of the call, and refusal by arithmetic.
--
-- Hand-written and strict in the state, so that no rule can leave a chain of thunks behind.
module DogeCore.Reduce
  ( Reduce
  , Settings (..)
  , runReduce
  , get
  , gets
  , modify
  , setting
  , emit
  , arithmetic
  ) where

import DogeCore.Types

-- | What a transition is given besides the state and the event.
data Settings = Settings
  { config :: !Config
  , orderSizeUsd :: !Double
  , orderSizes :: !Sizes
  }

data Outcome a = Refused !Arithmetic | Went a !PairState ![Action]

-- | A rule in progress. Actions are collected newest first.
newtype Reduce a = Reduce (Settings -> PairState -> [Action] -> Outcome a)

instance Functor Reduce where
  fmap f (Reduce r) = Reduce $ \env s actions -> case r env s actions of
    Refused why -> Refused why
    Went x s' actions' -> Went (f x) s' actions'
  {-# INLINE fmap #-}

instance Applicative Reduce where
  pure x = Reduce $ \_ s actions -> Went x s actions
  {-# INLINE pure #-}
  Reduce f <*> Reduce r = Reduce $ \env s actions -> case f env s actions of
    Refused why -> Refused why
    Went g s' actions' -> case r env s' actions' of
      Refused why -> Refused why
      Went x s'' actions'' -> Went (g x) s'' actions''
  {-# INLINE (<*>) #-}

instance Monad Reduce where
  Reduce r >>= f = Reduce $ \env s actions -> case r env s actions of
    Refused why -> Refused why
    Went x s' actions' -> case f x of Reduce r' -> r' env s' actions'
  {-# INLINE (>>=) #-}

-- | The state after all rules, and the actions in the order they were emitted.
runReduce :: Reduce () -> Settings -> PairState -> Either Arithmetic (PairState, [Action])
runReduce (Reduce r) env s = case r env s [] of
  Refused why -> Left why
  Went () s' actions -> Right (s', reverse actions)

get :: Reduce PairState
get = Reduce $ \_ s actions -> Went s s actions
{-# INLINE get #-}

gets :: (PairState -> a) -> Reduce a
gets f = Reduce $ \_ s actions -> Went (f s) s actions
{-# INLINE gets #-}

modify :: (PairState -> PairState) -> Reduce ()
modify f = Reduce $ \_ s actions -> Went () (f s) actions
{-# INLINE modify #-}

setting :: (Settings -> a) -> Reduce a
setting f = Reduce $ \env s actions -> Went (f env) s actions
{-# INLINE setting #-}

emit :: Action -> Reduce ()
emit action = action `seq` Reduce (\_ s actions -> Went () s (action : actions))
{-# INLINE emit #-}

-- | Go on with a number, or refuse the transition.
arithmetic :: Either Arithmetic a -> Reduce a
arithmetic result = Reduce $ \_ s actions -> case result of
  Left why -> Refused why
  Right x -> x `seq` Went x s actions
{-# INLINE arithmetic #-}
