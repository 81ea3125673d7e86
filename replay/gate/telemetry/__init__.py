"""Telemetry: taking samples of a bot, and reading them back as the lifetimes of processes.

What they mean for the gate is in `../criteria/`. Begin with `samples.py`, then `timeline.py`.
"""
