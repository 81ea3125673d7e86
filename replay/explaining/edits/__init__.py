"""Single edits of a Python core, a module for each sort of mistake."""

from replay.explaining.edits.catalogue import edits_of

__all__ = ["edits_of"]
