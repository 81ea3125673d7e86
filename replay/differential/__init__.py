"""Two cores side by side: lockstep, comparison, judging, buckets.

Nothing here knows of files, of the store or of how a core is run. Begin with `lockstep.py`.
"""
