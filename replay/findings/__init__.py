"""What was found: lifecycle, severity, bundles and exported tests; `store/` keeps it.

How a run comes to it is in `runs/`, how it is shown in `reports/`. Begin with `lifecycle.py`.
"""
