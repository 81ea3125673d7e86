"""Explanations: what a person says of how the shadow differs, and whether that holds when it is
run.

explanations.toml as values, and its check. Nothing here looks for a cause: that is `search/`.
Begin with `explanations.py` (what can be said), then `recheck.py` (whether it holds).
"""
