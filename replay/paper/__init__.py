"""A paper-trading bot: real order life on a simulated market, with the shadow adapter inside.

It rehearses the runbook; nothing in the comparison knows of it. Begin with `host.py`.
"""
