"""From a place to a formula: what a core would have to compute there, in terms of what is in scope.

Nothing here asks a core; who does is `causes/formula_search.py`. Begin with `value_places.py`.
"""
