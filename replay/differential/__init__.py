"""Two cores side by side: lockstep, comparison, signatures, the minimiser."""
