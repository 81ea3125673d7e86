"""Single edits of a Python core, a module for each sort of mistake.

How an edit is put in force is in `editing/`. Begin with `catalogue.py`.
"""

from replay.explaining.edits.catalogue import edits_of

__all__ = ["edits_of"]
