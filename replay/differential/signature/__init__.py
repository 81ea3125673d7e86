"""Which divergences are the same bug: the signature, from which a bucket has its ID.

No core is asked here: all is told from one occurrence. Begin with `signature.py`.
"""
