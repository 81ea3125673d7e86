-- |
-- The git revision this executable was built from. @scripts/build-core@ writes its own copy of
-- this module into the build directory; a plain cabal build does not know the revision.
module DogeCore.Revision
  ( revision
  ) where

-- Not inlined, so that another revision rebuilds this module and nothing that imports it.
{-# NOINLINE revision #-}
revision :: String
revision = "unknown"
