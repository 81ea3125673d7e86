"""The gate: `telemetry/`, `criteria/`, the verdict, and the evidence for it in `package/`.

No core is run here but to replay journals (`journals.py`). Begin with `verdict.py`.
"""
