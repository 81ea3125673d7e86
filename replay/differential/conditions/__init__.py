"""Conditions: one expression, written by a person, that is true of an occurrence or is not.

What a condition can ask about is in `facts.py`. Nothing of Python itself can be reached by one.
Begin with `condition.py`.
"""
