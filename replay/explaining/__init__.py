"""Why a shadow differs, and whether what is said about it holds, both told by running it.

Nothing lives here itself; see `editing/`, `edits/`, `formulas/`, `evidence/`, `search/`, `claims/`,
`causes/`. Begin with `search/search.py`.
"""
