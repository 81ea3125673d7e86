"""The command line: a file for each command.

The only place that prints, reads the environment or exits.
"""
