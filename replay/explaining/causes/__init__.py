"""One statement for each cause: the whole difference between two cores, accounted for."""
