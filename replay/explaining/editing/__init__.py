"""A Python core whose source can be changed, an edit at a time, and run with the edit in force.

Which edits there are is not known here: that is `edits/`. Begin with `editable.py`.
"""
