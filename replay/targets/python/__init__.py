"""Python cores as targets: ours, or a module of a bot's checkout.

Nothing here compares or judges. Begin with `module.py`; `session.py` is the hot loop.
"""
