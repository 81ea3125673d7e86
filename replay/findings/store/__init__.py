"""The store: every run and every finding, in one SQLite file that is the record of them all.

SQL stands nowhere else. Begin with `store.py`, which has all that others call; `rows.py` writes,
`reader.py` reads.
"""
