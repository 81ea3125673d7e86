"""Executables as targets: part 1 and part 2 of the wire, and processes that are trusted with
nothing.

Nothing here compares or judges. Begin with `handshake.py`; then `single.py` (part 1) and
`batch.py` (part 2).
"""
