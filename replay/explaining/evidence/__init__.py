"""What is asked of both cores to tell true explanations from false ones: kept occurrences,
neighbours, streams.

What follows from the answers is decided in `search/` and `claims/`. Begin with `passages.py`.
"""
