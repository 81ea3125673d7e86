"""The criteria of the runbook's section 5, one subject a module; each gives outcomes and reasons.

What they come to together is in `../verdict.py`; how telemetry is read in `../telemetry/`. Begin
with `premises.py`.
"""
