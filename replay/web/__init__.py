"""The status API and the dashboard: read-only pages on the loopback interface.

Nothing here writes, and who may ask is decided before all else (`security.py`). Begin with
`app.py`.
"""
