"""The search for the cause of a finding: edits held against evidence until nothing refutes what is
left.

What a person has written about a finding plays no part here: that is `claims/`. Begin with
`search.py`.
"""
