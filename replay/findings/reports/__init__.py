"""Reports of a run as people, CI and browsers read them; the values they show are in report.py."""
