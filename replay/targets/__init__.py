"""Targets: the adapters through which a core is run, whatever it is made of."""
