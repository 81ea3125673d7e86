"""What programs are given, as JSON Schemas (`COMMAND.schema.json`) and an OpenAPI document.

Only the documents and their reader are here; what they describe is made by `cli/` and `web/`. Begin
with `published.py`.
"""
