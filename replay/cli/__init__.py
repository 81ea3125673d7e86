"""The command line: a file for each command (`NAME_command.py`).

The only place that prints or exits; what is said is worded in `reports/`, what is done is in
`runs/`. Begin with `main.py`.
"""
