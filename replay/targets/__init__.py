"""Targets: the adapters through which a core is run, whatever it is made of.

Nothing here compares or judges. Begin with `base.py`, then `open.py`.
"""
