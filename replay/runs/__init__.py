"""One run from its inputs to its conclusion, whoever asks for it: a command, a test, a plugin.

Nothing here prints or knows of the command line; what people read is made in `reports/`. Begin
with `run.py`.
"""
