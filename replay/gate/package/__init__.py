"""The evidence package: what a sign-off needs to look at, how it is written, and how it is
verified.

What is judged is decided in `../criteria/`. Begin with `evidence.py`, then `verification.py`.
"""
