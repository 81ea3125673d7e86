"""From files to streams: which files are logs, how lines become steps, and the corpus.

No core is run here. Begin with `model.py`, then `inputs.py`.
"""
